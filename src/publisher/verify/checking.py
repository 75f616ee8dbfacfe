"""``verify``: who published what is asked about, and what changed since it was pinned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from publisher.verify import drift, origin
from publisher.verify.evidence import Evidence
from publisher.verify.model import Change, Memory, Observed, Release, Status, Verdict
from publisher.verify.pages import Page, read
from publisher.verify.shelf import NotHere
from publisher.verify.targets import Target
from publisher.world import Index


@dataclass(frozen=True)
class Expected:
    """Whom the user expects, as far as they say.

    Names of repositories ignore case, a slash at the end and ``.git``, as forges do.
    """

    repository: str = ""
    subject: str = ""
    issuer: str = ""

    def check(self, file: Observed) -> Observed:
        """The file; one that is proven to be somebody else's is a failure."""
        if file.status != "verified":
            return file
        for what, expected, found in (
            (
                "repository",
                self.repository.rstrip("/").removesuffix(".git"),
                {one.repository for one in file.publishers},
            ),
            ("subject", self.subject, {file.san}),
            ("issuer", self.issuer, {one.issuer for one in file.publishers}),
        ):
            if expected and {one.lower() for one in found} != {expected.lower()}:
                who = ", ".join(sorted(found)) or "nobody"
                why = f"its certificate names the {what} {who}, expected {expected}"
                return replace(file, status="failed", why=why)
        return file


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
        wanted = tuple(file for file in files if target.wants(file))
        changes = changes_of(memory, replace(release, files=files), target)
        if not wanted:
            why = "the index has no file of it with a digest that is asked about"
            if not files:
                why = f"the project is {release.project_status}, the index shows no files of it"
            wanted = missing(target, why)
        pinned = memory is not None
        found = Verdict(target.project, release.version, wanted, changes, target.place, pinned)
        accepted = {one.version: one for one in memory.accepted} if memory else {}
        return replace(found, accepted=accepted.get(release.version))

    def silence(self, target: Target) -> str:
        """Why no index may be asked about it, or nothing."""
        if any(fnmatchcase(target.project, pattern) for pattern in self.private):
            return "private: no index is asked"
        return target.elsewhere

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
        return version


def changes_of(memory: Memory | None, release: Release, target: Target) -> tuple[Change, ...]:
    """All that the rules find."""
    known = memory or Memory(release.project)
    return (
        *drift.compare(known, release, target.locked),
        *origin.compare(known, release),
    )


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
