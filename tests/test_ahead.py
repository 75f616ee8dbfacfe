"""Threads that many share: results in order, errors at once, and no end that waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from publisher.ahead import Workers


@pytest.fixture
def workers() -> Iterator[Workers]:
    workers = Workers(3)
    yield workers
    workers.close()


def test_results_in_order(workers: Workers) -> None:
    assert workers.each(lambda number: number * 2, range(50)) == list(range(0, 100, 2))
    assert workers.each(str, []) == []


def test_side_by_side_and_never_more(workers: Workers) -> None:
    """Three meet each time; a fourth would be left alone at the barrier."""
    meeting = threading.Barrier(3)

    def meet(_: int) -> threading.Thread:
        meeting.wait(10)
        return threading.current_thread()

    assert len(set(workers.each(meet, range(6)))) == 3


def test_after_an_error_nothing_more_is_begun(workers: Workers) -> None:
    begun: list[int] = []
    may_end = threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        if number == 0:
            raise ZeroDivisionError
        may_end.wait(10)

    with pytest.raises(ZeroDivisionError):
        workers.each(work, range(100))
    may_end.set()
    workers.each(str, range(3))  # all that was given before is taken up or cancelled
    assert len(begun) <= 4  # one each, and one more of whom the error was


def test_closed_workers_end() -> None:
    workers = Workers(2)
    threads = workers.each(lambda _: threading.current_thread(), range(2))
    workers.close()
    for thread in threads:
        thread.join(10)
        assert thread.daemon
        assert not thread.is_alive()
