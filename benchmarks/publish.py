"""How fast a release is, beside what others do today.

    PYTHONPATH=tests python benchmarks/publish.py [--case NAME]... [--repeat N] [--json FILE]
                                                  [--chart FILE] [--list]

Everybody publishes the same bytes into the same sandbox: a child process that answers each request
after the case's latency, verifies what arrives, and plays identity provider, Sigstore and an index
for each way. Each round is a new project. Numbers are wall seconds of child processes, from their
start to their end, with every import; medians of the rounds (peers that take over 30 s run once).

* ours: `publisher publish --wait 0`, a real run and no rehearsal (but over TLS).
* incumbent: what gh-action-pypi-publish runs: `twine check`, its trade for a token, its serial loop
  of `Attestation.sign`, `twine upload --attestations`.
* uv: `uv publish` with a token that was traded alike, after the same loop, as it does not sign.

What is not equal, always to the peers' favour: ours also verifies each attestation, asks the index
beforehand what is there, and gives the token back. The incumbent's container, its hashes that are
printed, its debug log, a round trip to a timestamping service per file and the refresh of
Sigstore's trust root are left out. Latency is per request, so further connections cost nothing but
CPU. `bound` is what no client can be faster than (releases/cases.py). It does not count CPU, and
at no latency the sandbox's own CPU, which is shown, is part of everybody's time.

It fails if anybody fails, if a file has not arrived with its provenance, or if the sandbox answered
any request with an error. `uv` must be installed; `bootstrap` alone needs a registry. All of it
takes some 25 minutes, on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from releases import measure
from releases.cases import CASES, SMOKE
from releases.chart import chart
from releases.table import table
from releases.world import BenchmarkError

Measure = Callable[[int], dict[str, Any]]
ALL: dict[str, Measure] = {
    "startup": measure.startup,
    **{case.name: partial(measure.release, case) for case in CASES},
    "growth-50ms": measure.growth,
    "bootstrap": measure.bootstrap,
}
KNOWN: dict[str, Measure] = {**ALL, SMOKE.name: partial(measure.release, SMOKE)}


def main() -> int:
    """Measure what is asked for."""
    options = _parser().parse_args()
    if options.list:
        print("\n".join(ALL))
        return 0
    report: dict[str, Any] = {"machine": machine(), "versions": measure.versions(), "cases": []}
    results = report["cases"]
    for name in options.case or ALL:
        print(f"{name} ...", file=sys.stderr)
        try:
            results.append(KNOWN[name](options.repeat))
        except BenchmarkError as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 1
        if options.json:
            options.json.write_text(json.dumps(report, indent=1) + "\n")
    print(table(results))
    if options.chart:
        options.chart.write_text(chart(results))
    return 0


def machine() -> dict[str, Any]:
    """Where it was measured, and how busy others kept it."""
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--case", action="append", choices=KNOWN, metavar="NAME", help="only this")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="rounds of each case")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all there is to know")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="draw it as SVG")
    parser.add_argument("--list", action="store_true", help="name the cases")
    return parser


if __name__ == "__main__":
    sys.exit(main())
