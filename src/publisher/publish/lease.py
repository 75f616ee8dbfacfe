"""The right to upload: upload tokens for the time of a block, given back however that ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial

from publisher.ahead import ahead
from publisher.errors import (
    ExchangeError,
    IdentityError,
    IndexAnswerMalformed,
    IndexUnreachable,
    Stopped,
    UploadTokenEnds,
)
from publisher.http import Http
from publisher.models import Account, Identity, UploadToken
from publisher.publish import exchange, identity
from publisher.publish.recorder import Recorder
from publisher.remarks import remark
from publisher.transport import PASSING
from publisher.world import Index, World

RENEWED = 300.0  # seconds before its end, or a third of its life if that is shorter
LAST = 10.0  # seconds before its end in which a token is not used any more
HURRY = 5.0  # seconds for giving tokens back when the run was told to stop


class Lease:
    """Upload tokens of one index, each for a fresh ID token: another before the first one ends.

    Thread-safe. A job that has no further ID token goes on with what it has, and stops before
    that ends.
    """

    def __init__(
        self, world: World, record: Recorder, http: Http, index: Index, who: Identity
    ) -> None:
        self._world, self._record, self._http = world, record, http
        self._index, self._who = index, who
        self._lock = threading.Lock()
        self._minting: Future[None] | None = None
        self._tokens: list[tuple[UploadToken, float]] = []
        self._another = True

    def take(self) -> None:
        """Mint the first token, in a thread of its own: told to stop, we still know of it.

        Raises:
            IdentityError: There is no ID token for the index.
            ExchangeError: The index gives no upload token.
        """
        self._minting = ahead(self._mint)
        self._minting.result()

    def account(self) -> Account:
        """A login that is good for a request that begins now.

        Raises:
            UploadTokenEnds: The token is about to end, and there is no other to be had.
        """
        with self._lock:
            token, life = self._tokens[-1]
            left = token.expires - time.time()
            if left < min(RENEWED, life / 3):
                self._renew(left)
            return self._tokens[-1][0].account

    def refused(self, account: Account) -> bool:
        """Take another token for one that the index calls expired; ``False`` without one."""
        with self._lock:
            if self._tokens[-1][0].account != account:
                return True
            with suppress(UploadTokenEnds):
                self._renew(0.0)
            return self._tokens[-1][0].account != account

    def _renew(self, left: float) -> None:
        try:
            if self._another:
                self._mint()
                self._record.reporter.say(
                    f"another upload token: the first one ends in {left:.0f} s"
                )
                return
            problem: Exception | None = None
        except (IdentityError, ExchangeError) as error:
            self._another, problem = False, error
        if left < min(LAST, self._tokens[-1][1] / 3):
            raise UploadTokenEnds(
                f"the upload token of {self._index.name} ends, and there is no further one",
                facts={"index": self._index.name, "reason": str(problem or "none was to be had")},
                hint="Run the same command again in a new job: what is missing is sent then.",
            ) from problem

    def _mint(self) -> None:
        """Trade a fresh ID token; once more, for another one, if there was no answer."""
        try:
            self._mint_once()
        except (IndexUnreachable, IndexAnswerMalformed) as error:
            if isinstance(error, IndexAnswerMalformed) and error.facts["status"] not in PASSING:
                raise
            what = f"{error.message}; asking again, with another ID token"
            self._record.note(remark("mint-repeated", what))
            try:
                self._mint_once()
            except IdentityError:  # this job has no other
                raise error from None

    def _mint_once(self) -> None:
        tokens, issuer = self._world.tokens, self._who.issuer
        now = time.time()
        fresh, _ = identity.fetch(tokens, self._index.audience, issuer, now=now)
        token = exchange.mint(self._http, self._index, fresh, self._who)
        self._tokens.append((token, token.expires - now))
        self._record.reporter.mask(token.secret)

    def give_back(self, *, hurry: bool) -> None:
        """Burn every token, in threads of their own: another signal can't prevent it."""
        if self._minting and not self._minting.done():
            with suppress(Exception):  # what becomes of it is told by whom waits for it
                self._minting.result(HURRY)
        if not self._tokens:
            return
        burning: list[tuple[UploadToken, Future[bool]]] = []
        try:
            with self._record.step("burn", "giving the upload token back"):
                self._burn(burning)
                until = time.monotonic() + (HURRY if hurry else 3600)
                for token, burned in burning:
                    if not _confirmed(burned, until):
                        self._tell(token)
        finally:
            if not burning:  # not even the step could be announced; a token dies all the same
                self._burn(burning)
                for _, burned in burning:
                    _confirmed(burned, time.monotonic() + HURRY)

    def _burn(self, burning: list[tuple[UploadToken, Future[bool]]]) -> None:
        for token, _ in self._tokens:
            burn = partial(exchange.burn, self._http, self._index, token)
            burning.append((token, ahead(burn)))

    def _tell(self, token: UploadToken) -> None:
        expires = time.strftime("%H:%M:%S UTC", time.gmtime(token.expires))
        what = f"{self._index.name} did not confirm that the upload token is dead"
        self._record.note(remark("token-not-burned", f"{what}; it dies at {expires}"))


def _confirmed(burned: Future[bool], until: float) -> bool:
    """Whether it was, by then; who is told to stop meanwhile waits a little longer."""
    try:
        return burned.result(max(0.0, until - time.monotonic()))
    except Stopped:
        with suppress(TimeoutError):
            burned.result(HURRY)
        raise
    except TimeoutError:
        return False


@contextmanager
def upload_token(
    world: World, record: Recorder, http: Http, index: Index, who: Identity
) -> Iterator[Lease]:
    """Trade a fresh ID token for an upload token of ``index``; give it back at the end.

    Raises:
        IdentityError: There is no ID token for the index.
        ExchangeError: The index gives no upload token.
    """
    lease, hurry = Lease(world, record, http, index, who), False
    try:
        with record.step("mint", f"trading the identity for a token of {index.name}"):
            lease.take()
        yield lease
    except Stopped:
        hurry = True
        raise
    finally:
        lease.give_back(hurry=hurry)
