"""A run as Markdown, to show on a CI's page or to paste into release notes and issues.

GitHub's and GitLab's dialects both. All text of others is escaped: it can't become a heading, a
table cell, HTML, or the mention of a person.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from publisher.models import Attested, Dist, Finding, Placed, Run
from publisher.report import doctor
from publisher.report import summary as words
from publisher.report.recipes import recipes
from publisher.report.text import fact, https, paragraphs, plain, size, telling, visible

MOST_FILES = 500
"""Rows of a table that anybody would look at."""
FACT = 300
"""Characters of a fact that are shown."""


def summary(run: Run, links: Sequence[str] = (), *, room: int | None = None) -> str:
    """What happened, the files, who published them, what to do next.

    Args:
        run: What happened.
        links: The pages of the releases, for people.
        room: Bytes that it may have; what is left out then, it says.
    """
    blocks = [f"## {text(words.last_word(run)[0])}"]
    blocks += [block for found in run.findings if _stops(found) for block in _error(found)]
    if run.review:
        blocks.append(fence("\n".join(line for line, _ in doctor.lines(run)).strip()))
        return _within(blocks, room)
    blocks += _tables(run)
    blocks += [text(line) for line in words.who(run)]
    blocks += _next(run, links)
    blocks += _remarks(run)
    blocks += _recipes(run)
    return _within(blocks, room)


def text(foreign: str) -> str:
    """Foreign text on one line that means nothing but itself."""
    line = html.escape(plain(foreign), quote=False)
    line = re.sub(r"([\\`*_\[\]|~$])", r"\\\1", line)
    line = re.sub(r"^(\d*)([-+#=/.):])", r"\1\\\2", line)  # what begins a list, heading, command
    # or GitHub makes a link of every address, and calls whoever has that name
    line = line.replace("://", "&#58;//").replace("www.", "www&#46;")
    return re.sub(r"(?<!\w)@", "@\u200b", line)


def code(foreign: str) -> str:
    """Foreign text in the type of code; where backticks can't hold it, HTML does."""
    line = plain(foreign)
    if not re.search(r"[`|\\]", line):
        return f"`{line}`" if line else ""
    return f"<code>{re.sub(r'[^A-Za-z0-9 ]', lambda m: f'&#{ord(m[0])};', line)}</code>"


def link(label: str, url: str | None) -> str:
    """``label`` is Markdown; without a URL that one may link, it stands alone."""
    target = https(url)
    return f"[{label}]({target})" if target else label


def fence(foreign: str) -> str:
    """A block of code, with a fence that nothing in it can close."""
    body = visible(foreign)
    longest = max(map(len, re.findall("`+", body)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}\n{body}\n{ticks}"


def prose(hint: str) -> Iterator[str]:
    """A hint in paragraphs; its code stays code."""
    for part, is_code in paragraphs(hint):
        yield fence(part) if is_code else text(part)


def _stops(finding: Finding) -> bool:
    return finding.severity in ("critical", "error")


def _error(finding: Finding) -> Iterator[str]:
    yield f"**error {code(finding.code)}:** {text(finding.message)}"
    if facts := telling(finding.facts):
        lines = (f"- {text(name)}: {code(fact(value, FACT))}" for name, value in facts.items())
        yield "\n".join(lines)
    yield from prose(finding.hint)
    yield f"{code(finding.docs)} says more."


def _tables(run: Run) -> Iterator[str]:
    for release in words.releases(run):
        dists = [dist for dist in run.dists if (dist.project, dist.version) == release]
        tag = f", tag {code(run.tag)}" if run.tag else ""
        yield f"### {text(' '.join(release))}{tag}"
        names = [target.name for target in run.targets]
        heads = ["file", "size", "SHA-256", *map(text, names), "log entry"]
        rows = [heads, ["---", "--:", "---", *("---" for _ in names), "---"]]
        rows += [_row(run, dist, names) for dist in dists[:MOST_FILES]]
        yield "\n".join(f"| {' | '.join(row)} |" for row in rows)
        if (left := len(dists) - MOST_FILES) > 0:
            yield f"... and {left} more files, which the report lists."
    yield from _refusals(run)


def _row(run: Run, dist: Dist, names: Sequence[str]) -> list[str]:
    attested = run.attested.get(dist.filename, ())
    return [
        code(dist.filename),
        size(dist.size),
        code(f"{dist.sha256[:12]}…"),
        *(_fate(run, words.placed(run, name, dist)) for name in names),
        ", ".join(_entry(run, one) for one in attested) or "-",
    ]


def _fate(run: Run, place: Placed) -> str:
    shown = text(words.fate(place))
    if run.rehearsal:
        return shown
    proof = link("provenance", place.provenance_url)
    return link(shown, place.url) + (f" ({proof})" if "](" in proof else "")


def _entry(run: Run, one: Attested) -> str:
    return link(str(one.log_index), words.log_url(run, one))


def _refusals(run: Run) -> Iterator[str]:
    lines = [
        f"- {code(filename)} on {text(index)}: {text(place.error)}"
        for index, places in run.placed.items()
        for filename, place in places.items()
        if place.error
    ]
    if lines:
        yield "\n".join(lines[:MOST_FILES])


def _next(run: Run, links: Sequence[str]) -> Iterator[str]:
    steps = [text(step) for step in words.next_steps(run)]
    steps += [f"See {link(text(url), url)}" for url in links]
    if steps:
        yield "**Next**"
        yield "\n".join(f"- {step}" for step in steps)


def _remarks(run: Run) -> Iterator[str]:
    warnings = [found for found in run.findings if found.severity == "warning"]
    if warnings:
        yield "**Worth knowing**"
        yield "\n".join(f"- {code(one.code)}: {text(one.message)}" for one in warnings)


def _recipes(run: Run) -> Iterator[str]:
    parts = [f"{text(what)}\n\n{fence(commands)}" for what, commands in recipes(run)]
    if parts:
        title = "<summary>Check it yourself</summary>"
        yield "\n\n".join([f"<details>{title}", *parts, "</details>"])


def _within(blocks: Sequence[str], room: int | None) -> str:
    """Whole blocks, as many as there is room for; the first that does not fit ends it."""
    cut = "_There is no room for the rest here; the log and the report have it._"
    shown = "\n\n".join(blocks) + "\n\n"
    if room is None or len(shown.encode()) <= room:
        return shown
    kept: list[str] = []
    for block in blocks:
        if len("\n\n".join([*kept, block, cut, ""]).encode()) > room:
            break
        kept.append(block)
    whole = "\n\n".join([*kept, cut, ""])
    return whole if len(whole.encode()) <= room else ""
