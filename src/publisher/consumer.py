"""``verify`` and ``pin``: from options and environment to an exit code."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from publisher import git, signals, surroundings
from publisher.ahead import ahead, waited
from publisher.errors import (
    EvidenceIncomplete,
    InvalidValue,
    PublisherError,
    TrustRootUnavailable,
)
from publisher.files import write_whole, writing
from publisher.http import Http
from publisher.reading import Reading
from publisher.report import sarif, verdicts
from publisher.report.console import Console
from publisher.verify import core, drift, pins, pylock, roots, targets
from publisher.verify.checking import Check, Expected
from publisher.verify.evidence import Evidence
from publisher.verify.model import Examination, Memory, Observed, Release, TrustRoot, Verdict
from publisher.verify.pinning import Pinning, changed
from publisher.verify.shelf import NotHere, Shelf
from publisher.verify.verdict import judge
from publisher.world import INDEXES, Index, custom

ACTORS = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN", "USER", "LOGNAME", "USERNAME")
"""Variables that name whoever runs this."""


def run(command: str, options: Reading, env: Mapping[str, str], console: Console) -> int:
    """Run ``verify`` or ``pin``, say what was found, and return the exit code."""
    examined = Examination(command, options.fail_on)
    errors: list[PublisherError] = []
    with signals.noted():  # no gap: these handlers are there again when those within are gone
        try:
            with signals.as_errors():
                Consumer(options, env, examined, console).work()
                errors += judge(examined, locked=options.locked)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the one place that ends a run
            errors.insert(0, signals.cause_of(error))
        examined.exit_code = errors[0].exit_code if errors else 0
        examined.findings += [error.finding() for error in errors]
        return _finish(options, examined, console, errors)


def _finish(
    options: Reading, examined: Examination, console: Console, errors: list[PublisherError]
) -> int:
    verdicts.tell(console, examined, verbose=options.verbosity > 0)
    for error in errors:
        console.show_error(error)
    if options.report:
        try:
            verdicts.write(examined, options.report)
        except PublisherError as error:
            console.show_error(error)
            examined.exit_code = examined.exit_code or error.exit_code
    if options.format == "json":
        verdicts.show(verdicts.as_json(examined))
    elif options.format == "sarif":
        verdicts.show(sarif.as_json(examined))
    elif options.format == "github":
        verdicts.show("\n".join(sarif.commands(examined)))
    console.lines([verdicts.last_word(examined)], loud=True)
    return examined.exit_code


class Consumer:
    """One run of a command."""

    def __init__(
        self, options: Reading, env: Mapping[str, str], examined: Examination, console: Console
    ) -> None:
        self.options, self.env, self.examined, self.console = options, env, examined, console

    def work(self) -> None:
        """Do what is asked for.

        Raises:
            PublisherError: It can't be done.
        """
        _check(self.options)
        paths = self.options.paths
        if self.options.attestation or self.options.provenance:
            target = targets.file(Path(paths[0]))
            memory = _book(self.options.lock).projects.get(target.project)
            with self._evidence() as evidence:
                self.examined.verdicts.append(self._alone(evidence, target, memory))
            return
        asked = targets.read(paths, Path()) if paths or not self.options.accept else []
        book = _book(self.options.lock)
        with self._evidence() as evidence:
            private = self.options.private
            check = Check(evidence, self._index, book.projects, private, self._expected())
            if self.examined.command == "pin":
                self._pin(check, book, asked)
            else:
                self.examined.verdicts += check.all(asked)

    @contextmanager
    def _evidence(self) -> Iterator[Evidence]:
        """The way to the index and to the one verifier, which is made ready meanwhile."""
        http = Http(ca=surroundings.tls_roots(self.env), notice=self.console.say)
        shelf = Shelf(http, cache_folder(self.env), self.options.offline)
        verifier = ahead(self._verifier)
        evidence = Evidence(shelf, lambda: waited(verifier))
        try:
            yield evidence
        except TrustRootUnavailable as error:
            raise EvidenceIncomplete(error.message, facts=error.facts, hint=error.hint) from error
        finally:
            self.examined.requests = http.requests
            evidence.close()
            http.close()

    def _verifier(self) -> core.Verifier:
        path = self.options.trust_config
        text = surroundings.text_of("--trust-config", path) if path else None
        root, now = roots.load(text, offline=self.options.offline), datetime.now(UTC)
        if root.too_old(now):
            raise TrustRootUnavailable(
                f"Sigstore's trust root in the cache has ended {root.overdue(now).days} days ago",
                facts={"sha256": root.sha256, "until": str(root.until)},
                hint="Run once with network; nobody else can tell what became of it since.",
            )
        stale = root.overdue(now) > timedelta()
        self.examined.trust = TrustRoot(root.sha256, root.until, stale)
        return core.Verifier(root.config)

    def _alone(self, evidence: Evidence, target: targets.Target, memory: Memory | None) -> Verdict:
        """One file, and evidence that lies beside it: no index is asked.

        What is remembered of a release is about all its files, so it says nothing of one.
        """
        name, digest = target.files[0]
        found = Observed(target.project, target.version, name, digest, "unattested")
        if self.options.attestation:
            text = surroundings.text_of("--attestation", self.options.attestation)
            found = evidence.attested(found, text)
        elif self.options.provenance:
            text = surroundings.text_of("--provenance", self.options.provenance)
            found = evidence.provenance(found, text)
        release = Release(target.project, target.version, (found,))
        known = replace(memory or Memory(target.project), releases={})
        changes = drift.compare(known, release, target.locked)
        files, pinned = (self._expected().demand(found),), memory is not None
        return Verdict(target.project, target.version, files, changes, pinned=pinned)

    def _expected(self) -> Expected:
        options = self.options
        subject, issuer = options.cert_identity, options.cert_oidc_issuer
        return Expected(options.repo or "", subject or "", issuer or "")

    def _index(self, named: str) -> Index:
        """The index that was asked for, else the one that a lock names, else PyPI."""
        return index_at(self.options.index or named or "pypi")

    def _pin(self, check: Check, book: pins.Pins, asked: list[targets.Target]) -> None:
        pinning = Pinning(check, self.options.fail_on, datetime.now(UTC))
        for name in self.options.accept:
            project, version = targets.requirement(name)
            if not version:
                raise InvalidValue(f"--accept: {name} needs a version, NAME==VERSION")
            target = targets.Target(project, version)
            if not self.options.index:
                target = targets.at_home(asked, Path(), project, version)
            found = pinning.accept(target, self._who(), self.options.reason or "")
            self.examined.verdicts.append(found)
        self.console.lines(
            [(f"GIVEN UP: {one}", "bold red") for one in pinning.given_up], loud=True
        )
        self.examined.verdicts += pinning.all(asked)
        copies = _enriched(pinning.learned) if self.options.pylock else {}
        if names := changed(book.projects, pinning.memories):
            text = pins.write(replace(book, projects=pinning.memories))
            _write(text, self.options.lock)
            self.console.say(f"wrote {self.options.lock}: {', '.join(names)}")
        for path, text in copies.items():
            _write(text, path)

    def _who(self) -> str:
        """Who accepts: as the CI knows them, else as the system or git does."""
        known = next((self.env[name] for name in ACTORS if self.env.get(name)), "")
        return known or git.user(Path(), env=self.env) or "somebody"


def _enriched(learned: list[Verdict]) -> dict[Path, str]:
    """Each pylock.toml that was pinned, with who published what was learned (PEP 751)."""
    paths = {Path(one.place.path) for one in learned if one.place}
    texts = {}
    for path in sorted(path for path in paths if path.name.startswith("pylock.")):
        try:
            known = {(one.project, one.version): pylock.published(one.files) for one in learned}
            texts[path] = pylock.enrich(path.read_text("utf-8"), known)
        except (OSError, ValueError) as error:
            what = f"{path} can't get its {pylock.KEY}, and nothing was written: {error}"
            raise InvalidValue(what, facts={"path": str(path)}) from error
    return texts


def _book(path: Path) -> pins.Pins:
    """What identities.lock says; nothing, if there is none yet."""
    try:
        return pins.read(path.read_bytes().decode())  # read_text takes a lone CR for a line's end
    except FileNotFoundError:
        return pins.Pins()
    except (OSError, ValueError) as error:
        raise InvalidValue(f"{path} can't be read: {error}", facts={"path": str(path)}) from error


def _write(text: str, path: Path) -> None:
    with writing(path, f"{path} can't be written"):
        write_whole(path, text.encode())


def _check(options: Reading) -> None:
    """Options that contradict each other."""
    if options.index and options.index not in INDEXES and not surroundings.usable(options.index):
        raise InvalidValue(
            "--index: name pypi, testpypi, or a URL that begins with https:// and holds no password"
        )
    if bool(options.accept) != bool(options.reason):
        raise InvalidValue("--accept and --reason go together: somebody will ask why")
    beside = [flag for flag in ("attestation", "provenance") if getattr(options, flag)]
    if len(beside) > 1 or (beside and len(options.paths) != 1):
        raise InvalidValue("--attestation and --provenance are for one file, and one of the two")


@functools.lru_cache(maxsize=128)  # a lock names the same one on each line
def index_at(wanted: str) -> Index:
    """The index of that name or URL. Raises ``NotHere`` for one that is not asked."""
    if wanted in INDEXES:
        return INDEXES[wanted]()
    if not surroundings.usable(wanted):
        raise NotHere("its index has no https URL, or one with a password: it is not asked")
    return custom(wanted, wanted)


def cache_folder(env: Mapping[str, str]) -> Path | None:
    """Where answers are kept between runs, as the system has it; ``None`` if nobody has a home."""
    if sys.platform == "win32":
        home = env.get("LOCALAPPDATA")
    elif sys.platform == "darwin":
        home = env.get("HOME") and f"{env['HOME']}/Library/Caches"
    else:
        home = env.get("XDG_CACHE_HOME") or (env.get("HOME") and f"{env['HOME']}/.cache")
    return Path(home) / "attested-publisher" / "verify" if home else None
