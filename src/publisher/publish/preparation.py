"""What every command begins with: who this run is, which files it is about, what the index has.

Nothing here leaves a trace outside: tokens are only looked at, indexes are only read.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from publisher.errors import InvalidValue, PrivateRepoInPublicLog, PublisherError
from publisher.http import Http
from publisher.models import Dist, Identity, Plan, Target
from publisher.options import Options
from publisher.providers.base import Provider
from publisher.providers.verdicts import Verdict
from publisher.publish import (
    attest,
    build,
    contract,
    dists,
    exchange,
    identity,
    plan,
    refusals,
    sources,
)
from publisher.publish.measure import Measured
from publisher.publish.proofs import Proofs
from publisher.publish.recorder import Recorder
from publisher.remarks import remark
from publisher.world import Index, World

Plans = Mapping[str, Plan]
NO_ORIGIN = "a password proves no origin; {name} takes attestations with trusted publishing only"
OTHER_ROOT = (
    "{name} verifies attestations under the root of Sigstore's public instance; with another "
    "--trust-config, none could be taken"
)


def count(files: int) -> str:
    """``1 file``, ``2 files``."""
    return f"{files} file{'' if files == 1 else 's'}"


@dataclass
class Preparation(ABC):
    """One run: what was asked for, the world it acts in, and the record it fills.

    ``env`` is the surroundings that a build gets, cleaned.
    """

    options: Options
    provider: Provider
    world: World
    env: Mapping[str, str]
    record: Recorder
    http: Http
    _expected: contract.Expected | None = None

    @cached_property
    def proofs(self) -> Proofs:
        """The attestations of this run."""
        modes = frozenset(target.attestations for target in self.record.run.targets)
        return Proofs(self.world, self.record, self.http, modes or frozenset({"required"}))

    @abstractmethod
    def run(self) -> None:
        """Do it; every ``PublisherError`` leaves the record as far as it got."""

    # Where to

    def aim(self) -> None:
        """Read what the options name, and decide how attestations are handled on each index.

        Raises:
            InvalidValue: The contract can't be read, or options contradict each other.
        """
        self._expected = contract.read(self.options.expect) if self.options.expect else None
        self.record.run.targets = tuple(self._target(index) for index in self.world.indexes)
        for index in self.world.indexes:
            if index.account and index.known:
                what = f"a password is used, although {index.name} knows trusted publishing"
                hint = "`publisher doctor` shows what to register; then nobody can steal it."
                self.record.note(remark("static-credential", what, hint=hint))

    def _target(self, index: Index) -> Target:
        wanted = self.options.attestations
        obstacle = self._obstacle(index)
        if obstacle and wanted == "required":
            raise InvalidValue(
                f"--attestations required can't be had: {obstacle}",
                facts={"index": index.name},
                hint="Leave out one of the two.",
            )
        if wanted and not obstacle:
            return Target(index.name, index.upload_url, wanted, f"--attestations {wanted}")
        support = self.provider.supports(index.name)
        why = obstacle or (support.why if not support.attest else "")
        taken = f"{index.name} takes attestations from {self.provider.name}"
        return Target(index.name, index.upload_url, "off" if why else "required", why or taken)

    def _obstacle(self, index: Index) -> str:
        """What in the options stands against attestations there; empty if nothing does."""
        if index.account:
            return NO_ORIGIN.format(name=index.name)
        if index.known and not self.world.public_log:
            return OTHER_ROOT.format(name=index.name)
        return ""

    def target(self, index: Index) -> Target:
        """How attestations are handled on ``index``."""
        return next(t for t in self.record.run.targets if t.name == index.name)

    # As whom

    def identify(self) -> Identity | None:
        """Learn who this run is, and stop if that identity would be refused later on.

        Returns:
            ``None`` where nobody asks: every index wants a password, and nothing is attested.
        """
        minting = [index for index in self.world.indexes if index.account is None]
        attesting = any(t.attestations != "off" for t in self.record.run.targets)
        attesting = attesting or not self.world.indexes
        audiences = [index.audience for index in minting] + [attest.AUDIENCE] * attesting
        if not audiences:
            self.record.skip("identity")
            return None
        with self.record.step("identity", "finding out who this run is"):
            now = time.time()
            first, *also = dict.fromkeys(audiences)
            who = identity.probe(self.world.tokens, self.provider, first, now=now, also=also)
            self.record.run.identity = who
            self.record.reporter.say(f"this run is {who.label}; {who.issuer} vouches for it")
            self._judge(who, minting=minting, attesting=attesting)
            for index in minting:
                exchange.confirm_audience(self.http, index, who)
        return who

    def _judge(self, who: Identity, *, minting: Sequence[Index], attesting: bool) -> None:
        """Stop before any act if index or Sigstore would refuse this identity later on."""
        for warning in self.provider.warnings(who.claims):
            self.record.note(remark("default-service-account", warning))
        minted = self.provider.mint_verdict(who.claims)
        for index in minting:
            if index.known and not minted.accepted:
                raise self.refusal(minted, index, who)
        if not attesting:
            return
        attested = self.provider.attest_verdict(who.claims, public=self.world.public_log)
        if not attested.accepted:
            raise attested.error(publisher=dict(who.publisher))
        if self.world.public_log:
            self.guard_name(who)

    @staticmethod
    def refusal(verdict: Verdict, index: Index, who: Identity) -> PublisherError:
        """A refused mint as an error, with the same help as if the index had been asked."""
        told = refusals.explain(str(verdict.code), verdict.why, index.name, who)
        told_by = replace(verdict, hint=verdict.hint or told.hint)
        return told_by.error(register=dict(who.register), **told.facts)

    def guard_name(self, who: Identity) -> None:
        """Let a private repository's name into a public log only if somebody said so.

        Raises:
            PrivateRepoInPublicLog: Nobody did.
        """
        private = self.provider.private(who.claims)
        if private and PrivateRepoInPublicLog.code not in self.options.allow:
            raise PrivateRepoInPublicLog(
                f"attesting writes the name {private} into a public log, for ever",
                facts={"repository": private},
                hint="If that is fine: --allow private-repo-in-public-log. If it is not: "
                "--attestations off.",
            )

    # What

    def read_paths(self, mode: sources.BuildMode | None = None) -> tuple[sources.Source, ...]:
        """What the paths name: projects to build, or dists; ``mode`` beats ``--build``.

        Raises:
            PathNotFound, NothingToPublish: They name nothing.
            InvalidValue: It is to be built, and not to be built.
        """
        options = self.options
        if options.expect and options.build == "always":
            raise InvalidValue(
                "--expect names finished files, and --build always makes others",
                hint="Leave one of them out.",
            )
        if options.expect and mode is None:
            mode = "never"  # what another job has built is to be published, and nothing else
        return sources.decide(options.paths, options.packages_dir, mode or options.build)

    def read_dists(self, planned: Sequence[sources.Source]) -> tuple[Dist, ...]:
        """Build what is to be built; read and check every file.

        Raises:
            DistError: Something can't be published as it is.
        """
        found: list[Path | str] = []
        for number, source in enumerate(planned):
            found += source.found
            if source.project:
                found += self._build(source.project, source.why, number)
        with self.record.step("dists", "reading and checking every file"):
            for source in planned:
                if source.why and not source.project:
                    self.record.reporter.say(source.why)
                if source.left:
                    what = "distributions of another project or version are left alone"
                    self.record.note(remark("other-dists", what, files=list(source.left)))
            files = dists.collect(found, self.record.note)
            read = dists.read_all(files, self.record.note, self._trust)
            self.record.run.dists = read
            self.record.run.tag = self._tag()
            dists.check(read, tag=self.record.run.tag)
            if self._expected:
                contract.check(self._expected, read)
            releases = sorted({f"{dist.project} {dist.version}" for dist in read})
            self.record.reporter.say(f"{', '.join(releases)}: {count(len(read))}")
        return read

    def _trust(self, files: Mapping[str, Measured]) -> None:
        """Bytes that are not the contract's are not even looked into."""
        if self._expected:
            contract.check_bytes(self._expected, files)

    def _tag(self) -> str | None:
        if self.options.tag == "auto":
            return self.provider.tag()
        return None if self.options.tag == "none" else self.options.tag

    def _build(self, project: Path, why: str, number: int) -> tuple[Path, ...]:
        into = project / self.options.packages_dir
        if self.world.build_into:
            into = self.world.build_into / str(number)
        with self.record.step("build", f"sdist, then the wheel from it ({why})"):
            return build.build(
                project,
                into,
                env=self.env,
                on_line=self.record.reporter.detail,
                note=self.record.note,
            )

    # What is left to do

    def plans(self, found: Sequence[Dist]) -> Plans:
        """Compare the files with each index.

        Raises:
            ReleaseConflict, AlreadyPublished: A name is taken.
            IndexUnreachable, IndexAnswerMalformed: No usable answer.
        """
        plans = {}
        with self.record.step("plan", "comparing with what the index has already"):
            for index in self.world.indexes:
                skip = self.options.skip_existing
                plans[index.name] = plan.plan(self.http, index, found, skip_existing=skip)
                self._tell_plan(index, plans[index.name])
        return plans

    def _tell_plan(self, index: Index, made: Plan) -> None:
        target = self.target(index)
        if target.attestations == "off":
            what = f"no attestations for {index.name}: {target.why}"
            self.record.note(remark("attestations-off", what))
        if index.simple_url is None:
            what = f"what {index.name} has already is not known; all files are sent"
            self.record.note(remark("index-not-readable", what, hint="Give --check-url."))
        for planned in made.files:
            self.record.begin(index.name, planned.dist, there=planned.state == "identical")
        there = [dist.filename for dist in made.of("identical")]
        new = len(made.files) - len(there)
        self.record.reporter.say(f"{index.name}: {new} to upload, {len(there)} already there")
        for project in made.new_projects:
            what = f"{project} is new on {index.name}; the first upload token creates it"
            self.record.reporter.say(what if index.account is None else f"{project} is new there")
        if there:
            what = f"{index.name} has {len(there)} of the files, proven by digest: not sent again"
            self.record.note(remark("already-there", what, files=there))
