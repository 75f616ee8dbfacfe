"""What the consumer half talks about: who published a file, what is remembered, what is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from publisher.models import Finding

Severity = Literal["critical", "error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("critical", "error", "warning", "note")
"""The most severe first."""
Status = Literal["verified", "failed", "incomplete", "unattested", "cannot-attest-here"]


@dataclass(frozen=True)
class Publisher:
    """Who published a file, read from its certificate, which is signed; the index only says so.

    Names and numeric IDs apart, so that a rename can be told from a project that was deleted and
    made anew. ``ref`` is a class: ``tag``, ``branch:NAME``, ``pull`` or ``-``. What a certificate
    does not say is empty.
    """

    kind: str  # github, gitlab, google, circleci, email, ...
    issuer: str
    repository: str = ""
    repository_id: str = ""
    owner: str = ""
    owner_id: str = ""
    workflow: str = ""
    ref: str = ""
    trigger: str = ""
    runner: str = ""
    environment: str = ""
    email: str = ""
    signer: str = ""
    """The reusable workflow that signed, where that is another one."""
    visibility: str = ""


@dataclass(frozen=True)
class Observed:
    """One file as it is now: its digest, and who verifiably published it, or why nobody knows.

    ``publishers`` has one entry for each verified publish attestation, normally one.
    ``log_index`` and ``logged`` are of the first. ``slsa`` says whether a SLSA provenance
    attestation was verified, too.
    """

    project: str
    version: str
    filename: str
    sha256: str
    status: Status
    why: str = ""
    publishers: tuple[Publisher, ...] = ()
    slsa: bool = False
    statement_sha256: str = ""
    log_index: int | None = None
    logged: datetime | None = None
    san: str = ""  # of the first publish attestation's certificate
    uploaded: datetime | None = None
    yanked: bool = False
    urls: Mapping[str, str] = field(default_factory=dict)
    """The file's own project URLs by label (core metadata)."""
    run: str = ""
    """The run that signed it, as its certificate names it."""


@dataclass(frozen=True)
class Release:
    """All observed files of one version of a project; ``uploaded`` is when its first file was.

    ``project_status`` is the index's word on the project (PEP 792), if it says one.
    """

    project: str
    version: str
    files: tuple[Observed, ...]
    uploaded: datetime | None = None
    project_status: str = ""


@dataclass(frozen=True)
class Pinned:
    """One remembered identity of a project.

    ``since`` and ``last`` are the first and last release it was seen with (version, upload time),
    ``seen`` counts them; ``number`` is its name within the project.
    A ``pending`` one is not trusted yet: nobody accepted it, and no later release over at least
    14 days confirmed it.
    """

    publisher: Publisher
    since: tuple[str, datetime | None]
    last: tuple[str, datetime | None]
    pending: bool = False
    accepted: str = ""
    """The version with which somebody accepted it, if somebody had to; see ``Acceptance``."""
    number: int = 1
    seen: int = 1


@dataclass(frozen=True)
class Seen:
    """What is remembered of one release.

    ``attested`` of its ``total`` files were, by ``identities`` (their numbers); ``at`` is when its
    last file was uploaded. ``digest`` is over files, digests, identities and statements.
    """

    attested: int
    total: int
    identities: tuple[int, ...] = ()
    at: datetime | None = None
    digest: str = ""
    slsa: bool = False
    yanked: bool = False


@dataclass(frozen=True)
class Acceptance:
    """Somebody looked at a release that is not like those before, and took it."""

    version: str
    who: str
    when: datetime
    reason: str


@dataclass(frozen=True)
class Memory:
    """What identities.lock remembers of one project.

    ``none`` is a version: since then, releases without attestations are as remembered. So a
    project that never attested has ``none`` and no identity, or only pending ones.
    """

    project: str
    identities: tuple[Pinned, ...] = ()
    none: str = ""
    releases: Mapping[str, Seen] = field(default_factory=dict)
    """By version; only those that somebody installs."""
    accepted: tuple[Acceptance, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    """Where its metadata said the source is; the version with which it was accepted, or nothing."""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What a later version of the file says: words by the head of their line; ``""``: lines."""


@dataclass(frozen=True)
class Change:
    """One finding of the drift rules (D01...) or of the origin rules (U01...).

    ``title`` names the rule in a word or two; ``word`` is the index's own word for it
    (``changed-provenance``), where it has one.
    """

    rule: str
    severity: Severity
    project: str
    version: str
    message: str
    word: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    file: str = ""
    title: str = ""
    advice: str = ""
    """The end of ``message``: what it may mean and what to do, the same for all of a rule."""


@dataclass(frozen=True)
class Place:
    """A line of a lock, for those who read the report beside it."""

    path: str
    line: int = 1
    usual: bool = True
    """Whether ``pin --accept`` finds the lock by itself."""


@dataclass(frozen=True)
class Verdict:
    """What is to be said of one release: its files as they are, and what changed.

    ``files`` are those that were asked about, and ``remark`` says what is special about them all.
    ``pinned`` says whether anything is remembered of the project.
    """

    project: str
    version: str
    files: tuple[Observed, ...] = ()
    changes: tuple[Change, ...] = ()
    place: Place | None = None
    pinned: bool = False
    remark: str = ""
    accepted: Acceptance | None = None
    """Who took this release as it is."""
    own: bool = False
    """Whether it is of the user's own sources, which no index is asked about."""


@dataclass(frozen=True)
class TrustRoot:
    """Which trust root everything was verified by: its digest, and how old it is, if known."""

    sha256: str
    date: datetime | None = None
    stale: bool | None = None


@dataclass
class Examination:
    """What a run of ``verify`` or ``pin`` has found out so far; the report is made from it."""

    command: str
    fail_on: Severity = "error"
    exit_code: int = 0
    trust: TrustRoot | None = None
    verdicts: list[Verdict] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    """What is to be said of the run as a whole."""
    requests: int = 0

    def fails(self, change: Change) -> bool:
        """Whether a change is at or above the severity that is a failure."""
        return SEVERITIES.index(change.severity) <= SEVERITIES.index(self.fail_on)
