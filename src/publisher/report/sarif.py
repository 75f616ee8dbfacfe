"""What ``verify`` found, for code scanning (SARIF 2.1.0) and for a runner's annotations."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import publisher
from publisher.models import Finding
from publisher.report import verdicts
from publisher.report.github import LEVELS, data, property_value
from publisher.report.text import plain, visible
from publisher.verify.model import (
    SEVERITIES,
    Change,
    Examination,
    Observed,
    Place,
    Severity,
    Verdict,
)

SARIF = "https://json.schemastore.org/sarif-2.1.0.json"
SCORES: dict[Severity, str] = {"critical": "9.0", "error": "7.0", "warning": "4.0", "note": "1.0"}
"""What code scanning sorts by; from 7.0 on it is high, from 9.0 on critical."""
FAILED = "evidence-fails"
"""Not a change but worse, so it has a rule of its own."""
NOT_SAFE = "Don't install it until you know why: evidence that fails is worse than none."
TOLD = {"drift", FAILED}
"""Errors of a run that are told change by change, file by file."""


def as_json(examined: Examination) -> str:
    """The examination as a SARIF log with one run."""
    found = list(_found(examined))
    mildest = sorted((change for _, change in found), key=_rank, reverse=True)
    rules = {change.rule: change for change in mildest}  # so each is as severe as its worst
    driver = {
        "name": "attested-publisher",
        "version": publisher.__version__,
        "rules": [_rule(examined, change) for change in rules.values()],
    }
    results = [_result(examined, verdict, change) for verdict, change in found]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    text = json.dumps({"$schema": SARIF, "version": "2.1.0", "runs": [run]}, indent=2)
    return text.replace("##[", "#\\u0023[") + "\n"  # else a runner reads a command


def commands(examined: Examination) -> Iterator[str]:
    """Workflow commands of GitHub's runner, at the line of the lock."""
    for verdict, change in _found(examined):
        level = _level(examined, change).replace("note", "notice")
        place = _place(verdict)
        where = f"file={property_value(place.path)},line={place.line}," if place.path else ""
        title = property_value(f"{change.rule} {_release(change)}".rstrip())
        lines = [change.message, *_more(examined, verdict, change)]
        yield f"::{level} {where}title={title}::{data(chr(10).join(map(visible, lines)))}"


def _found(examined: Examination) -> Iterator[tuple[Verdict, Change]]:
    """All that is to be said, and last why the run fails, where that is no change."""
    for verdict in examined.verdicts:
        for file in verdict.files:
            if file.status == "failed":
                what = f"the evidence for {file.filename} does not hold: {file.why}"
                yield verdict, _reason(FAILED, file, what, NOT_SAFE, severity="critical")
        for change in verdict.changes:
            yield verdict, change
    for finding in examined.findings:
        if finding.code not in TOLD:
            yield from _why(examined, finding)


def _why(examined: Examination, finding: Finding) -> Iterator[tuple[Verdict, Change]]:
    """A reason for the exit code, at each release that brings it about, else at the first."""
    blamed: list[tuple[Verdict, str]] = []
    for verdict in examined.verdicts:
        bad = next((file for file in verdict.files if file.status == "incomplete"), None)
        if finding.code == "evidence-incomplete" and bad:
            blamed.append((verdict, f"nobody can say who published it: {bad.why}"))
        elif finding.code == "pins-out-of-date" and not (verdict.pinned or verdict.remark):
            blamed.append((verdict, "it is not in identities.lock"))
    for verdict, what in blamed:
        yield verdict, _reason(finding.code, verdict, what, finding.hint)
    if not blamed:
        place = next((one.place for one in examined.verdicts if one.place), None)
        nobody = Verdict("", "", place=place)
        yield nobody, _reason(finding.code, nobody, finding.message, finding.hint)


def _reason(
    code: str, about: Observed | Verdict, what: str, hint: str, severity: Severity = "error"
) -> Change:
    message = f"{what[:1].upper()}{what[1:]}. {hint}".rstrip()
    title = code.replace("-", " ")
    return Change(
        code, severity, about.project, about.version, message, title=title, advice=hint or what
    )


def _release(change: Change) -> str:
    return f"{change.project} {change.version}".strip()


def _more(examined: Examination, verdict: Verdict, change: Change) -> Iterator[str]:
    """What was, what is, and the command that accepts it."""
    yield from (f"{name}: {value}" for name, value in verdicts.compared(change))
    command = verdicts.way_out(examined, verdict)
    if command and (change.severity != "note" or examined.fails(change)):
        yield f"accept: {command}"


def _rule(examined: Examination, change: Change) -> dict[str, object]:
    return {
        "id": change.rule,
        "name": plain(change.title or change.rule),
        "shortDescription": {"text": plain(change.title or change.rule)},
        "help": {"text": plain(change.advice or change.message)},
        "defaultConfiguration": {"level": _level(examined, change)},
        "properties": {"security-severity": SCORES[change.severity], "tags": ["security"]},
    }


def _rank(change: Change) -> int:
    return SEVERITIES.index(change.severity)


def _level(examined: Examination, change: Change) -> str:
    return "error" if examined.fails(change) else LEVELS.get(change.severity, "note")


def _result(examined: Examination, verdict: Verdict, change: Change) -> dict[str, object]:
    place = _place(verdict)
    region = {"startLine": place.line}
    location = {"artifactLocation": {"uri": place.path or "identities.lock"}, "region": region}
    release = _release(change)
    first = f"{release}: {change.message}" if release else change.message
    lines = [first, *_more(examined, verdict, change)]
    return {
        "ruleId": change.rule,
        "level": _level(examined, change),
        "message": {"text": "\n".join(map(plain, lines))},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"identityDrift/v1": fingerprint(verdict, change)},
    }


def fingerprint(verdict: Verdict, change: Change) -> str:
    """The same for as long as it is the same change: project, rule, and who it is now."""
    seen = [one for file in verdict.files for one in file.publishers]
    now = {f"{one.issuer} {one.repository_id or one.repository or one.email}" for one in seen}
    text = "\n".join((change.project, change.rule, *sorted(now)))
    return hashlib.sha256(text.encode()).hexdigest()


def _place(verdict: Verdict) -> Place:
    return verdict.place or Place("")
