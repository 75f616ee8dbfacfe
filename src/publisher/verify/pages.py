"""A project's page on an index (PEP 691, 700, 714, 740, 792), as a consumer reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from packaging.version import InvalidVersion, Version

from publisher.verify.names import installed_as, named
from publisher.verify.shelf import NotHere, Shelf
from publisher.world import Index

SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
SHA256 = re.compile(r"[0-9a-f]{64}")
EGG = re.compile("[#&]egg=([^&]*)")
"""What may stand behind a URL, and beats the name in it."""


@dataclass(frozen=True)
class File:
    """A file as a page lists it; ``metadata`` is the digest of its core metadata (PEP 658).

    ``attestable`` says whether this index speaks of provenance at all. ``why`` says why a file that
    pip may install can't be looked at, or nothing; it may have no ``sha256``.
    """

    filename: str
    version: Version
    url: str
    sha256: str
    provenance: str
    metadata: str
    uploaded: datetime | None
    yanked: bool
    attestable: bool
    why: str = ""


@dataclass(frozen=True)
class Page:
    """A project's files; ``status`` is the index's word (PEP 792), ``url`` where it stands."""

    project: str
    url: str
    status: str
    files: tuple[File, ...]

    def release(self, version: str) -> tuple[File, ...]:
        """The files of a version, however it is written; none of what is no version."""
        try:
            wanted = Version(version)
        except InvalidVersion:
            return ()
        return tuple(file for file in self.files if file.version == wanted)

    def came(self) -> dict[Version, datetime]:
        """All versions and when their first files came, in this order."""
        first: dict[Version, datetime] = {}
        for file in self.files:
            when = file.uploaded or datetime.max.replace(tzinfo=UTC)
            first[file.version] = min(when, first.get(file.version, when))
        return dict(sorted(first.items(), key=lambda item: item[::-1]))

    def latest(self) -> Version | None:
        """What an installer takes: the newest that is no pre-release and not yanked, if any."""
        there = {file.version for file in self.files}
        kept = {file.version for file in self.files if not file.yanked} or there
        finished = {version for version in kept if not version.is_prerelease} or kept
        return max(finished, default=None)


def read(shelf: Shelf, index: Index, project: str) -> Page:
    """Ask an index for a project (PEP 503 normalized name).

    Raises:
        NotHere: There is no answer, or it can't be read.
    """
    url = index.listing_url(project)
    body = shelf.current(url, SIMPLE_JSON)
    try:
        value = json.loads(body)
        status = (value.get("project-status") or {}).get("status") or "active"
        return Page(project, url, str(status), tuple(_files(value, url, project)))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise NotHere(f"the index's answer is no list of files (PEP 691 JSON): {url}") from error


def _files(page: Mapping[str, Any], base: str, project: str) -> Iterator[File]:
    for entry in page["files"]:
        filename, url = str(entry["filename"]), urljoin(base, str(entry["url"]))
        digest = str((entry.get("hashes") or {}).get("sha256") or "")
        metadata = entry.get("core-metadata") or entry.get("data-dist-info-metadata") or {}
        provenance = entry.get("provenance")
        for version, why in _versions(project, filename, url, digest):
            yield File(
                filename=filename,
                version=version,
                url=url,
                sha256=digest if SHA256.fullmatch(digest) else "",
                provenance=urljoin(base, str(provenance)) if provenance else "",
                metadata=str(metadata.get("sha256", "")) if isinstance(metadata, dict) else "",
                uploaded=_time(entry.get("upload-time")),
                yanked=bool(entry.get("yanked")),
                attestable="provenance" in entry,
                why=why,
            )


def _versions(project: str, filename: str, url: str, digest: str) -> Iterator[tuple[Version, str]]:
    """As which versions of a project a file may be installed, and why it can't be looked at.

    None: an egg, an installer, another project's. pip goes by the name in the URL.
    """
    parts = urlsplit(url)
    in_url, egg = unquote(parts.path.rpartition("/")[2]), EGG.search(f"#{parts.fragment}")
    try:
        name, version = named(filename)
    except ValueError:
        name, version = "", None
    if version and name == project and in_url == filename and not egg:
        yield version, "" if SHA256.fullmatch(digest) else "the index tells no SHA-256 of it"
        return
    spelt = (filename, in_url, f"{unquote(egg[1])}.zip" if egg else "")
    for odd in {found for one in spelt if (found := installed_as(one, project))}:
        yield odd, "its name is none that an index takes, but pip may install it"


def _time(text: object) -> datetime | None:
    """An upload-time (PEP 700), if it is one."""
    try:
        when = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return when if when.tzinfo else None
