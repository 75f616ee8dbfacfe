"""The table of options of ``verify`` and ``pin``, which read what others published.

Its rows are as those of ``publisher.options``; in pyproject.toml they are keys of
``[tool.publisher.verify]``. No face offers them yet.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from publisher.basics import Severity
from publisher.commands import READ
from publisher.rows import Row, Table, option, rows_of

VERIFY, PIN = ("verify",), ("pin",)


class Reading(Table):
    """What the user asked for, from every source, checked."""

    SECTION = "verify."

    paths: tuple[str, ...] = option(
        (),
        "What",
        "files of distributions, NAME[==VERSION] on an index, or locks: pylock.toml, uv.lock, "
        "poetry.lock, pdm.lock, requirements.txt with hashes; by default the lock in this folder",
        metavar="WHAT",
        repeatable=True,
        positional=True,
        commands=READ,
    )
    lock: Path = option(
        Path("identities.lock"),
        "What",
        "what is remembered of who publishes",
        metavar="FILE",
        commands=READ,
    )
    locked: bool = option(
        False,
        "What",
        "every project must be pinned, else exit 13",
        commands=VERIFY,
    )
    accept: tuple[str, ...] = option(
        (),
        "What",
        "trust from now on whoever published this release; repeatable, needs --reason",
        metavar="NAME==VERSION",
        repeatable=True,
        decisive=True,
        commands=PIN,
    )
    reason: str | None = option(
        None,
        "What",
        "why, for those who read identities.lock",
        decisive=True,
        commands=PIN,
    )
    pylock: bool = option(
        False,
        "What",
        "also write attestation-identities (PEP 751) into the pylock.toml that is pinned",
        commands=PIN,
    )
    private: tuple[str, ...] = option(
        (),
        "What",
        "names that no index is asked for, such as corp-*; repeatable",
        metavar="PATTERN",
        repeatable=True,
        commands=READ,
    )
    attestation: Path | None = option(
        None,
        "What",
        "verify one FILE by this attestation of it; no index is asked",
        metavar="FILE",
        commands=VERIFY,
    )
    provenance: Path | None = option(
        None,
        "What",
        "verify one FILE by this provenance object of an index; no index is asked",
        metavar="FILE",
        commands=VERIFY,
    )
    index: str | None = option(
        None,
        "Where and as whom",
        "pypi, testpypi, or the URL of a simple API; by default the one that a lock names, "
        "else pypi",
        metavar="NAME|URL",
        commands=READ,
    )
    repo: str | None = option(
        None,
        "Where and as whom",
        "the repository that must have published",
        metavar="OWNER/NAME",
        commands=VERIFY,
    )
    cert_identity: str | None = option(
        None,
        "Where and as whom",
        "the subject that the certificate must name",
        metavar="SAN",
        commands=VERIFY,
    )
    cert_oidc_issuer: str | None = option(
        None,
        "Where and as whom",
        "the identity provider that the certificate must name",
        metavar="URL",
        commands=VERIFY,
    )
    trust_config: Path | None = option(
        None,
        "Where and as whom",
        "a Sigstore of your own: its ClientTrustConfig as JSON",
        metavar="FILE",
        commands=READ,
    )
    offline: bool = option(
        False,
        "How",
        "ask nobody: what is in the cache must do, and is verified again",
        commands=READ,
    )
    fail_on: Severity = option(
        "error",
        "How",
        "the least severe finding that is a failure",
        lenient=("critical",),
        commands=READ,
    )
    report: Path | None = option(
        None,
        "What you see",
        "write publisher.verify/1 as JSON",
        metavar="FILE",
        commands=READ,
    )
    format: Literal["text", "json", "sarif", "github"] = option(
        "text",
        "What you see",
        "what goes to standard output; but for text, everything else goes to standard error",
        commands=READ,
    )
    verbose: bool = option(
        False,
        "What you see",
        "name every file and fact",
        short="-v",
        commands=READ,
    )
    quiet: bool = option(
        False,
        "What you see",
        "show warnings and errors only",
        short="-q",
        commands=READ,
    )
    help: bool = option(
        False, "What you see", "show this text", short="-h", commands=READ, line_only=True
    )
    version: bool = option(False, "What you see", "show the version", commands=READ, line_only=True)

    @property
    def verbosity(self) -> int:
        """-1, 0 or 1; quiet wins."""
        return -1 if self.quiet else int(self.verbose)


@cache
def rows() -> tuple[Row, ...]:
    """The table."""
    return rows_of(Reading)
