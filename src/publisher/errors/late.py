"""What goes wrong on the way out: attesting, the exchange, uploads, arrival, being stopped."""

from __future__ import annotations

from publisher.errors.base import PublisherError


class AttestError(PublisherError):
    """Signing did not lead to attestations that verify."""

    exit_code = 5


class TrustRootUnavailable(AttestError):
    """Sigstore's trust root could not be obtained and verified."""


class CertificateRefused(AttestError):
    """The certificate authority gave no signing certificate."""


class LogFailed(AttestError):
    """The transparency log did not take an entry."""


class ExistingAttestationRefused(AttestError):
    """An attestation beside a dist is not for these bytes, or not from this run's identity."""


class NotAttestable(AttestError):
    """Sigstore, or the index's attestation policy, would refuse this identity."""


class PrivateRepoInPublicLog(AttestError):
    """Attesting would write the name of a private repository into a public log, for ever."""


class ChangedProvenance(AttestError):
    """Earlier releases are attested, or attested by another publisher than this one."""


class EmailInPublicLog(AttestError):
    """Signing as a person would write their address into a log, for ever; nobody agreed to it."""


class AttestationInvalid(AttestError):
    """An attestation does not verify under the policy the index will apply."""


class ExchangeError(PublisherError):
    """The index gave no upload token."""

    exit_code = 6


class IndexUnreachable(ExchangeError):
    """The index does not answer."""


class IndexAnswerMalformed(ExchangeError):
    """The index, or something in between, answers something else than its API says."""


class AudienceMismatch(ExchangeError):
    """The index asks for tokens with another audience than its profile pins."""


class MintRefused(ExchangeError):
    """The index refuses the identity."""


class UploadError(PublisherError):
    """Files did not all reach the index."""

    exit_code = 7


class UploadRefused(UploadError):
    """The index answered, and refused a file."""


class UploadFailed(UploadError):
    """A file could not be sent."""


class UploadTokenEnds(UploadError):
    """The right to upload ends before the last file, and this job can get no other."""


class ArrivalError(PublisherError):
    """What the index shows is not what we sent."""

    exit_code = 8


class ArrivalDifferent(ArrivalError):
    """The index lists another digest."""


class ArrivalUnattested(ArrivalError):
    """A file we sent with attestations is shown without."""


class ArrivalUnproven(ArrivalError):
    """The provenance that the index shows does not verify."""


class Stopped(PublisherError):
    """The run was told to stop."""


class Interrupted(Stopped):
    """By SIGINT: somebody pressed Ctrl-C, or cancelled the job."""

    exit_code = 130


class Terminated(Stopped):
    """By SIGTERM: the machine or the job ends."""

    exit_code = 143


class DeadlinePassed(Terminated):
    """By ``--deadline``."""
