"""Plays a case: runs in forked processes, against a sandbox that breaks what the case says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from faults.matrix import TRAP, Case, Round
from publisher.rehearsal.child import child
from support.archives import make_sdist, make_wheel
from support.sandbox import GITHUB, Sandbox

TESTS = Path(__file__).parents[1]
CASES_EACH = 50  # cases that a sandbox plays
TIMEOUT = 2.0  # seconds a run waits for an answer
MEMORY = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}


class Forker:
    """The process that forks runs; one at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self, job: dict[str, Any]) -> int:
        """Begin a run, and return its process id."""
        assert self._process.stdin
        self._process.stdin.write(f"{json.dumps(job)}\n")
        self._process.stdin.flush()
        return int(self._read()["pid"])

    def end(self) -> int | None:
        """Its exit code; ``None`` if it did not end."""
        code: int | None = self._read()["code"]
        return code

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        value: dict[str, Any] = json.loads(self._process.stdout.readline())
        return value


@contextmanager
def forker() -> Iterator[Forker]:
    """A forker, for as long as the context lasts."""
    path = os.pathsep.join([str(TESTS), *filter(None, sys.path)])
    process = subprocess.Popen(
        [sys.executable, "-m", "faults.forker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**MEMORY, "PYTHONPATH": path},
    )
    try:
        yield Forker(process)
    finally:
        process.communicate()


@contextmanager
def stage(folder: Path, *, tls: bool = False) -> Iterator[Sandbox]:
    """A sandbox of this process's own."""
    with (
        child(folder, indexes=("pypi",), env=MEMORY, tls=tls) as (url, _),
        requests.Session() as http,
    ):
        http.trust_env = False
        sandbox = Sandbox(url, http)
        if tls:
            (folder / "ca.pem").write_text(sandbox.info["ca"])
            http.verify = str(folder / "ca.pem")
        yield sandbox


class Stages:
    """A sandbox with TLS and one without; new ones now and then, for they forget nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[bool, tuple[Sandbox, ExitStack]] = {}
        self._uses = Counter[bool]()

    def get(self, *, tls: bool) -> Sandbox:
        """The one to use now."""
        if tls in self._running and self._uses[tls] % CASES_EACH == 0:
            self._running.pop(tls)[1].close()
        if tls not in self._running:
            stack = ExitStack()
            folder = self._folder / f"{tls}-{self._uses[tls]}"
            folder.mkdir()
            sandbox = stack.enter_context(stage(folder, tls=tls))
            self._running[tls] = sandbox, stack
        self._uses[tls] += 1
        return self._running[tls][0]

    def close(self) -> None:
        """End both."""
        for _, stack in self._running.values():
            stack.close()


@dataclass
class Ended:
    """How a run ended: its exit code, ``None`` if it did not; what it printed."""

    code: int | None
    output: str


class Play:
    """The runs of one release, all by the same command."""

    def __init__(self, sandbox: Sandbox, forker: Forker, folder: Path, name: str) -> None:
        self.sandbox, self._forker, self.folder = sandbox, forker, folder
        self.name = name
        self.dists = folder / "dist"
        self.left = folder / "left"
        for path in (self.dists, self.left):
            path.mkdir()
        (folder / "claims.json").write_text(json.dumps(GITHUB))
        self.runs = 0

    def make_files(self) -> list[Path]:
        """Two wheels and an sdist, with content that no other case has."""
        tags = ("py3-none-any", "py3-none-win32")
        wheels = [make_wheel(self.dists, self.name, tag=tag) for tag in tags]
        return [*wheels, make_sdist(self.dists, self.name)]

    def run(self, scene: Round, *more: str) -> Ended:
        """One run, with the faults and the kill of this round."""
        self.runs += 1
        output = self.left / f"output-{self.runs}"
        if scene.faults:
            faults = [self._aimed(dict(fault)) for fault in scene.faults]
            assert self.sandbox.post("faults", faults).status_code == 200
        job = {
            "argv": [*self._arguments(), *more],
            "env": {**MEMORY, "HOME": str(self.folder), "NO_COLOR": "1"},
            "folder": str(self.folder),
            "stdout": str(output),
            "stderr": str(output),
            "timeout": TIMEOUT if scene.kill != "held" else 60.0,
            "kill": scene.kill if isinstance(scene.kill, dict) else {},
        }
        pid = self._forker.start(job)
        if scene.kill == "held":
            self._wait_until_held()
            os.kill(pid, signal.SIGKILL)
        code = self._forker.end()
        if scene.faults:
            self._check_used(scene)
            self.sandbox.http.delete(f"{self.sandbox.control}/faults")
        return Ended(code, output.read_text())

    def _arguments(self) -> list[str]:
        claims, state = self.folder / "claims.json", self.left / "state"
        return [
            *("--sandbox", self.sandbox.control, "--provider-claims", str(claims)),
            *("--attestations", "required", "--state", str(state), "--wait", "5"),
            *("--report", str(self.left / "report.json"), "--html", str(self.left / "page.html")),
            str(self.dists),
        ]

    def _aimed(self, fault: dict[str, Any]) -> dict[str, Any]:
        headers = dict(fault.get("headers", {}))
        if headers.get("Location") == TRAP:
            headers["Location"] = f"{self.sandbox.control}{TRAP}"
        return {**fault, "headers": headers}

    def _wait_until_held(self) -> None:
        until = time.monotonic() + 60
        while not self.sandbox.http.get(f"{self.sandbox.control}/stats").json()["hanging"]:
            assert time.monotonic() < until, "the request to be held never came"
            time.sleep(0.01)

    def _check_used(self, scene: Round) -> None:
        """A fault that hit nothing proves nothing; a lasting one may have hits left."""
        planned = self.sandbox.http.get(f"{self.sandbox.control}/faults").json()
        for fault in scene.faults:
            left = [p["times"] for p in planned if _place(p) == _place(fault)]
            assert left != [fault["times"]], f"nothing was broken by {fault}"


def _place(fault: Mapping[str, Any]) -> tuple[object, ...]:
    kind = fault.get("kind", "status")
    return (kind, *(fault[key] for key in ("service", "method", "path", "every")))


def play(case: Case, here: Play) -> list[Ended]:
    """All disturbed runs of a case."""
    return [here.run(scene) for scene in case.rounds]
