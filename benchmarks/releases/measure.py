"""Run cases, and tell what came out: one dict per case, ready for JSON."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from releases import files, ways
from releases.cases import GROWTH, Case
from releases.ways import Ran
from releases.world import Sandbox, running

LONG = 30.0
"""Seconds; peers that take longer run once, however many rounds there are."""
STARTS = 5
"""In each round."""
Result = dict[str, Any]


def release(case: Case, rounds: int) -> Result:
    """Publish it in every way; each round is a new project."""
    done: dict[str, list[Ran]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as temporary,
        running(Path(temporary, "box"), tls=case.tls) as sandbox,
    ):
        _publish(sandbox, Case("warm-up", 1), Path(temporary, "warmup"))
        for number in range(rounds):
            slow = any(runs[0].seconds > LONG for runs in done.values())
            ran = _publish(sandbox, case, Path(temporary, f"round{number}"), others=not slow)
            for way, one in ran.items():
                done.setdefault(way, []).append(one)
    return _result(case, done)


def _publish(sandbox: Sandbox, case: Case, dists: Path, *, others: bool = True) -> dict[str, Ran]:
    """Publish a new project once in every way, and look whether all of it is there."""
    files.make(dists, dists.name, case.files, case.size, sdist=case.sdist)
    sandbox.slow(case.latency, case.pipe)
    before = sandbox.cpu()
    ours = ways.ours(sandbox, dists, jobs=case.jobs, wait=case.wait)
    ran = {"ours": replace(ours, sandbox=sandbox.cpu() - before)}
    if case.peers and others:
        ran |= ways.peers(sandbox, dists)
    sandbox.slow({})
    for way in ran:
        sandbox.check(way, dists.name, case.files)
    for folder in dists.parent.glob(f"{dists.name}*"):
        shutil.rmtree(folder)
    return ran


def _result(case: Case, done: Mapping[str, Sequence[Ran]]) -> Result:
    seconds = {way: [round(one.seconds, 3) for one in runs] for way, runs in done.items()}
    medians = {way: statistics.median(all_of_it) for way, all_of_it in seconds.items()}
    peaks = {way: round(max(one.peak_mb for one in runs), 1) for way, runs in done.items()}
    return {
        "case": case.name,
        "ours_s": medians.pop("ours"),
        "peers_s": medians,
        "bound_s": round(case.bound, 3),
        "peak_mb": peaks.pop("ours"),
        "peers_peak_mb": peaks,
        "sandbox_cpu_s": round(statistics.median(one.sandbox for one in done["ours"]), 2),
        "rounds_s": seconds,
    }


def growth(_rounds: int) -> Result:
    """How time grows with the number of files: a line through one release of each size."""
    points = {case.files: release(case, 1)["ours_s"] for case in GROWTH}
    line = statistics.linear_regression(list(points), list(points.values()))
    return {
        "case": "growth-50ms",
        "ours_s": points[max(points)],
        "peers_s": {},
        "bound_s": round(GROWTH[-1].bound, 3),
        "peak_mb": None,
        "points_s": points,
        "line": {"seconds": round(line.intercept, 3), "seconds_per_file": round(line.slope, 5)},
    }


def startup(rounds: int) -> Result:
    """A warm start that does nothing, ours and others', against that of Python itself."""
    commands = {
        "python": [sys.executable, "-c", "pass"],
        "ours": [sys.executable, "-m", "publisher", "--version"],
        "usage error": [sys.executable, "-m", "publisher", "--no-such-option"],
        "incumbent": [sys.executable, "-m", "twine", "--version"],
        "uv": [ways.program("uv"), "--version"],
    }
    runs: dict[str, list[float]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as home:
        for _ in range(rounds * STARTS):
            for name, command in commands.items():
                code = 2 if name == "usage error" else 0
                runs[name].append(ways.run(command, {"HOME": home}, code=code).seconds)
    medians = {name: round(statistics.median(seconds), 4) for name, seconds in runs.items()}
    return {
        "case": "startup",
        "bound_s": medians.pop("python"),
        "ours_s": medians.pop("ours"),
        "usage_error_s": medians.pop("usage error"),
        "peers_s": medians,
        "peak_mb": None,
    }


def bootstrap(rounds: int) -> Result:
    """A fresh job until the program runs, by benchmarks/bootstrap.py; needs a registry."""
    from bootstrap import medians

    found = medians(rounds)
    (_, (ours, megabytes)), *_, (_, (theirs, _)) = found.items()
    return {
        "case": "bootstrap",
        "ours_s": round(ours, 2),
        "peers_s": {"incumbent": round(theirs, 2)},
        "bound_s": None,
        "peak_mb": None,
        "megabytes": round(megabytes, 1),
        "ways": {name: dict(zip(("s", "MB"), row, strict=True)) for name, row in found.items()},
    }


def versions() -> dict[str, str]:
    """Who was measured."""
    said = {
        "publisher": [sys.executable, "-m", "publisher", "--version"],
        "twine": [sys.executable, "-m", "twine", "--version"],
        "uv": [ways.program("uv"), "--version"],
    }
    return {
        name: subprocess.run(command, capture_output=True, text=True, check=True)
        .stdout.split("(")[0]
        .strip()
        for name, command in said.items()
    }
