"""What is fuzzed: for each parser of what others wrote, a function that takes any bytes.

A target may raise errors of ours, which are answers; anything else is a finding. What must hold
beyond that is asserted, as in ``tests/properties``.
"""

from __future__ import annotations

import base64
import json
import re
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from publisher.errors import PublisherError
from publisher.http import Answer, Http
from publisher.models import Dist, Identity, Secret
from publisher.providers import from_claims, read_claims
from publisher.publish import (
    archive,
    contract,
    exchange,
    filename,
    form,  # noqa: F401 - imported before the clock runs
    metadata,
    refusals,
    rejections,
    simple,
    upload,
)
from publisher.publish.identity import claims_of
from publisher.publish.journal import JOURNAL, Journal
from publisher.settings import resolve
from publisher.verify import evidence, lines, locks, pages, pins, pylock
from publisher.verify.shelf import NotHere, Shelf
from publisher.world import Index
from support.archives import core_metadata, make_sdist, make_wheel
from support.sandbox import ACTIVESTATE, GITHUB, GITHUB_PUBLISHER, GITLAB, GOOGLE

PLACE = Path(tempfile.mkdtemp(prefix="fuzz-"))
SITE = "https://index.example/"
INDEX = Index("pypi", f"{SITE}legacy/", f"{SITE}simple/", SITE, SITE, "pypi")
IDENTITY = Identity("github", GITHUB["iss"], GITHUB, GITHUB_PUBLISHER, {}, {})
LOCKS = ("pylock.toml", "uv.lock", "poetry.lock", "pdm.lock", "requirements.txt")
REAL_LOCKS = Path(__file__).parents[1] / "verify" / "locks"
DRIFT = Path(__file__).parents[2] / "docs" / "drift.md"
WHEEL, SDIST = "widget-1.0-py3-none-any.whl", "widget-1.0.tar.gz"


class Wire(Http):
    """A client whose every answer is the bytes at hand: sockets would take all the time."""

    def __init__(self, status: int, kind: str, body: bytes) -> None:
        super().__init__()
        self.said = Answer(SITE, status, "Said", {"Content-Type": kind}, body)

    def _ask(self, *_args: Any, **_options: Any) -> Answer:
        return self.said


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _file(name: str, data: bytes) -> Path:
    path = PLACE / name
    path.write_bytes(data)
    return path


def claims(data: bytes) -> None:
    """A file of claims, the token they stand in, and both verdicts."""
    with suppress(PublisherError):
        claims_of(Secret(_text(data)))
    claims_of(Secret(f"e30.{base64.urlsafe_b64encode(data).decode()}.c2ln"))
    read = read_claims(_file("claims.json", data))
    provider = from_claims(read, {}, PLACE)
    for verdict in (provider.mint_verdict(read), provider.attest_verdict(read)):
        provider.hint(verdict.error(claims=read))
    provider.register(read)
    provider.persona()


def refusal(data: bytes) -> None:
    """The body of a refused upload, and the refusal of a mint."""
    said = upload.said(Answer(SITE, 400, "No", {}, data))
    assert 0 < len(said) <= 600
    assert rejections.explain(400, said)
    assert refusals.explain("invalid-publisher", said, "pypi", IDENTITY).hint


def minting(data: bytes) -> None:
    """The answers of the two OIDC APIs."""
    for status in (200, 403, 422):
        wire = Wire(status, "application/json", data)
        with suppress(PublisherError):
            exchange.confirm_audience(wire, INDEX, IDENTITY)
        with suppress(PublisherError):
            minted = exchange.mint(wire, INDEX, Secret("e30.e30.c2ln"), IDENTITY)
            assert 0 <= minted.expires <= exchange.LATEST


def page(data: bytes) -> None:
    """A page of the simple API, as JSON and as HTML."""
    for known, kind in ((True, simple.SIMPLE_JSON), (False, "text/html")):
        with suppress(PublisherError):
            found = simple.listing(Wire(200, kind, data), replace(INDEX, known=known), "widget")
            assert all(name == file.filename for name, file in (found or {}).items())


def name(data: bytes) -> None:
    """A distribution's filename."""
    named = filename.parse(_text(data))
    assert named.root
    assert not named.version.local


def expect(data: bytes) -> None:
    """A release contract."""
    expected = contract.read(_file("contract", data))
    assert not any(set(name) & {"/", "\\", "\n"} for name in expected.files)


def pyproject(data: bytes) -> None:
    """The settings in pyproject.toml."""
    resolve([], {}, _file("pyproject.toml", data))


def line(data: bytes) -> None:
    """The command line, and a variable."""
    words = _text(data).split("\n")
    with suppress(PublisherError):
        resolve(words, {}, PLACE / "none.toml")
    with suppress(PublisherError):
        env = {"PUBLISHER_JOBS": words[0], f"PUBLISHER_{words[-1]}": "x"}
        resolve([], env, PLACE / "none.toml")


def wheel(data: bytes) -> None:
    """A wheel, from its bytes to its form."""
    _dist(WHEEL, data)


def sdist(data: bytes) -> None:
    """An sdist, from its bytes to its form."""
    _dist(SDIST, data)


def _dist(called: str, data: bytes) -> None:
    named = filename.parse(called)
    found = archive.contents(_file(called, data), named)
    metadata.judge(found, named, lambda _: None)


def core(data: bytes) -> None:
    """Core metadata; without a body, which is rendered in a process of its own."""
    named = filename.parse(SDIST)
    found = archive.Contents(data.partition(b"\n\n")[0], "widget-1.0", {"widget-1.0/LICENSE"})
    raw = metadata.judge(found, named, lambda _: None)
    metadata.form(Dist(Path(SDIST), named.project, "1.0", "sdist", 1, "ab" * 32, raw))


def journal(data: bytes) -> None:
    """What an earlier run left in the state folder, or somebody committed there."""
    state = Journal(PLACE / "state")
    _file(f"state/{JOURNAL}", data)
    state.uploaded(SITE, [Dist(Path(SDIST), "widget", "1.0", "sdist", 1, "ab" * 32)])


def lock(data: bytes) -> None:
    """Every kind of lock file."""
    for kind in LOCKS:
        with suppress(locks.Unreadable):
            locks.read(kind, _text(data))


def copy(data: bytes) -> None:
    """A pylock.toml that identities are written into."""
    with suppress(locks.Unreadable):
        pylock.enrich(_text(data), {("widget", "1.0"): [GITHUB_PUBLISHER]})


def identities(data: bytes) -> None:
    """identities.lock; written again it says the same."""
    with suppress(lines.Malformed):
        written = pins.write(pins.read(_text(data)))
        assert pins.write(pins.read(written)) == written


def shown(data: bytes) -> None:
    """A project's page and a file's metadata, as ``verify`` reads them."""
    with suppress(NotHere):
        pages.read(Shelf(Wire(200, "application/json", data), None, False), INDEX, "widget")
    evidence.project_urls(data)


Target = Callable[[bytes], None]
TARGETS: Mapping[str, Target] = {
    one.__name__: one
    for one in (
        *(claims, refusal, minting, page, name, expect, pyproject, line, wheel, sdist, core),
        *(journal, lock, copy, identities, shown),
    )
}


def seeds() -> dict[str, list[bytes]]:
    """What a fuzzer begins with: for each target, something that is right."""
    whole = make_wheel(PLACE / "seed").read_bytes(), make_sdist(PLACE / "seed").read_bytes()
    entry = {"filename": SDIST, "size": 1, "sha256": "ab" * 32}
    release = {"project": "widget", "version": "1.0"}
    agreed = {"schema": contract.SCHEMA, "files": [entry], "releases": [release]}
    listed = {"filename": SDIST, "url": f"f/{SDIST}", "hashes": {"sha256": "ab" * 32}}
    link = f'<a href="f/{SDIST}#sha256={"ab" * 32}" data-provenance="/p">{SDIST}</a>'
    values: Mapping[str, list[Any]] = {
        "claims": [{**c, "aud": "pypi"} for c in (GITHUB, GITLAB, GOOGLE, ACTIVESTATE)],
        "refusal": [{"message": "400 File already exists"}, "<html><h1>400 &amp; no</h1>"],
        "minting": [
            {"success": True, "token": "pypi-x", "expires": 1, "audience": "pypi"},
            {"errors": [{"code": "invalid-publisher", "description": "no"}], "message": "no"},
        ],
        "page": [{"files": [{**listed, "upload-time": "2026-01-01T00:00:00Z"}]}, link],
        "name": [WHEEL, SDIST, "a_b-1!2.0rc1.post2.dev3-1-cp311.cp312-abi3-win32.whl"],
        "expect": [agreed, f"{'ab' * 32}  dist/{SDIST}\n", f"SHA256 ({SDIST}) = {'ab' * 32}"],
        "pyproject": ['[tool.publisher]\njobs = 4\nwait = 1.5\npackages-dir = "out"\n'],
        "line": ["publish\n--jobs\n4\n--repository=testpypi\n--\ndist/*"],
        "journal": [{"schema": "publisher.journal/1", "event": "uploaded", "file": SDIST}],
        "identities": re.findall("(?s)```\n(#identities.*?)```", DRIFT.read_text("utf-8")),
        "core": [core_metadata(extra_metadata="License-File: LICENSE\nProject-URL: a, https://b.example")],
    }  # fmt: skip
    made = {
        target: [(v if isinstance(v, str) else json.dumps(v)).encode() for v in some]
        for target, some in values.items()
    }
    written = [(REAL_LOCKS / kind).read_bytes() for kind in LOCKS]
    shelved = [*made["page"][:1], *made["core"]]
    more = {"lock": written, "copy": written[:1], "shown": shelved}
    return {**made, **more, "wheel": [whole[0]], "sdist": [whole[1]]}
