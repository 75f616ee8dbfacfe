"""What time it is for those who sign, log and keep files: now, or long ago."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

DAY = 86400
OLDEST = 1000
"""Days that it can be behind: so old are the rehearsal's roots."""

Seconds = Callable[[], float]
"""Tells the time, in Unix seconds."""


@dataclass
class Clock:
    """This machine's clock, some days behind, so that a project can have a history."""

    days_ago: float = 0

    def __call__(self) -> float:
        """Unix seconds."""
        return time.time() - self.days_ago * DAY

    def set_back(self, days: object) -> None:
        """Set it so many days behind.

        Raises:
            ValueError: That is no number of days, or the roots are younger.
        """
        if isinstance(days, bool) or not isinstance(days, int | float) or not 0 <= days <= OLDEST:
            raise ValueError(f"days_ago is a number from 0 to {OLDEST}")
        self.days_ago = days
