"""Who is told to stop leaves at once, whatever is under way, and writes nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from support.reading import Reader
from support.sandbox import Sandbox

NAMES = [f"hangs-{number}" for number in range(6)]


def hanging(sandbox: Sandbox) -> int:
    """How many requests get no answer."""
    return int(sandbox.http.get(f"{sandbox.control}/stats").json()["hanging"])


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX")
@pytest.mark.parametrize(
    ("command", "number", "exit_code", "code"),
    [
        ("verify", signal.SIGINT, 130, "interrupted"),
        ("verify", signal.SIGTERM, 143, "terminated"),
        ("pin", signal.SIGINT, 130, "interrupted"),
    ],
)
def test_while_requests_are_under_way(
    reader: Reader,
    command: str,
    number: signal.Signals,
    exit_code: int,
    code: str,
) -> None:
    sandbox = reader.sandbox
    index = ["--index", f"{sandbox.index}/simple/", "--trust-config", "trust.json"]
    fault = {"service": "pypi", "method": "GET", "path": "/simple/hangs-", "kind": "hang"}
    sandbox.post("faults", [{**fault, "times": len(NAMES)}])
    with subprocess.Popen(
        [sys.executable, "-m", "publisher", command, *index, *NAMES],
        cwd=reader.folder,
        env=reader.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        while hanging(sandbox) < len(NAMES):
            assert run.poll() is None
            time.sleep(0.05)
        run.send_signal(number)
        out, errors = run.communicate(timeout=30)  # a request would wait for twice as long
    sandbox.http.delete(f"{sandbox.control}/faults")
    assert run.returncode == exit_code, out + errors
    assert f"error {code}: " in out
    assert errors == ""
    assert not (reader.folder / "identities.lock").exists()
