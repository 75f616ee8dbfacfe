"""The rehearsal's own roots: a certificate authority, log keys, a TLS certificate.

Made anew by every start, kept in memory, and written down as Sigstore's trusted root and
ClientTrustConfig (protobuf-specs, sigstore_trustroot.proto).
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from publisher.rehearsal.clock import OLDEST

ORGANIZATION = "publisher rehearsal"
LIFETIME = timedelta(days=30)
AGE = timedelta(days=OLDEST + 1)
"""Roots are valid since then: what they sign may be that old."""

Key = ec.EllipticCurvePrivateKey


def new_key() -> Key:
    """An ECDSA P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def spki(key: Key) -> bytes:
    """The public key as DER SubjectPublicKeyInfo."""
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def key_id(key: Key) -> bytes:
    """A log's id: SHA-256 over its key (RFC 6962, section 3.2)."""
    return hashlib.sha256(spki(key)).digest()


def sign(key: Key, data: bytes) -> bytes:
    """An ECDSA signature over SHA-256, in DER."""
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def pem(certificate: x509.Certificate) -> str:
    """A certificate in PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


@dataclass(frozen=True)
class Authority:
    """A key and its CA certificate."""

    key: Key
    certificate: x509.Certificate

    @classmethod
    def make(cls, name: str, issuer: Authority | None = None) -> Authority:
        """A root, or an intermediate below ``issuer`` that may sign code-signing leaves."""
        key = new_key()
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
                x509.NameAttribute(NameOID.COMMON_NAME, name),
            ]
        )
        parent = issuer.certificate.subject if issuer else subject
        builder = start(key.public_key(), subject, parent, age=AGE)
        builder = builder.add_extension(
            x509.BasicConstraints(ca=True, path_length=0 if issuer else 1), critical=True
        ).add_extension(key_usage(ca=True), critical=True)
        if issuer:
            builder = builder.add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False
            ).add_extension(issuer.key_identifier(), critical=False)
        return cls(key, builder.sign(issuer.key if issuer else key, hashes.SHA256()))

    def key_identifier(self) -> x509.AuthorityKeyIdentifier:
        """What points from a certificate to this issuer."""
        extension = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(extension.value)


def start(
    public_key: ec.EllipticCurvePublicKey,
    subject: x509.Name,
    issuer: x509.Name,
    lifetime: timedelta = LIFETIME,
    age: timedelta = timedelta(days=1),
) -> x509.CertificateBuilder:
    """The beginning of every certificate here; they are valid for ``age`` already."""
    now = datetime.now(UTC).replace(microsecond=0)
    return (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .not_valid_before(now - age)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def key_usage(*, ca: bool) -> x509.KeyUsage:
    """What a CA (certificates, CRLs) or a leaf (signatures) may do."""
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


@dataclass(frozen=True)
class Roots:
    """Every key of the rehearsal but the identity provider's."""

    root: Authority
    intermediate: Authority
    ct_key: Key
    rekor_key: Key

    @classmethod
    def make(cls) -> Roots:
        """New keys all over."""
        root = Authority.make("rehearsal root")
        intermediate = Authority.make("rehearsal intermediate", root)
        return cls(root, intermediate, new_key(), new_key())

    @property
    def chain(self) -> tuple[x509.Certificate, x509.Certificate]:
        """Intermediate and root."""
        return self.intermediate.certificate, self.root.certificate

    def trusted_root(self, fulcio_url: str, rekor_url: str) -> dict[str, Any]:
        """Sigstore's TrustedRoot; verifying needs the intermediate in it."""
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [_log(self.rekor_key, rekor_url)],
            "certificateAuthorities": [
                {
                    "subject": {"organization": ORGANIZATION, "commonName": "rehearsal root"},
                    "uri": fulcio_url,
                    "certChain": {"certificates": [{"rawBytes": _der(c)} for c in self.chain]},
                    "validFor": _valid_for(),
                }
            ],
            "ctlogs": [_log(self.ct_key, fulcio_url)],
            "timestampAuthorities": [],
        }


def trust_config(
    roots: Roots, *, issuer_url: str, fulcio_url: str, rekor_url: str
) -> dict[str, Any]:
    """Sigstore's ClientTrustConfig: the root, and which services to sign with."""
    return {
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": roots.trusted_root(fulcio_url, rekor_url),
        "signingConfig": {
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [_service(fulcio_url)],
            "oidcUrls": [_service(issuer_url)],
            "rekorTlogUrls": [_service(rekor_url)],
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaUrls": [],
        },
    }


class Tls(NamedTuple):
    """How services speak TLS: with a valid certificate, or one that ended an hour ago."""

    valid: ssl.SSLContext
    expired: ssl.SSLContext


def tls_contexts(folder: Path) -> tuple[Tls, str]:
    """TLS for loopback and the PEM of the CA behind it; keys go to ``folder``."""
    authority = Authority.make("rehearsal TLS root")
    lifetimes = (LIFETIME, timedelta(hours=-1))
    valid, expired = (_tls_context(folder, authority, lifetime) for lifetime in lifetimes)
    return Tls(valid, expired), pem(authority.certificate)


def _tls_context(folder: Path, authority: Authority, lifetime: timedelta) -> ssl.SSLContext:
    key = new_key()
    names: list[x509.GeneralName] = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    certificate = (
        start(key.public_key(), x509.Name([]), authority.certificate.subject, lifetime)
        .add_extension(x509.SubjectAlternativeName(names), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(key_usage(ca=False), critical=True)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(authority.key_identifier(), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / "tls.pem"
    file.write_bytes(private + pem(certificate).encode())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def _der(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()


def _valid_for() -> dict[str, str]:
    return {"start": f"{datetime.now(UTC) - AGE:%Y-%m-%dT%H:%M:%SZ}"}


def _log(key: Key, url: str) -> dict[str, Any]:
    return {
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": base64.b64encode(spki(key)).decode(),
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "validFor": _valid_for(),
        },
        "logId": {"keyId": base64.b64encode(key_id(key)).decode()},
    }


def _service(url: str) -> dict[str, Any]:
    return {
        "url": url,
        "majorApiVersion": 1,
        "validFor": _valid_for(),
        "operator": ORGANIZATION,
    }
