"""An index that takes attestations of persons: a mode, because no real index does so today."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from packaging.utils import canonicalize_name


@dataclass(frozen=True)
class Maintainer:
    """An account with a verified address; ``projects`` is what it maintains, ``None``: all."""

    email: str
    issuer: str
    projects: frozenset[str] | None = None

    @classmethod
    def of(cls, publisher: Mapping[str, Any], projects: list[str] | None) -> Maintainer:
        """Whom a publisher object of the kind ``Email`` names.

        Raises:
            KeyError: It lacks the address, or who vouches for it.
        """
        mine = None if projects is None else frozenset(map(canonicalize_name, projects))
        return cls(publisher["email"], publisher["issuer"], mine)

    def maintains(self, project: str) -> bool:
        """Whether that is one of theirs; by its normalized name."""
        return self.projects is None or project in self.projects

    def identity(self) -> dict[str, str | None]:
        """As the provenance object names them."""
        return {"kind": "Email", "email": self.email, "issuer": self.issuer}
