"""What every error is: facts, and never a secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from publisher.models import Finding


class PublisherError(Exception):
    """A cause that a user or their surroundings can bring about.

    Args:
        message: What happened, in one sentence.
        facts: JSON values that show it: URLs, claims, the server's own words.
        hint: The next step, where the step that raised it knows one; a provider may know better.
    """

    code: ClassVar[str]
    exit_code: ClassVar[int]

    def __init_subclass__(cls) -> None:
        """Name the code after the class: ``InvalidOption`` is ``invalid-option``."""
        cls.code = re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()

    def __init__(
        self, message: str, *, facts: Mapping[str, object] | None = None, hint: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.facts: Mapping[str, object] = facts or {}
        self.hint = hint

    def finding(self, hint: str = "") -> Finding:
        """The error as the report shows it; a provider's ``hint`` beats the error's own."""
        from publisher.models import Finding

        return Finding(self.code, "error", self.message, self.facts, hint or self.hint)
