"""ONE table of options. A new option is one field of ``Options`` and nothing else.

The command line, the ``PUBLISHER_*`` variables, ``[tool.publisher]``, the help, the inputs of
the faces and the docs are made from these rows or checked against them; ``publisher.settings``
reads them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from publisher.basics import AttestationMode, Secret
from publisher.commands import EVERYWHERE, FILES, IDENTITY, INDEX, REHEARSED, SANDBOX
from publisher.remarks import ACCEPTABLE
from publisher.rows import GITHUB_FACE, NO_FACE, WHERE, Row, Table, option, rows_of


class Options(Table):
    """What the user asked for, from every source, checked."""

    paths: tuple[str, ...] = option(
        (".",),
        "What",
        "project folders, folders of dists, files or globs; one version of each project",
        metavar="PATH",
        repeatable=True,
        positional=True,
        commands=FILES,
    )
    dry_run: bool = option(
        False,
        "What",
        "rehearse everything in a world on this machine; nothing is sent to a real index, "
        "identity provider or Sigstore",
        decisive=True,
        commands=REHEARSED,
    )
    packages_dir: Path = option(
        Path("dist"), "What", "where dists are found or built", metavar="DIR", commands=FILES
    )
    build: Literal["auto", "always", "never"] = option(
        "auto",
        "What",
        "auto builds when PATH is a project and packages-dir holds no dist of its version",
        commands=("publish", "doctor"),
    )
    expect: Path | None = option(
        None,
        "What",
        "release contract: sha256sum lines or publisher.contract/1; anything missing, extra "
        "or different stops before anything is signed, and nothing is built",
        decisive=True,
        metavar="FILE",
        commands=("publish", "doctor", "attest"),
    )
    tag: str = option(
        "auto",
        "What",
        "the version must equal this tag; auto: the tag that the CI runs for, if any; "
        "none: don't compare",
        decisive=True,
        metavar="auto|TAG|none",
        commands=FILES,
    )
    repository: tuple[str, ...] = option(
        (),
        WHERE,
        "the index, pypi if none is named; repeatable: publish signs once, and uploads the same "
        "bytes in order",
        choices=("pypi", "testpypi"),
        repeatable=True,
        commands=(*INDEX, "sandbox"),
    )
    repository_url: str | None = option(
        None, WHERE, "the upload URL of any other index", metavar="URL", commands=INDEX
    )
    check_url: str | None = option(
        None,
        WHERE,
        "the simple API of that index; without it, what is there already is not known",
        metavar="URL",
        commands=INDEX,
    )
    audience: str | None = option(
        None,
        WHERE,
        "what the ID tokens for that index are for, which must be what it asks for; by default "
        "its host",
        commands=INDEX,
    )
    user: str = option(
        "__token__",
        WHERE,
        "who uploads to an index without trusted publishing",
        metavar="NAME",
        commands=INDEX,
    )
    password: Secret | None = option(
        None, WHERE, "the user's password or API token", commands=INDEX
    )
    password_file: Path | None = option(
        None,
        WHERE,
        "a file that holds it; attestations are off then, since it proves no origin",
        metavar="FILE",
        commands=INDEX,
    )
    attestations: AttestationMode | None = option(
        None,
        WHERE,
        "true and false mean required and off; default: required where index and provider "
        "support it, else off, and a finding says why",
        aliases={"true": "required", "false": "off"},
        commands=INDEX,
    )
    provider: str | None = option(
        None,
        WHERE,
        "the identity provider, instead of the one that is detected",
        metavar="NAME",
        commands=IDENTITY,
    )
    id_token_file: Path | None = option(
        None,
        WHERE,
        "ID tokens of any identity provider: JSON, a token by its audience",
        metavar="FILE",
        commands=IDENTITY,
    )
    trust_config: Path | None = option(
        None,
        WHERE,
        "a Sigstore of your own: its ClientTrustConfig as JSON",
        metavar="FILE",
        commands=IDENTITY,
    )
    provider_claims: Path | None = option(
        None,
        WHERE,
        "rehearse the identity of these claims: the payload of an ID token as JSON",
        metavar="FILE",
        faces=NO_FACE,
        commands=IDENTITY,
    )
    allow: tuple[str, ...] = option(
        (),
        WHERE,
        "accept one named finding; repeatable",
        choices=ACCEPTABLE,
        metavar="CODE",
        repeatable=True,
        commands=FILES,
    )
    identity: Literal["ci", "email"] = option(
        "ci", WHERE, "email: as a person, by a login", commands=("attest",), faces=NO_FACE
    )
    contract: Path = option(
        Path("contract.json"),
        "What",
        "where the release contract goes: any place but the dists' own; an earlier one there is "
        "taken away before the build",
        metavar="FILE",
        commands=("build",),
        faces=NO_FACE,
    )
    auth: bool = option(
        False,
        "How",
        "also have a token minted, and give it back; for projects that exist",
        decisive=True,
        commands=("doctor",),
        faces=NO_FACE,
    )
    providers: bool = option(
        False,
        "What you see",
        "show which CIs are known, and what an index does for each",
        commands=("doctor",),
        line_only=True,
    )
    skip_existing: bool = option(
        True,
        "How",
        "true: a file already there with the same digest is fine; false: it is an error",
    )
    jobs: int = option(8, "How", "uploads in flight", metavar="N", bounds=(1, 64))
    wait: float = option(
        120.0,
        "How",
        "how long to wait until the index shows the files; 0: don't",
        metavar="SECONDS",
    )
    sandbox: str | None = option(
        None,
        "How",
        "rehearse against a running `publisher sandbox` (loopback only); as in a dry run",
        decisive=True,
        metavar="URL",
        commands=IDENTITY,
    )
    keep: Path | None = option(
        None,
        "How",
        "leave a rehearsal's evidence in this folder",
        metavar="DIR",
        faces=NO_FACE,
        commands=REHEARSED,
    )
    deadline: float = option(
        0.0,
        "How",
        "how long the whole run may take; then it ends as if it were told to stop; 0: no limit",
        metavar="SECONDS",
        commands=FILES,
    )
    state: Path | None = option(
        None,
        "How",
        "journal, signatures and receipts of runs, so that another one goes on where this one "
        "stopped; by default .publisher (a project's: in packages-dir), nowhere in a rehearsal",
        metavar="DIR",
        faces=NO_FACE,  # each sets it: a place that outlives the step and not the job
        commands=REHEARSED,
    )
    port: int = option(
        0,
        "The world",
        "where to listen; 0: any free port",
        metavar="N",
        bounds=(0, 65535),
        commands=SANDBOX,
        faces=NO_FACE,
    )
    tls: bool = option(
        False,
        "The world",
        "serve over TLS, with a root of its own",
        commands=SANDBOX,
        faces=NO_FACE,
    )
    report: Path | None = option(
        None,
        "What you see",
        "write publisher.report/1 as JSON",
        metavar="FILE",
        faces=GITHUB_FACE,  # GitLab's job always writes it, to a place that its artifacts name
        commands=FILES,
    )
    html: Path | None = option(
        None,
        "What you see",
        "write a self-contained page of the release: timeline, files, how to verify it",
        metavar="FILE",
        faces=GITHUB_FACE,
    )
    format: Literal["text", "json"] = option(
        "text",
        "What you see",
        "json: the report goes to standard output, everything else to standard error",
        faces=NO_FACE,
        commands=FILES,
    )
    verbose: bool = option(
        False, "What you see", "show every fact in full", short="-v", commands=FILES
    )
    quiet: bool = option(
        False,
        "What you see",
        "show warnings and errors only",
        short="-q",
        faces=NO_FACE,
        commands=FILES,
    )
    help: bool = option(
        False, "What you see", "show this text", short="-h", commands=EVERYWHERE, line_only=True
    )
    version: bool = option(
        False, "What you see", "show the version", commands=EVERYWHERE, line_only=True
    )

    @property
    def indexes(self) -> tuple[str, ...]:
        """The names of the indexes we know; PyPI unless others are named."""
        return self.repository or ("pypi",)

    @property
    def verbosity(self) -> int:
        """-1, 0 or 1; quiet wins."""
        return -1 if self.quiet else int(self.verbose)


@cache
def rows() -> tuple[Row, ...]:
    """The table."""
    return rows_of(Options)
