"""Frozen values that travel between the steps. Beside ``basics`` and ``outlook``, a leaf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Protocol

from publisher.basics import AttestationMode as AttestationMode
from publisher.basics import Secret as Secret
from publisher.basics import Severity as Severity
from publisher.basics import docs_of
from publisher.outlook import Review

OPEN_FOR = timedelta(days=14)
"""How long after its first file PyPI lets files be added to a release."""


@dataclass(frozen=True)
class Finding:
    """Something the user should know: an error that stopped the run, or a remark beside it.

    ``facts`` holds JSON values only and never a secret. ``docs`` is ``docs/errors.md#<code>``.
    """

    code: str
    severity: Severity
    message: str
    facts: Mapping[str, object] = field(default_factory=dict)
    hint: str = ""

    @property
    def docs(self) -> str:
        """Where this code is explained."""
        return docs_of(self.code)


@dataclass(frozen=True)
class Persona:
    """Who a rehearsal plays: the claims of an ID token and the publisher they prove.

    ``claims`` has everything but ``aud``, ``iat``, ``nbf``, ``exp`` and ``jti``, which the
    issuer adds to each token. ``publisher`` is the PEP 740 publisher object.
    """

    claims: Mapping[str, object]
    publisher: Mapping[str, str | None]

    @property
    def issuer(self) -> str:
        """The ``iss`` claim."""
        return str(self.claims["iss"])


@dataclass(frozen=True)
class Identity:
    """Who this run is, read from an ID token whose claims were checked locally.

    ``publisher`` is the PEP 740 publisher object (``kind``, ``repository``, ...); ``register``
    holds the values as they are typed into the index's form for a trusted publisher, and
    ``compared`` the claim that the index compares each of them with.
    """

    provider: str
    issuer: str
    claims: Mapping[str, object]
    publisher: Mapping[str, str | None]
    register: Mapping[str, str]
    compared: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """One line a person recognises, such as ``octo-org/widget, release.yml``."""
        return ", ".join(v for k, v in self.publisher.items() if v and k != "kind")


@dataclass(frozen=True)
class Dist:
    """A distribution file, read once: ``size`` in bytes, ``sha256`` in lowercase hex.

    ``project`` is the PEP 503 normalized name, ``version`` the PEP 440 normalized version,
    ``metadata`` the core metadata (1.0-2.5), as ``packaging`` reads it without judging.
    """

    path: Path
    project: str
    version: str
    kind: Literal["sdist", "wheel"]
    size: int
    sha256: str
    metadata: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def filename(self) -> str:
        """The name the index will show."""
        return self.path.name


@dataclass(frozen=True)
class Listed:
    """A file as an index lists it (PEP 691, 700); foreign indexes may not say all of it."""

    filename: str
    url: str
    sha256: str | None
    provenance_url: str | None
    uploaded: datetime | None = None
    yanked: bool = False


@dataclass(frozen=True)
class Planned:
    """One file on one index: to upload, there already, in conflict, or ``refused``.

    In conflict is a name that is taken by other content; ``why`` is of what is refused.
    """

    dist: Dist
    state: Literal["new", "identical", "conflict", "refused"]
    listed: Listed | None = None
    why: str = ""


@dataclass(frozen=True)
class Plan:
    """What is left to do on one index; ``new_projects`` are those that it does not know.

    ``pages`` is all that it lists, by project and filename.
    ``closing`` says until when a release (project, version) takes files, where the index has such
    a rule and the release any file.
    """

    files: tuple[Planned, ...]
    new_projects: tuple[str, ...] = ()
    pages: Mapping[str, Mapping[str, Listed]] = field(default_factory=dict, compare=False)
    closing: Mapping[tuple[str, str], datetime] = field(default_factory=dict)

    def of(self, state: str) -> list[Dist]:
        """The dists in that state."""
        return [planned.dist for planned in self.files if planned.state == state]


@dataclass(frozen=True)
class Certificate:
    """What a signing certificate says; ``claims`` by Fulcio's names, times in ISO 8601 UTC."""

    san: str
    issuer: str
    serial: str
    not_before: str
    not_after: str
    claims: Mapping[str, str]


@dataclass(frozen=True)
class Proof:
    """What one verified attestation proves. Times in seconds since the epoch."""

    predicate_type: str
    log_index: int
    integrated_time: int
    certificate: Certificate


@dataclass(frozen=True)
class Attested(Proof):
    """A verified PEP 740 attestation of ``dist``; ``json`` is the object as uploaded."""

    dist: Dist
    json: str


UploadStatus = Literal["uploaded", "already-there", "failed", "not-tried"]
ArrivalState = Literal["verified", "not-visible-yet", "unattested", "different", "not-checked"]


@dataclass(frozen=True)
class Placed:
    """What became of one file on one index."""

    status: UploadStatus
    url: str | None = None
    provenance_url: str | None = None
    arrival: ArrivalState = "not-checked"
    error: str | None = None


@dataclass(frozen=True)
class Account:
    """A user of an index, and a password or API token."""

    user: str
    password: Secret


@dataclass(frozen=True)
class UploadToken:
    """An index's short-lived API token; ``expires`` in seconds since the epoch."""

    secret: Secret
    expires: int

    @property
    def account(self) -> Account:
        """As whom to upload with it."""
        return Account("__token__", self.secret)


class Mark(Protocol):
    """Records what became of a file; the keywords are fields of ``Placed``."""

    def __call__(self, dist: Dist, **changes: object) -> None:
        """Record it."""
        ...


@dataclass(frozen=True)
class Step:
    """One step of a run; ``requests`` counts HTTP requests sent meanwhile.

    ``at`` is when it began, in seconds after the run did.
    """

    name: str
    status: Literal["done", "failed", "skipped"]
    seconds: float
    requests: int
    at: float = 0.0


@dataclass(frozen=True)
class Target:
    """One index of a run and how attestations are handled there; ``why`` in a sentence."""

    name: str
    upload_url: str
    attestations: AttestationMode
    why: str


@dataclass
class Run:
    """What is known of a run so far. The report is written from it, however the run ends.

    The one mutable value: the pipeline fills it, ``placed`` by index name, then by filename, and
    ``closing``, as ``Plan`` has it, by index name;
    ``attested`` by filename, at most one attestation of each predicate type. Of a rehearsal,
    ``guessed`` has what is not known of ``identity.register``, by label, and what is due there.
    """

    provider: str
    rehearsal: bool
    started: datetime
    command: str = "publish"
    public_log: bool = True
    invented: bool = False
    guessed: Mapping[str, str] = field(default_factory=dict)
    finished: datetime | None = None
    exit_code: int = 0
    tag: str | None = None
    identity: Identity | None = None
    targets: tuple[Target, ...] = ()
    dists: tuple[Dist, ...] = ()
    attested: Mapping[str, tuple[Attested, ...]] = field(default_factory=dict)
    placed: dict[str, dict[str, Placed]] = field(default_factory=dict)
    closing: dict[str, Mapping[tuple[str, str], datetime]] = field(default_factory=dict)
    review: Review | None = None
    steps: list[Step] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def logged_publicly(self) -> bool:
        """Whether its entries are in Sigstore's public log, for everybody to look up."""
        return self.public_log and not self.rehearsal
