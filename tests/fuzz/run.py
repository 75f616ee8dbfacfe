"""Fuzz every parser, each in a process of its own, for some seconds.

    pip install -e '.[dev,fuzz]'
    python tests/fuzz/run.py [--seconds 60] [TARGET ...]

It prints one line per target, and ends with 1 if there was a finding. What was learned stays in
`.fuzz/`, so that the next run goes on from there; an input that raised stands there, too, and
`python tests/fuzz/run.py --again FILE TARGET` shows its traceback.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".fuzz"
sys.path[:0] = [str(ROOT / "tests")]
UNITS = re.compile(r"stat::number_of_executed_units: +(\d+)")
EXCEPTION = re.compile(r"(?m)^ === Uncaught Python exception: ===\n(.+)|^SUMMARY: (.+)")
LIMITS = ["-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1", "-max_len=20000"]


def child(target: str, arguments: list[str]) -> None:
    """Fuzz one target in this process; libFuzzer ends it."""
    import atheris

    with atheris.instrument_imports(include=["publisher", "packaging", "email", "tomllib"]):
        from fuzz import targets
    from publisher.errors import PublisherError

    def once(data: bytes) -> None:
        try:
            targets.TARGETS[target](data)
        except PublisherError:
            return

    atheris.Setup([sys.argv[0], *arguments], once)
    atheris.Fuzz()


def fuzz(target: str, seconds: int, seeds: list[bytes]) -> tuple[int, str]:
    """How many inputs were tried, and what was found, if anything."""
    corpus = KEPT / target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    asked = [*LIMITS, f"-max_total_time={seconds}", f"-artifact_prefix={KEPT}/{target}-"]
    command = [sys.executable, __file__, "--child", target, *asked, str(corpus)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    said = done.stdout + done.stderr
    (KEPT / f"{target}.log").write_text(said, "utf-8", "replace")
    units = sum(map(int, UNITS.findall(said)))
    if done.returncode == 0:
        return units, ""
    found = EXCEPTION.search(said)
    return units, (found[1] or found[2]) if found else f"ended with {done.returncode}"


def main() -> int:
    """Read the command line, fuzz, tell."""
    from fuzz import targets

    reader = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    reader.add_argument("--seconds", type=int, default=60)
    reader.add_argument("--again", type=Path, metavar="FILE")
    reader.add_argument("target", nargs="*", choices=[*targets.TARGETS, []])
    options = reader.parse_args()
    chosen = options.target or list(targets.TARGETS)
    if options.again:
        targets.TARGETS[chosen[0]](options.again.read_bytes())
        return 0
    seeds, worst = targets.seeds(), 0
    for target in chosen:
        units, found = fuzz(target, options.seconds, seeds[target])
        print(
            f"{target:10} {options.seconds:5} s {units:9} inputs  {found or 'nothing'}", flush=True
        )
        worst |= bool(found)
    return worst


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], sys.argv[3:])
    sys.exit(main())
