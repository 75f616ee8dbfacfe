"""Google Cloud: whoever can run as a service account, in Cloud Build or on a machine.

Tokens: https://cloud.google.com/docs/authentication/get-id-token
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from publisher.errors import PublisherError, TokenRequestFailed, TokenUnexpected
from publisher.providers.base import Claims, Provider, Registered
from publisher.providers.verdicts import Field, Support

PRODUCTS = {"Google", "Google Compute Engine"}
OTHERS = (
    *("GITHUB_ACTIONS", "FORGEJO_ACTIONS", "GITEA_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI"),
    "JENKINS_URL",
)
"""Of CIs whose runners may be machines of Google's: a job there is not the machine's owner."""
INVENTED = "100000000000000000001"
"""The number of an account in a rehearsal, which nobody should register."""
DEFAULT_ACCOUNT = re.compile(
    r"\d+-compute@developer\.gserviceaccount\.com|\d+@cloudbuild\.gserviceaccount\.com"
    r"|[^@]+@appspot\.gserviceaccount\.com"
)
SHADOWED = """\
GITHUB_ACTIONS is set, so GitHub would be asked for the token, and would give one of its own. To
publish as the job itself, leave --provider google out. To publish as the service account:

    env -u GITHUB_ACTIONS python -m publisher --provider google"""
METADATA = """\
No metadata server answered, or it knows no such account. Run the step in Cloud Build or on a
machine of Google Cloud, as a service account of your own:

    # cloudbuild.yaml
    serviceAccount: projects/PROJECT_ID/serviceAccounts/{account}
    options:
      logging: CLOUD_LOGGING_ONLY"""
ROLE = """\
Let the account that runs the build make ID tokens as {account}:

    gcloud services enable iamcredentials.googleapis.com
    gcloud iam service-accounts add-iam-policy-binding {account} \\
      --member="serviceAccount:ACCOUNT_OF_THE_BUILD" \\
      --role=roles/iam.serviceAccountOpenIdTokenCreator"""
EMAIL = """\
The token names no verified e-mail address. Whoever asks for it must ask for that too:

    gcloud auth print-identity-token --audiences=pypi --include-email \\
      --impersonate-service-account={account}"""
DEFAULT = (
    "{email} is a default service account: every workload of its project can publish as it. "
    "Make one for publishing: gcloud iam service-accounts create pypi-publisher"
)


class Google(Provider):
    """A workload that runs as a service account."""

    name = "google"
    title = "a Google Cloud service account"
    public_issuer = "https://accounts.google.com"
    minted = ("email", "email_verified")
    certified = ("sub", "email", "email_verified")
    form: ClassVar[Mapping[str, Field]] = {
        "Email": Field("email", "email"),
        "Subject": Field("sub", "sub"),
    }
    product = Path("/sys/class/dmi/id/product_name")
    """Where Linux tells which machine this is."""

    @classmethod
    def detects(cls, env: Mapping[str, str]) -> bool:
        """An account to impersonate, or a machine of Google's that runs no other CI's job."""
        if env.get("GOOGLE_SERVICE_ACCOUNT_NAME"):
            return True
        if any(env.get(name) for name in OTHERS):
            return False
        try:
            return cls.product.read_text("utf-8").strip() in PRODUCTS
        except (OSError, ValueError):
            return False

    def preflight(self) -> None:
        """Check that Google will be asked.

        Raises:
            TokenRequestFailed: The library would ask GitHub first.
        """
        if self.env.get("GITHUB_ACTIONS"):
            raise TokenRequestFailed(
                "a token of Google's can't be had where GITHUB_ACTIONS is set",
                facts={"variable": "GITHUB_ACTIONS"},
                hint=SHADOWED,
            )

    def publisher(self, claims: Claims) -> Mapping[str, str | None]:
        """The account's e-mail address is all there is: no repository, no build."""
        return {"kind": "Google", "email": self._text(claims, "email")}

    def register(self, claims: Claims) -> Mapping[str, str]:
        """The fields of the index's form; ``sub`` outlives a deleted account's address."""
        email, subject = self._text(claims, "email"), self._text(claims, "sub")
        return {"Email": email, "Subject": "" if subject == INVENTED else subject}

    def supports(self, _index: str) -> Support:
        """PyPI and TestPyPI mint and take attestations."""
        return Support(mint=True, attest=True)

    def warnings(self, claims: Claims) -> tuple[str, ...]:
        """A default account is everybody's."""
        email = str(claims.get("email"))
        return (DEFAULT.format(email=email),) if DEFAULT_ACCOUNT.fullmatch(email) else ()

    def _mint_refusals(self, claims: Claims, registered: Registered | None) -> Iterator[str]:
        known = {"sub": str(claims.get("sub", "")), **(registered or self.publisher(claims))}
        subject = str(claims.get("sub", ""))
        if known["email"] != claims["email"] or (known["sub"] or "") not in {subject, ""}:
            yield "Publisher with matching claims was not found"
        if claims["email_verified"] is not True:
            yield "Check failed for required claim 'email_verified'"

    def _policy_refusals(self, claims: Claims, known: Registered) -> Iterator[str]:
        if claims["email_verified"] is not True:
            yield "Sigstore gives no certificate: email_verified claim was false"
        if claims["email"] != known["email"]:
            yield f"Certificate's SANs do not match {known['email']}; actual: {claims['email']}"

    def _remedy(self, claims: Claims, reason: str) -> tuple[str, type[PublisherError] | None]:
        account = claims.get("email") or self._account("SERVICE_ACCOUNT")
        return (EMAIL.format(account=account) if "email" in reason else ""), None

    def hint(self, error: PublisherError) -> str:
        """Remedies as gcloud commands."""
        account = self._account("pypi-publisher@PROJECT_ID.iam.gserviceaccount.com")
        if isinstance(error, TokenRequestFailed) and "reason" in error.facts:
            denied = "code=403" in str(error.facts["reason"])
            return (ROLE if denied else METADATA).format(account=account)
        if isinstance(error, TokenUnexpected) and "email" in error.message:
            return EMAIL.format(account=account)
        return super().hint(error)

    def _account(self, otherwise: str) -> str:
        return self.env.get("GOOGLE_SERVICE_ACCOUNT_NAME") or otherwise

    def sample(self) -> Claims:
        """The account to impersonate; without one, an account named after the folder."""
        folder = re.sub(r"[^a-z0-9]+", "-", self.folder.resolve().name.lower()).strip("-")
        return {
            "iss": self.issuer,
            "sub": INVENTED,
            "azp": INVENTED,
            "email": self._account(f"{folder or 'project'}@my-project.iam.gserviceaccount.com"),
            "email_verified": True,
        }
