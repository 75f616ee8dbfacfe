"""Opens archives so that a hostile one can use up neither memory nor time."""

from __future__ import annotations

import gzip
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

BLOCK = 1 << 20
AT_ONCE = 16 << 20  # a member's name in a tar can have any length, and tarfile reads it whole
_DIRECTORY = 64 << 20  # of a zip, which zipfile reads whole; half a million members


class TooMuch(Exception):
    """The archive asks for more than it may have."""


@contextmanager
def zipped(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip.

    Raises:
        TooMuch: Its table of contents has more than 64 MiB.
    """
    with path.open("rb") as file:
        end = zipfile._EndRecData(file)  # type: ignore[attr-defined]  # noqa: SLF001 - what ZipFile reads
    if end and end[5] > _DIRECTORY:
        raise TooMuch(f"its table of contents has more than {_DIRECTORY >> 20} MiB")
    with zipfile.ZipFile(path) as archive:
        yield archive


class Tar:
    """The inside of a .tar.gz, as a file for ``tarfile``.

    It remembers what was read last: after the members that is the header which ended them.
    tarfile takes a damaged header after the first for the end of the archive, in silence.
    """

    def __init__(self, file: gzip.GzipFile, unpacked: int, read: int) -> None:
        self._file = file
        self._unpacked = unpacked
        self._left = read
        self.last = b""
        self.tell = file.tell

    def read(self, size: int) -> bytes:
        """Read and remember; at most 16 MiB."""
        self._left -= size
        if size > AT_ONCE:
            raise TooMuch("a name in it is too long")
        if self._left < 0:
            raise TooMuch("there is too much to read in it")
        self.last = self._file.read(size)
        return self.last

    def seek(self, position: int) -> int:
        """Go on, as far as the archive may unpack."""
        if position > self._unpacked:
            raise TooMuch(f"it unpacks to more than {self._unpacked} bytes")
        return self._file.seek(position)

    def drain(self) -> None:
        """Read what is left, up to the checksum at the very end."""
        while self._file.read(BLOCK):
            self.seek(self._file.tell())


@contextmanager
def tarred(path: Path, *, unpacked: int, read: int) -> Iterator[tuple[Tar, Members]]:
    """Open a .tar.gz; the second value goes through its members, once and in order.

    Args:
        path: The file.
        unpacked: How many bytes it may unpack to.
        read: How many bytes may be read of it; the rest is skipped.

    Raises:
        TooMuch: It is more.
    """
    with gzip.open(path) as file:
        inside = Tar(file, unpacked, read)
        with tarfile.open(fileobj=_as_file(inside), mode="r:") as archive:
            yield inside, _members(archive)


Members = Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]


def _members(archive: tarfile.TarFile) -> Members:
    """Each member and, if it is a regular file, its content."""
    for member in archive:
        archive.members.clear()  # type: ignore[attr-defined]  # tarfile would keep them all
        yield member, archive.extractfile(member) if member.isreg() else None


def _as_file(inside: Tar) -> IO[bytes]:
    return inside  # type: ignore[return-value]  # tarfile asks for read, seek and tell only
