"""The cases: every request of a release, and what can become of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

TRAP = "/trap"
"""Where redirects lead to, on the control service: nobody may follow."""


class Point(NamedTuple):
    """A request: the n-th of this method whose path begins like this."""

    service: str
    method: str
    path: str
    number: int = 1


TOKEN = ("issuer", "GET", "/token/")
ENTRY = ("rekor", "POST", "/api/v1/log/entries")
FILE = ("pypi", "POST", "/legacy/")
REQUESTS = {
    "first-id-token": Point(*TOKEN),
    "second-id-token": Point(*TOKEN, 2),
    "audience": Point("pypi", "GET", "/_/oidc/audience"),
    "plan": Point("pypi", "GET", "/simple/"),
    "mint": Point("pypi", "POST", "/_/oidc/mint-token"),
    "certificate": Point("fulcio", "POST", "/api/v2/signingCert"),
    "first-entry": Point(*ENTRY),
    "last-entry": Point(*ENTRY, 3),
    "first-file": Point(*FILE),
    "second-file": Point(*FILE, 2),
    "sdist": Point(*FILE, 3),
    "burn": Point("pypi", "POST", "/_/oidc/burn-token"),
    "arrival": Point("pypi", "GET", "/simple/", 2),
    "provenance": Point("pypi", "GET", "/integrity/"),
}
# Asked only after something was lost.
LOOK = Point("pypi", "GET", "/simple/", 2)
REPEATED_ENTRY = Point("rekor", "GET", "/api/v1/log/entries/")
THIRD_ID_TOKEN = Point(*TOKEN, 3)
SECOND_MINT = Point("pypi", "POST", "/_/oidc/mint-token", 2)

HTML = "<!doctype html><title>Sign in</title><form>Who are you?</form>"
FAULTS: dict[str, dict[str, Any]] = {
    "refused": {"kind": "refuse"},
    "timeout": {"kind": "hang"},
    "reset": {"kind": "reset"},
    "429": {"status": 429, "headers": {"Retry-After": "0"}},
    "500": {"status": 500},
    "503": {"status": 503},
    "cut": {"kind": "cut", "status": 200, "body": '{"success": true, "token": "pypi-'},
    "html": {"status": 200, "content_type": "text/html", "body": HTML},
    "big": {"kind": "flood", "status": 200, "content_type": "application/json"},
    "drip": {"kind": "drip", "status": 200, "content_type": "application/json"},
    "redirect": {"status": 302, "headers": {"Location": TRAP}},
    "type": {"kind": "label", "content_type": "image/png"},
    "tls": {"kind": "expire"},
}
BEFORE = {"refused", "tls"}  # nothing is carried out
AFTER = {"type"}
PASSING = {"timeout", "reset", "cut", "429", "500", "503"}
"""What passes by itself: a run that meets it once goes on."""
STEPS = ("identity", "dists", "plan", "mint", "sign", "verify", "upload", "burn", "arrival")
SYNCS = 22  # how often a release of three files at least makes sure that something is on the disk


@dataclass(frozen=True)
class Round:
    """One run: under these faults, perhaps killed.

    ``kill`` is ``held``: when the request at which it breaks has arrived; or what the forker
    knows: a step, or a write to the disk.
    """

    faults: tuple[Mapping[str, Any], ...] = ()
    kill: str | Mapping[str, Any] = ""


@dataclass(frozen=True)
class Case:
    """Runs that are disturbed; after them, the same command again must end well.

    ``goes_on``: even the disturbed ones must. ``twice``: the index could not be looked at when an
    answer was lost, so a file may have been sent, and taken, twice.
    """

    name: str
    rounds: tuple[Round, ...]
    goes_on: bool = False
    twice: bool = False
    tls: bool = False


def fault(point: Point, kind: str, *, after: bool = False, times: int = 1) -> dict[str, Any]:
    """A fault at a request, in the sandbox's words."""
    service, method, path, number = point
    where = {"service": service, "method": method, "path": path, "every": number}
    return {**where, "times": times, **FAULTS[kind], "after": after}


def single() -> Iterator[Case]:
    """Every request x every fault x both sides of the commit; reading commits nothing."""
    for name, point in REQUESTS.items():
        for kind in FAULTS:
            reads = point.method == "GET"
            sides = {kind not in BEFORE} if reads or kind in AFTER else {False, kind not in BEFORE}
            for after in sorted(sides):
                side = "" if reads else ("-after" if after else "-before")
                once = Round((fault(point, kind, after=after),))
                # our own identity provider is asked once; a real one is asked through `id`
                passes = kind in PASSING or (kind, point[:3]) == ("html", FILE)
                goes_on = passes and point.service != "issuer"
                yield Case(f"{name}-{kind}{side}", (once,), goes_on, tls=kind == "tls")


def lasting() -> Iterator[Case]:
    """What does not pass."""
    for name, point in REQUESTS.items():
        if point.number == 1:
            for kind in ("reset", "503", "html"):
                broken = fault(point, kind, after=point.method == "POST", times=99)
                yield Case(f"{name}-{kind}-always", (Round((broken,)),), twice=True)


def kills() -> Iterator[Case]:
    """``kill -9`` while a request is under way, between steps, and while a line is written."""
    for name, point in REQUESTS.items():
        for after in (False,) if point.method == "GET" else (False, True):
            held = Round((fault(point, "timeout", after=after),), kill="held")
            yield Case(f"kill-{name}-{'after' if after else 'before'}", (held,))
    for step in STEPS:
        for end in (False, True):
            when = "end" if end else "begin"
            yield Case(f"kill-{step}-{when}", (Round(kill={"step": step, "end": end}),))
    for number in range(1, SYNCS + 1):
        yield Case(f"kill-sync-{number}", (Round(kill={"sync": number}),))


def pairs() -> Iterator[Case]:
    """Two faults: where the second hits what the first made necessary, and in two runs."""
    for name in ("first-file", "sdist"):
        lost = fault(REQUESTS[name], "reset", after=True)
        for kind in FAULTS.keys() - {"refused", "tls"}:
            look = fault(LOOK, kind, after=kind in {"cut", "type"})
            yield Case(f"{name}-lost-look-{kind}", (Round((lost, look)),), twice=True)
    for kind in FAULTS.keys() - {"tls"}:
        lost = fault(REQUESTS["last-entry"], "reset", after=True)
        again = fault(REPEATED_ENTRY, kind, after=kind in {"cut", "type"})
        yield Case(f"last-entry-lost-repeated-{kind}", (Round((lost, again)),))
    for kind in ("reset", "503", "cut", "html", "429"):
        lost = fault(REQUESTS["mint"], "reset", after=True)
        yield Case(f"mint-lost-id-token-{kind}", (Round((lost, fault(THIRD_ID_TOKEN, kind))),))
        again = fault(SECOND_MINT, kind, after=True)
        yield Case(f"mint-lost-mint-{kind}", (Round((lost, again)),))
    for one, other in (
        ("certificate", "first-entry"),
        ("first-entry", "first-file"),
        ("first-file", "sdist"),
        ("sdist", "burn"),
        ("burn", "arrival"),
        ("arrival", "provenance"),
    ):
        for kind in ("reset", "503"):
            both = [fault(REQUESTS[name], kind, after=True) for name in (one, other)]
            yield Case(f"{one}-and-{other}-{kind}", (Round(tuple(both)),), goes_on=True)
    killed = Round((fault(REQUESTS["second-file"], "timeout", after=True),), kill="held")
    for name in ("plan", "mint", "first-file", "burn", "arrival"):
        for kind in ("html", "reset"):
            second = Round((fault(REQUESTS[name], kind, after=True),))
            yield Case(f"kill-second-file-then-{name}-{kind}", (killed, second))
        second = Round((fault(REQUESTS[name], "timeout", after=True),), kill="held")
        yield Case(f"kill-second-file-then-kill-{name}", (killed, second))


CASES = tuple(
    sorted((*single(), *lasting(), *kills(), *pairs()), key=lambda case: (case.tls, case.name))
)
