"""Properties: what holds for every input, tried on many that nobody thought of.

The examples are the same in every run, so that a change is what turns a test red; `tests/fuzz` is
what looks for new ones.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from publisher import transport
from publisher.http import Http
from publisher.world import Index
from support.play import index_at
from support.web import Web, serving

settings.register_profile(
    "ours",
    deadline=None,
    derandomize=True,
    max_examples=60,
    database=None,
    # the fixtures are a server and files that each example writes anew
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("ours")


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with serving() as web:
        yield web


@pytest.fixture(scope="module")
def http() -> Iterator[Http]:
    """It tries again at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transport, "BACKOFF", 0.0)
        http = Http()
        yield http
        http.close()


@pytest.fixture
def known(web: Web) -> Index:
    return index_at(web.url)
