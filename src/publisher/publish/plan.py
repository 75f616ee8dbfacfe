"""What the index has already, and so what is left to do: new, identical or in conflict."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from packaging.version import Version

from publisher.errors import AlreadyPublished, ReleaseClosed, ReleaseConflict
from publisher.http import Http, NetworkError
from publisher.models import OPEN_FOR, Dist, Listed, Plan, Planned
from publisher.publish.difference import describe
from publisher.publish.filename import version_of
from publisher.publish.simple import begin, fetch, listing, with_digest
from publisher.world import Index

UNKNOWN = "the index has a file of this name, without SHA-256, that can't be fetched to compare"
COMPARE_CAP = 512 << 20  # bytes of a conflicting file that we download to compare


def plan(http: Http, index: Index, dists: Iterable[Dist], *, skip_existing: bool) -> Plan:
    """Compare every file with the index. Reads only; an index without a simple API has nothing.

    Raises:
        ReleaseConflict, ReleaseClosed: As ``refuse``.
        AlreadyPublished: A file is there and ``skip_existing`` is false.
    """
    made = compare(http, index, tuple(dists))
    refuse(http, index, made)
    there = [dist.filename for dist in made.of("identical")]
    if there and not skip_existing:
        raise AlreadyPublished(
            f"{index.name} has {len(there)} of these files already",
            facts={"index": index.name, "files": there},
            hint="They are identical, proven by digest. Leave out --skip-existing=false to go on.",
        )
    return made


def refuse(http: Http, index: Index, made: Plan) -> None:
    """Let nothing pass that the index would not take.

    Raises:
        ReleaseConflict: A name is taken by other content; says what differs.
        ReleaseClosed: A release takes no further file.
    """
    planned = made.files
    if closed := {p.dist.filename: p.why for p in planned if p.state == "refused"}:
        name, why = next(iter(closed.items()))
        raise ReleaseClosed(
            f"{index.name} would not take {name}: {why}",
            facts={"index": index.name, "files": closed},
            hint="Nothing was signed or uploaded. Publish it as a new version, or publish only "
            "what the release takes.",
        )
    taken = [(p.dist, p.listed) for p in planned if p.state == "conflict" and p.listed]
    if taken:
        raise _conflict(http, index, taken)


def compare(http: Http, index: Index, dists: Sequence[Dist], projects: Iterable[str] = ()) -> Plan:
    """What the index has of these files, conflicts and all; ``projects`` are looked up, too.

    Raises:
        IndexUnreachable, IndexAnswerMalformed: No usable answer.
    """
    if index.simple_url is None:
        return Plan(tuple(Planned(dist, "new") for dist in dists))
    names = sorted({*projects, *(dist.project for dist in dists)})
    for name in names:
        begin(http, index, name)
    pages = {name: listing(http, index, name) for name in names}
    planned = []
    for dist in dists:
        listed = (pages[dist.project] or {}).get(dist.filename)
        planned.append(decide(dist, listed and with_digest(http, index, listed)))
    new = tuple(name for name, page in pages.items() if page is None)
    listed_now = {name: page for name, page in pages.items() if page}
    if not index.known:
        return Plan(tuple(planned), new, listed_now)
    closing = _closing(dists, pages)
    return Plan(tuple(_within_rules(planned, pages)), new, listed_now, closing)


def decide(dist: Dist, listed: Listed | None) -> Planned:
    """Compare one file with the index's entry of its name; pure."""
    if listed is None:
        return Planned(dist, "new")
    if listed.sha256 is None:
        return Planned(dist, "refused", listed, UNKNOWN)
    return Planned(dist, "identical" if listed.sha256 == dist.sha256 else "conflict", listed)


def _closing(
    dists: Iterable[Dist], pages: Mapping[str, Mapping[str, Listed] | None]
) -> dict[tuple[str, str], datetime]:
    """Until when each release takes files, as far as it has some whose age the index tells."""
    closing = {}
    for name, version in {(dist.project, dist.version) for dist in dists}:
        times = release_of(pages[name] or {}, version).values()
        if first := min((when for when in times if when), default=None):
            closing[name, version] = first + OPEN_FOR
    return closing


def _within_rules(
    planned: Sequence[Planned], pages: Mapping[str, Mapping[str, Listed] | None]
) -> Iterator[Planned]:
    """The same, but a new file that its release would not take is ``refused``."""
    now = datetime.now(UTC)
    new = {(one.dist.project, one.dist.version) for one in planned if one.state == "new"}
    releases = {(name, version): release_of(pages[name] or {}, version) for name, version in new}
    for one in planned:
        dist, why = one.dist, None
        if one.state == "new":
            why = barred(dist, releases[dist.project, dist.version], now)
        yield Planned(dist, "refused", why=why) if why else one


def release_of(page: Mapping[str, Listed], version: str) -> dict[str, datetime | None]:
    """When each file of a release was uploaded, by name (PEP 700), if the index says so; pure."""
    wanted = Version(version)
    return {name: one.uploaded for name, one in page.items() if version_of(name) == wanted}


def barred(dist: Dist, release: Mapping[str, datetime | None], now: datetime) -> str | None:
    """Why a release takes no further file like this one; pure.

    Args:
        dist: A file that the index doesn't have.
        release: What the index has of its release, as ``release_of`` tells it.
        now: The present.
    """
    sdists = sorted(name for name in release if not name.endswith(".whl"))
    if dist.kind == "sdist" and sdists:
        return f"the release has an sdist already, {sdists[0]}, and an index takes one"
    first = min((when for when in release.values() if when), default=now)
    if first < now - OPEN_FOR:
        return (
            f"the release was begun on {first:%Y-%m-%d}, and takes files for {OPEN_FOR.days} days"
        )
    return None


def _conflict(http: Http, index: Index, taken: list[tuple[Dist, Listed]]) -> ReleaseConflict:
    files = {}
    for dist, listed in taken:
        files[dist.filename] = {
            "yours": dist.sha256,
            "index": listed.sha256,
            "difference": _difference(http, index, dist, listed),
        }
    first = taken[0][0]
    return ReleaseConflict(
        f"{index.name} already has another {first.filename}: {files[first.filename]['difference']}",
        facts={"index": index.name, "files": files},
        hint="A name on the index can never be used for other content, not even after deleting "
        "it. Nothing was signed or uploaded. If something changed, publish it as a new version. "
        "If this completes a release that an earlier run began, publish the very files of that "
        "run: keep them as an artifact between jobs, since few builds give the same bytes twice.",
    )


def _difference(http: Http, index: Index, dist: Dist, listed: Listed) -> str:
    with tempfile.TemporaryDirectory(prefix="publisher-") as folder:
        other = Path(folder) / dist.filename
        try:
            with other.open("wb") as into:
                fetch(http, index, listed, into, COMPARE_CAP)
        except (NetworkError, OSError) as error:
            reason = getattr(error, "reason", error)
            return f"the index's file could not be fetched to compare ({reason})"
        return describe(dist.path, other)
