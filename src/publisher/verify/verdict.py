"""What an examination comes to: errors of the run as a whole, and the exit code."""

from __future__ import annotations

from collections.abc import Iterator

from publisher.errors import (
    Drift,
    EvidenceFails,
    EvidenceIncomplete,
    NothingVerified,
    PinsOutOfDate,
    PublisherError,
)
from publisher.verify.model import SEVERITIES, Change, Examination, Observed, Severity

SHOWN = 5
"""Names that fit into a sentence."""


def severe(change: Change, threshold: Severity) -> bool:
    """Whether a change is at or above a severity."""
    return SEVERITIES.index(change.severity) <= SEVERITIES.index(threshold)


def judge(examined: Examination, *, locked: bool) -> Iterator[PublisherError]:
    """What is wrong, the worst first; the first one's exit code is the run's.

    Args:
        examined: What was found out.
        locked: Whether every project must be pinned.
    """
    files = [file for verdict in examined.verdicts for file in verdict.files]
    failed = [file for file in files if file.status == "failed"]
    if failed:
        yield _fails(failed)
    changes = [change for verdict in examined.verdicts for change in verdict.changes]
    drift = [change for change in changes if severe(change, examined.fail_on)]
    if drift:
        yield _drift(drift, examined.fail_on)
    failing = bool(failed or drift)
    missing = [file for file in files if file.status == "incomplete"]
    if missing:
        yield _incomplete(missing)
    elif examined.command == "verify" and not failing and not _any_verified(files):
        why = "none of it is attested" if files else "nothing was looked at"
        yield NothingVerified(
            f"nothing was verified: {why}",
            hint="That says nothing against these projects: nobody vouched for who published them.",
        )
    unpinned = sorted({one.project for one in examined.verdicts if not (one.pinned or one.remark)})
    if locked and unpinned:
        yield PinsOutOfDate(
            f"identities.lock does not know {_names(unpinned)}",
            facts={"projects": unpinned},
            hint="Look at what is new, then run `publisher pin` and commit identities.lock.",
        )


def _any_verified(files: list[Observed]) -> bool:
    return any(file.status == "verified" for file in files)


def _fails(failed: list[Observed]) -> PublisherError:
    names = [_name(file) for file in failed]
    return EvidenceFails(
        f"the evidence for {_names(names)} does not hold: {failed[0].why}",
        facts={"files": dict(zip(names, [file.why for file in failed], strict=True))},
        hint="Don't install it until you know why: evidence that fails is worse than none.",
    )


def _drift(drift: list[Change], threshold: Severity) -> PublisherError:
    what = list(dict.fromkeys(f"{one.rule} {one.project} {one.version}" for one in drift))
    count = f"{len(drift)} finding{'s' if len(drift) > 1 else ''}"
    return Drift(
        f"{count} at or above {threshold}: {_names(what)}",
        facts={"findings": what} if len(what) > SHOWN else {},
    )


def _incomplete(missing: list[Observed]) -> PublisherError:
    names = [_name(file) for file in missing]
    return EvidenceIncomplete(
        f"nobody can say who published {_names(names)}: {missing[0].why}",
        facts={"files": dict(zip(names, [file.why for file in missing], strict=True))},
        hint="This is no sign of an attack, and no sign of none. Run again.",
    )


def _name(file: Observed) -> str:
    return file.filename or f"{file.project} {file.version}".rstrip()


def _names(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
