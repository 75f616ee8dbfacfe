"""twine and uv publish into the sandbox."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from interop.conftest import PasswordIndex, Secure, program, run
from support.archives import make_sdist, make_wheel
from support.sandbox import Sandbox

if TYPE_CHECKING:
    import pytest


def twine(home: Path, url: str, user: str, password: str, *files: Path, more: str = "") -> int:
    """Its exit code; its output stays with it, for uploads have passwords in them."""
    command = [sys.executable, "-m", "twine", "upload", "--non-interactive"]
    command += ["--disable-progress-bar", "--repository-url", url, *more.split()]
    login = {"TWINE_USERNAME": user, "TWINE_PASSWORD": password}
    return run([*command, *map(str, files)], home, **login).returncode


def test_twine_with_attestations(plain: Sandbox, tmp_path: Path, project_name: str) -> None:
    player = plain.persona()
    wheel = make_wheel(tmp_path, project_name)
    beside = tmp_path / f"{wheel.name}.publish.attestation"
    beside.write_text(plain.attest(player, wheel).model_dump_json())
    url, token = f"{plain.index}/legacy/", plain.mint(player)
    assert twine(tmp_path, url, "__token__", token, wheel, beside, more="--attestations") == 0
    assert plain.provenance(wheel).status_code == 200


def test_twine_with_a_password(
    password_index: PasswordIndex, tmp_path: Path, project_name: str
) -> None:
    index = password_index
    files = [make_wheel(tmp_path, project_name), make_sdist(tmp_path, project_name)]
    assert twine(tmp_path, index.url, index.user, "guess", *files) == 1
    assert twine(tmp_path, index.url, index.user, index.password, *files) == 0
    target = tmp_path / "target"
    command = [program("uv"), "pip", "install", "--no-cache", "--no-config", "--target"]
    command += [str(target), "--python", sys.executable, "--index-url", index.simple_url]
    done = run([*command, project_name], tmp_path)
    assert done.returncode == 0, done.stderr
    assert list(target.glob("*.dist-info"))


def uv_publish(home: Path, index: str, *arguments: str, **env: str) -> str:
    """What it says to people; its stdout has the token in it, to be masked."""
    command = [program("uv"), "publish", "--no-cache", "--no-config", "--publish-url"]
    done = run([*command, f"{index}/legacy/", *arguments], home, **env)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_uv_with_a_token(plain: Sandbox, tmp_path: Path, project_name: str) -> None:
    wheel = make_wheel(tmp_path, project_name)
    token = plain.mint(plain.persona())
    uv_publish(tmp_path, plain.index, str(wheel), UV_PUBLISH_TOKEN=token)
    (file,) = plain.listing(project_name).json()["files"]
    assert file["filename"] == wheel.name


def test_uv_finds_what_is_there(plain: Sandbox, tmp_path: Path, project_name: str) -> None:
    wheel, token = make_wheel(tmp_path, project_name), plain.mint(plain.persona())
    check = ["--check-url", f"{plain.index}/simple/", str(wheel)]
    uv_publish(tmp_path, plain.index, *check, UV_PUBLISH_TOKEN=token)
    said = uv_publish(tmp_path, plain.index, *check, UV_PUBLISH_TOKEN=token)
    assert "already exists" in said


def test_uv_as_a_trusted_publisher(
    secure: Secure, tmp_path: Path, project_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way of a job at GitHub: uv asks, exchanges, sends, and gives the token back."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", secure.ca)  # sigstore has no option for it
    player = secure.sandbox.persona()
    wheel = make_wheel(tmp_path, project_name)
    beside = tmp_path / f"{wheel.name}.publish.attestation"
    beside.write_text(secure.sandbox.attest(player, wheel).model_dump_json())
    before = len(secure.sandbox.log())
    uv_publish(
        tmp_path,
        secure.sandbox.index,
        *("--trusted-publishing", "always", str(wheel), str(beside)),
        GITHUB_ACTIONS="true",
        ACTIONS_ID_TOKEN_REQUEST_URL=player.url,
        ACTIONS_ID_TOKEN_REQUEST_TOKEN=player.bearer,
        SSL_CERT_FILE=secure.ca,
    )
    assert secure.sandbox.provenance(wheel).status_code == 200
    asked = [line["path"] for line in secure.sandbox.log()[before:] if line["service"] == "pypi"]
    wanted = ["audience", "mint-token", "legacy", "burn-token", "provenance"]
    assert [path.rstrip("/").rpartition("/")[2] for path in asked] == wanted
