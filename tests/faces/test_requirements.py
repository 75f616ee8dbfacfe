"""The hash-locked lists: what they hold, and that they can be installed where we promise."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.faces import ROOT

LISTS = [ROOT / "requirements" / name for name in ("runtime.txt", "uv.txt", "build.txt")]
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)( ; .+)? \\$")
PLATFORMS = [
    *("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "x86_64-unknown-linux-musl"),
    *("aarch64-unknown-linux-musl", "x86_64-apple-darwin", "aarch64-apple-darwin"),
    "x86_64-pc-windows-msvc",
]


def pins(path: Path) -> dict[str, str]:
    lines = (PIN.fullmatch(line) for line in path.read_text("utf-8").splitlines())
    return {found[1]: found[2] for found in lines if found}


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.name)
def test_every_line_is_a_pin_with_hashes_a_hash_or_a_remark(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    assert all(re.fullmatch(rf"{PIN.pattern}|    (--hash=sha256:[0-9a-f]{{64}}( \\)?|#.*)", line)
               for line in lines)  # fmt: skip
    for line, following in pairwise(lines):
        assert not PIN.fullmatch(line) or following.startswith("    --hash=sha256:")


def test_the_list_has_the_versions_that_pyproject_allows() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    backend = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["build-system"]
    for path, texts in ((LISTS[0], project["dependencies"]), (LISTS[2], backend["requires"])):
        for text in texts:
            wanted = Requirement(text)
            assert wanted.specifier.contains(pins(path)[canonicalize_name(wanted.name)]), text
    assert pins(LISTS[1]).keys() == {"uv"}


def test_the_list_has_what_its_input_asks_for() -> None:
    """Each line of runtime.in is a range for some platforms; one pin at least is in each."""
    lines = (ROOT / "requirements" / "runtime.in").read_text("utf-8").splitlines()
    asked = [Requirement(line) for line in lines if not line.startswith("#")]
    assert asked
    found = [PIN.fullmatch(line) for line in LISTS[0].read_text("utf-8").splitlines()]
    for wanted in asked:
        versions = [pin[2] for pin in found if pin and pin[1] == canonicalize_name(wanted.name)]
        assert any(map(wanted.specifier.contains, versions)), str(wanted)


@pytest.mark.online
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_list_is_whole_and_has_wheels_for(
    platform: str, python: str, tool: Callable[[str], str], tmp_path: Path
) -> None:
    """With their dependencies, of which a list with hashes must pin every one."""
    asked = ["pip", "install", "--dry-run", "--no-config", "--quiet", "--system-certs"]
    asked += ["--target", str(tmp_path), "--python-platform", platform, "--python-version", python]
    asked += ["--require-hashes", "--only-binary", ":all:", "--requirement", str(LISTS[0])]
    done = subprocess.run(
        [tool("uv"), *asked], capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    if "Failed to fetch" in done.stderr:
        pytest.skip("no package registry is reachable")
    assert done.returncode == 0, done.stderr
