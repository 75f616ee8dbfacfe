"""benchmarks/publish.py still runs, and is loud when somebody does not do the work."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def test_a_small_release_in_every_way(tmp_path: Path) -> None:
    out, chart = tmp_path / "out.json", tmp_path / "chart.svg"
    command = [sys.executable, str(ROOT / "benchmarks" / "publish.py"), "--repeat", "1"]
    command += ["--case", "startup", "--case", "smoke", "--json", str(out), "--chart", str(chart)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    startup, smoke = json.loads(out.read_text())["cases"]
    for case in (startup, smoke):
        assert set(case["peers_s"]) == {"incumbent", "uv"}
        assert min(case["ours_s"], *case["peers_s"].values()) > 0
    assert smoke["peak_mb"] > 0
    assert smoke["sandbox_cpu_s"] > 0
    rows = [line.split("|")[1].strip() for line in done.stdout.splitlines()]
    assert rows[0] == "case"
    assert rows[2:] == ["startup", "smoke"]
    assert chart.read_text().startswith("<svg")


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of the benchmark, by its name."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return lambda name: importlib.import_module(f"releases.{name}")


def test_a_peer_that_fails_is_not_measured(part: Any, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('no, thanks'); raise SystemExit(3)"]
    with pytest.raises(part("world").BenchmarkError, match="ended with 3:\nno, thanks"):
        part("ways").run(command, {"HOME": str(tmp_path)})


def test_a_file_that_did_not_arrive_is_an_error(part: Any, tmp_path: Path) -> None:
    with (
        part("world").running(tmp_path / "box") as sandbox,
        pytest.raises(part("world").BenchmarkError, match="uv: 0 of 1 files"),
    ):
        sandbox.check("uv", "widget", 1)


def test_a_request_that_failed_is_an_error(part: Any, tmp_path: Path) -> None:
    with part("world").running(tmp_path / "box") as sandbox:
        url = f"{sandbox.urls['uv']}/simple/widget/"
        sandbox.ask("faults", [{"service": "second", "method": "GET", "path": "/simple/widget/"}])
        with pytest.raises(part("world").BenchmarkError, match="'status': 503"):
            sandbox.check("uv", "widget", 0)
        assert part("world").call("GET", url).status == 404


def test_the_chart_has_a_bar_for_each_way(part: Any) -> None:
    result = {"case": "200x250ms", "ours_s": 5.0, "peers_s": {"incumbent": 100.0, "uv": 90.0}}
    drawn = part("chart").chart([result])
    assert [text for text in ("5.0 s", "100.0 s", "90.0 s") if f">{text}<" not in drawn] == []
    assert "200 wheels, 250 ms" in drawn


def test_the_bound_of_a_release(part: Any) -> None:
    """5 + ceil(N/32) + ceil((N-1)/jobs) round trips in a row, and the bytes."""
    cases = part("cases")
    hashing = cases.Case("plain", 200).bound
    slow = cases.Case("slow", 200, cases.all_at(100))
    assert slow.bound - hashing == pytest.approx(0.1 * (5 + 7 + 25))
    piped = cases.Case("piped", 200, pipe=1000)
    assert piped.bound - hashing == pytest.approx(200 * 20)
