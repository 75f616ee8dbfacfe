"""What happens to requests on their way: counted, logged, delayed, throttled, broken on purpose."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

LOG_LIMIT = 100_000


@dataclass
class Fault:
    """Breaks the next ``times`` requests of a service whose path begins with ``path``.

    ``kind`` is a ``status`` answered instead, a connection ``reset``, or a ``hang`` without an
    answer. With ``after`` the request is carried out first, so that only its answer is lost.
    """

    service: str
    method: str = "POST"
    path: str = "/"
    times: int = 1
    status: int = 503
    body: str = "broken on purpose"
    content_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: Literal["status", "reset", "hang"] = "status"
    after: bool = False

    def __post_init__(self) -> None:
        if self.kind not in {"status", "reset", "hang"}:
            raise ValueError(f"unknown kind of fault: {self.kind!r}")

    def matches(self, service: str, method: str, path: str) -> bool:
        """Whether this request is to be broken."""
        wanted = (self.service, self.method) == (service, method)
        return wanted and self.times > 0 and path.startswith(self.path)


class Throttle:
    """A pipe of so many bytes per second that all connections of a service share."""

    def __init__(self) -> None:
        self.rate: int | None = None
        self._free = 0.0
        self._lock = threading.Lock()

    def take(self, count: int) -> None:
        """Wait until ``count`` bytes have gone through."""
        if not self.rate:
            return
        with self._lock:
            self._free = max(self._free, time.monotonic()) + count / self.rate
            wait = self._free - time.monotonic()
        time.sleep(max(0.0, wait))


class Traffic:
    """The one place that all requests of all services pass."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[str] = Counter()
        self._connections: Counter[str] = Counter()
        self._faults: list[Fault] = []
        self._log: deque[dict[str, Any]] = deque(maxlen=LOG_LIMIT)
        self._latency: Mapping[str, float] | float = 0.0
        self._throttles: dict[str, Throttle] = {}
        self.generation = 0
        """Grows when faults are cleared, which lets hanging requests go."""

    def throttle(self, service: str) -> Throttle:
        """The pipe of a service; only indexes ask for one."""
        return self._throttles.setdefault(service, Throttle())

    def set_latency(self, latency_ms: Mapping[str, float] | float) -> None:
        """Delay each request by so many milliseconds, of all services or by service."""
        self._latency = latency_ms

    def set_bandwidth(self, bytes_per_second: int | None) -> None:
        """Limit each index; ``None`` lifts the limit."""
        for throttle in self._throttles.values():
            throttle.rate = bytes_per_second

    def delay(self, service: str) -> None:
        """Wait as long as the settings say."""
        latency = self._latency
        milliseconds = latency.get(service, 0) if isinstance(latency, Mapping) else latency
        if milliseconds:
            time.sleep(milliseconds / 1000)

    def plan(self, faults: list[Fault]) -> None:
        """Break these requests, after the ones already planned."""
        with self._lock:
            self._faults.extend(faults)

    def planned(self) -> list[dict[str, Any]]:
        """The faults that are still to come."""
        with self._lock:
            return [dict(vars(fault)) for fault in self._faults if fault.times > 0]

    def clear(self) -> None:
        """Forget all faults and let hanging requests go."""
        with self._lock:
            self._faults.clear()
            self.generation += 1

    def fault(self, service: str, method: str, path: str) -> Fault | None:
        """The fault for this request, used up by one."""
        with self._lock:
            for fault in self._faults:
                if fault.matches(service, method, path):
                    fault.times -= 1
                    return fault
        return None

    def connected(self, service: str) -> None:
        """Count a connection."""
        with self._lock:
            self._connections[service] += 1

    def record(self, service: str, **line: object) -> None:
        """Count a request and log it: no query, no header and no body, so never a secret."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self._lock:
            self._requests[service] += 1
            self._log.append({"time": now, "service": service, **line})

    def stats(self, services: list[str]) -> dict[str, dict[str, int]]:
        """Requests and connections so far, by service."""
        with self._lock:
            return {
                name: {"requests": self._requests[name], "connections": self._connections[name]}
                for name in services
            }

    def log(self) -> list[dict[str, Any]]:
        """The request log, oldest first."""
        with self._lock:
            return list(self._log)
