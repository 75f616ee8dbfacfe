"""ONE table of options. A new option is one field of ``Options`` and nothing else.

The command line, the ``PUBLISHER_*`` variables, ``[tool.publisher]``, the help, the inputs of
the faces and the docs are made from these rows or checked against them; ``publisher.settings``
reads them.
"""

# Every default below is made by option(), which is dataclasses.field with a row in its metadata.

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from publisher.models import AttestationMode
from publisher.rows import NO_FACE, Row, option, rows_of

COMMANDS: Mapping[str, str] = {
    "publish": "build, attest and upload distributions; the default",
    "sandbox": "serve a rehearsal world on this machine, for other tools' tests",
}
EVERYWHERE = tuple(COMMANDS)


@dataclass(frozen=True)
class Options:
    """What the user asked for, from every source, checked."""

    paths: tuple[str, ...] = option(
        (".",),
        Row(
            "What",
            "project folders, folders of dists, files or globs; one version of each project",
            metavar="PATH",
            repeatable=True,
            positional=True,
        ),
    )
    dry_run: bool = option(
        False,
        Row(
            "What",
            "rehearse everything in a world on this machine; nothing is sent to a real index, "
            "identity provider or Sigstore",
            decisive=True,
        ),
    )
    packages_dir: Path = option(
        Path("dist"), Row("What", "where dists are found or built", metavar="DIR")
    )
    build: Literal["auto", "always", "never"] = option(
        "auto",
        Row(
            "What",
            "auto builds when PATH is a project and packages-dir holds no dist of its version",
        ),
    )
    expect: Path | None = option(
        None,
        Row(
            "What",
            "release contract: sha256sum lines or publisher.contract/1; anything missing, extra "
            "or different stops before anything is signed",
            decisive=True,
            metavar="FILE",
        ),
    )
    tag: str = option(
        "auto",
        Row(
            "What",
            "the version must equal this tag; auto: the tag that the CI runs for, if any; "
            "none: don't compare",
            metavar="auto|TAG|none",
        ),
    )
    repository: tuple[str, ...] = option(
        ("pypi",),
        Row(
            "Where and as whom",
            "the index; repeatable: signed once, uploaded in order, the same bytes",
            decisive=True,
            choices=("pypi", "testpypi"),
            repeatable=True,
            commands=EVERYWHERE,
        ),
    )
    attestations: AttestationMode | None = option(
        None,
        Row(
            "Where and as whom",
            "true and false mean required and off; default: required where index and provider "
            "support it, else off, and a finding says why",
            decisive=True,
            aliases={"true": "required", "false": "off"},
        ),
    )
    provider: str | None = option(
        None,
        Row(
            "Where and as whom",
            "the identity provider, instead of the one that is detected",
            decisive=True,
            metavar="NAME",
        ),
    )
    provider_claims: Path | None = option(
        None,
        Row(
            "Where and as whom",
            "rehearse the identity of these claims: the payload of an ID token as JSON",
            metavar="FILE",
            faces=NO_FACE,
        ),
    )
    allow: tuple[str, ...] = option(
        (),
        Row(
            "Where and as whom",
            "accept one named finding; repeatable",
            decisive=True,
            choices=("private-repo-in-public-log",),
            metavar="CODE",
            repeatable=True,
        ),
    )
    skip_existing: bool = option(
        True,
        Row(
            "How", "true: a file already there with the same digest is fine; false: it is an error"
        ),
    )
    jobs: int = option(8, Row("How", "uploads in flight", metavar="N", bounds=(1, 64)))
    wait: float = option(
        120.0,
        Row("How", "how long to wait until the index shows the files; 0: don't", metavar="SECONDS"),
    )
    sandbox: str | None = option(
        None,
        Row(
            "How",
            "rehearse against a running `publisher sandbox` (loopback only); implies the rules of "
            "--dry-run",
            decisive=True,
            metavar="URL",
        ),
    )
    keep: Path | None = option(
        None,
        Row("How", "leave a rehearsal's evidence in this folder", metavar="DIR", faces=NO_FACE),
    )
    port: int = option(
        0,
        Row(
            "The world",
            "where to listen; 0: any free port",
            metavar="N",
            bounds=(0, 65535),
            commands=("sandbox",),
            faces=NO_FACE,
        ),
    )
    tls: bool = option(
        False,
        Row(
            "The world",
            "serve over TLS, with a root of its own",
            commands=("sandbox",),
            faces=NO_FACE,
        ),
    )
    report: Path | None = option(
        None, Row("What you see", "write publisher.report/1 as JSON", metavar="FILE")
    )
    format: Literal["text", "json"] = option(
        "text",
        Row(
            "What you see",
            "json: the report goes to standard output, everything else to standard error",
            faces=NO_FACE,
        ),
    )
    verbose: bool = option(False, Row("What you see", "show every fact in full", short="-v"))
    quiet: bool = option(
        False, Row("What you see", "show warnings and errors only", short="-q", faces=NO_FACE)
    )
    help: bool = option(
        False,
        Row(
            "What you see",
            "show this text",
            short="-h",
            commands=EVERYWHERE,
            faces=NO_FACE,
            line_only=True,
        ),
    )
    version: bool = option(
        False,
        Row("What you see", "show the version", commands=EVERYWHERE, faces=NO_FACE, line_only=True),
    )

    @property
    def verbosity(self) -> int:
        """-1, 0 or 1; quiet wins."""
        return -1 if self.quiet else int(self.verbose)


@cache
def rows() -> tuple[Row, ...]:
    """The table."""
    return rows_of(Options)
