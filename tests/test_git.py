"""Git is asked about hostile checkouts: it must answer, and run nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from publisher import git

ENV = {"PATH": os.environ["PATH"]}
TIME = 1_700_000_000


def _git(folder: Path, *args: str) -> str:
    env = {
        **ENV,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_COMMITTER_DATE": f"{TIME} +0000",
        "GIT_AUTHOR_DATE": f"{TIME - 999} +0000",
        "GIT_AUTHOR_NAME": "A",
        "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@example.org",
    }
    done = subprocess.run(
        ["git", "-C", str(folder), *args], env=env, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    _git(folder, "init", "-q")
    (folder / "a.txt").write_text("a", encoding="utf-8")
    _git(folder, "add", ".")
    _git(folder, "commit", "-q", "-m", "one")
    return folder


def test_answers_of_a_checkout(checkout: Path) -> None:
    _git(checkout, "remote", "add", "origin", "https://git.example.org/o/widget.git")
    _git(checkout, "tag", "v1.0")
    assert git.commit_time(checkout, env=ENV) == TIME
    assert git.head(checkout, env=ENV) == _git(checkout, "rev-parse", "HEAD")
    assert git.origin(checkout, env=ENV) == "https://git.example.org/o/widget.git"
    assert git.tag(checkout, env=ENV) == "v1.0"


def test_only_an_exact_tag_counts(checkout: Path) -> None:
    assert git.tag(checkout, env=ENV) is None
    _git(checkout, "tag", "v1.0")
    _git(checkout, "commit", "-q", "--allow-empty", "-m", "two")
    assert git.tag(checkout, env=ENV) is None


@pytest.mark.parametrize(
    ("configured", "shown"),
    [
        ("https://ci:job-token@git.example.org/o/r.git", "https://git.example.org/o/r.git"),
        ("https://token@git.example.org/o/r.git", "https://git.example.org/o/r.git"),
        ("ssh://git@git.example.org/o/r.git", "ssh://git.example.org/o/r.git"),
        ("git@git.example.org:o/r.git", "git@git.example.org:o/r.git"),
    ],
)
def test_origin_shows_no_token(checkout: Path, configured: str, shown: str) -> None:
    _git(checkout, "config", "remote.origin.url", configured)
    assert git.origin(checkout, env=ENV) == shown


def test_other_configuration_does_not_change_the_answer(checkout: Path, tmp_path: Path) -> None:
    _git(checkout, "config", "remote.origin.url", "https://git.example.org/o/r")
    evil = tmp_path / "evil.cfg"
    evil.write_text('[url "https://evil.example/"]\n insteadOf = https://\n', encoding="utf-8")
    env = {**ENV, "GIT_CONFIG_GLOBAL": str(evil), "GIT_DIR": "/nowhere", "HOME": str(tmp_path)}
    assert git.origin(checkout, env=env) == "https://git.example.org/o/r"


def test_no_repository(tmp_path: Path) -> None:
    for ask in (git.commit_time, git.head, git.tag, git.origin):
        assert ask(tmp_path, env=ENV) is None


def test_empty_repository(tmp_path: Path) -> None:
    _git(tmp_path, "init", "-q")
    for ask in (git.commit_time, git.head, git.tag, git.origin):
        assert ask(tmp_path, env=ENV) is None


def test_no_git(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert git.head(checkout, env={"PATH": str(tmp_path)}) is None
    assert git.head(checkout, env={"PATH": ""}) is None
    (tmp_path / "git").write_text("not a program", encoding="utf-8")
    (tmp_path / "git").chmod(0o755)
    assert git.head(checkout, env={"PATH": str(tmp_path)}) is None  # can't be executed
    monkeypatch.chdir(tmp_path)
    assert git.head(checkout, env={"PATH": "."}) is None  # only absolute programs


def test_a_git_that_hangs(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    slow.chmod(0o755)
    monkeypatch.setattr(git, "_TIMEOUT", 0.2)
    assert git.head(checkout, env={"PATH": f"{tmp_path}{os.pathsep}{ENV['PATH']}"}) is None


def test_a_folder_that_looks_like_a_bare_repository(checkout: Path) -> None:
    inner = checkout / "fixtures" / "bare"
    _git(checkout, "init", "-q", "--bare", str(inner))
    _git(checkout, "--git-dir", str(inner), "config", "remote.origin.url", "https://evil.example/")
    assert git.origin(inner, env=ENV) is None


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "marker"


@pytest.fixture
def program(tmp_path: Path, marker: Path) -> str:
    script = tmp_path / "evil.sh"
    script.write_text(f"#!/bin/sh\necho $0 >> '{marker}'\nexit 1\n", encoding="utf-8")
    script.chmod(0o755)
    return str(script)


def _fake_signature(checkout: Path) -> None:
    """Give the commit at HEAD a gpgsig header, so that `log.showSignature` has work to do."""
    signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n iQ==\n -----END PGP SIGNATURE-----\n"
    header, _, message = _git(checkout, "cat-file", "commit", "HEAD").partition("\n\n")
    body = f"{header}\n{signature}\n{message}\n"
    (checkout.parent / "commit").write_text(body, encoding="utf-8", newline="\n")
    commit = _git(checkout, "hash-object", "-t", "commit", "-w", str(checkout.parent / "commit"))
    _git(checkout, "reset", "-q", "--soft", commit)


def test_a_hostile_config_runs_nothing(checkout: Path, program: str, marker: Path) -> None:
    _fake_signature(checkout)
    _git(checkout, "tag", "v1.0")
    for key in (
        "core.fsmonitor",
        "core.pager",
        "core.editor",
        "core.sshCommand",
        "core.gitProxy",
        "core.askPass",
        "core.alternateRefsCommand",
        "credential.helper",
        "diff.external",
        "gpg.program",
        "gpg.ssh.program",
        "gpg.x509.program",
        "pager.log",
        "uploadpack.packObjectsHook",
        "sequence.editor",
        "alias.log",
        "trailer.x.command",
    ):
        _git(checkout, "config", key, program if key != "alias.log" else f"!{program}")
    _git(checkout, "config", "log.showSignature", "true")
    hooks = checkout.parent / "hooks"
    hooks.mkdir()
    for hook in ("post-checkout", "post-index-change", "fsmonitor-watchman", "pre-commit"):
        shutil.copy(program, hooks / hook)
        shutil.copy(program, checkout / ".git" / "hooks" / hook)
    _git(checkout, "config", "core.hooksPath", str(hooks))
    _git(checkout, "config", "remote.origin.url", f"ext::{program}")

    # the trap is armed: plain git falls into it
    _git(checkout, "log", "-1", "--format=%ct")
    assert marker.exists()
    marker.unlink()

    assert git.commit_time(checkout, env=ENV) == TIME
    assert git.head(checkout, env=ENV) is not None
    assert git.origin(checkout, env=ENV) == f"ext::{program}"
    assert git.tag(checkout, env=ENV) == "v1.0"
    assert not marker.exists()


@pytest.mark.parametrize("how", ["ext", "uploadpack"])
def test_a_partial_clone_fetches_nothing(
    checkout: Path, program: str, marker: Path, how: str
) -> None:
    if how == "ext":
        _git(checkout, "config", "remote.origin.url", f"ext::{program}")
        _git(checkout, "config", "protocol.ext.allow", "always")
    else:
        _git(checkout, "config", "remote.origin.url", str(checkout))
        _git(checkout, "config", "remote.origin.uploadpack", program)
    _git(checkout, "config", "core.repositoryFormatVersion", "1")
    _git(checkout, "config", "extensions.partialClone", "origin")
    _git(checkout, "config", "remote.origin.promisor", "true")
    commit = _git(checkout, "rev-parse", "HEAD")
    (checkout / ".git" / "objects" / commit[:2] / commit[2:]).unlink()

    with pytest.raises(subprocess.CalledProcessError):  # plain git asks the remote
        _git(checkout, "log", "-1", "--format=%ct")
    assert marker.exists()
    marker.unlink()

    for ask in (git.commit_time, git.head, git.tag):
        assert ask(checkout, env=ENV) is None
    assert not marker.exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root to chown")
def test_a_checkout_of_another_user(checkout: Path) -> None:
    for path in (checkout, checkout / ".git"):
        os.chown(path, 12345, 12345)
    with pytest.raises(subprocess.CalledProcessError):  # plain git refuses
        _git(checkout, "rev-parse", "HEAD")
    assert git.commit_time(checkout, env=ENV) == TIME


def test_who_commits_here(checkout: Path, tmp_path: Path) -> None:
    env = {**ENV, "HOME": str(tmp_path)}
    assert git.user(checkout, env=env) is None
    (tmp_path / ".gitconfig").write_text("[user]\nname = Ada\n", encoding="utf-8")
    assert git.user(checkout, env=env) == "Ada"
    assert git.user(tmp_path, env=env) == "Ada"
    assert git.run(checkout, "config", "--get", "user.name", env=env) is None
    _git(checkout, "config", "user.name", "Ada of this checkout")
    assert git.user(checkout, env=env) == "Ada of this checkout"
