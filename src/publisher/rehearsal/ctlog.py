"""Signed certificate timestamps embedded in certificates (RFC 6962, sections 3.2 and 3.3)."""

from __future__ import annotations

import hashlib
import struct

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from publisher.rehearsal.trust import Authority, Key, key_id, sign, spki

SCT_LIST = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")


def der(tag: int, value: bytes) -> bytes:
    """A DER value with its tag and length (X.690, section 8.1)."""
    if len(value) < 128:
        return bytes([tag, len(value)]) + value
    length = len(value).to_bytes((len(value).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + value


def embed(
    builder: x509.CertificateBuilder, issuer: Authority, key: Key, now: float
) -> x509.Certificate:
    """Sign a certificate with one SCT in it; ``now`` is in Unix seconds.

    The log signs the certificate as it is without the SCT, so it is built twice: the same
    serial and order, once without and once with it as the last extension.
    """
    tbs = builder.sign(issuer.key, hashes.SHA256()).tbs_certificate_bytes
    issuer_hash = hashlib.sha256(spki(issuer.key)).digest()
    timestamp = int(now * 1000)
    entry = issuer_hash + len(tbs).to_bytes(3, "big") + tbs
    signature = sign(key, struct.pack("!BBQH", 0, 0, timestamp, 1) + entry + b"\x00\x00")
    sct = struct.pack("!B32sQH", 0, key_id(key), timestamp, 0)
    sct += struct.pack("!BBH", 4, 3, len(signature)) + signature  # SHA-256, ECDSA
    listed = struct.pack("!HH", len(sct) + 2, len(sct)) + sct
    extension = x509.UnrecognizedExtension(SCT_LIST, der(0x04, listed))
    return builder.add_extension(extension, critical=False).sign(issuer.key, hashes.SHA256())
