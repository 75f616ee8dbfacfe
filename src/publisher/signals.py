"""Signals become errors, so that the token is burned and the report written on the way out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from publisher.errors import Interrupted, PublisherError, Terminated

if TYPE_CHECKING:
    from types import FrameType

SECOND = 2
STOPPED = "the run was told to stop; the same command goes on with what is missing"


@contextmanager
def as_errors() -> Iterator[Callable[[], PublisherError | None]]:
    """Let SIGINT, SIGTERM and SIGHUP raise for as long as the context lasts.

    The second one does not: a CI that cancels a job sends two before it kills, and all that is
    done between them (a token is given back, a report written) has its own, shorter limits.

    Yields what tells of the first one, should its exception get lost in a library.
    """
    import signal

    came: list[PublisherError] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        error = Interrupted(STOPPED) if number == signal.SIGINT else Terminated(STOPPED)
        came.append(error)
        if len(came) != SECOND:
            raise error

    wanted = [signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)]
    before = {number: signal.signal(number, stop) for number in wanted}
    try:
        yield lambda: came[0] if came else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
