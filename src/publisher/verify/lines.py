"""The grammar of identities.lock: words of a line, with or without a key, in quotes if need be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

KEY = re.compile("([a-z][a-z0-9-]*)=")
"""What a key looks like, and the sign behind it."""


class Malformed(ValueError):
    """identities.lock can't be read; the text begins with line and column."""

    def __init__(self, line: int, column: int, why: str) -> None:
        super().__init__(f"line {line}, column {column}: {why}")
        self.line = line
        self.column = column


class Word(NamedTuple):
    """A word of a line: ``key=value``, or a value alone."""

    column: int
    key: str
    value: str
    raw: str


@dataclass
class Line:
    """A line being read: takes its words one after the other, and keeps what nobody took."""

    number: int
    words: list[Word]

    def __post_init__(self) -> None:
        """Refuse what one reader takes from its first place and another from its last."""
        keys: set[str] = set()
        for word in self.words:
            if word.key in keys:
                raise Malformed(self.number, word.column, f"{word.key} stands here twice")
            keys |= {word.key} - {""}

    def next(self, what: str) -> str:
        """The next word without a key."""
        if not self.words or self.words[0].key:
            column = self.words[0].column if self.words else 1
            raise Malformed(self.number, column, f"it should name the {what} here")
        return self.words.pop(0).value

    def take(self, key: str) -> str:
        """The value of a key, or nothing."""
        found = self._word(key)
        return found.value if found else ""

    def number_of(self, key: str, text: str | None = None) -> int:
        """A whole number."""
        word = self._word(key) if text is None else None
        value = text if word is None else word.value
        if not re.fullmatch("[0-9]{1,9}", value or "", re.ASCII):
            raise Malformed(self.number, word.column if word else 1, f"{key} is not a number")
        return int(value or 0)

    def moment(self, key: str) -> datetime | None:
        """A point in time, or None."""
        word = self._word(key)
        return self._time(word.value, word.column) if word else None

    def at(self, key: str) -> tuple[str, datetime | None]:
        """A version and the time that may follow it."""
        word = self._word(key)
        version, _, time = word.value.partition("@") if word else ("", "", "")
        if not word or not version:
            raise Malformed(self.number, word.column if word else 1, f"{key} names no version")
        return version, self._time(time, word.column) if time else None

    def flag(self, key: str) -> bool:
        """Whether a key is there; its only value is ``yes``."""
        word = self._word(key)
        if word and word.value != "yes":
            raise Malformed(self.number, word.column, f"{key} can only be yes")
        return bool(word)

    def rest(self) -> tuple[str, ...]:
        """The words that nobody took, as they stand there."""
        return tuple(word.raw for word in self.words)

    def _word(self, key: str) -> Word | None:
        found = next((word for word in self.words if word.key == key), None)
        if found:
            self.words.remove(found)
        return found

    def _time(self, text: str, column: int) -> datetime:
        try:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is not None:
                return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise Malformed(self.number, column, f"{text!r} is not a time with a zone")


def words(number: int, raw: str) -> Iterator[Word]:
    """Words end at a space; a value in quotes is a JSON string."""
    start = 0
    while (start := len(raw) - len(raw[start:].lstrip(" "))) < len(raw):
        match = KEY.match(raw, start)
        value_at = match.end() if match else start
        if raw.startswith('"', value_at):
            try:
                value, end = json.JSONDecoder(strict=True).raw_decode(raw, value_at)
            except ValueError:
                raise Malformed(number, value_at + 1, "the quotes are not closed") from None
            if raw[end : end + 1] not in {"", " "}:
                raise Malformed(number, end + 1, "a space must follow the quotes")
        else:
            end = (raw + " ").index(" ", value_at)
            value = raw[value_at:end]
        yield Word(start + 1, match[1] if match else "", str(value), raw[start:end])
        start = end


def quoted(value: str) -> str:
    """A value as one word; what can't be seen is escaped."""
    if re.fullmatch(r"[!#-~][!-~]*", value) and not KEY.match(value):
        return value
    return json.dumps(value, ensure_ascii=not value.isprintable())
