from __future__ import annotations

import pytest

from publisher.rehearsal.accept import preferred

OFFERS = ("text/html", "application/json")


@pytest.mark.parametrize(
    ("accept", "best"),
    [
        (None, "text/html"),
        ("*/*", "text/html"),
        ("application/json", "application/json"),
        ("application/json, text/html;q=0.9", "application/json"),
        ("text/html;q=0.1, application/*;q=0.2", "application/json"),
        ("application/json;q=0, */*", "text/html"),
        ("application/json;q=bad", None),
        ("application/json;level=1", "application/json"),
        ("image/png", None),
    ],
)
def test_preferred(accept: str | None, best: str | None) -> None:
    assert preferred(accept, OFFERS) == best
