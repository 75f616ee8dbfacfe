"""The certificate authority: Fulcio's v2 API (fulcio.proto), for ten-minute certificates."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from publisher.rehearsal import ctlog, subjects
from publisher.rehearsal.clock import Seconds
from publisher.rehearsal.issuer import Issuer
from publisher.rehearsal.messages import Reply, ReplyError, Request, Route, json_reply
from publisher.rehearsal.trust import Roots, key_usage, pem

AUDIENCE = "sigstore"
LIFETIME = timedelta(minutes=10)
FULCIO_OID = "1.3.6.1.4.1.57264.1"
INVALID_ARGUMENT, UNAUTHENTICATED = 3, 16
HTTP_STATUS = {INVALID_ARGUMENT: 400, UNAUTHENTICATED: 401}


class Fulcio:
    """Checks an ID token and a signing request, and answers with a certificate chain."""

    def __init__(self, issuer: Issuer, roots: Roots, clock: Seconds = time.time) -> None:
        self._issuer = issuer
        self._roots = roots
        self._clock = clock
        self.lifetime = LIFETIME

    def routes(self) -> list[Route]:
        """Certificates and the trust bundle."""
        return [
            Route("POST", r"/api/v2/signingCert", self._issue),
            Route("GET", r"/api/v2/trustBundle", self._bundle),
        ]

    def _bundle(self, _request: Request) -> Reply:
        chain = [pem(certificate) for certificate in self._roots.chain]
        return json_reply(200, {"chains": [{"certificates": chain}]})

    def _issue(self, request: Request) -> Reply:
        asked = request.json()
        claims = self._claims(_bearer(request, asked))
        key = _proven_key(asked)
        try:
            subject = subjects.subject(claims)
        except KeyError as error:
            raise _refused(INVALID_ARGUMENT, f"missing claim {error} in token") from error
        except ValueError as error:
            raise _refused(INVALID_ARGUMENT, str(error)) from error
        signers = self._roots.intermediate, self._roots.ct_key
        leaf = ctlog.embed(self._leaf(key, subject), *signers, self._clock())
        chain = [pem(certificate) for certificate in (leaf, *self._roots.chain)]
        return json_reply(200, {"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}})

    def _claims(self, token: str) -> dict[str, Any]:
        """The claims of a token that really verifies."""
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            unverified = jwt.decode(token, options={"verify_signature": False})
            key = self._issuer.key(str(unverified.get("iss")), kid)
            if key is None:
                raise jwt.InvalidIssuerError("unknown issuer or key")
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=AUDIENCE,
                options={"require": ["iss", "sub", "aud", "exp"]},
            )
        except jwt.PyJWTError as error:
            text = "There was an error processing the credentials for this request"
            raise _refused(UNAUTHENTICATED, f"{text}: {error}") from error
        return claims

    def _leaf(
        self, key: ec.EllipticCurvePublicKey, subject: subjects.Subject
    ) -> x509.CertificateBuilder:
        start = datetime.fromtimestamp(int(self._clock()), UTC)
        # its end is never in the past, or no client would sign with it
        end = datetime.now(UTC).replace(microsecond=0) + self.lifetime
        issuer = self._roots.intermediate
        builder = (
            x509.CertificateBuilder()
            .serial_number(x509.random_serial_number())
            .subject_name(x509.Name([]))
            .issuer_name(issuer.certificate.subject)
            .public_key(key)
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(key_usage(ca=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(issuer.key_identifier(), critical=False)
            .add_extension(x509.SubjectAlternativeName([subject.san]), critical=True)
        )
        values = {number: text.encode() for number, text in subject.raw.items()}
        values |= {number: ctlog.der(0x0C, text.encode()) for number, text in subject.text.items()}
        for number, value in sorted(values.items()):
            oid = x509.ObjectIdentifier(f"{FULCIO_OID}.{number}")
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, value), critical=False)
        return builder


def _refused(code: int, message: str) -> ReplyError:
    """An error as grpc-gateway writes it."""
    return ReplyError(
        json_reply(HTTP_STATUS[code], {"code": code, "message": message, "details": []})
    )


def _bearer(request: Request, asked: Any) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token
    credentials = asked.get("credentials") if isinstance(asked, dict) else None
    return str((credentials or {}).get("oidcIdentityToken", ""))


def _proven_key(asked: Any) -> ec.EllipticCurvePublicKey:
    """The key of a PKCS #10 request (RFC 2986), after its proof of possession."""
    try:
        request = x509.load_pem_x509_csr(base64.b64decode(asked["certificateSigningRequest"]))
        key, valid = request.public_key(), request.is_signature_valid
    except (KeyError, TypeError, ValueError, UnsupportedAlgorithm) as error:
        text = "The certificate signing request could not be parsed"
        raise _refused(INVALID_ARGUMENT, text) from error
    if not valid:
        text = "The signature supplied in the request could not be verified"
        raise _refused(INVALID_ARGUMENT, text)
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise _refused(INVALID_ARGUMENT, "The public key supplied in the request is insecure")
    return key
