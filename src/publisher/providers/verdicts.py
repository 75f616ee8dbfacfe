"""What a provider says of an identity and of the index's form: frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from publisher.errors import PublisherError, TokenUnexpected


@dataclass(frozen=True)
class Support:
    """What an index does for this CI's identities; ``why`` explains a ``False``."""

    mint: bool
    attest: bool
    why: str = ""


@dataclass(frozen=True)
class Verdict:
    """What somebody will say of an identity, known before anything is sent.

    ``code`` is the index's error code, of a refused mint. ``why`` is for a refused mint the
    index's own text, ``hint`` our remedy, and ``cause`` the error to raise.
    """

    accepted: bool
    code: str | None
    why: str
    hint: str = ""
    cause: type[PublisherError] = TokenUnexpected

    def error(self, **facts: object) -> PublisherError:
        """The refusal as an error."""
        return self.cause(self.why, facts=facts, hint=self.hint)


class Field(NamedTuple):
    """A field of the index's form: the claim it is compared with, and the parameter to fill it."""

    claim: str
    parameter: str
