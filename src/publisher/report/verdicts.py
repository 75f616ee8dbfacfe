"""What ``verify`` and ``pin`` found: text for people, and ``publisher.verify/1`` for machines."""

from __future__ import annotations

import json
import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from publisher.report import files, plain
from publisher.report.console import STYLES, Console
from publisher.report.record import described, plain_value
from publisher.report.text import flat, several, table, utc, wrap
from publisher.verify.model import Change, Examination, Observed, Publisher, Verdict

SCHEMA = "publisher.verify/1"
Line = tuple[str, str]
BARE = {"unattested", "cannot-attest-here"}
UNDECIDED = {"failed", "incomplete"}
"""Nobody can accept these."""
LABEL, WIDTH = 11, 100
"""Columns of the words before the facts of a change, and of lines."""


def as_report(examined: Examination) -> dict[str, Any]:
    """``publisher.verify/1``: one result for each file, with what is said of its release."""
    root = examined.trust
    report = {
        "schema": SCHEMA,
        "command": examined.command,
        "exit_code": examined.exit_code,
        "fail_on": examined.fail_on,
        "requests": examined.requests,
        "trust_root": {"sha256": root.sha256, "date": _time(root.date), "stale": root.stale}
        if root
        else None,
        "results": [result for verdict in examined.verdicts for result in _results(verdict)],
        "findings": [described(finding) for finding in examined.findings],
    }
    return {key: plain_value(value, key) for key, value in report.items()}


def as_json(examined: Examination) -> str:
    """``as_report`` as text, in ASCII."""
    return json.dumps(as_report(examined), indent=2).replace("##[", "#\\u0023[") + "\n"


def write(examined: Examination, path: Path) -> None:
    """Write the report at once. Raises ``CannotWrite``."""
    files.write(as_json(examined), path, "report")


def show(text: str) -> None:
    """Write what a machine reads to standard output."""
    if text:
        plain.show(text, sys.stdout)


def tell(console: Console, examined: Examination, *, verbose: bool) -> None:
    """Show people what was found; notes one by one only if they fail or all of it is wanted.

    What a rule may mean is said once.
    """
    console.lines(lines(examined, verbose=verbose), loud=False)
    advised: set[str] = set()
    for verdict in examined.verdicts:
        for change in verdict.changes:
            if verbose or change.severity != "note" or examined.fails(change):
                console.lines(change_lines(change, advise=change.rule not in advised), loud=True)
                advised.add(change.rule)
        if accept := way_out(examined, verdict):
            console.lines([(f"  {'accept':<{LABEL}}{flat(accept)}", "dim")], loud=True)
    changes = [change for verdict in examined.verdicts for change in verdict.changes]
    quiet = [one for one in changes if one.severity == "note" and not examined.fails(one)]
    notes = Counter(change.rule for change in quiet)
    if notes and not verbose:
        titles = {change.rule: change.title for change in changes}
        what = ", ".join(f"{notes[rule]}x {rule} {titles[rule]}" for rule in sorted(notes))
        console.lines([(f"notes: {what} (--verbose shows them)", "dim")], loud=False)
    console.lines(_uncompared(examined), loud=False)


def way_out(examined: Examination, verdict: Verdict) -> str:
    """The command that accepts a release, where there is something that can be accepted."""
    told = [one for one in verdict.changes if one.severity != "note" or examined.fails(one)]
    if not told or status(verdict) in UNDECIDED:
        return ""
    place = verdict.place
    lock = f"{shlex.quote(place.path)} " if place and not place.usual else ""
    return f"publisher pin {lock}--accept {verdict.project}=={verdict.version} --reason TEXT"


def _uncompared(examined: Examination) -> Iterator[Line]:
    """That of what a lock installs, not all is remembered, unless that is an error already."""
    locked = {one.project: one.pinned for one in examined.verdicts if one.place and not one.remark}
    new = sum(not pinned for pinned in locked.values())
    if examined.command == "verify" and new and not examined.findings:
        what = f"not pinned: {new} of {several(len(locked), 'project')}"
        yield f"{what}; there is nothing to compare with until `publisher pin`", "dim"


def lines(examined: Examination, *, verbose: bool = False) -> Iterator[Line]:
    """A line for each release: how it stands, who published it, and what else is to be said."""
    if not examined.verdicts:
        return
    rows = [["status", "release", "files", "published by", ""]]
    rows += [_row(verdict) for verdict in examined.verdicts if not verdict.own]
    if len(rows) > 1:
        yield from table(rows)
    own = sum(verdict.own for verdict in examined.verdicts)
    if own and verbose:
        yield f"  {several(own, 'project')} of your own, not asked about", "dim"
    for file in (file for verdict in examined.verdicts for file in verdict.files if verbose):
        log = f", log entry {file.log_index} of {_time(file.logged)}" if file.logged else ""
        yield f"  {flat(file.filename)}: {file.status}{log} {flat(file.why)}".rstrip(), "dim"
    root = examined.trust
    if root and root.date and (verbose or root.stale):
        ended = "HAS ENDED" if root.stale else "is good until"
        yield f"  trust root {root.sha256[:12]} {ended} {_time(root.date)}", "dim"
    for verdict in examined.verdicts:
        if verbose and (taken := verdict.accepted):
            what = f"{taken.who}, {taken.when.date()}: {taken.reason}"
            yield f"  {flat(f'{verdict.project} {verdict.version}: accepted by {what}')}", "dim"
        if verdict.files and verdict.remark:
            yield f"  {flat(verdict.project)}: {flat(verdict.remark)}", ""


def change_lines(change: Change, *, advise: bool = True) -> Iterator[Line]:
    """A change as a person reads it: what happened, what was, what is, what it may mean."""
    what = f"{change.severity} {change.rule} {change.title}".rstrip()
    yield f"{what}: {flat(change.project)} {flat(change.version)}", STYLES[change.severity]
    for name, value in compared(change):
        yield f"  {name:<{LABEL}}{flat(value)}", ""
    if change.file:
        yield f"  {'file':<{LABEL}}{flat(change.file)}", ""
    message = change.message if advise else change.message.removesuffix(change.advice)
    yield from ((line, "") for line in wrap(flat(message.rstrip()), WIDTH, "  "))


def compared(change: Change) -> Iterator[tuple[str, str]]:
    """What was and what is, each with its label."""
    links = change.rule in {"U01", "U02", "U03"}
    names = ("publisher", "its link") if links else ("until now", "now")
    for name, value in zip(names, ("before", "now"), strict=True):
        if change.facts.get(value):
            yield name, _fact(change.facts[value])


def last_word(examined: Examination) -> Line:
    """What it all comes to, in one line."""
    seen = [file for verdict in examined.verdicts for file in verdict.files]
    verified = sum(file.status == "verified" for file in seen)
    what = f"{verified} of {several(len(seen), 'file')} verified" if seen else "Nothing verified"
    if examined.exit_code:
        return f"{what}; exit code {examined.exit_code}.", "bold red"
    changes = [change for verdict in examined.verdicts for change in verdict.changes]
    if bare := sum(file.status in BARE for file in seen):
        what += f", {bare} {'has' if bare == 1 else 'have'} no attestation"
    if loud := sum(change.severity != "note" for change in changes):
        return f"{what}; {several(loud, 'finding')} to look at.", "bold yellow"
    return (f"{what}." if bare else f"{what}, nothing else to say."), "bold green"


def who(publisher: Publisher) -> str:
    """An identity in a few words: ``github octo-org/widget release.yml (tag)``."""
    name = publisher.repository or publisher.email or publisher.signer or publisher.issuer
    ref = f"({publisher.ref})" if publisher.ref not in {"", "-"} else ""
    return " ".join(part for part in (publisher.kind, name, publisher.workflow, ref) if part)


def status(verdict: Verdict) -> str:
    """The least of what its files are; what was not looked at is ``not asked``."""
    order = ("failed", "incomplete", "unattested", "cannot-attest-here", "verified")
    found = {file.status for file in verdict.files}
    return next((one for one in order if one in found), "not asked")


def _row(verdict: Verdict) -> list[str]:
    publishers = dict.fromkeys(one for file in verdict.files for one in file.publishers)
    why = next((file.why for file in verdict.files if file.why), "")
    verified = sum(file.status == "verified" for file in verdict.files)
    rules = dict.fromkeys(change.rule for change in verdict.changes if change.severity != "note")
    accepted = f"accepted by {verdict.accepted.who}" if verdict.accepted else ""
    return [
        status(verdict),
        flat(f"{verdict.project} {verdict.version}"),
        f"{verified}/{len(verdict.files)}",
        flat(", ".join(map(who, publishers)) or "-"),
        flat(" ".join(rules) or why or ("" if verdict.files else verdict.remark) or accepted),
    ]


def _results(verdict: Verdict) -> Iterator[dict[str, object]]:
    seen = verdict.files or (
        Observed(verdict.project, verdict.version, "", "", "incomplete", verdict.remark),
    )
    first = seen[0].filename
    named = {file.filename for file in seen}
    for file in seen:
        changes = [
            change
            for change in verdict.changes
            if (change.file if change.file in named else first) == file.filename
        ]
        yield _result(verdict, file, changes)


def _result(verdict: Verdict, file: Observed, changes: list[Change]) -> dict[str, object]:
    place = verdict.place
    log = {"index": file.log_index, "integrated_time": _time(file.logged)}
    return {
        "file": file.filename or None,
        "sha256": file.sha256 or None,
        "project": file.project,
        "version": file.version,
        "status": file.status if verdict.files else "not-asked",
        "why": file.why,
        "identity": _identity(file.publishers[0]) if file.publishers else None,
        "log": log if file.log_index is not None else None,
        "pinned": verdict.pinned,
        "lock": {"path": place.path, "line": place.line} if place else None,
        "findings": [_change(change) for change in changes],
    }


def _identity(publisher: Publisher) -> dict[str, object]:
    return {**vars(publisher), "source": "certificate"}


def _change(change: Change) -> dict[str, object]:
    return {
        "rule": change.rule,
        "severity": change.severity,
        "word": change.word or None,
        "message": change.message,
        "facts": _jsonable(change.facts),
    }


def _jsonable(facts: Mapping[str, object]) -> dict[str, object]:
    return {key: value if _is_json(value) else _fact(value) for key, value in facts.items()}


def _is_json(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_json, value))
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_json(item) for key, item in value.items())
    return value is None or isinstance(value, str | int | float | bool)


def _fact(value: object) -> str:
    if isinstance(value, datetime):
        return _time(value) or ""
    if isinstance(value, list | tuple):
        return ", ".join(map(_fact, value))
    return str(value)


def _time(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return utc(moment).isoformat(timespec="seconds").replace("+00:00", "Z")
