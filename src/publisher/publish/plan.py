"""What the index has already, and so what is left to do: new, identical or in conflict."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from publisher.errors import AlreadyPublished, ReleaseConflict
from publisher.http import Http, NetworkError
from publisher.models import Dist, Listed, Plan, Planned
from publisher.publish.difference import describe
from publisher.publish.simple import listing, with_digest
from publisher.world import Index

COMPARE_CAP = 512 << 20  # bytes of a conflicting file that we download to compare


def plan(http: Http, index: Index, dists: Iterable[Dist], *, skip_existing: bool) -> Plan:
    """Compare every file with the index. Reads only; an index without a simple API has nothing.

    Raises:
        ReleaseConflict: A name is taken by other content; says what differs.
        AlreadyPublished: A file is there and ``skip_existing`` is false.
    """
    made = compare(http, index, tuple(dists))
    refuse_conflicts(http, index, made)
    there = [dist.filename for dist in made.of("identical")]
    if there and not skip_existing:
        raise AlreadyPublished(
            f"{index.name} has {len(there)} of these files already",
            facts={"index": index.name, "files": there},
            hint="They are identical, proven by digest. Leave out --skip-existing=false to go on.",
        )
    return made


def refuse_conflicts(http: Http, index: Index, made: Plan) -> None:
    """Say what differs, if a name is taken.

    Raises:
        ReleaseConflict: One is.
    """
    planned = made.files
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
    pages = {name: listing(http, index, name) for name in names}
    planned = []
    for dist in dists:
        listed = (pages[dist.project] or {}).get(dist.filename)
        planned.append(decide(dist, listed and with_digest(http, listed)))
    return Plan(tuple(planned), tuple(name for name, page in pages.items() if page is None))


def decide(dist: Dist, listed: Listed | None) -> Planned:
    """Compare one file with the index's entry of its name; pure."""
    if listed is None:
        return Planned(dist, "new")
    return Planned(dist, "identical" if listed.sha256 == dist.sha256 else "conflict", listed)


def _conflict(http: Http, index: Index, taken: list[tuple[Dist, Listed]]) -> ReleaseConflict:
    files = {}
    for dist, listed in taken:
        files[dist.filename] = {
            "yours": dist.sha256,
            "index": listed.sha256 or "no sha256 listed",
            "difference": _difference(http, dist, listed),
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


def _difference(http: Http, dist: Dist, listed: Listed) -> str:
    with tempfile.TemporaryDirectory(prefix="publisher-") as folder:
        other = Path(folder) / dist.filename
        try:
            with other.open("wb") as into:
                http.download(listed.url, into, COMPARE_CAP)
        except (NetworkError, OSError) as error:
            reason = getattr(error, "reason", error)
            return f"the index's file could not be fetched to compare ({reason})"
        return describe(dist.path, other)
