"""How many at a time: threads that take turns."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from publisher.publish.pace import NoTurn, Pace


def most(pace: Pace, count: int) -> int:
    """How many of ``count`` turns, all wanted at once, were taken at the same time."""
    together, seen, lock = 0, 0, threading.Lock()
    full = threading.Barrier(pace.width)

    def one(number: int) -> None:
        nonlocal together, seen
        with pace.turn():
            with lock:
                together += 1
                seen = max(seen, together)
            if number < pace.width:
                full.wait(10)  # the first ones see that they are all there
            with lock:
                together -= 1

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(one, range(count)))
    return seen


@pytest.mark.parametrize("width", [1, 2, 8])
def test_never_more_than_the_width(width: int) -> None:
    assert most(Pace(width), 30) == width


def test_half_as_many() -> None:
    pace = Pace(8)
    pace.slower(0)
    assert most(pace, 30) == pace.width == 4


def test_one_setback_counts_once() -> None:
    """All that were under way when it got too much had begun before it."""
    pace = Pace(8)
    for _ in range(8):
        pace.slower(0)
    assert pace.width == 4
    pace.slower(1)
    pace.slower(1)
    assert pace.width == 2


def test_one_is_always_let_through() -> None:
    pace = Pace(3)
    for setbacks in range(3):
        pace.slower(setbacks)
    assert most(pace, 5) == pace.width == 1


def test_a_turn_says_what_it_began_with() -> None:
    pace = Pace(4)
    with pace.turn() as before:
        pace.slower(before)
        with pace.turn() as after:
            assert (before, after) == (0, 1)


def test_slowly_more_again() -> None:
    """One more for each whole width that went well, and never more than at first."""
    pace = Pace(4)
    pace.slower(0)
    widths = []
    for _ in range(2 + 3 + 9):
        pace.faster()
        widths.append(pace.width)
    assert widths == [2, 3, 3, 3, *[4] * 10]


def test_a_setback_ends_a_good_row() -> None:
    pace = Pace(8)
    pace.slower(0)
    for _ in range(3):
        pace.faster()
    pace.slower(1)
    pace.faster()
    assert pace.width == 2
    pace.faster()
    assert pace.width == 3


def test_who_waits_profits() -> None:
    """Of a wider width at once, and not only when somebody gives a turn back."""
    pace = Pace(2)
    pace.slower(0)
    with ThreadPoolExecutor(1) as pool, pace.turn():
        second = pool.submit(lambda: pace.turn().__enter__())
        pace.faster()
        assert second.result(10) == 1


def test_a_turn_is_given_back_after_an_error() -> None:
    pace = Pace(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), pace.turn():
            raise ZeroDivisionError


def test_rest_ends_when_all_is_stopped() -> None:
    pace = Pace(1)
    assert pace.rest(0.01)
    with ThreadPoolExecutor(1) as pool:
        resting = pool.submit(pace.rest, 3600)
        pace.stop()
        assert not resting.result(10)
    assert not pace.rest(3600)


def test_nobody_begins_when_all_is_stopped() -> None:
    """Not even who waits for a turn already."""
    pace, waiting = Pace(1), threading.Event()

    def late() -> None:
        waiting.set()
        with pace.turn():
            pytest.fail("a turn after the end")

    with ThreadPoolExecutor(1) as pool:
        with pace.turn():
            coming = pool.submit(late)
            waiting.wait(10)
            pace.stop()
        with pytest.raises(NoTurn):
            coming.result(10)
