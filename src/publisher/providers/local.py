"""Nobody who could vouch: a laptop, and an issuer that no index knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NoReturn

from publisher.errors import NoIdentityProvider
from publisher.providers.base import Claims, Provider, Registered
from publisher.providers.github import GitHub
from publisher.providers.gitlab import GitLab
from publisher.providers.google import Google
from publisher.providers.verdicts import Support

WHY = "no supported CI is around this process, so nobody can vouch for it"
STRANGER = (
    "issuer unknown to the index: {issuer}. Indexes know github.com, gitlab.com, Google Cloud "
    "and ActiveState, and GitLab instances that an organization has registered"
)


class Local(Provider):
    """Whatever the other providers leave. Nobody vouches for it: it can rehearse, not publish."""

    name = "local"
    title = "a CI"
    public_issuer = ""

    @classmethod
    def detects(cls, _env: Mapping[str, str]) -> bool:
        """Always: it stands last."""
        return True

    @classmethod
    def issues(cls, _claims: Claims) -> bool:
        """A laptop issues nothing."""
        return False

    def preflight(self) -> NoReturn:
        """Raise ``NoIdentityProvider``."""
        raise NoIdentityProvider(
            self._why(),
            facts={"looked_for": [GitHub.name, GitLab.name, Google.name]},
            hint="To rehearse here, add --dry-run. To do it for real, run this as a step of a CI "
            "job that may ask for ID tokens.",
        )

    def _why(self) -> str:
        return WHY

    def understudy(self) -> Provider:
        """A laptop rehearses the job of a CI that could publish this project."""
        host, _ = self._remote
        return (GitLab if host == "gitlab.com" else GitHub)(self.env, self.folder)

    def publisher(self, claims: Claims) -> Mapping[str, str | None]:  # noqa: ARG002 - for Foreign
        """Raise ``NoIdentityProvider``."""
        self.preflight()

    def register(self, claims: Claims) -> Mapping[str, str]:  # noqa: ARG002 - for Foreign
        """Raise ``NoIdentityProvider``."""
        self.preflight()

    def sample(self) -> NoReturn:
        """Raise ``NoIdentityProvider``."""
        self.preflight()

    def supports(self, _index: str) -> Support:
        """Nothing."""
        return Support(mint=False, attest=False, why=self._why())

    def _stranger(self, _claims: Claims) -> str:
        return self._why()

    def _mint_refusals(self, _claims: Claims, _registered: Registered | None) -> Iterator[str]:
        yield self._why()

    def _attest_refusals(
        self, _claims: Claims, _registered: Registered | None, *, public: bool
    ) -> Iterator[str]:
        del public  # nobody certifies what nobody vouches for
        yield self._why()

    def _policy_refusals(self, _claims: Claims, _known: Registered) -> Iterator[str]:
        yield self._why()


class Unknown(Local):
    """Claims of an issuer that no index knows; only a review of claims can make one."""

    name = "unknown"
    title = "a CI that the index knows"

    @classmethod
    def detects(cls, _env: Mapping[str, str]) -> bool:
        """Never: it is no CI."""
        return False

    def _why(self) -> str:
        return STRANGER.format(issuer=self.issuer)

    def understudy(self) -> Provider:
        """Nobody: what is to be played is what nobody takes."""
        return self


class Foreign(Unknown):
    """An identity provider that no index of the public knows; the user holds its tokens."""

    name = "custom"
    title = "an identity provider of your own"

    def publisher(self, claims: Claims) -> Mapping[str, str | None]:
        """No PEP 740 publisher object has a kind for it."""
        return {"kind": "Custom", "subject": self._text(claims, "sub")}

    def register(self, claims: Claims) -> Mapping[str, str]:
        """What such an index would have to know."""
        return {"Issuer": self.issuer, "Subject": self._text(claims, "sub")}

    def supports(self, _index: str) -> Support:
        """Whether it mints is the index's secret; no attestation policy knows the issuer."""
        return Support(mint=True, attest=False, why=f"no attestation policy knows {self.issuer}")
