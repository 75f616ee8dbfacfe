"""Text as it is: help, version, a URL. No libraries, so that it comes at once."""

from __future__ import annotations

from typing import TextIO


def show(text: str, stream: TextIO) -> None:
    """Write text and one line end."""
    stream.write(text.rstrip("\n") + "\n")
    stream.flush()
