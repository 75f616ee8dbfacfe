from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.faces import ROOT
from support.mirror import Mirror, mirror_of

BESIDE = Path(sys.executable).parent


# Whole jobs, each of which installs everything anew: one of each face runs every time.
RUNNERS = {"test_act.py", "test_cloud_build.py", "test_gitlab_ci_local.py"}
SMOKE = {
    "test_the_simple_example_rehearsed",
    "test_as_the_builds_own_account",
    "test_a_rehearsal_with_all_that_it_leaves",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here is about a face."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("faces")
            if item.path.name in RUNNERS and item.name.partition("[")[0] not in SMOKE:
                item.add_marker("slow")


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """A tool of the extra ``faces`` by its name; the test is skipped without it."""

    def find(name: str) -> str:
        found = shutil.which(name, path=os.pathsep.join([str(BESIDE), os.environ["PATH"]]))
        if found is None:
            pytest.skip(f"{name} is not installed (extra: faces)")
        return found

    return find


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages that tests/faces/node pins, where programs find them."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / "tests" / "faces" / "node" / name, folder)
    npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(npm, cwd=folder, capture_output=True, text=True, check=False)
    wrong = re.search(r"code (?:EINTEGRITY|EUSAGE)", done.stderr)  # other bytes, or a stale lock
    assert not wrong, done.stderr
    if done.returncode:
        pytest.skip(f"no npm registry is reachable: {done.stderr[-200:]}")
    return folder


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that the bootstrap installs, fetched once."""
    folder = tmp_path_factory.mktemp("wheelhouse")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    pip += ["--only-binary", ":all:", "--dest", str(folder)]
    for name in ("runtime.txt", "uv.txt"):
        pip += ["--requirement", str(ROOT / "requirements" / name)]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no package registry is reachable: {done.stderr[-200:]}")
    return folder


@pytest.fixture(scope="session")
def mirror(wheelhouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    """A simple index that has these wheels."""
    with mirror_of(wheelhouse, tmp_path_factory.mktemp("mirror")) as serving:
        yield serving
