from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import requests

from publisher import world
from support.registry import Registry


@pytest.fixture(scope="session")
def registry() -> Iterator[Registry]:
    with requests.Session() as http:
        try:
            http.head(str(world.pypi().simple_url), timeout=20)
        except requests.RequestException as error:
            pytest.skip(f"no package registry is reachable: {type(error).__name__}")
        yield Registry(http)


@pytest.fixture
def surroundings(clean_env: dict[str, str]) -> dict[str, str]:
    """What a build may need of this machine to reach the registry."""
    wanted = ("PIP_", "UV_", "SSL_", "REQUESTS_", "HTTP", "http", "NO_PROXY", "no_proxy")
    return {**{k: v for k, v in os.environ.items() if k.startswith(wanted)}, **clean_env}
