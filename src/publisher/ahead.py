"""Begin with what takes long before its answer is needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


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


class Workers:
    """So many threads for all who have work for them; the program's end waits for none."""

    def __init__(self, count: int) -> None:
        self._count, self._begun = count, 0
        self._waiting: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = threading.Lock()

    def each(self, work: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """``work`` on every item; the results in the items' order.

        After an error, and for who is told to stop while waiting here, nothing more is begun, and
        what is under way is left behind.
        """
        answers = [self._give(work, item) for item in items]
        try:
            return [waited(answer) for answer in answers]
        finally:
            for answer in answers:
                answer.cancel()

    def close(self) -> None:
        """Let the threads end when they are done."""
        with self._lock:
            for _ in range(self._begun):
                self._waiting.put(None)
            self._begun = 0

    def _give(self, work: Callable[[T], R], item: T) -> Future[R]:
        answer: Future[R] = Future()

        def find() -> None:
            if answer.set_running_or_notify_cancel():
                try:
                    answer.set_result(work(item))
                except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
                    answer.set_exception(error)

        self._waiting.put(find)
        with self._lock:
            if self._begun < self._count:
                self._begun += 1
                threading.Thread(target=self._go_on, name="worker", daemon=True).start()
        return answer

    def _go_on(self) -> None:
        while work := self._waiting.get():
            work()
