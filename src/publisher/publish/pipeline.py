"""The one way through: identity, dists, plan, mint, sign, verify, upload, burn, arrival.

Everything that can be checked without a trace is checked first; then the index must agree to
take the upload; everything is signed and verified before the first byte goes up; the token dies
right after the last one (docs/design.md says why).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from publisher.errors import PrivateRepoInPublicLog
from publisher.http import Http
from publisher.models import Dist, Identity, Planned, Target, UploadToken
from publisher.options import Options
from publisher.providers.base import Provider
from publisher.publish import (
    arrival,
    attest,
    build,
    contract,
    dists,
    exchange,
    identity,
    plan,
    sources,
)
from publisher.publish.proofs import Proofs
from publisher.publish.recorder import Recorder
from publisher.publish.upload import Upload
from publisher.remarks import remark
from publisher.world import Index, World

Plans = Mapping[str, Sequence[Planned]]


@dataclass
class Release:
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

    def publish(self) -> None:
        """Do it all; every ``PublisherError`` leaves the record as far as it got."""
        options = self.options
        tokens = identity.masked(self.world.tokens, self.record.reporter.mask)
        self.world = replace(self.world, tokens=tokens)
        planned = sources.decide(options.paths, options.packages_dir, options.build)
        self._expected = contract.read(options.expect) if options.expect else None
        self.record.run.targets = tuple(self._target(index) for index in self.world.indexes)
        who = self._identify()
        found = self._dists(planned)
        plans = self._plan(found)
        lacking = {p.dist.filename: p.dist for ps in plans.values() for p in ps if p.state == "new"}
        new = list(lacking.values())
        self._proofs.find(who, new)
        for index in self.world.indexes:
            todo = [p.dist for p in plans[index.name] if p.state == "new"]
            if todo:
                with self._token(index, who) as token:
                    self._proofs.make(who, new)
                    self._upload(index, token, todo)
            else:
                self.record.skip("mint", "sign", "verify", "upload", "burn")
            self._arrive(index, who, found)

    @cached_property
    def _proofs(self) -> Proofs:
        modes = frozenset(target.attestations for target in self.record.run.targets)
        return Proofs(self.world, self.record, self.http, modes)

    def _target(self, index: Index) -> Target:
        support = self.provider.supports(index.name)
        mode = self.options.attestations or ("required" if support.attest else "off")
        why = support.why or f"{index.name} takes attestations from {self.provider.name}"
        if self.options.attestations:
            why = f"--attestations {self.options.attestations}"
        return Target(index.name, index.upload_url, mode, why)

    def _identify(self) -> Identity:
        first, *others = (index.audience for index in self.world.indexes)
        attesting = any(t.attestations != "off" for t in self.record.run.targets)
        also = [*others, attest.AUDIENCE] if attesting else others
        with self.record.step("identity", "finding out who this run is"):
            now = time.time()
            who = identity.probe(self.world.tokens, self.provider, first, now=now, also=also)
            self.record.run.identity = who
            self.record.reporter.say(f"this run is {who.label}; {who.issuer} vouches for it")
            for index in self.world.indexes:
                exchange.confirm_audience(self.http, index)
            self._judge(who, attesting=attesting)
        return who

    def _judge(self, who: Identity, *, attesting: bool) -> None:
        """Stop before any act if index or Sigstore would refuse this identity later on."""
        for warning in self.provider.warnings(who.claims):
            self.record.note(remark("default-service-account", warning))
        minted = self.provider.mint_verdict(who.claims)
        if not minted.accepted:
            raise minted.error(register=dict(who.register))
        if not attesting:
            return
        attested = self.provider.attest_verdict(who.claims)
        if not attested.accepted:
            raise attested.error(publisher=dict(who.publisher))
        private = self.provider.private(who.claims)
        if private and PrivateRepoInPublicLog.code not in self.options.allow:
            raise PrivateRepoInPublicLog(
                f"attesting writes the name {private} into a public log, for ever",
                facts={"repository": private},
                hint="If that is fine: --allow private-repo-in-public-log. If it is not: "
                "--attestations off.",
            )

    def _dists(self, planned: Sequence[sources.Source]) -> tuple[Dist, ...]:
        found: list[Path | str] = []
        for number, source in enumerate(planned):
            found += source.found
            if source.project:
                found += self._build(source.project, source.why, number)
        with self.record.step("dists", "reading and checking every file"):
            for source in planned:
                if not source.project:
                    self.record.reporter.say(source.why)
                if source.left:
                    what = "distributions of another project or version are left alone"
                    self.record.note(remark("other-dists", what, files=list(source.left)))
            files = dists.collect(found, self.record.note)
            read = dists.read_all(files, self.record.note)
            self.record.run.dists = read
            self.record.run.tag = self._tag()
            dists.check(read, tag=self.record.run.tag)
            if self._expected:
                contract.check(self._expected, read)
            releases = sorted({f"{dist.project} {dist.version}" for dist in read})
            self.record.reporter.say(f"{', '.join(releases)}: {len(read)} to publish")
        return read

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

    def _plan(self, found: Sequence[Dist]) -> Plans:
        plans = {}
        with self.record.step("plan", "comparing with what the index has already"):
            for index in self.world.indexes:
                skip = self.options.skip_existing
                plans[index.name] = plan.plan(self.http, index, found, skip_existing=skip)
                self._tell_plan(index, plans[index.name])
        return plans

    def _tell_plan(self, index: Index, planned: Sequence[Planned]) -> None:
        target = self._target_of(index)
        if target.attestations == "off":
            what = f"no attestations for {index.name}: {target.why}"
            self.record.note(remark("attestations-off", what))
        there = [p.dist.filename for p in planned if p.state == "identical"]
        for p in planned:
            self.record.begin(index.name, p.dist, there=p.state == "identical")
        new = len(planned) - len(there)
        self.record.reporter.say(f"{index.name}: {new} to upload, {len(there)} already there")
        if there:
            what = f"{index.name} has {len(there)} of the files, proven by digest: not sent again"
            self.record.note(remark("already-there", what, files=there))

    @contextmanager
    def _token(self, index: Index, who: Identity) -> Iterator[UploadToken]:
        """An upload token that is given back however the block ends."""
        token = None
        try:
            with self.record.step("mint", f"trading the identity for a token of {index.name}"):
                tokens, now = self.world.tokens, time.time()
                fresh, _ = identity.fetch(tokens, index.audience, who.issuer, now=now)
                token = exchange.mint(self.http, index, fresh, who)
                self.record.reporter.mask(token.secret)
            yield token
        finally:
            if token:
                self._burn(index, token)

    def _burn(self, index: Index, token: UploadToken) -> None:
        with self.record.step("burn", "giving the upload token back"):
            if not exchange.burn(self.http, index, token):
                expires = time.strftime("%H:%M:%S UTC", time.gmtime(token.expires))
                what = f"{index.name} did not confirm that the upload token is dead"
                self.record.note(remark("token-not-burned", f"{what}; it dies at {expires}"))

    def _target_of(self, index: Index) -> Target:
        return next(t for t in self.record.run.targets if t.name == index.name)

    def _upload(self, index: Index, token: UploadToken, todo: Sequence[Dist]) -> None:
        attested = {} if self._target_of(index).attestations == "off" else self.record.run.attested
        mark, jobs = self.record.marker(index.name), self.options.jobs
        total = sum(dist.size for dist in todo)
        with (
            self.record.step("upload", f"to {index.name}: one file alone, then {jobs} at a time"),
            self.record.reporter.progress("uploaded", total) as tick,
        ):
            Upload(self.http, index, token, attested, jobs, mark, tick).send_all(todo)

    def _arrive(self, index: Index, who: Identity, found: Sequence[Dist]) -> None:
        if self.options.wait == 0:
            self.record.skip("arrival")
            return
        attested = self.record.run.attested
        placed = self.record.run.placed[index.name]
        mode = self._target_of(index).attestations
        proofs = mode == "required" or (mode == "best-effort" and bool(attested))
        with self.record.step("arrival", f"looking at {index.name} as a consumer would"):
            say = self.record.reporter.say
            seen = arrival.wait_for(
                self.http,
                index,
                found,
                wait=self.options.wait,
                on_pause=lambda n: say(f"{n} files are not visible yet"),
            )
            arrival.Inspection(
                http=self.http,
                index=index,
                attested={n for n in attested if proofs and placed[n].status == "uploaded"},
                publisher=who.publisher,
                verifier=self._proofs.verifier if proofs else None,
                mark=self.record.marker(index.name),
                note=self.record.note,
            ).look(found, seen)
            self._tell_arrival(index, proofs=proofs)

    def _tell_arrival(self, index: Index, *, proofs: bool) -> None:
        placed = self.record.run.placed[index.name]
        late = [name for name, p in placed.items() if p.arrival == "not-visible-yet"]
        bare = [name for name, p in placed.items() if p.arrival == "unattested"]
        if late:
            what = f"{index.name} does not show {len(late)} of {len(placed)} files yet"
            self.record.note(remark("not-visible-yet", what, files=late))
        if bare and proofs:
            what = f"{len(bare)} files were on {index.name} before, without any attestation"
            self.record.note(remark("already-there-unattested", what, files=bare))
