"""Several at a time: threads that meet, and threads that are left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from publisher.publish.crew import together


def test_results_in_order() -> None:
    assert together(lambda number: number * 2, range(50), 8) == tuple(range(0, 100, 2))


def test_nothing_to_do() -> None:
    assert together(str, [], 8) == ()


def test_side_by_side() -> None:
    """None goes on before eight are there."""
    meeting = threading.Barrier(8)
    together(lambda _: meeting.wait(10), range(8), 8)
    assert not meeting.broken


def test_never_more() -> None:
    lock, now, most = threading.Lock(), 0, 0

    def work(_: int) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.002)
        with lock:
            now -= 1

    together(work, range(60), 3)
    assert most == 3


def test_after_an_error_nothing_is_begun_and_the_begun_ends() -> None:
    begun: list[int] = []
    ended: list[int] = []
    failed = threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        if number == 1:
            failed.set()
            raise ZeroDivisionError
        failed.wait(10)
        threading.Event().wait(0.05)
        ended.append(number)

    with pytest.raises(ZeroDivisionError):
        together(work, range(100), 3)
    assert len(begun) <= 6  # whoever began while the error was on its way
    assert sorted(ended) == sorted(set(begun) - {1})


def test_the_first_error_is_raised() -> None:
    first = threading.Event()

    def work(number: int) -> None:
        if number == 3:
            first.set()
            raise KeyError(number)
        first.wait(10)
        threading.Event().wait(0.02)
        raise ValueError(number)

    with pytest.raises(KeyError):
        together(work, range(4), 4)


def test_who_is_told_to_stop_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal's exception arrives while we wait; the work hangs for ever."""
    hanging, began = threading.Event(), threading.Event()
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        began.set()
        hanging.wait(60)

    def told() -> Iterator[int]:
        yield from range(10)

    class Told(Exception):
        """As a signal's handler raises it."""

    def waited(_answer: object) -> None:
        began.wait(10)
        raise Told

    with monkeypatch.context() as patch:
        patch.setattr("publisher.publish.crew.waited", waited)
        with pytest.raises(Told):
            together(work, told(), 2)
    assert len(begun) <= 2
    hanging.set()
    threading.Event().wait(0.05)
    assert len(begun) <= 2, "what has not begun never begins"
