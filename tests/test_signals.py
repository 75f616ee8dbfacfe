"""A run that is told to stop burns its token and leaves a report."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from support.archives import make_wheel
from support.sandbox import Sandbox

PATIENCE = 300  # tenths of a second


@pytest.mark.parametrize(
    ("number", "exit_code", "code"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_stopped_while_uploading(
    number: signal.Signals,
    exit_code: int,
    code: str,
    sandbox: Sandbox,
    project_name: str,
    tmp_path: Path,
) -> None:
    make_wheel(tmp_path, project_name)
    report = tmp_path / "report.json"
    fault = {"service": "pypi", "method": "POST", "path": "/legacy/", "kind": "hang", "times": 1}
    sandbox.post("faults", [fault])
    begun = len(sandbox.log())
    arguments = ["--sandbox", sandbox.control, "--report", str(report), str(tmp_path)]
    run = subprocess.Popen(
        [sys.executable, "-m", "publisher", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("GITHUB_")},
    )
    for _ in range(PATIENCE):  # the mint is the last answered request before the hanging upload
        time.sleep(0.1)
        if any(line["path"].startswith("/api/v1/log") for line in sandbox.log()[begun:]):
            break
    time.sleep(0.5)
    run.send_signal(number)
    out, _ = run.communicate(timeout=30)
    assert run.returncode == exit_code, out
    assert f"error {code}: " in out
    assert "Traceback" not in out
    written = json.loads(report.read_text("utf-8"))
    assert code in [finding["code"] for finding in written["findings"]]
    burned = [line for line in sandbox.log()[begun:] if line["path"] == "/_/oidc/burn-token"]
    assert [line["status"] for line in burned] == [202]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX")
def test_a_signal_that_is_ignored_from_the_beginning(tmp_path: Path) -> None:
    """By nohup, or in a shell's background job: the run goes on when the terminal is closed."""
    make_wheel(tmp_path)
    report = tmp_path / "report.json"
    run = subprocess.Popen(
        ["nohup", sys.executable, "-m", "publisher", "--dry-run", "--report", report, tmp_path],
        stdout=subprocess.PIPE,
        text=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("GITHUB_")},
    )
    assert run.stdout is not None
    first = run.stdout.readline()
    run.send_signal(signal.SIGHUP)
    out, _ = run.communicate(timeout=60)
    assert "REHEARSAL" in first
    assert run.returncode == 0, out
    assert json.loads(report.read_text("utf-8"))["exit_code"] == 0


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX")
def test_stopped_while_the_report_is_written(clean_env: dict[str, str], tmp_path: Path) -> None:
    """It is on its way into a full pipe; what was decided before is what the run ends with."""
    report = tmp_path / "report.json"
    argv = [str(tmp_path / "nothing"), "--format", "json", "--report", str(report)]
    read, write = os.pipe()
    os.set_blocking(write, False)
    filled = 0
    with suppress(BlockingIOError):
        while True:
            filled += os.write(write, b" " * 4096)
    os.set_blocking(write, True)
    with subprocess.Popen(
        [sys.executable, "-m", "publisher", *argv],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_env,
    ) as run:
        os.close(write)
        assert run.stderr
        while "docs/errors.md#path-not-found" not in run.stderr.readline():
            pass
        for number in (signal.SIGTERM, signal.SIGINT):
            time.sleep(0.5)
            run.send_signal(number)
        time.sleep(0.5)
        assert not report.exists(), "it was not written to the pipe first"
        with open(read, encoding="utf-8") as pipe:  # noqa: PTH123
            shown = json.loads(pipe.read()[filled:])
        run.stderr.read()
    written = json.loads(report.read_text("utf-8"))
    assert run.returncode == written["exit_code"] == shown["exit_code"] == 2
