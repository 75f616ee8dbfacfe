"""What ``doctor`` finds: frozen values that say what would become of a release. A leaf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Opinion:
    """What somebody will say of an identity; ``code`` is the index's error code of a refusal.

    It is not ``sure`` if a part of the identity is guessed.
    """

    accepted: bool
    code: str | None
    why: str
    sure: bool = True


@dataclass(frozen=True)
class Form:
    """The values to type into an index's form for a trusted publisher, and the form filled in."""

    index: str
    project: str | None
    fields: Mapping[str, str]
    url: str | None


@dataclass(frozen=True)
class Outlook:
    """What will become of one file on one index, and why. ``sha256`` of readable files only."""

    index: str
    filename: str
    sha256: str | None
    state: Literal["new", "identical", "conflict", "refused"]
    why: str


@dataclass
class Review:
    """What ``doctor`` found; ``played`` if no job is around, and the claims are invented."""

    played: bool = False
    mint: Opinion | None = None
    attest: Opinion | None = None
    forms: list[Form] = field(default_factory=list)
    plan: list[Outlook] = field(default_factory=list)
