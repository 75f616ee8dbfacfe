from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from publisher.models import Persona
from publisher.rehearsal.child import child
from support.sandbox import GITHUB, GITHUB_PUBLISHER, Sandbox


@contextmanager
def _running(folder: Path, *, indexes: tuple[str, ...], tls: bool = False) -> Iterator[Sandbox]:
    folder.mkdir(exist_ok=True)
    with (
        child(folder, indexes=indexes, env=os.environ, tls=tls) as (url, _),
        requests.Session() as http,
    ):
        http.trust_env = False
        yield Sandbox(url, http)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for all tests that don't look at the whole of its state."""
    with _running(tmp_path_factory.mktemp("shared"), indexes=("pypi",)) as sandbox:
        yield sandbox


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox where nothing has happened yet."""
    with _running(tmp_path / "fresh", indexes=("pypi", "testpypi")) as sandbox:
        yield sandbox


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox over TLS; ``verify`` of its session is left to the test."""
    with _running(tmp_path / "secure", indexes=("pypi",), tls=True) as sandbox:
        yield sandbox


@pytest.fixture
def persona() -> Persona:
    return Persona(GITHUB, GITHUB_PUBLISHER)
