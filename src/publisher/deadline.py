"""Answers that come in time: from the first byte of their headers to the last of their body."""

from __future__ import annotations

import io
import socket
import time
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

import requests
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PATIENCE = 120.0  # seconds for an answer, and more for a long one
SLOWEST = 100_000  # bytes per second


class Unbearable(requests.RequestException):
    """An answer that is too large or too slow, and would be so again."""


class _Stream(io.RawIOBase):
    """What comes from a socket.

    A socket's own time limit begins anew with each byte, and so would never end an answer that
    drips.
    """

    def __init__(self, stream: io.RawIOBase, sock: socket.socket) -> None:
        self._stream, self._sock = stream, sock
        self._longest = sock.gettimeout()
        self._until = time.monotonic() + PATIENCE

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        left = self._until - time.monotonic()
        if left > 0:
            longest = left if self._longest is None else min(left, self._longest)
            self._sock.settimeout(longest)
            try:
                got = self._stream.readinto(buffer)
            except TimeoutError:
                if longest != left:
                    raise
            else:
                self._until += (got or 0) / SLOWEST
                return got
        raise Unbearable(f"the answer is slower than {SLOWEST} bytes per second")

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Response(HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp = io.BufferedReader(_Stream(self.fp.detach(), sock))


class _Connection(HTTPConnection):
    response_class = _Response


class _TlsConnection(HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


POOLS = {"http": _Pool, "https": _TlsPool}
"""For urllib3's managers of pools, by scheme."""
