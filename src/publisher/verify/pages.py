"""A project's page on an index (PEP 691, 700, 714, 740, 792), as a consumer reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from publisher.verify.shelf import NotHere, Shelf
from publisher.world import Index

SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class File:
    """A file as a page lists it; ``metadata`` is the digest of its core metadata (PEP 658).

    ``attestable`` says whether this index speaks of provenance at all.
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

    def versions(self) -> list[Version]:
        """All versions, by when their first files came."""
        first: dict[Version, datetime] = {}
        for file in self.files:
            when = file.uploaded or datetime.max.replace(tzinfo=UTC)
            first[file.version] = min(when, first.get(file.version, when))
        return sorted(first, key=lambda version: (first[version], version))

    def latest(self) -> Version | None:
        """What an installer takes: the newest that is no pre-release and not yanked, if any."""
        there = {file.version for file in self.files}
        kept = {file.version for file in self.files if not file.yanked} or there
        finished = {version for version in kept if not version.is_prerelease} or kept
        return max(finished, default=None)


def named(filename: str) -> tuple[str, Version]:
    """The project and version that a distribution's filename says. ASCII only.

    Raises:
        ValueError: It is no distribution's name.
    """
    if not filename.isascii():
        raise ValueError("not ASCII")
    if filename.endswith(".whl"):
        name, version, *_ = parse_wheel_filename(filename)
    else:
        name, version = parse_sdist_filename(filename)
    return canonicalize_name(name, validate=True), version


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
        filename = str(entry["filename"])
        try:
            name, version = named(filename)
        except ValueError:  # an egg, an installer: nothing that is installed from
            continue
        digest = str((entry.get("hashes") or {}).get("sha256") or "")
        if name != project or not SHA256.fullmatch(digest):
            continue
        metadata = entry.get("core-metadata") or entry.get("data-dist-info-metadata") or {}
        provenance = entry.get("provenance")
        yield File(
            filename=filename,
            version=version,
            url=urljoin(base, str(entry["url"])),
            sha256=digest,
            provenance=urljoin(base, str(provenance)) if provenance else "",
            metadata=str(metadata.get("sha256", "")) if isinstance(metadata, dict) else "",
            uploaded=_time(entry.get("upload-time")),
            yanked=bool(entry.get("yanked")),
            attestable="provenance" in entry,
        )


def _time(text: object) -> datetime | None:
    """An upload-time (PEP 700), if it is one."""
    try:
        when = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return when if when.tzinfo else None
