"""The drift rules: what is remembered of a project against what one release shows. Pure.

docs/drift.md lists them. Two need what we don't have and find nothing: D17 and D23 ask a forge
about the commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from publisher.verify import recall
from publisher.verify.changes import SSH_RERUN, name
from publisher.verify.locks import Locked, other_hash
from publisher.verify.model import Change, Memory, Observed, Publisher, Release, Seen, Severity
from publisher.verify.rules import RANK, change

LATE = timedelta(hours=24)
EARLY_SIGNED = timedelta(hours=6)
SKEW = timedelta(minutes=1)
"""How far the clocks of the log and of the index may differ."""


def compare(memory: Memory, release: Release, locked: Locked | None = None) -> tuple[Change, ...]:
    """What changed since it was remembered, worst first.

    Args:
        memory: What is remembered; an empty one finds only what is strange by itself.
        release: All files of one version as they are now.
        locked: What a lock file installs of it, if one does.
    """
    rules = (*_evidence(release, locked), *_presence(memory, release, locked))
    rules = (*rules, *_identities(memory, release), *_standing(memory, release))
    rules = (*rules, *_locked(release, locked))
    if recall.unchanged(memory, release):
        rules = tuple(found for found in rules if found.rule not in {"D02", "D03", "D18"})
    else:
        rules = (*rules, *_remembered(memory, release), *_times(release))
    return tuple(sorted(rules, key=lambda found: (-RANK[found.severity], found.rule, found.file)))


def _evidence(release: Release, locked: Locked | None) -> Iterator[Change]:
    """D24, D25: nothing is known, which is not nothing. D28: worse, of a file not asked about."""
    for file in release.files:
        asked = not (locked and locked.files) or locked.installs(file.filename, file.sha256)
        if file.status == "failed" and not asked:
            happened = f"the evidence for {file.filename} does not hold: {file.why}"
            yield change("D28", "warning", release, happened, file=file.filename)
        if any(publisher.kind == "unknown" for publisher in file.publishers):
            happened = f"{file.filename} was published by a kind of publisher unknown here"
            yield change("D24", "note", release, happened, file=file.filename)
        elif file.status == "incomplete":
            happened = (
                f"the evidence for {file.filename} could not be had: {file.why or 'no answer'}"
            )
            yield change("D25", "note", release, happened, file=file.filename)


def _presence(memory: Memory, release: Release, locked: Locked | None) -> Iterator[Change]:
    """D00, D01, D02, D18, D27: who has attestations, and had them."""
    proven, bare = recall.attested(release.files), recall.bare(release.files)
    known = [pin for pin in memory.identities if not pin.pending]
    lost = [file for file in bare if _lost(memory, file, release)]
    names = sorted(file.filename for file in bare)
    if proven and bare:
        yield _partial(memory, release, bare, locked)
    elif lost:
        last = max(known, key=lambda pin: pin.number)
        yield change(
            "D01",
            "error",
            release,
            "this release was not published the way those before it were: it has no attestation",
            before=f"{name(last.publisher)}, {recall.counted(last)}",
            now=f"{', '.join(names)}: no attestation",
            files=names,
        )
    elif bare and not known and bare == list(release.files):
        happened = "it has no attestations, and is not known to have had any"
        if any(file.status == "cannot-attest-here" for file in bare):
            happened = "it has no attestations, and can't have any where it lives"
        yield change("D00", "note", release, happened, files=names)
    if any(file.slsa and not file.publishers for file in bare):
        yield change(
            "D18", "warning", release, "it has SLSA provenance, but no publish attestation"
        )
    before = recall.previous(memory, release)
    if proven and before and before.slsa and not any(file.slsa for file in proven):
        happened = "the releases before it had SLSA provenance, this one has none"
        yield change("D18", "warning", release, happened)
    if proven and memory.none and not known:
        who = ", ".join(name(publisher) for publisher in recall.publishers(release))
        happened = f"it is attested, by {who}, and was not before"
        since = f"no attestations, since {memory.none}"
        yield change("D27", "note", release, happened, before=since, now=who)


def _lost(memory: Memory, file: Observed, release: Release) -> bool:
    when = file.uploaded or release.uploaded
    return not memory.none and recall.begun(memory, when)


def _partial(
    memory: Memory, release: Release, bare: list[Observed], locked: Locked | None
) -> Change:
    before = recall.previous(memory, release)
    severity: Severity = "warning"
    if locked and any(locked.installs(file.filename, file.sha256) for file in bare):
        severity = "error"
    if before and 0 < before.attested < before.total:
        severity = "note"  # as always
    names = sorted(file.filename for file in bare)
    have = "has" if len(bare) == 1 else "have"
    happened = f"{len(bare)} of its {len(release.files)} files {have} no attestation"
    now = f"{', '.join(names)}: no attestation"
    return change("D02", severity, release, happened, now=now, files=names)


def _identities(memory: Memory, release: Release) -> Iterator[Change]:
    """D03 to D16: who published it, and who did before."""
    found = recall.publishers(release)
    pins = recall.trusted(memory, release.uploaded)
    new = [publisher for publisher in found if recall.find(pins, publisher) is None]
    before = recall.previous(memory, release)
    if len(found) > 1 and (new or before is None or len(before.identities) < 2):
        who = [name(publisher) for publisher in found]
        happened = f"{len(found)} identities published it: {', '.join(who)}"
        yield change("D03", "error" if pins and new else "warning", release, happened, now=who)
    for publisher in new:
        files = _files_of(release, publisher)
        pin, differences = recall.nearest(pins, publisher)
        for rule, severity, happened, old, now in differences:
            since = f"{old}, {recall.counted(pin)}" if pin else old
            yield change(rule, severity, release, happened, before=since, now=now, files=files)
        if publisher.runner == SSH_RERUN and "D14" not in {found.rule for found in differences}:
            happened = "it was published by a job that was run again with SSH"
            yield change("D14", "critical", release, happened, now=SSH_RERUN, files=files)


def _files_of(release: Release, publisher: Publisher) -> list[str]:
    return sorted(file.filename for file in release.files if publisher in file.publishers)


def _remembered(memory: Memory, release: Release) -> Iterator[Change]:
    """D19: the files that were there when it was remembered."""
    seen = memory.releases.get(release.version)
    if seen is None or not release.files:
        return
    files = [file for file in release.files if _was_there(file.uploaded, seen.at)]
    if any(file.status in recall.UNDECIDED for file in files):
        return  # what can't be verified now is not known to differ
    if recall.digest(memory, files) != seen.digest:
        now = f"{_attested(len(recall.attested(release.files)), len(release.files))}; "
        now += "; ".join(_since_pinned(memory, release, seen, files))
        happened = "its files, their identities or their statements are not those that were pinned"
        before = _attested(seen.attested, seen.total)
        yield change("D19", "error", release, happened, before=before, now=now)


def _attested(some: int, total: int) -> str:
    return f"{some} of {total} file{'s' * (total != 1)} attested"


def _since_pinned(
    memory: Memory, release: Release, seen: Seen, files: list[Observed]
) -> Iterator[str]:
    """What differs, as far as is remembered: counts, identities, and one hash over all files."""
    came = [file.filename for file in release.files if file not in files]
    if came:
        yield f"new: {', '.join(sorted(came))}"
    if gone := max(seen.total - len(files), 0):
        yield f"gone: {gone if files else 'all'} of the {seen.total} that were pinned"
        return
    added = [
        one.filename
        for one in files
        if recall.digest(memory, [file for file in files if file is not one]) == seen.digest
    ]
    if added:
        yield f"new: {', '.join(added)}"
        return
    then = {pin.number for pin in memory.identities} & set(seen.identities)
    found = [publisher for file in recall.attested(files) for publisher in file.publishers]
    others = {
        name(publisher)
        for publisher in found
        if (pin := recall.find(memory.identities, publisher)) is None or pin.number not in then
    }
    if others:
        yield f"another identity: {', '.join(sorted(others))}"
    elif len(recall.attested(files)) == seen.attested:
        names = ", ".join(sorted(file.filename for file in files))
        yield f"another digest or statement, of one of these: {names}"
    else:
        bare = ", ".join(sorted(file.filename for file in recall.bare(files)))
        yield f"no attestation: {bare}" if bare else "attestations that were not there"


def _was_there(uploaded: datetime | None, at: datetime | None) -> bool:
    return uploaded is None or at is None or uploaded <= at


def _locked(release: Release, locked: Locked | None) -> Iterator[Change]:
    """D19, D20: what the lock file installs."""
    shown = {file.filename: file.sha256 for file in release.files}
    for filename, sha256 in locked.files if locked and shown else ():
        if filename and filename not in shown:
            happened = f"the index no longer has the locked file {filename}"
            yield change("D19", "error", release, happened, file=filename)
        elif filename and sha256 and not other_hash(sha256) and shown[filename] != sha256:
            happened = f"the index shows another SHA-256 for {filename} than the lock file"
            yield change(
                *("D20", "critical", release, happened),
                file=filename,
                before=sha256,
                now=shown[filename],
            )
    named = {sha256 for file, sha256 in locked.files if sha256 and not file} if locked else set()
    hashes = {sha256 for sha256 in named if not other_hash(sha256)}
    gone = sorted(hashes - set(shown.values())) if shown else []
    if gone and len(gone) == len(hashes):
        happened = "no file that the index shows has a SHA-256 that the lock file names"
        yield change("D20", "critical", release, happened, before=gone)
    else:
        for sha256 in gone:
            happened = f"the index no longer has the locked file with SHA-256 {sha256}"
            yield change("D19", "error", release, happened, before=sha256)


def _times(release: Release) -> Iterator[Change]:
    """D21, D22: when files came, and when they were signed."""
    times = [file.uploaded for file in release.files if file.uploaded]
    first = min(times, default=None)
    proven = recall.attested(release.files)
    runs: dict[Publisher, str] = {}
    for file in sorted(release.files, key=_age):
        if first and file.uploaded and file.uploaded - first > LATE:
            hours = int((file.uploaded - first).total_seconds() // 3600)
            severity: Severity = "error" if proven and file in recall.bare([file]) else "warning"
            happened = f"{file.filename} was added {hours} hours after its siblings"
            yield change("D21", severity, release, happened, file=file.filename, hours=hours)
        elif file.run and any(
            runs.setdefault(publisher, _run(file)) != _run(file) for publisher in file.publishers
        ):
            happened = f"{file.filename} comes from another run than its siblings"
            yield change("D21", "warning", release, happened, file=file.filename, now=file.run)
        yield from _order(release, file)


def _age(file: Observed) -> tuple[float, str]:
    return file.uploaded.timestamp() if file.uploaded else 0.0, file.filename


def _run(file: Observed) -> str:
    """The run without its attempt: GitHub signs ``.../runs/1/attempts/2``."""
    return file.run.partition("/attempts/")[0]


def _order(release: Release, file: Observed) -> Iterator[Change]:
    if not (file.logged and file.uploaded):
        return
    facts = {"logged": file.logged.isoformat(), "uploaded": file.uploaded.isoformat()}
    if file.logged - file.uploaded > SKEW:
        happened = f"{file.filename} was signed after it was uploaded"
        yield change("D22", "error", release, happened, file=file.filename, **facts)
    elif file.uploaded - file.logged > EARLY_SIGNED:
        happened = f"{file.filename} was signed more than 6 hours before it was uploaded"
        yield change("D22", "warning", release, happened, file=file.filename, **facts)


def _standing(memory: Memory, release: Release) -> Iterator[Change]:
    """D26: what the project or the index says of it today."""
    seen = memory.releases.get(release.version)
    yanked = [file.filename for file in release.files if file.yanked]
    if yanked and not (seen and seen.yanked):
        yield change("D26", "warning", release, "its maintainers yanked it", files=sorted(yanked))
    severities: dict[str, Severity] = {"quarantined": "critical", "archived": "note"}
    if severity := severities.get(release.project_status):
        yield change("D26", severity, release, f"the project is {release.project_status}")


def worst(changes: Iterable[Change]) -> Severity | None:
    """The highest severity among them."""
    return max((found.severity for found in changes), key=lambda kind: RANK[kind], default=None)
