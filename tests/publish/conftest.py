"""What the tests of the steps share: a world, an index, a scripted server, a patient client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from publisher.http import Http
from publisher.world import Index, World
from support.play import running, world_of
from support.sandbox import Sandbox
from support.web import Web, serving


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A rehearsal world of the module's own, whose log and counters it may look at."""
    with running(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def world(sandbox: Sandbox) -> Iterator[World]:
    """The world as a run sees it; faults and switches are undone afterwards."""
    with world_of(sandbox) as world:
        yield world
    sandbox.http.delete(f"{sandbox.control}/faults")
    sandbox.post("settings", {"disabled": []})


@pytest.fixture
def index(world: World) -> Index:
    return world.indexes[0]


@pytest.fixture
def web() -> Iterator[Web]:
    """A server that says what the test tells it to."""
    with serving() as web:
        yield web


@pytest.fixture
def notices() -> list[str]:
    """What the client said of its retries."""
    return []


@pytest.fixture
def http(impatient: None, notices: list[str]) -> Iterator[Http]:
    http = Http(notice=notices.append)
    yield http
    http.close()
