"""Sigstore's trust root: by TUF, verified from the root that sigstore embeds, at every load.

Online, sigstore's client renews its cache. Then, and offline, a file of the cache is believed only
as far as signatures lead to it: whoever can write there, such as into a CI's cache, could have put
another root there. Sigstore's own offline mode believes the file as it lies there.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from publisher.errors import TrustRootUnavailable
from publisher.transport import LOST

if TYPE_CHECKING:
    from sigstore.models import ClientTrustConfig
    from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp

    T = TypeVar("T", Root, Snapshot, Targets, Timestamp)

GRACE = timedelta(days=30)
"""How long a root still serves offline after its metadata has ended; TUF's lasts a week."""
TRUSTED_ROOT, SIGNING_CONFIG = "trusted_root.json", "signing_config.v0.2.json"
REHEARSAL = "Releases of a rehearsal are under its own root: --trust-config (docs/rehearsal.md)."
ONLINE = (
    "Run again; if it stays, does the network let Sigstore's TUF repository through? " + REHEARSAL
)
OFFLINE = (
    "Somebody may have changed Sigstore's cache. Remove it, and run once with network; or give a "
    "root that you trust: --trust-config FILE. " + REHEARSAL
)
GIVEN = "Is the file of --trust-config a ClientTrustConfig of Sigstore, as JSON?"


@dataclass(frozen=True)
class TrustRoot:
    """A trust root, and how old it is.

    ``sha256`` (hex) is of the trusted root itself. ``until`` is when the first of the metadata
    that vouch for it ends; ``None`` of a file that the user gives.
    """

    config: ClientTrustConfig
    sha256: str
    until: datetime | None = None

    def overdue(self, now: datetime) -> timedelta:
        """For how long its metadata have ended; zero if they have not."""
        return max(now - (self.until or now), timedelta())

    def too_old(self, now: datetime) -> bool:
        """Whether that is longer than ``GRACE``."""
        return self.overdue(now) > GRACE


@dataclass(frozen=True)
class Repository:
    """A TUF repository; ``bootstrap`` is its first root, for one that sigstore does not embed."""

    url: str
    bootstrap: Path | None = None

    def first_root(self) -> bytes:
        """The root metadata that all trust begins with."""
        return self.bootstrap.read_bytes() if self.bootstrap else self.embedded("root.json")

    def embedded(self, name: str) -> bytes:
        """A file that came with the installed sigstore."""
        from sigstore._utils import read_embedded

        return read_embedded(name, self.url)

    def folders(self) -> tuple[Path, Path]:
        """Sigstore's cache: of metadata, and of what they vouch for."""
        from sigstore._internal.tuf import _get_dirs

        return _get_dirs(self.url)


def load(
    config: str | None = None, *, offline: bool = False, repository: Repository | None = None
) -> TrustRoot:
    """The trust root to sign and to verify with.

    PEP 740 objects have no place for the timestamps that Rekor v2 needs, so version 1 is asked for.

    Args:
        config: A ClientTrustConfig as JSON, which is taken as it is.
        offline: Ask nobody: what the cache has, however old, else what sigstore embeds.
        repository: Sigstore's public one by default.

    Raises:
        TrustRootUnavailable: It can't be fetched, or does not verify.
    """
    from sigstore.errors import Error
    from tuf.api.exceptions import DownloadError, RepositoryError

    hint = GIVEN if config is not None else OFFLINE if offline else ONLINE
    try:
        if config is not None:
            return _given(config)
        return _by_tuf(repository or _public(), offline=offline)
    except (Error, DownloadError, RepositoryError, *LOST, ValueError, KeyError) as error:
        raise TrustRootUnavailable(
            "Sigstore's trust root could not be obtained and verified",
            facts={"reason": f"{type(error).__name__}: {error}"},
            hint=hint,
        ) from error


def _public() -> Repository:
    from sigstore._internal.tuf import DEFAULT_TUF_URL

    return Repository(DEFAULT_TUF_URL)


def _given(text: str) -> TrustRoot:
    from sigstore.models import ClientTrustConfig

    config = _ready(ClientTrustConfig.from_json(text))
    root = config.trusted_root._inner.to_json()  # noqa: SLF001 - no public way to its text
    return TrustRoot(config, hashlib.sha256(root.encode()).hexdigest())


def _by_tuf(repository: Repository, *, offline: bool) -> TrustRoot:
    from sigstore.models import ClientTrustConfig

    metadata, _ = repository.folders()
    if not offline:
        ClientTrustConfig.from_tuf(repository.url, bootstrap_root=repository.bootstrap)
    elif not (metadata / "timestamp.json").exists():  # a root without metadata is nobody's
        embedded = repository.embedded
        until = _read(repository.first_root()).signed.expires
        return _root(embedded(TRUSTED_ROOT), embedded(SIGNING_CONFIG), until)
    targets, until = _verified(repository.first_root(), metadata)
    return _root(
        _target(repository, targets, TRUSTED_ROOT),
        _target(repository, targets, SIGNING_CONFIG),
        until,
    )


def _root(root: bytes, signing: bytes, until: datetime) -> TrustRoot:
    import json

    from sigstore.models import ClientTrustConfig

    kind = ClientTrustConfig.ClientTrustConfigType.CONFIG_0_1.value
    whole = {
        "mediaType": kind,
        "trustedRoot": json.loads(root),
        "signingConfig": json.loads(signing),
    }
    config = _ready(ClientTrustConfig.from_json(json.dumps(whole)))
    return TrustRoot(config, hashlib.sha256(root).hexdigest(), until)


def _ready(config: ClientTrustConfig) -> ClientTrustConfig:
    config.force_tlog_version = 1
    config.trusted_root  # noqa: B018 - parses it
    config.signing_config  # noqa: B018 - as above
    return config


def _verified(first: bytes, folder: Path) -> tuple[Targets, datetime]:
    """The cached list of targets, by an unbroken chain of signatures, and until when it holds.

    This is TUF's client workflow (section 5 of its specification) but for the clock and for what
    only an earlier state could show: what is expired is still said by whom it says.
    """
    from tuf.api.exceptions import BadVersionNumberError
    from tuf.api.metadata import Root, Snapshot, Targets, Timestamp

    root: Metadata[Root] = _read(first)
    _check(root.signed, Root.type, root)
    while (path := folder / "root_history" / f"{root.signed.version + 1}.root.json").exists():
        new: Metadata[Root] = _read(path.read_bytes())
        _check(root.signed, Root.type, new)
        _check(new.signed, Root.type, new)
        if new.signed.version != root.signed.version + 1:
            raise BadVersionNumberError(f"{path.name} is version {new.signed.version}")
        root = new
    timestamp: Metadata[Timestamp] = _signed(folder, Timestamp.type, root.signed)
    listed = timestamp.signed.snapshot_meta
    snapshot: Metadata[Snapshot] = _signed(folder, Snapshot.type, root.signed, listed)
    listed = snapshot.signed.meta["targets.json"]
    targets: Metadata[Targets] = _signed(folder, Targets.type, root.signed, listed)
    chain = (root.signed, timestamp.signed, snapshot.signed, targets.signed)
    return targets.signed, min(one.expires for one in chain)


def _signed(folder: Path, role: str, root: Root, listed: MetaFile | None = None) -> Metadata[T]:
    """A role's metadata, signed by its keys, and the very one that is ``listed``."""
    from tuf.api.exceptions import BadVersionNumberError

    data = (folder / f"{role}.json").read_bytes()
    if listed:
        listed.verify_length_and_hashes(data)
    found: Metadata[T] = _read(data)
    _check(root, role, found)
    if listed and found.signed.version != listed.version:
        raise BadVersionNumberError(f"{role} is version {found.signed.version}")
    return found


def _read(data: bytes) -> Metadata[T]:
    from tuf.api.metadata import Metadata

    return Metadata.from_bytes(data)


def _check(root: Root, role: str, found: Metadata[T]) -> None:
    """What ``found`` says it is, and the signatures of enough of the role's keys."""
    from tuf.api.exceptions import RepositoryError

    if found.signed.type != role:
        raise RepositoryError(f"{found.signed.type} metadata in the place of {role}")
    root.verify_delegate(role, found.signed_bytes, found.signatures)


def _target(repository: Repository, targets: Targets, name: str) -> bytes:
    """A file that the metadata vouch for: the cached one, and no other in its place."""
    _, folder = repository.folders()
    data = (folder / name).read_bytes()
    targets.targets[name].verify_length_and_hashes(data)
    return data
