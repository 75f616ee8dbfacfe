"""Signals become errors, so that the token is burned and the report written on the way out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from publisher.errors import Interrupted, PublisherError, Terminated

if TYPE_CHECKING:
    from types import FrameType

STOPPED = "the run was told to stop; the same command goes on with what is missing"


@contextmanager
def as_errors() -> Iterator[Callable[[], PublisherError | None]]:
    """Let SIGINT, SIGTERM and SIGHUP raise for as long as the context lasts.

    Yields what tells of the signal that came, should its exception get lost in a library.
    """
    import signal

    came: list[PublisherError] = []

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        error = Interrupted(STOPPED) if number == signal.SIGINT else Terminated(STOPPED)
        came.append(error)
        raise error

    wanted = [signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)]
    before = {number: signal.signal(number, stop) for number in wanted}
    try:
        yield lambda: came[-1] if came else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
