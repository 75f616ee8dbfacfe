"""What a lock file pins: pylock.toml, uv.lock, poetry.lock, pdm.lock, requirements.txt. Pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from publisher.verify import requirements
from publisher.verify.names import named

Table = Mapping[str, Any]
KINDS = "pylock.toml, pylock.NAME.toml, uv.lock, poetry.lock, pdm.lock, NAME.txt with hashes"
"""What can be read, for people."""


class Unreadable(ValueError):
    """A file is not what its name says; the text begins with the line."""


@dataclass(frozen=True)
class Locked:
    """One version that a lock file installs from an index.

    ``files`` are names and SHA-256 digests; requirements.txt knows no names, other locks may know
    no digest: both are empty then. A hash of another kind has that in front: ``md5:...``.
    ``line`` is where it stands. ``index`` is the URL of the index that the lock names for it, or
    nothing.
    """

    project: str
    version: str
    files: tuple[tuple[str, str], ...]
    line: int
    index: str = ""

    def installs(self, filename: str, sha256: str) -> bool:
        """Whether the file is one of those that the lock names."""
        return any(
            name == filename if name and (not digest or other_hash(digest)) else digest == sha256
            for name, digest in self.files
        )


def other_hash(digest: str) -> bool:
    """Whether a digest of a lock is not SHA-256, which is what an index tells of all files."""
    return ":" in digest


@dataclass(frozen=True)
class Elsewhere:
    """A package of a lock file that no index publishes: from git, a folder, a bare URL."""

    project: str
    line: int
    why: str


@dataclass(frozen=True)
class Lock:
    """All packages of a lock file, in its order."""

    packages: tuple[Locked, ...]
    elsewhere: tuple[Elsewhere, ...] = ()


def is_lock(filename: str) -> bool:
    """Whether a file of this name is a lock file that ``read`` knows."""
    return _reader(filename) is not None


def read(filename: str, text: str) -> Lock:
    """Read a lock file; its name tells the kind.

    Raises:
        Unreadable: It can't be read, or a requirement is not pinned to one version.
    """
    reader = _reader(filename)
    if reader is None:
        raise Unreadable(f"line 1: {filename} is no lock file that is known here")
    try:
        found = tuple(reader(text))
    except tomllib.TOMLDecodeError as error:
        raise Unreadable(f"line {_error_line(error)}: {error}") from error
    except RecursionError as error:
        raise Unreadable(f"line 1: {filename} is nested too deeply") from error
    except (AttributeError, KeyError, TypeError) as error:
        raise Unreadable(f"line 1: {filename} is not built as its name says: {error!r}") from error
    return Lock(
        tuple(entry for entry in found if isinstance(entry, Locked)),
        tuple(entry for entry in found if isinstance(entry, Elsewhere)),
    )


Entries = Iterator[Locked | Elsewhere]


def _reader(filename: str) -> Callable[[str], Entries] | None:
    name = PurePath(filename).name
    if re.fullmatch(r"pylock(\.[^.]+)?\.toml", name):
        return _pylock
    known = {"uv.lock": _uv, "poetry.lock": _poetry, "pdm.lock": _pdm}
    return _requirements if name.endswith(".txt") else known.get(name)


def _error_line(error: tomllib.TOMLDecodeError) -> str:
    match = re.search(r"at line (\d+)", str(error))
    return match[1] if match else "1"


def _packages(text: str, key: str) -> Iterator[tuple[Table, int]]:
    """The tables of an array and the line of each."""
    tables = tomllib.loads(text)[key]
    lines = headers(text, key)
    if len(lines) != len(tables):
        lines = [1] * len(tables)  # written in another way than the tool does
    yield from zip(tables, lines, strict=True)


def headers(text: str, key: str) -> list[int]:
    """The lines, counted from 1, on which the tables ``[[key]]`` begin."""
    return [line for line, header in table_lines(text) if header == f"[[{key}]]"]


def table_lines(text: str) -> Iterator[tuple[int, str]]:
    """Line and header of each table of a TOML text that no multi-line string hides."""
    inside = ""
    for number, line in enumerate(text.split("\n"), 1):
        match = None if inside else re.match(r"\s*(\[\[?)\s*([\w.\-]+)\s*(\]\]?)\s*(#.*)?$", line)
        if match:
            yield number, f"{match[1]}{match[2]}{match[3]}"
        elif inside or '"""' in line or "'''" in line:
            inside = _after(line, inside)


def _after(line: str, inside: str) -> str:
    """The quotes of the multi-line string that is open after a line."""
    for quotes in re.findall(r'"""|\'\'\'', line):
        inside = "" if quotes == inside else inside or quotes
    return inside


def _project(name: str, line: int) -> str:
    try:
        if not name.isascii():
            raise InvalidName(name)
        return canonicalize_name(name, validate=True)
    except InvalidName as error:
        raise Unreadable(f"line {line}: {name!r} is not a project's name") from error


def _filename(url: str) -> str:
    return unquote(urlsplit(url.replace("\\", "/")).path.rpartition("/")[2])


def _sha256(hashed: str) -> str:
    kind, _, digest = hashed.partition(":")
    return digest.lower() if kind == "sha256" else hashed.lower()


def _pylock(text: str) -> Entries:
    for package, line in _packages(text, "packages"):
        project = _project(package["name"], line)
        source = next((key for key in ("vcs", "directory", "archive") if key in package), None)
        dists = [package["sdist"]] if "sdist" in package else []
        files = tuple(
            (
                dist.get("name") or _filename(dist.get("url") or dist.get("path", "")),
                _one_of(dist.get("hashes", {})),
            )
            for dist in (*package.get("wheels", ()), *dists)
        )
        version = package.get("version") or (_version_of(files, line) if not source else "")
        if source or not version:
            yield Elsewhere(project, line, source or "no version")
            continue
        yield Locked(project, version, files, line, package.get("index", ""))


def _one_of(hashes: Table) -> str:
    """The SHA-256 among a file's hashes, else another one."""
    kind = "sha256" if "sha256" in hashes else next(iter(hashes), "")
    return _sha256(f"{kind}:{hashes[kind]}") if kind else ""


def _version_of(files: tuple[tuple[str, str], ...], line: int) -> str:
    """The version that the names of files say; nothing, if there are none."""
    try:
        versions = {named(name)[1] for name, _ in files}
    except ValueError as error:
        raise Unreadable(
            f"line {line}: it has no version, nor a file whose name says it"
        ) from error
    if len(versions) > 1:
        raise Unreadable(f"line {line}: its files are of several versions")
    return str(versions.pop()) if versions else ""


def _uv(text: str) -> Entries:
    for package, line in _packages(text, "package"):
        project, source = _project(package["name"], line), package["source"]
        if "registry" not in source or "version" not in package:
            yield Elsewhere(
                project, line, next((key for key in source if key != "registry"), "no version")
            )
            continue
        dists = [package["sdist"]] if "sdist" in package else []
        files = tuple(
            (
                dist.get("filename") or _filename(dist.get("url") or dist.get("path", "")),
                _sha256(dist.get("hash", "")),
            )
            for dist in (*package.get("wheels", ()), *dists)
        )
        yield Locked(project, package["version"], files, line, source["registry"])


def _poetry(text: str) -> Entries:
    older = tomllib.loads(text).get("metadata", {}).get("files", {})  # before Poetry 1.3
    for package, line in _packages(text, "package"):
        project, source = _project(package["name"], line), package.get("source", {})
        if source.get("type", "legacy") not in {"legacy", "pypi"}:
            yield Elsewhere(project, line, source["type"])
            continue
        listed = package.get("files") or older.get(package["name"], ())
        files = tuple((file["file"], _sha256(file["hash"])) for file in listed)
        yield Locked(project, package["version"], files, line, source.get("url", ""))


def _pdm(text: str) -> Entries:
    kinds = ("git", "hg", "svn", "bzr", "path", "editable", "url")
    for package, line in _packages(text, "package"):
        project = _project(package["name"], line)
        if kind := next((kind for kind in kinds if kind in package), ""):
            yield Elsewhere(project, line, kind)
            continue
        files = tuple(
            (file.get("file") or _filename(file["url"]), _sha256(file["hash"]))
            for file in package.get("files", ())
        )
        yield Locked(project, package["version"], files, line)


def _requirements(text: str) -> Entries:
    """All lines are read before one is told: for pip, the last index counts for all of them."""
    found: list[Locked | Elsewhere] = []
    index, besides = "", False
    for line, words in requirements.joined(text):
        try:
            one = requirements.parse(words)
        except ValueError as error:
            raise Unreadable(f"line {line}: {error}") from error
        if one.options.files:
            raise Unreadable(f"line {line}: it names another file: give that one, too")
        index, besides = one.options.index or index, besides or bool(one.options.besides)
        found += [Elsewhere(path, line, "a path or URL") for path in one.options.editable]
        if one.requirement:
            found.append(_required(one, line))
    for entry in found:
        if not isinstance(entry, Locked):
            yield entry
        elif besides and not entry.files:
            yield Elsewhere(entry.project, entry.line, "another index or file, and no hash")
        else:
            yield replace(entry, index=index)


def _required(one: requirements.Line, line: int) -> Locked | Elsewhere:
    text = one.requirement
    unpinned = Unreadable(f"line {line}: {text.split()[0]!r} is not pinned with ==")
    try:
        wanted = Requirement(text)
    except InvalidRequirement as error:
        if re.search(r"[/\\]|^\.", text):
            return Elsewhere(text.split()[-1], line, "a path or URL")
        raise unpinned from error
    project, pins = _project(wanted.name, line), list(wanted.specifier)
    if wanted.url:
        return Elsewhere(project, line, "a path or URL")
    if len(pins) != 1 or pins[0].operator not in {"==", "==="} or not _is_version(pins[0].version):
        raise unpinned
    files = tuple(("", _sha256(hashed)) for hashed in one.hashes)
    return Locked(project, pins[0].version, files, line)


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True
