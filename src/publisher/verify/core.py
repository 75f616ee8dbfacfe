"""The strict verifier (PEP 740): one file, its attestations, one expected publisher.

An empty set of evidence never passes, the identity comes from the certificate, and whatever
else is claimed must agree with it.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from publisher.models import Certificate, Proof
from publisher.verify import roots, statement
from publisher.verify.statement import Unproven as Unproven

if TYPE_CHECKING:
    import pypi_attestations
    from cryptography import x509
    from sigstore.models import ClientTrustConfig
    from sigstore.verify.policy import VerificationPolicy

EMAIL = "Email"
"""A publisher of our own, which PEP 740 leaves room for: a person, by address and by issuer."""
FULCIO_ARC = "1.3.6.1.4.1.57264.1."
# Names of the extensions, from Fulcio's docs/oid-info.md; 23 and 24 exist since 2025 and 2026.
CLAIMS = {
    8: "issuer",
    9: "build_signer_uri",
    10: "build_signer_digest",
    11: "runner_environment",
    12: "source_repository_uri",
    13: "source_repository_digest",
    14: "source_repository_ref",
    15: "source_repository_identifier",
    16: "source_repository_owner_uri",
    17: "source_repository_owner_identifier",
    18: "build_config_uri",
    19: "build_config_digest",
    20: "build_trigger",
    21: "run_invocation_uri",
    22: "source_repository_visibility",
    23: "deployment_environment",
}
PUBLISHERS = frozenset({"GitHub", "GitLab", "Google", "CircleCI", EMAIL})
"""Kinds of publishers whose certificates can be compared with what the index says."""


class UnknownPublisher(Unproven):
    """The index names a kind of publisher that we don't know: neither proven nor refuted."""


def trust(config: str | None) -> ClientTrustConfig:
    """Sigstore's trust: the given ClientTrustConfig (JSON), else the public instance by TUF.

    Raises:
        TrustRootUnavailable: It can't be fetched, or does not verify.
    """
    return roots.load(config).config


class Verifier:
    """Verifies many attestations against one trust root. Thread-safe."""

    def __init__(self, trusted: ClientTrustConfig) -> None:
        from sigstore.verify import Verifier as SigstoreVerifier

        self.trusted = trusted
        root = trusted.trusted_root._inner.to_json()  # noqa: SLF001 - no public way to its text
        self.root = hashlib.sha256(root.encode()).hexdigest()
        """SHA-256 of the trust root, in hex: which one it is."""
        self._sigstore = SigstoreVerifier(trusted_root=trusted.trusted_root)

    def attestation(
        self,
        text: str | bytes,
        filename: str,
        sha256: str,
        publisher: Mapping[str, str | None] | None,
    ) -> Proof:
        """Verify one PEP 740 attestation object of the named file.

        Args:
            text: The attestation as JSON.
            filename: The distribution's name; the statement's subject must parse to the same.
            sha256: Its digest in lowercase hex.
            publisher: The PEP 740 publisher object that the certificate must prove; ``None`` for
                whomever it names.

        Raises:
            Unproven: It does not hold, for whatever reason.
        """
        from pypi_attestations import Attestation

        try:
            attestation = Attestation.model_validate_json(text)
            if len(attestation.verification_material.transparency_entries) != 1:
                raise Unproven("it must have exactly one transparency log entry")
            bundle = attestation.to_bundle()
            policy = _Whoever() if publisher is None else _policy(tuple(publisher.items()))
            _, payload = self._sigstore.verify_dsse(bundle, policy)
            certificate = describe(bundle.signing_certificate)
            check_environment(certificate, publisher or {})
            predicate_type = statement.check(payload, filename, sha256)
            entry = bundle.log_entry._inner  # noqa: SLF001 - the public view has no times
            moment = int(entry.integrated_time or 0)  # None: sigstore has refused it before
            return Proof(predicate_type, entry.log_index, moment, certificate)
        except Unproven:
            raise
        except Exception as error:
            raise Unproven(_reason(error)) from error

    def provenance(
        self,
        body: Mapping[str, object],
        filename: str,
        sha256: str,
        publisher: Mapping[str, str | None] | None = None,
    ) -> tuple[Proof, ...]:
        """Verify an index's provenance object (PEP 740), every attestation in it.

        Args:
            body: The object.
            filename: The distribution's name.
            sha256: Its digest in lowercase hex.
            publisher: Who must have published; by default whomever the index names. Either way,
                the certificates must prove it.

        Raises:
            UnknownPublisher: The index names a kind of publisher that nobody here knows.
            Unproven: One fails, the index names another publisher, or there is no publish
                attestation among them.
        """
        from pypi_attestations import AttestationType

        _check_kinds(body)
        try:
            provenance = _provenance().model_validate(body)
        except ValueError as error:
            raise Unproven(f"the provenance object is malformed: {_reason(error)}") from error
        proofs = []
        for bundle in provenance.attestation_bundles:
            claimed = bundle.publisher.model_dump()
            expected = claimed if publisher is None else publisher
            _check_publisher(bundle.publisher, expected)
            for attestation in bundle.attestations:
                text = attestation.model_dump_json()
                proof = self.attestation(text, filename, sha256, expected)
                check_environment(proof.certificate, claimed)
                proofs.append(proof)
        kinds = [proof.predicate_type for proof in proofs]
        if AttestationType.PYPI_PUBLISH_V1 not in kinds:
            raise Unproven("there is no publish attestation in it")
        if len(set(kinds)) != len(kinds):
            raise Unproven("it holds two attestations of one predicate type")
        return tuple(proofs)


class _Whoever:
    """A policy that lets every certificate through: whose it is, is for the caller to judge."""

    def verify(self, cert: x509.Certificate) -> None:
        """Nothing."""


def _check_kinds(body: Mapping[str, object]) -> None:
    """Let a publisher of a kind that is new to us be told from a malformed object."""
    bundles = body.get("attestation_bundles") if isinstance(body, dict) else None
    for bundle in bundles if isinstance(bundles, list) else ():
        publisher = bundle.get("publisher") if isinstance(bundle, dict) else None
        kind = publisher.get("kind") if isinstance(publisher, dict) else None
        if isinstance(kind, str) and kind not in PUBLISHERS:
            raise UnknownPublisher(f"the index names a publisher of the kind {kind!r}, new to us")


@functools.lru_cache(maxsize=128)  # one certificate signs all files of a run
def describe(certificate: x509.Certificate) -> Certificate:
    """What a Fulcio certificate says, extensions by name."""
    from cryptography import x509 as lib
    from pyasn1.codec.der.decoder import decode

    names = certificate.extensions.get_extension_for_class(lib.SubjectAlternativeName).value
    claims = {}
    for extension in certificate.extensions:
        oid = extension.oid.dotted_string
        if isinstance(extension.value, lib.UnrecognizedExtension) and oid.startswith(FULCIO_ARC):
            name = CLAIMS.get(int(oid.removeprefix(FULCIO_ARC).split(".")[0]))
            if name:
                claims[name] = str(decode(extension.value.value)[0])
    return Certificate(
        san=", ".join(str(name.value) for name in names),
        issuer=claims.get("issuer", ""),
        serial=f"{certificate.serial_number:x}",
        not_before=_iso(certificate.not_valid_before_utc),
        not_after=_iso(certificate.not_valid_after_utc),
        claims=claims,
    )


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


@functools.lru_cache(maxsize=1)
def _provenance() -> type[pypi_attestations.Provenance]:
    """PEP 740's provenance object, whose publisher may also be a person."""
    from pydantic import BaseModel
    from pypi_attestations import AttestationBundle, Provenance, Publisher

    class Person(BaseModel):
        kind: Literal["Email"]
        email: str
        issuer: str

    class Bundle(AttestationBundle):
        publisher: Publisher | Person  # type: ignore[assignment]  # wider on purpose

    class Whole(Provenance):
        attestation_bundles: list[Bundle]  # type: ignore[assignment]  # as above

    return Whole


@functools.lru_cache(maxsize=128)
def _policy(publisher: tuple[tuple[str, str | None], ...]) -> VerificationPolicy:
    """The policy that the index applies to an attestation of this publisher."""
    from pydantic import TypeAdapter
    from pypi_attestations import Publisher
    from sigstore.verify.policy import Identity

    said = dict(publisher)
    if said.get("kind") == EMAIL:
        email, issuer = said.get("email"), said.get("issuer")
        if not (email and issuer):
            raise Unproven("an e-mail identity is an address and who vouches for it")
        return Identity(identity=email, issuer=issuer)
    known: pypi_attestations.Publisher = TypeAdapter(Publisher).validate_python(dict(publisher))
    return known._as_policy()  # noqa: SLF001 - the very policy of the index; no public way to it


def check_environment(certificate: Certificate, publisher: Mapping[str, str | None]) -> None:
    """Where the certificate names the environment, it must be the publisher's."""
    signed = certificate.claims.get("deployment_environment")
    expected = publisher.get("environment")
    if signed and expected and signed.lower() != expected.lower():
        raise Unproven(f"it was signed in the environment {signed!r}, not {expected!r}")


def _check_publisher(
    claimed: pypi_attestations.Publisher, expected: Mapping[str, str | None]
) -> None:
    """The index's word on the publisher must be ours; its environment is the registered one."""
    said = claimed.model_dump()
    for key, value in expected.items():
        if key != "environment" and said.get(key) != value:
            raise Unproven(f"the index names {key} {said.get(key)!r}, expected {value!r}")


def _reason(error: Exception) -> str:
    """The error on one line; policies print extensions raw, which nobody can read."""
    text = " ".join(str(error).split())
    return (
        text.partition(" (<Extension")[0] if "(<Extension" in text else text or type(error).__name__
    )
