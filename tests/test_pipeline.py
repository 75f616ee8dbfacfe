"""Whole releases through the command line, into the rehearsal world."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from publisher import cli
from publisher.report.record import schema
from support.archives import make_sdist, make_wheel
from support.projects import make_project
from support.sandbox import GITHUB, PUBLISH, SLSA, Sandbox

Report = dict[str, Any]


class Rehearsal:
    """Runs the command line against the sandbox and reads what it left."""

    def __init__(self, sandbox: Sandbox, folder: Path, env: dict[str, str]) -> None:
        self.sandbox, self.folder, self.env = sandbox, folder, env

    def __call__(self, *arguments: str | Path, exit_code: int = 0) -> Report:
        path = self.folder / "report.json"
        argv = ["--sandbox", self.sandbox.control, "--report", str(path), *map(str, arguments)]
        assert cli.run(argv, self.env) == exit_code
        report: Report = json.loads(path.read_text("utf-8"))
        jsonschema.validate(report, schema())
        assert report["exit_code"] == exit_code
        return report


@pytest.fixture
def rehearse(sandbox: Sandbox, tmp_path: Path, clean_env: dict[str, str]) -> Rehearsal:
    return Rehearsal(sandbox, tmp_path, clean_env)


def statuses(report: Report, index: str = "pypi") -> dict[str, tuple[str, str]]:
    return {
        file["filename"]: (file["indexes"][index]["status"], file["indexes"][index]["arrival"])
        for file in report["files"]
    }


def steps(report: Report) -> dict[str, str]:
    return {step["name"]: step["status"] for step in report["steps"]}


def codes(report: Report) -> set[str]:
    return {finding["code"] for finding in report["findings"]}


def test_a_project_from_source_to_verified_arrival(
    rehearse: Rehearsal,
    project_name: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    project = make_project(tmp_path / "source", project_name)
    report = rehearse(project)
    stem = project_name.replace("-", "_")
    assert statuses(report) == {
        f"{stem}-1.0-py3-none-any.whl": ("uploaded", "verified"),
        f"{stem}-1.0.tar.gz": ("uploaded", "verified"),
    }
    order = ["identity", "build", "dists", "plan", "mint", "sign", "verify", "upload", "burn"]
    assert [step["name"] for step in report["steps"]] == [*order, "arrival"]
    assert set(steps(report).values()) == {"done"}
    assert report["dry_run"] is True
    assert report["provider"]["name"] == "github"
    assert report["releases"] == [{"project": project_name, "version": "1.0", "tag": None}]
    serials = {f["attestations"][0]["certificate"]["serial"] for f in report["files"]}
    assert len(serials) == 1, "one certificate for the whole run"
    out = capsys.readouterr().out.rstrip()
    assert out.endswith("REHEARSAL: NOTHING WAS PUBLISHED. EVERY STEP PASSED.")


def test_a_rehearsal_leaves_the_project_alone(
    rehearse: Rehearsal, project_name: str, tmp_path: Path
) -> None:
    project = make_project(tmp_path / "source", project_name)
    before = sorted(path.name for path in project.rglob("*"))
    rehearse(project)
    assert [n for n in sorted(p.name for p in project.rglob("*")) if "pyc" not in n] == before


def test_several_projects_in_one_run(
    rehearse: Rehearsal, project_name: str, tmp_path: Path, sandbox: Sandbox
) -> None:
    one, two = f"{project_name}-one", f"{project_name}-two"
    folder = tmp_path / "wheels"
    folder.mkdir()
    for tag in ("py3-none-any", "py3-none-win32", "py3-none-win_amd64"):
        make_wheel(folder, one, "1.0", tag=tag)
    make_sdist(folder, one, "1.0")
    report = rehearse(folder, make_project(tmp_path / "two", two, "2.0"), "--jobs", "3")
    assert len(report["files"]) == 6
    assert set(statuses(report).values()) == {("uploaded", "verified")}
    assert {(r["project"], r["version"]) for r in report["releases"]} == {
        (one, "1.0"),
        (two, "2.0"),
    }
    names = [file["filename"] for file in sandbox.listing(one).json()["files"]]
    assert len(names) == 4


def test_a_second_run_has_nothing_to_do(
    rehearse: Rehearsal, project_name: str, tmp_path: Path, sandbox: Sandbox
) -> None:
    make_wheel(tmp_path, project_name)
    first = rehearse(tmp_path)
    log = sandbox.http.get(f"{sandbox.info['rekor']}/api/v1/log").json()["treeSize"]
    again = rehearse(tmp_path)
    assert list(statuses(again).values()) == [("already-there", "verified")]
    assert steps(again)["mint"] == steps(again)["sign"] == steps(again)["upload"] == "skipped"
    assert "already-there" in codes(again)
    assert "already-there" not in codes(first)
    assert sandbox.http.get(f"{sandbox.info['rekor']}/api/v1/log").json()["treeSize"] == log


def test_an_interrupted_release_is_completed(
    rehearse: Rehearsal, project_name: str, tmp_path: Path
) -> None:
    make_wheel(tmp_path, project_name)
    rehearse(tmp_path)
    make_sdist(tmp_path, project_name)
    report = rehearse(tmp_path)
    assert sorted(statuses(report).values()) == [
        ("already-there", "verified"),
        ("uploaded", "verified"),
    ]


def test_signed_once_for_two_indexes(
    rehearse: Rehearsal, project_name: str, tmp_path: Path, sandbox: Sandbox
) -> None:
    make_wheel(tmp_path, project_name)
    tree = f"{sandbox.info['rekor']}/api/v1/log"
    before = sandbox.http.get(tree).json()["treeSize"]
    report = rehearse(tmp_path, "--repository", "testpypi", "--repository", "pypi")
    assert statuses(report, "testpypi") == statuses(report, "pypi")
    assert list(statuses(report).values()) == [("uploaded", "verified")]
    assert sandbox.http.get(tree).json()["treeSize"] == before + 1
    assert [i["name"] for i in report["indexes"]] == ["testpypi", "pypi"]


@pytest.mark.parametrize("job", [False, True])
def test_what_was_guessed_is_not_to_be_registered(
    rehearse: Rehearsal, project_name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    job: bool,
) -> None:  # fmt: skip
    """A checkout does not say which workflow publishes, nor a job's variables its environment."""
    project = make_project(tmp_path / "source", project_name)
    if job:
        workflow = "octo-org/widget/.github/workflows/ship.yml@refs/heads/main"
        rehearse.env |= {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "octo-org/widget"}
        rehearse.env |= {"GITHUB_WORKFLOW_REF": workflow}
    else:
        for argv in (["init", "-q"], ["remote", "add", "up", "https://github.com/octo-org/widget"]):
            subprocess.run(["git", *argv], cwd=project, check=True)
    report = rehearse(project)
    known = {"Owner": "octo-org", "Repository name": "widget"}
    known |= {"Workflow name": "ship.yml"} if job else {}
    assert report["provider"]["register"] == known
    told = " ".join(capsys.readouterr().out.split())
    fields = "; ".join(f"{label}: {value}" for label, value in known.items())
    due = "" if job else "Workflow name (the file of your workflow, such as release.yml); "
    due += "Environment name (the environment: of your job)"
    assert (
        f"register this trusted publisher on pypi: {fields}. "
        f"What else is due there was guessed for this rehearsal: {due}. Then run"
    ) in told


def test_without_attestations(rehearse: Rehearsal, project_name: str, tmp_path: Path) -> None:
    make_wheel(tmp_path, project_name)
    report = rehearse(tmp_path, "--attestations", "off")
    assert list(statuses(report).values()) == [("uploaded", "unattested")]
    assert steps(report)["sign"] == "skipped"
    assert "attestations-off" in codes(report)
    later = rehearse(tmp_path)
    assert list(statuses(later).values()) == [("already-there", "unattested")]
    assert "already-there-unattested" in codes(later)


@pytest.mark.usefixtures("impatient")
def test_best_effort_goes_on_when_signing_fails(
    rehearse: Rehearsal, project_name: str, tmp_path: Path, sandbox: Sandbox,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """And says of which release that it can never be attested."""
    make_wheel(tmp_path, project_name)
    fault = {"service": "rekor", "method": "POST", "path": "/", "times": 9, "status": 400}
    sandbox.post("faults", [fault])
    report = rehearse(tmp_path, "--attestations", "best-effort")
    assert list(statuses(report).values()) == [("uploaded", "unattested")]
    (found,) = [one for one in report["findings"] if one["code"] == "attestation-failed"]
    assert found["severity"] == "warning"
    assert found["message"] == (
        f"files of {project_name} 1.0 go out without attestations, and can never get any"
    )
    assert found["facts"]["files"] == list(statuses(report))
    assert found["facts"]["reason"]["message"].startswith("the transparency log")
    assert "--attestations required" in found["hint"]
    assert steps(report)["sign"] == "failed"
    assert capsys.readouterr().out.rstrip().endswith("PUBLISHED. EVERY STEP PASSED BUT SIGN.")


def test_no_waiting_for_arrival(rehearse: Rehearsal, project_name: str, tmp_path: Path) -> None:
    make_wheel(tmp_path, project_name)
    report = rehearse(tmp_path, "--wait", "0")
    assert list(statuses(report).values()) == [("uploaded", "not-checked")]
    assert steps(report)["arrival"] == "skipped"


def test_not_visible_in_time_is_a_warning(
    rehearse: Rehearsal, project_name: str, tmp_path: Path, sandbox: Sandbox
) -> None:
    make_wheel(tmp_path, project_name)
    path = f"/simple/{project_name}/"
    fault = {"service": "pypi", "method": "GET", "path": path, "times": 99, "status": 404}
    sandbox.post("faults", [fault])
    report = rehearse(tmp_path, "--wait", "0.3")
    assert list(statuses(report).values()) == [("uploaded", "not-visible-yet")]
    assert "not-visible-yet" in codes(report)


@pytest.mark.usefixtures("impatient")
def test_what_may_pass_is_tried_again(
    rehearse: Rehearsal, project_name: str, tmp_path: Path, sandbox: Sandbox
) -> None:
    make_wheel(tmp_path, project_name)
    sandbox.post(
        "faults",
        [
            {"service": "pypi", "method": "GET", "path": "/simple/", "times": 2, "status": 503},
            {"service": "fulcio", "method": "POST", "path": "/", "times": 2, "status": 502},
            {"service": "rekor", "method": "POST", "path": "/", "times": 1, "kind": "reset"},
            {"service": "rekor", "method": "POST", "path": "/", "status": 503, "after": True},
            {"service": "pypi", "method": "POST", "path": "/legacy/", "times": 1, "status": 500},
            {"service": "pypi", "method": "POST", "path": "/legacy/", "kind": "reset"},
        ],
    )
    report = rehearse(tmp_path)
    assert list(statuses(report).values()) == [("uploaded", "verified")]


@pytest.mark.usefixtures("impatient")
def test_the_token_is_burned_after_a_failure(
    rehearse: Rehearsal, project_name: str, tmp_path: Path, sandbox: Sandbox
) -> None:
    make_wheel(tmp_path, project_name)
    make_sdist(tmp_path, project_name)
    fault = {"service": "pypi", "method": "POST", "path": "/legacy/", "status": 400, "times": 1}
    sandbox.post("faults", [{**fault, "body": '{"message": "400 no"}'}])
    report = rehearse(tmp_path, exit_code=7)
    burned = [line for line in sandbox.log() if line["path"] == "/_/oidc/burn-token"][-1]
    assert burned["status"] == 202
    assert sorted(statuses(report).values()) == [
        ("failed", "not-checked"),
        ("not-tried", "not-checked"),
    ]


@pytest.mark.usefixtures("impatient")
def test_a_token_that_can_not_be_burned_is_told(
    rehearse: Rehearsal, project_name: str, tmp_path: Path, sandbox: Sandbox
) -> None:
    make_wheel(tmp_path, project_name)
    path = "/_/oidc/burn-token"
    fault = {"service": "pypi", "method": "POST", "path": path, "status": 500, "times": 9}
    sandbox.post("faults", [fault])
    assert "token-not-burned" in codes(rehearse(tmp_path))


def test_requests_are_counted(rehearse: Rehearsal, project_name: str, tmp_path: Path) -> None:
    make_wheel(tmp_path, project_name)
    counted = {step["name"]: step["requests"] for step in rehearse(tmp_path)["steps"]}
    # What the index has is asked while the identity is; the answer may be late for that.
    assert counted.pop("identity") + counted.pop("plan") == 2
    # sign: certificate and entry; arrival: listing and provenance. ID tokens come from the world.
    assert counted == {
        "dists": 0,
        "mint": 1,
        "sign": 2,
        "verify": 0,
        "upload": 1,
        "burn": 1,
        "arrival": 2,
    }


def test_a_job_rehearses_as_itself(rehearse: Rehearsal, project_name: str, tmp_path: Path) -> None:
    make_wheel(tmp_path, project_name, "1.2")
    rehearse.env.update(
        GITHUB_ACTIONS="true",
        GITHUB_REPOSITORY="someone/something",
        GITHUB_WORKFLOW_REF="someone/something/.github/workflows/ship.yaml@refs/tags/v1.2",
        GITHUB_REF="refs/tags/v1.2",
        GITHUB_REF_TYPE="tag",
        GITHUB_REF_NAME="v1.2",
        TWINE_PASSWORD="never read",
    )
    report = rehearse(tmp_path)
    assert report["provider"]["publisher"] == {
        "kind": "GitHub",
        "repository": "someone/something",
        "workflow": "ship.yaml",
        "environment": None,
    }
    assert report["releases"][0]["tag"] == "v1.2"
    assert "other-tools-setting" in codes(report)
    assert "never read" not in json.dumps(report)


def test_json_goes_to_stdout_alone(
    rehearse: Rehearsal, project_name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_wheel(tmp_path, project_name)
    report = rehearse(tmp_path, "--format", "json")
    out, err = capsys.readouterr()
    assert json.loads(out) == report
    assert "REHEARSAL: NOTHING WAS PUBLISHED." in err


@pytest.mark.parametrize(
    ("provider", "kind", "issuer"),
    [
        ("github", "GitHub", "https://token.actions.githubusercontent.com"),
        ("gitlab", "GitLab", "https://gitlab.com"),
        ("google", "Google", "https://accounts.google.com"),
    ],
)
def test_three_identities(
    provider: str, kind: str, issuer: str, rehearse: Rehearsal, project_name: str, tmp_path: Path
) -> None:
    make_wheel(tmp_path, project_name)
    report = rehearse(tmp_path, "--provider", provider)
    assert report["provider"]["name"] == provider
    assert report["provider"]["publisher"]["kind"] == kind
    assert list(statuses(report).values()) == [("uploaded", "verified")]
    (attestation,) = report["files"][0]["attestations"]
    assert attestation["certificate"]["issuer"] == issuer


def test_self_managed_gitlab_uploads_and_attests_nothing(
    rehearse: Rehearsal, project_name: str, tmp_path: Path
) -> None:
    make_wheel(tmp_path, project_name)
    rehearse.env.update(GITLAB_CI="true", CI_SERVER_URL="https://gitlab.example.org")
    report = rehearse(tmp_path)
    assert list(statuses(report).values()) == [("uploaded", "unattested")]
    (off,) = [f for f in report["findings"] if f["code"] == "attestations-off"]
    assert "gitlab.example.org" in off["message"] or "self-managed" in off["message"]


def test_a_private_name_goes_public_only_when_allowed(
    rehearse: Rehearsal, project_name: str, tmp_path: Path
) -> None:
    make_wheel(tmp_path, project_name)
    claims = tmp_path / "claims.json"
    claims.write_text(json.dumps({**GITHUB, "repository_visibility": "private"}))
    refused = rehearse(tmp_path, "--provider-claims", claims, exit_code=5)
    assert codes(refused) >= {"private-repo-in-public-log"}
    assert "mint" not in steps(refused)
    allow = ("--allow", "private-repo-in-public-log")
    assert set(steps(rehearse(tmp_path, "--provider-claims", claims, *allow)).values()) == {"done"}


@pytest.fixture
def beside(sandbox: Sandbox, project_name: str, tmp_path: Path) -> Path:
    """A wheel with attestations that an earlier job of the same run made."""
    folder = tmp_path / "dist"
    folder.mkdir()
    wheel = make_wheel(folder, project_name)
    player = sandbox.persona("github")
    for suffix, predicate in (("publish", PUBLISH), ("slsa", SLSA)):
        made = sandbox.attest(player, wheel, predicate)
        (folder / f"{wheel.name}.{suffix}.attestation").write_text(made.model_dump_json())
    (tmp_path / "claims.json").write_text(json.dumps(GITHUB))
    return folder


def test_existing_attestations_are_used(
    rehearse: Rehearsal, beside: Path, tmp_path: Path, sandbox: Sandbox
) -> None:
    tree = f"{sandbox.info['rekor']}/api/v1/log"
    before = sandbox.http.get(tree).json()["treeSize"]
    report = rehearse(beside, "--provider-claims", tmp_path / "claims.json")
    assert sandbox.http.get(tree).json()["treeSize"] == before
    assert steps(report)["sign"] == "skipped"
    assert list(statuses(report).values()) == [("uploaded", "verified")]
    kinds = {one["predicate_type"] for one in report["files"][0]["attestations"]}
    assert kinds == {PUBLISH, SLSA}


def test_what_is_missing_is_signed(
    rehearse: Rehearsal, beside: Path, project_name: str, tmp_path: Path
) -> None:
    next(beside.glob("*.publish.attestation")).unlink()
    make_sdist(beside, project_name)
    report = rehearse(beside, "--provider-claims", tmp_path / "claims.json")
    assert set(statuses(report).values()) == {("uploaded", "verified")}
    counted = {f["kind"]: len(f["attestations"]) for f in report["files"]}
    assert counted == {"wheel": 2, "sdist": 1}


def test_a_rehearsal_of_its_own_leaves_existing_attestations_out(
    beside: Path, tmp_path: Path, clean_env: dict[str, str]
) -> None:
    path = tmp_path / "report.json"
    argv = ["--dry-run", "--provider-claims", str(tmp_path / "claims.json"), str(beside)]
    assert cli.run([*argv, "--report", str(path)], clean_env) == 0
    report = json.loads(path.read_text("utf-8"))
    assert "attestations-left-out" in codes(report)
    assert list(statuses(report).values()) == [("uploaded", "verified")]


def test_the_contract_is_kept(rehearse: Rehearsal, project_name: str, tmp_path: Path) -> None:
    folder = tmp_path / "dist"
    folder.mkdir()
    wheel = make_wheel(folder, project_name)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    contract = tmp_path / "contract.txt"
    contract.write_text(f"{digest}  {wheel.name}\n")
    assert list(statuses(rehearse(folder, "--expect", contract)).values()) == [
        ("uploaded", "verified")
    ]


def test_the_first_file_goes_alone(
    rehearse: Rehearsal, project_name: str, tmp_path: Path, sandbox: Sandbox
) -> None:
    """An index that is slow to make a release answers a second upload meanwhile with 500."""
    for n in range(8):
        make_wheel(tmp_path, project_name, tag=f"py3-none-manylinux_2_{n + 20}_x86_64")
    begun = len(sandbox.log())
    assert sandbox.post("index", {"new_release_ms": 300}).status_code == 200
    try:
        report = rehearse(tmp_path, "--jobs", "8")
    finally:
        sandbox.post("index", {"new_release_ms": 0})
    assert set(statuses(report).values()) == {("uploaded", "verified")}
    sent = [line["status"] for line in sandbox.log()[begun:] if line["path"] == "/legacy/"]
    assert sent == [200] * 8
