"""The indexes that we know."""

from __future__ import annotations

from twine import repository, utils

from publisher import world


def test_addresses_are_twines() -> None:
    """They are made from the upload URL alone, since twine's others take long to import."""
    pypi, testpypi = world.pypi(), world.testpypi()
    assert pypi.upload_url == utils.DEFAULT_REPOSITORY
    assert testpypi.upload_url == utils.TEST_REPOSITORY
    assert pypi.web_url == pypi.api_url == repository.WAREHOUSE_WEB
    assert testpypi.web_url == testpypi.api_url == repository.TEST_WAREHOUSE
    assert pypi.simple_url == f"{repository.WAREHOUSE_WEB}simple/"
    assert testpypi.simple_url == f"{repository.TEST_WAREHOUSE}simple/"
    assert [index.name for index in (pypi, testpypi)] == list(world.INDEXES)
