"""The right to upload: an upload token for the time of a block, given back however that ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from publisher.http import Http
from publisher.models import Identity, UploadToken
from publisher.publish import exchange, identity
from publisher.publish.recorder import Recorder
from publisher.remarks import remark
from publisher.world import Index, World


@contextmanager
def upload_token(
    world: World, record: Recorder, http: Http, index: Index, who: Identity
) -> Iterator[UploadToken]:
    """Trade a fresh ID token for an upload token of ``index``; burn it at the end.

    Raises:
        IdentityError: There is no ID token for the index.
        ExchangeError: The index gives no upload token.
    """
    token = None
    try:
        with record.step("mint", f"trading the identity for a token of {index.name}"):
            fresh, _ = identity.fetch(world.tokens, index.audience, who.issuer, now=time.time())
            token = exchange.mint(http, index, fresh, who)
            record.reporter.mask(token.secret)
        yield token
    finally:
        if token:
            _burn(record, http, index, token)


def _burn(record: Recorder, http: Http, index: Index, token: UploadToken) -> None:
    with record.step("burn", "giving the upload token back"):
        if not exchange.burn(http, index, token):
            expires = time.strftime("%H:%M:%S UTC", time.gmtime(token.expires))
            what = f"{index.name} did not confirm that the upload token is dead"
            record.note(remark("token-not-burned", f"{what}; it dies at {expires}"))
