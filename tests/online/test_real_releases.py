"""Real source trees and a real release of many files, fetched from the registry at test time."""

from __future__ import annotations

import json
import os
import sys
import tarfile
from pathlib import Path

import pytest

from publisher import cli
from support.registry import Registry
from support.sandbox import Sandbox

pytestmark = pytest.mark.online


@pytest.fixture
def surroundings(clean_env: dict[str, str]) -> dict[str, str]:
    """What a build may need of this machine to reach the registry."""
    wanted = ("PIP_", "UV_", "SSL_", "REQUESTS_", "HTTP", "http", "NO_PROXY", "no_proxy")
    return {**{k: v for k, v in os.environ.items() if k.startswith(wanted)}, **clean_env}


@pytest.mark.parametrize(
    ("project", "version", "backend", "compiled"),
    [
        ("pluggy", "1.6.0", "setuptools.build_meta", False),
        ("iniconfig", "2.1.0", "hatchling.build", False),
        ("pyproject_hooks", "1.2.0", "flit_core.buildapi", False),
        ("markupsafe", "3.0.2", "setuptools.build_meta", True),
    ],
)
def test_built_by_us_from_a_real_source_tree(
    project: str,
    version: str,
    backend: str,
    compiled: bool,
    registry: Registry,
    sandbox: Sandbox,
    tmp_path: Path,
    surroundings: dict[str, str],
) -> None:
    files = registry.files(project.replace("_", "-"), version)
    name = next(name for name in files if name.endswith(".tar.gz"))
    sdist = registry.fetch(*files[name], tmp_path / name)
    with tarfile.open(sdist) as archive:
        if hasattr(tarfile, "data_filter"):  # Debian 12 has a Python 3.11 without it
            archive.extraction_filter = tarfile.data_filter
        archive.extractall(tmp_path / "source")
    source = next((tmp_path / "source").iterdir())
    assert backend in (source / "pyproject.toml").read_text("utf-8")
    report = tmp_path / "report.json"
    # an sdist is no git checkout, and must not take the version of one around it
    surroundings["SETUPTOOLS_SCM_PRETEND_VERSION"] = version

    argv = ["--sandbox", sandbox.control, "--report", str(report), "--build", "always"]
    assert cli.run([*argv, str(source)], surroundings) == 0

    written = json.loads(report.read_text("utf-8"))
    kinds = {file["kind"] for file in written["files"]}
    left_out = "wheel-not-portable" in {finding["code"] for finding in written["findings"]}
    # a Linux build of compiled code is no wheel that an index takes; other systems' are
    assert left_out == (compiled and sys.platform == "linux")
    assert kinds == ({"sdist"} if left_out else {"sdist", "wheel"})
    assert {file["indexes"]["pypi"]["arrival"] for file in written["files"]} == {"verified"}


def test_a_release_of_many_wheels(
    registry: Registry, sandbox: Sandbox, tmp_path: Path, clean_env: dict[str, str]
) -> None:
    files = registry.files("wrapt", "1.17.3")
    assert len(files) >= 50
    folder = tmp_path / "dist"
    folder.mkdir()
    for name, (url, digest) in files.items():
        registry.fetch(url, digest, folder / name)
    report = tmp_path / "report.json"

    assert (
        cli.run(["--sandbox", sandbox.control, "--report", str(report), str(folder)], clean_env)
        == 0
    )

    written = json.loads(report.read_text("utf-8"))
    assert {file["filename"]: file["sha256"] for file in written["files"]} == {
        name: digest for name, (_, digest) in files.items()
    }
    assert {file["indexes"]["pypi"]["arrival"] for file in written["files"]} == {"verified"}
    serials = {file["attestations"][0]["certificate"]["serial"] for file in written["files"]}
    assert len(serials) == 1
