"""``doctor``: what would become of a release, said without doing anything."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema
import pytest

from publisher import cli
from publisher.providers import PROVIDERS, from_claims, read_claims
from publisher.report.record import schema
from support.archives import make_sdist, make_wheel
from support.projects import make_project
from support.sandbox import GITHUB, GITLAB, GOOGLE, Sandbox

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = Path(__file__).resolve().parents[1].parent / "shared" / "facts" / "claims"
NAMES = sorted(path.stem for path in SAMPLES.glob("*.json"))
Found = dict[str, Any]


@dataclass
class Doctor:
    """Runs ``doctor`` with JSON on standard output."""

    folder: Path
    env: dict[str, str]
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str | Path, exit_code: int = 0, **env: str) -> Found:
        argv = ["doctor", "--format", "json", *map(str, arguments)]
        code = cli.run(argv, {**self.env, **env})
        out, err = self.capsys.readouterr()
        found: Found = json.loads(out)
        assert code == found["exit_code"] == exit_code, err
        jsonschema.validate(found, schema("publisher.doctor/1"))
        return found

    def claims(self, claims: dict[str, Any]) -> tuple[str, str]:
        path = self.folder / "claims.json"
        path.write_text(json.dumps(claims))
        return "--provider-claims", str(path)


@pytest.fixture
def doctor(
    tmp_path: Path,
    clean_env: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    no_network: None,
) -> Doctor:
    """In an empty folder, and without a network."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return Doctor(tmp_path, clean_env, capsys)


def codes(found: Found) -> set[str]:
    return {finding["code"] for finding in found["findings"]}


# A review of claims


@pytest.mark.skipif(not NAMES, reason="the samples are not here")
@pytest.mark.parametrize("name", NAMES)
def test_every_sample_of_claims(doctor: Doctor, name: str) -> None:
    path = SAMPLES / f"{name}.json"
    claims = read_claims(path)
    provider = from_claims(claims, {}, Path())
    mint, attest = provider.mint_verdict(claims), provider.attest_verdict(claims)
    attests = provider.supports("pypi").attest
    good = mint.accepted and (attest.accepted or not attests)
    private = good and attests and provider.private(claims)
    code = 0 if good and not private else 5 if mint.accepted and not _named(attest) else 3
    found = doctor("--provider-claims", path, exit_code=code)
    assert found["mint"] == {"accepted": mint.accepted, "code": mint.code, "why": mint.why}
    assert found["attest"] == {"accepted": attest.accepted, "why": attest.why}
    assert found["provider"]["claims"] == {k: v for k, v in claims.items() if k != "jti"}
    assert found["plan"] == []
    known = {one.name for one in PROVIDERS}
    if found["provider"]["name"] not in known:
        assert found["mint"]["why"] == "unknown trusted publishing issuer"


def _named(verdict: Any) -> bool:
    """Whether the cause has a name of its own, which is an identity's (exit code 3)."""
    return bool(verdict.cause.exit_code == 3)


def test_the_form_is_filled_in(doctor: Doctor) -> None:
    found = doctor(*doctor.claims({**GITHUB, "environment": "pypi & co"}))
    (form,) = found["forms"]
    url = urlsplit(form["url"])
    assert url.path == "/manage/account/publishing/"
    assert {k: v for k, (v,) in parse_qs(url.query).items()} == {
        "provider": "github",
        "owner": "octo-org",
        "repository": "widget",
        "workflow_filename": "release.yml",
        "environment": "pypi & co",
    }
    assert found["provider"]["register"] == {
        "Owner": "octo-org",
        "Repository name": "widget",
        "Workflow name": "release.yml",
        "Environment name": "pypi & co",
    }
    assert found["provider"]["invented"] is False


@pytest.mark.parametrize(
    ("claims", "query"),
    [
        (
            GITLAB,
            "provider=gitlab&namespace=my-group&project=widget&workflow_filepath=.gitlab-ci.yml",
        ),
        (GOOGLE, "provider=google&email=publisher%40my-project.iam.gserviceaccount.com&sub=1048"),
    ],
)
def test_the_form_of_others(doctor: Doctor, claims: dict[str, Any], query: str) -> None:
    (form,) = doctor(*doctor.claims(claims))["forms"]
    assert urlsplit(form["url"]).query.startswith(query)


def test_no_network_is_no_fault_of_the_claims(doctor: Doctor) -> None:
    found = doctor(*doctor.claims(GITHUB))
    assert codes(found) == {"nothing-here", "index-not-readable"}
    (told,) = [one for one in found["findings"] if one["code"] == "index-not-readable"]
    assert told["message"].startswith("the audience that pypi asks for could not be read: ")


def test_an_index_that_does_not_answer_is_asked_once(doctor: Doctor, tmp_path: Path) -> None:
    make_wheel(tmp_path / "dist", "some-widget")
    found = doctor(*doctor.claims(GITHUB), tmp_path / "dist")
    told = [one for one in found["findings"] if "does not answer" in one["message"]]
    assert len(told) == 1


def test_a_private_repository(doctor: Doctor) -> None:
    private = doctor.claims({**GITHUB, "repository_visibility": "private"})
    assert "private-repo-in-public-log" in codes(doctor(*private, exit_code=5))
    doctor(*private, "--allow", "private-repo-in-public-log")
    doctor(*private, "--attestations", "off")


def test_on_a_laptop(doctor: Doctor, tmp_path: Path) -> None:
    project = on_github(tmp_path)
    found = doctor(project)
    assert found["provider"]["invented"] is True
    assert found["provider"]["name"] == "github"
    assert "attestations-off" not in codes(found)
    assert found["provider"]["register"]["Repository name"] == "widget"
    assert found["mint"]["accepted"]
    assert found["attest"]["accepted"]
    assert "would-build" in codes(found)
    assert [form["project"] for form in found["forms"]] == ["some-widget"]
    assert not (project / "dist").exists()


def on_github(folder: Path) -> Path:
    project = make_project(folder / "widget", "some-widget")
    for argv in (["init", "-q"], ["remote", "add", "up", "https://github.com/octo-org/widget"]):
        subprocess.run(["git", *argv], cwd=project, check=True)
    return project


def test_the_form_has_what_the_checkout_says(doctor: Doctor, tmp_path: Path) -> None:
    project = on_github(tmp_path)
    workflows = project / ".github" / "workflows"
    workflows.mkdir(parents=True)
    simple = ROOT / "examples" / "github-simple.yml"
    (workflows / "publish.yaml").write_text(simple.read_text("utf-8"))
    (form,) = doctor(project)["forms"]
    query = parse_qs(urlsplit(form["url"]).query)
    assert query["workflow_filename"] == ["publish.yaml"]
    assert query["environment"] == ["pypi"]


def test_no_guess_goes_into_the_form(doctor: Doctor, tmp_path: Path) -> None:
    project = on_github(tmp_path)
    found = doctor(project)
    assert {"workflow_filename", "environment"}.isdisjoint(
        parse_qs(urlsplit(found["forms"][0]["url"]).query)
    )
    assert list(found["provider"]["register"]) == ["Owner", "Repository name"]
    assert cli.run(["doctor", str(project)], doctor.env) == 0
    shown = doctor.capsys.readouterr().out
    assert "  Environment name:             unknown: the environment: of your job\n" in shown


def test_what_is_guessed_is_not_vouched_for(doctor: Doctor, tmp_path: Path) -> None:
    project = on_github(tmp_path)
    workflows = project / ".github" / "workflows"
    workflows.mkdir(parents=True)
    for name, environment in (("a.yml", "pypi"), ("b.yml", "testpypi")):
        simple = (ROOT / "examples" / "github-simple.yml").read_text("utf-8")
        text = simple.replace("environment: pypi", f"environment: {environment}")
        (workflows / name).write_text(text)
    found = doctor(project)
    publisher = found["provider"]["publisher"]
    assert (publisher["workflow"], publisher["environment"]) == (None, None)
    assert "release.yml" not in found["mint"]["why"] + found["attest"]["why"]
    assert cli.run(["doctor", str(project)], doctor.env) == 0
    shown = doctor.capsys.readouterr().out
    assert "unknown: the file of your workflow, one of a.yml, b.yml\n" in shown
    assert "unknown: the environment: of your job, one of pypi, testpypi\n" in shown
    unknown = "as far as can be told; not known: which workflow, which environment"
    assert shown.count(unknown) == 3
    assert "yes" not in shown


def test_nothing_to_publish_on_a_laptop(doctor: Doctor) -> None:
    assert cli.run(["doctor"], doctor.env) == 0
    last = doctor.capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("There is nothing to publish here.")


def test_an_invented_repository_is_not_vouched_for(doctor: Doctor, tmp_path: Path) -> None:
    project = make_project(tmp_path / "widget", "some-widget")
    found = doctor(project)
    assert (found["mint"], found["attest"]) == (None, None)
    assert cli.run(["doctor", str(project)], doctor.env) == 0
    shown = doctor.capsys.readouterr().out
    assert "octo-org/widget is invented" in shown
    assert "yes" not in shown
    assert shown.splitlines()[-1].endswith("Not known: as whom it would be published.")


def test_the_version_to_be_built_is_there(
    doctor: Doctor, sandbox: Sandbox, tmp_path: Path, project_name: str
) -> None:
    project = make_project(tmp_path / "widget", project_name)
    argv: list[str | Path] = ["--sandbox", sandbox.control, project]
    assert "version-there" not in codes(doctor(*argv))
    wheel = make_wheel(tmp_path / "old", project_name, "1.0")
    assert sandbox.upload(sandbox.mint(sandbox.persona()), wheel).status_code == 200
    (told,) = [one for one in doctor(*argv)["findings"] if one["code"] == "version-there"]
    assert told["facts"] == {"files": [wheel.name]}


def test_values_that_are_made_up_are_not_shown(doctor: Doctor, tmp_path: Path) -> None:
    """Somebody might register them, and trust a stranger's repository."""
    found = doctor(make_project(tmp_path / "widget", "some-widget"))
    assert found["forms"] == []
    assert "repository-unknown" in codes(found)


def test_nothing_to_publish_in_a_job(doctor: Doctor, sandbox: Sandbox) -> None:
    assert "nothing-to-publish" in codes(doctor("--sandbox", sandbox.control, exit_code=4))


# Files and the index


def test_what_each_file_will_meet(
    doctor: Doctor, sandbox: Sandbox, tmp_path: Path, project_name: str
) -> None:
    dists = tmp_path / "dist"
    same = make_wheel(dists, project_name)
    taken = make_wheel(dists, project_name, tag="py3-none-win32")
    new = make_sdist(dists, project_name)
    token = sandbox.mint(sandbox.persona())
    assert sandbox.upload(token, same).status_code == 200
    assert sandbox.upload(token, taken).status_code == 200
    taken = make_wheel(dists, project_name, tag="py3-none-win32", members={"x.py": "1"})
    (dists / f"{project_name.replace('-', '_')}-1.0-py3-none-macosx_11_0_arm64.whl").write_bytes(
        b""
    )
    found = doctor("--sandbox", sandbox.control, dists, exit_code=4)
    states = {one["filename"]: one["state"] for one in found["plan"]}
    assert [states.pop(path.name) for path in (same, taken, new)] == [
        "identical",
        "conflict",
        "new",
    ]
    assert list(states.values()) == ["refused"]
    assert all(one["why"] for one in found["plan"])
    assert {one["sha256"] is None for one in found["plan"] if one["state"] == "refused"} == {True}
    (form,) = found["forms"]
    assert urlsplit(form["url"]).path == f"/manage/project/{project_name}/settings/publishing/"
    assert "conflict" in {one["state"] for one in found["plan"]}


def test_bad_files_are_refused_each_for_itself(
    doctor: Doctor, sandbox: Sandbox, tmp_path: Path, project_name: str
) -> None:
    """All are read together: what is worth saying of several is said once."""
    dists = tmp_path / "dist"
    wheels = [
        make_wheel(dists, project_name, tag=f"cp31{n}-cp31{n}-win32", description="")
        for n in range(4)
    ]
    good, bad = wheels[:2], wheels[2:]
    for path in bad:
        path.write_bytes(b"no archive")
    found = doctor("--sandbox", sandbox.control, dists, exit_code=4)
    states = {one["filename"]: one["state"] for one in found["plan"]}
    assert states == {path.name: "new" for path in good} | {path.name: "refused" for path in bad}
    told = [(one["code"], one["facts"]) for one in found["findings"]]
    assert [facts["file"] for code, facts in told if code == "broken-archive"] == [
        path.name for path in bad
    ]
    assert [facts["files"] for code, facts in told if code == "description-check"] == [
        [path.name for path in good]
    ]


def test_a_conflict_would_end_the_run(
    doctor: Doctor, sandbox: Sandbox, tmp_path: Path, project_name: str
) -> None:
    wheel = make_wheel(tmp_path / "dist", project_name)
    assert sandbox.upload(sandbox.mint(sandbox.persona()), wheel).status_code == 200
    make_wheel(tmp_path / "dist", project_name, members={"x.py": "1"})
    found = doctor("--sandbox", sandbox.control, tmp_path / "dist", exit_code=4)
    assert codes(found) == {"release-conflict"}


def test_a_contract_that_is_broken(
    doctor: Doctor, sandbox: Sandbox, tmp_path: Path, project_name: str
) -> None:
    make_wheel(tmp_path / "dist", project_name)
    (tmp_path / "sums").write_text(f"{'0' * 64}  other.whl\n")
    argv: list[str | Path] = [
        "--sandbox",
        sandbox.control,
        tmp_path / "dist",
        "--expect",
        tmp_path / "sums",
    ]
    assert "contract-broken" in codes(doctor(*argv, exit_code=4))


def test_auth_mints_and_burns(
    doctor: Doctor, sandbox: Sandbox, tmp_path: Path, project_name: str
) -> None:
    wheel = make_wheel(tmp_path / "dist", project_name)
    assert sandbox.upload(sandbox.mint(sandbox.persona()), wheel).status_code == 200
    before = len(sandbox.log())
    doctor("--sandbox", sandbox.control, tmp_path / "dist", "--auth")
    asked = [f"{one['method']} {one['path']}" for one in sandbox.log()[before:]]
    assert asked.count("POST /_/oidc/mint-token") == 1
    assert asked.count("POST /_/oidc/burn-token") == 1
    assert not [one for one in asked if "legacy" in one]


def test_auth_creates_no_project(
    doctor: Doctor, sandbox: Sandbox, tmp_path: Path, project_name: str
) -> None:
    make_wheel(tmp_path / "dist", project_name)
    before = len(sandbox.log())
    found = doctor("--sandbox", sandbox.control, tmp_path / "dist", "--auth")
    assert codes(found) == {"new-project", "not-minted"}
    assert {one["method"] for one in sandbox.log()[before:] if one["service"] == "pypi"} == {"GET"}
    assert "project_name" in found["forms"][0]["url"]


def test_auth_needs_a_job(doctor: Doctor) -> None:
    assert "not-minted" in codes(doctor(*doctor.claims(GITHUB), "--auth"))


def test_a_refused_mint(
    doctor: Doctor, sandbox: Sandbox, tmp_path: Path, project_name: str
) -> None:
    wheel = make_wheel(tmp_path / "dist", project_name)
    assert sandbox.upload(sandbox.mint(sandbox.persona()), wheel).status_code == 200
    sandbox.post("settings", {"disabled": ["github"]})
    try:
        argv: list[str | Path] = ["--sandbox", sandbox.control, tmp_path / "dist", "--auth"]
        assert "mint-refused" in codes(doctor(*argv, exit_code=6))
    finally:
        sandbox.post("settings", {"disabled": []})


def test_with_a_password_nobody_is_asked(doctor: Doctor, tmp_path: Path, project_name: str) -> None:
    make_wheel(tmp_path / "dist", project_name)
    url = "https://127.0.0.1:9/"
    argv: list[str | Path] = [tmp_path / "dist", "--repository-url", url, "--user", "me"]
    found = doctor(*argv, PUBLISHER_PASSWORD="s3cr3t")
    assert found["forms"] == []
    assert [one["state"] for one in found["plan"]] == ["new"]
    assert "attestations-off" in codes(found)


def test_options_that_contradict_each_other(doctor: Doctor) -> None:
    argv = ["--attestations", "required"]
    found = doctor(*argv, exit_code=2, PUBLISHER_PASSWORD="s3cr3t")
    assert codes(found) == {"invalid-value"}


# In words


def test_in_words(doctor: Doctor, sandbox: Sandbox, tmp_path: Path, project_name: str) -> None:
    make_wheel(tmp_path / "dist", project_name)
    argv = ["doctor", "--sandbox", sandbox.control, str(tmp_path / "dist")]
    assert cli.run(argv, doctor.env) == 0
    out = doctor.capsys.readouterr().out
    lines = out.splitlines()
    assert f"The trusted publisher to register on pypi for {project_name}:" in lines
    assert "  Workflow name:                release.yml" in lines
    assert "  Environment name:             (leave empty)" in lines
    assert any(line.startswith("The index, asked for an upload token") for line in lines)
    assert lines[-1].endswith("as far as can be seen from here.")
    assert "REHEARSAL" in out


def test_a_refusal_in_words(doctor: Doctor) -> None:
    claims = doctor.claims({**GITHUB, "event_name": "pull_request_target"})
    assert cli.run(["doctor", *claims], doctor.env) == 3
    out = doctor.capsys.readouterr().out
    assert "is registered: NO" in out
    assert out.rstrip().endswith("Publishing would fail: 1 problem (event-not-supported).")


def test_which_cis_are_known(doctor: Doctor) -> None:
    assert cli.run(["doctor", "--providers"], doctor.env) == 0
    rows = [line.split() for line in doctor.capsys.readouterr().out.splitlines()]
    assert {row[0]: (row[-2], row[-1]) for row in rows[1:]} == {
        "github": ("yes", "yes"),
        "gitlab": ("yes", "yes"),
        "google": ("yes", "yes"),
        "activestate": ("yes", "no"),
    }
