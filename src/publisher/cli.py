"""From arguments and environment to an exit code. Nothing else exits, prints or reads the env."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import publisher
from publisher import incumbent, settings, signals, usage
from publisher.errors import (
    InvalidValue,
    MissingPermission,
    PublisherError,
    Stopped,
)
from publisher.options import Options
from publisher.reading import Reading
from publisher.remarks import remark

if TYPE_CHECKING:
    from datetime import datetime

    from publisher.models import Finding, Run
    from publisher.providers.base import Provider
    from publisher.publish.preparation import Preparation
    from publisher.publish.recorder import Recorder
    from publisher.report.console import Console
    from publisher.world import World


def main() -> int:
    """Run with this process's arguments and environment; return the exit code."""
    return run(sys.argv[1:], dict(os.environ))


def run(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run one command and return its exit code, as docs/errors.md lists them.

    Args:
        argv: The arguments after the program's name.
        env: The environment.
    """
    try:
        command, options = settings.resolve(argv, env, Path("pyproject.toml"))
    except PublisherError as error:
        return _misused(error, argv, env)
    if options.help or options.version:
        from publisher.report import plain

        text = usage.help_text(command) if options.help else f"publisher {publisher.__version__}"
        plain.show(text, sys.stdout)
        return 0
    if isinstance(options, Reading):
        return _read(command, options, env)
    if options.providers:
        from publisher import providers
        from publisher.report import plain

        plain.show(providers.table(), sys.stdout)
        return 0
    return _sandbox(options, env) if command == "sandbox" else _work(command, options, env)


def _misused(error: PublisherError, argv: Sequence[str], env: Mapping[str, str]) -> int:
    """A usage error goes to standard error, and to the report if one was asked for."""
    _console_on(sys.stderr, env).show_error(error)
    path = settings.report_path(argv, env)
    if path:
        from publisher.report import record as report

        record = _begun(rehearsal="--dry-run" in argv)
        record.finished, record.exit_code = record.started, error.exit_code
        record.findings.append(error.finding())
        with suppress(PublisherError):
            report.write(record, path)
    return error.exit_code


def _begun(provider: str = "", command: str = "publish", *, rehearsal: bool) -> Run:
    """The record of a run that begins now."""
    from publisher.models import Run

    return Run(provider, rehearsal, _now(), command)


def _now() -> datetime:
    from datetime import UTC, datetime

    return datetime.now(UTC)


def _console(options: Options, env: Mapping[str, str]) -> Console:
    """The face of a run: with ``--format json`` standard output is the report's."""
    from publisher.report import faces

    rehearsed = options.dry_run or options.sandbox
    mask = (faces.Nobody() if rehearsed else faces.for_env(env)).mask
    stream = sys.stderr if options.format == "json" else sys.stdout
    return _console_on(stream, env, verbosity=options.verbosity, mask=mask)


def _console_on(stream: TextIO | None, env: Mapping[str, str], **how: Any) -> Console:
    from publisher.report.console import Console

    stream = stream or io.StringIO()  # closed before we began
    interactive = stream.isatty() and not env.get("CI") and env.get("TERM") != "dumb"
    color = False if env.get("NO_COLOR") else None
    return Console(stream, interactive=interactive, color=color, **how)


def _sandbox(options: Options, env: Mapping[str, str]) -> int:
    from publisher import rehearsal
    from publisher.report import plain

    try:
        with signals.as_errors():
            return rehearsal.sandbox(
                indexes=options.indexes,
                port=options.port,
                tls=options.tls,
                env=env,
                announce=lambda url: plain.show(f"sandbox: {url}", sys.stdout),
            )
    except Stopped:
        return 0  # that is how a sandbox ends
    except PublisherError as error:
        _console(options, env).show_error(error)
        return error.exit_code


def _read(command: str, options: Reading, env: Mapping[str, str]) -> int:
    """Look at what others published; what a machine reads has standard output for itself."""
    from publisher import consumer

    stream = sys.stdout if options.format == "text" else sys.stderr
    console = _console_on(stream, env, verbosity=options.verbosity)
    return consumer.run(command, options, env, console)


def _work(command: str, options: Options, env: Mapping[str, str]) -> int:
    """Do one of the commands about distributions; whatever happens, end with a report."""
    console = _console(options, env)
    rehearsed = options.dry_run or options.sandbox is not None
    record = _begun(options.provider or "", command, rehearsal=rehearsed)
    with signals.noted():  # no gap: these handlers are there again when those within are gone
        _attempt(command, options, env, record, console)
        record.finished = _now()
        return _finish(options, env, record, console)


def _attempt(
    command: str, options: Options, env: Mapping[str, str], record: Run, console: Console
) -> None:
    rehearsed, hint = record.rehearsal, ""
    try:
        with signals.as_errors(options.deadline) as stopped:
            from publisher import surroundings

            _check_places(options, rehearsed=rehearsed)
            provider = surroundings.provider(command, options, env, rehearsed=rehearsed)
            if rehearsed:
                provider = _cast(provider, console, record)
            record.provider = provider.name
            try:
                with surroundings.world(
                    command,
                    options,
                    provider,
                    env,
                    rehearsed=rehearsed,
                    mask=console.mask,
                    terminal=sys.stderr,
                ) as world:
                    record.public_log = world.public_log
                    recorder = _recorder(record, console, world, env, stopped)
                    with closing(recorder.http) as http:
                        _worker(command)(options, provider, world, env, recorder, http).run()
            except PublisherError as error:
                hint = provider.hint(error)
                raise
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the one place that ends a run
        cause = signals.cause_of(error)
        record.exit_code = cause.exit_code
        record.findings.append(cause.finding(hint))
        console.show_error(cause, hint)


def _worker(command: str) -> Callable[..., Preparation]:
    from publisher.publish.making import Building, Signing
    from publisher.publish.pipeline import Release
    from publisher.publish.review import Examination

    return {"publish": Release, "doctor": Examination, "build": Building, "attest": Signing}[
        command
    ]


def _check_places(options: Options, *, rehearsed: bool) -> None:
    """Find out before anything else whether what is asked for can be written at the end."""
    from publisher.files import try_folder, writing

    if options.keep and not rehearsed:
        raise InvalidValue("--keep keeps the evidence of a rehearsal; add --dry-run")
    for flag, folder in (
        ("--report", options.report and options.report.parent),
        ("--html", options.html and options.html.parent),
        ("--keep", options.keep),
        ("--state", options.state),
    ):
        if folder is None:
            continue
        problem = f"{flag}: nothing can be written to {folder}"
        with writing(folder, problem, "Nothing was done yet. Name another place."):
            try_folder(folder)


def _cast(provider: Provider, console: Console, record: Run) -> Provider:
    """Say that this is a rehearsal, who plays whom, and what the real run would stumble over."""
    console.say("REHEARSAL: every service below runs on this machine; nothing will be published")
    actor = provider.understudy()
    record.invented, record.guessed = not actor.knows_itself(), actor.guessed()
    if actor is not provider:
        console.say(f"no CI is around us, so we play a job of {actor.name}, with invented numbers")
        return actor
    try:
        if provider.claims is None and provider.detects(provider.env):
            provider.preflight()
    except MissingPermission as error:  # a job that only rehearses is right to have none
        what = f"{error.message}, and a rehearsal needs none; the job that publishes does"
        _remark(record, console, remark("no-permission-here", what, hint=error.hint))
    except PublisherError as error:
        what = f"the real run would stop here: {error.message}"
        found = remark("real-run-would-fail", what, hint=error.hint, error=error.code)
        _remark(record, console, found)
    return provider


def _remark(record: Run, console: Console, finding: Finding) -> None:
    record.findings.append(finding)
    console.finding(finding)


def _recorder(
    record: Run,
    console: Console,
    world: World,
    env: Mapping[str, str],
    stopped: Callable[[], PublisherError | None],
) -> Recorder:
    from publisher import surroundings
    from publisher.http import Http
    from publisher.publish.recorder import Recorder

    http = Http(ca=world.ca or surroundings.tls_roots(env), notice=console.say)
    recorder = Recorder(record, console, http, stopped, world.state)
    foreign = settings.foreign_settings(env)
    if foreign:
        what = "settings of other publishing tools are around; they are not read"
        recorder.note(remark("other-tools-setting", what, variables=foreign))
    for variable, instead in incumbent.replaced(env).items():
        recorder.note(remark("setting-replaced", f"{variable} does nothing here: {instead}"))
    return recorder


def _finish(options: Options, env: Mapping[str, str], record: Run, console: Console) -> int:
    """Say how it ended and leave everything that was asked for."""
    from publisher.report import leave

    links = [] if record.rehearsal else _links(record)
    console.summary(record, links)
    shown = options.format == "json"
    for error in leave.behind(
        record, links, env, shown=shown, report=options.report, page=options.html
    ):
        console.show_error(error)
        record.exit_code = record.exit_code or error.exit_code
        record.findings.append(error.finding())
    console.last_word(record)
    return record.exit_code


def _links(record: Run) -> list[str]:
    from publisher.world import INDEXES

    releases = sorted({(dist.project, dist.version) for dist in record.dists})
    indexes = [INDEXES[t.name]() for t in record.targets if t.name in INDEXES]
    pages = [index.release_url(*release) for index in indexes for release in releases]
    return [page for page in pages if page]
