"""Read a project's files from an index's simple API (PEP 503, 691, 740)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urljoin

from publisher.errors import IndexAnswerMalformed, IndexUnreachable
from publisher.http import Http, NetworkError
from publisher.models import Listed
from publisher.world import Index

SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"


def listing(http: Http, index: Index, project: str) -> dict[str, Listed]:
    """The files of a project by name, as the simple API lists them (PEP 691); none is empty.

    Raises:
        IndexUnreachable, IndexAnswerMalformed: No usable answer.
    """
    url = index.listing_url(project)
    try:
        answer = http.get(url, accept=SIMPLE_JSON)
    except NetworkError as error:
        raise IndexUnreachable(
            f"{index.name} does not answer: {error.reason}",
            facts={"index": index.name, "url": error.url, "reason": error.reason},
            hint="Run the same command again; files that arrived are known by digest.",
        ) from error
    if answer.status == 404:
        return {}
    try:
        if answer.status != 200:
            raise ValueError("not 200")
        return {file.filename: file for file in _files(answer.json_object(), url)}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise IndexAnswerMalformed(
            f"{index.name} answers {answer.status}, not its list of files (PEP 691 JSON)",
            facts=answer.facts(),
            hint="Something between here and the index may have answered: a proxy, a login page.",
        ) from error


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
        )
