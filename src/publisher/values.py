"""What a text means as the value of an option."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from publisher.basics import Secret
from publisher.rows import Row

BOOLEANS: Mapping[str, bool] = {
    **dict.fromkeys(("true", "yes", "1"), True),
    **dict.fromkeys(("false", "no", "0"), False),
}


def read(row: Row, text: str) -> object:
    """The value, or ``None`` when the text is none of what the row accepts."""
    low, high = row.bounds
    if row.kind == "choice":
        value = row.aliases.get(text.lower(), text)
        return value if _shape(value) in map(_shape, row.choices) else None
    if row.kind == "bool":
        return BOOLEANS.get(text.lower())
    if row.kind == "path":
        return Path(text) if text else None
    if row.kind in {"text", "secret"}:
        return (Secret(text) if row.kind == "secret" else text) if text else None
    decimals = "" if row.kind == "integer" else r"(\.[0-9]{1,9})?"
    if not re.fullmatch(f"[0-9]{{1,9}}{decimals}", text):
        return None
    number = int(text) if row.kind == "integer" else float(text)
    return number if low <= number <= high else None


def _shape(choice: str) -> tuple[str, str, bool]:
    """A choice, whatever text stands in it after ``=``."""
    code, equals, detail = choice.partition("=")
    return code, equals, bool(re.fullmatch(r"[\w.!+-]+", detail))


def spelt(value: object) -> str:
    """A TOML value as text; Python refuses to write some that it has read."""
    try:
        return str(value)
    except (ValueError, RecursionError):  # a hexadecimal number of 4000 digits, a.a.a.[...].a = 1
        return "(too long to show)"
