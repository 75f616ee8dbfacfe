"""What an index does with the ``attestations`` of an upload (PEP 740)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from publisher.rehearsal.maintainers import Maintainer
from publisher.rehearsal.store import Grant

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pypi_attestations import Attestation, Publisher
    from sigstore.verify.policy import VerificationPolicy

LIMIT = 2

Wait = Callable[[], None]


class AttestationsError(Exception):
    """Why an upload's attestations are refused; the upload is refused with them."""


def provenance(
    grant: Grant,
    text: str,
    filename: str,
    sha256: str,
    wait: Wait,
    *,
    persons: Sequence[Maintainer] = (),
) -> dict[str, Any]:
    """Verify attestations for the registered publisher and wrap them as provenance.

    Args:
        grant: What the upload token allows.
        text: The attestations as JSON.
        filename: What they must be about.
        sha256: Its digest.
        wait: Returns when Sigstore's library is imported and finds the rehearsal's trust root.
        persons: Whose own attestations this index takes; a real one takes nobody's.

    Raises:
        AttestationsError: With the index's own text.
    """
    if grant.publisher is None and persons:
        wait()
        return _of_a_person(_parse(text), persons, filename, sha256)
    if grant.publisher is None:
        raise AttestationsError("Attestations are only supported when using Trusted Publishing")
    identity = grant.publisher.identity()
    if identity is None:
        kind = grant.publisher.kind
        text = f"Attestations are not currently supported with {kind} publishers"
        raise AttestationsError(text)
    wait()
    attestations = _parse(text)
    _verify(attestations, _readers()[1].validate_python(identity), filename, sha256)
    return _wrapped(attestations, identity)


def _of_a_person(
    attestations: list[Attestation], persons: Sequence[Maintainer], filename: str, sha256: str
) -> dict[str, Any]:
    """Provenance of the first of them who signed all of it."""
    from sigstore.verify.policy import Identity

    for person in persons:
        policy = Identity(identity=person.email, issuer=person.issuer)
        try:
            _verify(attestations, policy, filename, sha256)
        except AttestationsError as error:
            refusal = error  # of the last one
        else:
            return _wrapped(attestations, person.identity())
    raise refusal


def _wrapped(attestations: list[Attestation], identity: dict[str, str | None]) -> dict[str, Any]:
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
    attestations: list[Attestation],
    publisher: Publisher | VerificationPolicy,
    filename: str,
    sha256: str,
) -> None:
    from pypi_attestations import Distribution, VerificationError

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
