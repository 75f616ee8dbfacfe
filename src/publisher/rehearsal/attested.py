"""What an index does with the ``attestations`` of an upload (PEP 740)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from publisher.rehearsal.store import Grant

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pypi_attestations import Attestation, Publisher

LIMIT = 2

Wait = Callable[[], None]


class AttestationsError(Exception):
    """Why an upload's attestations are refused; the upload is refused with them."""


def provenance(grant: Grant, text: str, filename: str, sha256: str, wait: Wait) -> dict[str, Any]:
    """Verify attestations for the registered publisher and wrap them as provenance.

    ``wait`` returns when Sigstore's library is imported and finds the rehearsal's trust root.

    Raises:
        AttestationsError: With the index's own text.
    """
    if grant.publisher is None:
        raise AttestationsError("Attestations are only supported when using Trusted Publishing")
    identity = grant.publisher.identity()
    if identity is None:
        kind = grant.publisher.kind
        text = f"Attestations are not currently supported with {kind} publishers"
        raise AttestationsError(text)
    wait()
    attestations = _parse(text)
    _verify(attestations, identity, filename, sha256)
    objects = [attestation.model_dump(mode="json") for attestation in attestations]
    bundle = {"publisher": identity, "attestations": objects}
    return {"version": 1, "attestation_bundles": [bundle]}


@cache
def _readers() -> tuple[TypeAdapter[list[Attestation]], TypeAdapter[Publisher]]:
    """Made once: that takes longer than to read an attestation."""
    from pydantic import TypeAdapter
    from pypi_attestations import Attestation, Publisher

    return TypeAdapter(list[Attestation]), TypeAdapter(Publisher)


def _parse(text: str) -> list[Attestation]:
    from pydantic import ValidationError

    try:
        attestations = _readers()[0].validate_json(text)
    except ValidationError as error:
        raise AttestationsError(f"Malformed attestations: {error}") from error
    if not attestations:
        text = "Malformed attestations: an empty attestation set is not permitted"
        raise AttestationsError(text)
    if len(attestations) > LIMIT:
        raise AttestationsError(f"A maximum of {LIMIT} attestations per file are supported")
    return attestations


def _verify(
    attestations: list[Attestation], identity: dict[str, str | None], filename: str, sha256: str
) -> None:
    from pypi_attestations import Distribution, VerificationError

    publisher = _readers()[1].validate_python(identity)
    dist = Distribution(name=filename, digest=sha256)
    seen = set()
    for attestation in attestations:
        try:
            predicate_type, _ = attestation.verify(publisher, dist, offline=True)
        except VerificationError as error:
            text = "Could not verify the uploaded artifact using the included attestation"
            raise AttestationsError(f"{text}: {error}") from error
        except Exception as error:
            text = "Unknown error while trying to verify included attestations"
            raise AttestationsError(f"{text}: {error}") from error
        if predicate_type in seen:
            text = "Multiple attestations for the same file with the same predicate type"
            raise AttestationsError(f"{text} ({predicate_type}) are not supported")
        seen.add(predicate_type)
