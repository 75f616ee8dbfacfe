"""What happens to requests on their way: counted, logged, delayed, throttled, broken on purpose."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, get_args

LOG_LIMIT = 100_000
Kind = Literal["status", "reset", "hang", "cut", "drip", "flood", "label", "refuse", "expire"]


@dataclass
class Fault:
    """Breaks the next ``times`` requests of a service whose path begins with ``path``.

    Of those that match (``method`` may be ``*``), each ``every``-th is broken. With ``after`` the
    request is carried out first, so that only its answer is lost. ``kind`` says what comes instead:

    - ``status``: this ``status``, ``content_type``, ``headers`` and ``body``.
    - ``cut``, ``drip``, ``flood``: an answer that ends halfway, that comes a byte at a time for
      ever, or that has 1 GB; with ``after`` under the status of the service's own.
    - ``label``: the service's own answer as ``content_type``; the request is always carried out.
    - ``reset``, ``hang``: none; the connection breaks, or nothing happens.
    - ``refuse``, ``expire``: the connection breaks. Until faults are cleared, the service refuses
      others, or shows an expired certificate (TLS only).
    """

    service: str
    method: str = "POST"
    path: str = "/"
    times: int = 1
    status: int = 503
    body: str = "broken on purpose"
    content_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: Kind = "status"
    after: bool = False
    every: int = 1
    seen: int = 0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"unknown kind of fault: {self.kind!r}")
        self.after |= self.kind == "label"

    def strikes(self, service: str, method: str, path: str) -> bool:
        """Whether this request, which it counts, is to be broken."""
        wanted = self.service == service and self.method in {"*", method}
        if not (wanted and self.times > 0 and path.startswith(self.path)):
            return False
        self.seen += 1
        return self.seen % self.every == 0


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
        self.hanging = 0
        self._repairs: list[Callable[[], None]] = []

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
        """Forget all faults, let hanging requests go, and bring services back."""
        with self._lock:
            self._faults.clear()
            self.generation += 1
            repairs, self._repairs = self._repairs, []
        for repair in repairs:
            repair()

    def until_clear(self, repair: Callable[[], None]) -> None:
        """Have something done when faults are cleared."""
        with self._lock:
            self._repairs.append(repair)

    def hang(self, change: int) -> None:
        """Count the requests that hang."""
        with self._lock:
            self.hanging += change

    def fault(self, service: str, method: str, path: str) -> Fault | None:
        """The fault for this request, used up by one."""
        with self._lock:
            struck = [one for one in self._faults if one.strikes(service, method, path)]
            for one in struck[:1]:
                one.times -= 1
                return one
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
