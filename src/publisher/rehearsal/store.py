"""What an index holds: projects, releases, files, and the upload tokens that are out."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name, canonicalize_version

from publisher.rehearsal.clock import Seconds
from publisher.rehearsal.maintainers import Maintainer
from publisher.rehearsal.publishers import TrustedPublisher

TOKEN_LIFETIME = 900


@dataclass(frozen=True)
class File:
    """A file that was accepted.

    ``provenance`` is its PEP 740 provenance object, ``metadata`` the core metadata of a wheel
    (PEP 658).
    """

    filename: str
    path: Path
    size: int
    sha256: str
    blake2_256: str
    version: str
    requires_python: str = ""
    provenance: Mapping[str, Any] | None = None
    metadata: bytes | None = None
    uploaded: str = ""


def at(seconds: float) -> str:
    """A time as the simple API writes it (PEP 700)."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


@dataclass
class Release:
    """A release, since ``created`` (Unix seconds); ``urls`` by label, and whether verified."""

    version: str
    created: float
    yanked: bool | str = False
    urls: dict[str, tuple[str, bool]] = field(default_factory=dict)


@dataclass
class Project:
    """A project under its PEP 503 normalized name; files by filename, in upload order."""

    name: str
    files: dict[str, File] = field(default_factory=dict)
    releases: dict[str, Release] = field(default_factory=dict)
    status: str = "active"
    organization_active: bool = True
    file_limit: int | None = None
    total_limit: int | None = None

    @property
    def size(self) -> int:
        """The bytes of all its files."""
        return sum(file.size for file in list(self.files.values()))

    def release(self, version: str) -> list[File]:
        """The files of a version, however it is written (PEP 440)."""
        wanted, files = canonicalize_version(version), list(self.files.values())
        return [file for file in files if canonicalize_version(file.version) == wanted]

    def make_release(self, version: str, now: float) -> Release:
        """The release of a version; a new one is made ``now`` (Unix seconds)."""
        return self.releases.setdefault(canonicalize_version(version), Release(version, now))

    def known_release(self, version: str) -> Release | None:
        """The release of a version, if there is one."""
        return self.releases.get(canonicalize_version(version))


@dataclass(frozen=True)
class Grant:
    """What an upload token allows: ``projects`` is ``None`` for any, also new ones."""

    token: str = field(repr=False)
    expires: int
    projects: frozenset[str] | None
    publisher: TrustedPublisher | None = None


class RaceError(Exception):
    """Another request is making the same release."""


class Store:
    """An index's state, shared by its request threads."""

    def __init__(self, folder: Path, clock: Seconds = time.time) -> None:
        self.folder = folder
        self.clock = clock
        """What time it is for what arrives; tokens live by the real one."""
        self.token_lifetime = TOKEN_LIFETIME
        self.lock = threading.Lock()
        self.projects: dict[str, Project] = {}
        self.deleted: set[str] = set()
        """Filenames that were used once and never again."""
        self.maintainers: list[Maintainer] = []
        self._contents: dict[str, File] = {}
        self._grants: dict[str, Grant] = {}
        self.issued: list[str] = []
        """Every upload token that was given out, alive or not."""
        self._jtis: set[tuple[str, str]] = set()
        self._making: dict[tuple[str, str], int] = {}
        self._collision = threading.Condition()

    def new_path(self) -> Path:
        """A name for a file that arrives."""
        return self.folder / secrets.token_hex(12)

    def grant(
        self,
        projects: frozenset[str] | None,
        publisher: TrustedPublisher | None = None,
        lifetime: int | None = None,
    ) -> Grant:
        """Give out a token; it only looks like a macaroon."""
        expires = int(time.time()) + (self.token_lifetime if lifetime is None else lifetime)
        grant = Grant(f"pypi-{secrets.token_urlsafe(210)}", expires, projects, publisher)
        self._grants[grant.token] = grant
        self.issued.append(grant.token)
        return grant

    def enter(self, user: str, password: str) -> None:
        """Let a user upload anything, with a password and for ever."""
        token = f"{user}:{password}"
        self._grants[token] = Grant(token, 2**62, None)

    def granted(self, token: str) -> Grant | None:
        """The grant behind a token, expired or not."""
        return self._grants.get(token)

    def burn(self, token: str) -> None:
        """Make a token worthless."""
        self._grants.pop(token, None)

    def used(self, issuer: str, jti: str) -> bool:
        """Whether a mint with this token id has succeeded before."""
        return (issuer, jti) in self._jtis

    def use(self, issuer: str, jti: str) -> bool:
        """Claim a token id; ``False`` if somebody else did."""
        with self.lock:
            fresh = (issuer, jti) not in self._jtis
            self._jtis.add((issuer, jti))
        return fresh

    def project(self, name: str) -> Project | None:
        """A project by any spelling of its name."""
        return self.projects.get(canonicalize_name(name))

    def make(self, name: str) -> Project:
        """A project, new or not. The caller has the lock."""
        normalized = canonicalize_name(name)
        return self.projects.setdefault(normalized, Project(normalized))

    def same_content(self, blake2_256: str) -> File | None:
        """A file of any project with this content."""
        return self._contents.get(blake2_256)

    def keep(self, name: str, file: File) -> Release:
        """Store a file of a project, which is made if it is new. The caller has the lock."""
        project, now = self.make(name), self.clock()
        file = replace(file, uploaded=at(now))
        project.files[file.filename] = file
        self._contents[file.blake2_256] = file
        return project.make_release(file.version, now)

    def delete(self, project: Project, filename: str) -> None:
        """Delete a file, or only remember that it was there once. The caller has the lock."""
        self.deleted.add(filename)
        if file := project.files.pop(filename, None):
            self._contents.pop(file.blake2_256, None)

    @contextmanager
    def making(self, name: str, version: str, seconds: float) -> Iterator[None]:
        """Make a new release, slowly: up to ``seconds``, or until somebody is in the way.

        Raises:
            RaceError: For whoever wants to make the same release meanwhile.
        """
        key = name, canonicalize_version(version)
        with self._collision:
            if key in self._making:
                self._making[key] += 1
                self._collision.notify_all()
                raise RaceError
            self._making[key] = 0
            self._collision.wait_for(lambda: self._making[key] > 0, seconds)
        try:
            yield
        finally:
            with self._collision:
                del self._making[key]
