"""As whom to upload."""

from __future__ import annotations

from typing import Protocol

from publisher.models import Account


class Access(Protocol):
    """As whom to upload."""

    def account(self) -> Account:
        """A login that is good for a request that begins now."""
        ...

    def refused(self, account: Account) -> bool:
        """The index says that this login has expired: whether ``account`` gives another one."""
        ...


class Password:
    """A login that never ends."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def account(self) -> Account:
        """Always the same."""
        return self._account

    def refused(self, account: Account) -> bool:  # noqa: ARG002 - as of any login
        """There is no other."""
        return False
