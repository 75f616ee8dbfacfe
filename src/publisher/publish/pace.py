"""How many uploads are in flight, and when one is tried again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class NoTurn(Exception):
    """There are no turns any more."""


class Pace:
    """At most ``width`` turns at a time.

    Half as many whenever the index says that it is too much, and then one more whenever as many
    went well as there may be at a time, up to what it began with (as TCP does, RFC 5681).
    """

    def __init__(self, width: int) -> None:
        self.width = self._most = width
        self._taken = self._well = self._setbacks = 0
        self._free = threading.Condition()
        self._stopped = threading.Event()

    @contextmanager
    def turn(self) -> Iterator[int]:
        """Wait for a turn and take it; gives how many setbacks there were before.

        Raises:
            NoTurn: Everything was stopped.
        """
        with self._free:
            self._free.wait_for(lambda: self._stopped.is_set() or self._taken < self.width)
            if self._stopped.is_set():
                raise NoTurn
            self._taken += 1
            before = self._setbacks
        try:
            yield before
        finally:
            with self._free:
                self._taken -= 1
                self._free.notify_all()

    def slower(self, before: int) -> None:
        """Halve the width; once for all the turns that began with as many setbacks."""
        with self._free:
            if before == self._setbacks:
                self._setbacks += 1
                self._well = 0
                self.width = max(1, self.width // 2)

    def faster(self) -> None:
        """Note that one went well."""
        with self._free:
            self._well += 1
            if self._well >= self.width < self._most:
                self._well = 0
                self.width += 1
                self._free.notify_all()

    def rest(self, seconds: float) -> bool:
        """Sleep outside any turn; ``False`` if everything was stopped meanwhile."""
        return not self._stopped.wait(seconds)

    def stop(self) -> None:
        """Let nobody rest any longer, and nobody begin."""
        self._stopped.set()
        with self._free:
            self._free.notify_all()
