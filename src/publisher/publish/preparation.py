"""What every command begins with: who this run is, which files it is about, what the index has.

Nothing here leaves a trace outside: tokens are only looked at, indexes are only read.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from publisher.errors import InvalidValue, PublisherError
from publisher.http import Http
from publisher.models import Dist, Finding, Identity, Plan, Target
from publisher.options import Options
from publisher.providers.base import Provider
from publisher.publish import (
    attest,
    continuity,
    contract,
    dists,
    exchange,
    identity,
    objections,
    plan,
    simple,
    sources,
    targets,
)
from publisher.publish.proofs import Proofs
from publisher.publish.recorder import Recorder
from publisher.publish.workshop import Workshop
from publisher.remarks import remark
from publisher.world import Index, World

Plans = Mapping[str, Plan]


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

    @cached_property
    def workshop(self) -> Workshop:
        """Where this run builds."""
        return Workshop(self.options, self.provider, self.world, self.env, self.record)

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
        wanted, public = self.options.attestations, self.world.public_log
        self.record.run.targets = tuple(
            targets.target(index, self.provider, wanted, public=public)
            for index in self.world.indexes
        )
        for index in self.world.indexes:
            if index.account and index.known:
                what = f"a password is used, although {index.name} knows trusted publishing"
                hint = "`publisher doctor` shows what to register; then nobody can steal it."
                self._advise(remark("static-credential", what, hint=hint))

    def target(self, index: Index) -> Target:
        """How attestations are handled on ``index``."""
        return next(t for t in self.record.run.targets if t.name == index.name)

    def _begin(self, planned: Sequence[sources.Source]) -> None:
        """Send off together what will be asked anyway, and waits for no other answer.

        After a build, what an index has is asked then: meanwhile somebody may have published.
        """
        self.proofs.begin()
        for index in self.minting:
            exchange.begin(self.http, index)
        if any(source.project for source in planned):
            return
        for index in self.world.indexes:
            for project in sources.projects(planned):
                simple.begin(self.http, index, project)

    # As whom

    @property
    def minting(self) -> list[Index]:
        """The indexes that an upload token comes from; the others want a password."""
        return [index for index in self.world.indexes if index.account is None]

    @property
    def attesting(self) -> bool:
        """Whether an attestation is wanted; without an index, nothing else is."""
        targets = self.record.run.targets
        return not targets or any(target.attestations != "off" for target in targets)

    @property
    def audiences(self) -> list[str]:
        """What ID tokens are needed for; none where a password does it, and nothing is attested."""
        wanted = [index.audience for index in self.minting] + [attest.AUDIENCE] * self.attesting
        return list(dict.fromkeys(wanted))

    def identify(self, planned: Sequence[sources.Source] = ()) -> Identity | None:
        """Learn who this run is, and stop if that identity would be refused later on.

        While that is asked, so is what the index has of the dists that are ``planned``, unless
        some of them are still to be built.

        Returns:
            ``None`` where nobody asks for an identity.
        """
        if not self.audiences:
            self.record.skip("identity")
            return None
        with self.record.step("identity", "finding out who this run is"):
            self._begin(planned)
            who = self.probe()
            self.record.reporter.say(f"this run is {who.label}; {who.issuer} vouches for it")
            self.tell_risks(who)
            for objection in self.objections(who):
                raise objection
            for index in self.minting:
                exchange.confirm_audience(self.http, index, who)
        return who

    def probe(self) -> Identity:
        """Who this run is, by a token that is only looked at; every audience must have one."""
        first, *also = self.audiences
        now = time.time()
        who = identity.probe(self.world.tokens, self.provider, first, now=now, also=also)
        self.record.run.identity = who
        return who

    def tell_risks(self, who: Identity) -> None:
        """Say what is risky about an identity that will be accepted."""
        for warning in self.provider.warnings(who.claims):
            self.record.note(remark("default-service-account", warning))
        for finding in self.provider.hygiene(who.claims) if self.world.real else ():
            self._advise(finding)

    def _advise(self, finding: Finding) -> None:
        if finding.code not in self.options.allow:
            self.record.note(finding)

    def objections(self, who: Identity) -> Iterator[PublisherError]:
        """Why an index or Sigstore would refuse this identity later on; pure."""
        allow, public = self.options.allow, self.world.public_log
        yield from objections.to_mint(self.provider, who, self.minting)
        yield from objections.to_start(self.provider, who, allow)
        if self.attesting:
            yield from objections.to_attest(self.provider, who, allow, public=public)

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
                found += self.workshop.build(source.project, source.why, number)
        with self.record.step("dists", "reading and checking every file"):
            for source in planned:
                if source.why and not source.project:
                    self.record.reporter.say(source.why)
                if source.left:
                    what = "distributions of another project or version are left alone"
                    self.record.note(remark("other-dists", what, files=list(source.left)))
            files = dists.collect(found, self.record.note)
            trust = partial(contract.check_bytes, self._expected) if self._expected else None
            read = dists.read_all(files, self.record.note, trust)
            self.record.run.dists = read
            self.record.run.tag = self._tag()
            dists.check(read, tag=self.record.run.tag)
            if self._expected:
                contract.check(self._expected, read)
            releases = sorted({f"{dist.project} {dist.version}" for dist in read})
            self.record.reporter.say(f"{', '.join(releases)}: {count(len(read))}")
        return read

    def _tag(self) -> str | None:
        if self.options.tag == "auto":
            return self.provider.tag()
        return None if self.options.tag == "none" else self.options.tag

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

    def compare_with_last(self, index: Index, made: Plan, who: Identity | None) -> None:
        """Compare with who published the last releases there.

        Raises:
            ChangedProvenance: Users would take this one for somebody else's.
        """
        allow, note = self.options.allow, self.record.note
        last = continuity.Comparison(self.http, index, self.target(index), allow, note)
        last.check(made, who)

    def _tell_plan(self, index: Index, made: Plan) -> None:
        target = self.target(index)
        if index.known:
            self.record.run.closing[index.name] = made.closing
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
