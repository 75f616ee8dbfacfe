"""How many uploads are in flight, and when one is tried again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class NoTurn(Exception):
    """There are no turns any more."""


class Pace:
    """At most ``width`` turns at a time; half as many whenever the index says it is too much."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._taken = 0
        self._free = threading.Condition()
        self._stopped = threading.Event()

    @contextmanager
    def turn(self) -> Iterator[int]:
        """Wait for a turn and take it; gives the width that it began with.

        Raises:
            NoTurn: Everything was stopped.
        """
        with self._free:
            self._free.wait_for(lambda: self._stopped.is_set() or self._taken < self.width)
            if self._stopped.is_set():
                raise NoTurn
            self._taken += 1
            begun_with = self.width
        try:
            yield begun_with
        finally:
            with self._free:
                self._taken -= 1
                self._free.notify_all()

    def slower(self, begun_with: int) -> None:
        """Halve the width; once for all the turns that began with the same one."""
        with self._free:
            if begun_with == self.width:
                self.width = max(1, self.width // 2)

    def rest(self, seconds: float) -> bool:
        """Sleep outside any turn; ``False`` if everything was stopped meanwhile."""
        return not self._stopped.wait(seconds)

    def stop(self) -> None:
        """Let nobody rest any longer, and nobody begin."""
        self._stopped.set()
        with self._free:
            self._free.notify_all()
