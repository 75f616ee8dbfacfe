"""Whether the little YAML of our documents can be read: block keys and lists, simple values.

No parser of YAML: it knows what a newcomer may copy without surprise, and refuses all else.
"""

from __future__ import annotations

import re

ITEM = re.compile(r"- +")
KEY = re.compile(r"""("[^"]*"|[\w.*/$(){}@:-]+?):(?: +(.*))?$""")
BLOCK = re.compile(r"[|>][+-]?$")
STRINGS = re.compile(r"""\"(?:[^"\\]|\\.)*\"|'[^']*'""")


def documents(text: str) -> list[str]:
    """What stands before and after: ``# before`` and ``# after`` begin a document each."""
    parts = re.split(r"(?m)^# (?:before|after)\b.*$", text)
    return [part for part in parts if part.strip()]


def problems(text: str) -> list[str]:
    """What is wrong in each document, by line."""
    return [problem for document in documents(text) for problem in _Document(document).problems]


class _Document:
    """One document, read line by line."""

    def __init__(self, text: str) -> None:
        self.problems: list[str] = []
        self.open: dict[int, tuple[bool, set[str]]] = {}  # by indent: whether a list, its keys
        self.opens, self.verbatim = True, 0
        for number, line in enumerate(text.splitlines(), 1):
            indent = len(line) - len(line.lstrip(" "))
            if self.verbatim and (not line.strip() or indent >= self.verbatim):
                continue
            self.verbatim = 0
            bare = re.sub(r"(^|\s)#.*", "", line).strip()
            if bare or "\t" in line:
                self.problems += [
                    f"{number}: {what}" for what in self._read(line, indent, bare)[:1]
                ]

    def _read(self, line: str, indent: int, bare: str) -> list[str]:
        if "\t" in line:
            return ["a tab"]
        if indent % 2:
            return ["indented by no multiple of two"]
        if indent > max(self.open, default=0) and not self.opens:
            return ["deeper, but the line before opens nothing"]
        self.open = {at: level for at, level in self.open.items() if at <= indent}
        item = ITEM.match(bare)
        found = [*self._level(indent, is_list=bool(item))]
        if item:
            indent, bare = indent + item.end(), bare[item.end() :]
            self.open.pop(indent, None)
        return found + self._value(indent, bare, in_list=bool(item))

    def _level(self, indent: int, *, is_list: bool) -> list[str]:
        was_list, _ = self.open.setdefault(indent, (is_list, set()))
        return ["a list and keys side by side"] if was_list != is_list else []

    def _value(self, indent: int, bare: str, *, in_list: bool) -> list[str]:
        bare = STRINGS.sub("text", bare)
        key = None if bare[:1] in "[{" else KEY.match(bare)
        if not key and not in_list:
            return ["neither a key nor an item"]
        value = (key[2] or "") if key else bare
        self.opens = bool(key) and not value
        self.verbatim = indent + 2 if BLOCK.match(value) else 0
        found = []
        if key:
            found = self._level(indent, is_list=False)
            keys = self.open[indent][1]
            found += [f"{key[1]} again"] if key[1] in keys else []
            keys.add(key[1])
        if value.count("[") != value.count("]") or value.count("{") != value.count("}"):
            found.append("a bracket is open")
        elif re.search(r":(\s|$)", re.sub(r"[\[{].*", "", value)):
            found.append("a colon in a value")
        return found
