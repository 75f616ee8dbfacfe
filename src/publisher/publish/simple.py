"""Read a project's files from an index's simple API (PEP 503, 592, 691, 740)."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser
from typing import BinaryIO
from urllib.parse import parse_qs, unquote, urldefrag, urljoin, urlsplit

from publisher.errors import IndexAnswerMalformed, IndexUnreachable
from publisher.http import Http, NetworkError
from publisher.models import Listed
from publisher.world import Index

SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
INTEGRITY_JSON = "application/vnd.pypi.integrity.v1+json"
# An index that we know has JSON; others may have nothing but HTML (PEP 503).
ANY = f"{SIMPLE_JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
DIGEST_CAP = 1 << 30  # bytes of a file that is fetched because the index lists no SHA-256


def begin(http: Http, index: Index, project: str) -> None:
    """Ask the index already for the files of a project, if that needs no login."""
    if index.simple_url and index.reader() is None:
        http.begin_get(index.listing_url(project), accept=_accepted(index))


def listing(http: Http, index: Index, project: str) -> dict[str, Listed] | None:
    """The files of a project by name, as the simple API lists them; ``None``: no such project.

    Raises:
        IndexUnreachable, IndexAnswerMalformed: No usable answer.
    """
    url = index.listing_url(project)
    try:
        answer = http.get(url, accept=_accepted(index), account=index.reader())
    except NetworkError as error:
        raise IndexUnreachable(
            f"{index.name} does not answer: {error.reason}",
            facts={"index": index.name, "url": error.url, "reason": error.reason},
            hint="Run the same command again; files that arrived are known by digest.",
        ) from error
    if answer.status == 404:
        return None
    try:
        if answer.status != 200:
            raise ValueError("not 200")
        html = not index.known and "html" in answer.headers.get("Content-Type", "")
        files = _links(answer.body, url) if html else _files(answer.json_object(), url)
        return {file.filename: file for file in files}
    except (ValueError, TypeError, KeyError, AttributeError, AssertionError) as error:
        wanted = "PEP 691 JSON" if index.known else "PEP 503 HTML or PEP 691 JSON"
        raise IndexAnswerMalformed(
            f"{index.name} answers {answer.status}, not its list of files ({wanted})",
            facts=answer.facts(),
            hint="Something between here and the index may have answered: a proxy, a login page.",
        ) from error


def _accepted(index: Index) -> str:
    return SIMPLE_JSON if index.known else ANY


def with_digest(http: Http, index: Index, listed: Listed) -> Listed:
    """The same with its SHA-256, from the file itself if the index does not say it.

    A file that can't be fetched, or is larger than ``DIGEST_CAP``, stays without.
    """
    if listed.sha256:
        return listed
    with tempfile.TemporaryFile(prefix="publisher-") as file:
        try:
            fetch(http, index, listed, file, DIGEST_CAP)
        except (NetworkError, OSError):
            return listed
        file.seek(0)
        return replace(listed, sha256=hashlib.file_digest(file, "sha256").hexdigest())


def fetch(http: Http, index: Index, listed: Listed, into: BinaryIO, cap: int) -> None:
    """Download a listed file, of at most ``cap`` bytes. Raises ``NetworkError``."""
    home = index.simple_url or index.upload_url
    http.download(listed.url, into, cap, listed_at=home, account=index.reader())


class _Anchors(HTMLParser):
    """The attributes of every link of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the attributes of an ``a``."""
        if tag == "a":
            self.found.append(dict(attrs))


def _links(body: bytes, base: str) -> Iterable[Listed]:
    """The files of an HTML page (PEP 503); the last part of a link's path is the file's name.

    Raises:
        ValueError: No page of a simple API: an empty project's page is one, a login page is not.
    """
    parser = _Anchors()
    parser.feed(body.decode("utf-8"))
    files = []
    for link in parser.found:
        url, fragment = urldefrag(urljoin(base, link.get("href") or ""))
        name = unquote(urlsplit(url).path.rpartition("/")[2])
        digest = parse_qs(fragment).get("sha256")
        provenance = link.get("data-provenance")
        if name.endswith((".whl", ".tar.gz", ".zip", ".egg", ".tar.bz2", ".tgz")):
            proven = urljoin(base, provenance) if provenance else None
            files.append(Listed(name, url, digest[0].lower() if digest else None, proven))
    if parser.found and not files:
        raise ValueError("none of its links is a file")
    return files


def _files(page: Mapping[str, object], base: str) -> Iterable[Listed]:
    files = page["files"]
    if not isinstance(files, list):
        raise TypeError("files is not a list")
    for file in files:
        digest = (file.get("hashes") or {}).get("sha256")
        provenance = file.get("provenance")
        yield Listed(
            filename=str(file["filename"]),
            url=urljoin(base, str(file["url"])),
            sha256=str(digest).lower() if digest else None,
            provenance_url=urljoin(base, str(provenance)) if provenance else None,
            uploaded=_time(file.get("upload-time")),
            yanked=file.get("yanked", False) is not False,
        )


def _time(text: object) -> datetime | None:
    """An upload-time (PEP 700), if it is one."""
    try:
        when = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return when if when.tzinfo else None
