"""Name what differs between two distributions of one name."""

from __future__ import annotations

import hashlib
import lzma
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import IO

SHOWN = 3
BLOCK = 1 << 20
UNREADABLE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
    *(RuntimeError, ValueError, EOFError, OSError),
)
Members = dict[str, tuple[int, str]]


def describe(ours: Path, theirs: Path) -> str:
    """One sentence on the members that differ, each archive read member by member."""
    try:
        mine, other = members(ours), members(theirs)
    except UNREADABLE as error:
        return f"the archives can't be compared ({error})"
    changed = sorted(name for name in mine.keys() & other.keys() if mine[name] != other[name])
    parts = [
        _some("differs", changed),
        _some("is only in yours", sorted(mine.keys() - other.keys())),
        _some("is only in the index's", sorted(other.keys() - mine.keys())),
    ]
    return "; ".join(part for part in parts if part) or (
        "the members are equal, only times, order or compression differ: "
        "the build is not reproducible"
    )


def members(archive: Path) -> Members:
    """Size and sha256 of each regular member by name, of a wheel (zip) or sdist (tar.gz)."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return {
                info.filename: (info.file_size, _digest(wheel.open(info)))
                for info in wheel.infolist()
                if not info.is_dir()
            }
    found: Members = {}
    with tarfile.open(archive, "r|gz") as sdist:
        for member in sdist:
            content = sdist.extractfile(member) if member.isfile() else None
            if content is not None:
                found[member.name] = (member.size, _digest(content))
    return found


def _digest(content: IO[bytes]) -> str:
    digest = hashlib.sha256()
    with content:
        while block := content.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _some(what: str, names: list[str]) -> str:
    """``a, b, c and 4 more differs``, or nothing."""
    if not names:
        return ""
    more = f" (and {len(names) - SHOWN} more)" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more} {what}"
