"""Persons: a login as Sigstore offers it, consent, an attestation, an index that takes it."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest
import requests

from publisher import cli
from publisher.verify import core
from publisher.verify.core import Unproven, Verifier
from support.archives import make_wheel
from support.play import asked, running
from support.sandbox import Sandbox, form

Json = dict[str, Any]
GITHUB = "https://github.com/login/oauth"
ME = "me@person.example"
PERSON = {"kind": "Email", "email": ME, "issuer": GITHUB}
ALLOW = ("--allow", "email-in-public-log")
# What a browser does with the page it is sent to: follow it to its end.
BROWSER = "import sys, urllib.request as u; u.urlopen(sys.argv[1]).read()"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def sits(own: Sandbox) -> Iterator[Sandbox]:
    """A sandbox with somebody before the browser."""
    assert own.post("login", {"email": ME, "connector": GITHUB}).status_code == 200
    yield own
    own.http.delete(f"{own.control}/faults")
    own.post("index", {"persons": False})


@dataclass
class Desk:
    """A person's machine: files, a browser that follows links, a program that asks."""

    folder: Path
    env: dict[str, str]
    sandbox: Sandbox
    wheel: Path

    def command(self, *arguments: str) -> list[str]:
        trust = self.folder / "sigstore.json"
        trust.write_text(json.dumps(self.sandbox.info["trust_config"]))
        command = [sys.executable, "-m", "publisher", "attest", "--identity", "email"]
        report = ["--report", str(self.folder / "report.json")]
        return [*command, "--trust-config", str(trust), *report, *arguments, str(self.wheel)]

    def run(self, *arguments: str, stdin: int | IO[str] = subprocess.DEVNULL) -> Json:
        """Attest; what is told of it is the report and ``said``."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.env,
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        report: Json = json.loads((self.folder / "report.json").read_text("utf-8"))
        assert report["exit_code"] == done.returncode
        return {**report, "out": done.stdout, "err": done.stderr}

    def typing(self, text: str, *arguments: str) -> Json:
        """Attest on a terminal, on which ``text`` is typed."""
        ours, theirs = pty.openpty()
        try:
            os.write(ours, text.encode())
            return self.run(*arguments, stdin=theirs)
        finally:
            os.close(ours)
            os.close(theirs)

    @property
    def attestation(self) -> Path:
        return self.wheel.with_name(f"{self.wheel.name}.publish.attestation")


@pytest.fixture
def desk(sits: Sandbox, tmp_path: Path, clean_env: dict[str, str], project_name: str) -> Desk:
    script = tmp_path / "browser.py"
    script.write_text(BROWSER)
    env = {**clean_env, "BROWSER": f"{sys.executable} {script} %s"}
    return Desk(tmp_path, env, sits, make_wheel(tmp_path, project_name))


def codes(report: Json) -> set[str]:
    return {finding["code"] for finding in report["findings"]}


def verifier_of(sandbox: Sandbox) -> Verifier:
    return Verifier(core.trust(json.dumps(sandbox.info["trust_config"])))


def digest(report: Json) -> str:
    return str(report["files"][0]["sha256"])


def test_a_person_signs_in_a_browser(desk: Desk) -> None:
    report = desk.run(*ALLOW)
    assert report["exit_code"] == 0, report["out"]
    assert report["provider"]["name"] == "email"
    assert report["provider"]["publisher"] == PERSON
    assert f"this run is {ME}, {GITHUB}" in report["out"]
    (signed,) = report["files"][0]["attestations"]
    assert signed["certificate"]["san"] == ME
    assert signed["certificate"]["issuer"] == GITHUB
    # that the public indexes do not take it is said
    assert "index-takes-none" in codes(report)
    assert "PyPI and TestPyPI take no attestations of e-mail identities" in report["out"]

    text, verifier = desk.attestation.read_text("utf-8"), verifier_of(desk.sandbox)
    proof = verifier.attestation(text, desk.wheel.name, digest(report), PERSON)
    assert proof.certificate.san == ME


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"email": "you@person.example"}, "SANs do not match you@person.example"),
        ({"issuer": "https://accounts.google.com"}, "OIDCIssuer"),
        ({"issuer": None}, "an address and who vouches for it"),
        ({"email": ""}, "an address and who vouches for it"),
        ({"kind": "Google"}, "OIDCIssuer"),
    ],
)
def test_somebody_else_is_not_proven(desk: Desk, other: Json, reason: str) -> None:
    report = desk.run(*ALLOW)
    text, verifier = desk.attestation.read_text("utf-8"), verifier_of(desk.sandbox)
    publisher = {**PERSON, **other}
    if publisher["kind"] == "Google":
        del publisher["issuer"]
    with pytest.raises(Unproven, match=reason):
        verifier.attestation(text, desk.wheel.name, digest(report), publisher)


def test_out_of_band(desk: Desk) -> None:
    """No browser here: a link to open elsewhere, and a code to type; JSON stays JSON."""
    desk.env |= {"BROWSER": "/bin/false"}
    with subprocess.Popen(
        desk.command(*ALLOW, "--format", "json"),
        cwd=desk.folder,
        env=desk.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr
        for line in process.stderr:
            if link := re.search(r"http://\S+", line):
                break
        assert link
        code = requests.get(link[0], timeout=10).text
        out, err = process.communicate(f"{code}\n", timeout=60)
    assert process.returncode == 0, err
    assert json.loads(out)["exit_code"] == 0
    assert desk.attestation.exists()


def test_consent_is_typed(desk: Desk) -> None:
    report = desk.typing(f"{ME}\n")
    assert report["exit_code"] == 0, report["err"]
    assert f"Signing writes {ME} into a public log, for ever" in report["err"]
    assert desk.attestation.exists()


@pytest.mark.parametrize("typed", ["yes\n", "\n", "you@person.example\n", "\x04"])
def test_no_consent(desk: Desk, typed: str) -> None:
    before = len(asked(desk.sandbox, "fulcio")), len(asked(desk.sandbox, "rekor"))
    report = desk.typing(typed)
    assert report["exit_code"] in {3, 5}
    assert codes(report) <= {"email-in-public-log", "token-request-failed"}
    assert (len(asked(desk.sandbox, "fulcio")), len(asked(desk.sandbox, "rekor"))) == before
    assert not desk.attestation.exists()


def test_without_a_terminal_nobody_agrees(desk: Desk) -> None:
    before = len(desk.sandbox.log())
    report = desk.run()
    assert report["exit_code"] == 5
    assert codes(report) == {"email-in-public-log"}
    ours = [line for line in desk.sandbox.log()[before:] if line["service"] != "control"]
    assert ours == []  # not even the login was begun


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"method": "GET", "path": "/.well-known/openid-configuration"}, "IssuerError"),
        ({"method": "POST", "path": "/token", "body": '{"error": "access_denied"}', "status": 200},
         "access_denied"),
        ({"method": "POST", "path": "/token", "body": "{}", "status": 200}, "KeyError"),
        ({"method": "POST", "path": "/token", "body": "<html>", "status": 200}, "JSONDecodeError"),
        ({"method": "POST", "path": "/token", "status": 503}, "503"),
    ],
)  # fmt: skip
def test_a_login_that_fails(desk: Desk, fault: Json, reason: str) -> None:
    whole = {"service": "issuer", "times": 5, "status": 500, **fault}
    assert desk.sandbox.post("faults", [whole]).status_code == 200
    report = desk.run(*ALLOW)
    assert report["exit_code"] == 3
    (finding,) = report["findings"]
    assert finding["code"] == "token-request-failed"
    assert reason in finding["facts"]["reason"]


def test_an_address_that_nobody_verified(desk: Desk) -> None:
    desk.sandbox.post("login", {"email": ME, "connector": GITHUB, "verified": False})
    report = desk.run(*ALLOW)
    assert codes(report) == {"not-attestable"}
    assert "email_verified" in report["out"]


@pytest.mark.parametrize("arguments", [("--provider", "github"), ("--id-token-file", "x.json")])
def test_one_identity_at_a_time(desk: Desk, arguments: tuple[str, ...]) -> None:
    assert codes(desk.run(*ALLOW, *arguments)) == {"invalid-value"}


def test_a_rehearsal_needs_no_login(desk: Desk, sandbox: Sandbox) -> None:
    report = desk.run("--sandbox", sandbox.control)
    assert report["exit_code"] == 0, report["out"]
    assert report["provider"]["publisher"]["email"] == "somebody@person.example"


# An index that takes them


def upload(desk: Desk) -> requests.Response:
    """As a user uploads, with an API token of their own."""
    token = desk.sandbox.post("api-token", {}).json()["tokens"]["pypi"]
    fields = form(desk.wheel, attestations=f"[{desk.attestation.read_text('utf-8')}]")
    return desk.sandbox.upload(token, desk.wheel, fields)


def maintained(desk: Desk, project: str, **other: str) -> None:
    asked = {"claims": {"iss": "x"}, "publisher": {**PERSON, **other}, "projects": [project]}
    assert desk.sandbox.post("persona", asked).status_code == 200


def test_the_whole_way(desk: Desk, project_name: str) -> None:
    report = desk.run(*ALLOW)
    maintained(desk, project_name, email="other@person.example")
    maintained(desk, project_name)
    desk.sandbox.post("index", {"persons": True})
    answer = upload(desk)
    assert answer.status_code == 200, answer.text
    body = desk.sandbox.provenance(desk.wheel).json()
    assert body["attestation_bundles"][0]["publisher"] == PERSON
    verifier = verifier_of(desk.sandbox)
    (proof,) = verifier.provenance(body, desk.wheel.name, digest(report), PERSON)
    assert proof.certificate.san == ME
    other = {**PERSON, "email": "you@person.example"}
    with pytest.raises(Unproven, match="the index names email"):
        verifier.provenance(body, desk.wheel.name, digest(report), other)
    body["attestation_bundles"][0]["publisher"]["email"] = "you@person.example"
    with pytest.raises(Unproven, match="SANs do not match"):
        verifier.provenance(body, desk.wheel.name, digest(report), other)
    del body["attestation_bundles"][0]["publisher"]["issuer"]
    with pytest.raises(Unproven, match="malformed"):
        verifier.provenance(body, desk.wheel.name, digest(report), other)


@pytest.mark.parametrize(
    ("who", "issuer", "code"),
    [(ME, GITHUB, 0), ("you@person.example", GITHUB, 11), (ME, "https://accounts.google.com", 11)],
)
def test_who_gets_it_with_the_file_can_verify_it(
    desk: Desk, who: str, issuer: str, code: int
) -> None:
    desk.run(*ALLOW)
    wanted = ["--cert-identity", who, "--cert-oidc-issuer", issuer]
    trust = ["--offline", "--trust-config", str(desk.folder / "sigstore.json")]
    given = ["verify", str(desk.wheel), "--attestation", str(desk.attestation)]
    assert cli.run([*given, *trust, *wanted], desk.env) == code


def test_an_index_that_names_a_person_is_verified(desk: Desk, project_name: str) -> None:
    desk.run(*ALLOW)
    maintained(desk, project_name)
    desk.sandbox.post("index", {"persons": True})
    assert upload(desk).status_code == 200
    trust = ["--trust-config", str(desk.folder / "sigstore.json")]
    where = ["--index", f"{desk.sandbox.index}/simple/", "--report", str(desk.folder / "v.json")]
    assert cli.run(["verify", f"{project_name}==1.0", *trust, *where], desk.env) == 0
    (result,) = json.loads((desk.folder / "v.json").read_text("utf-8"))["results"]
    assert result["status"] == "verified"
    assert (result["identity"]["kind"], result["identity"]["email"]) == ("email", ME)


def test_another_person_is_a_change(desk: Desk, project_name: str) -> None:
    desk.sandbox.post("index", {"persons": True})
    trust = ["--trust-config", str(desk.folder / "sigstore.json")]
    where = ["--index", f"{desk.sandbox.index}/simple/", "--lock", str(desk.folder / "lock")]
    report = desk.folder / "v.json"
    for version, who in (("1.0", ME), ("2.0", "you@person.example")):
        desk.sandbox.post("login", {"email": who, "connector": GITHUB})
        desk.wheel = make_wheel(desk.folder, project_name, version)
        desk.run(*ALLOW)
        maintained(desk, project_name, email=who)
        assert upload(desk).status_code == 200
        if who == ME:
            assert cli.run(["pin", project_name, *trust, *where], desk.env) == 0
            assert f"{project_name} id 1 email" in (desk.folder / "lock").read_text("utf-8")
    told = ["--report", str(report)]
    assert cli.run(["verify", project_name, *trust, *where, *told], desk.env) == 10
    (result,) = json.loads(report.read_text("utf-8"))["results"]
    found = [one for one in result["findings"] if one["severity"] != "note"]
    assert [one["rule"] for one in found] == ["D09"]
    assert f"email {ME}, now by email you@person.example" in found[0]["message"]


@pytest.mark.parametrize(
    ("persons", "project", "other", "reason"),
    [
        (False, "", {}, "only supported when using Trusted Publishing"),
        (True, "another", {}, "only supported when using Trusted Publishing"),
        (True, "", {"email": "you@person.example"}, "SANs do not match you@person.example"),
        (True, "", {"issuer": "https://accounts.google.com"}, "OIDCIssuer"),
    ],
)
def test_the_index_refuses(
    desk: Desk, project_name: str, persons: bool, project: str, other: Json, reason: str
) -> None:
    """The first is what the real index says today."""
    desk.run(*ALLOW)
    maintained(desk, project or project_name, **other)
    desk.sandbox.post("index", {"persons": persons})
    answer = upload(desk)
    assert answer.status_code == 400
    assert reason in answer.text


# The login, as OAuth has it


@pytest.fixture
def client(sits: Sandbox) -> Iterator[requests.Session]:
    with requests.Session() as http:
        http.trust_env = False
        yield http


def authorize(sandbox: Sandbox, client: requests.Session, **other: str) -> requests.Response:
    query = {
        "response_type": "code",
        "client_id": "sigstore",
        "redirect_uri": "http://localhost:1/auth/callback",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",  # RFC 7636, appendix B
        "code_challenge_method": "S256",
        "state": "s",
        **other,
    }
    url = f"{sandbox.info['issuer']}/auth"
    return client.get(url, params=query, allow_redirects=False)


def exchange(sandbox: Sandbox, http: requests.Session, code: str, **other: str) -> Json:
    data = {
        "grant_type": "authorization_code",
        "redirect_uri": "http://localhost:1/auth/callback",
        "code": code,
        "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        **other,
    }
    login = (data.pop("client", "sigstore"), "")
    answer = http.post(f"{sandbox.info['issuer']}/token", data=data, auth=login)
    value: Json = answer.json()
    return value


def code_of(answer: requests.Response) -> str:
    found = re.fullmatch(
        r"http://localhost:1/auth/callback\?code=([^&]+)&state=s", answer.headers["Location"]
    )
    assert found
    return found[1]


def test_a_code_is_good_once(sits: Sandbox, client: requests.Session) -> None:
    code = code_of(authorize(sits, client))
    assert exchange(sits, client, code)["token_type"] == "bearer"
    assert exchange(sits, client, code) == {"error": "invalid_grant"}


@pytest.mark.parametrize(
    ("other", "error"),
    [
        ({"code_verifier": "stolen"}, "invalid_grant"),
        ({"redirect_uri": "http://localhost:2/auth/callback"}, "invalid_grant"),
        ({"grant_type": "password"}, "invalid_grant"),
        ({"code": "guessed"}, "invalid_grant"),
        ({"client": "other"}, "invalid_client"),
    ],
)
def test_a_code_is_for_who_asked(
    sits: Sandbox, client: requests.Session, other: dict[str, str], error: str
) -> None:
    code = code_of(authorize(sits, client))
    assert exchange(sits, client, **{"code": code, **other}) == {"error": error}


@pytest.mark.parametrize(
    "other",
    [
        {"redirect_uri": "https://evil.example/"},
        {"response_type": "token"},
        {"code_challenge_method": "plain"},
    ],
)
def test_what_no_login_is_given_for(
    sits: Sandbox, client: requests.Session, other: dict[str, str]
) -> None:
    assert authorize(sits, client, **other).status_code == 400


def test_nobody_before_the_browser(sandbox: Sandbox, client: requests.Session) -> None:
    assert authorize(sandbox, client).status_code == 403
    assert sandbox.post("login", {"email": ME}).status_code == 400
