"""Several at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

from publisher.ahead import ahead, waited

T = TypeVar("T")
R = TypeVar("R")


def together(work: Callable[[T], R], items: Iterable[T], width: int) -> tuple[R, ...]:
    """``work`` on every item, ``width`` at a time; the results in the items' order.

    After an error nothing more is begun, what has begun ends, and the first error is raised. But
    who is told to stop while waiting here leaves at once; what is under way is left behind.
    """
    items = tuple(items)
    waiting = iter(range(len(items)))
    lock = threading.Lock()
    done: dict[int, R] = {}
    failed: list[BaseException] = []

    def go_on() -> None:
        while True:
            with lock:
                number = next(waiting, None)
                if number is None or failed:
                    return
            try:
                done[number] = work(items[number])
            except BaseException as error:  # noqa: BLE001 - it is raised below
                failed.append(error)

    try:
        for worker in [ahead(go_on) for _ in range(min(width, len(items)))]:
            waited(worker)
    except BaseException as stop:  # a signal's error, too: then nothing further may begin
        failed.append(stop)
        raise
    if failed:
        raise failed[0]
    return tuple(done[number] for number in range(len(items)))
