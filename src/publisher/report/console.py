"""How a run speaks to people: in a terminal with rich, in a CI's log line by line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from publisher.basics import Secret, Severity, docs_of
from publisher.errors import PublisherError, Stopped
from publisher.report.log import Lines, Log
from publisher.report.text import clean, fact, telling, wrap

if TYPE_CHECKING:
    from publisher.models import Finding, Run
    from publisher.report.terminal import Bar, Terminal

STYLES: dict[Severity, str] = {
    "critical": "bold red",
    "error": "bold red",
    "warning": "bold yellow",
    "note": "bold blue",
}
LOG_WIDTH = 100
FEW = 4
"""Values of a fact that fit on a line; more are shown as lines, the last ones if they are many."""
MANY = 15
SIGN_OF_LIFE = 3.0
"""Seconds after which a line of a long step's output is due."""
INSTANT = 0.1
"""Seconds that are not worth a line in a log."""


class Console:
    """A ``publisher.reporter.Reporter`` for people.

    All text is taken for untrusted: none of it can move the cursor, colour anything or give
    orders to a CI's runner. A log is written without rich, so that a usage error comes at once.

    Args:
        stream: Where to write.
        verbosity: -1 shows warnings, errors and the last word; 1 shows facts in full.
        interactive: Whether a person watches a terminal: progress bars, ticks.
        color: Whether to use colours; by default in a terminal.
        width: In columns; by default the terminal's, 100 in a log.
        clock: Seconds, monotonic.
        mask: Told of every secret of the run.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        verbosity: int = 0,
        interactive: bool = False,
        color: bool | None = None,
        width: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        mask: Callable[[Secret], None] = lambda _: None,
    ) -> None:
        color = interactive if color is None else color
        self._pen: Log | Terminal = Log(stream, width or LOG_WIDTH)
        if interactive or color:
            from publisher.report.terminal import Terminal

            width = width or (None if interactive else LOG_WIDTH)
            self._pen = Terminal(stream, width, interactive=interactive, color=color)
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._verbosity = verbosity
        self._interactive = interactive
        self._clock = clock
        self._last_detail = clock()
        self._mask = mask

    @contextmanager
    def step(self, name: str, doing: str) -> Iterator[None]:
        """Announce a step, and say how it ended and how long it took."""
        started = self._last_detail = self._clock()
        if self._verbosity >= 0:
            self._pen.line(self._clean(name), "bold", f": {self._clean(doing)}")
        try:
            yield
        except BaseException as e:  # a signal's as well: the step is told to be stopped
            stopped = isinstance(e, Stopped | KeyboardInterrupt)
            self._close("✗", "stopped" if stopped else "failed", started, "red")
            raise
        self._close("✓", "done", started, "green")

    def say(self, text: str) -> None:
        """One line of what is happening, below its step."""
        if self._verbosity >= 0:
            self._write(text, indent="  ")

    def detail(self, text: str) -> None:
        """One line of many: ``--verbose`` shows all; without it one now and then shows life."""
        now = self._clock()
        due = self._verbosity == 0 and now - self._last_detail >= SIGN_OF_LIFE
        if due or self._verbosity >= 1:
            self._last_detail = now
            self._write(text, indent="    ", style="dim")

    def finding(self, finding: Finding) -> None:
        """A remark: what it is, the facts, what to do, where to read on."""
        if self._verbosity < 0 and finding.severity == "note":
            return
        head = f"{finding.severity} {finding.code}: "
        style = STYLES[finding.severity]
        self._show(head, style, finding.message, finding.facts, finding.hint)
        self._write(finding.docs, indent="  ", style="dim")

    def mask(self, secret: Secret) -> None:
        """Have a secret struck out of the log, where the CI can."""
        self._mask(secret)

    def show_error(self, error: PublisherError, hint: str = "") -> None:
        """What stopped the run; ``hint`` is the provider's, and beats the error's own."""
        head = f"error {error.code}: "
        self._show(head, STYLES["error"], error.message, error.facts, hint or error.hint)
        self._write(docs_of(error.code), indent="  ", style="dim")

    @contextmanager
    def progress(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """A bar, or a line now and then; nothing for work that takes less than two seconds."""
        if self._verbosity < 0:
            yield lambda _units: None
            return
        if isinstance(self._pen, Log) or not self._interactive:
            shown: Bar | Lines = Lines(self._write, self._clock, label, total)
        else:
            shown = self._pen.bar(self._clock, self._clean(label), total)
        with shown:
            yield shown.advance

    def summary(self, run: Run, links: Sequence[str] = ()) -> None:
        """The releases, their files and what to do next; ``links`` are the releases' pages."""
        if self._verbosity < 0:
            return
        from publisher.report import summary

        for line, style in summary.summary(run, links):
            self._pen.line(self._clean(line), style)

    def last_word(self, run: Run) -> None:
        """What was published; print it last, also when the run failed."""
        from publisher.report import summary

        line, style = summary.last_word(run)
        self._pen.line(self._clean(line), style)

    def lines(self, lines: Iterable[tuple[str, str]], *, loud: bool) -> None:
        """Lines with their styles; those that are not ``loud`` are left out of a quiet run."""
        for text, style in lines if loud or self._verbosity >= 0 else ():
            self._pen.line(self._clean(text), style)

    def _show(
        self, head: str, style: str, message: str, facts: Mapping[str, object], hint: str
    ) -> None:
        first, *more = wrap(self._clean(head + message), self._pen.width - 2)
        self._pen.line(first[: len(head)], style, first[len(head) :])
        for line in more:
            self._pen.line(f"  {line}")
        limit = 400 if self._verbosity < 1 else 100_000
        for name, value in telling(facts).items():
            if self._verbosity < 1 and (_told(value, hint) or _said(value, message)):
                continue
            if isinstance(value, list | tuple) and len(value) > FEW:
                self._lines(name, [fact(item, limit) for item in value])
            else:
                self._write(f"{name}: {fact(value, limit)}", indent="  ", style="dim")
        if hint:
            self._write(hint, indent="  ")

    def _close(self, mark: str, word: str, started: float, style: str) -> None:
        took = self._clock() - started
        instant = word == "done" and took < INSTANT and not self._interactive
        if self._verbosity < 0 or instant:
            return
        shown = mark if self._interactive and self._clean(mark) == mark else ""
        text = f"{shown} {word}".strip()
        verb = "in" if word == "done" else "after"
        self._write(f"{text} {verb} {took:.1f} s", indent="  ", style=style)

    def _lines(self, name: str, lines: list[str]) -> None:
        shown = lines if self._verbosity > 0 else lines[-MANY:]
        left = len(lines) - len(shown)
        more = f" ({left} before: --verbose)" if left else ""
        self._write(f"{name}:{more}", indent="  ", style="dim")
        for line in shown:
            self._write(line, indent="    ", style="dim")

    def _write(self, text: str, indent: str = "", style: str = "") -> None:
        for line in wrap(self._clean(text), self._pen.width, indent):
            self._pen.line(line, style)

    def _clean(self, text: str) -> str:
        return clean(text, self._encoding)


def _said(value: object, message: str) -> bool:
    """Whether a fact of several words, such as an error's own, stands in the message already."""
    return isinstance(value, str) and " " in value and value in message


def _told(value: object, hint: str) -> bool:
    """Whether a fact of several parts stands in the hint already, word for word."""
    if isinstance(value, Mapping):
        parts = [*value, *value.values()]
    elif isinstance(value, list | tuple):
        records = (one.values() if isinstance(one, Mapping) else [one] for one in value)
        parts = [part for record in records for part in record]
    else:
        return False
    return all(str(part or "") in hint for part in parts)
