"""Whatever an index answers, it is understood or named for what it is; no secret comes back."""

from __future__ import annotations

import html
import json
import re
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from publisher.errors import AudienceMismatch, IndexAnswerMalformed, MintRefused
from publisher.http import Answer, Http
from publisher.models import Secret
from publisher.publish import exchange, refusals, rejections
from publisher.publish.simple import listing
from publisher.publish.upload import said
from publisher.world import Index
from support.play import IDENTITY
from support.strange import JSON, WORDS, mutated
from support.web import Say, Web

TOKEN = Secret('pypi-Ag"<&EIc/+ é')
HIDDEN = TOKEN.reveal()
STATUS = st.sampled_from([200, 201, 302, 400, 403, 404, 422, 429, 500])
ERRORS = {"message": "no", "errors": [{"code": "invalid-publisher", "description": "no"}]}
MINTED = {"success": True, "token": "pypi-new", "expires": 1, **ERRORS}
SPELT = [
    *(HIDDEN, quote(HIDDEN), html.escape(HIDDEN), json.dumps(HIDDEN)[1:-1]),
    json.dumps(HIDDEN, ensure_ascii=False)[1:-1],
]


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


DIGITS = "9" * 5000  # more than Python reads as a number
PAGES = st.lists(
    st.sampled_from(["<script>", "</script>", "<a href='", "'>", "<", f"&#{DIGITS};", "&#xd800;"])
    | WORDS,
    max_size=5,
).map(lambda parts: "".join(parts).encode("utf-8", "replace"))
BODIES = st.binary(max_size=80) | PAGES | JSON.map(encoded) | mutated(MINTED, JSON).map(encoded)


def shown(error: Any) -> str:
    """An error as its report has it: written as JSON, in any case."""
    finding = error.finding()
    return json.dumps([finding.message, finding.facts, finding.hint], ensure_ascii=False)


@given(BODIES, STATUS)
def test_what_a_refusal_says(body: bytes, status: int) -> None:
    text = said(Answer("https://index.example", status, "No", {}, body))
    assert 0 < len(text) <= 600
    assert rejections.explain(status, text).endswith(rejections.TAIL)


@given(WORDS, st.sampled_from(SPELT), WORDS)
def test_no_refusal_says_our_own_secret(before: str, spelt: str, after: str) -> None:
    page = f"{before}{spelt}{after}"
    for body in (page.encode("utf-8", "replace"), encoded({"message": page})):
        answer = Answer("https://index.example", 400, "No", {}, body).without(TOKEN)
        assert HIDDEN not in said(answer)
        assert HIDDEN not in str(answer.facts())


@given(WORDS | st.sampled_from(["invalid-publisher", "invalid-token"]), WORDS)
def test_a_refused_mint_is_explained(code: str, text: str) -> None:
    for description in (text, f"Check failed for required claim {text!r}", "{a}{0}{"):
        told = refusals.explain(code, description, "pypi", IDENTITY)
        assert told.hint
        json.dumps(told.facts)


@given(BODIES | mutated(MINTED, JSON | st.just(HIDDEN)).map(encoded), STATUS)
def test_a_mint_gives_a_token_or_says_why_not(
    known: Index, web: Web, http: Http, body: bytes, status: int
) -> None:
    web.on("/_/oidc/mint-token", Say(status, body))
    refused = []
    try:
        minted = exchange.mint(http, known, TOKEN, IDENTITY)
        assert 0 <= minted.expires <= exchange.LATEST
        assert status == 200
    except (MintRefused, IndexAnswerMalformed) as error:
        refused.append(shown(error))
    assert HIDDEN not in "".join(refused)


@given(BODIES | mutated({"audience": "pypi"}, JSON).map(encoded), STATUS)
def test_an_audience_is_the_pinned_one_or_none(
    known: Index, web: Web, http: Http, body: bytes, status: int
) -> None:
    web.on("/_/oidc/audience", Say(status, body))
    with suppress(MintRefused, IndexAnswerMalformed, AudienceMismatch):
        exchange.confirm_audience(http, known, IDENTITY)
        assert json.loads(body)["audience"] == "pypi"
        assert status == 200


# The simple API


FILE = {
    "filename": "widget-1.0.tar.gz",
    "url": "files/widget-1.0.tar.gz",
    "hashes": {"sha256": "AB" * 32},
    "provenance": "https://index.example/p",
    "upload-time": "2026-01-01T00:00:00Z",
}
LISTS = st.lists(mutated(FILE, JSON) | JSON, max_size=3).map(lambda files: {"files": files})
KINDS = st.sampled_from(["text/html", "application/vnd.pypi.simple.v1+json", ""])


@given(BODIES | LISTS.map(encoded), KINDS, st.booleans())
def test_a_page_is_a_list_or_malformed(
    known: Index, web: Web, http: Http, body: bytes, kind: str, ours: bool
) -> None:
    index = replace(known, known=ours)
    web.on("/simple/widget/", Say(200, body, {"Content-Type": kind}))
    with suppress(IndexAnswerMalformed):
        for name, file in (listing(http, index, "widget") or {}).items():
            assert name == file.filename
            assert file.sha256 is None or file.sha256 == file.sha256.lower()
            assert file.uploaded is None or file.uploaded.tzinfo


NAMES = st.from_regex(re.compile(r"[A-Za-z0-9._!+-]{1,20}\.whl", re.ASCII), fullmatch=True)


@given(st.dictionaries(NAMES, st.binary(min_size=32, max_size=32).map(bytes.hex), max_size=4))
def test_a_page_is_read_as_it_was_written(
    known: Index, web: Web, http: Http, files: dict[str, str]
) -> None:
    """In JSON and in HTML."""
    other = replace(known, known=False)
    links = "".join(f'<a href="f/{n}#sha256={d}">{n}</a>' for n, d in files.items())
    pages = {
        "text/html": f"<!doctype html><html><body>{links}</body></html>".encode(),
        "application/vnd.pypi.simple.v1+json": encoded(
            {"files": [{"filename": n, "url": f"f/{n}", "hashes": {"sha256": d}}
                       for n, d in files.items()]}
        ),
    }  # fmt: skip
    for kind, body in pages.items():
        web.on("/simple/widget/", Say(200, body, {"Content-Type": kind}))
        found = listing(http, other, "widget")
        assert found is not None
        assert {name: file.sha256 for name, file in found.items()} == files
        assert {file.url for file in found.values()} == {
            f"{web.url}/simple/widget/f/{name}" for name in files
        }
