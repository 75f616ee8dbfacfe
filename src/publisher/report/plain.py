"""Text as it is: help, version, a URL, the report. No libraries, so that it comes at once."""

from __future__ import annotations

import os
from typing import TextIO


def show(text: str, stream: TextIO | None) -> None:
    """Write text and one line end; a reader who has gone, or a full disk, is no error of ours."""
    if stream is None:  # closed before we began
        return
    try:
        stream.write(text.rstrip("\n") + "\n")
        stream.flush()
    except OSError:
        # the interpreter flushes once more at its end, and would complain then
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, stream.fileno())
        os.close(devnull)
