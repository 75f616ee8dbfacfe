"""Whether a zip is laid out as its central directory says, byte for byte (APPNOTE.TXT)."""

from __future__ import annotations

import mmap
import re
import struct
import zipfile
from pathlib import Path

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
STREAMED = 0x08
FULL = 0xFFFFFFFF
ZIP64, UNICODE_PATH = 1, 0x7075


def problem(path: Path) -> str | None:
    """Why a reader that starts at the front would see another zip than one that starts at the end.

    So each member must follow the one before it, the directory the last of them, and the end of
    the file the end record.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return _problem(path, data)


def _problem(path: Path, data: mmap.mmap) -> str | None:
    with zipfile.ZipFile(path) as archive:
        members = sorted(archive.infolist(), key=lambda member: member.header_offset)
        start, comment = archive.start_dir, archive.comment
    if len({member.orig_filename for member in members}) != len(members):
        return "Duplicate filename in central directory"
    try:
        at = 0
        for member in members:
            if CONTROL.search(member.orig_filename):
                raise ValueError("Invalid character in filename")
            if member.comment:
                raise ValueError("Comment in central directory")
            at = _after(data, member, at)
        return _end(data, at, start, len(members), len(comment))
    except ValueError as error:
        return str(error)


def _after(data: mmap.mmap, member: zipfile.ZipInfo, at: int) -> int:
    """Where the next member starts, by this one's local header."""
    if member.header_offset != at:
        raise ValueError("Unknown record signature")
    start = at + 30
    layout = struct.Struct("<6xHH8xLLHH")
    flags, method, packed, size, name_length, extra_length = layout.unpack_from(data, start - 30)
    name = data[start : start + name_length]
    extra = data[start + name_length : start + name_length + extra_length]
    fields = list(_fields(extra))
    kinds = [kind for kind, _ in fields if kind in {ZIP64, UNICODE_PATH}]
    if len(kinds) != len(set(kinds)):
        raise ValueError("Invalid duplicate extra in local file")
    for kind, field in fields:
        if kind == ZIP64:
            packed, size = _wide(field, packed, size, stored=method == zipfile.ZIP_STORED)
        elif kind == UNICODE_PATH and CONTROL.search(field[5:].decode()):
            raise ValueError("Invalid character in filename")
    if flags & STREAMED:
        raise ValueError("ZIP contains a data descriptor")
    if name != member.orig_filename.encode():
        raise ValueError("Filename not in central directory")
    if (packed, size) != (member.compress_size, member.file_size):
        raise ValueError("Mis-matched data size")
    return int(start + name_length + extra_length + packed)


def _fields(extra: bytes) -> list[tuple[int, bytes]]:
    found = []
    while extra:
        if len(extra) < 4:
            raise ValueError("Malformed zip file")
        kind, length = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + length], extra[4 + length :]
        if len(field) != length:
            raise ValueError("Malformed zip file")
        found.append((kind, field))
    return found


def _wide(field: bytes, packed: int, size: int, *, stored: bool) -> tuple[int, int]:
    """A ZIP64 field has the real sizes: of a stored member one may be enough."""
    if len(field) not in {0, 8, 16, 24, 28} or (len(field) == 8 and not stored):
        raise ValueError("Malformed zip file")
    if not field:
        if FULL in {packed, size}:
            raise ValueError("Malformed zip file")
        return packed, size
    numbers = struct.unpack_from("<QQ" if len(field) > 8 else "<Q", field)
    return numbers[-1], numbers[0] if size == FULL else size


def _end(data: mmap.mmap, end: int, start: int, count: int, comment: int) -> str | None:
    if end != start:
        return "Unknown record signature"
    at = len(data) - 22 - comment
    if data[at : at + 4] != b"PK\5\6":
        return "Trailing data"
    here, total, size, offset = struct.unpack_from("<HHLL", data, at + 8)
    if here != total:
        return "Malformed zip file"
    if data[at - 20 : at - 16] == b"PK\6\7" and data[at - 76 : at - 72] == b"PK\6\6":
        at -= 76
        length, here, total, size, offset = struct.unpack_from("<Q12xQQQQ", data, at + 4)
        if length != 44:
            return "ZIP64 extensible data not allowed"
    if (here, total, size, offset) != (count, count, at - start, start):
        return "Mismatched central directory"
    return None
