"""A small streaming parser for multipart/form-data (RFC 7578).

The file goes to disk and is hashed while it arrives, so memory stays flat however big it is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Protocol

CHUNK = 256 * 1024
LARGE = CHUNK // 2
HEADER_LIMIT = 16 * 1024
FIELD_LIMIT = 32 * 1024 * 1024
PLAIN = re.compile(rb'(?i:\r\ncontent-disposition: *form-data); *name="([\w:-]+)"', re.ASCII)
"""How clients write the headers of a plain field; others are read with ``email``, at ten times
the cost."""


class MultipartError(ValueError):
    """The body is not the multipart/form-data that its headers promise."""


class Source(Protocol):
    """Where the bytes come from; ``b""`` is the end."""

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes."""
        ...


@dataclass(frozen=True)
class FilePart:
    """A file that arrived: where it is now, and its digests in lowercase hex."""

    path: Path
    filename: str
    content_type: str
    size: int
    sha256: str
    blake2_256: str


@dataclass
class Form:
    """The fields in the order they came, and the parts that were sent as files."""

    fields: list[tuple[str, str]] = field(default_factory=list)
    files: dict[str, FilePart] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """The first value of a field, or an empty string."""
        return next((value for key, value in self.fields if key == name), "")

    def get_all(self, name: str) -> list[str]:
        """All values of a field."""
        return [value for key, value in self.fields if key == name]


class _Hasher:
    """Writes, hashes and counts what is handed to it; large blocks are hashed in two threads."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._beside = ThreadPoolExecutor(1)
        self.sha256 = hashlib.sha256()
        self.blake2 = hashlib.blake2b(digest_size=32)
        self.size = 0

    def __call__(self, data: bytes) -> None:
        if len(data) < LARGE:
            self.blake2.update(data)
            self._write(data)
        else:
            slow = self._beside.submit(self.blake2.update, data)
            self._write(data)
            slow.result()

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self.sha256.update(data)
        self.size += len(data)

    def close(self) -> None:
        self._beside.shutdown()
        self._file.close()


def parse(
    source: Source, content_type: str, new_path: Callable[[], Path], form: Form | None = None
) -> Form:
    """Read a whole form.

    Args:
        source: The body.
        content_type: The request's Content-Type, with its boundary.
        new_path: Names a new file to write for each part that carries a filename.
        form: Filled as parts arrive, so that the caller can clean up after an error.

    Raises:
        MultipartError: The body ends early, or is no such form, or a field is too big.
    """
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_boundary()
    if message.get_content_type() != "multipart/form-data" or not boundary:
        raise MultipartError("not multipart/form-data with a boundary")
    # The first boundary stands at the very start; pretend that a line ended before it.
    reader = _Reader(source, b"\r\n")
    delimiter = b"\r\n--" + boundary.encode("latin-1")
    reader.read_until(delimiter, _Limited(HEADER_LIMIT))
    form = Form() if form is None else form
    while reader.line() != b"--":
        _read_part(reader, delimiter, form, new_path)
    return form


def _read_part(reader: _Reader, delimiter: bytes, form: Form, new_path: Callable[[], Path]) -> None:
    head = _Limited(HEADER_LIMIT)
    reader.read_until(b"\r\n\r\n", head)
    if plain := PLAIN.fullmatch(head.data):
        _read_field(reader, delimiter, form, plain[1].decode())
        return
    headers = BytesHeaderParser().parsebytes(head.data.removeprefix(b"\r\n"))
    name = headers.get_param("name", header="Content-Disposition")
    if not isinstance(name, str):
        raise MultipartError("a part has no name")
    if headers.get_param("filename", header="Content-Disposition") is None:
        _read_field(reader, delimiter, form, name)
        return
    path = new_path()
    sink = _Hasher(path)
    try:
        reader.read_until(delimiter, sink)
    except BaseException:  # whatever ended it: half a file is of no use
        path.unlink(missing_ok=True)
        raise
    finally:
        sink.close()
    form.files[name] = FilePart(
        path,
        headers.get_filename() or "",
        headers.get_content_type() if "Content-Type" in headers else "",
        sink.size,
        sink.sha256.hexdigest(),
        sink.blake2.hexdigest(),
    )


def _read_field(reader: _Reader, delimiter: bytes, form: Form, name: str) -> None:
    text = _Limited(FIELD_LIMIT)
    reader.read_until(delimiter, text)
    form.fields.append((name, text.data.decode("utf-8", "replace")))


class _Limited:
    """Collects bytes up to a limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.data = bytearray()

    def __call__(self, data: bytes) -> None:
        self.data += data
        if len(self.data) > self._limit:
            raise MultipartError(f"more than {self._limit} bytes of headers or field")


class _Reader:
    """Looks for delimiters in a stream, wherever its chunks happen to end."""

    def __init__(self, source: Source, start: bytes) -> None:
        self._source = source
        self._buffer = start

    def read_until(self, delimiter: bytes, sink: Callable[[bytes], None]) -> None:
        """Hand everything before ``delimiter`` to ``sink``, and step over the delimiter."""
        keep = len(delimiter) - 1
        while (found := self._buffer.find(delimiter)) < 0:
            cut = max(0, len(self._buffer) - keep)
            if cut:
                sink(self._buffer[:cut])
            self._buffer = self._buffer[cut:] + self._more()
        if found:
            sink(self._buffer[:found])
        self._buffer = self._buffer[found + len(delimiter) :]

    def line(self) -> bytes:
        """What follows a boundary: ``--`` after the last one, else nothing but the line's end."""
        while len(self._buffer) < 2:
            self._buffer += self._more()
        if self._buffer.startswith(b"--"):
            return b"--"
        rest = _Limited(HEADER_LIMIT)
        self.read_until(b"\r\n", rest)
        if rest.data.strip(b" \t"):
            raise MultipartError("text after a boundary")
        # The next part may have no headers at all: keep the line's end for the blank line.
        self._buffer = b"\r\n" + self._buffer
        return b""

    def _more(self) -> bytes:
        data = self._source.read(CHUNK)
        if not data:
            raise MultipartError("the body ends before its last boundary")
        return data
