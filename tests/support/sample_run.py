"""Runs as the pipeline leaves them behind: done, failed and interrupted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal

from publisher.models import (
    Attested,
    Certificate,
    Dist,
    Finding,
    Identity,
    Placed,
    Run,
    Step,
    Target,
)

SAN = "https://github.com/octo-org/widget/.github/workflows/release.yml@refs/tags/v1.4.0"
ISSUER = "https://token.actions.githubusercontent.com"
IDENTITY = Identity(
    provider="github",
    issuer=ISSUER,
    claims={"repository": "octo-org/widget"},
    publisher={
        "kind": "GitHub",
        "repository": "octo-org/widget",
        "workflow": "release.yml",
        "environment": None,
    },
    register={"owner": "octo-org", "repository": "widget", "workflow": "release.yml"},
)
WHEEL = "widget-1.4.0-py3-none-any.whl"
SDIST = "widget-1.4.0.tar.gz"
STARTED = datetime(2026, 3, 1, 12, 0, 0, 123456, UTC)


def dist(filename: str, size: int, digest: str) -> Dist:
    kind: Literal["sdist", "wheel"] = "wheel" if filename.endswith(".whl") else "sdist"
    project, version = filename.removesuffix(".tar.gz").split("-")[:2]
    return Dist(Path("dist") / filename, project, version, kind, size, digest * 64)


def attested(of: Dist, log_index: int, san: str = SAN) -> Attested:
    certificate = Certificate(
        san=san,
        issuer=ISSUER,
        serial="0a1b",
        not_before="2026-03-01T12:00:02+00:00",
        not_after="2026-03-01T12:10:02+00:00",
        claims={"source_repository_uri": "https://github.com/octo-org/widget"},
    )
    kind = "https://predicate.example/publish/v1"
    return Attested(
        dist=of,
        predicate_type=kind,
        json="{}",
        log_index=log_index,
        integrated_time=1772366403,
        certificate=certificate,
    )


def done() -> Run:
    """One wheel uploaded, one sdist there already; both arrived."""
    wheel, sdist = dist(WHEEL, 12345, "a"), dist(SDIST, 987, "b")
    return Run(
        provider="github",
        rehearsal=False,
        started=STARTED,
        finished=STARTED.astimezone(timezone(timedelta(hours=2))) + timedelta(seconds=12),
        tag="v1.4.0",
        identity=IDENTITY,
        targets=(Target("pypi", "https://upload.example/legacy/", "required", "by default"),),
        dists=(wheel, sdist),
        attested={WHEEL: (attested(wheel, 123456789),)},
        placed={
            "pypi": {
                WHEEL: Placed(
                    "uploaded",
                    f"https://files.example/{WHEEL}",
                    f"https://index.example/integrity/{WHEEL}",
                    "verified",
                ),
                SDIST: Placed("already-there", f"https://files.example/{SDIST}", None, "verified"),
            }
        },
        steps=[Step("identity", "done", 0.31249, 2), Step("upload", "done", 1.5, 1)],
        findings=[Finding("attestations-off", "note", "No.", {"n": 1, "deep": [{"x": None}]})],
    )


def changed(run: Run, **changes: Any) -> Run:
    return replace(run, **changes)


def failed() -> Run:
    """The wheel went up, the index refused the sdist."""
    run = done()
    run.exit_code = 7
    run.placed["pypi"] = {
        WHEEL: Placed("uploaded", f"https://files.example/{WHEEL}"),
        SDIST: Placed("failed", error="400 File too large\n::set-env name=A::b"),
    }
    run.steps[-1] = Step("upload", "failed", 1.5, 2)
    run.findings.append(Finding("upload-refused", "error", "The index refused a file.", {}, "Ask."))
    return run


def interrupted() -> Run:
    """Stopped before anything was known but the provider."""
    return Run("gitlab", rehearsal=False, started=STARTED, exit_code=130)


def release() -> Run:
    """A whole release as it happens: built, signed, on two indexes, verified."""
    run = done()
    wheels = [
        dist(f"widget-1.4.0-cp31{n}-abi3-linux_x86_64.whl", 48_000 + n, "cdef"[n]) for n in (1, 2)
    ]
    run.dists = (*run.dists, *wheels)
    run.targets = tuple(
        Target(name, f"https://upload.{name}.example/legacy/", "required", "by default")
        for name in ("testpypi", "pypi")
    )
    run.attested = {of.filename: (_in_a_job(of, n),) for n, of in enumerate(run.dists)}
    run.placed = {
        target.name: {
            of.filename: Placed(
                "uploaded",
                f"https://files.{target.name}.example/{of.filename}",
                f"https://{target.name}.example/integrity/widget/1.4.0/{of.filename}/provenance",
                "verified",
            )
            for of in run.dists
        }
        for target in run.targets
    }
    run.steps, at = [], 0.2
    for name, seconds in (
        *(("identity", 0.6), ("build", 5.2), ("dists", 0.3), ("plan", 0.4)),
        *(("mint", 0.3), ("sign", 1.4), ("verify", 0.1), ("upload", 1.1), ("burn", 0.2)),
        *(("arrival", 0.7), ("mint", 0.3), ("sign", 0.0), ("verify", 0.0), ("upload", 0.9)),
        *(("burn", 0.2), ("arrival", 0.6)),
    ):
        run.steps.append(Step(name, "done" if seconds else "skipped", seconds, 2, at))
        at += seconds
    return run


def _in_a_job(of: Dist, number: int) -> Attested:
    """Signed during ``release``, with what GitHub's certificates say."""
    proof = attested(of, 123456789 + number)
    certificate = replace(
        proof.certificate,
        not_before="2026-03-01T12:00:07+00:00",
        not_after="2026-03-01T12:10:07+00:00",
        claims={
            "source_repository_uri": "https://github.com/octo-org/widget",
            "source_repository_digest": "714a629c0b401fdce83e847fc9589983fc6f46bc",
            "source_repository_ref": "refs/tags/v1.4.0",
            "build_config_uri": SAN,
            "build_trigger": "release",
            "runner_environment": "github-hosted",
            "run_invocation_uri": "https://github.com/octo-org/widget/actions/runs/9876543210",
        },
    )
    return replace(proof, integrated_time=1772366408 + number % 2, certificate=certificate)
