"""What a CI must tell us. Everything special about one CI is in its own file beside this one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from publisher.errors import PublisherError
from publisher.models import Persona


@dataclass(frozen=True)
class Support:
    """What an index does for this CI's identities; ``why`` explains a ``False``."""

    mint: bool
    attest: bool
    why: str = ""


class Provider(ABC):
    """One CI and its identity provider.

    Args:
        env: The environment of the process, read once by the command line.
        folder: Where the project is, for what a rehearsal takes from its git checkout.
    """

    name: ClassVar[str]
    issuer: ClassVar[str]

    def __init__(self, env: Mapping[str, str], folder: Path) -> None:
        self.env, self.folder = env, folder

    @classmethod
    @abstractmethod
    def detects(cls, env: Mapping[str, str]) -> bool:
        """Whether this CI is around us. Cheap, no I/O."""

    @abstractmethod
    def preflight(self) -> None:
        """Raise, before any request, if this job can't get or use an identity."""

    @abstractmethod
    def publisher(self, claims: Mapping[str, object]) -> Mapping[str, str | None]:
        """The PEP 740 publisher object that these claims prove."""

    @abstractmethod
    def register(self, claims: Mapping[str, object]) -> Mapping[str, str]:
        """The values to type into the index's form, by the form's own labels."""

    @abstractmethod
    def supports(self, index: str) -> Support:
        """Whether the named index mints tokens for, and takes attestations of, this CI."""

    @abstractmethod
    def persona(self) -> Persona:
        """Whom a rehearsal plays, from the job's plain variables or the git checkout."""

    def understudy(self) -> Provider:
        """Who plays this provider's part in a rehearsal; itself, if it can."""
        return self

    def tag(self) -> str | None:
        """The tag this job runs for."""
        return None

    def hint(self, error: PublisherError) -> str:
        """The next step in this CI's own words; the error's own hint by default."""
        return error.hint
