"""The language of GitHub's runner: annotations, masks, outputs, the job's summary.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from secrets import token_hex
from typing import TextIO

from publisher.models import Run, Secret, Severity
from publisher.report import files, markdown
from publisher.report.plain import show
from publisher.report.recipes import sha256sums
from publisher.report.summary import last_word, projects, releases, version
from publisher.report.text import plain, visible

SUMMARY_CAP = 1024 * 1024
"""Bytes of one step's summary; GitHub drops a larger one as a whole."""
SHORTEST = 4
"""Characters of a line that is worth a mask."""
LEVELS: Mapping[Severity, str] = {"critical": "error", "error": "error", "warning": "warning"}


class GitHub:
    """A job of GitHub Actions, or of a runner that reads the same.

    Commands go to standard error. The runner reads both streams, and people send standard output
    elsewhere: into a file, through tee, into a variable.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self._output, self._summary = env.get("GITHUB_OUTPUT"), env.get("GITHUB_STEP_SUMMARY")

    def mask(self, secret: Secret) -> None:
        """Have the runner strike a secret out. Into a file nothing goes: it would stay there."""
        if sys.stderr and not _is_file(sys.stderr):
            for line in masks(secret):
                show(line, sys.stderr)

    def leave(self, run: Run, links: Sequence[str], report: Path | None) -> None:
        """Annotate the run, set the step's outputs, add to the job's summary."""
        for line in commands(run):
            show(line, sys.stderr)
        if self._output:
            files.append(outputs(run, links, report), Path(self._output), "step's output")
        if self._summary:
            path = Path(self._summary)
            room = SUMMARY_CAP - files.length(path)
            files.append(markdown.summary(run, links, room=room), path, "job's summary")


def masks(secret: Secret) -> Iterator[str]:
    """The commands that mask a secret: a log is read line by line, so each line is one.

    It is struck out wherever it occurs, so a line that is only a brace is no mask.
    """
    lines = secret.reveal().splitlines()
    return (f"::add-mask::{data(line)}" for line in lines if len(line.strip()) >= SHORTEST)


def commands(run: Run) -> Iterator[str]:
    """Errors and warnings as commands, and at the end what was published."""
    word, _ = last_word(run)
    for finding in run.findings:
        if level := LEVELS.get(finding.severity):
            parts = [finding.message, finding.hint, word if level == "error" else ""]
            text = "\n".join(filter(None, map(visible, parts)))
            yield f"::{level} title={property_value(finding.code)}::{data(text)}"
    if run.exit_code == 0:
        names = ", ".join(" ".join(release) for release in releases(run))
        yield f"::notice title={property_value(names)}::{data(word)}"


def outputs(run: Run, links: Sequence[str], report: Path | None) -> str:
    """The step's outputs, as docs/outputs.md describes them, for ``$GITHUB_OUTPUT``."""
    attested = [
        {
            "filename": name,
            "sha256": one.dist.sha256,
            "predicate_type": one.predicate_type,
            "log_index": one.log_index,
        }
        for name, them in run.attested.items()
        for one in them
    ]
    values = {
        "report": str(report.absolute()) if report else "",
        "projects": projects(run),
        "version": version(run),
        "urls": "\n".join(map(plain, links)),
        "sha256sums": "\n".join(sha256sums(run)),
        "attestations": json.dumps(attested),
    }
    return "".join(_output(name, value) for name, value in values.items())


def _output(name: str, value: str) -> str:
    """Nobody can guess the delimiter, so no value can end early and set another output."""
    end = token_hex(16)
    return f"{name}<<{end}\n{value}\n{end}\n"


def data(text: str) -> str:
    """Text as the message of a command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def property_value(text: str) -> str:
    """Text as a property of a command, such as its title."""
    return data(plain(text)).replace(":", "%3A").replace(",", "%2C")


def _is_file(stream: TextIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):  # a stream of Python's own, as tests put there
        return False
