"""Our own release: who builds it again gets the same bytes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from publisher import cli
from support.faces import ROOT
from support.registry import Registry

pytestmark = pytest.mark.online

LEFT_OUT = shutil.ignore_patterns(".?*", "__pycache__", "node_modules", "dist", "build")


def test_two_builds_have_the_same_bytes(
    registry: Registry,
    tmp_path: Path,
    surroundings: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In other places, at other times of the files, for another user's umask."""
    for installer in ("PIP", "UV"):  # the backend by version and hash, whichever installs it
        surroundings[f"{installer}_CONSTRAINT"] = str(ROOT / "requirements" / "build.txt")
    contracts = []
    for place, umask, moment in (("here", 0o022, 1_700_000_000), ("there", 0o077, 1_800_000_000)):
        source = tmp_path / place / "source"
        before = os.umask(umask)
        try:
            # copy: what may be read, and by whom, is the umask's to say
            shutil.copytree(ROOT, source, ignore=LEFT_OUT, copy_function=shutil.copyfile)
            shutil.copyfile(ROOT / ".gitignore", source / ".gitignore")
            for file in source.rglob("*"):
                os.utime(file, (moment, moment))
            contract = tmp_path / place / "contract.json"
            monkeypatch.chdir(source)
            assert cli.run(["build", "--contract", str(contract), str(source)], surroundings) == 0
        finally:
            os.umask(before)
        contracts.append(contract.read_text("utf-8"))
    assert contracts[0] == contracts[1]
