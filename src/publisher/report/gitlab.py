"""What GitLab reads of a run: variables for later jobs, and a summary to show.

https://docs.gitlab.com/ci/yaml/artifacts_reports/#artifactsreportsdotenv
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from publisher.models import Run, Secret
from publisher.report import files, markdown
from publisher.report.summary import projects, version
from publisher.report.text import https

DOTENV_CAP = 5 * 1024
"""Bytes; GitLab fails the whole job for a larger file."""
# A value is one line, and later jobs expand $NAME in it.
SAFE = re.compile(r"[\w.~:/?#@!&*+,;=% -]*", re.ASCII)


class GitLab:
    """A job of GitLab CI/CD. Its files stand beside the report, which the job keeps anyway."""

    def mask(self, secret: Secret) -> None:
        """GitLab can't mask what a job learns while it runs; only its variables, beforehand."""

    def leave(self, run: Run, links: Sequence[str], report: Path | None) -> None:
        """Beside ``NAME.json``: ``NAME.env`` for later jobs, ``NAME.summary.md`` for people."""
        if report and report.suffix == ".json":  # /dev/stdout, for one, has no place beside it
            summary = markdown.summary(run, links)
            files.write(dotenv(run, links, report), report.with_suffix(".env"), "dotenv file")
            files.write(summary, report.with_suffix(".summary.md"), "summary")


def dotenv(run: Run, links: Sequence[str], report: Path) -> str:
    """Variables for later jobs, as docs/outputs.md describes them.

    A variable that a dotenv file can't hold is left out. The names don't begin with
    ``PUBLISHER_``: a later job's publisher would take them for settings.
    """
    values = {
        "RELEASE_REPORT": str(report),
        "RELEASE_PROJECTS": projects(run),
        "RELEASE_VERSION": version(run),
        "RELEASE_URLS": " ".join(filter(None, map(https, links))),
    }
    text = ""
    for name, value in values.items():
        line = f"{name}={value}\n"
        if SAFE.fullmatch(value) and len(text) + len(line) <= DOTENV_CAP:
            text += line
    return text
