"""Whether a release goes on as those before it were published; said before anything is signed.

PyPI compares each release with the one before it, and labels what it finds:
https://github.com/pypi/warehouse/pull/20326. So does everybody who locks identities.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from packaging.utils import canonicalize_version
from packaging.version import Version

from publisher.errors import ChangedProvenance
from publisher.http import Http, NetworkError
from publisher.models import Finding, Identity, Listed, Plan, Target
from publisher.publish.crew import together
from publisher.publish.filename import version_of
from publisher.publish.simple import INTEGRITY_JSON
from publisher.remarks import remark
from publisher.world import Index

LOOK_BACK = 3  # releases
PARALLEL = 16

Publisher = Mapping[str, str | None]
"""A PEP 740 publisher object."""


@dataclass(frozen=True)
class Release:
    """One that gets new files, and ``last``, the one to compare it with.

    ``attested`` are the files of ``last`` that have provenance; ``begun`` says whether the index
    shows provenance of the release itself already.
    """

    project: str
    version: str
    last: str
    attested: tuple[str, ...]
    begun: bool


def releases(made: Plan) -> Iterator[Release]:
    """The releases of a plan that have something to be compared with; pure."""
    for project, version in sorted({(dist.project, dist.version) for dist in made.of("new")}):
        pages: dict[Version, list[Listed]] = {}
        for name, listed in made.pages.get(project, {}).items():
            if (found := version_of(name)) and not listed.yanked:
                pages.setdefault(found, []).append(listed)
        begun = any(listed.provenance_url for listed in pages.pop(Version(version), ()))
        for last in sorted(pages, reverse=True)[:LOOK_BACK]:
            if attested := tuple(one.filename for one in pages[last] if one.provenance_url):
                yield Release(project, version, str(last), attested, begun)
                break


def changed(now: Publisher, last: Collection[Publisher]) -> bool:
    """Whether a release is from another publisher than the one before; pure.

    The index also calls a release changed that lacks one of several publishers. Here it is not,
    since another run may still add that one's files.
    """
    return _source(now) not in {_source(publisher) for publisher in last}


def _source(publisher: Publisher) -> frozenset[tuple[str, str]]:
    """What must stay the same: as for the index, the environment need not."""
    return frozenset(
        (name, value.lower() if name == "repository" else value)
        for name, value in publisher.items()
        if isinstance(value, str) and name != "environment"
    )


def begin(http: Http, index: Index, made: Plan) -> None:
    """Ask already for what a comparison wants to know first."""
    for release in releases(made) if index.known else ():
        http.begin_get(_url(index, release, release.attested[0]), accept=INTEGRITY_JSON)


@dataclass(frozen=True)
class Comparison:
    """Compares what goes to an index with who published the last releases there.

    ``target`` says whether attestations go along, ``allow`` what is accepted
    (``changed-provenance=VERSION``); ``note`` is told if it can't be found out. An index that we
    don't know is not asked.
    """

    http: Http
    index: Index
    target: Target
    allow: Collection[str]
    note: Callable[[Finding], None]

    def check(self, made: Plan, who: Identity | None) -> None:
        """Stop a release that users would take for somebody else's; ``who`` attests it.

        Raises:
            ChangedProvenance: Earlier releases were attested, or published by another publisher.
        """
        for release in releases(made) if self.index.known else ():
            if _accepted(release, self.allow):
                continue
            if self.target.attestations != "off":
                if who and who.publisher:  # else a review has said already what is wrong
                    self._same(release, who.publisher)
            elif not release.begun:
                raise _lost(self.index, release, self.target)

    def _same(self, release: Release, now: Publisher) -> None:
        try:
            last = self._publishers(release, now)
        except (NetworkError, ValueError) as error:
            what = f"who published {release.project} {release.last} could not be read"
            hint = "So it is not known whether this release goes on as that one."
            self.note(remark("provenance-not-readable", what, hint=hint, reason=str(error)))
            return
        if changed(now, last):
            raise _changed(self.index, release, now, last[0])

    def _publishers(self, release: Release, now: Publisher) -> Sequence[Publisher]:
        """Who published the last release: one file says it, unless that was somebody else."""
        first, *others = release.attested
        read = partial(self._read, release)
        found = read(first)
        if changed(now, found):
            found += [one for more in together(read, others, PARALLEL) for one in more]
        return found

    def _read(self, release: Release, filename: str) -> list[Publisher]:
        """The publishers that the index names for a file (PEP 740).

        Raises:
            NetworkError, ValueError: There is nothing to be read.
        """
        answer = self.http.get(_url(self.index, release, filename), accept=INTEGRITY_JSON)
        if answer.status != 200:
            raise ValueError(f"{answer.url} answered {answer.status}")
        bundles = answer.json_object().get("attestation_bundles")
        found = [
            bundle["publisher"]
            for bundle in (bundles if isinstance(bundles, list) else [])
            if isinstance(bundle, dict) and isinstance(bundle.get("publisher"), dict)
        ]
        if not found:
            raise ValueError(f"{answer.url} names no publisher")
        return found


def lost(index: Index, made: Plan) -> Iterator[Finding]:
    """What to say of releases that go without attestations, unlike those before; pure."""
    for release in releases(made) if index.known else ():
        if not release.begun:
            what = f"{_lacks(index, release)}; users who lock identities will refuse it"
            yield remark("attestation-failed", what)


def _accepted(release: Release, allow: Collection[str]) -> bool:
    versions = (one.partition(f"{ChangedProvenance.code}=")[2] for one in allow)
    return canonicalize_version(release.version) in map(canonicalize_version, versions)


def _url(index: Index, release: Release, filename: str) -> str:
    return index.provenance_url(release.project, release.last, filename)


def _lost(index: Index, release: Release, target: Target) -> ChangedProvenance:
    before = f"{release.last}: {len(release.attested)} files attested"
    facts = {"before": before, "now": target.why}
    return ChangedProvenance(_lacks(index, release), facts=facts, hint=_hint(release))


def _lacks(index: Index, release: Release) -> str:
    name = f"{release.project} {release.version}"
    return (
        f"{name} would have no attestations, and {release.last} has: {index.name} calls that "
        "lost-provenance"
    )


def _changed(index: Index, release: Release, now: Publisher, last: Publisher) -> ChangedProvenance:
    before, after = dict(_source(last)), dict(_source(now))
    parts = [name for name in {**last, **now} if before.get(name) != after.get(name)]
    changes = ", ".join(
        f"{one} {last.get(one) or 'none'} -> {now.get(one) or 'none'}" for one in parts
    )
    return ChangedProvenance(
        f"{release.project} {release.version} comes from elsewhere than {release.last} "
        f"({changes}): {index.name} calls that changed-provenance",
        facts={"before": {"version": release.last, **last}, "now": dict(now), "changed": parts},
        hint=_hint(release),
    )


def _hint(release: Release) -> str:
    return (
        "Nothing was signed or uploaded. Users who lock identities will refuse this release. "
        "If it is meant, and they know: --allow changed-provenance="
        f"{release.version}. If not, publish it the way the last one was."
    )
