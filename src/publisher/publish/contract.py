"""The release contract (``publisher.contract/1``): which files a release has, byte for byte.

A build job writes it, ``--expect`` reads it: whatever happened to the files on their way from job
to job shows before anything is signed. The lines of ``sha256sum`` do as well.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from packaging.utils import canonicalize_name
from packaging.version import Version

from publisher.errors import CannotWrite, ContractBroken, InvalidValue
from publisher.files import write_whole
from publisher.models import Dist

SCHEMA = "publisher.contract/1"
_CAP = 4 << 20  # bytes; some ten thousand files
# `sha256sum`, `sha256sum --binary` and `sha256 -r`; `sha256sum --tag`, BSD's `sha256`, openssl.
# A leading backslash says that the name is escaped (GNU coreutils, "md5sum invocation").
_GNU = re.compile(r"(?P<escaped>\\?)(?P<sha256>[0-9A-Fa-f]+)[ \t]+\*?(?P<name>.+)")
_BSD = re.compile(r"(?P<escaped>\\?)SHA(2-)?256 ?\((?P<name>.+)\) ?= ?(?P<sha256>[0-9A-Fa-f]+)")
_ESCAPES = {"\\\\": "\\", "\\n": "\n", "\\r": "\r"}
_LINE = "expected a line of sha256sum, a SHA-256 digest and a name, not "


@dataclass(frozen=True)
class ExpectedFile:
    """What a file must be: ``sha256`` in lowercase hex, ``size`` in bytes where it is known."""

    sha256: str
    size: int | None = None


@dataclass(frozen=True)
class Expected:
    """A contract as read from ``source``: files by name.

    ``releases`` are pairs of normalized project and version; ``None`` if only files are named.
    """

    source: Path
    files: Mapping[str, ExpectedFile]
    releases: frozenset[tuple[str, str]] | None = None


class _Malformed(ValueError):
    """The text is no contract; says where and why."""


Entry = tuple[str, str, ExpectedFile]  # where it stands, filename, what the file must be


def write(dists: Sequence[Dist], path: Path) -> None:
    """Write the contract of these files at once: a reader sees the old file or the whole new one.

    The same dists give the same bytes. The folder is made if need be.

    Raises:
        CannotWrite: It can't be written, or would stand among the dists.
    """
    files = sorted((dist.filename, dist.size, dist.sha256) for dist in dists)
    releases = sorted({(dist.project, dist.version) for dist in dists})
    value = {
        "schema": SCHEMA,
        "files": [dict(zip(("filename", "size", "sha256"), file, strict=True)) for file in files],
        "releases": [{"project": project, "version": version} for project, version in releases],
    }
    try:
        places = {path.parent.resolve(), path.resolve().parent}  # they differ if it is a link
        if places & {dist.path.parent.resolve() for dist in dists}:
            raise CannotWrite(
                f"the contract can't be written to {path}: the dists are in that folder",
                facts={"path": str(path)},
                hint="Name a file outside of it: what stands among the dists travels with them, "
                "and who can change the ones could change the other.",
            )
        write_whole(path.resolve(), f"{json.dumps(value, indent=2)}\n".encode())
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links; a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise CannotWrite(
            f"the contract can't be written to {path}: {reason}", facts={"path": str(path)}
        ) from error


def read(path: Path) -> Expected:
    """Read a contract: the JSON that ``write`` makes, or lines as ``sha256sum`` prints them.

    Of the names in such lines only what follows the last slash counts.

    Raises:
        InvalidValue: It is neither, is empty, or says two things of one file; the message names
            the line, or the entry of the JSON.
    """
    try:
        text = _text(path)
        if text.lstrip()[:1] in {"{", "["}:
            value = _json(text)
            return Expected(path, _unique(_entries(value)), frozenset(_releases(value)))
        return Expected(path, _unique(_lines(text)))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidValue(
            f"--expect: {path}: {reason}",
            facts={"path": str(path)},
            hint=f"Accepted are the {SCHEMA} JSON that `publisher build` writes and the lines "
            "that `sha256sum` prints.",
        ) from error


def _text(path: Path) -> str:
    with path.open("rb") as file:  # may be a pipe: --expect <(sha256sum dist/*)
        data = file.read(_CAP + 1)
    if len(data) > _CAP:
        raise _Malformed(f"a contract has at most {_CAP >> 20} MiB")
    # what PowerShell 5 writes with `>`
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _Malformed(f"line {line}: this is not text in UTF-8") from error


def _unique(entries: Iterator[Entry]) -> dict[str, ExpectedFile]:
    places: dict[str, str] = {}
    files: dict[str, ExpectedFile] = {}
    for where, name, file in entries:
        if files.setdefault(name, file) != file:
            raise _Malformed(f"{where}: {name} differs from {places[name]}, which also names it")
        places.setdefault(name, where)
    if not files:
        raise _Malformed("line 1: it names no file")
    return files


# Lines


def _lines(text: str) -> Iterator[Entry]:
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            yield _line(f"line {number}", stripped)


def _line(where: str, line: str) -> Entry:
    found = _GNU.fullmatch(line) or _BSD.fullmatch(line)
    if not found:
        raise _Malformed(f"{where}: {_LINE}{line[:80]!r}")
    name = found["name"]
    if found["escaped"]:
        name = re.sub(r"\\.?", lambda one: _ESCAPES.get(one[0], "\0"), name)
    return where, _name(where, re.split(r"[/\\]", name)[-1]), _expected(where, found["sha256"])


def _name(where: str, name: str) -> str:
    if not name or name in {".", ".."} or not name.isprintable() or set(name) & {"/", "\\"}:
        raise _Malformed(f"{where}: {name[:80]!r} is not the name of a file")
    return name


def _expected(where: str, sha256: str, size: int | None = None) -> ExpectedFile:
    if not re.fullmatch("[0-9A-Fa-f]{64}", sha256):
        what = f"a SHA-256 digest has 64 hex digits, not {len(sha256)} characters"
        raise _Malformed(f"{where}: {what} ({sha256[:80]!r})")
    return ExpectedFile(sha256.lower(), size)


# JSON


def _json(text: str) -> dict[str, object]:
    try:
        value = json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise _Malformed(f"line {error.lineno}: this is not JSON: {error.msg}") from error
    except RecursionError as error:
        raise _Malformed("line 1: it is nested too deep") from error
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema != SCHEMA:
        raise _Malformed(f'line 1: expected an object with "schema": "{SCHEMA}", not {schema!r}')
    return _object("line 1", value, "schema", "files", "releases")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object whose keys stand in it once: readers differ in which of two they believe."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _Malformed(f"an object has a key twice: {', '.join(key for key, _ in pairs)[:200]}")
    return value


def _object(where: str, value: object, *keys: str) -> dict[str, object]:
    found = value if isinstance(value, dict) else {}
    if set(found) != set(keys):
        says = ", ".join(map(str, found))[:200] or "none of them"
        raise _Malformed(f"{where}: expected an object with {', '.join(keys)}; it has {says}")
    return found


def _list(
    value: dict[str, object], key: str, *keys: str
) -> Iterator[tuple[str, dict[str, object]]]:
    found = value[key]
    if not isinstance(found, list):
        raise _Malformed(f"{key}: expected a list")
    for number, one in enumerate(found):
        where = f"{key}[{number}]"
        yield where, _object(where, one, *keys)


def _entries(value: dict[str, object]) -> Iterator[Entry]:
    for where, one in _list(value, "files", "filename", "size", "sha256"):
        size = one["size"]
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise _Malformed(f"{where}: size must be a number of bytes, not {str(size)[:80]!r}")
        name = _name(where, str(one["filename"]))
        yield where, name, _expected(where, str(one["sha256"]), size)


def _releases(value: dict[str, object]) -> Iterator[tuple[str, str]]:
    for where, one in _list(value, "releases", "project", "version"):
        try:
            version = str(Version(str(one["version"])))
            yield canonicalize_name(str(one["project"]), validate=True), version
        except ValueError as error:  # InvalidVersion and InvalidName are
            raise _Malformed(f"{where}: {error}") from error


# Comparison


def check(expected: Expected, dists: Sequence[Dist]) -> None:
    """Check that the files are those of the contract, and release what it says; else raise."""
    check_bytes(expected, {dist.filename: (dist.size, dist.sha256) for dist in dists})
    releases = frozenset((dist.project, dist.version) for dist in dists)
    if expected.releases not in {None, releases}:
        named = ", ".join(sorted(f"{p} {v}" for p, v in expected.releases or ()))
        _break(expected, [f"it says that they release {named or 'nothing'}"])


def check_bytes(expected: Expected, there: Mapping[str, tuple[int, str]]) -> None:
    """Check files by size and SHA-256: none missing, extra or different. None is opened.

    Raises:
        ContractBroken: As ``check``.
    """
    missing = sorted(set(expected.files) - set(there))
    extra = sorted(set(there) - set(expected.files))
    different = {
        name: f"{size} bytes, sha256 {digest}; the contract says {_says(wanted)}"
        for name, (size, digest) in sorted(there.items())
        if (wanted := expected.files.get(name)) and not _fits(wanted, size, digest)
    }
    problems = [f"{name} is missing" for name in missing]
    problems += [f"{name} is not in the contract" for name in extra]
    problems += [f"{name} differs: {how}" for name, how in different.items()]
    if problems:
        _break(expected, problems, missing=missing, extra=extra, different=different)


def _break(
    expected: Expected,
    problems: Sequence[str],
    *,
    missing: Sequence[str] = (),
    extra: Sequence[str] = (),
    different: Mapping[str, str] | None = None,
) -> NoReturn:
    raise ContractBroken(
        f"the files are not those of {expected.source}: {'; '.join(problems)}",
        facts={
            "contract": str(expected.source),
            "missing": list(missing),
            "extra": list(extra),
            "different": dict(different or {}),
        },
        hint="Nothing was signed or uploaded. Publish the very files that the contract was "
        "written for; if they were built anew on purpose, write it anew.",
    )


def _fits(wanted: ExpectedFile, size: int, sha256: str) -> bool:
    return wanted.sha256 == sha256 and wanted.size in {None, size}


def _says(wanted: ExpectedFile) -> str:
    size = "" if wanted.size is None else f"{wanted.size} bytes, "
    return f"{size}sha256 {wanted.sha256}"
