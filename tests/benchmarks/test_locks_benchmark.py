"""benchmarks/verify.py still runs, and is loud when somebody does not do the work."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCHMARK = ROOT / "benchmarks" / "verify.py"


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARK), *argv]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


def test_a_small_lock(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    done = run("--projects", "3", "--peers", "1", "--json", str(out))
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert {name: row["requests"] for name, row in found["ours"].items()} == {
        "cold": 9,
        "warm": 6,
        "offline": 0,
    }
    assert found["ours"]["cold"]["bytes"] > found["ours"]["warm"]["bytes"] == 0
    for row in (*found["ours"].values(), found["peer_per_file"], found["each_ms"]):
        assert min(row["wall"], row["cpu"], row.get("faster", 1)) > 0
    rows = [line.split("|")[1].strip() for line in done.stdout.splitlines() if "|" in line]
    assert rows[2:] == [
        *("ours, cold", "ours, warm", "ours, offline"),
        "pypi-attestations, one file, nothing fetched",
    ]


def test_who_fails_is_no_result(tmp_path: Path) -> None:
    timed = runpy.run_path(str(BENCHMARK))["timed"]
    with pytest.raises(SystemExit, match=r"ended with 3\nbroken"):
        timed([sys.executable, "-c", "print('broken'); raise SystemExit(3)"], tmp_path, {})
