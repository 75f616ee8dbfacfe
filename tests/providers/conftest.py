"""Checkouts of all kinds."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


def _git(folder: Path, *args: str) -> str:
    who = {
        f"GIT_{role}_{what}": "a@example.org"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    config = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(
        ["git", "-C", str(folder), *args],
        env={"PATH": os.environ["PATH"], **who, **config},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.fixture
def git() -> Callable[..., str]:
    return _git


@pytest.fixture
def checkout(tmp_path: Path) -> Callable[[str], Path]:
    def make(remote: str) -> Path:
        folder = tmp_path / "my project!"
        folder.mkdir()
        _git(folder, "init", "-q")
        _git(folder, "remote", "add", "origin", remote)
        return folder

    return make
