"""A process with everything imported, which forks one run of the command line after another.

One JSON object per line goes in (``Job``), and two come out: ``{"pid"}`` when the run has begun,
``{"code"}`` when it has ended, -9 if it was killed. The run is the real command line; what a test
needs otherwise (short pauses, a kill at one point) is set in its own process, from outside.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pkgutil
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

PATIENCE = 60.0  # seconds for one run
ROOMS = ("publish", "report", "providers", "rehearsal", "verify")
LIBRARIES = ("sigstore.sign", "sigstore.verify", "pypi_attestations", "twine.package", "rich.live")


def preload() -> None:
    """Import whatever a run imports."""
    importlib.import_module("publisher.cli")
    for room in ROOMS:
        package = importlib.import_module(f"publisher.{room}")
        for module in pkgutil.iter_modules(package.__path__, f"publisher.{room}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    for name in LIBRARIES:
        importlib.import_module(name)


def hurry(timeout: float) -> None:
    """Make the run impatient."""
    from publisher import deadline, transport
    from publisher.rehearsal import loopback

    transport.CONNECT_TIMEOUT = transport.READ_TIMEOUT = timeout
    transport.BACKOFF = 0.02
    deadline.PATIENCE = 2 * timeout
    loopback.TIMEOUT = timeout  # type: ignore[assignment]  # whole seconds


def die() -> None:
    """End like a machine that loses its power."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at_step(name: str, *, end: bool) -> None:
    """Die when a step begins, or right after it."""
    from publisher.publish.recorder import Recorder

    real = Recorder.step

    @contextlib.contextmanager
    def step(self: Recorder, step: str, doing: str) -> Iterator[None]:
        if step == name and not end:
            die()
        with real(self, step, doing):
            yield
        if step == name:
            die()

    Recorder.step = step  # type: ignore[method-assign,assignment]  # in this child only


def kill_at_sync(number: int) -> None:
    """Die while something is written to the disk for the n-th time."""
    real, count = os.fsync, iter(range(1, 10_000))

    def fsync(file: int) -> None:
        real(file)
        if next(count) == number:
            die()

    os.fsync = fsync  # type: ignore[assignment]  # in this child only


def run(job: dict[str, Any]) -> None:
    """Be the run. Never returns."""
    for number, path in ((0, os.devnull), (1, job["stdout"]), (2, job["stderr"])):
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        os.dup2(file, number)
    os.chdir(job["folder"])
    hurry(job["timeout"])
    if "step" in job["kill"]:
        kill_at_step(job["kill"]["step"], end=job["kill"]["end"])
    if "sync" in job["kill"]:
        kill_at_sync(job["kill"]["sync"])
    from publisher import cli

    sys.stdout = os.fdopen(1, "w")
    sys.stderr = os.fdopen(2, "w")
    code = cli.run(job["argv"], job["env"])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def wait_for(pid: int) -> int | None:
    """The exit code, or ``None`` if the run never ended."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def main() -> None:
    preload()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                run(json.loads(line))
            finally:
                os._exit(1)
        print(json.dumps({"pid": pid}), flush=True)
        print(json.dumps({"code": wait_for(pid)}), flush=True)


if __name__ == "__main__":
    main()
