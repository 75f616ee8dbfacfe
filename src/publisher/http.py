"""One way to the network: timeouts, size caps, typed retries, no redirects.

``requests`` lives here and in ``transport``; Sigstore's clients get their sessions from here too.
"""

from __future__ import annotations

import html
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import quote, quote_plus, urlsplit

import requests
from requests.structures import CaseInsensitiveDict

import publisher
from publisher.addresses import carries_secrets, is_loopback, is_public
from publisher.ahead import ahead
from publisher.models import Account, Secret
from publisher.transport import (
    LOST,
    PASSING,
    TRIES,
    Adapter,
    Login,
    Patience,
    Session,
    blocks,
    explain,
    login_of,
    may_pass,
    no_login,
    pause,
)

FRESH = 10.0  # seconds that an answer may wait for who wants it


class NetworkError(Exception):
    """No usable answer: ``url`` and a ``reason`` for people. Steps say what that means.

    ``passing`` says whether the same request may get one another time.
    """

    def __init__(self, url: str, reason: str, *, passing: bool = False) -> None:
        super().__init__(f"{reason} ({url})")
        self.url, self.reason, self.passing = url, reason, passing


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, read whole and capped."""

    url: str
    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What we sent, in every spelling: should the other side send it back, nobody sees it."""

    def strike(self, text: str) -> str:
        """``text``, which is from the answer, without our own secrets."""
        for secret in self.secrets:
            text = text.replace(secret, "<secret>")
        return text

    def json_object(self) -> dict[str, object]:
        """Return the body as a JSON object; raise ``ValueError`` if it is anything else."""
        try:
            value = json.loads(self.body)
        except RecursionError as error:
            raise ValueError("JSON that is nested too deep") from error
        if not isinstance(value, dict):
            raise ValueError("not a JSON object")
        return value

    def without(self, *secrets: Secret, user: str = "__token__") -> Answer:
        """The same, should the other side have sent our own secrets back to us."""
        spelt = tuple(form for secret in secrets for form in _spellings(secret, user))
        answer = replace(self, secrets=spelt)
        body = self.body
        for form in spelt:
            body = body.replace(form.encode("utf-8", "surrogateescape"), b"<secret>")
        headers = CaseInsensitiveDict((k, answer.strike(v)) for k, v in self.headers.items())
        return replace(answer, reason=answer.strike(self.reason), headers=headers, body=body)

    def facts(self) -> dict[str, object]:
        """What a person needs to see of an answer that was not expected."""
        return {
            "url": self.url,
            "status": self.status,
            "content_type": self.headers.get("Content-Type", ""),
            "answer": self.strike(self.body[:20_000].decode("utf-8", "replace"))[:600],
        }


def _spellings(secret: Secret, user: str) -> list[str]:
    """How a server may write it: plain, as a login, in JSON, HTML or a URL; the longest first."""
    text = secret.reveal()
    spelt = {text, login_of(secret, user), quote(text), quote(text, safe=""), quote_plus(text)}
    spelt |= {json.dumps(text, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    spelt |= {html.escape(text, quote=quotes) for quotes in (True, False)}
    return sorted(spelt, key=len, reverse=True)


def answer_in(error: BaseException | None) -> Answer | None:
    """The answer that made a library of ours raise, if there was one."""
    response = error.response if isinstance(error, requests.HTTPError) else None
    if response is None:
        return None
    headers = response.headers
    return Answer(response.url, response.status_code, response.reason, headers, response.content)


class Body(Protocol):
    """A body that is read in blocks."""

    content_type: str

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[bytes | memoryview]: ...


class Http:
    """The requests of one run. Thread-safe.

    Each thread has its own sessions, over connections that all of them share: a step goes on with
    those of the step before it.

    Args:
        ca: A PEM file with the TLS roots of a rehearsal; ``None`` for the system's.
        notice: Told of every retry.
    """

    def __init__(
        self, *, ca: Path | None = None, notice: Callable[[str], None] = lambda _: None
    ) -> None:
        self.requests = 0
        self._ca, self.notice = ca, notice
        self._lock, self._local = threading.Lock(), threading.local()
        self._told: dict[str, str] = {}
        self._begun: dict[tuple[str, str], Future[tuple[Answer, float]]] = {}
        self._patient, self._once = (
            Adapter(Patience.of(self._retried, tries=tries), self._count) for tries in (TRIES, 0)
        )
        self._once.share(self._patient)

    def session(self, url: str, *, retry: bool = True) -> Session:
        """This thread's session for ``url``; this machine is never asked through a proxy.

        ``retry=False`` is for requests that must not be repeated.
        """
        direct = is_loopback(url)
        name = f"{retry=} {direct=}"
        session: Session | None = getattr(self._local, name, None)
        if session is None:
            setattr(self._local, name, session := self._make_session(retry, direct))
        return session

    def _make_session(self, retry: bool, direct: bool) -> Session:
        session = Session()
        session.trust_env = not direct
        session.auth = no_login
        session.headers["User-Agent"] = f"attested-publisher/{publisher.__version__}"
        if self._ca:
            session.verify = str(self._ca)
        for scheme in ("https://", "http://"):
            session.mount(scheme, self._patient if retry else self._once)
        return session

    def _count(self) -> None:
        with self._lock:
            self.requests += 1

    def _retried(self, what: str, occasion: str) -> None:
        self._count()
        if self._told.setdefault(occasion, what) == what:  # once for each service and try
            self.notice(what)

    def close(self) -> None:
        """Close every connection."""
        self._patient.close()

    def get(
        self,
        url: str,
        *,
        accept: str = "application/json",
        account: Account | None = None,
        etag: str = "",
    ) -> Answer:
        """GET, with a login only if an ``account`` is given; retried. Raises ``NetworkError``.

        The answer is a 304 without a body if it is still what has this ``etag``.
        """
        begun = None if account else self._begun.pop((url, accept), None)
        if begun:
            answer, came = begun.result()
            if time.monotonic() - came < FRESH:
                return answer
        return self._get(url, accept, account, etag)

    def begin_get(self, url: str, *, accept: str = "application/json") -> None:
        """Send already what the next ``get`` of this will ask, unless that comes much later."""
        if (url, accept) not in self._begun:
            self._begun[url, accept] = ahead(lambda: (self._get(url, accept), time.monotonic()))

    def _get(self, url: str, accept: str, account: Account | None = None, etag: str = "") -> Answer:
        headers = {"Accept": accept} | ({"If-None-Match": etag} if etag else {})
        return self._ask("GET", url, account, headers=headers)

    def post_json(self, url: str, payload: Mapping[str, Secret], *, retry: bool = False) -> Answer:
        """POST secrets as a JSON object, once unless told otherwise. Raises ``NetworkError``."""
        body = json.dumps({k: v.reveal() for k, v in payload.items()})
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        answer = self._ask("POST", url, retry=retry, secret=True, data=body, headers=headers)
        return answer.without(*payload.values())

    def post_stream(self, url: str, body: Body, account: Account) -> Answer:
        """POST a body with Basic authentication, once."""
        headers = {"Accept": "application/json", "Content-Type": body.content_type}
        return self._ask("POST", url, account, retry=False, data=body, headers=headers)

    def download(
        self, url: str, into: BinaryIO, cap: int, *, listed_at: str, account: Account | None = None
    ) -> None:
        """GET at most ``cap`` bytes into a file, from where an index has it.

        A link from another place to this machine or a private network is not followed, nor one
        without TLS. The ``account`` goes only to where the list came from.

        Raises:
            NetworkError: No usable answer.
        """
        if urlsplit(url)[:2] != urlsplit(listed_at)[:2]:
            account = None
            if not is_public(url) or not is_public(listed_at):
                raise NetworkError(url, f"a link of {listed_at} leads there")
        for tries in range(1, TRIES + 2):
            asked, why = None, "lost the connection"
            try:
                with self._send(
                    "GET", url, account, retry=False, headers={"Accept": "*/*"}, stream=True
                ) as response:
                    if (status := response.status_code) != 200:
                        asked, why = response.headers.get("Retry-After"), f"answered {status}"
                        raise NetworkError(url, why, passing=status in PASSING)
                    into.writelines(_blocks(response, url, cap))
                    return
            except NetworkError as error:
                if tries > TRIES or not error.passing:
                    raise
                self.notice(f"GET {urlsplit(url).path} {why}; trying again")
            time.sleep(pause(tries, asked))
            into.seek(0)
            into.truncate()

    def _ask(self, method: str, url: str, account: Account | None = None, **options: Any) -> Answer:
        got = self._send(method, url, account, **options)
        answer = Answer(url, got.status_code, got.reason, got.headers, got.content)
        return answer.without(account.password, user=account.user) if account else answer

    def _send(
        self,
        method: str,
        url: str,
        account: Account | None,
        *,
        retry: bool = True,
        secret: bool = False,
        **options: Any,
    ) -> requests.Response:
        if (secret or account) and not carries_secrets(url):
            raise NetworkError(url, "a secret is only sent over https")
        if account:
            options["auth"] = Login(account)
        if self._ca:  # requests lets REQUESTS_CA_BUNDLE beat the session's own setting
            options["verify"] = str(self._ca)
        session = self.session(url, retry=retry)
        try:
            return session.request(method, url, allow_redirects=False, **options)
        except LOST as error:
            raise NetworkError(url, explain(error), passing=may_pass(error)) from error


def _blocks(response: requests.Response, url: str, cap: int) -> Iterator[bytes]:
    """The body in blocks; more than ``cap`` bytes, too slow or broken off is an error."""
    try:
        yield from blocks(response, cap)
    except LOST as error:
        raise NetworkError(url, explain(error), passing=may_pass(error)) from error
