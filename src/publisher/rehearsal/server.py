"""The HTTP base of all services: routes, replies, and a server that is safe on loopback.

Nothing but ``http.server``; each service has its own port on 127.0.0.1, keeps connections alive
(RFC 9112) and never waits for Nagle. A request for another host is refused (DNS rebinding).
"""

from __future__ import annotations

import re
import socket
import ssl
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from http.client import HTTPMessage
from http.server import ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from publisher.rehearsal.breaking import BUFFER, Breakable, resets
from publisher.rehearsal.messages import Body, Reply, ReplyError, Request, Route
from publisher.rehearsal.traffic import Fault, Throttle, Traffic
from publisher.rehearsal.trust import Tls

HOST = "127.0.0.1"
SEND = BUFFER // 2


class Service:
    """A named server on a port of its own. It listens at once, and answers after ``start``."""

    def __init__(
        self,
        name: str,
        traffic: Traffic,
        *,
        port: int = 0,
        tls: Tls | None = None,
        throttle: Throttle | None = None,
    ) -> None:
        self.name = name
        self.traffic = traffic
        self.throttle = throttle or Throttle()
        self.tls = tls
        self.routes: Sequence[Route] = ()
        self.broken = ""
        """The kind of fault that lasts until faults are cleared, if there is one."""
        self._breaking = threading.Lock()
        self._server = _Server(self, port)
        self.port = self._server.server_address[1]
        self.scheme = "https" if tls else "http"
        self.url = f"{self.scheme}://{HOST}:{self.port}"

    def start(self, routes: Sequence[Route]) -> None:
        """Answer requests, until the process ends."""
        self.routes = routes
        self._listen()

    def _listen(self) -> None:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def fall(self, kind: str) -> None:
        """Refuse connections, or show an expired certificate, until faults are cleared."""
        with self._breaking:
            if self.broken:
                return
            self.broken = kind
            if kind == "refuse":
                self._server.shutdown()
                self._server.server_close()
                self._server = _Server(self, self.port, listen=False)  # nobody else gets the port
            self.traffic.until_clear(self._rise)

    def _rise(self) -> None:
        with self._breaking:
            if self.broken == "refuse":
                self._server.server_activate()
                self._listen()
            self.broken = ""

    def answer(self, request: Request) -> Reply:
        """Find the route and let it answer; an exception becomes a 500 and a traceback."""
        allowed = []
        for route in self.routes:
            if match := re.fullmatch(route.pattern, request.path):
                if route.method == request.method:
                    return self._call(route, request, match.groups())
                allowed.append(route.method)
        if allowed:
            return Reply(405, b"405 Method Not Allowed", "text/plain")
        return Reply(404, b"404 Not Found", "text/plain")

    def _call(self, route: Route, request: Request, args: tuple[str, ...]) -> Reply:
        if request.body.length > route.limit:
            return Reply(413, b"413 Content Too Large", "text/plain")
        try:
            return route.handle(Request(**{**vars(request), "args": args}))
        except ReplyError as error:
            return error.reply
        except ConnectionError:
            raise  # nobody is left to answer
        except Exception:  # noqa: BLE001 - a server answers 500 whatever went wrong, and says what
            traceback.print_exc(file=sys.stderr)
            return Reply(500, b"500 Internal Server Error", "text/plain")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, service: Service, port: int, *, listen: bool = True) -> None:
        self.service = service
        super().__init__((HOST, port), _Handler, bind_and_activate=listen)
        if not listen:
            self.server_bind()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        service = self.service
        service.traffic.connected(service.name)
        if service.tls:  # the handshake waits for the connection's own thread
            tls = service.tls.expired if service.broken == "expire" else service.tls.valid
            connection = tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        if getattr(request, "fileno", None) and request.fileno() >= 0 and resets(request):
            self.close_request(request)  # no FIN before the RST
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no event."""


class _Headers(HTTPMessage):
    """A request's headers, without a look for parts in a body that is not there.

    For each multipart request ``email`` would compile the boundary to a regular expression.
    """

    def get_content_maintype(self) -> str:
        """What stops the parser from looking; the header itself is as it was sent."""
        return "application"


class _Handler(Breakable):
    server: _Server
    MessageClass = _Headers
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = BUFFER
    fault: Fault | None = None
    done: int | None = None  # the status of what a fault kept from the client

    def setup(self) -> None:
        if isinstance(self.request, ssl.SSLSocket):
            self.request.do_handshake()
        super().setup()

    def serve(self) -> None:
        """Answer one request and log it."""
        service, started = self.server.service, time.monotonic()
        service.traffic.delay(service.name)
        body = Body(self.rfile, self._length(), service.throttle)
        self.sent, path = 0, urlsplit(self.path).path
        self.fault = self.done = None
        reply: Reply | None = None
        try:
            reply = self._reply(body, path)
            if reply is not None:
                self._send(reply, unread=body.received < body.length)
        finally:  # a client that went away in the middle is in the log too
            service.traffic.record(
                service.name,
                method=self.command,
                path=path,
                status=reply.status if reply else None,
                received=body.received,
                sent=self.sent,
                seconds=round(time.monotonic() - started, 4),
                **({"fault": self.fault.kind, "done": self.done} if self.fault else {}),
            )

    do_GET = do_HEAD = do_POST = do_DELETE = serve  # noqa: N815 - http.server's names

    def _length(self) -> int:
        text = self.headers.get("Content-Length", "0")
        return int(text) if text.isdecimal() else 0

    def _reply(self, body: Body, path: str) -> Reply | None:
        service = self.server.service
        host = self.headers.get("Host", "")
        if host not in {f"{HOST}:{service.port}", f"localhost:{service.port}"}:
            return Reply(403, b"403 this server answers for loopback only", "text/plain")
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            return Reply(411, b"411 Length Required", "text/plain")
        request = Request(
            "GET" if self.command == "HEAD" else self.command,
            unquote(path),
            dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True)),
            self.headers,
            body,
            f"{service.scheme}://{host}",
            (),
        )
        if service.broken:  # a connection from before
            self.reset()
            return None
        generation = service.traffic.generation
        fault = self.fault = service.traffic.fault(service.name, request.method, path)
        if fault is None:
            return service.answer(request)
        own = Reply(fault.status, fault.body.encode(), fault.content_type)
        if fault.after:
            own = service.answer(request)
            self.done = own.status
        return self.break_off(fault, own, body, generation)

    def _send(self, reply: Reply, *, unread: bool) -> None:
        if unread:
            self.close_connection = True
        size = reply.body.stat().st_size if isinstance(reply.body, Path) else len(reply.body)
        self.send_response(reply.status, reply.reason)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(size))
        for name, value in reply.headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self._send_body(reply.body)

    def _send_body(self, body: bytes | Path) -> None:
        """Send all but the last block, which stays in the buffer until the log has its line."""
        throttle = self.server.service.throttle
        with BytesIO(body) if isinstance(body, bytes) else body.open("rb") as file:
            while block := file.read(SEND):
                throttle.take(len(block))
                self.wfile.write(block)
                self.sent += len(block)

    def log_message(self, *_args: Any) -> None:
        """The request log is ``Traffic``'s, without secrets."""
