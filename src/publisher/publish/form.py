"""The body of an upload: a multipart/form-data stream (RFC 7578) that is never whole in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import urllib3

from publisher.transport import BLOCK


class FileChanged(Exception):
    """The file is not what it was, or not there; says so. No error of a network."""


class FileForm:
    """A multipart/form-data body (RFC 7578) with one file, streamed from disk in large blocks.

    Args:
        fields: Name and text of the plain fields, in order.
        name: Field name of the file.
        path: The file; its ``size`` in bytes must be known and not change.
        tick: Told how many bytes of the file have gone out.
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
        self._sent = 0

    def __len__(self) -> int:
        return len(self._before) + self._size + len(self._after)

    def __iter__(self) -> Iterator[bytes | memoryview]:
        """The body from its beginning; a block is good until the next one is asked for.

        Raises:
            FileChanged: The file is gone or became shorter.
        """
        self._sent = 0
        yield self._before
        for block in self._content():
            yield block
            self._sent += len(block)
            self._tick(len(block))
        yield self._after

    def _content(self) -> Iterator[memoryview]:
        left, buffer = self._size, memoryview(bytearray(min(BLOCK, self._size)))
        try:
            with self._path.open("rb", buffering=0) as file:
                while left:
                    count = file.readinto(buffer[:left])
                    if not count:
                        raise FileChanged(f"{self._path.name} became shorter while it was sent")
                    yield buffer[:count]
                    left -= count
        except OSError as error:
            raise FileChanged(f"{self._path.name}: {error.strerror or error}") from error

    def take_back(self) -> None:
        """Tell the progress that what went out did not arrive."""
        self._tick(-self._sent)
