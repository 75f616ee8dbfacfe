"""The targets of tests/fuzz run, and begin with inputs that are right."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).parents[1] / "fuzz" / "targets.py"


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    spec = importlib.util.spec_from_file_location("targets", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("fuzz")))
        spec.loader.exec_module(module)
        yield module


def test_every_target_takes_its_seeds(targets: Any) -> None:
    seeds = targets.seeds()
    assert seeds.keys() == targets.TARGETS.keys()
    for name, target in targets.TARGETS.items():
        for seed in seeds[name]:
            target(seed)
