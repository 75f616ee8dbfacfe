"""A small web server that says what a test tells it to, over real connections."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal


@dataclass(frozen=True)
class Seen:
    """A request as it arrived; ``path`` with its query, absolute if we were taken for a proxy."""

    method: str
    path: str
    headers: Message
    body: bytes


@dataclass(frozen=True)
class Say:
    """What to do with a request.

    ``kind``: ``answer`` it; ``reset`` the connection; ``hang`` until the server ends; ``cut`` the
    answer off in the middle of a body that promises to be longer; ``stall`` there instead; send the
    body ``raw``, without being HTTP about it; after that, ``drip`` zeros, one each 0.02 seconds.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: Literal["answer", "reset", "hang", "cut", "stall", "raw", "drip"] = "answer"
    reason: str | None = None


def say_json(value: object, status: int = 200, location: str | None = None) -> Say:
    """An answer in JSON, or a redirect with it."""
    headers = {"Content-Type": "application/json"}
    headers |= {"Location": location} if location else {}
    return Say(status, json.dumps(value).encode(), headers)


def say_html(text: str, status: int = 200) -> Say:
    """A web page, such as a proxy's."""
    return Say(status, text.encode(), {"Content-Type": "text/html; charset=utf-8"})


RESET = Say(kind="reset")
HANG = Say(kind="hang")
Answering = Say | Callable[[Seen], Say]


class Web:
    """The server. Tell it what to say with ``on``; ``seen`` is what it was asked."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.over = threading.Event()
        self._script: dict[str, list[Answering]] = defaultdict(list)
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.web = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    def on(self, path: str, *answers: Answering) -> None:
        """Answer requests for ``path`` (without query) so, one by one; the last one stays."""
        self._script[path] = list(answers)

    def paths(self) -> list[str]:
        """Method and path of each request."""
        return [f"{seen.method} {seen.path}" for seen in self.seen]

    def next(self, seen: Seen) -> Say:
        """Take note of a request and look up what to say."""
        with self._lock:
            self.seen.append(seen)
            script = self._script.get(seen.path.partition("?")[0], [])
            if not script:
                return Say(404, b"not found", {"Content-Type": "text/plain"})
            answering = script.pop(0) if len(script) > 1 else script[0]
        return answering if isinstance(answering, Say) else answering(seen)

    def close(self) -> None:
        """End; hanging requests are let go."""
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def serving() -> Iterator[Web]:
    """A server for as long as the context lasts."""
    web = Web()
    try:
        yield web
    finally:
        web.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    web: Web

    def shutdown_request(self, request: Any) -> None:
        linger = request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
        if linger[:1] == b"\x01":
            self.close_request(request)  # a FIN must not go before the RST
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        say = self.server.web.next(Seen(self.command, self.path, self.headers, body))
        if say.kind == "reset":
            on = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, on)
            self.close_connection = True
        elif say.kind == "hang":
            self.server.web.over.wait()
            self.close_connection = True
        elif say.kind in {"raw", "drip"}:
            self.wfile.write(say.body)
            self.close_connection = True
            while say.kind == "drip" and not self.server.web.over.wait(0.02):
                self.wfile.write(b"0")
        else:
            self._send(say)

    do_GET = do_POST = do_PUT = do_HEAD = answer  # noqa: N815 - http.server's names

    def _send(self, say: Say) -> None:
        short = say.kind in {"cut", "stall"}
        self.send_response(say.status, say.reason)
        for name, value in say.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(say.body) + (1000 if short else 0)))
        self.end_headers()
        self.wfile.write(say.body)
        if short:
            self.close_connection = True
            self.wfile.flush()
        if say.kind == "stall":
            self.server.web.over.wait()

    def log_message(self, *_args: Any) -> None:
        """``Web.seen`` is the log."""
