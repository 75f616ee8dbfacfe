"""``verify``: who published what is asked about, and what changed since it was pinned."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from publisher.verify import drift, origin, recall
from publisher.verify.evidence import Evidence
from publisher.verify.locks import other_hash
from publisher.verify.model import Change, Memory, Observed, Release, Status, Verdict
from publisher.verify.pages import Page, read
from publisher.verify.shelf import NotHere
from publisher.verify.targets import Target
from publisher.world import Index


@dataclass(frozen=True)
class Expected:
    """Whom the user expects, as far as they say.

    A repository is a URL, or a name on GitHub; beside an issuer, a name on any forge. It ignores
    case, a slash at the end and ``.git``, as forges do; nothing else does.
    """

    repository: str = ""
    subject: str = ""
    issuer: str = ""

    def check(self, file: Observed) -> Observed:
        """The file; one that is proven to be somebody else's is a failure."""
        if file.status != "verified":
            return file
        for what, expected, found in (
            ("repository", *self._repositories(file)),
            ("subject", self.subject, {file.san}),
            ("issuer", self.issuer, {one.issuer for one in file.publishers}),
        ):
            if expected and found != {expected}:
                who = ", ".join(sorted(found)) or "nobody"
                why = f"its certificate names the {what} {who}, expected {expected}"
                return replace(file, status="failed", why=why)
        return file

    def demand(self, file: Observed) -> Observed:
        """The same of a file that is asked about: if anybody is expected, nobody is not enough."""
        if file.status in recall.BARE and (self.repository or self.subject or self.issuer):
            who = self.repository or self.subject or self.issuer
            return replace(file, status="failed", why=f"it has no attestation, expected {who}")
        return self.check(file)

    def _repositories(self, file: Observed) -> tuple[str, set[str]]:
        """The expected one and those that were found, with the forge unless it may be any."""
        scheme, _, path = self.repository.rpartition("://")
        expected = path.rstrip("/").removesuffix(".git").casefold()
        if not expected or (self.issuer and not scheme):
            return expected, {one.repository.casefold() for one in file.publishers}
        found = {f"{origin.home(one)}/{one.repository}".casefold() for one in file.publishers}
        return expected if scheme else f"{origin.FORGES['github']}/{expected}", found


@dataclass(frozen=True)
class Check:
    """Looks at releases on an index.

    Args:
        evidence: The way there.
        index: Gives the index for the URL that a lock names, or for none.
        memories: What is remembered, by project.
        private: Patterns of names that nobody is asked for.
        expected: Whom the user expects.
    """

    evidence: Evidence
    index: Callable[[str], Index]
    memories: Mapping[str, Memory]
    private: Sequence[str] = ()
    expected: Expected = field(default_factory=Expected)

    def all(self, targets: Sequence[Target]) -> list[Verdict]:
        """A verdict on each, in their order."""
        return self.evidence.releases.each(self.one, targets)

    def one(self, target: Target) -> Verdict:
        """What is to be said of one release."""
        pinned = target.project in self.memories
        if target.impossible:
            return unknown(target, target.impossible, status="failed")
        if why := self.silence(target):
            here, own = target.place, target.own
            return Verdict(target.project, target.version, place=here, remark=why, own=own)
        try:
            page = self.page(target)
            release = self.evidence.release(page, self.version(page, target))
        except NotHere as error:
            return unknown(target, str(error), pinned=pinned)
        return self.judged(target, release)

    def judged(self, target: Target, release: Release) -> Verdict:
        """The verdict on a release that was observed."""
        files = tuple(map(self.expected.check, release.files))
        memory = self.memories.get(target.project)
        wanted = tuple(self.expected.demand(file) for file in release.files if target.wants(file))
        changes = changes_of(memory, replace(release, files=files), target)
        if not wanted:
            why = "the index has no file of it with a digest that is asked about"
            if not files:
                why = f"the project is {release.project_status}, the index shows no files of it"
            wanted = missing(target, why)
        wanted = compared(target, wanted)
        pinned = memory is not None
        found = Verdict(target.project, release.version, wanted, changes, target.place, pinned)
        accepted = {one.version: one for one in memory.accepted} if memory else {}
        return replace(found, accepted=accepted.get(release.version))

    def silence(self, target: Target) -> str:
        """Why no index may be asked about it, or nothing."""
        if self._is_private(target.project):
            return "private: no index is asked"
        return target.elsewhere

    def _is_private(self, project: str) -> bool:
        """Whether no index may hear this name."""
        patterns = (re.sub("[-_.]+", "-", pattern).lower() for pattern in self.private)
        return any(fnmatchcase(project, pattern) for pattern in patterns)

    def page(self, target: Target) -> Page:
        """The project's page. Raises ``NotHere``."""
        return read(self.evidence.shelf, self.index(target.index), target.project)

    def version(self, page: Page, target: Target) -> str:
        """The version that is meant; a project in quarantine shows no files, so it may be any.

        Raises:
            NotHere: There is none.
        """
        latest = page.latest() if not target.version else None
        version = target.version or str(latest or "")
        if not page.release(version) and page.status != "quarantined":
            what = f"{target.project} {version}".rstrip()
            raise NotHere(f"the index has no files of {what} ({page.url})")
        return recall.spelling(self.memories.get(target.project), version)


def changes_of(memory: Memory | None, release: Release, target: Target) -> tuple[Change, ...]:
    """All that the rules find."""
    known = memory or Memory(release.project)
    return (
        *drift.compare(known, release, target.locked),
        *origin.compare(known, release),
    )


def compared(target: Target, files: tuple[Observed, ...]) -> tuple[Observed, ...]:
    """The files; of those that the lock names by another hash than SHA-256, nobody can say."""
    other = {name for name, digest in target.files if other_hash(digest)}
    why = "the lock has another hash of it than SHA-256, which is what the index tells"
    found = tuple(
        replace(file, status="incomplete", why=why)
        if file.filename in other and file.status != "failed"
        else file
        for file in files
    )
    unnamed = Observed(target.project, target.version, "", "", "incomplete", why)
    return (*found, unnamed) if "" in other else found


def unknown(
    target: Target, why: str, *, status: Status = "incomplete", pinned: bool = False
) -> Verdict:
    """The verdict on a release of which nothing good can be said."""
    files = missing(target, why, status)
    return Verdict(target.project, target.version, files, (), target.place, pinned)


def missing(target: Target, why: str, status: Status = "incomplete") -> tuple[Observed, ...]:
    """Its files, as far as they are known."""
    named = [(name, sha256) for name, sha256 in target.files if name] or [("", "")]
    return tuple(
        Observed(target.project, target.version, name, sha256, status, why)
        for name, sha256 in named
    )
