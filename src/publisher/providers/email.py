"""A person, by an e-mail address: no CI, but somebody whom Sigstore lets log in and certifies.

https://docs.sigstore.dev/certificate_authority/oidc-in-fulcio/#email-based-oidc-tokens
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from publisher.providers.base import Claims, Registered
from publisher.providers.local import Local
from publisher.providers.verdicts import Support

NOBODY = (
    "PyPI and TestPyPI take no attestations of e-mail identities today; who gets these in another "
    "way, with the files, can verify them"
)


class Email(Local):
    """Whoever logs in. Only ``attest`` knows them: no index mints for a person."""

    name = "email"
    title = "a login with an e-mail address"
    public_issuer = "https://oauth2.sigstore.dev/auth"

    @classmethod
    def detects(cls, _env: Mapping[str, str]) -> bool:
        """Never: a person says so."""
        return False

    def preflight(self) -> None:  # type: ignore[override]  # Local's never returns
        """A login is asked for when it is needed."""

    def publisher(self, claims: Claims) -> Mapping[str, str | None]:
        """The address, and who vouches for it: the service behind Sigstore's login."""
        federated = claims.get("federated_claims")
        behind = federated.get("connector_id") if isinstance(federated, Mapping) else None
        issuer = behind or claims["iss"]
        return {"kind": "Email", "email": self._text(claims, "email"), "issuer": str(issuer)}

    def register(self, claims: Claims) -> Mapping[str, str]:
        """What an index that takes persons would have to know."""
        said = self.publisher(claims)
        return {"Email": str(said["email"]), "Issuer": str(said["issuer"])}

    def understudy(self) -> Email:
        """A rehearsal plays a person."""
        return self

    def sample(self) -> Claims:  # type: ignore[override]  # as above
        """Somebody, for a rehearsal."""
        return {
            "iss": self.issuer,
            "sub": "rehearsal",
            "email": "somebody@person.example",
            "email_verified": True,
            "federated_claims": {"connector_id": "https://github.com/login/oauth"},
        }

    def _why(self) -> str:
        return NOBODY

    def _attest_refusals(
        self, claims: Claims, _registered: Registered | None, *, public: bool
    ) -> Iterator[str]:
        if public and claims.get("iss") != self.public_issuer:
            yield f"Sigstore gives no certificate: it does not know the issuer {claims.get('iss')}"
        if claims.get("email_verified") is not True:
            yield "Sigstore gives no certificate: email_verified claim was false"

    def supports(self, _index: str) -> Support:
        """Nothing, at any index that we know."""
        return Support(mint=False, attest=False, why=self._why())
