"""How requests travel: timeouts, large blocks, retries that say so, logins that never linger."""

from __future__ import annotations

import random
import ssl
from base64 import b64encode
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.util import Retry

from publisher.deadline import POOLS, Unbearable
from publisher.models import Account, Secret

if TYPE_CHECKING:
    from urllib3.connectionpool import ConnectionPool

CONNECT_TIMEOUT = READ_TIMEOUT = 60.0  # seconds; urllib3 sends the body under the first one
ANSWER_CAP = 64 << 20  # the largest project listings are some ten MB
BLOCK = 1 << 20
CONNECTIONS = 32  # kept open to each host; as many as there are requests in flight
TRIES = 4  # further ones, after the first
BACKOFF = 0.5  # seconds before the second retry, doubled for each further one
PASSING = frozenset({429, 500, 502, 503, 504})
LONGEST = 20.0  # seconds between two tries, if the server asks for no other pause
ASKED = 60.0  # seconds that a server can have us wait
LOST = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
"""Everything that means: there was no usable answer."""


def login_of(token: Secret, user: str = "__token__") -> str:
    """What a token or password becomes on the wire: base64 of ``USER:SECRET`` (RFC 7617)."""
    return b64encode(f"{user}:{token.reveal()}".encode()).decode()


class Login(AuthBase):
    """Puts a secret into a header at the moment the request is made, and nowhere before."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header."""
        login = login_of(self._account.password, self._account.user)
        request.headers["Authorization"] = f"Basic {login}"
        return request


def no_login(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep ``requests`` from taking a login out of ~/.netrc."""
    return request


def blocks(response: requests.Response, cap: int) -> Iterator[bytes]:
    """The body in blocks.

    Raises:
        Unbearable: It has more than ``cap`` bytes, or comes too slowly.
        LOST: It broke off.
    """
    read = 0
    try:
        while block := response.raw.read1(BLOCK, decode_content=True):
            read += len(block)
            if read > cap:
                raise Unbearable(f"the answer is larger than {cap} bytes")
            yield block
    except urllib3.exceptions.HTTPError as error:
        slow = (one for one in _chain(error) if isinstance(one, Unbearable))
        raise next(slow, error) from error.__cause__


class Session(requests.Session):
    """Safe to hand to a library: it follows no redirect, and can't be closed.

    The connections are not its own; ``Http`` closes them.
    """

    def close(self) -> None:
        """Nothing."""

    def get_redirect_target(self, _response: requests.Response) -> None:
        """Nowhere."""
        return


Notice = Callable[[str, str], None]
"""Told why a request is sent again, and of which service and which try that is."""


class Patience(Retry):
    """Retries what may pass: lost connections and the statuses in ``PASSING``; not bad TLS."""

    notice: Notice

    @classmethod
    def of(cls, notice: Notice, *, tries: int) -> Self:
        """Patience for so many further tries; none means that nothing is ever repeated."""
        patience = cls(
            total=tries,
            redirect=0,
            allowed_methods=None,
            status_forcelist=PASSING if tries else (),
            backoff_factor=BACKOFF,
            backoff_jitter=BACKOFF,
            backoff_max=LONGEST,
            retry_after_max=int(ASKED),
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
        if error and _pool and not may_pass(error):
            raise urllib3.exceptions.MaxRetryError(_pool, url or "", error) from error
        after = super().increment(method, url, response, error, _pool, _stacktrace)
        why = f"answered {response.status}" if response is not None else "lost the connection"
        path = (url or "").partition("?")[0]
        where = f"{_pool.host}:{_pool.port}" if _pool else ""
        self.notice(f"{method} {path} {why}; trying again", f"{method} {where} {after.total} {why}")
        return after

    def after(self, lost: Exception, request: requests.PreparedRequest) -> Self:
        """What is left when a body broke off; waits. Raises ``lost`` if nothing can help."""
        if not may_pass(lost):
            raise lost
        try:
            left = self.increment(request.method, request.path_url, error=lost)
        except urllib3.exceptions.MaxRetryError:
            raise lost from None
        left.sleep()
        return left

    def get_retry_after(self, response: urllib3.BaseHTTPResponse) -> float | None:
        """The pause that the server asks for; one that makes no sense is none."""
        return self.asked(response.headers.get("Retry-After"))

    def asked(self, header: str | None) -> float | None:
        """The pause of a Retry-After header (RFC 9110), in seconds."""
        if header is None:
            return None
        try:
            return max(0.0, float(self.parse_retry_after(header)))
        except (urllib3.exceptions.HTTPError, ValueError, OverflowError):
            return None


def pause(tries: int, header: str | None = None) -> float:
    """Seconds until a request is sent again that failed so many times, as ``Patience`` has it.

    Args:
        tries: How often it failed, from 1.
        header: The Retry-After of the last answer, if there was one.
    """
    asked = Patience().asked(header)
    if asked is not None:
        return min(asked, ASKED)
    return min(LONGEST, BACKOFF * (2.0 ** (tries - 1) + random.random()))  # noqa: S311 - no secret


def _chain(error: BaseException) -> Iterator[object]:
    """An error and what it wraps, the innermost last; urllib3 wraps its errors several times."""
    reason: object = error
    while reason:
        yield reason
        inner = isinstance(reason, BaseException) and reason.args and reason.args[-1]
        reason = getattr(reason, "reason", None) or inner


def is_distrust(error: BaseException) -> bool:
    """Whether a certificate did not verify: a lost TLS connection is something else."""
    return any(isinstance(reason, ssl.SSLCertVerificationError) for reason in _chain(error))


def may_pass(error: BaseException) -> bool:
    """Whether the same request may end better another time."""
    # ValueError: an address that can't be read
    lasting = (Unbearable, urllib3.exceptions.DecodeError, ssl.SSLCertVerificationError, ValueError)
    return not any(isinstance(reason, lasting) for reason in _chain(error))


class Adapter(HTTPAdapter):
    """Timeouts by default, large blocks, limits and further tries for answers, and a count."""

    def __init__(self, retries: Patience, count: Callable[[], None]) -> None:
        self._count = count
        super().__init__(max_retries=retries, pool_connections=8, pool_maxsize=CONNECTIONS)

    def share(self, other: Adapter) -> None:
        """Send over the connections of ``other``; its patience stays its own."""
        self.poolmanager, self.proxy_manager = other.poolmanager, other.proxy_manager

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **pool: Any
    ) -> None:
        """Send in large blocks; the default of 16 KiB costs several times the CPU."""
        super().init_poolmanager(connections, maxsize, block, blocksize=BLOCK, **pool)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> urllib3.PoolManager:
        """Limits for what goes through a proxy, too."""
        manager: urllib3.PoolManager = super().proxy_manager_for(proxy, **options)
        if type(manager) is urllib3.ProxyManager:  # SOCKS has connections of its own
            manager.pool_classes_by_scheme = POOLS
        return manager

    def send(  # type: ignore[override]  # the base spells its many arguments out
        self, request: requests.PreparedRequest, **options: Any
    ) -> requests.Response:
        """Send, and count it; further tries are counted by ``Patience``.

        An answer that is not to be streamed is read as ``blocks`` does. urllib3 asks again only
        until the headers have come; here it is done as well if the body breaks off, as often as
        is left of the tries.
        """
        if options.get("timeout") is None:
            options["timeout"] = (CONNECT_TIMEOUT, READ_TIMEOUT)
        self._count()
        response = super().send(request, **options)
        if options.get("stream"):
            return response
        try:
            with response:
                response._content = b"".join(blocks(response, ANSWER_CAP))  # noqa: SLF001 - as its own
                return response
        except LOST as error:
            left = cast("Patience", response.raw.retries)  # urllib3 hands on what is left
            rest = Adapter(left.after(error, request), lambda: None)
            rest.share(self)
            return rest.send(request, **options)


def explain(error: BaseException) -> str:
    """What a transport error means, for people."""
    reason: object = error
    for reason in _chain(error):
        if isinstance(reason, Unbearable):
            return str(reason)
        refused = isinstance(reason, urllib3.exceptions.NewConnectionError)  # a TimeoutError too
        if isinstance(reason, requests.Timeout | urllib3.exceptions.TimeoutError) and not refused:
            return "no answer in time"
    if isinstance(reason, urllib3.exceptions.LocationParseError | requests.exceptions.InvalidURL):
        return "an address can't be read; is it the proxy's?"  # its text may hold a password
    what = "TLS could not be verified" if is_distrust(error) else "the connection failed"
    return f"{what}: {reason}"
