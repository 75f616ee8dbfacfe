"""Text as it is: help, version, a URL, the report. No libraries, so that it comes at once."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TextIO


def show(text: str, stream: TextIO | None) -> None:
    """Write text and one line end; a reader who has gone, or a full disk, is no error of ours."""
    if stream is None:  # closed before we began
        return
    try:
        stream.write(text.rstrip("\n") + "\n")
        stream.flush()
    except OSError:
        give_up(stream)


def give_up(stream: TextIO) -> None:
    """Lead a stream that can't be written to nowhere.

    The interpreter flushes once more at its end, and would complain then.
    """
    with suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), stream.fileno())
