"""What becomes of a memory: first use, later releases, and somebody's word. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from publisher.verify import changes, drift, origin, recall
from publisher.verify.model import Acceptance, Memory, Pinned, Publisher, Release, Seen, Severity
from publisher.verify.rules import RANK

CONFIRMED = timedelta(days=14)
"""How long an identity stays pending, at least, where there was none before."""
SAME_ONE = {"D07", "D11"}
"""Notes after which it is still the same identity, told differently."""


def remember(
    memory: Memory | None, releases: Sequence[Release], keep: Collection[str] | None = None
) -> Memory:
    """Learn from releases what is no drift; the same releases again change nothing.

    On first use (no memory) the releases are all there is to go by: the oldest one's identity is
    taken, and a later one is pending until releases over 14 days confirm it. Afterwards a release
    that drifts teaches nothing; ``accept`` does.

    Args:
        memory: What was remembered, or None on first use.
        releases: The last ones, normally ten, in any order; those to keep among them.
        keep: Versions that somebody installs, whose files are remembered; else the newest one's.
    """
    ordered = sorted(releases, key=lambda release: (_moment(release.uploaded), release.version))
    if not ordered:
        raise ValueError("there is no release to remember")
    first = memory is None
    memory = memory or Memory(ordered[0].project)
    for release in ordered:
        if first or not _drifts(memory, release):
            memory = _learn(memory, release, first=first)
    newest = ordered[-1].version
    kept = {newest, *memory.releases} if keep is None else set(keep)
    seen: dict[str, Seen] = {v: at for v, at in memory.releases.items() if v in kept}
    threshold: Severity = "error" if first else "warning"  # what was always so is as remembered
    for release in ordered:
        wanted = release.version in kept and release.version not in seen
        if wanted and _decided(release) and not _drifts(memory, release, threshold):
            seen[release.version] = recall.summary(memory, release)
    return replace(memory, releases=seen, links=_links(memory, ordered[-1]))


def accept(memory: Memory, release: Release, who: str, when: datetime, reason: str) -> Memory:
    """Take a release as it is: its identities are trusted, or that it has none is as remembered.

    Raises:
        ValueError: Something in it could not be verified, so there is nothing to accept.
    """
    if not _decided(release):
        raise ValueError("what could not be verified can't be accepted")
    found = recall.publishers(release)
    pins = list(memory.identities)
    for publisher in found:
        pin = recall.find(pins, publisher)
        if pin is None:
            pins.append(_new(pins, publisher, release, accepted=release.version))
        else:
            taken = replace(pin, pending=False, accepted=release.version)
            pins[pins.index(pin)] = _again(taken if pin.pending else pin, publisher, release)
    none = "" if found else memory.none or release.version
    memory = replace(memory, identities=tuple(pins), none=none)
    acceptance = Acceptance(release.version, who, when, reason)
    others = (known for known in memory.accepted if known.version != release.version)
    links: Mapping[str, str] = dict.fromkeys(origin.targets(release), release.version)
    return replace(
        memory,
        accepted=(*others, acceptance),
        releases={**memory.releases, release.version: recall.summary(memory, release)},
        links=links or memory.links,
    )


def first_use(releases: Sequence[Release], now: datetime) -> str:
    """What the last releases tell about an identity, in a line, before it is trusted."""
    ordered = sorted(releases, key=lambda release: _moment(release.uploaded))
    who = recall.publishers(ordered[-1])
    count = f"{len(ordered)} release{'s' * (len(ordered) > 1)}"
    if not who:
        some = sum(bool(recall.publishers(release)) for release in ordered)
        more = f"in its newest release, but in {some} of {count}" if some else f"in {count}"
        return f"no attestations {more}"
    same = [release for release in ordered if _published(release, who)]
    times = [release.uploaded for release in same if release.uploaded]
    names = ", ".join(changes.name(publisher) for publisher in who)
    if not times:
        return f"{names}: in {len(same)} of {count}"
    age = f"{_span(now - times[0])} ago" if (now - times[0]).days > 0 else "today"
    if len(same) == 1:
        only = "its first release" if len(ordered) == 1 else f"only the newest of {count}"
        return f"{names}: {only}, {age}"
    time = _span(times[-1] - times[0])
    return f"{names}: the same in {len(same)} of {count} over {time}, the first {age}"


def _published(release: Release, who: list[Publisher]) -> bool:
    found = recall.publishers(release)
    return bool(found) and all(
        any(not changes.differences(other, publisher) for publisher in who) for other in found
    )


def _span(time: timedelta) -> str:
    days = max(time.days, 0)
    months = days // 30
    count, unit = (months, "month") if months >= 3 else (days, "day")
    return f"{count} {unit}{'s' * (count != 1)}"


def _drifts(memory: Memory, release: Release, threshold: Severity = "warning") -> bool:
    worst = drift.worst(drift.compare(memory, release))
    return worst is not None and RANK[worst] >= RANK[threshold]


def _decided(release: Release) -> bool:
    files = release.files
    return bool(files) and not any(file.status in recall.UNDECIDED for file in files)


def _learn(memory: Memory, release: Release, *, first: bool) -> Memory:
    """What one release teaches: identities, how long they are seen, or that there are none."""
    found = recall.publishers(release)
    if not found:
        bare = recall.bare(release.files) == list(release.files) != []
        known = any(not pin.pending for pin in memory.identities)
        teaches = bare and not known and not memory.none
        return replace(memory, none=release.version) if teaches else memory
    pins = list(memory.identities)
    for publisher in found:
        pin = recall.find(pins, publisher) or _renamed(memory, publisher)
        if pin:
            pins[pins.index(pin)] = _again(pin, publisher, release)
            continue
        trusted = recall.trusted(memory, release.uploaded)
        _, differences = recall.nearest(trusted, publisher)
        drifted = any(RANK[one.severity] >= RANK["warning"] for one in differences)
        pending = bool(memory.none) or (drifted and first)
        pins.append(_new(pins, publisher, release, pending=pending))
    known = any(not pin.pending for pin in pins)
    return replace(memory, identities=tuple(pins), none="" if known else memory.none)


def _renamed(memory: Memory, publisher: Publisher) -> Pinned | None:
    """The identity that this is under another name, or with an environment that is told now."""
    pin, differences = recall.nearest(recall.trusted(memory), publisher)
    return pin if {one.rule for one in differences} <= SAME_ONE and _mild(differences) else None


def _mild(differences: Sequence[changes.Difference]) -> bool:
    return all(one.severity == "note" for one in differences)


def _again(pin: Pinned, publisher: Publisher, release: Release) -> Pinned:
    """The identity, seen once more: today's names; long enough, and it is no longer pending."""
    fuller = {key: value for key, value in vars(publisher).items() if value}
    last = pin.last[1]
    if release.version == pin.last[0] or _moment(release.uploaded) <= _moment(last):
        return replace(pin, publisher=replace(pin.publisher, **fuller)) if last is None else pin
    since = pin.since[1]
    confirmed = bool(since and release.uploaded and release.uploaded - since >= CONFIRMED)
    return replace(
        pin,
        publisher=replace(pin.publisher, **fuller),
        last=(release.version, release.uploaded),
        seen=pin.seen + 1,
        pending=pin.pending and not confirmed,
    )


def _new(
    pins: list[Pinned],
    publisher: Publisher,
    release: Release,
    *,
    pending: bool = False,
    accepted: str = "",
) -> Pinned:
    at = (release.version, release.uploaded)
    number = max((pin.number for pin in pins), default=0) + 1
    return Pinned(publisher, at, at, pending=pending, accepted=accepted, number=number)


def _moment(when: datetime | None) -> float:
    return when.timestamp() if when else 0.0


def _links(memory: Memory, release: Release) -> Mapping[str, str]:
    """Where its links lead; those of a release that drifts, or changed them, are not taken."""
    moved = any(found.rule == "U05" for found in origin.compare(memory, release))
    if moved or _drifts(memory, release):
        return memory.links
    found = origin.targets(release)
    return {link: memory.links.get(link, "") for link in found} or memory.links
