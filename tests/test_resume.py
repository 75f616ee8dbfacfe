"""Runs that are killed at a known moment, and the same command again."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.archives import make_sdist, make_wheel
from support.sandbox import GITHUB, Sandbox

Line = dict[str, Any]
PATIENCE = 60  # seconds
FILES = 4


def fault(service: str, path: str, kind: str = "hang", **more: Any) -> Line:
    return {"service": service, "method": "POST", "path": path, "kind": kind, "times": 1, **more}


@dataclass(frozen=True)
class Moment:
    """When a run is killed: the last of these faults lets a request hang.

    ``kept`` is how many signatures the killed run has kept. All runs together make so many log
    entries (``signed``) and uploads (``sent``); ``reused`` if the next run needs what was kept.
    """

    faults: tuple[Line, ...]
    kept: int = FILES
    signed: int = FILES
    sent: int = FILES
    reused: bool = True


SIGN, UPLOAD, LOOK = "/api/v1/log/entries", "/legacy/", "/integrity/"
MOMENTS = {
    "at the mint": Moment(
        (fault("pypi", "/_/oidc/mint-token"),), kept=0, reused=False
    ),
    "after some signatures": Moment((fault("rekor", SIGN, times=2),), kept=2),
    "logged, and the answer lost": Moment(
        (fault("rekor", SIGN, times=2, after=True),), kept=2, signed=FILES + 2
    ),
    "all signed, first upload on its way": Moment((fault("pypi", UPLOAD),), sent=FILES + 1),
    "first upload there, no answer": Moment((fault("pypi", UPLOAD, after=True),)),
    "between uploads": Moment(
        (fault("pypi", UPLOAD, "status", status=503, after=True), fault("pypi", UPLOAD)),
        sent=FILES + 1,
    ),
    "before the burn": Moment((fault("pypi", "/_/oidc/burn-token"),), reused=False),
    "at arrival": Moment((fault("pypi", LOOK, method="GET"),), reused=False),
}  # fmt: skip


class Project:
    """Four files, a journal, and the command that publishes them."""

    def __init__(self, sandbox: Sandbox, folder: Path, env: Mapping[str, str], name: str) -> None:
        self.sandbox, self.folder, self.env, self.name = sandbox, folder, env, name
        self.state, self.report = folder / "state", folder / "report.json"
        dist, claims = folder / "dist", folder / "claims.json"
        self.files = {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in (
                make_sdist(dist, name),
                *(make_wheel(dist, name, tag=f"cp31{n}-cp31{n}-win32") for n in (1, 2, 3)),
            )
        }
        claims.write_text(json.dumps(GITHUB))
        self.log_begins, self.index_begins = self.tree(), len(sandbox.log())
        self.command = [
            *(sys.executable, "-m", "publisher", "--sandbox", sandbox.control, "--jobs", "1"),
            *("--provider-claims", str(claims), "--report", str(self.report), str(dist)),
        ]

    def start(self) -> subprocess.Popen[str]:
        command = [*self.command, "--state", str(self.state)]
        return subprocess.Popen(
            command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def finish(self, exit_code: int = 0) -> Any:
        run = self.start()
        out, _ = run.communicate(timeout=PATIENCE)
        assert run.returncode == exit_code, out
        return json.loads(self.report.read_text("utf-8"))

    def kill_at(self, moment: Moment) -> None:
        """Kill a run when all faults of the moment have come about."""
        assert self.sandbox.post("faults", list(moment.faults)).status_code == 200
        run = self.start()
        until = time.monotonic() + PATIENCE
        faults = f"{self.sandbox.control}/faults"
        while self.sandbox.http.get(faults).json() or len(self.kept()) < moment.kept:
            assert time.monotonic() < until
            assert run.poll() is None, run.communicate()[0]
            time.sleep(0.02)
        run.kill()
        run.communicate()
        self.sandbox.http.delete(faults)

    def kept(self) -> list[Path]:
        return [path for path in self.state.rglob("*.attestation") if path.is_file()]

    def journal(self, event: str) -> list[Line]:
        text = (self.state / "journal.jsonl").read_text("utf-8")
        return [line for line in map(json.loads, text.splitlines()) if line["event"] == event]

    def receipts(self) -> list[Line]:
        text = (self.state / "receipts.jsonl").read_text("utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def tree(self) -> int:
        return int(
            self.sandbox.http.get(f"{self.sandbox.info['rekor']}/api/v1/log").json()["treeSize"]
        )

    def entries(self) -> Iterator[Line]:
        """The bodies of the log entries since the project began."""
        for index in range(self.log_begins, self.tree()):
            url = f"{self.sandbox.info['rekor']}{SIGN}?logIndex={index}"
            (entry,) = self.sandbox.http.get(url).json().values()
            yield json.loads(base64.b64decode(entry["body"]))

    def uploads(self) -> list[Line]:
        return [line for line in self.sandbox.log()[self.index_begins :] if line["path"] == UPLOAD]

    def check(self, report: Any) -> None:
        """Every file is there: once, with these bytes, attested; and all of it was announced."""
        shown = self.sandbox.listing(self.name).json()["files"]
        assert {file["filename"]: file["hashes"]["sha256"] for file in shown} == self.files
        assert all(file["provenance"] for file in shown)
        arrived = [file["indexes"]["pypi"]["arrival"] for file in report["files"]]
        assert arrived == ["verified"] * FILES
        announced = {line["statement_sha256"] for line in self.journal("signing")}
        for body in self.entries():
            assert body["spec"]["payloadHash"]["value"] in announced


@pytest.fixture
def project(
    sandbox: Sandbox, tmp_path: Path, clean_env: dict[str, str], project_name: str
) -> Project:
    return Project(sandbox, tmp_path, clean_env, project_name)


def codes(report: Any) -> set[str]:
    return {finding["code"] for finding in report["findings"]}


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_the_same_command_completes_what_is_missing(project: Project, moment: Moment) -> None:
    project.kill_at(moment)
    assert len(project.kept()) == moment.kept
    report = project.finish()
    project.check(report)
    assert project.tree() - project.log_begins == moment.signed
    assert len(project.uploads()) == moment.sent
    assert ("signatures-reused" in codes(report)) is moment.reused
    # each signature that was used has a receipt, which the announcement before it foretold
    announced = {
        (line["pae_sha256"], line["certificate_serial"]) for line in project.journal("signing")
    }
    receipts = project.receipts()
    assert {line["file"] for line in receipts} == project.files.keys()
    assert len({line["log_index"] for line in receipts}) == len(receipts) == FILES
    assert {(line["pae_sha256"], line["certificate_serial"]) for line in receipts} <= announced
    project.check(project.finish())  # and once more: nothing is left to do
    assert len(project.uploads()) == moment.sent
    assert project.tree() - project.log_begins == moment.signed


def test_a_fresh_job_without_the_journal(project: Project) -> None:
    project.kill_at(MOMENTS["between uploads"])
    lost = project.state.rename(project.folder / "lost")
    report = project.finish()
    assert codes(report) & {"resumed", "signatures-reused"} == set()
    assert "already-there" in codes(report)
    announced = (lost / "journal.jsonl").read_text("utf-8")
    with (project.state / "journal.jsonl").open("a", encoding="utf-8") as both:
        both.write(announced)
    project.check(report)


def test_an_attestation_that_was_tampered_with_is_made_again(project: Project) -> None:
    project.kill_at(MOMENTS["all signed, first upload on its way"])
    one, other, *_ = sorted(project.kept())
    shutil.copy(other, one)
    project.check(project.finish())
    assert project.tree() - project.log_begins == FILES + 1


def test_another_commit_signs_anew(project: Project) -> None:
    project.kill_at(MOMENTS["all signed, first upload on its way"])
    claims = {**GITHUB, "sha": "f" * 40, "job_workflow_sha": "f" * 40, "workflow_sha": "f" * 40}
    (project.folder / "claims.json").write_text(json.dumps(claims))
    report = project.finish()
    assert "signatures-reused" not in codes(report)
    project.check(report)


def test_a_file_that_lost_its_attestation_is_told(project: Project) -> None:
    """Somebody else's upload of the same bytes came first."""
    wheel = next((project.folder / "dist").glob("*.whl"))
    token = project.sandbox.mint(project.sandbox.persona())
    assert project.sandbox.upload(token, wheel).status_code == 200
    report = project.finish()
    (told,) = [f for f in report["findings"] if f["code"] == "already-there-unattested"]
    assert told["facts"]["files"] == [wheel.name]


def test_what_is_missing_is_told_with_the_last_day_for_it(project: Project) -> None:
    """The index counts 14 days from the release's first file, which here is ten days old."""
    refused = fault("pypi", UPLOAD, "status", status=400)
    lost = fault("pypi", UPLOAD, "status", status=503, after=True)
    project.sandbox.post("faults", [lost, refused])
    project.finish(exit_code=7)
    aged = {"projects": {project.name: {"releases": {"1.0": {"age_days": 10}}}}}
    assert project.sandbox.post("index", aged).status_code == 200
    project.sandbox.post("faults", [refused])
    run = project.start()
    out, _ = run.communicate(timeout=PATIENCE)
    assert run.returncode == 7
    until = datetime.now(UTC) + timedelta(days=4)
    names = ", ".join(name for name in sorted(project.files, key=wheels_first)[1:])
    said = (
        f"pypi lacks {names} of {project.name} 1.0, and takes files for it until {until:%Y-%m-%d}"
    )
    assert said in " ".join(out.split())
    project.check(project.finish())


def wheels_first(name: str) -> tuple[bool, str]:
    return name.endswith(".tar.gz"), name


def test_attest_goes_on_where_it_stopped(project: Project) -> None:
    """What an earlier run signed is put beside the files as well."""
    arguments = [*project.command[:3], "attest", *project.command[3:5], *project.command[7:]]
    project.command = arguments
    project.sandbox.post("faults", [fault("rekor", SIGN, times=2)])
    project.kill_at(Moment((), kept=2))
    out = project.folder / "kept"
    project.command += ["--keep", str(out)]
    project.finish()
    assert len(list(out.rglob("*.publish.attestation"))) == FILES
    assert project.tree() - project.log_begins == FILES


def test_best_effort_does_without_a_trust_root(project: Project) -> None:
    """What was kept can't be verified then, and is not waited for."""
    project.kill_at(MOMENTS["all signed, first upload on its way"])
    world = json.loads(json.dumps(project.sandbox.info))
    world["trust_config"]["trustedRoot"].pop("mediaType")
    broken = fault("control", "/", "status", method="GET", status=200, body=json.dumps(world))
    project.sandbox.post("faults", [broken])
    project.command += ["--attestations", "best-effort"]
    report = project.finish()
    assert "attestation-failed" in codes(report)
    assert {file["indexes"]["pypi"]["status"] for file in report["files"]} == {"uploaded"}


# A disk that is full


def limited(project: Project, size: int, *more: str) -> tuple[int, str]:
    """Run where no file can be longer than the journal is, and ``size`` bytes more."""
    project.state.mkdir()
    journal = project.state / "journal.jsonl"
    journal.write_bytes(b" " * (1 << 20) + b"\n")
    blocks = (journal.stat().st_size + size) // 1024
    shell = ["bash", "-c", 'ulimit -f "$0"; exec "$@"', str(blocks), *project.command]
    run = subprocess.run(
        [*shell, "--state", str(project.state), *more],
        env=project.env, capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    return run.returncode, " ".join(run.stdout.split())


def test_nothing_is_signed_that_can_not_be_announced(project: Project) -> None:
    exit_code, out = limited(project, 0)
    assert exit_code == 2, out
    assert "error cannot-write: nothing is signed that can't be announced" in out
    assert project.tree() == project.log_begins
    assert project.uploads() == []
    lines = project.sandbox.log()[project.index_begins :]
    assert [one["status"] for one in lines if one["path"] == "/_/oidc/burn-token"] == [202]


def test_uploads_go_on_without_a_journal(project: Project) -> None:
    exit_code, out = limited(project, 0, "--attestations", "off")
    assert exit_code == 0, out
    assert out.count("no-journal:") == 1
    assert len(project.uploads()) == FILES
