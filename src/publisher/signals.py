"""Signals become errors, so that the token is burned and the report written on the way out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import publisher
from publisher.errors import (
    DeadlinePassed,
    InternalError,
    Interrupted,
    InvalidValue,
    PublisherError,
    Terminated,
)

if TYPE_CHECKING:
    from types import FrameType

SECOND = 2
STOPPED = "the run was told to stop; the same command goes on with what is missing"


@contextmanager
def as_errors(deadline: float = 0.0) -> Iterator[Callable[[], PublisherError | None]]:
    """Let SIGINT, SIGTERM and SIGHUP raise for as long as the context lasts.

    So does a ``deadline`` in seconds from now, unless it is 0.

    The second one does not: a CI that cancels a job sends two before it kills, and all that is
    done between them (a token is given back, a report written) has its own, shorter limits.

    Yields what tells of the first one, should its exception get lost in a library.
    """
    import signal

    if deadline and not hasattr(signal, "setitimer"):
        raise InvalidValue("--deadline: this system has no timer that could stop a run")
    came: list[PublisherError] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        error: PublisherError = Terminated(STOPPED)
        if number == signal.SIGINT:
            error = Interrupted(STOPPED)
        elif deadline and number == signal.SIGALRM:
            error = DeadlinePassed(f"the run takes longer than {deadline:g} s; {STOPPED}")
        came.append(error)
        if len(came) != SECOND:
            raise error

    before = _handle(stop, *([signal.SIGALRM] if deadline else []))
    try:
        if deadline:
            signal.setitimer(signal.ITIMER_REAL, deadline)
        yield lambda: came[0] if came else None
    finally:
        if deadline:
            signal.setitimer(signal.ITIMER_REAL, 0)
        _put_back(before)


@contextmanager
def noted() -> Iterator[None]:
    """Let two of these signals do nothing for as long as the context lasts: a report is written.

    Where that hangs, the third one does what it did before.
    """
    came = 0

    def note(_number: int, _frame: FrameType | None) -> None:
        nonlocal came
        came += 1
        if came == SECOND:
            _put_back(before)

    before = _handle(note)
    try:
        yield
    finally:
        _put_back(before)


def _handle(handler: Callable[[int, FrameType | None], None], *more: int) -> dict[int, Any]:
    """Handle SIGINT, SIGTERM, SIGHUP and ``more``; return the handlers that were there before.

    What is ignored stays so: who starts us with nohup, or in the background, wants that.
    """
    import signal

    usual = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}
    heard = [n for n in (*usual, *more) if signal.getsignal(n) is not signal.SIG_IGN]
    return {number: signal.signal(number, handler) for number in heard}


def _put_back(before: dict[int, Any]) -> None:
    import signal

    for number, handler in before.items():
        signal.signal(number, handler)


def cause_of(error: BaseException) -> PublisherError:
    """The error a person reads: ours as it is, an interrupt, or the confession of a bug."""
    if isinstance(error, PublisherError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return Interrupted(STOPPED)
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    where = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames][-6:]
    return InternalError(
        f"this is a bug of ours: {type(error).__name__}",
        facts={"where": where, "version": publisher.__version__},
        hint="Please report it with these lines. Running the same command again is safe.",
    )
