"""The one way through: identity, dists, plan, mint, sign, verify, upload, burn, arrival.

Everything that can be checked without a trace is checked first; then the index must agree to
take the upload; everything is signed and verified before the first byte goes up; the token dies
right after the last one (docs/design.md says why).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from publisher.ahead import ahead
from publisher.models import Dist, Identity, Plan
from publisher.publish import arrival, continuity, metadata
from publisher.publish.access import Access, Password
from publisher.publish.lease import upload_token
from publisher.publish.preparation import Plans, Preparation
from publisher.publish.upload import Upload
from publisher.remarks import remark
from publisher.world import Index


class Release(Preparation):
    """``publish``: do it all."""

    def run(self) -> None:
        """Do it all; every ``PublisherError`` leaves the record as far as it got."""
        planned = self.read_paths()
        self.aim()
        who = self.identify(planned)
        found = self.read_dists(planned)
        plans = self.plans(found)
        lacking = {dist.filename: dist for plan in plans.values() for dist in plan.of("new")}
        new = list(lacking.values())
        for index in self.world.indexes:
            if self.target(index).attestations != "off":
                continuity.begin(self.http, index, plans[index.name])
        if who:
            self.proofs.find(who, new)
        self._look_back(plans)
        for index in self.world.indexes:
            self.compare_with_last(index, plans[index.name], who)
        ahead(metadata.load)  # nothing before the upload needs it
        for index in self.world.indexes:
            if todo := plans[index.name].of("new"):
                with self._access(index, who) as access:
                    if who:
                        self.proofs.make(who, new)
                    self._tell_lost(index, plans[index.name])
                    self._upload(index, access, todo)
            else:
                self.record.skip("mint", "sign", "verify", "upload", "burn")
            self._arrive(index, who, found)

    def _look_back(self, plans: Plans) -> None:
        """Write down what is planned, and say what an earlier run had begun with."""
        for index in self.world.indexes:
            dists = [planned.dist for planned in plans[index.name].files]
            sent, begun = self.record.journal.uploaded(index.upload_url, dists)
            if sent or begun:
                what = f"an earlier run sent {sent} of these files to {index.name}"
                what += f", and was stopped while it sent {begun} more" * bool(begun)
                self.record.note(remark("resumed", f"{what}; what {index.name} has counts"))
            files = {dist.filename: dist.sha256 for dist in dists}
            self.record.tell("planned", index=index.upload_url, files=files)

    def _tell_lost(self, index: Index, plan: Plan) -> None:
        """Say what signing that failed means for a project that was attested so far."""
        if self.proofs.failed and self.target(index).attestations == "best-effort":
            for finding in continuity.lost(index, plan):
                self.record.note(finding)

    @contextmanager
    def _access(self, index: Index, who: Identity | None) -> Iterator[Access]:
        """As whom to upload: with the password that we were given, or a token of this run's own."""
        if index.account:
            yield Password(index.account)
            return
        assert who  # noqa: S101 - for the type checker: without an identity, all have passwords
        with upload_token(self.world, self.record, self.http, index, who) as lease:
            yield lease

    def _upload(self, index: Index, access: Access, todo: Sequence[Dist]) -> None:
        attested = {} if self.target(index).attestations == "off" else self.record.run.attested
        mark, jobs = self.record.marker(index), self.options.jobs
        total = sum(dist.size for dist in todo)
        with (
            self.record.step("upload", f"to {index.name}: one file alone, then {jobs} at a time"),
            self.record.reporter.progress("uploaded", total) as tick,
        ):
            Upload(self.http, index, access, attested, jobs, mark, tick).send_all(todo)

    def _arrive(self, index: Index, who: Identity | None, found: Sequence[Dist]) -> None:
        if self.options.wait == 0 or index.simple_url is None:
            self.record.skip("arrival")
            return
        attested = self.record.run.attested
        placed = self.record.run.placed[index.name]
        mode = self.target(index).attestations
        proofs = mode == "required" or (mode == "best-effort" and bool(attested))
        until = time.monotonic() + self.options.wait
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
                publisher=who.publisher if who else {},
                verifier=self.proofs.verifier if proofs else None,
                until=until,
                mark=self.record.marker(index),
                note=self.record.note,
            ).look(found, seen)
            states = {name: one.arrival for name, one in self.record.run.placed[index.name].items()}
            self.record.tell("arrived", index=index.upload_url, files=states)
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
