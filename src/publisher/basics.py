"""What the options and a usage error need; ``models`` takes longer to import. A leaf."""

from __future__ import annotations

from typing import Literal, NoReturn

Severity = Literal["critical", "error", "warning", "note"]
AttestationMode = Literal["required", "best-effort", "off"]


class Secret:
    """A token that no formatting, logging, serialising or pickling shows.

    It is not a ``str`` on purpose: only ``reveal()`` gives the text, and that call is easy to
    grep for. It stands only where bytes go to the wire, and where a CI's runner is told what to
    strike out of its log.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text. Call it only where the text must go out."""
        return self._text

    def __repr__(self) -> str:
        return "<secret>"

    def __str__(self) -> str:
        return "<secret>"

    def __format__(self, _spec: str) -> str:
        return "<secret>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never pickled or copied to another process")


def docs_of(code: str) -> str:
    """Where an error or a remark is explained."""
    return f"docs/errors.md#{code}"
