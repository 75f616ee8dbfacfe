"""Sign: one certificate, one key that lives in memory for one run, many dists in parallel.

Everything of Sigstore that PEP 740 needs, and what its clients leave out: timeouts, retries, the
authority's own words when it refuses, and the entry of an answer that was lost on its way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from publisher.addresses import carries_secrets
from publisher.errors import AttestationInvalid, CertificateRefused, LogFailed
from publisher.http import Http, answer_in
from publisher.models import Attested, Dist, Secret
from publisher.publish.crew import together
from publisher.transport import LOST, explain
from publisher.verify.core import Unproven, Verifier

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from requests import Session
    from sigstore._internal.rekor import EntryRequestBody
    from sigstore.dsse import Envelope
    from sigstore.models import ClientTrustConfig, TransparencyLogEntry
    from sigstore.sign import Signer, SigningContext


class Announce(Protocol):
    """Told of a log entry before it is submitted; if it raises, the entry is not."""

    def __call__(self, *, log: str, statement: bytes, certificate_serial: str) -> None:
        """``log`` is its URL, ``statement`` the in-toto statement, the serial in hex."""
        ...


IN_FLIGHT = 32  # log submissions; beyond that the handshakes eat the gain
MARGIN = timedelta(seconds=60)  # of a certificate's ten minutes: time for a slow log to answer
AUDIENCE = "sigstore"


def load() -> None:
    """Import already what signing needs."""
    import pypi_attestations  # noqa: F401
    import sigstore.sign  # noqa: F401


def certify(
    http: Http, trusted: ClientTrustConfig, token: Secret, announce: Announce = lambda **_: None
) -> Signer:
    """Make the run's key and get its certificate (ten minutes) for the identity of ``token``.

    ``announce`` is told of each log entry before it is submitted.

    Raises:
        CertificateRefused: Fulcio said no, or nothing usable.
        LogFailed: The trust configuration offers no Rekor v1 log.
    """
    from sigstore.sign import SigningContext

    config = trusted.signing_config
    fulcio = config.get_fulcio()
    if not carries_secrets(fulcio.url):
        raise CertificateRefused(
            "the certificate authority is not reached over https, so it gets no ID token",
            facts={"authority": fulcio.url},
        )
    fulcio.session.close()
    fulcio.session = http.session(fulcio.url)
    context = SigningContext(
        fulcio=fulcio,
        rekor=_log(http, trusted, announce),
        trusted_root=trusted.trusted_root,
        tsa_clients=[],
    )
    return _signer(context, fulcio.url, token)


def _signer(context: SigningContext, authority: str, token: Secret) -> Signer:
    import sigstore.errors
    from sigstore._internal.fulcio.client import FulcioClientError
    from sigstore.oidc import IdentityError, IdentityToken

    try:
        # cache=False would sign with another key than the certificate's (sigstore 4.5.1)
        with context.signer(IdentityToken(token.reveal(), AUDIENCE), cache=True) as signer:
            return signer
    except (
        FulcioClientError,
        IdentityError,
        sigstore.errors.Error,
        *LOST,
        ValueError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:
        raise CertificateRefused(
            f"the certificate authority gave no signing certificate: {_fulcio_said(error)}",
            facts={"authority": authority, "reason": _fulcio_said(error)},
            hint="Nothing was signed or uploaded. Run again; Sigstore's status page tells more.",
        ) from error


def _fulcio_said(error: Exception) -> str:
    """Fulcio's own words; its client drops them (``if response:`` is false for a 4xx)."""
    answer = answer_in(error.__cause__)
    if answer is not None:
        try:
            return f"{answer.status}: {answer.json_object()['message']}"
        except (ValueError, KeyError):
            return f"{answer.status}: {answer.facts()['answer']}"
    return _said(error)


def _said(error: Exception) -> str:
    """An error of one of the clients, in words; some of them have none."""
    if isinstance(error, LOST) and not isinstance(error, ValueError):
        return explain(error)
    if isinstance(error, ValueError | RecursionError):
        return f"the answer is not what it must be: {error}"
    return str(error) or type(error.__context__ or error).__name__


def _log(http: Http, trusted: ClientTrustConfig, announce: Announce) -> Any:
    """A Rekor v1 client over our sessions."""
    from sigstore._internal.rekor import RekorClientError
    from sigstore._internal.rekor.client import RekorClient

    class Log(RekorClient):
        """Sigstore's client with our sessions, which have timeouts and retries."""

        @property
        def _session(self) -> Session:
            return http.session(self.url)

        def _build_dsse_request(  # type: ignore[override]  # as Sigstore's own client has it
            self, envelope: Envelope, certificate: Certificate
        ) -> EntryRequestBody:
            serial = f"{certificate.serial_number:x}"
            payload = envelope._inner.payload  # noqa: SLF001 - there is no public way to it
            announce(log=self.url, statement=payload, certificate_serial=serial)
            return super()._build_dsse_request(envelope, certificate)

        def create_entry(self, request: EntryRequestBody) -> TransparencyLogEntry:
            try:
                return super().create_entry(request)
            except RekorClientError as error:
                lost = _existing(error.__context__)
                if lost is None:
                    raise
                return self.log.entries.get(uuid=lost)

    first = trusted.signing_config.get_tlogs()[0]
    if not isinstance(first, RekorClient):
        raise LogFailed("no Rekor v1 log is offered, and PEP 740 attestations need one")
    return Log(first.url.removesuffix("/api/v1"))


def _existing(error: BaseException | None) -> str | None:
    """The entry's UUID if the log has it already (409): we sent it, and lost the answer."""
    answer = answer_in(error)
    if answer is None or answer.status != 409:
        return None
    return answer.headers.get("Location", "").rstrip("/").rpartition("/")[2] or None


class Renewed:
    """The signer of a run; another one, with its own key, when its certificate is about to end.

    Args:
        certify: Makes a signer.
    """

    def __init__(self, certify: Callable[[], Signer]) -> None:
        self._certify = certify
        self._lock = threading.Lock()
        self._signer: Signer | None = None
        self._last = False

    def __call__(self) -> Signer:
        """A signer whose certificate lasts for ``MARGIN``, if there is any such to be had."""
        with self._lock:
            if self._signer is None or not (self._last or _lasts(self._signer)):
                self._signer = self._certify()
                self._last = not _lasts(self._signer)  # or each file would get a certificate
            return self._signer


def _lasts(signer: Signer) -> bool:
    from sigstore._internal.fulcio import ExpiredCertificate

    try:
        until = signer._signing_cert().not_valid_after_utc  # noqa: SLF001 - no public way to it
    except ExpiredCertificate:
        return False
    return until > datetime.now(UTC) + MARGIN


def sign(
    signer: Callable[[], Signer],
    dists: Iterable[Dist],
    tick: Callable[[int], None],
    keep: Callable[[Dist, str], None] = lambda _dist, _text: None,
) -> tuple[tuple[Dist, str], ...]:
    """One PEP 740 publish attestation (JSON) per dist, each announced in the public log.

    Args:
        signer: Gives the one to sign with, such as ``Renewed``; asked before each file.
        dists: What to sign.
        tick: Told of each file that is done.
        keep: Given each attestation at once.

    Raises:
        CertificateRefused: There is no certificate.
        LogFailed: The log did not take an entry, or its answer is unusable.
    """

    def one(dist: Dist) -> tuple[Dist, str]:
        made = _attest(signer(), dist)
        keep(dist, made)
        tick(1)
        return dist, made

    dists = tuple(dists)
    if dists:
        signer()  # the certificate, before many wait for it
    return together(one, dists, IN_FLIGHT)


def _attest(signer: Signer, dist: Dist) -> str:
    from pypi_attestations import Attestation, AttestationError, Distribution
    from sigstore._internal.rekor import RekorClientError
    from sigstore.errors import Error

    subject = Distribution(name=dist.filename, digest=dist.sha256)
    try:
        return Attestation.sign(signer, subject).model_dump_json()
    except (
        RekorClientError,
        AttestationError,
        Error,
        *LOST,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:
        said = _said(error)
        raise LogFailed(
            f"the transparency log took no entry for {dist.filename}: {said}",
            facts={"file": dist.filename, "reason": said},
            hint="Nothing was uploaded; an entry without an upload does no harm. Run again.",
        ) from error


def verify(
    verifier: Verifier, publisher: Mapping[str, str | None], dist: Dist, text: str
) -> Attested:
    """Verify what was signed under the policy the index will apply.

    Raises:
        AttestationInvalid: The index would refuse it.
    """
    try:
        proof = verifier.attestation(text, dist.filename, dist.sha256, publisher)
    except Unproven as error:
        raise AttestationInvalid(
            f"the attestation of {dist.filename} would be refused by the index: {error}",
            facts={"file": dist.filename, "reason": str(error), "publisher": dict(publisher)},
            hint="Nothing was uploaded. If the reason names the workflow: attestations from "
            "reusable workflows are not accepted, publish from the workflow the run starts in.",
        ) from error
    return Attested(**vars(proof), dist=dist, json=text)
