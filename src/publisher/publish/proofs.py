"""The attestations of a run: those that lie beside the dists, and those that it signs itself."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from publisher.ahead import ahead, waited
from publisher.errors import AttestError
from publisher.http import Http
from publisher.models import Attested, Dist, Identity
from publisher.publish import attest, existing, identity, journal
from publisher.publish.recorder import Recorder
from publisher.remarks import remark
from publisher.verify import core
from publisher.world import World

if TYPE_CHECKING:
    from sigstore.sign import Signer

FOR_EVER = """\
An index takes an attestation only together with its file. To stop instead, so that the same command
completes the release later: --attestations required."""
Existing = Mapping[str, tuple[Attested, ...]]


@dataclass
class Proofs:
    """Finds, makes and verifies attestations, once in a run; ``modes`` are its indexes'."""

    world: World
    record: Recorder
    http: Http
    modes: frozenset[str]
    _beside: Existing = field(default_factory=dict)
    _opening: Future[core.Verifier] | None = None
    _kept: tuple[Attested, ...] = ()
    _tried: bool = False
    failed: bool = False
    """Whether signing did not succeed, and the run goes on without."""

    def begin(self) -> None:
        """Have the trust root and Sigstore's clients ready when they are needed."""
        if self.modes != {"off"}:
            self._opening = ahead(self._open)

    def _open(self) -> core.Verifier:
        verifier = core.Verifier(core.trust(self.world.trust_config))
        attest.load()
        return verifier

    @property
    def verifier(self) -> core.Verifier:
        """The strict verifier, under the one trust root of this run."""
        if self._opening is None:
            self._opening = ahead(self._open)
        return self._opening.result()

    def find(self, who: Identity, todo: Sequence[Dist]) -> None:
        """Read and verify what lies beside the dists, before the index is asked for a token.

        Raises:
            ExistingAttestationRefused: One can't be used.
        """
        if self.modes == {"off"} or not todo:
            return
        if "required" in self.modes:
            _ = self.verifier  # a trust root that can't be had shows before the index is asked
        found = existing.beside(todo)
        if found and not self.world.foreign_proofs:
            what = "attestations beside the dists are left out: they can't verify in this world"
            files = [path.name for paths in found.values() for path in paths]
            self.record.note(remark("attestations-left-out", what, files=files))
        elif found:
            self._beside = existing.load(self.verifier, todo, who)
        self._resume(who, existing.missing(todo, self._beside))

    def _resume(self, who: Identity, lacking: Sequence[Dist]) -> None:
        """Take what an earlier run of the same commit signed and kept, if it verifies now."""
        if not lacking or self.record.journal.folder is None:
            return
        with suppress(AttestError):  # without a trust root; who can't go on without knows already
            place = partial(self.record.journal.place, self.verifier.root)
            self._kept = existing.kept(self.verifier, lacking, who, place)
        if self._kept:
            names = [one.dist.filename for one in self._kept]
            what = f"an earlier run signed {len(names)} of the files; its signatures are used"
            self.record.note(remark("signatures-reused", what, files=names))
            self._give_receipts(self._kept)
            self._beside = existing.together(self._beside, self._kept)

    def _give_receipts(self, signed: Sequence[Attested]) -> None:
        with self.record.keeping():
            self.record.journal.receipts(signed, self.verifier.root)

    def make(self, who: Identity, todo: Sequence[Dist]) -> tuple[Attested, ...]:
        """Sign, once in a run, whatever lacks a publish attestation; verify it as the index will.

        Returns:
            What was made, now or by an earlier run that kept it; not what lay beside the dists.

        Raises:
            AttestError: It failed, and an index requires attestations.
        """
        lacking = existing.missing(todo, self._beside)
        if self._tried or self.modes == {"off"} or not lacking:
            self.record.skip("sign", "verify")
            self.record.run.attested = self.record.run.attested or dict(self._beside)
            return self._kept
        self._tried = True
        made: tuple[Attested, ...] = ()
        try:
            checks = self._sign(who, lacking)
            with self.record.step("verify", "verifying each attestation as the index will"):
                made = tuple(waited(checks[dist.filename]) for dist in lacking)
            self._give_receipts(made)
        except AttestError as error:
            if "required" in self.modes:
                raise
            self.failed = True
            bare = {dist.filename for dist in lacking}  # an index wants no SLSA proof alone
            names = ", ".join(dict.fromkeys(f"{dist.project} {dist.version}" for dist in lacking))
            what = f"files of {names} go out without attestations, and can never get any"
            facts = {"reason": {"message": error.message, **error.facts}, "files": sorted(bare)}
            self.record.note(remark("attestation-failed", what, hint=FOR_EVER, **facts))
            self._beside = {name: them for name, them in self._beside.items() if name not in bare}
        self.record.run.attested = existing.together(self._beside, made)
        return (*self._kept, *made)

    def _sign(self, who: Identity, lacking: Sequence[Dist]) -> Mapping[str, Future[Attested]]:
        """Sign; each file's verification has begun, while others waited for the log."""
        checks: dict[str, Future[Attested]] = {}

        def keep(dist: Dist, text: str) -> None:
            with self.record.keeping():
                self.record.journal.keep(self.verifier.root, dist, text)
            checks[dist.filename] = ahead(
                partial(attest.verify, self.verifier, who.publisher, dist, text)
            )

        with self.record.step("sign", "one certificate for this run, one log entry per file"):
            signer = attest.Renewed(partial(self._certify, who))
            with self.record.reporter.progress("signed", len(lacking)) as tick:
                attest.sign(signer, lacking, tick, keep)
        return checks

    def _certify(self, who: Identity) -> Signer:
        now, tokens = time.time(), self.world.tokens
        fresh, _ = identity.fetch(tokens, attest.AUDIENCE, who.issuer, now=now)
        return attest.certify(self.http, self.verifier.trusted, fresh, self._announce)

    def _announce(self, *, log: str, statement: bytes, certificate_serial: str) -> None:
        """Write down, before it is submitted, by what our log entry can be known."""
        subject = json.loads(statement)["subject"][0]
        self.record.journal.announce(
            file=subject["name"],
            sha256=subject["digest"]["sha256"],
            **journal.statement_hashes(statement),
            certificate_serial=certificate_serial,
            log=log,
            root=self.verifier.root,
        )
