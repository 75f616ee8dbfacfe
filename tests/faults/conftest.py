from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import pytest

from faults.play import Forker, Stages, forker

VERDICTS = ("recovered", "stopped cleanly", "killed, then completed", "lost")


@pytest.fixture(scope="session")
def running_forker() -> Iterator[Forker]:
    with forker() as one:
        yield one


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stages]:
    with closing(Stages(tmp_path_factory.mktemp("stages"))) as them:
        yield them


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What became of the cases, over all workers."""
    reports = [r for them in terminalreporter.stats.values() for r in them]
    calls = [report for report in reports if getattr(report, "when", "") == "call"]
    told = [dict(report.user_properties) for report in calls]
    matrix = [one for one in told if "verdict" in one]
    if not matrix:
        return
    verdicts = Counter(one["verdict"] for one in matrix)
    terminalreporter.section("fault matrix")
    rows = {"cases": len(matrix), "faults injected": sum(int(str(o["faults"])) for o in matrix)}
    for name, number in {**rows, **{v: verdicts[v] for v in VERDICTS}}.items():
        terminalreporter.write_line(f"{name:<24}{number:>5}")
