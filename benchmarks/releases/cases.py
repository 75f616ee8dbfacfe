"""What is measured: releases of every size, over networks of every speed."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

KB, MB, GB = 1000, 10**6, 10**9
SIGNING = 32
"""Log entries that are on their way at once; only the bound is counted with it."""


@dataclass(frozen=True)
class Case:
    """A release: so many files of so many bytes; ``latency`` is ms per request by service.

    ``peers`` says whether others do it too; ``wait`` has the arrival looked at (no peer does).
    ``pipe`` is bytes per second of an index, which all connections share.
    """

    name: str
    files: int
    latency: Mapping[str, float] = field(default_factory=dict)
    size: int = 20 * KB
    sdist: bool = False
    jobs: int = 8
    pipe: int | None = None
    tls: bool = False
    wait: float = 0
    peers: bool = True

    @property
    def bound(self) -> float:
        """Seconds below which no client can be that keeps the order of the steps.

        In a row: an ID token, the mint, a certificate, the log entries, the first file, the
        others, the burn; at once, where things can be at once. The bytes go through the pipe,
        and one pass of SHA-256 must be over before the first entry is made.
        """
        wait = {name: self.latency.get(name, 0) for name in ("issuer", "fulcio", "rekor", "index")}
        total = wait["issuer"] + wait["fulcio"] + wait["rekor"] * math.ceil(self.files / SIGNING)
        total += wait["index"] * (3 + math.ceil((self.files - 1) / self.jobs))
        if self.wait:  # the list, then the provenance of each file
            total += wait["index"] * (1 + math.ceil(self.files / self.jobs))
        size = self.files * self.size
        return total / 1000 + (size / self.pipe if self.pipe else 0) + size / sha256_speed()


@cache
def sha256_speed() -> float:
    """Bytes per second on this machine."""
    data, begun = bytes(64 * MB), time.monotonic()
    hashlib.sha256(data).digest()
    return len(data) / (time.monotonic() - begun)


def all_at(ms: float) -> dict[str, float]:
    """The same latency for every service."""
    return dict.fromkeys(("issuer", "fulcio", "rekor", "index"), ms)


SLOW = {"issuer": 150, "fulcio": 500, "rekor": 1500, "index": 1000}
"""Services on a bad day."""
GRID = tuple(
    Case(f"{files}x{ms}ms", files, all_at(ms)) for files in (1, 10, 60, 200) for ms in (0, 50, 250)
)
CASES = (
    *GRID,
    Case("200x250ms-jobs16", 200, all_at(250), jobs=16, peers=False),
    Case("60-slow-services", 60, SLOW),
    Case("project-250ms", 2, all_at(250), sdist=True),
    Case("60x50ms-tls", 60, all_at(50), tls=True),
    Case("1GB-http", 1, size=GB),
    Case("1GB-tls", 1, size=GB, tls=True),
    Case("20x10MB-100Mbit-50ms", 20, all_at(50), size=10 * MB, pipe=100 * MB // 8),
    Case("200x50ms-arrival", 200, all_at(50), wait=120, peers=False),
    Case("500x100kB-memory", 500, size=100 * KB, peers=False),
    Case("2GB-memory", 1, size=2 * GB, peers=False),
)
SMOKE = Case("smoke", 3, sdist=True)
"""So small that it measures nothing: for the test of the benchmark."""
GROWTH = tuple(Case(f"growth-{n}", n, all_at(50), peers=False) for n in (1, 100, 200, 350, 500))
