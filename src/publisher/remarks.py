"""Everything that is worth saying although the run goes on. A leaf beside ``errors``."""

from __future__ import annotations

from publisher.models import Finding, Severity

NOTES: dict[str, Severity] = {
    "already-there": "note",
    "already-there-unattested": "warning",
    "attestations-off": "note",
    "attestation-failed": "warning",
    "attestations-left-out": "note",
    "build-in-publishing-job": "warning",
    "default-service-account": "warning",
    "description-check": "warning",
    "foreign-file": "note",
    "index-not-readable": "note",
    "isolation-unavailable": "note",
    "larger-than-default-limit": "warning",
    "new-project": "note",
    "not-minted": "note",
    "nothing-here": "note",
    "not-visible-yet": "warning",
    "token-not-burned": "warning",
    "other-dists": "warning",
    "other-tools-setting": "note",
    "no-permission-here": "note",
    "real-run-would-fail": "warning",
    "setting-replaced": "note",
    "repository-unknown": "warning",
    "static-credential": "warning",
    "would-build": "note",
    "wheel-not-portable": "warning",
}
"""Remarks that do not stop a run, by code, with their severity."""


def remark(code: str, message: str, *, hint: str = "", **facts: object) -> Finding:
    """A remark beside the run; ``code`` is a key of ``NOTES``."""
    return Finding(code, NOTES[code], message, facts, hint)
