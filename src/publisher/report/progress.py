"""Progress of work that takes longer than two seconds: a bar for people, lines for logs."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich import progress

if TYPE_CHECKING:
    from rich.console import Console

PATIENCE = 2.0
"""Seconds until anything is shown, and between two lines at least."""
SILENCE = 10.0
"""Seconds after which a line is due although no quarter is full."""


class Lines:
    """One line per quarter of the work, and one when it was silent for long."""

    def __init__(
        self, write: Callable[[str], None], clock: Callable[[], float], label: str, total: int
    ) -> None:
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


class Bar:
    """A bar that appears after two seconds and is gone when the work is done."""

    def __init__(
        self, console: Console, clock: Callable[[], float], label: str, total: int
    ) -> None:
        self._clock = clock
        self._lock = Lock()
        self._since = clock()
        self._live = False
        self._bar = progress.Progress(
            progress.TextColumn("  {task.description}", markup=False),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeRemainingColumn(),
            console=console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._bar.add_task(label, total=total)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _e: BaseException | None, _tb: TracebackType | None
    ) -> None:
        """Take the bar down."""
        with self._lock:
            if self._live:
                self._bar.stop()

    def advance(self, units: int) -> None:
        """Count ``units`` more as done."""
        with self._lock:
            self._bar.advance(self._task, units)
            if not self._live and self._clock() - self._since >= PATIENCE:
                self._live = True
                self._bar.start()
