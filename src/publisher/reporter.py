"""How a run speaks while it goes on: an interface, which ``publisher.report`` has the faces of."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from publisher.models import Finding, Secret


class Reporter(Protocol):
    """How a run speaks while it goes on. Steps get one; ``publisher.report`` has the faces."""

    def step(self, name: str, doing: str) -> AbstractContextManager[None]:
        """Announce a step; leaving it by an exception shows it as failed."""
        ...

    def say(self, text: str) -> None:
        """One line of what is happening."""
        ...

    def detail(self, text: str) -> None:
        """One line that only who asks for more wants to see, such as a build's own output."""
        ...

    def finding(self, finding: Finding) -> None:
        """A remark for the user; the run goes on."""
        ...

    def mask(self, secret: Secret) -> None:
        """Have a secret struck out of the log, where the CI can; called before it is used."""
        ...

    def progress(self, label: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """A bar over ``total`` units; the callable advances it and is thread-safe."""
        ...
