"""No CI around us: a laptop. Nobody vouches for it, so it can rehearse and not publish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from publisher.errors import NoIdentityProvider
from publisher.providers.base import Provider, Support
from publisher.providers.github import GitHub

WHY = "no supported CI is around this process, so nobody can vouch for it"


class Local(Provider):
    """Whatever the other providers leave."""

    name = "local"
    issuer = ""

    @classmethod
    def detects(cls, _env: Mapping[str, str]) -> bool:
        """Always: it stands last."""
        return True

    def preflight(self) -> NoReturn:
        """Raise ``NoIdentityProvider``."""
        raise NoIdentityProvider(
            WHY,
            facts={"looked_for": [GitHub.name]},
            hint="To rehearse here, add --dry-run. To publish, run this as a step of your CI: "
            "README.md has the lines to copy.",
        )

    def understudy(self) -> Provider:
        """A laptop rehearses the job of a CI that could publish this project."""
        return GitHub(self.env, self.folder)

    def publisher(self, _claims: Mapping[str, object]) -> NoReturn:
        """Raise ``NoIdentityProvider``."""
        self.preflight()

    def register(self, _claims: Mapping[str, object]) -> NoReturn:
        """Raise ``NoIdentityProvider``."""
        self.preflight()

    def persona(self) -> NoReturn:
        """Raise ``NoIdentityProvider``."""
        self.preflight()

    def supports(self, _index: str) -> Support:
        """Nothing."""
        return Support(mint=False, attest=False, why=WHY)
