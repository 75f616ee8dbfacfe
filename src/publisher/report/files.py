"""The files that a run leaves behind, written so that nobody reads half of one."""

from __future__ import annotations

from pathlib import Path

from publisher.files import write_whole, writing


def write(text: str, path: Path, what: str) -> None:
    """Write a file at once: a reader sees the old one or the whole new one.

    Raises:
        CannotWrite: The file can't be written; ``what`` says in the message what it was to be.
    """
    with writing(path, f"the {what} can't be written"):
        write_whole(path, text.encode())


def append(text: str, path: Path, what: str) -> None:
    """Add to a file that a CI's runner has made, or makes room for.

    Raises:
        CannotWrite: As ``write``.
    """
    with (
        writing(path, f"the {what} can't be written"),
        path.open("a", encoding="utf-8", errors="surrogateescape", newline="\n") as file,
    ):
        file.write(text)


def length(path: Path) -> int:
    """Bytes of a file; of one that is not there, or can't be looked at, 0."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
