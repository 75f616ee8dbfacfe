"""How long a fresh job takes until the program runs, and what it downloads for that.

    PYTHONPATH=tests python benchmarks/bootstrap.py [ROUNDS]

Three ways, each cold, in turns: ours with uv, ours with pip (where uv can't be had), and what the
incumbent's users would do without its container image. All install from a mirror on this machine,
so the seconds leave out the way from the index, and the megabytes tell what it costs.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from support.mirror import Mirror, mirror_of

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "requirements" / "bootstrap.sh"
LISTS = [ROOT / "requirements" / name for name in ("runtime.txt", "uv.txt")]
INCUMBENT = ["twine", "pypi-attestations", "id"]
Way = Callable[[Path, str], None]


def ours(folder: Path, index: str) -> None:
    """The bootstrap, as a face runs it."""
    call(folder, index, "bash", str(SCRIPT), "--version")


def incumbents(folder: Path, index: str) -> None:
    """A virtual environment with the tools that the incumbent's image holds."""
    call(folder, index, sys.executable, "-m", "venv", "venv")
    call(folder, index, "venv/bin/pip", "install", "--quiet", "--no-cache-dir", *INCUMBENT)
    call(folder, index, "venv/bin/twine", "--version")


def call(folder: Path, index: str, *command: str) -> None:
    """Run it with an environment of its own."""
    path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"])
    env = {"PATH": path, "HOME": str(folder), "RUNNER_TEMP": str(folder), "PIP_INDEX_URL": index}
    subprocess.run(command, cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL)


def fetch(into: Path) -> None:
    """All wheels that any of the ways needs."""
    download = [sys.executable, "-m", "pip", "download", "-qqq", "--only-binary", ":all:"]
    for asked in (["--no-deps", "-r", str(LISTS[0]), "-r", str(LISTS[1])], INCUMBENT):
        subprocess.run([*download, "--dest", str(into), *asked], check=True)


def measure(way: Way, mirror: Mirror) -> tuple[float, float]:
    """Seconds and megabytes of one cold run."""
    mirror.sent.clear()
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        way(Path(folder), mirror.url)
        return time.monotonic() - started, sum(mirror.sent) / 1e6


def medians(rounds: int) -> dict[str, list[float]]:
    """Seconds and megabytes of each way, ours first."""
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        wheels, without_uv = place / "wheels", place / "without-uv"
        fetch(wheels)
        shutil.copytree(wheels, without_uv, ignore=shutil.ignore_patterns("uv-*"))
        with mirror_of(wheels, place / "a") as full, mirror_of(without_uv, place / "b") as bare:
            ways: dict[str, tuple[Way, Mirror]] = {
                "ours, by uv": (ours, full),
                "ours, by pip": (ours, bare),
                "pip install " + " ".join(INCUMBENT): (incumbents, full),
            }
            runs: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
            for _ in range(rounds):
                for name, (way, mirror) in ways.items():
                    runs[name].append(measure(way, mirror))
    return {
        name: [statistics.median(column) for column in zip(*found, strict=True)]
        for name, found in runs.items()
    }


def show(found: dict[str, list[float]]) -> None:
    """A table with ratios to the first way."""
    base = next(iter(found.values()))
    print(f"{'way':<40}{'seconds':>9}{'ratio':>7}{'MB':>7}{'ratio':>7}")
    for name, (seconds, megabytes) in found.items():
        ratios = f"{seconds / base[0]:>7.2f}{megabytes:>7.1f}{megabytes / base[1]:>7.2f}"
        print(f"{name:<40}{seconds:>9.1f}{ratios}")


if __name__ == "__main__":
    show(medians(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
