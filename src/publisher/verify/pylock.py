"""``attestation-identities`` of pylock.toml (PEP 751): read, and written without losing a comment.

``packaging.pylock`` reads and checks such files, but writes none, and no TOML writer keeps
comments. So tables are put into the text, and the result is read again: it must say what it said,
and the identities. PEP 751 has no place for IDs and none for "none": those stay in identities.lock.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from packaging.utils import canonicalize_name, canonicalize_version

from publisher.verify.locks import Unreadable, table_lines
from publisher.verify.model import Observed, Publisher

Identity = Mapping[str, str | None]
"""The index's publisher object (PEP 740): ``kind`` and what that kind has."""
Identities = Mapping[tuple[str, str], Sequence[Identity]]
"""By canonical name and version, as in ``locks.Locked``."""
KEY = "attestation-identities"
TABLE = f"[[packages.{KEY}]]"


def enrich(text: str, known: Identities) -> str:
    """The text with these identities; packages that ``known`` does not name keep theirs.

    Raises:
        Unreadable: It is no pylock.toml, or it is written so that nothing can be put in between.
    """
    wanted = _checked(text)
    known = {_spelt(*key): found for key, found in known.items()}
    for package in wanted["packages"]:
        if _key(package) in known:
            package.pop(KEY, None)
            if objects := [_plain(identity) for identity in known[_key(package)]]:
                package[KEY] = objects
    new_line = "\r\n" if "\r\n" in text else "\n"
    edited = new_line.join(_edited(text.replace("\r\n", "\n"), known))
    try:
        same = tomllib.loads(edited) == wanted
    except tomllib.TOMLDecodeError:
        same = False
    if not same:
        raise Unreadable(f"line 1: it is not written in the usual way; {KEY} can't be put in")
    return edited


def as_published(publisher: Publisher) -> dict[str, str]:
    """An identity as the index's publisher object names it, of a kind that the index knows.

    Raises:
        ValueError: Of this kind the certificate does not say all.
    """
    who = {"repository": publisher.repository, "environment": publisher.environment}
    if publisher.kind == "github":
        return _plain({"kind": "GitHub", **who, "workflow": publisher.workflow})
    if publisher.kind == "gitlab":
        return _plain({"kind": "GitLab", **who, "workflow_filepath": publisher.workflow})
    if publisher.kind == "google":
        return _plain({"kind": "Google", "email": publisher.email})
    raise ValueError(f"the index's words for {publisher.kind!r} are not known here")


def published(files: Iterable[Observed]) -> list[Identity]:
    """The identities of some files, each once.

    Raises:
        ValueError: One is of a kind that ``as_published`` has no words for.
    """
    found: list[Identity] = []
    for publisher in (one for file in files for one in file.publishers):
        if (identity := as_published(publisher)) not in found:
            found.append(identity)
    return found


def _plain(identity: Identity) -> dict[str, str]:
    """TOML has no null: what is not said is left out."""
    return {key: value for key, value in identity.items() if value}


def _checked(text: str) -> dict[str, Any]:
    from packaging.pylock import Pylock, PylockValidationError

    try:
        table = tomllib.loads(text)
        Pylock.from_dict(table)
    except (tomllib.TOMLDecodeError, PylockValidationError) as error:
        raise Unreadable(f"line 1: it is no pylock.toml: {error}") from error
    except RecursionError as error:
        raise Unreadable("line 1: it is nested too deeply") from error
    return table


def _key(package: Mapping[str, Any]) -> tuple[str, str]:
    return _spelt(package["name"], package.get("version", ""))


def _spelt(project: str, version: str) -> tuple[str, str]:
    return canonicalize_name(project), canonicalize_version(version)


def _edited(text: str, known: Identities) -> Iterator[str]:
    """The lines: each package's old identities are left out, its new ones follow it."""
    headers = dict(table_lines(text))
    packages = iter(tomllib.loads(text)["packages"])
    new: Sequence[Identity] | None = None
    skip = False
    held: list[str] = []  # empty lines and comments before a header belong to what follows
    for number, line in enumerate(text.split("\n"), 1):
        header = headers.get(number)
        if header and not header.strip("[]").startswith("packages."):
            yield from _tables(new)
            new = known.get(_key(next(packages))) if header == "[[packages]]" else None
        if header:
            skip = header == TABLE and new is not None
        if re.fullmatch(r"\s*(#.*)?", line):
            held.append(line)
        elif not skip:
            yield from held
            held.clear()
            yield line
        elif header:
            held.clear()
    yield from _tables(new)
    yield from held


def _tables(new: Sequence[Identity] | None) -> Iterator[str]:
    for identity in new or ():
        yield ""
        yield TABLE
        for key, value in sorted(_plain(identity).items(), key=lambda item: item[0] != "kind"):
            yield f"{key} = {json.dumps(value, ensure_ascii=False)}"
