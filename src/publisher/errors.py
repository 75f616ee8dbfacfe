"""Everything that can go wrong, one class per cause. A leaf.

An error carries facts, never a secret. ``docs/errors.md`` has a section per code; a test
provokes each code through the command line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from publisher.models import Finding


class PublisherError(Exception):
    """A cause that a user or their surroundings can bring about.

    Args:
        message: What happened, in one sentence.
        facts: JSON values that show it: URLs, claims, the server's own words.
        hint: The next step, where the step that raised it knows one; a provider may know better.
    """

    code: ClassVar[str]
    exit_code: ClassVar[int]

    def __init_subclass__(cls) -> None:
        """Name the code after the class: ``InvalidOption`` is ``invalid-option``."""
        cls.code = re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()

    def __init__(
        self, message: str, *, facts: Mapping[str, object] | None = None, hint: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.facts: Mapping[str, object] = facts or {}
        self.hint = hint

    def finding(self, hint: str = "") -> Finding:
        """The error as the report shows it; a provider's ``hint`` beats the error's own."""
        return Finding(self.code, "error", self.message, self.facts, hint or self.hint)


class InternalError(PublisherError):
    """Our bug."""

    exit_code = 1


class UsageError(PublisherError):
    """The command line, a variable or a configuration key is wrong."""

    exit_code = 2


class InvalidOption(UsageError):
    """An option or command we don't have."""


class InvalidValue(UsageError):
    """An option's value can't be read."""


class UnknownSetting(UsageError):
    """A ``PUBLISHER_*`` variable or ``[tool.publisher]`` key we don't have."""


class SettingNotAllowedHere(UsageError):
    """An option that decides what is trusted stands in pyproject.toml."""


class PathNotFound(UsageError):
    """A PATH argument matches nothing."""


class CannotWrite(UsageError):
    """A file or folder we were told to write can't be written."""


class SandboxNotLoopback(UsageError):
    """``--sandbox`` names, or is answered with, an address that is not this machine."""


class SandboxUnusable(UsageError):
    """No rehearsal world answers there, or it could not be started."""


class IdentityError(PublisherError):
    """No identity, or not the expected one."""

    exit_code = 3


class NoIdentityProvider(IdentityError):
    """No supported CI around this process."""


class ProviderNotHere(IdentityError):
    """The provider asked for is not the one around this process."""


class MissingPermission(IdentityError):
    """The CI is here, but the job may not ask for ID tokens."""


class EventNotSupported(IdentityError):
    """The job was started by an event that indexes refuse to publish from."""


class ReusableWorkflow(IdentityError):
    """The job stands in a reusable workflow, which minting and attesting see differently."""


class IdTokenMissing(IdentityError):
    """A job that is given its ID tokens at its start holds none that fits."""


class TokenRequestFailed(IdentityError):
    """The identity provider gave no ID token."""


class TokenUnexpected(IdentityError):
    """An ID token that is not what was asked for: issuer, audience, times or shape."""


class DistError(PublisherError):
    """The distributions can't be published as they are."""

    exit_code = 4


class NothingToPublish(DistError):
    """No distribution was found."""


class NotDistribution(DistError):
    """Named like a distribution, but it is none."""


class BrokenArchive(DistError):
    """An archive can't be read, or has no core metadata."""


class InvalidMetadata(DistError):
    """Core metadata that the index would refuse."""


class MetadataMismatch(DistError):
    """Filename and core metadata name another project or version."""


class MixedVersions(DistError):
    """Two versions of one project in one run."""


class SeveralSdists(DistError):
    """More than one sdist of a release."""


class DuplicateDist(DistError):
    """Two different files of one name."""


class RefusedName(DistError):
    """A name, version or tag that the index refuses."""


class TagMismatch(DistError):
    """The version is not the one the tag says."""


class BuildFailed(DistError):
    """The project's build failed."""


class BuildNotIsolated(DistError):
    """Nothing would keep the build from this job's tokens."""


class ContractBroken(DistError):
    """The files are not those that the release contract names."""


class ReleaseConflict(DistError):
    """The index has another file of this name."""


class ReleaseClosed(DistError):
    """The release takes no further file like this one."""


class AlreadyPublished(DistError):
    """The file is on the index already and ``--skip-existing`` is false."""


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
