"""What is in a distribution's archive, and whether it is whole.

An archive that the index would refuse is refused here, and so is one that no installer would
unpack: with a member that leads out of it, an encrypted or damaged one, a second .dist-info.
"""

from __future__ import annotations

import configparser
import csv
import posixpath
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from publisher.errors import BrokenArchive
from publisher.publish import framing
from publisher.publish.filename import Named
from publisher.publish.unpack import AT_ONCE, BLOCK, TooMuch, tarred, zipped

_UNREADABLE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, struct.error, EOFError, OSError, TooMuch),
    *(RuntimeError, ValueError, OverflowError),
)
_ENCRYPTED = 0x1
_BOMB_SIZE, _BOMB_RATIO = 64 << 20, 50  # warehouse/forklift/legacy.py, COMPRESSION_RATIO_*
_UNPACKED = 4 << 30  # of an sdist, for which the index has no limit; 10 s of unpacking
_HEADERS = 256 << 20  # half a million members of an sdist
_RECORD_LIMIT = 64 << 20
_ENTRY_POINT = re.compile(r"[\w.-]+")  # the entry points specification
_SCRIPTS = ("console_scripts", "gui_scripts")


@dataclass(frozen=True)
class Contents:
    """An archive that was read through: its core metadata and its members' names.

    ``root`` is the folder that holds the metadata.
    """

    metadata: bytes
    root: str
    names: Collection[str]


def contents(path: Path, named: Named) -> Contents:
    """Open an archive, check it as the index does and read its metadata.

    What the index reads of a wheel is read to its end: all Python files and the .dist-info folder.
    An sdist is read to its end. Both in bounded time and memory.

    Raises:
        BrokenArchive: Says what is wrong, and with which member.
    """
    try:
        return _wheel(path, named) if named.kind == "wheel" else _sdist(path, named)
    except _UNREADABLE as error:
        why = str(error) or type(error).__name__
        raise _broken(named, f"can't be read ({why})") from error


def _broken(named: Named, why: str, member: str | None = None) -> BrokenArchive:
    facts = {"file": named.filename} | ({"member": member} if member is not None else {})
    return BrokenArchive(f"{named.filename} {why}", facts=facts, hint="Build it again.")


def _wheel(path: Path, named: Named) -> Contents:
    with zipped(path) as archive:
        members = archive.infolist()
        names = {member.filename for member in members}
        for member in members:
            _check_member(named, member)
        size = sum(member.file_size for member in members)
        if size > max(_BOMB_SIZE, _BOMB_RATIO * path.stat().st_size):
            raise _broken(named, f"unpacks to {size} bytes, more than {_BOMB_RATIO} times its size")
        if len(names) != len(members):
            raise _broken(named, "has two members of one name")
        try:
            framing.check(path, archive)
        except framing.Misframed as error:
            why = f"is a zip that installers may read differently: {error}"
            raise _broken(named, why) from error
        if _begins_like_a_tar(path):
            raise _broken(named, "is both a zip and a tar file")
        _check_info(named, archive, names)
        _read_through(named, archive)
        metadata = _read(named, archive, "METADATA", AT_ONCE)
        return Contents(metadata, named.root, names)


def _begins_like_a_tar(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            tarfile.TarInfo.frombuf(file.read(tarfile.BLOCKSIZE), "utf-8", "surrogateescape")
        except tarfile.HeaderError:
            return False
    return True


def _check_member(named: Named, member: zipfile.ZipInfo) -> None:
    if _escapes(member.filename):
        raise _broken(named, f"has a member outside of it: {member.filename}", member.filename)
    if member.flag_bits & _ENCRYPTED:
        raise _broken(named, f"has an encrypted member: {member.filename}", member.filename)
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _broken(
            named, f"has a member that is neither stored nor deflated: {member.filename}",
            member.filename,
        )  # fmt: skip


def _check_info(named: Named, archive: zipfile.ZipFile, names: set[str]) -> None:
    """The .dist-info folder (PEP 427)."""
    roots = {name.split("/")[0] for name in names}
    found = sorted(root for root in roots if root.endswith(".dist-info"))
    if found != [named.root]:
        there = ", ".join(found) or "no .dist-info folder"
        raise _broken(named, f"has {there} where {named.root} should be")
    for needed in ("METADATA", "WHEEL", "RECORD"):
        if f"{named.root}/{needed}" not in names:
            raise _broken(named, f"has no {needed}", f"{named.root}/{needed}")
    if why := _record_problem(_read(named, archive, "RECORD", _RECORD_LIMIT)):
        raise _broken(named, f"has a RECORD that {why}", f"{named.root}/RECORD")
    scripts = f"{named.root}/entry_points.txt"
    if scripts in names:
        why = _entry_points_problem(_read(named, archive, "entry_points.txt", AT_ONCE))
        if why:
            raise _broken(named, f"has an entry_points.txt that {why}", scripts)


def _read(named: Named, archive: zipfile.ZipFile, file: str, limit: int) -> bytes:
    member = archive.getinfo(f"{named.root}/{file}")
    if member.file_size > limit:
        raise _broken(named, f"has a {file} of more than {limit >> 20} MiB", member.filename)
    return archive.read(member)


def _read_through(named: Named, archive: zipfile.ZipFile) -> None:
    """Compare the checksums of what the index reads: it looks for malware in Python files."""
    for member in archive.infolist():
        name = member.filename
        if name.lower().endswith((".py", ".pye")) or name.startswith(f"{named.root}/"):
            with archive.open(member) as content:
                while content.read(BLOCK):
                    pass


def _record_problem(data: bytes) -> str | None:
    """Files that it doesn't list are let through, as the index does."""
    try:
        rows = list(csv.reader(data.decode().splitlines()))
    except (UnicodeError, csv.Error) as error:
        return f"can't be read ({error})"
    # the index answers 500: validate_record() in warehouse/utils/wheel.py unpacks each row
    return None if all(rows) else "has an empty line"


def _entry_points_problem(data: bytes) -> str | None:
    parser = configparser.ConfigParser(delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    try:
        parser.read_string(data.decode(), source="it")
    except (UnicodeError, configparser.Error, AttributeError) as error:  # AttributeError: < 3.13
        return f"can't be read ({error})"
    for kind in (kind for kind in _SCRIPTS if kind in parser):
        for name in parser[kind]:
            if not _ENTRY_POINT.fullmatch(name):
                return f"has a script with an invalid name: {name!r}"
    return None


def _escapes(name: str) -> bool:
    """Whether unpacking a member of that name would write outside, on any system."""
    path = PureWindowsPath(name)
    return bool(path.anchor) or ".." in path.parts or not name


def _sdist(path: Path, named: Named) -> Contents:
    """Find PKG-INFO in the one folder that holds everything; the index takes it by any name."""
    names: set[str] = set()
    infos: dict[str, bytes] = {}
    unpacked = max(_UNPACKED, _BOMB_RATIO * path.stat().st_size)
    with tarred(path, unpacked=unpacked, read=_HEADERS) as (inside, members):
        top = ""
        for member, content in members:
            top = top or _top(member.name)
            _check_entry(named, member, top)
            names.add(member.name)
            if content and posixpath.basename(member.name) == "PKG-INFO":
                infos[member.name] = content.read(AT_ONCE)
        if inside.last.strip(b"\0"):
            raise _broken(named, "has a damaged header after its last readable member")
        inside.drain()
    if zipfile.is_zipfile(path):
        raise _broken(named, "is both a zip and a tar file")
    root = posixpath.commonpath(names) if names else named.root
    info = f"{root}/PKG-INFO"
    if info not in infos:
        raise _broken(named, f"has no PKG-INFO in its top folder, {root}", info)
    if len(infos[info]) == AT_ONCE:
        raise _broken(named, f"has a PKG-INFO of {AT_ONCE >> 20} MiB or more", info)
    return Contents(infos[info], root, names)


def _top(name: str) -> str:
    return next((part for part in name.split("/") if part not in {"", "."}), "")


def _check_entry(named: Named, member: tarfile.TarInfo, top: str) -> None:
    """PEP 625's one folder, and what an installer's ``data`` filter (PEP 721) would refuse."""
    name = member.name
    if _escapes(name):
        raise _broken(named, f"has a member outside of it: {name}", name)
    if not top or _top(name) != top:
        raise _broken(named, f"has a second top folder or file: {name}", name)
    if member.issparse():
        raise _broken(named, f"has a sparse member: {name}", name)
    if member.issym() or member.islnk():
        base = posixpath.dirname(name) if member.issym() else ""
        target = posixpath.normpath(posixpath.join(base, member.linkname))
        if not target.startswith(f"{top}/") and target != top:
            raise _broken(named, f"has a link that leads out of it: {name}", name)
    elif not (member.isreg() or member.isdir()):
        raise _broken(named, f"has a member that is no file, folder or link: {name}", name)
