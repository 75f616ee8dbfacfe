"""``build`` and ``attest``: what a job does for another one, and that the other one takes it."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from publisher import cli
from publisher.publish.build import obstacle
from publisher.publish.contract import read
from support.archives import make_sdist, make_wheel
from support.play import own_sigstore
from support.projects import make_project
from support.sandbox import GITHUB, Sandbox

Report = dict[str, Any]


def run(folder: Path, env: dict[str, str], *argv: str | Path, exit_code: int = 0) -> Report:
    path = folder / "report.json"
    assert cli.run([*map(str, argv), "--report", str(path)], env) == exit_code
    report: Report = json.loads(path.read_text("utf-8"))
    return report


def codes(report: Report) -> set[str]:
    return {finding["code"] for finding in report["findings"]}


def test_what_is_built_is_what_is_published(
    sandbox: Sandbox,
    clean_env: dict[str, str],
    tmp_path: Path,
    project_name: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    project, contract = make_project(tmp_path / "source", project_name), tmp_path / "c.json"
    run(tmp_path, clean_env, "build", project, "--contract", contract)
    assert capsys.readouterr().out.rstrip().endswith(f"Built {project_name} 1.0.")
    built = sorted(path.name for path in (project / "dist").iterdir())
    assert sorted(read(contract).files) == built
    assert read(contract).releases == frozenset({(project_name, "1.0")})

    argv: list[str | Path] = ["--sandbox", sandbox.control, project / "dist", "--expect", contract]
    report = run(tmp_path, clean_env, *argv)
    assert sorted(file["filename"] for file in report["files"]) == built

    (project / "dist" / built[0]).unlink()
    assert "contract-broken" in codes(run(tmp_path, clean_env, *argv, exit_code=4))


def test_a_build_needs_no_identity_and_keeps_the_tag(
    clean_env: dict[str, str], tmp_path: Path, project_name: str
) -> None:
    """In a job that has none; the job's tag is compared all the same."""
    project = make_project(tmp_path / "source", project_name)
    env = {**clean_env, "GITHUB_ACTIONS": "true", "GITHUB_REF_TYPE": "tag"}
    argv: list[str | Path] = ["build", project, "--contract", tmp_path / "c.json"]
    assert run(tmp_path, {**env, "GITHUB_REF_NAME": "v1.0"}, *argv)["exit_code"] == 0
    wrong = run(tmp_path, {**env, "GITHUB_REF_NAME": "v2.0"}, *argv, exit_code=4)
    assert "tag-mismatch" in codes(wrong)


def test_the_contract_of_an_earlier_build_gets_into_no_sdist(
    clean_env: dict[str, str], tmp_path: Path, project_name: str
) -> None:
    """Some backends take everything that lies in the project."""
    project, contract = make_project(tmp_path, project_name), tmp_path / "contract.json"
    backend = project / "backend.py"
    greedy = backend.read_text().replace('("pyproject.toml", "backend.py")', "os.listdir()")
    backend.write_text(greedy.replace("tar.add(", "os.path.isdir(name) or tar.add("))
    for _ in range(2):
        assert cli.run(["build", str(project), "--contract", str(contract)], clean_env) == 0
        (sdist,) = (project / "dist").glob("*.tar.gz")
        with tarfile.open(sdist) as archive:
            held = {name.rpartition("/")[2] for name in archive.getnames()}
        assert "backend.py" in held
        assert contract.name not in held


def test_the_contract_stays_out_of_the_dists(
    clean_env: dict[str, str], tmp_path: Path, project_name: str
) -> None:
    dists = tmp_path / "dist"
    make_wheel(dists, project_name)
    report = run(tmp_path, clean_env, "build", dists, "--contract", dists / "c", exit_code=2)
    assert codes(report) == {"cannot-write"}
    assert len(list(dists.iterdir())) == 1


def test_an_attestation_beside_its_dist_is_used(
    sandbox: Sandbox, clean_env: dict[str, str], tmp_path: Path, project_name: str
) -> None:
    dists = tmp_path / "dist"
    wheel, sdist = make_wheel(dists, project_name), make_sdist(dists, project_name)
    report = run(tmp_path, clean_env, "attest", dists, *own_sigstore(sandbox, tmp_path))
    assert {len(file["attestations"]) for file in report["files"]} == {1}
    beside = [path.with_name(f"{path.name}.publish.attestation") for path in (sdist, wheel)]
    assert sorted(path.name for path in dists.iterdir()) == sorted(
        path.name for path in (wheel, sdist, *beside)
    )
    texts = [path.read_bytes() for path in beside]

    # the same again makes nothing new, and publishing uses them
    before = sandbox.stats()["rekor"]["requests"]
    run(tmp_path, clean_env, "attest", dists, *own_sigstore(sandbox, tmp_path))
    assert [path.read_bytes() for path in beside] == texts
    claims = tmp_path / "claims.json"
    claims.write_text(json.dumps(GITHUB))
    argv: list[str | Path] = ["--sandbox", sandbox.control, dists, "--provider-claims", claims]
    report = run(tmp_path, clean_env, *argv)
    assert {p["arrival"] for f in report["files"] for p in f["indexes"].values()} == {"verified"}
    assert sandbox.stats()["rekor"]["requests"] == before, "nothing was signed anew"


def test_attesting_in_a_rehearsal_leaves_nothing_beside(
    clean_env: dict[str, str],
    tmp_path: Path,
    project_name: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wheel = make_wheel(tmp_path / "dist", project_name)
    keep = tmp_path / "keep"
    run(tmp_path, clean_env, "attest", wheel, "--dry-run", "--keep", keep)
    assert list(wheel.parent.iterdir()) == [wheel]
    assert (keep / "attestations" / f"{wheel.name}.publish.attestation").exists()
    assert "WORTH NOTHING" in capsys.readouterr().out.splitlines()[-1]


def test_attesting_needs_an_identity(
    clean_env: dict[str, str], tmp_path: Path, project_name: str
) -> None:
    wheel = make_wheel(tmp_path / "dist", project_name)
    assert codes(run(tmp_path, clean_env, "attest", wheel, exit_code=3)) == {"no-identity-provider"}


def test_no_room_for_the_attestation(
    sandbox: Sandbox, clean_env: dict[str, str], tmp_path: Path, project_name: str
) -> None:
    wheel = make_wheel(tmp_path / "dist", project_name)
    options = own_sigstore(sandbox, tmp_path)
    wheel.with_name(f"{wheel.name}.publish.attestation").mkdir()
    report = run(tmp_path, clean_env, "attest", wheel, *options, exit_code=5)
    assert codes(report) == {"existing-attestation-refused"}


# A build in a job that can get tokens

JOB = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "workflow_dispatch"}
TAG = {**JOB, "GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "v1.0"}
NEAR, HERE, REFUSED = "build-in-publishing-job", "isolation-unavailable", "build-not-isolated"


@pytest.mark.parametrize(
    ("isolates", "env", "argv", "expected"),
    [
        (True, JOB, [], {NEAR}),
        (True, {}, [], {NEAR}),
        (False, JOB, [], {NEAR, REFUSED}),
        (False, JOB, ["--allow", "networked-build"], {NEAR, REFUSED}),
        (False, JOB, ["--allow", "build-not-isolated"], {NEAR, HERE}),
        (False, JOB, ["--tag", "v1.0"], {NEAR, HERE}),
        (False, JOB, ["--tag", "none"], {NEAR, REFUSED}),
        (False, TAG, [], {NEAR, HERE}),
        (False, TAG, ["--tag", "none"], {NEAR, HERE}),
        (False, {}, [], {NEAR, HERE}),
    ],
)
def test_a_build_beside_tokens(
    sandbox: Sandbox,
    clean_env: dict[str, str],
    tmp_path: Path,
    project_name: str,
    monkeypatch: pytest.MonkeyPatch,
    isolates: bool,
    env: dict[str, str],
    argv: list[str],
    expected: set[str],
) -> None:
    """Always said; refused where nothing keeps it from them, and nobody released anything."""
    if not isolates:
        monkeypatch.setattr("sys.platform", "darwin")
    elif why := obstacle(clean_env):
        pytest.skip(why)
    project = make_project(tmp_path / "source", project_name)
    argv = ["attest", str(project), *own_sigstore(sandbox, tmp_path), *argv]
    code = 4 if REFUSED in expected else 0
    report = run(tmp_path, {**clean_env, **env}, *argv, exit_code=code)
    assert codes(report) - {"description-check"} == expected
    assert (project / "dist").exists() == (code == 0)


def test_the_doctor_says_it_too(
    sandbox: Sandbox,
    clean_env: dict[str, str],
    tmp_path: Path,
    project_name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    project = make_project(tmp_path / "source", project_name)
    where = ["--repository-url", f"{sandbox.index}/legacy/", "--audience", "sigstore"]
    argv = ["doctor", str(project), *own_sigstore(sandbox, tmp_path), *where]
    report = run(tmp_path, {**clean_env, **JOB}, *argv, exit_code=4)
    assert {NEAR, REFUSED, "would-build"} <= codes(report)
    assert {NEAR, REFUSED} & codes(run(tmp_path, clean_env, "doctor", project, *where)) == set()


@pytest.mark.parametrize("command", ["build", "publish"])
def test_no_tokens_no_word(
    clean_env: dict[str, str],
    tmp_path: Path,
    project_name: str,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    """A job that may ask for none; those of a rehearsal are worth nothing."""
    monkeypatch.setattr("sys.platform", "darwin")
    project = make_project(tmp_path / "source", project_name)
    how = ["--contract", str(tmp_path / "c.json")] if command == "build" else ["--dry-run"]
    report = run(tmp_path, {**clean_env, **JOB}, command, project, *how)
    assert HERE in codes(report)
    assert not {NEAR, REFUSED} & codes(report)


ASKS = {
    **JOB,
    "ACTIONS_ID_TOKEN_REQUEST_URL": "https://ids.example/",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "planted",
}
GITLAB = {"GITLAB_CI": "true", "CI": "true"}
HELD = {"PYPI_ID_TOKEN": "planted"}


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        (ASKS, {NEAR, REFUSED}),
        ({**ASKS, "GITHUB_EVENT_NAME": "pull_request_target"}, {NEAR, REFUSED}),
        ({**ASKS, **TAG}, {NEAR, HERE}),
        (GITLAB, {HERE}),
        ({**GITLAB, **HELD}, {NEAR, REFUSED}),
        (HELD, {HERE}),
    ],
)
def test_a_build_in_a_job_that_may_ask_for_tokens(
    clean_env: dict[str, str],
    tmp_path: Path,
    project_name: str,
    monkeypatch: pytest.MonkeyPatch,
    env: dict[str, str],
    expected: set[str],
) -> None:
    """``build`` asks for none; what it runs could."""
    monkeypatch.setattr("sys.platform", "darwin")
    project = make_project(tmp_path / "source", project_name)
    argv: list[str | Path] = ["build", project, "--contract", tmp_path / "c.json"]
    report = run(tmp_path, {**clean_env, **env}, *argv, exit_code=4 if REFUSED in expected else 0)
    assert codes(report) & {NEAR, HERE, REFUSED} == expected


@pytest.mark.parametrize(
    ("env", "refused"), [({}, False), ({"CI": "true"}, True), (JOB, True), (TAG, False)]
)
@pytest.mark.usefixtures("impatient")
def test_a_build_beside_a_password(
    clean_env: dict[str, str],
    tmp_path: Path,
    project_name: str,
    monkeypatch: pytest.MonkeyPatch,
    env: dict[str, str],
    refused: bool,
) -> None:
    """Nobody listens at the index, so a run that builds ends right after."""
    monkeypatch.setattr("sys.platform", "darwin")
    project = make_project(tmp_path / "source", project_name)
    url = "https://127.0.0.1:9/"
    argv = ["publish", str(project), "--repository-url", url, "--check-url", url]
    env = {**clean_env, **env, "PUBLISHER_PASSWORD": "planted"}
    report = run(tmp_path, env, *argv, exit_code=4 if refused else 6)
    assert codes(report) & {NEAR, HERE, REFUSED} == {NEAR, REFUSED if refused else HERE}
