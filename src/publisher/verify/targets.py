"""What the user asks about: files, projects on an index, or what a lock names."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import InvalidName, canonicalize_name, canonicalize_version

from publisher.errors import InvalidValue, PathNotFound
from publisher.verify import locks
from publisher.verify.locks import Locked
from publisher.verify.model import Observed, Place
from publisher.verify.names import named

LOCKS = ("pylock.toml", "uv.lock", "poetry.lock", "pdm.lock", "requirements.txt")
"""What is looked for in a folder, in this order."""
DISTS = (".whl", ".tar.gz", ".zip")
OWN = {"directory", "editable", "virtual"}
"""Why a lock names what no index has: its sources are the user's own."""
FILES = (".lock", ".toml", ".txt", ".json", ".whl", ".gz", ".zip")
"""Endings of what is a file, and never the name of a project."""
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:==([A-Za-z0-9._!+-]+))?")


@dataclass(frozen=True)
class Target:
    """A release that somebody asks about; an empty ``version`` is the latest.

    ``locked`` says which of its files, all if it is ``None``. ``elsewhere`` says where it comes
    from if no index has it, ``impossible`` why none can; ``own`` says that it is the user's own.
    """

    project: str
    version: str
    locked: Locked | None = None
    place: Place | None = None
    elsewhere: str = ""
    impossible: str = ""
    own: bool = False

    @property
    def index(self) -> str:
        """The URL of the index that a lock names for it, or nothing."""
        return self.locked.index if self.locked else ""

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        """Names and SHA-256 digests of the files that are meant, as far as they are known."""
        return self.locked.files if self.locked else ()

    def wants(self, file: Observed) -> bool:
        """Whether it is about this file; a lock without digests or names is about all."""
        locked = self.locked
        return not (locked and locked.files) or locked.installs(file.filename, file.sha256)


def read(words: Sequence[str], folder: Path) -> list[Target]:
    """What these arguments mean; without any, the lock in this folder. Each release once.

    Raises:
        PathNotFound: One is neither a file nor a name, or there is no lock.
        InvalidValue: A lock or a filename can't be understood.
    """
    found: dict[tuple[str, str, str], Target] = {}
    for target in (target for word in words or [_lock_in(folder)] for target in _read(word)):
        key = target.project, canonicalize_version(target.version), target.index
        found[key] = _merge(found[key], target) if key in found else target
    return list(found.values())


def at_home(asked: Sequence[Target], folder: Path, project: str, version: str) -> Target:
    """A release, from where a lock says that its project lives, whatever its version there.

    A lock that is asked about comes first, then those in this folder.

    Raises:
        InvalidValue: A lock that may name it can't be understood.
    """
    for targets in _sources(asked, folder):
        if named := [target for target in targets if target.project == project]:
            known = next((target for target in named if target.version == version), named[0])
            locked = Locked(
                project, version, (), known.place.line if known.place else 1, known.index
            )
            return Target(project, version, locked, known.place, known.elsewhere)
    return Target(project, version)


def _sources(asked: Sequence[Target], folder: Path) -> Iterator[Sequence[Target]]:
    yield [target for target in asked if target.place]
    for path in (folder / name for name in LOCKS):
        if path.is_file():
            yield list(_locked(path))


def requirement(text: str) -> tuple[str, str]:
    """Project and version of ``NAME[==VERSION]``.

    Raises:
        InvalidValue: It is something else.
    """
    match = _REQUIREMENT.fullmatch(text)
    try:
        if match and text.isascii():
            return canonicalize_name(match[1], validate=True), match[2] or ""
    except InvalidName:
        pass
    raise InvalidValue(f"{text[:80]!r} is no NAME or NAME==VERSION")


def sha256_of(path: Path) -> str:
    """The digest of a file's content, in lowercase hex.

    Raises:
        PathNotFound: It can't be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PathNotFound(f"{path} can't be read: {error.strerror}") from error


def _lock_in(folder: Path) -> str:
    for name in LOCKS:
        if (folder / name).is_file():
            return str(folder / name)
    raise PathNotFound(
        "there is no lock in this folder, and nothing else is named",
        facts={"folder": str(folder), "looked for": LOCKS},
        hint="Name files, projects or locks: publisher verify uv.lock",
    )


def _read(word: str) -> Iterator[Target]:
    path = Path(word)
    if word.endswith(DISTS):
        yield file(path)
    elif path.is_file():
        yield from _locked(path)
    elif word.lower().endswith(FILES) or "/" in word or "\\" in word:
        raise PathNotFound(f"there is no file {word}")
    else:
        yield _foreign(word) or Target(*requirement(word))


def _foreign(word: str) -> Target | None:
    """What may look like a name, such as ``kivy`` with a Kelvin sign for its first letter."""
    if word.isascii():
        return None
    name = ascii(word)[1:-1]
    return Target(name, "", impossible=f"{name} is not ASCII: no index can have it")


def file(path: Path) -> Target:
    """A distribution on disk.

    Raises:
        PathNotFound: It can't be read.
    """
    digest = sha256_of(path)
    try:
        project, version = named(path.name)
    except ValueError:
        name = ascii(path.name)[1:-1]
        why = f"{name} is not a distribution's name: no index can have it"
        return Target(name, "", Locked(name, "", ((path.name, digest),), 1), impossible=why)
    locked = Locked(project, str(version), ((path.name, digest),), 1)
    return Target(project, str(version), locked)


def _locked(path: Path) -> Iterator[Target]:
    if not locks.is_lock(path.name):
        raise InvalidValue(f"{path}: unknown kind of lock; known are {locks.KINDS}")
    try:
        lock = locks.read(path.name, path.read_text("utf-8"))
    except OSError as error:
        raise PathNotFound(f"{path} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise InvalidValue(f"{path} can't be read: {error}", facts={"path": str(path)}) from error
    usual = path.parent == Path() and path.name in LOCKS
    for one in lock.packages:
        yield Target(one.project, one.version, one, Place(str(path), one.line, usual))
    for other in lock.elsewhere:
        where = f"from elsewhere: {other.why}"
        place, own = Place(str(path), other.line), other.why in OWN
        yield Target(other.project, "", None, place, where, own=own)


def _merge(one: Target, other: Target) -> Target:
    """Two files, or two lines of locks, of one release."""
    if not (one.locked and other.locked):
        return one if one.locked is None else other
    return replace(one, locked=replace(one.locked, files=one.locked.files + other.locked.files))
