"""Files that a reader sees whole: the old one, or the new one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from publisher.errors import CannotWrite


def write_whole(path: Path, data: bytes, *, lasting: bool = False) -> None:
    """Write a file at once; its folder is made if need be. A link is replaced, not followed.

    ``lasting``: on disk, with its name, when this returns.

    Raises:
        OSError: It can't be written.
    """
    fresh = [folder for folder in path.parents if lasting and not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():
        path.write_bytes(data)  # renaming would replace /dev/stdout or a named pipe
        return
    from secrets import token_hex

    draft = path.with_name(f".{token_hex(8)}.tmp")
    try:
        with draft.open("xb") as file:
            file.write(data)
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    if lasting:
        for folder in (path.parent, *(new.parent for new in fresh)):
            sync(folder)


def sync(folder: Path) -> None:
    """Have the names in a folder on disk, where the system can do that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def try_folder(folder: Path) -> None:
    """Find out whether a folder can be written, and make it if need be. Raises ``OSError``."""
    import tempfile

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


@contextmanager
def writing(path: Path, problem: str, hint: str = "") -> Iterator[None]:
    """Around all that writes ``path``: if the system refuses, that is the ``problem``.

    Raises:
        CannotWrite: The system's reason follows the ``problem``.
    """
    try:
        yield
    except OSError as error:
        message = f"{problem}: {error.strerror}"
        raise CannotWrite(message, facts={"path": str(path)}, hint=hint) from error
