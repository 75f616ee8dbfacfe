"""What an index holds: projects, releases, files, and the upload tokens that are out."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name, canonicalize_version

from publisher.rehearsal.publishers import TrustedPublisher

TOKEN_LIFETIME = 900


@dataclass(frozen=True)
class File:
    """A file that was accepted; ``provenance`` is its PEP 740 provenance object."""

    filename: str
    path: Path
    size: int
    sha256: str
    blake2_256: str
    version: str
    requires_python: str = ""
    provenance: Mapping[str, Any] | None = None
    uploaded: str = field(
        default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
    )


@dataclass
class Project:
    """A project under its PEP 503 normalized name; files by filename, in upload order."""

    name: str
    files: dict[str, File] = field(default_factory=dict)

    def release(self, version: str) -> list[File]:
        """The files of a version, however it is written (PEP 440)."""
        wanted = canonicalize_version(version)
        return [f for f in self.files.values() if canonicalize_version(f.version) == wanted]


@dataclass(frozen=True)
class Grant:
    """What an upload token allows: ``projects`` is ``None`` for any, also new ones."""

    token: str = field(repr=False)
    expires: int
    projects: frozenset[str] | None
    publisher: TrustedPublisher | None = None


class Store:
    """An index's state, shared by its request threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = threading.Lock()
        self.projects: dict[str, Project] = {}
        self._contents: dict[str, File] = {}
        self._grants: dict[str, Grant] = {}
        self._jtis: set[tuple[str, str]] = set()

    def new_path(self) -> Path:
        """A name for a file that arrives."""
        return self.folder / secrets.token_hex(12)

    def grant(
        self,
        projects: frozenset[str] | None,
        publisher: TrustedPublisher | None = None,
        lifetime: int = TOKEN_LIFETIME,
    ) -> Grant:
        """Give out a token; it only looks like a macaroon."""
        expires = int(time.time()) + lifetime
        grant = Grant(f"pypi-{secrets.token_urlsafe(210)}", expires, projects, publisher)
        self._grants[grant.token] = grant
        return grant

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

    def same_content(self, blake2_256: str) -> File | None:
        """A file of any project with this content."""
        return self._contents.get(blake2_256)

    def keep(self, name: str, file: File) -> None:
        """Store a file of a project, which is made if it is new. The caller has the lock."""
        self.projects.setdefault(name, Project(name)).files[file.filename] = file
        self._contents[file.blake2_256] = file
