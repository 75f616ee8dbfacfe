"""Begin with what takes long before its answer is needed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

T = TypeVar("T")


SLICE = 0.5  # seconds; on Windows, no signal interrupts a wait


def waited(answer: Future[T]) -> T:
    """The result, or the error; a signal is heard meanwhile, on every system."""
    while not answer.done():
        wait([answer], SLICE)
    return answer.result()


def ahead(question: Callable[[], T]) -> Future[T]:
    """Answer in a thread of its own; an error waits for whoever asks for the result.

    The end of the program doesn't wait for the thread, as the thread of a pool would make it.
    """
    answer: Future[T] = Future()

    def find() -> None:
        try:
            answer.set_result(question())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            answer.set_exception(error)

    threading.Thread(target=find, name="ahead", daemon=True).start()
    return answer
