"""Real runs, no rehearsal, against services of one's own: an index, a Sigstore, a source of tokens.

The sandbox plays them; our program takes them for what the options say they are.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests

from publisher import cli
from publisher.rehearsal.child import child
from publisher.report.record import schema
from publisher.world import INDEXES
from support.archives import make_wheel
from support.sandbox import GITHUB, Sandbox

Report = dict[str, Any]
ISSUER = "https://id.example"
HERE = "packages.example"
"""What the index of our own wants its tokens to be for."""


@pytest.fixture(scope="module")
def own_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A world with an index of our own, whose tokens no other index takes."""
    folder = tmp_path_factory.mktemp("own")
    with (
        child(folder, indexes=(f"own@{HERE}",), env=os.environ) as (url, _),
        requests.Session() as http,
    ):
        http.trust_env = False
        yield Sandbox(url, http)


@dataclass
class Own:
    """Runs the command line with options for the sandbox's services."""

    sandbox: Sandbox
    folder: Path
    env: dict[str, str]

    def file(self, name: str, content: object) -> str:
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    def tokens(self, kind: str = "github", **claims: object) -> str:
        """Two of each: a run looks at one, and a second run must not find it used."""
        player = self.sandbox.persona(kind, claims=claims)
        wanted = {aud: [player.token(aud), player.token(aud)] for aud in (HERE, "sigstore")}
        return self.file("tokens.json", wanted)

    def index(self) -> list[str]:
        url = self.sandbox.index
        where = ["--repository-url", f"{url}/legacy/", "--check-url", f"{url}/simple"]
        return [*where, "--audience", HERE]

    def trust(self) -> list[str]:
        return ["--trust-config", self.file("trust.json", self.sandbox.info["trust_config"])]

    def __call__(self, *arguments: str | Path, exit_code: int = 0, **env: str) -> Report:
        path = self.folder / "report.json"
        argv = ["--report", str(path), *map(str, arguments)]
        assert cli.run(argv, {**self.env, **env}) == exit_code
        report: Report = json.loads(path.read_text("utf-8"))
        jsonschema.validate(report, schema())
        assert report["dry_run"] is False
        return report


@pytest.fixture
def own(
    own_world: Sandbox, tmp_path: Path, clean_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Own:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return Own(own_world, tmp_path, clean_env)


@pytest.fixture
def wheel(tmp_path: Path, project_name: str) -> Path:
    return make_wheel(tmp_path / "dist", project_name)


def fates(report: Report) -> list[tuple[str, str]]:
    return [
        (place["status"], place["arrival"])
        for file in report["files"]
        for place in file["indexes"].values()
    ]


def codes(report: Report) -> set[str]:
    return {finding["code"] for finding in report["findings"]}


def test_everything_of_ones_own(
    own: Own, wheel: Path, project_name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    report = own(wheel, "--id-token-file", own.tokens(), *own.index(), *own.trust())
    assert fates(report) == [("uploaded", "verified")]
    assert [index["name"] for index in report["indexes"]] == ["127.0.0.1"]
    assert report["provider"]["name"] == "github"
    assert own.sandbox.provenance(wheel).status_code == 200
    last = capsys.readouterr().out.rstrip().splitlines()[-1]
    assert last == f"Published {project_name} 1.0 on 127.0.0.1."

    again = own(wheel, "--id-token-file", own.tokens(), *own.index(), *own.trust())
    assert fates(again) == [("already-there", "verified")]


def test_habits_of_the_job_that_publishes(own: Own, wheel: Path) -> None:
    argv = [str(wheel), *own.index(), *own.trust()]
    claims = {"runner_environment": "self-hosted", "ref_protected": "false"}
    habits = {"self-hosted-runner", "unprotected-ref", "static-credential"}
    own.env["TWINE_PASSWORD"] = "s3cr3t"
    report = own(*argv, "--id-token-file", own.tokens("github", **claims))
    assert habits <= codes(report)
    allow = [word for code in habits for word in ("--allow", code)]
    report = own(*argv, "--id-token-file", own.tokens("github", **claims), *allow)
    assert not habits & codes(report)
    played = own.file("claims.json", {**GITHUB, **claims})
    again = ["--dry-run", str(wheel), "--provider-claims", played]
    path = str(own.folder / "report.json")
    assert cli.run([*again, "--report", path], own.env) == 0
    told = codes(json.loads((own.folder / "report.json").read_text("utf-8")))
    assert not habits & told, "a job that rehearses is not the one that publishes"


@pytest.mark.parametrize(
    ("file", "place"), [("pyproject.toml", "dist/.publisher"), ("notes.txt", ".publisher")]
)
def test_a_journal_where_no_build_takes_it_along(
    own: Own, wheel: Path, tmp_path: Path, file: str, place: str
) -> None:
    here = tmp_path / "here"
    (here / file).write_text("[project]\n")
    own(wheel, "--id-token-file", own.tokens(), *own.index(), *own.trust())
    text = (here / place / "journal.jsonl").read_text("utf-8")
    events = [json.loads(line)["event"] for line in text.splitlines()]
    assert events == ["planned", "signing", "uploading", "uploaded", "arrived"]
    (folder,) = [path for path in here.iterdir() if path.name != file]
    assert folder.name == place.partition("/")[0], "and nothing else"
    for path in (here / place).rglob("*"):
        assert not path.is_file() or not any(
            secret in path.read_text("utf-8") for secret in ("pypi-", "eyJ0", "eyJhbGci")
        )


@pytest.mark.parametrize("name", ["journal.jsonl", ""])
def test_a_link_that_somebody_committed(own: Own, wheel: Path, tmp_path: Path, name: str) -> None:
    """It is not written through; the release does not depend on the journal."""
    target = tmp_path / "target"
    target.mkdir() if not name else target.write_text("theirs")
    state = tmp_path / "here" / ".publisher"
    (state / name).parent.mkdir(exist_ok=True)
    (state / name).symlink_to(target)
    report = own(wheel, "--id-token-file", own.tokens(), *own.index(), *own.trust())
    assert fates(report) == [("uploaded", "verified")]
    (told,) = [f["message"] for f in report["findings"] if f["code"] == "no-journal"]
    assert "is a link" in told
    assert target.read_text() == "theirs" if name else not list(target.iterdir())


def test_the_index_that_is_not_read(own: Own, wheel: Path) -> None:
    where = ["--repository-url", f"{own.sandbox.index}/legacy/", "--audience", HERE]
    report = own(wheel, "--id-token-file", own.tokens(), *where, *own.trust())
    assert fates(report) == [("uploaded", "not-checked")]
    assert "index-not-readable" in codes(report)
    assert {s["name"]: s["status"] for s in report["steps"]}["arrival"] == "skipped"


def test_another_audience_is_not_answered(own: Own, wheel: Path) -> None:
    where = [*own.index()[:-2], "--audience", "other.example"]
    tokens = own.sandbox.persona()
    file = own.file("t.json", {aud: tokens.token(aud) for aud in ("other.example", "sigstore")})
    report = own(wheel, "--id-token-file", file, *where, *own.trust(), exit_code=6)
    assert codes(report) == {"audience-mismatch"}


def test_tokens_are_used_once(own: Own, wheel: Path) -> None:
    player = own.sandbox.persona()
    held = {aud: player.token(aud) for aud in (HERE, "sigstore")}
    file = own.file("t.json", held)
    where = [*own.index(), "--repository-url", f"{own.sandbox.index}/legacy/"]
    report = own(wheel, "--id-token-file", file, *where, *own.trust())
    assert fates(report) == [("uploaded", "verified")]
    other = make_wheel(own.folder / "other", f"{wheel.name.split('-')[0]}-other")
    report = own(other, "--id-token-file", file, *where, *own.trust(), exit_code=6)
    assert "mint-refused" in codes(report)
    assert all(token not in json.dumps(report) for token in held.values())


def test_an_identity_provider_that_nobody_knows(own: Own, wheel: Path) -> None:
    """It can ask an index of one's own, which is free to know it; this one does not."""
    player = own.sandbox.persona(claims={"iss": ISSUER, "sub": "me"})
    file = own.file("t.json", {aud: player.token(aud) for aud in (HERE, "pypi")})
    report = own(wheel, "--id-token-file", file, *own.index(), exit_code=6)
    assert report["provider"]["publisher"] == {"kind": "Custom", "subject": "me"}
    assert codes(report) == {"attestations-off", "mint-refused"}
    # the public index is not even asked
    report = own(wheel, "--id-token-file", file, exit_code=3)
    assert report["findings"][-1]["message"] == "unknown trusted publishing issuer"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "it is no JSON object of tokens"),
        ([], "it is no JSON object of tokens"),
        ({"pypi": 1}, "it is no JSON object of tokens"),
        ({"pypi": ""}, "it is empty"),
        ({}, "it is empty"),
    ],
)
def test_a_file_without_tokens(own: Own, wheel: Path, content: object, problem: str) -> None:
    file = own.file("t.json", content)
    report = own(wheel, "--id-token-file", file, *own.index(), exit_code=2)
    (finding,) = report["findings"]
    assert (finding["code"], finding["facts"]["problem"]) == ("invalid-value", problem)


def test_a_token_for_something_else(own: Own, wheel: Path) -> None:
    file = own.file("t.json", {"other": own.sandbox.persona().token("other")})
    report = own(wheel, "--id-token-file", file, *own.index(), exit_code=3)
    assert codes(report) == {"id-token-missing"}
    assert report["findings"][0]["facts"]["audiences"] == ["other"]


@pytest.mark.parametrize("content", ["", "{}", '{"mediaType": "x"}', "no json"])
def test_no_trust_config(own: Own, wheel: Path, content: str) -> None:
    trust = ["--trust-config", own.file("t.txt", content)]
    report = own(wheel, "--id-token-file", own.tokens(), *own.index(), *trust, exit_code=5)
    assert "trust-root-unavailable" in codes(report)
    assert "ClientTrustConfig" in report["findings"][-1]["hint"]


def test_the_public_index_believes_the_public_sigstore_only(own: Own, wheel: Path) -> None:
    report = own(wheel, *own.trust(), "--attestations", "required", exit_code=2)
    assert codes(report) == {"invalid-value"}
    assert "with another --trust-config" in report["findings"][0]["message"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--check-url", "https://index.example"], "--check-url is for the index of"),
        (["--audience", "x"], "--audience is for the index of"),
        (["--repository-url", "http://index.example/"], "a URL must begin with https://"),
        (["--repository-url", "https://u:p@index.example/"], "a URL must begin with https://"),
        (["--repository-url", "nonsense"], "a URL must begin with https://"),
        (["--repository-url", "https://[/"], "a URL must begin with https://"),
        (["--repository", "pypi", "--repository-url", "https://index.example/"], "name different"),
        (["--password-file", "nowhere"], "nowhere can't be read: No such file"),
        (["--trust-config", "nowhere"], "nowhere can't be read: No such file"),
        (["--repository", "pypi", "--repository", "testpypi"], "a password is for one index"),
    ],
)  # fmt: skip
def test_options_that_can_not_be_meant(
    own: Own, wheel: Path, argv: list[str], message: str
) -> None:
    given = {"PUBLISHER_PASSWORD": "x"} if "a password" in message else {}
    report = own(wheel, *argv, exit_code=2, **given)
    (finding,) = report["findings"]
    assert finding["code"] == "invalid-value"
    assert message in finding["message"]
    assert "u:p" not in json.dumps(finding["facts"])


@pytest.mark.parametrize("content", ["", "\n", "two\nlines", "a\x00b"])
def test_a_file_that_holds_no_password(own: Own, wheel: Path, content: str) -> None:
    file = own.file("password", content)
    report = own(wheel, "--password-file", file, exit_code=2)
    assert "must hold one line" in report["findings"][0]["message"]


@pytest.mark.parametrize("audience", ["pypi", "testpypi", "sigstore"])
def test_nobody_gets_a_token_for_somebody_else(own: Own, wheel: Path, audience: str) -> None:
    where = ["--repository-url", "https://index.example/legacy/", "--audience", audience]
    report = own(wheel, "--id-token-file", own.tokens(), *where, exit_code=2)
    assert "are for another service" in report["findings"][0]["message"]


@pytest.mark.parametrize("mode", ["required", "best-effort"])
def test_a_password_attests_nothing(own: Own, wheel: Path, mode: str) -> None:
    """Not even with the best effort: the index would refuse the file for it."""
    argv = [wheel, "--dry-run", "--attestations", mode, "--report", own.folder / "r.json"]
    code = cli.run([*map(str, argv)], {**own.env, "PUBLISHER_PASSWORD": "pypi-x"})
    report = json.loads((own.folder / "r.json").read_text())
    assert code == (2 if mode == "required" else 0)
    assert all(not file["attestations"] for file in report["files"])


@pytest.mark.parametrize("name", ["pypi", "testpypi"])
def test_the_upload_url_of_an_index_that_we_know(own: Own, wheel: Path, name: str) -> None:
    """Other tools name TestPyPI by its URL, with a slash at the end or without."""
    url = INDEXES[name]().upload_url.rstrip("/")
    argv = ["--dry-run", "--repository-url", url, "--report", str(own.folder / "r.json")]
    assert cli.run([*argv, str(wheel)], own.env) == 0
    (index,) = json.loads((own.folder / "r.json").read_text())["indexes"]
    assert (index["name"], index["attestations"]) == (name, "required")
    report = own(wheel, "--repository-url", url, "--audience", "x", exit_code=2)
    assert "are known" in report["findings"][0]["message"]


def test_two_passwords(own: Own, wheel: Path) -> None:
    file = own.file("password", "x")
    report = own(wheel, "--password-file", file, exit_code=2, PUBLISHER_PASSWORD="y")
    assert "leave out one" in report["findings"][0]["message"]
