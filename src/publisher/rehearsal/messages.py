"""Requests and replies of the rehearsal's services, and the routes between them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from io import BufferedIOBase
from pathlib import Path
from typing import Any

from publisher.rehearsal.traffic import Throttle

BLOCK = 256 * 1024
SMALL = 8 * 1024 * 1024


@dataclass(frozen=True)
class Reply:
    """An answer; a ``Path`` as body is streamed from disk."""

    status: int
    body: bytes | Path = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    reason: str | None = None


class ReplyError(Exception):
    """Ends a request early with an answer, most often a refusal."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def json_reply(status: int, value: object, *headers: tuple[str, str]) -> Reply:
    """An answer in JSON."""
    return Reply(status, json.dumps(value).encode(), headers=headers)


def text_reply(status: int, text: str, content_type: str = "text/plain; charset=utf-8") -> Reply:
    """An answer in plain text or another text format."""
    return Reply(status, text.encode(), content_type)


class Body:
    """A request's body, read at most once and never beyond its Content-Length."""

    def __init__(self, stream: BufferedIOBase, length: int, throttle: Throttle) -> None:
        self._stream = stream
        self._throttle = throttle
        self.length = length
        self.received = 0

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes; ``b""`` at the end, also at an early one."""
        data = self._stream.read(min(size, self.length - self.received, BLOCK))
        self.received += len(data)
        self._throttle.take(len(data))
        return data

    def read_all(self) -> bytes:
        """The rest, in one piece."""
        return b"".join(iter(lambda: self.read(BLOCK), b""))

    def drain(self) -> None:
        """Throw the rest away."""
        while self.read(BLOCK):
            pass


@dataclass(frozen=True)
class Request:
    """What a handler gets. ``base`` is the service's URL as the client wrote it, without slash."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Message
    body: Body
    base: str
    args: tuple[str, ...]

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            ReplyError: 400 if it is none.
        """
        try:
            return json.loads(self.body.read_all())
        except ValueError as error:
            raise ReplyError(json_reply(400, {"message": f"not JSON: {error}"})) from error


Handle = Callable[[Request], Reply]


@dataclass(frozen=True)
class Route:
    """A method and a path, as a regular expression whose groups become ``Request.args``."""

    method: str
    pattern: str
    handle: Handle
    limit: int = SMALL
