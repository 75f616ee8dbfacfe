"""The body of an upload: a multipart/form-data stream (RFC 7578) that is never whole in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import urllib3

from publisher.transport import BLOCK


class FileForm:
    """A multipart/form-data body (RFC 7578) with one file, streamed from disk in large blocks.

    Args:
        fields: Name and text of the plain fields, in order.
        name: Field name of the file.
        path: The file; its ``size`` in bytes must be known and not change.
        tick: Told how many bytes have gone out.
    """

    def __init__(
        self,
        fields: tuple[tuple[str, str], ...],
        name: str,
        path: Path,
        size: int,
        tick: Callable[[int], None] = lambda _: None,
    ) -> None:
        boundary = urllib3.filepost.choose_boundary()
        encoded, _ = urllib3.encode_multipart_formdata(fields, boundary)
        closing = f"--{boundary}--\r\n".encode()
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; '
            f'filename="{path.name}"\r\nContent-Type: application/octet-stream\r\n\r\n'
        )
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._before = encoded.removesuffix(closing) + head.encode()
        self._after = b"\r\n" + closing
        self._path, self._size, self._tick = path, size, tick
        self._at = 0
        self._file: BinaryIO | None = None

    def __len__(self) -> int:
        return len(self._before) + self._size + len(self._after)

    def __iter__(self) -> Iterator[bytes]:
        while block := self.read(BLOCK):
            yield block

    def tell(self) -> int:
        """Bytes given out so far; ``requests`` asks, to be able to start again."""
        return self._at

    def seek(self, offset: int, _whence: int = 0) -> int:
        """Start again (the only offset anybody asks for is the beginning)."""
        self._tick(offset - self._at)
        self._at = offset
        return offset

    def read(self, size: int = -1) -> bytes:
        """The next block, at most ``size`` bytes; empty at the end."""
        start, middle = self._at, self._at - len(self._before)
        if middle < 0:
            block = self._before[start : start + size if size >= 0 else None]
        elif middle < self._size:
            block = self._read_file(middle, size)
        else:
            rest = self._after[middle - self._size :]
            block = rest[:size] if size >= 0 else rest
        self._at += len(block)
        self._tick(len(block))
        return block

    def _read_file(self, offset: int, size: int) -> bytes:
        if self._file is None:
            self._file = self._path.open("rb", buffering=0)
        self._file.seek(offset)
        left = self._size - offset
        block = self._file.read(min(size, left) if size >= 0 else left)
        if not block:
            raise OSError(f"{self._path.name} became shorter while it was being sent")
        return block

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
