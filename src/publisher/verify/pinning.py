"""``pin``: remember who publishes; what has changed is only taken if somebody says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from packaging.version import Version

from publisher.errors import InvalidValue
from publisher.verify import changes, drift, recall, remember
from publisher.verify.checking import Check, changes_of
from publisher.verify.model import Change, Memory, Release, Severity, Verdict
from publisher.verify.pages import Page
from publisher.verify.shelf import NotHere
from publisher.verify.targets import Target
from publisher.verify.verdict import severe

HISTORY = 10
"""Releases that first use is informed by."""
MOVES = {"D02", "D07", "D11", "D12", "D14", "D27"}
"""Notes that tell a step away from what is remembered."""


@dataclass
class Pinning:
    """Learns from releases.

    ``memories`` is what is remembered afterwards, ``learned`` the verdicts that taught it. A
    release with a change at or above ``threshold`` teaches nothing, nor does one of a known project
    with a warning.
    """

    check: Check
    threshold: Severity
    now: datetime
    memories: dict[str, Memory] = field(default_factory=dict)
    given_up: list[str] = field(default_factory=list)
    """What acceptances took away, a sentence each."""
    learned: list[Verdict] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin with what is remembered already."""
        self.memories.update(self.check.memories)

    def all(self, targets: Sequence[Target]) -> list[Verdict]:
        """Look at each, learn from it, and say what was learned.

        Of a project in a lock, only what that lock installs stays remembered by its files.
        """
        projects: dict[str, list[Target]] = {}
        for target in targets:
            projects.setdefault(target.project, []).append(target)
        found = self.check.evidence.releases.each(self._project, projects.values())
        return [one for some in found for one in some]

    def _project(self, targets: Sequence[Target]) -> list[Verdict]:
        known = self.memories.get(targets[0].project)
        versions = {recall.spelling(known, target.version) for target in targets}
        keep = versions if targets[0].place else None
        return [self._one(target, keep) for target in targets]

    def accept(self, target: Target, who: str, reason: str) -> Verdict:
        """Trust whoever published this release from now on, if that is anything new.

        Raises:
            InvalidValue: Nobody may be asked, or it can't be verified: there is nothing to accept.
        """
        name = f"{target.project}=={target.version}"
        try:
            if silence := self.check.silence(target):
                raise NotHere(silence)
            page = self.check.page(target)
            release = self.check.evidence.release(page, self._version(page, target))
            known = self.memories.get(target.project)
            memory = known or self._first(page, target, release)
            taken = remember.accept(memory, release, who, self.now, reason)
        except (NotHere, ValueError) as error:
            raise InvalidValue(f"{name} can't be accepted: {error}") from error
        if known and not any(map(_acceptable, changes_of(known, release, target))):
            remark = "nothing to accept: it is as remembered"
        else:
            self.memories[target.project] = taken
            self.given_up += _given_up(memory, taken, release)
            remark = f"accepted by {who}"
        return Verdict(target.project, target.version, release.files, (), None, True, remark)

    def _one(self, target: Target, keep: set[str] | None) -> Verdict:
        if target.impossible or self.check.silence(target):
            return self.check.one(target)
        try:
            page = self.check.page(target)
            release = self.check.evidence.release(page, self._version(page, target))
        except NotHere:
            return self.check.one(target)
        found = self.check.judged(target, release)
        if any(file.status in {"failed", "incomplete"} for file in found.files):
            return found
        if any(severe(change, self.threshold) for change in found.changes):
            return replace(found, remark="not learned: somebody has to look at it first")
        memory = self.memories.get(target.project)
        if memory and any(_drifts(change) for change in found.changes):
            return replace(found, remark="not learned: the warning has to be accepted first")
        return self._learn(
            found, self._history(page, release) if memory is None else [release], keep
        )

    def _learn(self, found: Verdict, releases: list[Release], keep: set[str] | None) -> Verdict:
        memory = self.memories.get(found.project)
        told = "" if memory else remember.first_use(releases, self.now)
        learned = remember.remember(memory, releases, keep)
        if not (learned.identities or learned.none):
            return replace(found, remark="not learned: nobody can say who published it")
        self.memories[found.project] = learned
        changes = found.changes if memory else _in_history(learned, releases[-1], found.changes)
        if not any(map(_drifts, changes)):
            self.learned.append(found)
        return replace(found, changes=changes, pinned=True, remark=told)

    def _first(self, page: Page, target: Target, release: Release) -> Memory:
        before = [one for one in self._history(page, release) if one.version != release.version]
        return remember.remember(None, before) if before else Memory(target.project)

    def _history(self, page: Page, release: Release) -> list[Release]:
        """The releases up to this one, by when they came.

        One at least came 14 days before it, if any did: many releases in one day are no history.
        Of the others one file is enough, unless several workflows share the work.
        """
        came, here = page.came(), Version(release.version)
        if here not in came:
            return [release]  # in quarantine, an index shows no files
        known = list(came)
        before = known[: known.index(here)]
        last = before[-(HISTORY - 1) :]
        if older := [one for one in before if came[here] - came[one] >= remember.CONFIRMED]:
            last = last if older[-1] in last else [older[-1], *last[1:]]
        alone = len(recall.publishers(release)) < 2
        samples = [self.check.evidence.release(page, str(one), sample=alone) for one in last]
        return [*samples, release]

    def _version(self, page: Page, target: Target) -> str:
        """The version that is meant, as an earlier target of this run wrote it."""
        version = self.check.version(page, target)
        return recall.spelling(self.memories.get(target.project), version)


def _in_history(learned: Memory, release: Release, alone: tuple[Change, ...]) -> tuple[Change, ...]:
    """What is to be said on first use: of the release alone, and beside those before it."""
    beside = tuple(filter(_drifts, drift.compare(learned, release)))
    new = tuple(one for one in beside if one.rule not in {known.rule for known in alone})
    return (*new, *(one for one in alone if not (new and one.rule == "D00")))


def _drifts(change: Change) -> bool:
    """Whether ``remember`` learns nothing from a release with this change."""
    return change.rule.startswith("D") and severe(change, "warning")


def _acceptable(change: Change) -> bool:
    """Whether it says that a release is not as remembered; some notes are true of many for ever."""
    return change.severity != "note" or change.rule in MOVES


def _given_up(before: Memory, after: Memory, release: Release) -> Iterator[str]:
    """What is lost with the attestations of a project that had some."""
    trusted = [pin for pin in before.identities if not pin.pending]
    if trusted and after.none and not before.none:
        last = max(trusted, key=lambda pin: pin.number)
        yield (
            f"{release.project} {release.version} has no attestations, and that it had some is "
            f"given up ({changes.name(last.publisher)}, {recall.counted(last)}): anybody with a "
            "token for the index can publish it from now on, and nothing will be said"
        )


def changed(before: Mapping[str, Memory], after: Mapping[str, Memory]) -> list[str]:
    """The projects of which something new is remembered."""
    return sorted(name for name, memory in after.items() if before.get(name) != memory)
