"""``build`` and ``attest``: the two parts of a release that another job may do beforehand."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from publisher.errors import InvalidValue
from publisher.files import try_folder, write_whole, writing
from publisher.models import Attested, Dist
from publisher.publish import contract, existing
from publisher.publish.preparation import Preparation, count
from publisher.remarks import remark


class Building(Preparation):
    """``build``: distributions, and the release contract that names them."""

    def run(self) -> None:
        """Build every project; take the dists of folders that are none."""
        into = self.options.contract
        self._forget(into)
        found = self.read_dists(self.read_paths("always"))
        contract.write(found, into)
        self.record.reporter.say(f"{into} names {count(len(found))}; publish --expect reads it")

    def _forget(self, into: Path) -> None:
        """Take an earlier build's contract away: in the project, the next sdist would carry it."""
        with suppress(InvalidValue, OSError):
            if into.is_file() and contract.read(into).releases is not None:
                into.unlink()


class Signing(Preparation):
    """``attest``: a publish attestation beside each dist, as ``publish`` finds it there."""

    def run(self) -> None:
        """Sign and verify all, then write all; a log entry that can't be kept helps nobody.

        Raises:
            CannotWrite: Nothing can be put beside a dist.
        """
        planned = self.read_paths()
        self.aim()
        who = self.identify()
        found = self.read_dists(planned)
        for folder in {self._folder(dist) for dist in found}:
            with writing(folder, f"{folder} can't be written"):
                try_folder(folder)
        if who is None:  # pragma: no cover - without an index, an identity is always asked for
            return
        self.proofs.find(who, found)
        for one in self.proofs.make(who, found):
            self._put(one)
        support = self.provider.supports("pypi")
        if not support.attest:
            self.record.note(remark("index-takes-none", support.why))

    def _put(self, one: Attested) -> None:
        place = self._folder(one.dist) / f"{one.dist.filename}{existing.end_of(one)}"
        with writing(place, f"{place} can't be written"):
            write_whole(place, one.json.encode())

    def _folder(self, dist: Dist) -> Path:
        return self.world.attest_into or dist.path.parent
