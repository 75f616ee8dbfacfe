"""pip and uv install what was published, from metadata first (PEP 658)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from interop.conftest import Secure, program, run
from support.archives import make_wheel
from support.sandbox import form

Command = Callable[[str, Path], list[str]]


def _pip(simple: str, ca: Path) -> list[str]:
    command = [sys.executable, "-m", "pip", "install", "--no-input", "--no-cache-dir"]
    return [*command, "--disable-pip-version-check", "--cert", str(ca), "--index-url", simple]


def _uv(simple: str, _ca: Path) -> list[str]:
    command = [program("uv"), "pip", "install", "--no-cache", "--no-config"]
    return [*command, "--python", sys.executable, "--index-url", simple]


@pytest.mark.parametrize("command", [_pip, _uv])
def test_install(secure: Secure, tmp_path: Path, project_name: str, command: Command) -> None:
    sandbox = secure.sandbox
    token = sandbox.mint(sandbox.persona())
    needs = f"Requires-Dist: {project_name}-base>=2"
    for path in (
        make_wheel(tmp_path, project_name, extra_metadata=needs),
        make_wheel(tmp_path, f"{project_name}-base", "1.0"),
        make_wheel(tmp_path, f"{project_name}-base", "2.0"),
    ):
        assert sandbox.upload(token, path, form(path)).status_code == 200
    before, target = len(sandbox.log()), tmp_path / "target"
    asked = command(f"{sandbox.index}/simple/", Path(secure.ca))
    done = run([*asked, "--target", str(target), project_name], tmp_path, SSL_CERT_FILE=secure.ca)
    assert done.returncode == 0, done.stderr
    stem = canonicalize_name(project_name).replace("-", "_")
    found = {path.name for path in target.glob("*.dist-info")}
    assert found == {f"{stem}-1.0.dist-info", f"{stem}_base-2.0.dist-info"}
    read = [line["path"] for line in sandbox.log()[before:] if "/files/" in line["path"]]
    knows_pep_658 = command is not _pip or Version(version("pip")) >= Version("23.2")
    metadata = [path for path in read if path.endswith(".metadata")]
    assert len(metadata) == (2 if knows_pep_658 else 0)
    assert [path.endswith(".whl") for path in read].count(True) == 2
