"""What a memory says about an identity or a release. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from datetime import datetime

from packaging.utils import canonicalize_version
from packaging.version import InvalidVersion, Version

from publisher.verify.changes import Difference, differences
from publisher.verify.model import Memory, Observed, Pinned, Publisher, Release, Seen
from publisher.verify.rules import RANK

BARE = {"unattested", "cannot-attest-here"}
UNDECIDED = {"failed", "incomplete"}


def attested(files: Iterable[Observed]) -> list[Observed]:
    """Those with a verified publish attestation of a kind of publisher that we know."""
    return [
        file
        for file in files
        if file.status == "verified"
        and file.publishers
        and all(publisher.kind != "unknown" for publisher in file.publishers)
    ]


def bare(files: Iterable[Observed]) -> list[Observed]:
    """Those that certainly have no publish attestation."""
    return [
        file
        for file in files
        if file.status in BARE or (file.status == "verified" and not file.publishers)
    ]


def publishers(release: Release) -> list[Publisher]:
    """The identities of a release, each once."""
    found: list[Publisher] = []
    for file in attested(release.files):
        for publisher in file.publishers:
            if not any(not differences(known, publisher) for known in found):
                found.append(publisher)
    return found


def find(identities: Iterable[Pinned], publisher: Publisher) -> Pinned | None:
    """The remembered identity that this is, trusted before pending."""
    same = [pin for pin in identities if not differences(pin.publisher, publisher)]
    return min(same, key=lambda pin: (pin.pending, pin.number), default=None)


def trusted(memory: Memory, when: datetime | None = None) -> list[Pinned]:
    """Its identities that count for a release of that time.

    Not the pending ones, and none that another one followed before: that a project goes back to an
    identity that it left, perhaps with a forgotten token, is a change.
    """
    pins = [pin for pin in memory.identities if not pin.pending]
    return [pin for pin in pins if not any(_left(pin, other, when) for other in pins)]


def _left(pin: Pinned, other: Pinned, when: datetime | None) -> bool:
    last, since = pin.last[1], other.since[1]
    return bool(last and since and last < since and (when is None or when > last))


def begun(memory: Memory, when: datetime | None) -> bool:
    """Whether a project had an identity at that time, as far as is remembered."""
    starts = [pin.since[1] for pin in memory.identities if not pin.pending]
    known = [start for start in starts if start]
    return bool(starts) and (when is None or not known or when >= min(known))


def nearest(
    pins: Iterable[Pinned], publisher: Publisher
) -> tuple[Pinned | None, tuple[Difference, ...]]:
    """The identity that differs least, and how."""
    best: tuple[Pinned | None, tuple[Difference, ...]] = (None, ())
    weight: tuple[int, ...] = ()
    for pin in pins:
        found = differences(pin.publisher, publisher)
        heavy = tuple(sorted((RANK[difference.severity] for difference in found), reverse=True))
        if best[0] is None or heavy < weight:
            best, weight = (pin, found), heavy
    return best


def counted(pin: Pinned) -> str:
    """How long an identity is known: ``37 releases since 8.2.10``."""
    return f"{pin.seen} release{'s' * (pin.seen != 1)} since {pin.since[0]}"


def digest(memory: Memory, files: Iterable[Observed]) -> str:
    """A hash over names, digests, identities and statements, as in ``Seen``."""
    lines = []
    for file in files:
        pins = [find(memory.identities, publisher) for publisher in file.publishers]
        numbers = ",".join(str(pin.number if pin else 0) for pin in pins)
        lines.append(f"{file.filename} {file.sha256} {numbers} {file.statement_sha256}\n")
    hashed = hashlib.sha256("".join(sorted(lines)).encode()).digest()
    return f"h1:{base64.b64encode(hashed).decode()}"


def summary(memory: Memory, release: Release) -> Seen:
    """What to remember of a release."""
    proven = attested(release.files)
    pins = [find(memory.identities, publisher) for publisher in publishers(release)]
    times = [file.uploaded for file in release.files if file.uploaded]
    return Seen(
        attested=len(proven),
        total=len(release.files),
        identities=tuple(sorted(pin.number for pin in pins if pin)),
        at=max(times, default=None),
        digest=digest(memory, release.files),
        slsa=any(file.slsa for file in proven),
        yanked=any(file.yanked for file in release.files),
    )


def spelling(memory: Memory | None, version: str) -> str:
    """A version as it is remembered, else as packaging writes it: 1.0 and 1.0.0 are one release."""
    try:
        wanted = Version(version)
    except InvalidVersion:
        return version
    known, same = memory.releases if memory else (), canonicalize_version(wanted)
    return next((one for one in known if canonicalize_version(one) == same), str(wanted))


def unchanged(memory: Memory, release: Release) -> bool:
    """Whether all files of a release are as somebody, or ``pin``, took them."""
    seen = memory.releases.get(release.version)
    return bool(seen and seen.digest == digest(memory, release.files))


def previous(memory: Memory, release: Release) -> Seen | None:
    """The last remembered release before this one."""
    older = [
        (seen.at, version)
        for version, seen in memory.releases.items()
        if seen.at and version != release.version and _before(seen.at, release.uploaded)
    ]
    return memory.releases[max(older)[1]] if older else None


def _before(moment: datetime, other: datetime | None) -> bool:
    return other is None or moment < other
