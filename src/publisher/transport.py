"""How requests travel: timeouts, large blocks, retries that say so, logins that never linger."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3.util import Retry

from publisher.models import Secret

if TYPE_CHECKING:
    from urllib3.connectionpool import ConnectionPool

CONNECT_TIMEOUT, READ_TIMEOUT = 10.0, 60.0  # seconds
BLOCK = 1 << 20
BACKOFF = 0.5  # seconds before the second retry, doubled for each further one
PASSING = frozenset({429, 500, 502, 503, 504})
LOST = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
"""Everything that means: there was no usable answer."""


class Login(AuthBase):
    """Puts a secret into a header at the moment the request is made, and nowhere before."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header."""
        HTTPBasicAuth("__token__", self._token.reveal())(request)
        return request


def no_login(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep ``requests`` from taking a login out of ~/.netrc."""
    return request


class Patience(Retry):
    """Retries what may pass: lost connections and the statuses in ``PASSING``."""

    notice: Callable[[str], None]

    @classmethod
    def of(cls, notice: Callable[[str], None], *, tries: int) -> Self:
        """Patience for so many further tries; none means that nothing is ever repeated."""
        patience = cls(
            total=tries,
            redirect=0,
            allowed_methods=None,
            status_forcelist=PASSING if tries else (),
            backoff_factor=BACKOFF,
            backoff_jitter=BACKOFF,
            backoff_max=20,
            retry_after_max=60,
            respect_retry_after_header=tries > 0,
            raise_on_status=False,
        )
        patience.notice = notice
        return patience

    def new(self, **changes: object) -> Self:
        """Copy, with what urllib3 does not know of."""
        fresh = super().new(**changes)
        fresh.notice = self.notice
        return fresh

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: urllib3.BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        """Say why a request is sent again; raise when patience is at its end."""
        after = super().increment(method, url, response, error, _pool, _stacktrace)
        why = f"answered {response.status}" if response is not None else "lost the connection"
        path = (url or "").partition("?")[0]
        self.notice(f"{method} {path} {why}; trying again")
        return after


class Adapter(HTTPAdapter):
    """Timeouts by default, large blocks, and a count of what was sent."""

    def __init__(self, retries: Retry, count: Callable[[int], None]) -> None:
        self._count = count
        super().__init__(max_retries=retries, pool_connections=8, pool_maxsize=8)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **pool: Any
    ) -> None:
        """Send in large blocks; the default of 16 KiB costs several times the CPU."""
        super().init_poolmanager(connections, maxsize, block, blocksize=BLOCK, **pool)

    def send(  # type: ignore[override]  # the base spells its many arguments out
        self, request: requests.PreparedRequest, **options: Any
    ) -> requests.Response:
        """Send, count, and count again what was retried."""
        if options.get("timeout") is None:
            options["timeout"] = (CONNECT_TIMEOUT, READ_TIMEOUT)
        self._count(1)
        response = super().send(request, **options)
        retries = getattr(response.raw, "retries", None)
        self._count(len(retries.history) if retries else 0)
        return response


def explain(error: BaseException) -> str:
    """What a transport error means, for people."""
    if isinstance(error, requests.exceptions.Timeout):
        return "no answer in time"
    reason: object = error
    while isinstance(reason, BaseException):  # urllib3 wraps its errors several times
        inner = getattr(reason, "reason", None) or (reason.args[-1] if reason.args else None)
        if not inner:
            break
        reason = inner
    tls = isinstance(error, requests.exceptions.SSLError)
    return f"{'TLS could not be verified' if tls else 'the connection failed'}: {reason}"
