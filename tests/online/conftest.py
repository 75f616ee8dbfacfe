from __future__ import annotations

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
