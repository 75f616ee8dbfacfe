from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from support.reading import Reader
from support.sandbox import Sandbox

# The same examples each time, and as long as a busy machine needs.
settings.register_profile(
    "suite",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("suite")


@pytest.fixture
def reader(
    sandbox: Sandbox,
    tmp_path: Path,
    clean_env: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Reader:
    monkeypatch.chdir(tmp_path)
    return Reader(sandbox, tmp_path, clean_env, capsys)
