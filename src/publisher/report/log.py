"""A log: lines as they are, and one now and then for work that takes long."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

from publisher.report.plain import give_up

PATIENCE = 2.0
"""Seconds until any progress is shown, and between two lines at least."""
SILENCE = 10.0
"""Seconds after which a line is due although no quarter is full."""


class Log:
    """Writes lines; a run goes on when nobody reads them any more, or the disk is full."""

    def __init__(self, stream: TextIO, width: int) -> None:
        self.width = width
        self._stream = stream
        self._read = True

    def line(self, text: str, _style: str = "", rest: str = "") -> None:
        """Write ``text`` and the ``rest`` of its line, at once: several threads may write."""
        if not self._read:
            return
        try:
            self._stream.write(f"{text}{rest}\n")
            self._stream.flush()
        except OSError:
            self._read = False
            give_up(self._stream)


class Lines:
    """One line per quarter of the work, and one when it was silent for long."""

    def __init__(
        self, write: Callable[[str], None], clock: Callable[[], float], label: str, total: int
    ) -> None:
        from threading import Lock

        self._write = write
        self._clock = clock
        self._label = label
        self._total = total
        self._lock = Lock()
        self._done = 0
        self._quarter = 0
        self._last = clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _e: BaseException | None, _tb: TracebackType | None
    ) -> None:
        """Nothing to take down."""

    def advance(self, units: int) -> None:
        """Count ``units`` more as done."""
        with self._lock:
            self._done += units
            quarter = 4 * self._done // max(self._total, 1)
            silent = self._clock() - self._last
            if silent >= SILENCE or (silent >= PATIENCE and quarter > self._quarter):
                self._last = self._clock()
                self._quarter = quarter
                self._write(f"  {self._label} {self._done}/{self._total} ...")
