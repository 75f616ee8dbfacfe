"""What the CI around a run gets beside the log: which one it is, by its variables.

The language is that of the runner and not of the identity provider: a rehearsal may play a job of
GitHub anywhere, and Forgejo's runner reads what GitHub's does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from publisher.models import Run, Secret
from publisher.report.github import GitHub
from publisher.report.gitlab import GitLab


class Face(Protocol):
    """How to tell one CI about a run, in its own language."""

    def mask(self, secret: Secret) -> None:
        """Have the runner strike a secret out of everything that it logs from now on."""
        ...

    def leave(self, run: Run, links: Sequence[str], report: Path | None) -> None:
        """Write what this CI reads when the run is over.

        Args:
            run: What happened.
            links: The pages of the releases, for people.
            report: Where the JSON report is.

        Raises:
            CannotWrite: A place can't be written.
        """
        ...


class Nobody:
    """No CI that we know how to talk to: the log is all there is."""

    def mask(self, secret: Secret) -> None:
        """Nobody would strike it out."""

    def leave(self, run: Run, links: Sequence[str], report: Path | None) -> None:
        """Nobody would read it."""


def for_env(env: Mapping[str, str]) -> Face:
    """The face for the CI around this process."""
    if env.get("GITHUB_ACTIONS") == "true":
        return GitHub(env)
    return GitLab() if env.get("GITLAB_CI") == "true" else Nobody()
