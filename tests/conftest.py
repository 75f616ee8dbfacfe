from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from publisher import transport
from publisher.rehearsal.child import child
from support.sandbox import Sandbox


def pytest_configure() -> None:
    """Hear Ctrl-C, and let all children hear it, also in a shell's background job."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry at once: what is tested is that it happens, not how long the pauses are."""
    monkeypatch.setattr(transport, "BACKOFF", 0.0)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, impatient: None) -> None:
    """Nothing answers where the proxy should be."""
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


@pytest.fixture(scope="session")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One rehearsal world for many tests; what they publish must have names of their own."""
    folder = tmp_path_factory.mktemp("sandbox")
    with (
        child(folder, indexes=("pypi", "testpypi"), env=os.environ) as (url, _),
        requests.Session() as http,
    ):
        http.trust_env = False
        yield Sandbox(url, http)


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Iterator[Sandbox]:
    """The shared rehearsal world, without any fault or delay."""
    yield running_sandbox
    running_sandbox.http.delete(f"{running_sandbox.control}/faults")
    running_sandbox.post("settings", {"latency_ms": 0, "bytes_per_second": None})
    running_sandbox.post("clock", {"days_ago": 0})


@pytest.fixture
def project_name(request: pytest.FixtureRequest) -> str:
    """A project name that no other test uses."""
    node = "".join(c if c.isalnum() and c.isascii() else "-" for c in request.node.name)
    return f"t-{node.strip('-').lower()}"[:60].rstrip("-")


@pytest.fixture
def clean_env(tmp_path: Path) -> dict[str, str]:
    """An environment outside any CI."""
    keep = {"PATH", "LANG", "PIP_FIND_LINKS", "PIP_CERT"}
    env = {k: v for k, v in os.environ.items() if k in keep or k.startswith("COVERAGE_")}
    return {**env, "HOME": str(tmp_path)}
