"""The ActiveState Platform, whose own builder publishes: no step of ours ever sees its tokens.

It is here so that a review of its claims says what the index will do with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar, NoReturn

from publisher.errors import NoIdentityProvider
from publisher.providers.base import Claims, Provider, Registered
from publisher.providers.verdicts import Field, Support

WHY = (
    "the index takes no attestations from ActiveState, and Sigstore's public instance does not "
    "know its issuer"
)


class ActiveState(Provider):
    """A build of the ActiveState Platform."""

    name = "activestate"
    title = "the ActiveState Platform"
    public_issuer = "https://platform.activestate.com/api/v1/oauth/oidc"
    minted = ("sub", "organization", "project", "actor_id", "builder")
    form: ClassVar[Mapping[str, Field]] = {
        "Organization": Field("organization", "organization"),
        "ActiveState Project name": Field("project", "project"),
        "Actor Username": Field("actor_id", "actor"),
    }

    @classmethod
    def detects(cls, _env: Mapping[str, str]) -> bool:
        """Never: its builder runs nothing but itself."""
        return False

    def preflight(self) -> NoReturn:
        """Raise ``NoIdentityProvider``."""
        raise NoIdentityProvider(
            "ActiveState gives its ID tokens to its own builder only",
            hint="Publish from the platform itself, or from another CI.",
        )

    def publisher(self, claims: Claims) -> Mapping[str, str | None]:
        """PEP 740 has no such publisher; these are the fields that the index stores."""
        names = ("organization", "project", "actor_id")
        return {"kind": "ActiveState", **{name: self._text(claims, name) for name in names}}

    def register(self, claims: Claims) -> Mapping[str, str]:
        """The fields of the index's form for an ActiveState publisher."""
        return {
            "Organization": self._text(claims, "organization"),
            "ActiveState Project name": self._text(claims, "project"),
            "Actor Username": str(claims.get("actor", "")),
        }

    def supports(self, _index: str) -> Support:
        """Upload tokens, and no more."""
        return Support(mint=True, attest=False, why=WHY)

    def _mint_refusals(self, claims: Claims, registered: Registered | None) -> Iterator[str]:
        known = registered or self.publisher(claims)
        if any(known[name] != claims[name] for name in ("organization", "project", "actor_id")):
            yield "Publisher with matching claims was not found"
        subject = str(claims["sub"])
        if not subject:
            yield "Missing 'subject' claim"
        if not re.match(r"org:[^:]+:project:[^:]+", subject):
            yield "Invalid 'subject' claim. Wrong format"
        if not f"{subject}:".startswith(f"org:{known['organization']}:project:{known['project']}:"):
            yield "Invalid 'subject' claim"
        if claims["builder"] != "pypi-publisher":
            yield "Check failed for required claim 'builder'"

    def _certifies(self, _issuer: str) -> bool:
        return False

    def _policy_refusals(self, _claims: Claims, _known: Registered) -> Iterator[str]:
        yield WHY

    def sample(self) -> Claims:
        """A build of a project named after the folder."""
        project = re.sub(r"[^A-Za-z0-9._-]+", "-", self.folder.resolve().name) or "project"
        return {
            "iss": self.issuer,
            "sub": f"org:my-org:project:{project}",
            "organization": "my-org",
            "project": project,
            "actor": "jane",
            "actor_id": "00000000-0000-4000-8000-000000000001",
            "builder": "pypi-publisher",
        }
