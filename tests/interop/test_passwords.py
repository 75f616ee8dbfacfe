"""Indexes of others that want a password: our program publishes there, and says what it can't."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from interop.conftest import PasswordIndex
from publisher import cli
from support.archives import make_sdist, make_wheel


def publish(
    index: PasswordIndex, env: dict[str, str], folder: Path, *argv: str, exit_code: int = 0
) -> dict[str, Any]:
    secret, report = folder / "password", folder / "report.json"
    secret.write_text(f"{index.password}\n")
    where = ["--repository-url", index.url, "--check-url", index.simple_url]
    who = ["--user", index.user, "--password-file", str(secret)]
    argv = (*where, *who, "--report", str(report), *argv, str(folder / "dist"))
    assert cli.run(argv, env) == exit_code, report.read_text()
    value: dict[str, Any] = json.loads(report.read_text())
    return value


@pytest.fixture
def dists(tmp_path: Path, project_name: str) -> Path:
    make_wheel(tmp_path / "dist", project_name)
    make_sdist(tmp_path / "dist", project_name)
    return tmp_path


def test_published_without_attestations(
    password_index: PasswordIndex, clean_env: dict[str, str], dists: Path
) -> None:
    report = publish(password_index, clean_env, dists)
    places = [place for file in report["files"] for place in file["indexes"].values()]
    assert {place["status"] for place in places} == {"uploaded"}
    assert {place["arrival"] for place in places} == {"unattested"}
    (note,) = (one for one in report["findings"] if one["code"] == "attestations-off")
    assert "a password proves no origin" in note["message"]
    assert report["provider"]["issuer"] is None
    assert password_index.password not in json.dumps(report)

    again = publish(password_index, clean_env, dists)
    places = [place for file in again["files"] for place in file["indexes"].values()]
    assert {place["status"] for place in places} == {"already-there"}


def test_a_conflict_is_seen_there_too(
    password_index: PasswordIndex, clean_env: dict[str, str], dists: Path, project_name: str
) -> None:
    publish(password_index, clean_env, dists)
    make_wheel(dists / "dist", project_name, members={"other.py": "1"})
    report = publish(password_index, clean_env, dists, exit_code=4)
    (error,) = (one for one in report["findings"] if one["severity"] == "error")
    assert error["code"] == "release-conflict"


def test_a_wrong_password(
    password_index: PasswordIndex,
    clean_env: dict[str, str],
    dists: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (dists / "wrong").write_text("wr0ng-Passw0rd")
    argv = ["--repository-url", password_index.url, "--user", password_index.user]
    argv += ["--password-file", str(dists / "wrong"), str(dists / "dist")]
    assert cli.run(argv, clean_env) == 7
    out = capsys.readouterr().out
    assert "upload-refused" in out
    assert "wr0ng" not in out


def test_a_rehearsal_of_it(
    clean_env: dict[str, str], dists: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The world that is played has such an index too, and an account of its own."""
    index = PasswordIndex(
        "", "https://index.example/up", "https://index.example/s/", "me", "s3cr3t"
    )
    report = publish(index, clean_env, dists, "--dry-run", "--keep", str(dists / "keep"))
    places = [place for file in report["files"] for place in file["indexes"].values()]
    assert {(p["status"], p["arrival"]) for p in places} == {("uploaded", "unattested")}
    assert list(report["files"][0]["indexes"]) == ["index.example"]
    kept = [path for path in (dists / "keep").rglob("*") if path.is_file()]
    assert all(b"s3cr3t" not in path.read_bytes() for path in kept)


def test_a_rehearsal_with_a_token_of_the_public_index(
    clean_env: dict[str, str], dists: Path, tmp_path: Path
) -> None:
    """It has trusted publishing, so a password there is worth a warning."""
    report = tmp_path / "r.json"
    argv = ["--dry-run", "--report", str(report), str(dists / "dist")]
    assert cli.run(argv, {**clean_env, "PUBLISHER_PASSWORD": "pypi-s3cr3t"}) == 0
    text = report.read_text()
    found = {one["code"] for one in json.loads(text)["findings"]}
    assert found >= {"static-credential", "attestations-off"}
    assert "s3cr3t" not in text
