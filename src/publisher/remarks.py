"""Everything that is worth saying although the run goes on. A leaf beside ``errors``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from publisher.basics import Severity

if TYPE_CHECKING:
    from publisher.models import Finding

NOTES: dict[str, Severity] = {
    "already-there": "note",
    "already-there-unattested": "warning",
    "attestations-off": "note",
    "attestation-failed": "warning",
    "attestations-left-out": "note",
    "cache-in-job": "warning",
    "build-in-publishing-job": "warning",
    "default-service-account": "warning",
    "description-check": "warning",
    "foreign-file": "note",
    "index-not-readable": "note",
    "index-takes-none": "note",
    "mint-repeated": "warning",
    "isolation-unavailable": "note",
    "larger-than-default-limit": "warning",
    "new-project": "note",
    "no-journal": "warning",
    "not-minted": "note",
    "no-environment": "note",
    "nothing-here": "note",
    "not-visible-yet": "warning",
    "token-not-burned": "warning",
    "other-dists": "warning",
    "other-tools-setting": "note",
    "no-permission-here": "note",
    "provenance-not-readable": "note",
    "real-run-would-fail": "warning",
    "resumed": "note",
    "self-hosted-runner": "note",
    "setting-replaced": "note",
    "signatures-reused": "note",
    "repository-unknown": "warning",
    "static-credential": "warning",
    "unknown-classifier": "warning",
    "unpinned-action": "note",
    "unprotected-ref": "note",
    "version-there": "warning",
    "would-build": "note",
    "wheel-not-portable": "warning",
}
"""Remarks that do not stop a run, by code, with their severity."""

ACCEPTABLE = (
    *("build-not-isolated", "cache-in-job", "changed-provenance=VERSION"),
    *("email-in-public-log", "networked-build", "no-environment"),
    *("private-repo-in-public-log", "self-hosted-runner", "static-credential"),
    *("unpinned-action", "unprotected-ref", "untrusted-trigger"),
)
"""What ``--allow`` takes: errors that then stop nothing, and advice that then is not given."""


def remark(code: str, message: str, *, hint: str = "", **facts: object) -> Finding:
    """A remark beside the run; ``code`` is a key of ``NOTES``."""
    from publisher.models import Finding

    return Finding(code, NOTES[code], message, facts, hint)
