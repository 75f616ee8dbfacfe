"""Look at what the index shows now, as a consumer would: every file, its digest, its provenance."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from publisher.errors import (
    ArrivalDifferent,
    ArrivalError,
    ArrivalUnattested,
    ArrivalUnproven,
    IndexAnswerMalformed,
    IndexUnreachable,
)
from publisher.http import Http, NetworkError
from publisher.models import ArrivalState, Dist, Finding, Listed, Mark
from publisher.publish.crew import together
from publisher.publish.simple import INTEGRITY_JSON, listing, with_digest
from publisher.remarks import remark
from publisher.verify.core import Unproven, Verifier
from publisher.world import Index

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0  # seconds between two looks
PARALLEL = 16


def wait_for(
    http: Http,
    index: Index,
    dists: Sequence[Dist],
    *,
    wait: float,
    on_pause: Callable[[int], None] = lambda _: None,
) -> dict[str, Listed]:
    """Ask the simple API until it lists every file, for at most ``wait`` seconds.

    Returns the listed ones by filename; ``on_pause`` is told how many are still missing.
    """
    pauses = _pauses(time.monotonic() + wait)
    wanted = {dist.filename: dist for dist in dists}
    seen: dict[str, Listed] = {}
    while True:
        missing = wanted.keys() - seen.keys()
        for project in sorted({wanted[name].project for name in missing}):
            seen |= _listing(http, index, project)
        missing = wanted.keys() - seen.keys()
        pause = next(pauses, 0) if missing else 0
        if not pause:
            return {name: listed for name, listed in seen.items() if name in wanted}
        on_pause(len(missing))
        time.sleep(pause)


def _pauses(until: float) -> Iterator[float]:
    """Seconds to wait before each further look, longer each time, while there is time left."""
    pause = FIRST_PAUSE
    while (left := until - time.monotonic()) > 0:
        yield min(pause, left)
        pause = min(pause * 2, LONGEST_PAUSE)


def _listing(http: Http, index: Index, project: str) -> dict[str, Listed]:
    try:
        return listing(http, index, project) or {}
    except (IndexUnreachable, IndexAnswerMalformed):  # all is uploaded: not seeing it is no failure
        return {}


@dataclass(frozen=True)
class Inspection:
    """Compares what an index lists with what was sent, and verifies its provenance.

    ``attested`` names the files that went up with an attestation in this run; ``publisher`` must
    have published; ``verifier`` is ``None`` where no attestations are expected. A provenance that
    is listed and not there yet is asked for again ``until`` then (monotonic seconds). ``mark`` is
    told of each file's state, ``note`` what the user should know.
    """

    http: Http
    index: Index
    attested: Collection[str]
    publisher: Mapping[str, str | None]
    verifier: Verifier | None
    until: float
    mark: Mark
    note: Callable[[Finding], None]

    def look(self, dists: Sequence[Dist], seen: Mapping[str, Listed]) -> None:
        """Examine every file, then raise the first error.

        Raises:
            ArrivalDifferent, ArrivalUnattested, ArrivalUnproven: The index shows something
                else than was sent.
        """
        found = together(lambda dist: self._one(dist, seen.get(dist.filename)), dists, PARALLEL)
        failed = [error for error in found if error]
        if failed:
            raise failed[0]

    def _one(self, dist: Dist, listed: Listed | None) -> ArrivalError | None:
        if listed is None:
            self.mark(dist, arrival="not-visible-yet")
            return None
        self.mark(dist, url=listed.url, provenance_url=listed.provenance_url)
        try:
            state = self._state(dist, listed)
        except ArrivalError as error:
            state = "unattested" if isinstance(error, ArrivalUnattested) else "different"
            self.mark(dist, arrival=state, error=error.message)
            return error
        self.mark(dist, arrival=state)
        return None

    def _state(self, dist: Dist, listed: Listed) -> ArrivalState:
        listed = with_digest(self.http, self.index, listed)
        if listed.sha256 is None:
            why = f"{self.index.name} shows {dist.filename}, but nothing to compare it by"
            self.note(remark("not-visible-yet", why, hint=f"Is it what you sent? {listed.url}"))
            return "not-checked"
        if listed.sha256 != dist.sha256:
            raise ArrivalDifferent(
                f"{self.index.name} shows another {dist.filename} than was sent",
                facts={"file": dist.filename, "sent": dist.sha256, "shown": listed.sha256},
                hint="Treat this as an incident: do not announce the release, ask the index.",
            )
        if listed.provenance_url is None:
            if dist.filename in self.attested:
                raise ArrivalUnattested(
                    f"{self.index.name} shows {dist.filename} without its attestation",
                    facts={"index": self.index.name, "file": dist.filename},
                    hint="Another upload of the same bytes may have come first. An attestation "
                    "can't be added later; publish a new version if consumers need one.",
                )
            return "unattested"
        return self._verify(dist, self.verifier) if self.verifier else "not-checked"

    def _provenance(self, url: str) -> dict[str, object]:
        pauses = _pauses(self.until)
        while True:
            answer = self.http.get(url, accept=INTEGRITY_JSON)
            if answer.status == 200:
                return answer.json_object()
            pause = next(pauses, 0) if answer.status == 404 else 0
            if not pause:
                raise NetworkError(url, f"answered {answer.status}")
            time.sleep(pause)

    def _verify(self, dist: Dist, verifier: Verifier) -> ArrivalState:
        url = self.index.provenance_url(dist.project, dist.version, dist.filename)
        try:
            body = self._provenance(url)
        except (NetworkError, ValueError) as error:
            why = f"the provenance of {dist.filename} could not be read and was not verified"
            self.note(
                remark("not-visible-yet", why, hint=f"Look again later: {url}", reason=str(error))
            )
            return "not-visible-yet"
        try:
            verifier.provenance(body, dist.filename, dist.sha256, self.publisher)
        except Unproven as error:
            raise ArrivalUnproven(
                f"{self.index.name} shows provenance of {dist.filename} that fails: {error}",
                facts={"file": dist.filename, "url": url, "reason": str(error)},
                hint="Treat this as an incident until you know why.",
            ) from error
        return "verified"
