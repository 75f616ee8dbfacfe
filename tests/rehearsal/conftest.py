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


DEFAULTS: dict[str, object] = {
    "file_limit": None,
    "attestations": True,
    "read_only": False,
    "uploads": True,
    "registration": True,
    "new_projects": None,
    "prohibited": [],
    "classifiers": None,
    "deprecated_classifiers": {},
    "issuers": {},
    "new_release_ms": 0,
}


@pytest.fixture
def tuned(shared: Sandbox) -> Iterator[Sandbox]:
    """The shared sandbox, whose index is healthy again afterwards."""
    yield shared
    assert shared.post("index", DEFAULTS).status_code == 200


@pytest.fixture(scope="session")
def passwords(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox with an index of each kind; ``index`` is the one that wants a password."""
    folder = tmp_path_factory.mktemp("passwords")
    with _running(folder, indexes=("own:static", "pypi")) as sandbox:
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
