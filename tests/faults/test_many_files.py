"""A large release against an index that gives short-lived tokens and fails again and again."""

from __future__ import annotations

from pathlib import Path

from faults.judge import Before, Judge
from faults.matrix import Case, Round
from faults.play import Forker, Play, stage
from support.archives import make_wheel

FILES = 200
TOKEN_SECONDS = 20  # a token is renewed when a third of that is left
LATENCY = 0.2  # seconds for each request: with a few at a time, the uploads outlive a token


def test_two_hundred_files(running_forker: Forker, tmp_path: Path) -> None:
    (tmp_path / "stage").mkdir()
    with stage(tmp_path / "stage") as sandbox:
        here = Play(sandbox, running_forker, tmp_path, "many")
        files = [make_wheel(here.dists, "many", tag=f"py3{n}-none-any") for n in range(FILES)]
        before = Before.of(sandbox)
        settings = {"token_seconds": TOKEN_SECONDS, "latency_ms": {"pypi": LATENCY * 1000}}
        assert sandbox.post("settings", settings).status_code == 200
        fault = {"service": "pypi", "method": "*", "path": "/", "every": 7, "times": 10_000}
        run = here.run(Round((fault,)))
        assert run.code == 0, run.output
        log = sandbox.log()
        assert list(Judge(here, files, before).problems(Case("many", (Round(),)), [run, run])) == []
    failed = [line for line in log if line["service"] == "pypi" and line["status"] == 503]
    assert len(failed) > FILES / 7
    mints = [line for line in log if line["path"] == "/_/oidc/mint-token" and line["status"] == 200]
    assert len(mints) > 1, "no token ended"
