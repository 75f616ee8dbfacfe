"""Size and digest of files, each read once and not looked into."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from publisher.ahead import ahead
from publisher.errors import BrokenArchive

Measured = tuple[int, str]
"""Size in bytes and SHA-256 in lowercase hex."""
WORKERS = 8
LARGE = 1 << 20  # bytes from which on hashing is worth a thread


def sha256(path: Path) -> Measured:
    """Return a file's size in bytes and its SHA-256 in hex, in one pass and 1 MiB of memory."""
    digest, size = hashlib.sha256(), 0
    block = memoryview(bytearray(1 << 20))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(block):
            digest.update(block[:count])
            size += count
    return size, digest.hexdigest()


def measure(paths: Sequence[Path]) -> dict[Path, Measured]:
    """Size in bytes and SHA-256 of every file, and nothing of what is in it.

    Raises:
        BrokenArchive: One can't be read.
    """
    with ThreadPoolExecutor(WORKERS) as pool:  # hashing releases the GIL
        return dict(zip(paths, pool.map(measure_one, paths), strict=True))


def measure_one(path: Path) -> Measured:
    """As ``measure``, of one file."""
    try:
        return sha256(path)
    except OSError as error:
        raise BrokenArchive(
            f"{path} can't be read: {error.strerror or error}", facts={"file": path.name}
        ) from error


def large(path: Path) -> bool:
    """Whether another thread saves time with it: hashing and inflating release the GIL."""
    try:
        return path.stat().st_size >= LARGE
    except OSError:
        return False  # who reads it says what is wrong


def begin(path: Path, known: Measured | None = None) -> Callable[[], Measured]:
    """Measure it already, if another core helps; return what gives the result, as ``measure``."""
    if known:
        return lambda: known
    return ahead(partial(measure_one, path)).result if large(path) else partial(measure_one, path)
