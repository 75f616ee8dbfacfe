"""Make any text safe to stand in a log, and fit for it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
# GitHub's runner takes a line for a command when `::` leads it (after trimming, and ignoring
# characters without width), and the older `##[` anywhere in a line; Azure and TeamCity likewise.
# https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
_LEADING_COMMAND = re.compile(r"(?<![0-9A-Za-z_|:])::")
_INNER_COMMAND = re.compile(r"##(?=\w*\[)")
_SPACES = frozenset({"\t", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"})
_COMMAND = re.compile(r"`[^`]+`")
_KEPT = "\ue000"  # a space that no line breaks at, while lines are broken
_INVISIBLE = frozenset({"Cc", "Cf"})
# Default-ignorable code points of other categories (Unicode, DerivedCoreProperties).
_IGNORED = re.compile(
    r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)


def clean(text: str, encoding: str = "utf-8") -> str:
    r"""Take from untrusted text all power over a terminal or a CI's log.

    Control and invisible characters (C0, C1, bidirectional marks) are dropped, all but ``\n``;
    ``::`` and ``##[`` become what no runner takes for a command; what ``encoding`` can't express
    is escaped. The result may be wrapped at spaces and indented without undoing any of this.
    """
    shown = _INNER_COMMAND.sub("## ", _LEADING_COMMAND.sub("|::", visible(text)))
    return shown.encode(encoding, "backslashreplace").decode(encoding)


def visible(text: str) -> str:
    r"""What of a text can be seen: no control or invisible characters but ``\n``."""
    lines = _IGNORED.sub("", _ANSI.sub("", text)).replace("\r\n", "\n").replace("\r", "\n")
    shown = "".join(filter(None, map(_visible, lines)))
    return shown.encode("utf-8", "backslashreplace").decode("utf-8")


def flat(text: str) -> str:
    """``clean`` on one line, for a name in the middle of a sentence or table."""
    return " ".join(clean(text).split())


def plain(text: str) -> str:
    """``visible`` on one line, for a file: there no runner takes text for a command."""
    return " ".join(visible(text).split())


def paragraphs(text: str) -> Iterator[tuple[str, bool]]:
    """A hint in parts, and whether each is code: what is indented (YAML, commands) is."""
    from textwrap import dedent

    for paragraph in visible(text).split("\n\n"):
        for code, lines in groupby(paragraph.split("\n"), lambda line: line.startswith(" ")):
            part = "\n".join(lines)
            if part.strip():
                yield dedent(part), code


def https(url: str | None) -> str:
    """A foreign URL as one may link it, in any markup; empty if it is no https URL."""
    if not url or not url.startswith("https://"):
        return ""
    from urllib.parse import quote

    return quote(url, safe=":/?#[]@!$&'*+,;=%~", errors="replace")


def wrap(text: str, width: int, indent: str = "") -> list[str]:
    """Break prose at spaces; what is code stays whole: lines that are indented, and `commands`."""
    lines: list[str] = []
    for line in text.split("\n"):
        if line.startswith(" ") or len(indent) + len(line) <= width:
            lines.append(f"{indent}{line}".rstrip())
        else:
            lines += _broken(line, width, indent)
    return lines


def _broken(line: str, width: int, indent: str) -> list[str]:
    import textwrap

    kept = _COMMAND.sub(lambda found: found[0].replace(" ", _KEPT), line)
    lines = textwrap.wrap(
        kept,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_KEPT, " ") for line in lines]


def fact(value: object, limit: int) -> str:
    """A fact in a few words; of one longer than ``limit`` characters, the first whole values."""
    text = _whole(value)
    if len(text) <= limit:
        return text
    if isinstance(value, Mapping):
        parts = [f"{name}: {_whole(item)}" for name, item in value.items()]
    else:
        parts = [*map(_whole, value)] if isinstance(value, list | tuple) else [text]
    shown, room = 0, limit
    while shown < len(parts) - 1 and len(parts[shown]) <= room:
        room -= len(parts[shown]) + 2
        shown += 1
    if not shown:
        left = len(text) - limit
        return f"{text[:limit]} ... ({left} more characters: --verbose)"
    return f"{', '.join(parts[:shown])} and {len(parts) - shown} more: --verbose"


def _whole(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    import json

    return json.dumps(value, default=str, ensure_ascii=False)


def telling(facts: Mapping[str, object]) -> dict[str, object]:
    """The facts without those that are empty."""
    return {name: value for name, value in facts.items() if value not in (None, "", [], {})}


def utc(moment: datetime) -> datetime:
    """A time in UTC; one without a zone is meant so."""
    from datetime import UTC

    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def size(count: int) -> str:
    """Bytes for people: ``12.3 kB``."""
    amount = float(count)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def several(count: int, noun: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def table(rows: Sequence[Sequence[str]]) -> Iterator[tuple[str, str]]:
    """The lines of a table and their styles; the first row is its head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip(), "dim" if row is rows[0] else ""


def _visible(char: str) -> str:
    if char == "\n":
        return char
    if char in _SPACES:
        return " "
    return "" if unicodedata.category(char) in _INVISIBLE else char
