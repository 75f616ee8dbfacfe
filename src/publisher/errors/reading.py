"""What verify and pin find out about what others published: drift, and evidence that fails."""

from __future__ import annotations

from publisher.errors.base import PublisherError


class Drift(PublisherError):
    """Who publishes, or how, has changed, at or above ``--fail-on``."""

    exit_code = 10


class EvidenceFails(PublisherError):
    """There is evidence, and it does not prove what it should."""

    exit_code = 11


class IncompleteError(PublisherError):
    """Nobody can say."""

    exit_code = 12


class EvidenceIncomplete(IncompleteError):
    """Evidence that there is could not be obtained, or can't be judged."""


class NothingVerified(IncompleteError):
    """There is no evidence for anything that was asked about."""


class PinsOutOfDate(PublisherError):
    """``--locked``, and identities.lock does not know a project."""

    exit_code = 13
