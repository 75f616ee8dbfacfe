"""What a run came to, in words: pure functions from a ``Run`` to lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC

from publisher.models import OPEN_FOR, Attested, Dist, Placed, Run
from publisher.report import doctor
from publisher.report.text import flat, several, size, table

Line = tuple[str, str]
"""A line and its style."""

LOG_SEARCH = "https://search.sigstore.dev/?logIndex="
NOT_TRIED = Placed("not-tried")
THERE = ("uploaded", "already-there")
SHOWN = 3  # names of files in a sentence
ARRIVALS = {
    "verified": ", verified",
    "not-visible-yet": ", not visible yet",
    "unattested": ", without attestation",
    "different": ", SHOWN WITH OTHER CONTENT OR PROOF",
    "not-checked": "",
}
MADE = {"build": "Built", "attest": "Attested"}
AGAIN = (
    "Run the same command again: files that are there are recognised by their digest and skipped."
)


def summary(run: Run, links: Sequence[str] = ()) -> Iterator[Line]:
    """The releases with their files, who published them, and what to do next.

    Args:
        run: What happened.
        links: The pages of the releases, for people.
    """
    if run.review:
        yield from doctor.lines(run)
        return
    for release in releases(run):
        yield "", ""
        yield " ".join(release) + (f", tag {flat(run.tag)}" if run.tag else ""), "bold"
        dists = [dist for dist in run.dists if (dist.project, dist.version) == release]
        yield from _table(run, dists)
    yield from _errors(run)
    if run.identity or run.attested:
        yield "", ""
        yield from ((line, "") for line in who(run))
    steps = [*next_steps(run), *(f"See {flat(link)}" for link in links)]
    if steps:
        yield "", ""
        yield "Next:", "bold"
        yield from ((f"  {step}", "") for step in steps)


def last_word(run: Run) -> Line:
    """The last line of the output: what was published, however the run ended."""
    if run.review:
        return doctor.last_word(run)
    if run.command in MADE and not run.exit_code:
        names = ", ".join(" ".join(release) for release in releases(run))
        note = " IN A REHEARSAL: THE ATTESTATIONS ARE WORTH NOTHING" if run.rehearsal else ""
        return f"{MADE[run.command]} {names}{note}.", "bold green"
    if run.rehearsal:
        return f"REHEARSAL: NOTHING WAS PUBLISHED. {_how_it_went(run).upper()}", "bold magenta"
    if run.exit_code == 0:
        return _published(run)
    return f"{_how_it_went(run)} {_left_behind(run)}", "bold red"


def _published(run: Run) -> Line:
    names = ", ".join(" ".join(release) for release in releases(run))
    where = " and ".join(target.name for target in run.targets)
    if not any(place.status == "uploaded" for place in _places(run)):
        return f"Nothing new: {names} was on {where} already.", "bold green"
    if any(finding.code == "attestation-failed" for finding in run.findings):
        return f"Published {names} on {where} WITHOUT ATTESTATIONS.", "bold yellow"
    return f"Published {names} on {where}.", "bold green"


def releases(run: Run) -> list[tuple[str, str]]:
    """Project and version of each release, in the order of the dists."""
    return list(dict.fromkeys((dist.project, dist.version) for dist in run.dists))


def placed(run: Run, index: str, dist: Dist) -> Placed:
    """What became of a file on an index; ``not-tried`` when the run didn't come that far."""
    return run.placed.get(index, {}).get(dist.filename, NOT_TRIED)


def projects(run: Run) -> str:
    """The names of the projects, with spaces between them."""
    return " ".join(dict.fromkeys(dist.project for dist in run.dists))


def version(run: Run) -> str:
    """The version; empty if there are several."""
    versions = {dist.version for dist in run.dists}
    return versions.pop() if len(versions) == 1 else ""


def log_url(run: Run, one: Attested) -> str | None:
    """The page of a log entry; the log of a rehearsal, or one of your own, has none."""
    return f"{LOG_SEARCH}{one.log_index}" if run.logged_publicly else None


def _table(run: Run, dists: list[Dist]) -> Iterator[Line]:
    names = [target.name for target in run.targets]
    rows = [["file", "size", "sha256", *names, "log index"]]
    for dist in dists:
        attested = run.attested.get(dist.filename, ())
        rows.append(
            [
                flat(dist.filename),
                size(dist.size),
                dist.sha256[:12],
                *(fate(placed(run, name, dist)) for name in names),
                ", ".join(str(one.log_index) for one in attested) or "-",
            ]
        )
    yield from table(rows)


def fate(place: Placed) -> str:
    """What became of a file on an index, in two or three words."""
    return place.status.replace("-", " ") + ARRIVALS[place.arrival]


def _errors(run: Run) -> Iterator[Line]:
    for index, places in run.placed.items():
        for filename, place in places.items():
            if place.error:
                yield f"  {flat(filename)} on {index}: {flat(place.error)}", "red"


def who(run: Run) -> Iterator[str]:
    """Whose run it was, and whom the certificates name, in sentences."""
    if run.identity:
        verb = "Rehearsed" if run.rehearsal else "Ran"
        yield f"{verb} as {flat(run.identity.label)}, identified by {flat(run.identity.issuer)}."
    sans = Counter(
        san for them in run.attested.values() for san in {one.certificate.san for one in them}
    )
    for san, count in sans.items():
        yield f"{several(count, 'file')} attested by {flat(san)}."


def next_steps(run: Run) -> Iterator[str]:
    """What to do now, in sentences."""
    places = _places(run)
    late = sum(place.arrival == "not-visible-yet" for place in places)
    if run.exit_code == 8:
        yield "Find out why the index shows something else before anybody installs it."
    elif run.exit_code and any(place.status in THERE for place in places):
        yield from _lacking(run)
        if not run.rehearsal:
            yield AGAIN
    elif run.rehearsal and not run.exit_code and run.identity and run.targets:
        where = " and ".join(target.name for target in run.targets)
        if run.invented:
            yield f"`publisher doctor` in a checkout with a remote shows what {where} must know."
            return
        known = {k: v for k, v in run.identity.register.items() if k not in run.guessed}
        fields = "; ".join(f"{k}: {flat(v or '(leave empty)')}" for k, v in known.items())
        yield f"To publish for real, register this trusted publisher on {where}: {fields}."
        if run.guessed:
            due = (f"{k} ({v.removeprefix('unknown: ')})" for k, v in run.guessed.items())
            yield f"What else is due there was guessed for this rehearsal: {'; '.join(due)}."
        yield "Then run the same without rehearsing, as a step of that CI job."
    if late and not run.exit_code:
        yield (
            f"{several(late, 'file')} can't be seen on the index yet, which may take minutes. "
            "Running the same command again verifies them."
        )


def _lacking(run: Run) -> Iterator[str]:
    """What releases that are there in part lack, and until when it can be added."""
    for index, places in run.placed.items():
        for release in releases(run):
            names = [d.filename for d in run.dists if (d.project, d.version) == release]
            lacks = [name for name in names if places.get(name, NOT_TRIED).status not in THERE]
            if lacks and len(lacks) < len(names):
                more = f" and {len(lacks) - SHOWN} more" if len(lacks) > SHOWN else ""
                what = f"{', '.join(map(flat, lacks[:SHOWN]))}{more}"
                yield f"{index} lacks {what} of {' '.join(release)}{_until(run, index, release)}."


def _until(run: Run, index: str, release: tuple[str, str]) -> str:
    closing = run.closing.get(index)
    if closing is None:  # nobody knows of such a rule there
        return ""
    until = closing.get(release, run.started + OPEN_FOR).astimezone(UTC)
    return f", and takes files for it until {until:%Y-%m-%d %H:%M} UTC"


def _places(run: Run) -> list[Placed]:
    return [place for places in run.placed.values() for place in places.values()]


def _how_it_went(run: Run) -> str:
    failed = [step.name for step in run.steps if step.status == "failed"]
    if run.exit_code == 0:
        return f"Every step passed but {' and '.join(failed)}." if failed else "Every step passed."
    if run.exit_code in (130, 143):
        return "The run was interrupted."
    what = f"The step {failed[-1]!r}" if failed else "The run"
    return f"{what} failed (exit code {run.exit_code})."


def _left_behind(run: Run) -> str:
    """Which index has what, when a run did not end well."""
    found = [
        f"{index} has {count} of {several(len(run.dists), 'file')}"
        for index, places in run.placed.items()
        if (count := sum(p.status in THERE for p in places.values()))
    ]
    if any(place.error and "may be there" in place.error for place in _places(run)):
        found.append("a file was on its way when the run stopped, and may be there")
    return f"{', '.join(found)}." if found else "Nothing was published."
