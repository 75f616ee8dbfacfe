"""What the index's attestation policies for GitHub and GitLab have in common; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def policy_refusals(
    repositories: tuple[str, str], config: str, file: str, refs: Sequence[object]
) -> Iterator[str]:
    """Why a certificate does not fit a trusted publisher, as pypi-attestations says it.

    Args:
        repositories: As URLs, of the certificate and of the trusted publisher.
        config: The certificate's Build Config URI.
        file: The publisher's file, below its repository.
        refs: The certificate's Source Repository Digest and Ref.
    """
    ours, wanted = repositories
    if ours != wanted:
        what = f"(got {ours}, expected {wanted})"
        yield f"Certificate's OIDCSourceRepositoryURI does not match {what}"
    if config not in {f"{wanted}/{file}@{ref}" for ref in refs}:
        what = f"does not match expected Trusted Publisher ({file} @ {wanted})"
        yield f"Certificate's Build Config URI ({config}) {what}"
