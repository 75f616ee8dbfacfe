"""Writes docs/options.md from the table of options.

Run it after every change of the table: python tests/support/options_doc.py > docs/options.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import get_args

from publisher import options, reading
from publisher.commands import EVERYWHERE, FILES, READ
from publisher.rows import Group, Row

HEAD = """\
# Options

<!-- Written by tests/support/options_doc.py from the tables options.py and reading.py. -->

    python -m publisher [publish|doctor|build|attest] [option ...] [PATH ...]
    python -m publisher sandbox [option ...]
    python -m publisher [verify|pin] [option ...] [WHAT ...]

The command line beats the environment, which beats `[tool.publisher]` in pyproject.toml, which
beats the default. Each place takes the same values; a list is separated by commas or spaces in a
variable, is an array in pyproject.toml, and is the flag given several times on the command line.
An empty variable counts as unset. A `PUBLISHER_*` variable or a key that is not listed here is an
error, and the message names the nearest one.

Options with *no* under pyproject.toml decide what is trusted or whether anything is published.
They are never read from there: whoever can change a project's files could change them.
"""
READING = "# Options of verify and pin"
READ_HEAD = f"""
{READING}

Their keys are those of `[tool.publisher.verify]` in pyproject.toml; their variables are named as
those above. No CI's face offers them.
"""
TABLE = """\
| Flag | Variable | Default | pyproject.toml | What it does |
|---|---|---|---|---|"""


def document() -> str:
    """The whole text of docs/options.md."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield HEAD.rstrip()
    yield from _tables(options.rows())
    yield READ_HEAD.rstrip()
    yield from _tables(reading.rows())


def _tables(rows: Sequence[Row]) -> Iterator[str]:
    for group in get_args(Group):
        if any(row.group == group for row in rows):
            yield f"\n## {group}\n"
            yield TABLE
            yield from (_row(row) for row in rows if row.group == group)


def _row(row: Row) -> str:
    cells = (
        " ".join(f"`{flag}`" for flag in (row.short, _flag(row)) if flag) or "-",
        f"`{row.variable}`" if row.variable else "-",
        f"`{_default(row.default)}`" if row.default not in (None, ()) else "-",
        "-" if row.line_only else "no" if row.decisive else "yes",
        _meaning(row),
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _flag(row: Row) -> str:
    if row.kind == "secret":
        return ""
    alone = row.switch or row.positional or row.kind == "choice"
    return row.flag if alone else f"{row.flag} {row.metavar}"


def _default(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value).lower()


def _meaning(row: Row) -> str:
    """The help's own words, and what it has no room for."""
    parts = [row.help]
    if row.kind in ("choice", "integer"):
        parts.append(f"accepted: {row.accepted}")
    if row.repeatable and "repeatable" not in row.help:
        parts.append("repeatable")
    if row.commands not in (EVERYWHERE, FILES, READ):
        parts.append(f"for {', '.join(f'`{name}`' for name in row.commands)}")
    return "; ".join(parts)


if __name__ == "__main__":
    sys.stdout.write(document())
