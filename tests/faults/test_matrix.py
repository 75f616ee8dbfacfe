"""Whatever breaks on the way, the same command again completes the release."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from faults.judge import KILLED, Before, Judge
from faults.matrix import CASES, Case, Round
from faults.play import Forker, Play, Stages, play


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_fault(
    case: Case,
    stages: Stages,
    running_forker: Forker,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    record_property("faults", sum(len(scene.faults) or 1 for scene in case.rounds))
    record_property("verdict", "lost")
    sandbox = stages.get(tls=case.tls)
    here = Play(sandbox, running_forker, tmp_path, f"f-{case.name}")
    files, before = here.make_files(), Before.of(sandbox)
    runs = [*play(case, here), here.run(Round())]
    problems = list(Judge(here, files, before).problems(case, runs))
    assert not problems, "\n".join([*problems, *(run.output for run in runs)])
    codes = {run.code for run in runs}
    stopped = "recovered" if codes == {0} else "stopped cleanly"
    record_property("verdict", "killed, then completed" if KILLED in codes else stopped)
