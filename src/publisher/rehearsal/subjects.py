"""What Fulcio writes into a certificate for the claims of each identity provider.

The extensions are 1.3.6.1.4.1.57264.1.N as in Fulcio's oid-info.md; a new provider is one
function and one row of ``SUBJECTS``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509

GITHUB = "https://token.actions.githubusercontent.com"
GITLAB = "https://gitlab.com"
GOOGLE = "https://accounts.google.com"
SIGSTORE = "https://oauth2.sigstore.dev/auth"

Claims = Mapping[str, Any]


@dataclass(frozen=True)
class Subject:
    """A subject alternative name and extensions by number: raw bytes (.1-.6) or UTF8String."""

    san: x509.GeneralName
    text: Mapping[int, str]
    raw: Mapping[int, str] = field(default_factory=dict)


def github(claims: Claims) -> Subject:
    """GitHub Actions: who ran (build config) may differ from who signs (build signer)."""
    url = "https://github.com"
    signer = f"{url}/{claims['job_workflow_ref']}"
    repository = f"{url}/{claims['repository']}"
    run = f"{repository}/actions/runs/{claims['run_id']}/attempts/{claims['run_attempt']}"
    raw = {
        1: claims["iss"],
        2: claims["event_name"],
        3: claims["sha"],
        4: claims["workflow"],
        5: claims["repository"],
        6: claims["ref"],
    }
    text = {
        8: claims["iss"],
        9: signer,
        10: claims["job_workflow_sha"],
        11: claims["runner_environment"],
        12: repository,
        13: claims["sha"],
        14: claims["ref"],
        15: claims["repository_id"],
        16: f"{url}/{claims['repository_owner']}",
        17: claims["repository_owner_id"],
        18: f"{url}/{claims['workflow_ref']}",
        19: claims["workflow_sha"],
        20: claims["event_name"],
        21: run,
        22: claims["repository_visibility"],
        **_late(claims),
    }
    return Subject(x509.UniformResourceIdentifier(signer), text, raw)


def gitlab(claims: Claims) -> Subject:
    """GitLab.com: the pipeline's configuration file is both signer and build config."""
    config = f"https://{claims['ci_config_ref_uri']}"
    project = f"{GITLAB}/{claims['project_path']}"
    kind = "tags" if claims["ref_type"] == "tag" else "heads"
    text = {
        8: claims["iss"],
        9: config,
        10: claims["ci_config_sha"],
        11: claims["runner_environment"],
        12: project,
        13: claims["sha"],
        14: f"refs/{kind}/{claims['ref']}",
        15: claims["project_id"],
        16: f"{GITLAB}/{claims['namespace_path']}",
        17: claims["namespace_id"],
        18: config,
        19: claims["ci_config_sha"],
        20: claims["pipeline_source"],
        21: f"{project}/-/jobs/{claims['job_id']}",
        22: claims["project_visibility"],
        **_late(claims),
    }
    return Subject(x509.UniformResourceIdentifier(config), text, {1: claims["iss"]})


def email(claims: Claims) -> Subject:
    """A verified e-mail address, of Google or of the provider behind Sigstore's own Dex."""
    if claims["email_verified"] is not True:
        raise ValueError("email_verified claim was false")
    issuer = claims.get("federated_claims", {}).get("connector_id", claims["iss"])
    text = {8: issuer, 24: claims["sub"]}
    return Subject(x509.RFC822Name(claims["email"]), text, {1: issuer})


def _late(claims: Claims) -> dict[int, str]:
    """Extensions that certificates have only had since November 2025 and March 2026."""
    environment = {23: claims["environment"]} if claims.get("environment") else {}
    return {**environment, 24: claims["sub"]}


SUBJECTS: dict[str, Callable[[Claims], Subject]] = {
    GITHUB: github,
    GITLAB: gitlab,
    GOOGLE: email,
    SIGSTORE: email,
}


def subject(claims: Claims) -> Subject:
    """The certificate's content for these claims.

    Raises:
        ValueError: The public good instance does not know this issuer, or would not accept it.
        KeyError: A claim is missing.
    """
    issuer = claims["iss"]
    if issuer.startswith(f"{GITHUB}/"):  # an enterprise's own issuer
        return github(claims)
    if issuer not in SUBJECTS:
        raise ValueError(f"unsupported issuer: {issuer}")
    return SUBJECTS[issuer](claims)
