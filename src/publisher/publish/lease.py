"""The right to upload: upload tokens for the time of a block, given back however that ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from functools import partial

from publisher.ahead import ahead, waited
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
PATIENCE = 300.0  # seconds for that otherwise


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
        self._tokens: list[tuple[UploadToken, float]] = []
        self._another = True
        self._mints = threading.Condition()
        self._under_way = 0
        self._closed = False
        self._burning: dict[UploadToken, Future[bool]] = {}

    def take(self) -> None:
        """Mint the first token, in a thread of its own: told to stop, we still know of it.

        Raises:
            IdentityError: There is no ID token for the index.
            ExchangeError: The index gives no upload token.
        """
        waited(ahead(self._mint))

    def account(self) -> Account:
        """A login that is good for a request that begins now.

        Raises:
            UploadTokenEnds: The token is about to end, and there is no other to be had.
        """
        with self._lock:
            self._check_open()
            token, life = self._tokens[-1]
            left = token.expires - time.time()
            if life > 0 and left < min(RENEWED, life / 3):  # or our clocks differ: they will say so
                self._renew(left)
            return self._tokens[-1][0].account

    def refused(self, account: Account) -> bool:
        """Take another token for one that the index calls expired; ``False`` without one."""
        with self._lock:
            if self._closed or self._tokens[-1][0].account != account:
                return not self._closed
            with suppress(UploadTokenEnds):
                self._renew(0.0)
            return not self._closed and self._tokens[-1][0].account != account

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
        with self._mints:
            self._check_open()
            self._under_way += 1
        try:
            now = time.time()
            tokens, issuer = self._world.tokens, self._who.issuer
            fresh, _ = identity.fetch(tokens, self._index.audience, issuer, now=now)
            token = exchange.mint(self._http, self._index, fresh, self._who)
            self._record.reporter.mask(token.secret)
            with self._mints:
                if not self._closed:
                    self._tokens.append((token, token.expires - now))
                    return
            exchange.burn(self._http, self._index, token)  # whoever wanted it has gone
            self._check_open()
        finally:
            with self._mints:
                self._under_way -= 1
                self._mints.notify_all()

    def _check_open(self) -> None:
        if self._closed:
            raise UploadTokenEnds(f"the tokens of {self._index.name} have been given back")

    def give_back(self, *, hurry: bool) -> None:
        """Burn every token, in threads of their own: another signal can't prevent it."""
        if not self._close():
            what = f"a token of {self._index.name} may still be on its way; it dies when it comes"
            self._record.note(remark("token-not-burned", f"{what}, or within 15 minutes"))
        if not self._tokens:
            return
        try:
            with self._record.step("burn", "giving the upload token back"):
                self._burn(HURRY if hurry else PATIENCE)
        finally:  # if not even the step could be announced, a token dies all the same
            self._burn(HURRY)

    def _close(self) -> bool:
        """Let no further mint begin, and wait for those under way; whether all have ended."""
        stop = None
        until = time.monotonic() + HURRY
        with self._mints:
            self._closed = True
            while self._under_way and (left := until - time.monotonic()) > 0:
                try:
                    self._mints.wait(left)
                except Stopped as error:
                    stop = error
        if stop:
            self._burn(HURRY)
            raise stop
        return not self._under_way

    def _burn(self, seconds: float) -> None:
        """Burn what is left; who is told to stop meanwhile goes on for a little longer."""
        stop = None
        until = time.monotonic() + seconds
        while self._tokens:
            try:
                self._burn_all(until)
            except Stopped as error:
                stop, until = error, min(until, time.monotonic() + HURRY)
        if stop:
            raise stop

    def _burn_all(self, until: float) -> None:
        for token, _ in self._tokens:
            if token not in self._burning:
                burn = partial(exchange.burn, self._http, self._index, token)
                self._burning[token] = ahead(burn)
        for entry in tuple(self._tokens):
            token, _ = entry
            burned = self._burning[token]
            wait([burned], max(0.0, until - time.monotonic()))
            self._tokens.remove(entry)
            if not (burned.done() and burned.result()):
                self._tell(token)

    def _tell(self, token: UploadToken) -> None:
        expires = time.strftime("%H:%M:%S UTC", time.gmtime(token.expires))
        what = f"{self._index.name} did not confirm that the upload token is dead"
        self._record.note(remark("token-not-burned", f"{what}; it dies at {expires}"))


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
