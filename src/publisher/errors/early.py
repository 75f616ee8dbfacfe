"""What goes wrong before anything can be noticed outside: usage, identity, dists."""

from __future__ import annotations

from publisher.errors.base import PublisherError


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


class UntrustedTrigger(IdentityError):
    """Somebody without any right in the repository may have caused this run."""


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
    """Nothing would keep the build from what this job publishes with."""


class ContractBroken(DistError):
    """The files are not those that the release contract names."""


class ReleaseConflict(DistError):
    """The index has another file of this name."""


class ReleaseClosed(DistError):
    """The release takes no further file like this one."""


class AlreadyPublished(DistError):
    """The file is on the index already and ``--skip-existing`` is false."""
