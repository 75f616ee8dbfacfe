"""``build`` and ``attest``: the two parts of a release that another job may do beforehand."""

from __future__ import annotations

from publisher.errors import CannotWrite
from publisher.files import write_whole
from publisher.models import Attested
from publisher.publish import contract, existing
from publisher.publish.preparation import Preparation, count


class Building(Preparation):
    """``build``: distributions, and the release contract that names them."""

    def run(self) -> None:
        """Build every project; take the dists of folders that are none."""
        into = self.options.contract
        found = self.read_dists(self.read_paths("always"))
        contract.write(found, into)
        self.record.reporter.say(f"{into} names {count(len(found))}; publish --expect reads it")


class Signing(Preparation):
    """``attest``: a publish attestation beside each dist, as ``publish`` finds it there."""

    def run(self) -> None:
        """Sign and verify all, then write all."""
        planned = self.read_paths()
        self.aim()
        who = self.identify()
        found = self.read_dists(planned)
        if who is None:  # pragma: no cover - without an index, an identity is always asked for
            return
        self.proofs.find(who, found)
        for one in self.proofs.make(who, found):
            self._put(one)

    def _put(self, one: Attested) -> None:
        folder = self.world.attest_into or one.dist.path.parent
        place = folder / f"{one.dist.filename}{existing.end_of(one)}"
        try:
            write_whole(place, one.json.encode())
        except OSError as error:
            raise CannotWrite(
                f"{place} can't be written: {error.strerror}", facts={"path": str(place)}
            ) from error
