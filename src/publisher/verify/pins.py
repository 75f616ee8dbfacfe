"""identities.lock, version 1: who publishes what, as text that git merges and people review. Pure.

UTF-8, LF, one fact a line, lines in the order of their bytes. docs/drift.md describes it. What a
later version of this program adds is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from packaging.utils import InvalidName, canonicalize_name, canonicalize_version

from publisher.verify.lines import Line, Malformed, Word, quoted, words
from publisher.verify.model import Acceptance, Memory, Pinned, Publisher, Seen

HEADER = "#identities 1"
ISSUERS = {
    "github": "https://token.actions.githubusercontent.com",
    "gitlab": "https://gitlab.com",
    "google": "https://accounts.google.com",
}
"""What is not written, since the kind says it."""
PLAIN = (*("workflow", "ref", "trigger", "runner", "environment", "email", "signer", "visibility"),)
"""Fields of a publisher that are words of the same name."""


@dataclass(frozen=True)
class Pins:
    """All of identities.lock: the projects by their canonical name."""

    projects: Mapping[str, Memory] = field(default_factory=dict)
    head: tuple[str, ...] = ()
    """Lines that begin with ``#`` and mean nothing here."""


def read(text: str) -> Pins:
    """Read identities.lock.

    Raises:
        Malformed: A line can't be understood, with line and column.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    _no_conflict(lines)
    _refuse_unseen(lines)
    version = re.fullmatch("#identities ([0-9]+)", lines[0])
    if not version or version[1] != "1":
        why = (
            f"this is version {version[1]}, too new"
            if version
            else f"it must begin with {HEADER!r}"
        )
        raise Malformed(1, 1, why)
    head = []
    projects: dict[str, Memory] = {}
    taken: dict[tuple[str, str], int] = {}
    for number, raw in enumerate(lines[1:], 2):
        if raw.startswith("#"):
            head.append(raw)
        elif raw.strip():
            project, said = _opened(number, raw)
            memory = projects.get(project, Memory(project))
            head_of_line, projects[project] = _learn(memory, Line(number, said), raw)
            if (project, fact := _unique(head_of_line)) in taken:
                raise Malformed(number, 1, f"{project} says {head_of_line!r} twice")
            taken[project, fact] = number
    for memory in projects.values():
        _refuse_unfounded(memory, taken)
    return Pins(projects, tuple(head))


def _refuse_unseen(lines: list[str]) -> None:
    """What no reader shows, such as a carriage return, can hide what stands beside it."""
    for number, line in enumerate(lines, 1):
        if not line.isprintable():
            column = next(at for at, sign in enumerate(line, 1) if not sign.isprintable())
            raise Malformed(number, column, f"{line[column - 1]!a} can't be seen")


def _refuse_unfounded(memory: Memory, taken: Mapping[tuple[str, str], int]) -> None:
    """A project of which nothing is known would count as pinned."""
    known = {pin.number for pin in memory.identities}
    for version, seen in memory.releases.items():
        if lost := set(seen.identities) - known:
            line = taken[memory.project, _unique(f"rel {quoted(version)}")]
            raise Malformed(line, 1, f"{memory.project} has no id {min(lost)}")
    if not (known or memory.none):
        line = min(line for (project, _), line in taken.items() if project == memory.project)
        raise Malformed(line, 1, f"{memory.project} has neither an id nor none")


def _unique(head: str) -> str:
    """What a project says once only; a release is the same, however its version is written."""
    kind, _, version = head.partition(" ")
    return f"rel {canonicalize_version(version)}" if kind == "rel" else head


def _no_conflict(lines: list[str]) -> None:
    for number, raw in enumerate(lines, 1):
        if re.match(r"<{7}|={7}|>{7}|\|{7}", raw):
            raise Malformed(number, 1, "a merge conflict marker: resolve it")


def _opened(number: int, raw: str) -> tuple[str, list[Word]]:
    """The project that a line is about, and its other words."""
    found = list(words(number, raw))
    project = found[0].raw
    try:
        good = project.isascii() and canonicalize_name(project, validate=True) == project
    except InvalidName:
        good = False
    if not good:
        raise Malformed(number, found[0].column, f"{project!r} is not a project's normalized name")
    return project, found[1:]


def _learn(memory: Memory, line: Line, raw: str) -> tuple[str, Memory]:
    """What a line adds to the memory of its project; with the words that make the line unique."""
    kind = line.next("kind of fact")
    head = kind
    if kind == "none":
        memory = replace(memory, none=line.at("since")[0])
    elif kind == "id":
        pin = _identity(line)
        head = f"id {pin.number}"
        memory = replace(memory, identities=(*memory.identities, pin))
    elif kind == "rel":
        version = line.next("version")
        head = f"rel {quoted(version)}"
        memory = replace(memory, releases={**memory.releases, version: _seen(line)})
    elif kind == "accepted":
        accepted = _acceptance(line)
        head = f"accepted {quoted(accepted.version)}"
        memory = replace(memory, accepted=(*memory.accepted, accepted))
    elif kind == "link":
        link = line.next("link")
        head = f"link {quoted(link)}"
        memory = replace(memory, links={**memory.links, link: line.take("accepted")})
    else:
        rest = (*memory.extra.get("", ()), raw.strip().partition(" ")[2])
        return raw, replace(memory, extra={**memory.extra, "": rest})
    if line.rest():
        memory = replace(memory, extra={**memory.extra, head: line.rest()})
    return head, memory


def _identity(line: Line) -> Pinned:
    number = line.number_of("the number of an identity", line.next("number"))
    kind = line.next("kind of publisher")
    issuer = next((word.value for word in line.words if word.key == "issuer"), ISSUERS.get(kind))
    line.take("issuer")
    repository, _, repository_id = line.take("repo").partition("#")
    owner, _, owner_id = line.take("owner").partition("#")
    publisher = Publisher(
        kind,
        issuer or "",
        repository=repository,
        repository_id=repository_id,
        owner=owner,
        owner_id=owner_id,
        **{key: line.take(key) for key in PLAIN},
    )
    since, last = line.at("since"), line.at("last")
    pending, accepted = line.flag("pending"), line.take("accepted")
    return Pinned(publisher, since, last, pending, accepted, number, line.number_of("seen"))


def _seen(line: Line) -> Seen:
    attested, _, total = line.next("count of files").partition("/")
    numbers = [number for number in line.take("id").split(",") if number]
    return Seen(
        line.number_of("the count of attested files", attested),
        line.number_of("the count of files", total),
        tuple(line.number_of("id", number) for number in numbers),
        line.moment("at"),
        line.take("set"),
        slsa=line.flag("slsa"),
        yanked=line.flag("yanked"),
    )


def _acceptance(line: Line) -> Acceptance:
    version = line.next("version")
    when = line.moment("at")
    if when is None:
        raise Malformed(line.number, 1, "it should say when it was accepted: at=")
    return Acceptance(version, line.take("by"), when, line.take("reason"))


def write(pins: Pins) -> str:
    """The text of identities.lock; the same memory gives the same bytes."""
    lines = {line for memory in pins.projects.values() for line in _lines(memory)}
    return "\n".join([HEADER, *pins.head, *sorted(lines, key=str.encode), ""])


def _lines(memory: Memory) -> Iterator[str]:
    for head, more, pairs in _facts(memory):
        said = [f"{key}={quoted(value)}" for key, value in pairs if value]
        yield " ".join([memory.project, head, *more, *said, *memory.extra.get(head, ())])
    for line in memory.extra.get("", ()):
        yield f"{memory.project} {line}"


Facts = Iterator[tuple[str, Iterable[str], Iterable[tuple[str, str]]]]


def _facts(memory: Memory) -> Facts:
    """The head of each line, further words, and those with keys."""
    if memory.none:
        yield "none", (), [("since", memory.none)]
    for pin in memory.identities:
        yield f"id {pin.number}", [quoted(pin.publisher.kind)], _of_identity(pin)
    for version, seen in memory.releases.items():
        numbers = ",".join(str(number) for number in seen.identities)
        facts = [("id", numbers), ("at", _iso(seen.at)), ("set", seen.digest)]
        flags = [("slsa", "yes" * seen.slsa), ("yanked", "yes" * seen.yanked)]
        yield f"rel {quoted(version)}", [f"{seen.attested}/{seen.total}"], facts + flags
    for accepted in memory.accepted:
        facts = [("at", _iso(accepted.when)), ("by", accepted.who), ("reason", accepted.reason)]
        yield f"accepted {quoted(accepted.version)}", (), facts
    for link, version in memory.links.items():
        yield f"link {quoted(link)}", (), [("accepted", version)]


def _of_identity(pin: Pinned) -> Iterator[tuple[str, str]]:
    who = pin.publisher
    if who.issuer != ISSUERS.get(who.kind):
        yield "issuer", who.issuer
    yield "repo", _with_id(who.repository, who.repository_id)
    yield "owner", _with_id(who.owner, who.owner_id)
    yield from ((key, getattr(who, key)) for key in PLAIN)
    yield "since", _at(pin.since)
    yield "last", _at(pin.last)
    yield "seen", str(pin.seen)
    yield "pending", "yes" * pin.pending
    yield "accepted", pin.accepted


def _with_id(name: str, number: str) -> str:
    return f"{name}#{number}" if number else name


def _at(release: tuple[str, datetime | None]) -> str:
    version, moment = release
    return f"{version}@{_iso(moment)}" if moment else version


def _iso(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else ""
