"""A terminal, drawn with rich: colours, and a bar for work that takes long."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from types import TracebackType
from typing import Self, TextIO

from rich import progress
from rich.console import Console
from rich.text import Text

from publisher.report.log import PATIENCE


class _Rich(Console):
    """A run goes on when nobody listens any more: its report is written all the same."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


class Terminal:
    """Draws lines in colours. Rich's markup is not used at all.

    Args:
        stream: Where to write.
        width: In columns; by default the terminal's.
        interactive: Whether it is a terminal, and not a log that shows colours.
        color: Whether to use colours.
    """

    def __init__(
        self, stream: TextIO, width: int | None, *, interactive: bool, color: bool
    ) -> None:
        self._rich = _Rich(
            file=stream,
            force_terminal=interactive,
            force_interactive=interactive,
            force_jupyter=False,
            no_color=not color,
            color_system="standard" if color else None,
            width=width,
            markup=False,
            emoji=False,
            highlight=False,
        )

    @property
    def width(self) -> int:
        """In columns, as it is now."""
        return self._rich.width

    def line(self, text: str, style: str = "", rest: str = "") -> None:
        """Write ``text`` in a style, and the ``rest`` of its line in none."""
        try:
            self._rich.print(Text.assemble((text, style), rest), soft_wrap=True)
        except OSError:  # a terminal that was closed
            self._rich.quiet = True

    def bar(self, clock: Callable[[], float], label: str, total: int) -> Bar:
        """A bar over ``total`` units."""
        return Bar(self._rich, clock, label, total)


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
        with self._lock, suppress(OSError):
            if self._live:
                self._bar.stop()

    def advance(self, units: int) -> None:
        """Count ``units`` more as done."""
        with self._lock, suppress(OSError):
            self._bar.advance(self._task, units)
            if not self._live and self._clock() - self._since >= PATIENCE:
                self._live = True
                self._bar.start()
