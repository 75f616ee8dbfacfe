"""Every error code, provoked through the command line against the rehearsal world."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from publisher import cli
from publisher.publish import pipeline
from publisher.report.record import schema
from support.archives import core_metadata, make_sdist, make_wheel, write_zip
from support.codes import all_errors
from support.play import own_sigstore
from support.projects import make_project
from support.sandbox import GITHUB, GITLAB, Sandbox

GITHUB_JOB = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "octo-org/widget"}


@dataclass
class Stage:
    """What a provocation may use."""

    sandbox: Sandbox
    folder: Path
    name: str
    monkeypatch: pytest.MonkeyPatch
    env: dict[str, str]
    signs: dict[str, Any] = field(default_factory=dict)

    def dists(self) -> Path:
        """A folder with one good wheel."""
        into = self.folder / "dist"
        into.mkdir(exist_ok=True)
        make_wheel(into, self.name)
        return into

    def rehearse(self, *arguments: str | Path) -> list[str]:
        return ["--sandbox", self.sandbox.control, *map(str, arguments or [self.dists()])]

    def play(self, claims: dict[str, Any]) -> list[str]:
        """A rehearsal of somebody with these claims."""
        path = self.folder / "claims.json"
        path.write_text(json.dumps(claims))
        return [*self.rehearse(), "--provider-claims", str(path)]

    def fault(self, service: str, method: str, path: str, **what: Any) -> None:
        asked = {"service": service, "method": method, "path": path, "times": 20, **what}
        assert self.sandbox.post("faults", [asked]).status_code == 200

    def listing(self, **changes: Any) -> None:
        """First the index has nothing; then it lists our wheel as ``changes`` say."""
        wheel = next(self.dists().iterdir())
        file = {
            "filename": wheel.name,
            "url": "/files/x",
            "hashes": {"sha256": hashlib.sha256(wheel.read_bytes()).hexdigest()},
            "provenance": None,
            **changes,
        }
        path = f"/simple/{self.name}/"
        self.fault("pypi", "GET", path, status=404, times=1)
        body = json.dumps({"name": self.name, "files": [file]})
        self.fault("pypi", "GET", path, status=200, body=body)

    def trust_config(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Let the sandbox describe itself with another trust root."""
        world = json.loads(json.dumps(self.sandbox.info))
        change(world["trust_config"])
        body = json.dumps(world)
        self.fault("control", "GET", "/", status=200, body=body, times=1)


Provocation = Callable[[Stage], list[str]]
PROVOCATIONS: dict[str, Provocation] = {}


def provokes(code: str) -> Callable[[Provocation], Provocation]:
    def register(provocation: Provocation) -> Provocation:
        PROVOCATIONS[code] = provocation
        return provocation

    return register


@provokes("internal-error")
def _(stage: Stage) -> list[str]:
    def bug(_self: object) -> None:
        raise RuntimeError("a bug")

    stage.monkeypatch.setattr(pipeline.Release, "run", bug)
    return stage.rehearse()


@provokes("invalid-option")
def _(_stage: Stage) -> list[str]:
    return ["--dry-rum"]


@provokes("invalid-value")
def _(_stage: Stage) -> list[str]:
    return ["--jobs", "many"]


@provokes("unknown-setting")
def _(stage: Stage) -> list[str]:
    stage.env["PUBLISHER_JBOS"] = "4"
    return stage.rehearse()


@provokes("setting-not-allowed-here")
def _(stage: Stage) -> list[str]:
    (stage.folder / "pyproject.toml").write_text('[tool.publisher]\nrepository = "testpypi"\n')
    return stage.rehearse()


@provokes("path-not-found")
def _(stage: Stage) -> list[str]:
    return stage.rehearse("nowhere/*.whl")


@provokes("cannot-write")
def _(stage: Stage) -> list[str]:
    return [*stage.rehearse(), "--report", str(stage.folder)]


@provokes("sandbox-not-loopback")
def _(stage: Stage) -> list[str]:
    return ["--sandbox", "http://192.0.2.1:8080", str(stage.dists())]


@provokes("sandbox-unusable")
def _(stage: Stage) -> list[str]:
    return ["--sandbox", stage.sandbox.index, str(stage.dists())]


@provokes("no-identity-provider")
def _(stage: Stage) -> list[str]:
    return [str(stage.dists())]


@provokes("provider-not-here")
def _(stage: Stage) -> list[str]:
    return ["--provider", "github", str(stage.dists())]


@provokes("missing-permission")
def _(stage: Stage) -> list[str]:
    stage.env.update(GITHUB_JOB)
    return [str(stage.dists())]


@provokes("event-not-supported")
def _(stage: Stage) -> list[str]:
    stage.env.update(GITHUB_JOB, GITHUB_EVENT_NAME="pull_request_target")
    return [str(stage.dists())]


@provokes("untrusted-trigger")
def _(stage: Stage) -> list[str]:
    return stage.play({**GITHUB, "event_name": "issue_comment"})


@provokes("token-request-failed")
def _(stage: Stage) -> list[str]:
    stage.fault("issuer", "GET", "/token", status=500)
    return stage.rehearse()


@provokes("token-unexpected")
def _(stage: Stage) -> list[str]:
    stage.fault("issuer", "GET", "/token", status=200, body='{"value": "no.jwt"}')
    return stage.rehearse()


@provokes("nothing-to-publish")
def _(stage: Stage) -> list[str]:
    (stage.folder / "empty").mkdir()
    return stage.rehearse("empty")


@provokes("not-distribution")
def _(stage: Stage) -> list[str]:
    (stage.dists() / "widget-2.0-py3-none-any.whl").mkdir()
    return stage.rehearse()


@provokes("broken-archive")
def _(stage: Stage) -> list[str]:
    wheel = next(stage.dists().iterdir())
    wheel.write_bytes(wheel.read_bytes()[:200])
    return stage.rehearse("dist")


@provokes("invalid-metadata")
def _(stage: Stage) -> list[str]:
    make_wheel(stage.folder, stage.name, extra_metadata="Requires-Python: three")
    return stage.rehearse(".")


@provokes("metadata-mismatch")
def _(stage: Stage) -> list[str]:
    info = "aa-1.0.dist-info"
    files = {"METADATA": core_metadata("other"), "WHEEL": "Wheel-Version: 1.0\n", "RECORD": ""}
    wheel = stage.folder / "aa-1.0-py3-none-any.whl"
    write_zip(wheel, {f"{info}/{name}": text for name, text in files.items()})
    return stage.rehearse(wheel)


@provokes("mixed-versions")
def _(stage: Stage) -> list[str]:
    make_wheel(stage.dists(), stage.name, "2.0")
    return stage.rehearse()


@provokes("several-sdists")
def _(stage: Stage) -> list[str]:
    make_sdist(stage.dists(), stage.name, "1.0")
    make_sdist(stage.dists(), stage.name, "1.0.0")
    return stage.rehearse()


@provokes("duplicate-dist")
def _(stage: Stage) -> list[str]:
    other = stage.folder / "other"
    other.mkdir()
    make_wheel(other, stage.name, size=10)
    return stage.rehearse(stage.dists(), other)


@provokes("refused-name")
def _(stage: Stage) -> list[str]:
    make_wheel(stage.folder, stage.name, "1.0+local")
    return stage.rehearse(".")


@provokes("tag-mismatch")
def _(stage: Stage) -> list[str]:
    return [*stage.rehearse(), "--tag", "v9"]


@provokes("build-failed")
def _(stage: Stage) -> list[str]:
    project = stage.folder / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "broken"\nbackend-path = ["."]\n'
    )
    (project / "broken.py").write_text("raise SystemExit('no luck')")
    return stage.rehearse("project")


@provokes("build-not-isolated")
def _(stage: Stage) -> list[str]:
    """A push to a branch, on a system without namespaces."""
    stage.monkeypatch.setattr("sys.platform", "darwin")
    stage.env["GITHUB_ACTIONS"] = "true"
    project = make_project(stage.folder / "project", stage.name)
    return ["attest", str(project), *own_sigstore(stage.sandbox, stage.folder)]


@provokes("contract-broken")
def _(stage: Stage) -> list[str]:
    (stage.folder / "contract.txt").write_text(f"{'0' * 64}  other-1.0.tar.gz\n")
    return [*stage.rehearse(), "--expect", "contract.txt"]


@provokes("release-conflict")
def _(stage: Stage) -> list[str]:
    folder = stage.dists()
    assert cli.run(stage.rehearse(folder), stage.env) == 0
    make_wheel(folder, stage.name, size=10)
    return ["--sandbox", stage.sandbox.control, str(folder)]


@provokes("release-closed")
def _(stage: Stage) -> list[str]:
    """A run that was never completed, and a fortnight: nothing more can be added."""
    folder = stage.dists()
    assert cli.run(stage.rehearse(folder), stage.env) == 0
    project = {stage.name: {"releases": {"1.0": {"age_days": 15}}}}
    assert stage.sandbox.post("index", {"projects": project}).status_code == 200
    make_wheel(folder, stage.name, tag="py3-none-win32")
    return stage.rehearse(folder)


@provokes("already-published")
def _(stage: Stage) -> list[str]:
    assert cli.run(stage.rehearse(), stage.env) == 0
    return [*stage.rehearse(), "--skip-existing", "false"]


@provokes("trust-root-unavailable")
def _(stage: Stage) -> list[str]:
    stage.trust_config(lambda config: config["trustedRoot"].pop("mediaType"))
    return stage.rehearse()


@provokes("certificate-refused")
def _(stage: Stage) -> list[str]:
    said = json.dumps({"code": 3, "message": "not today", "details": []})
    stage.fault("fulcio", "POST", "/", status=400, body=said, content_type="application/json")
    stage.signs["message"] = "not today"
    return stage.rehearse()


@provokes("log-failed")
def _(stage: Stage) -> list[str]:
    stage.fault("rekor", "POST", "/", status=400, body='{"code": 400, "message": "log is full"}')
    stage.signs["message"] = "log is full"
    return stage.rehearse()


@provokes("attestation-invalid")
def _(stage: Stage) -> list[str]:
    def swap(config: dict[str, Any]) -> None:
        log, ctlog = config["trustedRoot"]["tlogs"][0], config["trustedRoot"]["ctlogs"][0]
        log["publicKey"], log["logId"] = ctlog["publicKey"], ctlog["logId"]

    stage.trust_config(swap)
    return stage.rehearse()


@provokes("index-unreachable")
def _(stage: Stage) -> list[str]:
    stage.fault("pypi", "GET", "/simple/", kind="reset")
    return stage.rehearse()


@provokes("index-answer-malformed")
def _(stage: Stage) -> list[str]:
    page = "<html>Please log in to the proxy</html>"
    stage.fault("pypi", "GET", "/_/oidc/audience", status=200, body=page, content_type="text/html")
    return stage.rehearse()


@provokes("audience-mismatch")
def _(stage: Stage) -> list[str]:
    stage.fault("pypi", "GET", "/_/oidc/audience", status=200, body='{"audience": "sigstore"}')
    return stage.rehearse()


@provokes("mint-refused")
def _(stage: Stage) -> list[str]:
    said = {"code": "invalid-publisher", "description": "valid token, but no such publisher"}
    body = json.dumps({"message": "Token request failed", "errors": [said]})
    stage.fault("pypi", "POST", "/_/oidc/mint-token", status=422, body=body)
    stage.signs["message"] = "no such publisher"
    return stage.rehearse()


@provokes("reusable-workflow")
def _(stage: Stage) -> list[str]:
    called = GITHUB["workflow_ref"].replace("release.yml", "publish.yml")
    return stage.play({**GITHUB, "job_workflow_ref": called})


@provokes("existing-attestation-refused")
def _(stage: Stage) -> list[str]:
    wheel = next(stage.dists().iterdir())
    wheel.with_name(f"{wheel.name}.publish.attestation").write_text("{}")
    return stage.rehearse("dist")


@provokes("not-attestable")
def _(stage: Stage) -> list[str]:
    here = {k: str(v).replace("gitlab.com", "gitlab.example.org") for k, v in GITLAB.items()}
    claims = {**GITLAB, "iss": here["iss"], "ci_config_ref_uri": here["ci_config_ref_uri"]}
    return [*stage.play(claims), "--attestations", "required"]


@provokes("email-in-public-log")
def _(stage: Stage) -> list[str]:
    stage.monkeypatch.setattr("sys.stdin", io.StringIO())
    return ["attest", "--identity", "email", str(stage.dists())]


@provokes("private-repo-in-public-log")
def _(stage: Stage) -> list[str]:
    return stage.play({**GITHUB, "repository_visibility": "private"})


@provokes("changed-provenance")
def _(stage: Stage) -> list[str]:
    assert cli.run(stage.rehearse(), stage.env) == 0
    stage.signs["message"] = "-> octo-org/widget)"
    wheel = make_wheel(stage.folder, stage.name, "2.0")
    return [*stage.rehearse(wheel), *stage.play(GITHUB)[-2:]]


@provokes("id-token-missing")
def _(stage: Stage) -> list[str]:
    stage.env.update(GITLAB_CI="true", CI_SERVER_URL="https://gitlab.com")
    return [str(stage.dists())]


@provokes("upload-refused")
def _(stage: Stage) -> list[str]:
    said = json.dumps({"message": "400 Too pretty", "code": "400 Too pretty", "title": "Bad"})
    stage.fault("pypi", "POST", "/legacy/", status=400, body=said, content_type="application/json")
    stage.signs["message"] = "Too pretty"
    return stage.rehearse()


@provokes("upload-failed")
def _(stage: Stage) -> list[str]:
    stage.fault("pypi", "POST", "/legacy/", kind="reset")
    return stage.rehearse()


@provokes("upload-token-ends")
def _(stage: Stage) -> list[str]:
    """A job with one ID token for the index, an upload token of two seconds, a slow index."""
    stage.sandbox.post("settings", {"token_seconds": 2})
    stage.fault("pypi", "POST", "/legacy/", status=503, headers={"Retry-After": "3"})
    player, index = stage.sandbox.persona(), stage.sandbox.index
    files = {
        "tokens.json": {aud: player.token(aud) for aud in ("pypi", "sigstore")},
        "trust.json": stage.sandbox.info["trust_config"],
    }
    for name, value in files.items():
        (stage.folder / name).write_text(json.dumps(value))
    options = {
        "--repository-url": f"{index}/legacy/",
        "--check-url": f"{index}/simple",
        "--audience": "pypi",
        "--id-token-file": stage.folder / "tokens.json",
        "--trust-config": stage.folder / "trust.json",
    }
    return [str(stage.dists()), *(str(word) for pair in options.items() for word in pair)]


@provokes("arrival-different")
def _(stage: Stage) -> list[str]:
    stage.listing(hashes={"sha256": "0" * 64})
    return stage.rehearse()


@provokes("arrival-unattested")
def _(stage: Stage) -> list[str]:
    stage.listing()
    return stage.rehearse()


@provokes("arrival-unproven")
def _(stage: Stage) -> list[str]:
    empty = json.dumps({"version": 1, "attestation_bundles": []})
    stage.fault("pypi", "GET", "/integrity/", status=200, body=empty)
    return stage.rehearse()


@provokes("deadline-passed")
def _(stage: Stage) -> list[str]:
    stage.fault("pypi", "POST", "/_/oidc/mint-token", kind="hang", times=1)
    return [*stage.rehearse(), "--deadline", "4"]


def _attested(stage: Stage) -> list[str]:
    """Our wheel is published and attested; the words that ask about it."""
    assert cli.run(stage.rehearse(), stage.env) == 0
    trust = stage.folder / "trust.json"
    trust.write_text(json.dumps(stage.sandbox.info["trust_config"]))
    return ["verify", "--index", f"{stage.sandbox.index}/simple/", "--trust-config", str(trust)]


@provokes("drift")
def _(stage: Stage) -> list[str]:
    """The repository that published it was deleted, and somebody made one of the same name."""
    words = [*_attested(stage)[1:], stage.name]
    assert cli.run(["pin", *words], stage.env) == 0
    lock = stage.folder / "identities.lock"
    lock.write_text(re.sub(r"(repo=\S+)#\d+", r"\1#1", lock.read_text()))
    stage.signs["message"] = "critical D05"
    return ["verify", *words]


@provokes("evidence-fails")
def _(stage: Stage) -> list[str]:
    return [*_attested(stage), stage.name, "--repo", "octo-org/gadget"]


@provokes("evidence-incomplete")
def _(stage: Stage) -> list[str]:
    words = _attested(stage)
    stage.fault("pypi", "GET", "/integrity/", status=403)
    return [*words, stage.name]


@provokes("nothing-verified")
def _(stage: Stage) -> list[str]:
    assert cli.run([*stage.rehearse(), "--attestations", "off"], stage.env) == 0
    return ["verify", "--index", f"{stage.sandbox.index}/simple/", stage.name]


@provokes("pins-out-of-date")
def _(stage: Stage) -> list[str]:
    return [*_attested(stage), stage.name, "--locked"]


BY_SIGNAL = {"interrupted", "terminated"}  # tests/test_signals.py


def test_every_code_is_provoked() -> None:
    assert PROVOCATIONS.keys() | BY_SIGNAL == all_errors().keys()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("code", PROVOCATIONS)
def test_error(
    code: str,
    sandbox: Sandbox,
    project_name: str,
    tmp_path: Path,
    clean_env: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    stage = Stage(sandbox, tmp_path, project_name, monkeypatch, clean_env)
    argv = PROVOCATIONS[code](stage)
    report = tmp_path / "report.json"
    if "--report" not in argv:
        argv += ["--report", str(report)]
    capsys.readouterr()

    exit_code = cli.run(argv, stage.env)

    out, err = capsys.readouterr()
    seen = " ".join((out + err).split())
    assert exit_code == all_errors()[code].exit_code, seen
    assert f"error {code}: " in seen
    assert f"docs/errors.md#{code}" in seen
    assert stage.signs.get("message", "") in seen
    assert "Traceback" not in seen
    if code != "cannot-write":
        written = json.loads(report.read_text())
        jsonschema.validate(written, schema(written["schema"]))
        assert written["exit_code"] == exit_code
        (message,) = [one["message"] for one in written["findings"] if one["code"] == code]
        assert not re.match(r"(?!Sigstore)[A-Z][a-z]+ ", message), (
            "messages begin with a small letter"
        )
        assert not message.endswith("."), "and end without a full stop"
