"""Who signed, read from the certificate: the one witness that the index can't change.

What each provider's extensions hold is in Fulcio's docs/oidc.md and docs/oid-info.md.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from publisher.models import Certificate
from publisher.verify.model import Publisher

GITHUB = "https://token.actions.githubusercontent.com"
GITLAB = "https://gitlab.com"
GOOGLE = "https://accounts.google.com"
CIRCLECI = "https://oidc.circleci.com"
SERVICE_ACCOUNT = ".gserviceaccount.com"


def publisher(certificate: Certificate) -> Publisher:
    """The identity that a certificate proves; of an issuer that we don't know, kind ``unknown``."""
    issuer = certificate.issuer
    own = (name for name in (GITHUB, CIRCLECI) if issuer.startswith(f"{name}/"))
    read = _READERS.get(next(own, issuer))  # an enterprise's or an organization's own issuer
    if read:
        return read(certificate)
    if "@" in certificate.san and "/" not in certificate.san:
        return Publisher("email", issuer, email=certificate.san)
    return _common("unknown", certificate, workflow="", signer=certificate.san)


def _github(certificate: Certificate) -> Publisher:
    config = certificate.claims.get("build_config_uri", "")
    workflow = _before_ref(config).partition("/.github/workflows/")[2]
    signer = certificate.claims.get("build_signer_uri", "")
    other = _before_ref(signer) != _before_ref(config)
    return _common("github", certificate, workflow, signer=_before_ref(signer) if other else "")


def _gitlab(certificate: Certificate) -> Publisher:
    config = certificate.claims.get("build_config_uri", "")
    workflow = _before_ref(config).removeprefix("https://").partition("//")[2]
    return _common("gitlab", certificate, workflow)


def _google(certificate: Certificate) -> Publisher:
    machine = certificate.san.endswith(SERVICE_ACCOUNT)
    kind = "google" if machine else "email"  # people log in to Google, too
    return Publisher(kind, certificate.issuer, email=certificate.san)


def _circleci(certificate: Certificate) -> Publisher:
    """Its build config changes with each pipeline; what signs is the pipeline's definition."""
    return _common("circleci", certificate, workflow=certificate.claims.get("build_signer_uri", ""))


def _common(kind: str, certificate: Certificate, workflow: str, signer: str = "") -> Publisher:
    claims = certificate.claims
    runner = claims.get("runner_environment", "")
    return Publisher(
        kind=kind,
        issuer=certificate.issuer,
        repository=_path(claims.get("source_repository_uri", "")),
        repository_id=claims.get("source_repository_identifier", ""),
        owner=_path(claims.get("source_repository_owner_uri", "")),
        owner_id=claims.get("source_repository_owner_identifier", ""),
        workflow=workflow,
        ref=_ref(claims.get("source_repository_ref", "")),
        trigger=claims.get("build_trigger", ""),
        runner="" if runner == '""' else runner,  # CircleCI's are these two characters
        environment=claims.get("deployment_environment", ""),
        signer=signer,
        visibility=claims.get("source_repository_visibility", ""),
    )


def _path(uri: str) -> str:
    """``owner/name`` of a forge's URI; CircleCI leaves the scheme out."""
    return urlsplit(uri if "://" in uri else f"https://{uri}").path.strip("/")


def _before_ref(uri: str) -> str:
    """What stands before ``@refs/...`` or ``@COMMIT``; the name of a tag may hold an ``@``."""
    before, ref, _ = uri.partition("@refs/")
    return before if ref else uri.rpartition("@")[0]


def _ref(ref: str) -> str:
    """The class of a ref: names of tags change with every release."""
    if ref.startswith("refs/tags/"):
        return "tag"
    if ref.startswith("refs/heads/"):
        return f"branch:{ref.removeprefix('refs/heads/')}"
    return "pull" if ref.startswith(("refs/pull/", "refs/merge-requests/")) else "-"


_READERS: dict[str, Callable[[Certificate], Publisher]] = {
    GITHUB: _github,
    GITLAB: _gitlab,
    GOOGLE: _google,
    CIRCLECI: _circleci,
}
