"""Which URLs are taken and verified, as the index's contract lists them."""

from __future__ import annotations

from typing import Any

import pytest

from publisher import world
from publisher.rehearsal.publishers import TrustedPublisher, register
from publisher.rehearsal.urls import is_url, is_verified
from support.sandbox import PERSONAS

BASE = "http://127.0.0.1:1"
INDEX = world.pypi().web_url


def _publisher(kind: str, **fields: Any) -> TrustedPublisher:
    claims, publisher = PERSONAS[kind]
    iss = fields.pop("iss", claims["iss"])
    return register({**publisher, **fields}, {**claims, "iss": iss}, None)


@pytest.mark.parametrize(
    ("url", "verified"),
    [
        (f"{BASE}/project/widget/", True),
        (f"{BASE}/p/widget", True),
        (f"{INDEX}project/widget/", True),
        (f"{INDEX}project/widget-evil/", False),
        (f"{INDEX}project/x/..\\widget/", False),
        ("https://github.com/octo-org/widget", False),
        ("https://example.org", False),
    ],
)
def test_without_publisher(url: str, verified: bool) -> None:
    assert is_verified(url, None, "widget", BASE) == verified


@pytest.mark.parametrize(
    ("kind", "fields", "url", "verified"),
    [
        ("github", {}, "https://github.com/octo-org/widget", True),
        ("github", {}, "https://github.com/Octo-Org/Widget.git", True),
        ("github", {}, "https://github.com/octo-org/widget/issues", True),
        ("github", {}, "https://github.com/octo-org/widget-evil", False),
        ("github", {}, "https://github.com/octo-org/widget/../evil", False),
        ("github", {}, "https://github.com/octo-org/widget/%2e%2e/evil", False),
        ("github", {}, "http://github.com/octo-org/widget", False),
        ("github", {}, "https://octo-org.github.io/widget/x", True),
        ("github", {}, "https://octo-org.github.io/", False),
        ("gitlab", {}, "https://gitlab.com/My-Group/widget/", True),
        ("gitlab", {}, "https://my-group.gitlab.io/widget", True),
        ("gitlab", {"repository": "g/s/p"}, "https://g.gitlab.io/s/p/docs", True),
        ("gitlab", {"repository": "g/g.gitlab.io"}, "https://g.gitlab.io/x", True),
        ("gitlab", {"iss": "https://git.example"}, "https://git.example/my-group/widget", True),
        ("gitlab", {}, "https://git.example/my-group/widget", False),
        ("google", {}, "https://accounts.google.com", False),
        ("activestate", {}, "https://platform.activestate.com/octo/widget", True),
        ("activestate", {}, "https://platform.activestate.com", False),
    ],
)
def test_with_publisher(kind: str, fields: dict[str, Any], url: str, verified: bool) -> None:
    assert is_verified(url, _publisher(kind, **fields), "other", BASE) == verified


@pytest.mark.parametrize(
    ("url", "valid"),
    [
        ("https://example.org/a?b", True),
        ("http:", True),
        ("example.org", False),
        ("ftp://example.org", False),
    ],
)
def test_urls(url: str, valid: bool) -> None:
    assert is_url(url) == valid
