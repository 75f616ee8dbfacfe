"""How the parent talks to a rehearsal: to this machine and nowhere else, past every proxy."""

from __future__ import annotations

import ipaddress
import json
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import (
    HTTPConnection,
    HTTPException,
    HTTPResponse,
    HTTPSConnection,
    IncompleteRead,
)
from typing import Any
from urllib.parse import urlsplit

from publisher.errors import SandboxNotLoopback, SandboxUnusable

NETWORKS = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
TIMEOUT = 60
CAP = 64 << 20  # bytes of an answer
START = "Start `publisher sandbox --port 40123` and pass the URL that it prints."


def check(url: str) -> None:
    """Let only loopback pass: 127.0.0.0/8 (RFC 1122), ``::1`` (RFC 4291), ``localhost``.

    Raises:
        SandboxNotLoopback: The URL names another host, or none.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
        local = host == "localhost" or any(ipaddress.ip_address(host) in n for n in NETWORKS)
    except ValueError:
        local, parts = False, urlsplit("")
    if not local or parts.scheme not in {"http", "https"} or parts.username is not None:
        raise SandboxNotLoopback(
            "a rehearsal only ever talks to this machine",
            facts={"url": url},
            hint="Name a sandbox by its loopback address, such as http://127.0.0.1:PORT.",
        )


def check_all(value: object) -> None:
    """Check every URL inside a JSON value.

    Raises:
        SandboxNotLoopback: One of them names another host.
    """
    for text in _strings(value):
        if text.strip().lower().startswith(("http:", "https:")):
            check(text)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


@dataclass(frozen=True)
class Answer:
    """A response: its status and its body."""

    status: int
    body: bytes

    def json(self, url: str) -> Any:
        """The body of a 200 as JSON.

        Raises:
            SandboxUnusable: Another status, or no JSON.
        """
        try:
            value = json.loads(self.body)
        except ValueError:
            value = None
        if self.status != 200 or value is None:
            raise SandboxUnusable(
                "the sandbox answers something else than its API says",
                hint=START,
                facts={
                    "url": url,
                    "status": self.status,
                    "body": self.body[:200].decode("latin-1"),
                },
            )
        return value


def call(
    method: str,
    url: str,
    *,
    ca: str | None = None,
    body: object = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One request on a connection of its own; redirects are not followed.

    Args:
        method: The HTTP method.
        url: A loopback URL.
        ca: PEM of the CA behind https URLs.
        body: Sent as JSON, if given.
        headers: More headers.

    Raises:
        SandboxNotLoopback: The URL is none of this machine.
        SandboxUnusable: Nothing answers there, or not in HTTP.
    """
    check(url)
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection = HTTPConnection(host, parts.port, timeout=TIMEOUT)
    try:
        if parts.scheme == "https":
            context = ssl.create_default_context(cadata=ca)
            connection = HTTPSConnection(host, parts.port, timeout=TIMEOUT, context=context)
        data = None if body is None else json.dumps(body).encode()
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body=data, headers=dict(headers or {}))
        response = connection.getresponse()
        return Answer(response.status, b"".join(_blocks(response)))
    except (OSError, HTTPException) as error:
        raise SandboxUnusable(
            "the sandbox does not answer", facts={"url": url, "reason": str(error)}, hint=START
        ) from error
    finally:
        connection.close()


def _blocks(response: HTTPResponse) -> Iterator[bytes]:
    """The body, unless it is endless."""
    read, until = 0, time.monotonic() + TIMEOUT
    while block := response.read1(CAP):
        read += len(block)
        if read > CAP or time.monotonic() > until:
            raise HTTPException("the answer does not end")
        yield block
    if response.length:
        raise IncompleteRead(b"", response.length)
