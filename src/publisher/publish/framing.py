"""The records of a zip, read one after the other from the first byte to the last.

An installer may look members up in the central directory at the end, or unpack as it reads from the
front. The index takes only wheels that are the same to both (Warehouse, ``utils/zipfiles.py``); the
numbers in brackets are sections of PKWARE's APPNOTE.TXT.
"""

from __future__ import annotations

import os
import re
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

_LOCAL = struct.Struct("<4s2xHH8xLLHH")  # 4.3.7
_CENTRAL = struct.Struct("<4s24xHHH12x")  # 4.3.12
_END64 = struct.Struct("<4sQ12xQQQQ")  # 4.3.14
_LOCATOR = struct.Struct("<4s16x")  # 4.3.15
_END = struct.Struct("<4s4xHHLLH")  # 4.3.16
_EXTRA = struct.Struct("<HH")  # 4.5.1
_DESCRIPTOR = 0x08
_ZIP64, _UNICODE_PATH = 0x0001, 0x7075  # 4.5.3, 4.6.9
_MISSING = 0xFFFFFFFF  # the size is in the ZIP64 field
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")

Sizes = Mapping[str, tuple[int, int]]


class Misframed(Exception):
    """What is wrong with the records."""


def check(path: Path, archive: zipfile.ZipFile) -> None:
    """Check that the records of ``archive`` at ``path`` tell one story, without gaps.

    Raises:
        Misframed: They don't.
    """
    sizes = {m.orig_filename: (m.compress_size, m.file_size) for m in archive.infolist()}
    with path.open("rb") as file:
        there: set[bytes] = set()
        while (name := _local(file, sizes)) is not None:
            _once(there, name, "local headers")
        listed: set[bytes] = set()
        start = file.tell()
        while (name := _central(file)) is not None:
            _once(listed, name, "central directory")
            if name not in there:
                raise Misframed(f"{_shown(name)} is in the central directory only")
        if there != listed:
            raise Misframed("a member is missing from the central directory")
        _end(file, (len(listed), file.tell() - start, start))


def _read(file: IO[bytes], size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise Misframed("it ends in the middle of a record")
    return data


def _record(file: IO[bytes], layout: struct.Struct, signature: bytes) -> tuple[Any, ...] | None:
    """The fields of the next record, or ``None`` if it is of another kind."""
    start = file.tell()
    if file.read(4) != signature:
        file.seek(start)
        return None
    file.seek(start)
    return layout.unpack(_read(file, layout.size))[1:]


def _once(names: set[bytes], name: bytes, where: str) -> None:
    if name in names:
        raise Misframed(f"{_shown(name)} is twice in the {where}")
    names.add(name)


def _local(file: IO[bytes], sizes: Sizes) -> bytes | None:
    fields = _record(file, _LOCAL, b"PK\3\4")
    if fields is None:
        return None
    flags, method, packed, size, name_length, extra_length = fields
    name = _name(_read(file, name_length))
    extra = _read(file, extra_length)
    packed, size = _real_sizes(extra, method, packed, size)
    if flags & _DESCRIPTOR:
        raise Misframed(f"{_shown(name)} has its size behind it, in a data descriptor")
    try:
        listed = sizes[name.decode()]
    except (UnicodeError, KeyError):
        raise Misframed(f"{_shown(name)} is not in the central directory") from None
    if listed != (packed, size):
        raise Misframed(f"{_shown(name)} has another size in the central directory")
    file.seek(packed, os.SEEK_CUR)
    return name


def _name(name: bytes) -> bytes:
    if _CONTROL.search(name):
        raise Misframed(f"{_shown(name)} has control characters in its name")
    return name


def _shown(name: bytes) -> str:
    return ascii(name.decode("utf-8", "replace"))


def _real_sizes(extra: bytes, method: int, packed: int, size: int) -> tuple[int, int]:
    """The sizes of a local header, corrected by its extra fields."""
    seen = set()
    while extra:
        if len(extra) < _EXTRA.size:
            raise Misframed("an extra field is cut off")
        kind, length = _EXTRA.unpack_from(extra)
        field, extra = extra[4 : 4 + length], extra[4 + length :]
        if len(field) < length:
            raise Misframed("an extra field is cut off")
        if kind in seen and kind in {_ZIP64, _UNICODE_PATH}:
            raise Misframed("an extra field is there twice")
        seen.add(kind)
        if kind == _ZIP64:
            packed, size = _zip64(field, method, packed, size)
        elif kind == _UNICODE_PATH:
            try:
                _name(field[5:]).decode()
            except UnicodeError:
                raise Misframed("a Unicode path is not UTF-8") from None
    return packed, size


def _zip64(field: bytes, method: int, packed: int, size: int) -> tuple[int, int]:
    if len(field) in {16, 24, 28}:
        real_size, real_packed = struct.unpack_from("<QQ", field)
        return real_packed, real_size if size == _MISSING else size
    if len(field) == 8 and method == zipfile.ZIP_STORED:
        (real,) = struct.unpack("<Q", field)
        return real, real if size == _MISSING else size
    if field or _MISSING in {packed, size}:
        raise Misframed("a ZIP64 field doesn't say the sizes")
    return packed, size


def _central(file: IO[bytes]) -> bytes | None:
    fields = _record(file, _CENTRAL, b"PK\1\2")
    if fields is None:
        return None
    name_length, extra_length, comment_length = fields
    name = _name(_read(file, name_length))
    _read(file, extra_length)
    if comment_length:
        raise Misframed(f"{_shown(name)} has a comment")
    return name


def _end(file: IO[bytes], real: tuple[int, int, int]) -> None:
    """The end records, whose counts, size and offset must be those of the directory."""
    said: tuple[int, ...] = ()
    if wide := _record(file, _END64, b"PK\6\6"):
        length, *here, _, _ = wide
        said = wide[2:]
        if length != _END64.size - 12 or here[0] != here[1]:
            raise Misframed("its ZIP64 end record says something else than it holds")
        _record(file, _LOCATOR, b"PK\6\7")  # without it, zipfile has found no directory
    end = _record(file, _END, b"PK\5\6")
    if end is None:
        raise Misframed("there is something else between its records")
    *numbers, comment_length = end
    said = said or tuple(numbers[1:])
    if numbers[0] != numbers[1] or said != real:
        raise Misframed("its end record says something else than it holds")
    _read(file, comment_length)
    if file.read(1):
        raise Misframed("there is more data after its end")
