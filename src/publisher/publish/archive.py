"""A distribution as a file: what its name says and whether its archive is whole."""

from __future__ import annotations

import gzip
import posixpath
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import IO, TYPE_CHECKING, Literal

from packaging.utils import (
    InvalidName,
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from publisher.errors import BrokenArchive, RefusedName

if TYPE_CHECKING:
    from packaging.tags import Tag
    from packaging.version import Version

_UNREADABLE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, struct.error, EOFError, OSError),
    *(RuntimeError, ValueError, OverflowError),
)
_BLOCK = 1 << 20
_TAR_BLOCK = 512
_ENCRYPTED = 0x1
_BOMB_SIZE, _BOMB_RATIO = 64 << 20, 50  # warehouse/forklift/legacy.py, COMPRESSION_RATIO_*

# What warehouse/forklift/legacy.py takes, _valid_platform_tag(): where it lists macOS releases,
# any from 11 on passes here, because that list grows each year. The last row is PEP 783.
_PLATFORM = re.compile(
    r"any|win32|win_(amd64|arm64|ia64)|linux_armv[67]l"
    r"|manylinux1_(x86_64|i686)|manylinux2010_(x86_64|i686)"
    r"|manylinux2014_(x86_64|i686|aarch64|armv7l|ppc64|ppc64le|s390x)"
    r"|manylinux_\d+_\d+_(x86_64|i686|aarch64|armv7l|ppc64|ppc64le|s390x|riscv64)"
    r"|musllinux_\d+_\d+_(x86_64|i686|aarch64|armv7l|ppc64le|s390x|riscv64)"
    r"|macosx_(10_\d+|(1[1-9]|[2-9]\d)_0)"
    r"_(ppc|ppc64|i386|x86_64|arm64|intel|fat|fat3|fat64|universal|universal2)"
    r"|ios_\d+_\d+_(arm64|x86_64)_(iphoneos|iphonesimulator)"
    r"|android_\d+_(armeabi_v7a|arm64_v8a|x86|x86_64)"
    r"|(pyemscripten|pyodide)_\d+_\d+_wasm32"
)


@dataclass(frozen=True)
class Named:
    """What a filename says: ``root`` is the folder inside that must hold the metadata.

    ``python`` is the form's ``pyversion``: the wheel's Python tag, or ``source``.
    """

    filename: str
    project: str
    version: Version
    kind: Literal["sdist", "wheel"]
    python: str
    root: str


@dataclass(frozen=True)
class Contents:
    """An archive that was read through: its core metadata and its members' names."""

    metadata: bytes
    root: str
    names: Collection[str]


def parse(filename: str) -> Named:
    """Read a filename by PEP 427 and PEP 625, as strictly as the index does.

    Raises:
        RefusedName: The index would refuse the name, the version or the platform.
    """
    if not (filename.isascii() and filename.isprintable()):
        raise _refused(filename, "has characters outside printable ASCII")
    if filename.endswith(".whl"):
        named = _parse_wheel(filename)
    elif filename.endswith(".tar.gz"):
        named = _parse_sdist(filename)
    else:
        raise _refused(
            filename,
            "is neither a wheel nor a .tar.gz",
            hint="Indexes take wheels and .tar.gz sdists only (PEP 527, 625, 715).",
        )
    try:
        canonicalize_name(named.project, validate=True)
    except InvalidName as error:
        raise _refused(filename, "has no valid project name") from error
    if named.version.local:
        raise _refused(
            filename,
            f"has a local version, +{named.version.local}",
            hint="Local versions (PEP 440) are for builds that are not published.",
        )
    return named


def _refused(filename: str, why: str, hint: str = "") -> RefusedName:
    return RefusedName(
        f"the index would refuse {filename!r}: it {why}", facts={"file": filename}, hint=hint
    )


def _parse_wheel(filename: str) -> Named:
    try:
        project, version, _, tags = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise _refused(filename, f"is no wheel's name ({error})") from error
    if platform := refused_platform(tags):
        raise _refused(
            filename,
            f"has the platform tag {platform}",
            hint="Repair the wheel with auditwheel, so that it says which Linux it runs on."
            if platform.startswith("linux")
            else "",
        )
    name, stem_version, *_ = filename.split("-")
    expected = project.replace("-", "_")
    if name != expected:
        raise _refused(filename, f"should start with the normalized name, {expected}-")
    python = filename.removesuffix(".whl").split("-")[-3]
    root = f"{name}-{stem_version}.dist-info"
    return Named(filename, project, version, "wheel", python, root)


def refused_platform(tags: Iterable[Tag]) -> str | None:
    """The first platform that the index takes no wheels for, such as ``linux_x86_64``."""
    platforms = sorted({tag.platform for tag in tags})
    return next((name for name in platforms if not _PLATFORM.fullmatch(name)), None)


def _parse_sdist(filename: str) -> Named:
    try:
        project, version = parse_sdist_filename(filename)
    except InvalidSdistFilename as error:
        raise _refused(filename, f"is no sdist's name ({error})") from error
    root = f"{project.replace('-', '_')}-{version}"
    if filename != f"{root}.tar.gz":
        raise _refused(
            filename,
            f"should be {root}.tar.gz (PEP 625)",
            hint="A newer version of the build backend names it so.",
        )
    return Named(filename, project, version, "sdist", "source", root)


def contents(path: Path, named: Named) -> Contents:
    """Open an archive, check its shape and read its metadata.

    A wheel's table of contents is checked, not the bytes of every member; an sdist is read to
    its end.

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
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        names = {member.filename for member in members}
        if len(names) != len(members):
            raise _broken(named, "has two members of one name")
        for member in members:
            _check_member(named, member)
        size = sum(member.file_size for member in members)
        if size > max(_BOMB_SIZE, _BOMB_RATIO * path.stat().st_size):
            raise _broken(named, f"unpacks to {size} bytes, more than {_BOMB_RATIO} times its size")
        roots = {name.split("/")[0] for name in names}
        found = sorted(root for root in roots if root.endswith(".dist-info"))
        if found != [named.root]:
            there = ", ".join(found) or "no .dist-info folder"
            raise _broken(named, f"has {there} where {named.root} should be")
        for needed in ("METADATA", "WHEEL", "RECORD"):
            if f"{named.root}/{needed}" not in names:
                raise _broken(named, f"has no {needed}", f"{named.root}/{needed}")
        return Contents(archive.read(f"{named.root}/METADATA"), named.root, names)


def _check_member(named: Named, member: zipfile.ZipInfo) -> None:
    if _escapes(member.filename) or set("\\\0") & set(member.orig_filename):
        raise _broken(named, f"has a member outside of it: {member.filename}", member.filename)
    if member.flag_bits & _ENCRYPTED:
        raise _broken(named, f"has an encrypted member: {member.filename}", member.filename)
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _broken(
            named, f"has a member that is neither stored nor deflated: {member.filename}",
            member.filename,
        )  # fmt: skip


def _escapes(name: str) -> bool:
    """Whether unpacking a member of that name would write outside, on any system."""
    path = PureWindowsPath(name)
    return bool(path.anchor) or ".." in path.parts or not name


class _Headers:
    """A file for ``tarfile`` that remembers what was last read from it: a member's header.

    tarfile takes a damaged header after the first for the end of the archive, in silence.
    """

    def __init__(self, file: gzip.GzipFile) -> None:
        self._file = file
        self.last = b""
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        self.last = self._file.read(size)
        return self.last


def _sdist(path: Path, named: Named) -> Contents:
    names: set[str] = set()
    metadata: bytes | None = None
    with gzip.open(path) as file:
        headers = _Headers(file)
        with tarfile.open(fileobj=_as_file(headers), mode="r:") as archive:
            root = ""
            for member in archive:
                root = root or _check_root(named, member.name)
                _check_entry(named, member, root)
                names.add(member.name)
                if member.name == f"{root}/PKG-INFO" and member.isreg():
                    reader = archive.extractfile(member)
                    metadata = reader.read() if reader else None
        if headers.last.strip(b"\0"):
            raise _broken(named, "has a damaged header after its last readable member")
        while file.read(_BLOCK):  # the gzip checksum is at the very end
            pass
    if metadata is None:
        member_name = f"{root or named.root}/PKG-INFO"
        raise _broken(named, "has no PKG-INFO in its top folder", member_name)
    return Contents(metadata, root, names)


def _check_root(named: Named, first: str) -> str:
    """Return the top folder: as the file is called, but names needn't be normalized there."""
    root = first.split("/", 1)[0]
    try:
        same = parse_sdist_filename(f"{root}.tar.gz") == (named.project, named.version)
    except InvalidSdistFilename:
        same = False
    if not same:
        raise _broken(named, f"has {root!r} at its top where {named.root}/ should be", first)
    return root


def _check_entry(named: Named, member: tarfile.TarInfo, root: str) -> None:
    """PEP 625's one folder, and what an installer's ``data`` filter (PEP 721) would refuse."""
    name = member.name
    if _escapes(name):
        raise _broken(named, f"has a member outside of it: {name}", name)
    if name.split("/")[0] != root:
        raise _broken(named, f"has a second top folder or file: {name}", name)
    if member.issym() or member.islnk():
        base = posixpath.dirname(name) if member.issym() else ""
        target = posixpath.normpath(posixpath.join(base, member.linkname))
        if not target.startswith(f"{root}/") and target != root:
            raise _broken(named, f"has a link that leads out of it: {name}", name)
    elif not (member.isreg() or member.isdir()):
        raise _broken(named, f"has a member that is no file, folder or link: {name}", name)


def _as_file(headers: _Headers) -> IO[bytes]:
    return headers  # type: ignore[return-value]  # tarfile asks for read, seek and tell only
