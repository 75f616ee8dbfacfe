"""An index without trusted publishing: users, passwords, HTML."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import requests

from publisher import rehearsal
from publisher.models import Persona
from support.sandbox import SIMPLE_JSON, Sandbox, form, index, project_of, wheel


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return wheel(tmp_path, project_of(tmp_path))


def _send(
    sandbox: Sandbox, path: Path, auth: tuple[str, str] | None, **changes: Any
) -> requests.Response:
    return sandbox.http.post(
        f"{sandbox.index}/legacy/",
        data=form(path, **changes),
        files={"content": (path.name, path.read_bytes())},
        auth=auth,
    )


@pytest.fixture
def auth(passwords: Sandbox) -> tuple[str, str]:
    given = passwords.post("password", {"user": "alice"}).json()
    assert given["user"] == "alice"
    return given["user"], given["password"]


def test_it_says_what_it_is(passwords: Sandbox) -> None:
    kinds = {index["name"]: index["kind"] for index in passwords.info["indexes"]}
    assert kinds == {"own": "static", "pypi": "warehouse"}


@pytest.mark.parametrize("where", ["_/oidc/audience", "integrity/a/1/b/provenance"])
def test_it_has_no_identity_and_no_integrity(passwords: Sandbox, where: str) -> None:
    assert passwords.http.get(f"{passwords.index}/{where}").status_code == 404
    for post in ("mint-token", "burn-token"):
        url = f"{passwords.index}/_/oidc/{post}"
        assert passwords.http.post(url, json={"token": "x"}).status_code == 404


def test_passwords(passwords: Sandbox, new: Path, auth: tuple[str, str]) -> None:
    for wrong in (None, (auth[0], "guess"), ("__token__", auth[1]), ("", "")):
        answer = _send(passwords, new, wrong)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
    user = passwords.post("api-token", {}).json()["tokens"]
    assert set(user) == {"pypi"}
    assert _send(passwords, new, ("__token__", user["pypi"])).status_code == 401
    assert _send(passwords, new, auth).status_code == 200
    again = _send(passwords, new, auth)
    assert (again.status_code, again.reason[: len(new.name)]) == (409, new.name)


def test_a_password_of_choice(passwords: Sandbox, new: Path) -> None:
    given = passwords.post("password", {"user": "bob", "password": "correct horse"}).json()
    assert given == {"user": "bob", "password": "correct horse"}
    assert _send(passwords, new, ("bob", "correct horse")).status_code == 200


def test_html_only(passwords: Sandbox, new: Path, auth: tuple[str, str]) -> None:
    assert _send(passwords, new, auth).status_code == 200
    name = new.name.split("-")[0]
    url = f"{passwords.index}/simple/{name}/"
    page = passwords.http.get(url, headers={"Accept": SIMPLE_JSON})
    assert page.headers["Content-Type"].startswith("text/html")
    assert new.name in page.text
    assert "data-provenance" not in page.text
    assert "data-core-metadata" not in page.text
    passwords.post("index", {"name": "own", "json": True})
    page = passwords.http.get(url, headers={"Accept": SIMPLE_JSON})
    assert page.json()["files"][0]["core-metadata"] is False
    passwords.post("index", {"name": "own", "json": False})


def test_attestations(passwords: Sandbox, new: Path, auth: tuple[str, str]) -> None:
    passwords.post("index", {"name": "own", "attestations_field": "refuse"})
    answer = _send(passwords, new, auth, attestations="[]")
    assert (answer.status_code, answer.reason) == (400, "Unknown field: attestations")
    passwords.post("index", {"name": "own", "attestations_field": "ignore"})
    assert _send(passwords, new, auth, attestations="[]").status_code == 200


@pytest.mark.parametrize("changes", [{"version": "one"}, {"name": "-x"}])
def test_what_it_does_check(
    passwords: Sandbox, new: Path, auth: tuple[str, str], changes: dict[str, str]
) -> None:
    assert _send(passwords, new, auth, **changes).status_code == 400


def test_a_world_with_it(persona: Persona, tmp_path: Path) -> None:
    keep = tmp_path / "keep"
    with rehearsal.open(
        persona, indexes=[index("own", password=True)], env=os.environ, keep=keep
    ) as world:
        (own,) = world.indexes
        assert own.name == "own"
        assert own.account
        assert own.account.user == "rehearsal"
        assert requests.get(own.audience_url()).status_code == 404
    assert (keep / "index" / "own" / "simple" / "index.html").exists()


def test_the_evidence_of_files(
    passwords: Sandbox, persona: Persona, tmp_path: Path, new: Path, auth: tuple[str, str]
) -> None:
    assert _send(passwords, new, auth).status_code == 200
    keep = tmp_path / "keep"
    with rehearsal.open(
        persona, url=passwords.control, indexes=[index("own", password=True)], env={}, keep=keep
    ):
        pass
    assert (keep / "dists" / new.name).read_bytes() == new.read_bytes()
    name = new.name.split("-")[0]
    assert new.name in (keep / "index" / "own" / "simple" / name / "index.html").read_text()
