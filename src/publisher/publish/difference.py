"""Name what differs between two distributions of one name.

The other one comes from an index, that is, from anybody: it is unpacked within limits.
"""

from __future__ import annotations

import hashlib
import lzma
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import IO

from publisher.publish.unpack import BLOCK, TooMuch, tarred, zipped

SHOWN = 3
UNPACKED = 1 << 30  # bytes of an archive that we compare; a few seconds
UNREADABLE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, TooMuch),
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
        _some("differs", "differ", changed),
        _some("is only in yours", "are only in yours", sorted(mine.keys() - other.keys())),
        _some(
            "is only in the index's", "are only in the index's", sorted(other.keys() - mine.keys())
        ),
    ]
    return "; ".join(part for part in parts if part) or (
        "the members are equal, only times, order or compression differ: "
        "the build is not reproducible"
    )


def members(archive: Path) -> Members:
    """Size and sha256 of each regular member by name, of a wheel (zip) or sdist (tar.gz)."""
    if archive.suffix == ".whl":
        with zipped(archive) as wheel:
            files = [info for info in wheel.infolist() if not info.is_dir()]
            if sum(info.file_size for info in files) > UNPACKED:
                raise TooMuch(f"it unpacks to more than {UNPACKED} bytes")
            return {info.filename: (info.file_size, _digest(wheel.open(info))) for info in files}
    with tarred(archive, unpacked=UNPACKED, read=UNPACKED) as (_, found):
        return {
            member.name: (member.size, _digest(content)) for member, content in found if content
        }


def _digest(content: IO[bytes]) -> str:
    digest = hashlib.sha256()
    with content:
        while block := content.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _some(one: str, many: str, names: list[str]) -> str:
    """``a differs``, ``a, b, c (and 4 more) differ``, or nothing."""
    if not names:
        return ""
    more = f" (and {len(names) - SHOWN} more)" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more} {one if len(names) == 1 else many}"
