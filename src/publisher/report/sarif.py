"""What ``verify`` found, for code scanning (SARIF 2.1.0) and for a runner's annotations."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import publisher
from publisher.report.github import LEVELS, data, property_value
from publisher.report.text import plain, visible
from publisher.verify.model import SEVERITIES, Change, Examination, Place, Severity, Verdict

SARIF = "https://json.schemastore.org/sarif-2.1.0.json"
SCORES: dict[Severity, str] = {"critical": "9.0", "error": "7.0", "warning": "4.0", "note": "1.0"}
"""What code scanning sorts by; from 7.0 on it is high, from 9.0 on critical."""
FAILED = "evidence-fails"
"""Not a change but worse, so it has a rule of its own."""


def as_json(examined: Examination) -> str:
    """The examination as a SARIF log with one run."""
    found = list(_found(examined))
    mildest = sorted((change for _, change in found), key=_rank, reverse=True)
    rules = {change.rule: change for change in mildest}  # so each is as severe as its worst
    driver = {
        "name": "attested-publisher",
        "version": publisher.__version__,
        "rules": [_rule(change) for change in rules.values()],
    }
    results = [_result(verdict, change) for verdict, change in found]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    text = json.dumps({"$schema": SARIF, "version": "2.1.0", "runs": [run]}, indent=2)
    return text.replace("##[", "#\\u0023[") + "\n"  # else a runner reads a command


def commands(examined: Examination) -> Iterator[str]:
    """Workflow commands of GitHub's runner, at the line of the lock."""
    for verdict, change in _found(examined):
        level = LEVELS.get(change.severity, "notice")
        place = _place(verdict)
        where = f"file={property_value(place.path)},line={place.line}," if place.path else ""
        title = property_value(f"{change.rule} {change.project} {change.version}")
        yield f"::{level} {where}title={title}::{data(visible(change.message))}"
    for finding in examined.findings:
        level = LEVELS.get(finding.severity, "notice")
        text = data(visible("\n".join(filter(None, (finding.message, finding.hint)))))
        yield f"::{level} title={property_value(finding.code)}::{text}"


def _found(examined: Examination) -> Iterator[tuple[Verdict, Change]]:
    for verdict in examined.verdicts:
        for file in verdict.files:
            if file.status == "failed":
                what = f"the evidence for {file.filename} does not hold: {file.why}"
                failed = Change(
                    FAILED, "critical", file.project, file.version, what, file=file.filename
                )
                yield verdict, failed
        for change in verdict.changes:
            yield verdict, change


def _rule(change: Change) -> dict[str, object]:
    return {
        "id": change.rule,
        "name": plain(change.title or change.rule),
        "shortDescription": {"text": plain(change.title or change.rule)},
        "defaultConfiguration": {"level": _level(change)},
        "properties": {"security-severity": SCORES[change.severity], "tags": ["security"]},
    }


def _rank(change: Change) -> int:
    return SEVERITIES.index(change.severity)


def _level(change: Change) -> str:
    return LEVELS.get(change.severity, "note")


def _result(verdict: Verdict, change: Change) -> dict[str, object]:
    place = _place(verdict)
    region = {"startLine": place.line}
    location = {"artifactLocation": {"uri": place.path or "identities.lock"}, "region": region}
    title = f"{change.project} {change.version}: {change.message}"
    return {
        "ruleId": change.rule,
        "level": _level(change),
        "message": {"text": plain(title)},
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
