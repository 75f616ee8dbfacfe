"""Which table of options a command has: one is for publishing, one for reading."""

from __future__ import annotations

from publisher import options, reading
from publisher.commands import READ
from publisher.options import Options
from publisher.reading import Reading
from publisher.rows import Row


def made(command: str, **values: object) -> Options | Reading:
    """The options of a command with these values, and defaults for the rest."""
    return Reading(**values) if command in READ else Options(**values)


def rows() -> tuple[Row, ...]:
    """All rows. A flag that both tables have is a switch in both, or in neither."""
    return reading.rows() + options.rows()
