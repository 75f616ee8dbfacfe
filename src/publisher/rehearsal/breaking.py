"""How a server breaks an answer, or a connection, on purpose (``traffic.Fault``)."""

from __future__ import annotations

import select
import socket
import struct
import sys
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import Any

from publisher.rehearsal.messages import Body, Reply
from publisher.rehearsal.traffic import Fault

BUFFER = 64 * 1024
FLOOD = 1 << 30
DRIP = 0.05  # seconds between two bytes


class Breakable(BaseHTTPRequestHandler):
    """A request handler whose answers can be broken."""

    server: Any
    sent = 0

    def break_off(self, fault: Fault, own: Reply, body: Body, generation: int) -> Reply | None:
        """Answer as the fault says; ``own`` is the service's answer, if it has one."""
        if fault.kind in {"refuse", "expire"}:
            self.server.service.fall(fault.kind)
        if fault.kind in {"reset", "refuse", "expire"}:
            self.reset()
            return None
        body.drain()
        if fault.kind == "status":
            headers = tuple(fault.headers.items())
            return Reply(fault.status, fault.body.encode(), fault.content_type, headers)
        if fault.kind == "label":
            return replace(own, content_type=fault.content_type)
        self.close_connection = True
        if fault.kind == "hang":
            self._hang(generation)
        else:
            self._spoil(fault.kind, own, generation)
        return None

    def reset(self) -> None:
        """Break the connection, without a word."""
        self.close_connection = True
        linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    def _spoil(self, kind: str, own: Reply, generation: int) -> None:
        """Send half of an answer, one that never ends, or one that is too long."""
        text = own.body if isinstance(own.body, bytes) else b""
        self.send_response(own.status)
        self.send_header("Content-Type", own.content_type)
        if kind != "flood":
            self.send_header("Content-Length", str(len(text) or 1 if kind == "cut" else FLOOD))
        self.send_header("Connection", "close")
        self.end_headers()
        if kind == "cut":
            self.wfile.write(text[: len(text) // 2])
        while kind == "flood" and self.sent < FLOOD:
            self.sent += self.wfile.write(b" " * BUFFER)
        while kind == "drip" and self.server.service.traffic.generation == generation:
            self.sent += self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(DRIP)

    def _hang(self, generation: int) -> None:
        """Say nothing until faults are cleared."""
        traffic = self.server.service.traffic
        traffic.hang(+1)
        readable: list[object] = []  # when the client is gone, or out of patience
        while traffic.generation == generation and not readable:
            readable, _, _ = select.select([self.connection], [], [], 0.05)
        traffic.hang(-1)


def resets(connection: socket.socket) -> bool:
    """Whether closing this socket is to send a reset."""
    return connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)[:1] == b"\x01"
