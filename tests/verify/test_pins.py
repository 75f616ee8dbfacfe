"""identities.lock: what is written is read again, and what can't be read says where."""

from __future__ import annotations

import re
import string
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_version

from publisher.verify import pins
from publisher.verify.lines import Malformed, quoted
from publisher.verify.model import Acceptance, Memory, Pinned, Publisher, Seen
from publisher.verify.pins import PLAIN, Pins
from support.identities import known

DOCS = Path(__file__).parents[2] / "docs/drift.md"
EXAMPLE = re.findall("```\n(#identities.*?)```", DOCS.read_text("utf-8"), re.DOTALL)[0]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
words = st.text(string.ascii_letters + string.digits + './_-:@+ é"=#\\', min_size=1, max_size=12)
names = st.text(string.ascii_letters + "/.-", max_size=12)
digits = st.text(string.digits, max_size=4)
versions = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,2}(rc1)?", fullmatch=True)
moments = st.datetimes(
    min_value=datetime(1990, 1, 1),
    max_value=datetime(2100, 1, 1),
    timezones=st.just(UTC),
)
places = st.tuples(versions, st.none() | moments)
publishers = st.builds(
    Publisher,
    kind=st.sampled_from(["github", "gitlab", "google", "email", "odd kind"]),
    issuer=st.sampled_from(["https://gitlab.com", "https://forge.example/a b"]),
    **dict.fromkeys(("repository", "owner"), names),
    **dict.fromkeys(("repository_id", "owner_id"), digits),
    **dict.fromkeys(PLAIN, texts),
)
identities = st.builds(
    Pinned,
    publisher=publishers,
    since=places,
    last=places,
    pending=st.booleans(),
    accepted=st.just("") | versions,
    number=st.integers(1, 40),
    seen=st.integers(0, 99),
)
releases = st.builds(
    Seen,
    attested=st.integers(0, 9),
    total=st.integers(0, 9),
    identities=st.lists(st.integers(0, 9), max_size=3).map(tuple),
    at=st.none() | moments,
    digest=st.just("") | words,
    slsa=st.booleans(),
    yanked=st.booleans(),
)
memories = st.builds(
    Memory,
    project=st.from_regex(r"[a-z0-9]([a-z0-9-]?[a-z0-9])*", fullmatch=True).filter(
        lambda name: "--" not in name
    ),
    identities=st.lists(identities, max_size=3, unique_by=lambda pin: pin.number).map(tuple),
    none=st.just("") | versions,
    releases=st.dictionaries(versions | words, releases, max_size=3),
    accepted=st.lists(
        st.builds(Acceptance, versions, texts, moments, texts),
        max_size=2,
        unique_by=lambda accepted: accepted.version,
    ).map(tuple),
    links=st.dictionaries(words, st.just("") | versions, max_size=2),
)


def founded(found: Pins) -> Pins:
    """As the program writes it: of each project something is known, and releases have its ids."""
    projects = {}
    for name, memory in found.projects.items():
        numbers = {pin.number for pin in memory.identities}
        once = {canonicalize_version(quoted(version)): version for version in memory.releases}
        kept = {}
        for version in once.values():
            seen = memory.releases[version]
            kept[version] = replace(seen, identities=tuple(numbers & set(seen.identities)))
        none = memory.none if numbers else memory.none or "1"
        projects[name] = replace(memory, releases=kept, none=none)
    return replace(found, projects=projects)


whole = st.builds(
    Pins,
    projects=st.lists(memories, max_size=3).map(lambda them: {one.project: one for one in them}),
    head=st.lists(st.sampled_from(["# ours", "#later thing"]), max_size=2).map(tuple),
).map(founded)


def in_order(found: Pins) -> Pins:
    """Lines are sorted, so what is read comes in that order."""
    return replace(
        found,
        projects={
            name: replace(
                one,
                identities=tuple(sorted(one.identities, key=lambda pin: pin.number)),
                accepted=tuple(sorted(one.accepted, key=lambda taken: taken.version)),
            )
            for name, one in found.projects.items()
            if one != Memory(name)
        },
    )


@given(whole)
def test_what_is_written_is_read_again(found: Pins) -> None:
    text = pins.write(found)
    assert in_order(pins.read(text)) == in_order(found)
    assert pins.write(pins.read(text)) == text
    assert text.count("\n") == len(text.splitlines()) == len(text.split("\n")) - 1


@given(st.text() | st.text(string.printable).map("#identities 1\na id 1 github ".__add__))
def test_any_text_is_read_or_refused_with_its_place(text: str) -> None:
    wrong = None
    try:
        pins.write(pins.read(text))
    except Malformed as error:
        wrong = error
    assert wrong is None or 1 <= wrong.line <= text.count("\n") + 1
    assert wrong is None or str(wrong).startswith(f"line {wrong.line}, column {wrong.column}: ")


def test_lines_are_in_the_order_of_their_bytes() -> None:
    text = pins.write(Pins({"widget": known()}))
    lines = text.encode().splitlines()
    assert lines[0] == b"#identities 1"
    assert lines[1:] == sorted(lines[1:])
    assert len(lines) == 4  # an identity, a link, the newest release


def test_the_example_of_the_docs() -> None:
    assert pins.write(pins.read(EXAMPLE)) == EXAMPLE
    widget = pins.read(EXAMPLE).projects["widget"]
    assert widget.identities[1].publisher.repository_id == "1"
    assert widget.accepted[0].reason == "moved to GitHub, see their blog"


def test_what_a_later_version_adds_is_kept() -> None:
    text = EXAMPLE.replace(" seen=1\n", ' seen=1 mood="very good" x\n', 1)
    text = text.replace("since=1.2\n", "since=1.2 until=7\n")
    text = text.replace("4.0.0 2/2", "4.0.0 2/2").replace("h1:b3Zlcg==\n", "h1:b3Zlcg== b=1\n")
    text = text.replace("gadget none", "#color blue\ngadget none", 1) + "widget zodiac lion\n"
    kept = pins.write(pins.read(text))
    assert sorted(kept.splitlines()) == sorted(text.splitlines())


def test_windows_line_ends_are_read() -> None:
    assert pins.read(EXAMPLE.replace("\n", "\r\n")) == pins.read(EXAMPLE)


WRONG: list[tuple[str, str]] = [
    ("", "line 1, column 1: it must begin with '#identities 1'"),
    ("\ufeff#identities 1\n", "line 1, column 1"),
    ("#identities 2\n", "line 1, column 1: this is version 2, too new"),
    ("#identities 1\nWidget none since=1\n", "line 2, column 1: 'Widget' is not a project's"),
    ("#identities 1\n\u212aivy none since=1\n", "line 2, column 1"),
    ("#identities 1\n-a none since=1\n", "line 2, column 1: '-a' is not a project's"),
    ("#identities 1\n<<<<<<< ours\n", "line 2, column 1: a merge conflict marker: resolve it"),
    ("<<<<<<< ours\n#identities 1\n", "line 1, column 1: a merge conflict marker: resolve it"),
    ("#identities 1\n||||||| base\n", "line 2, column 1: a merge conflict marker: resolve it"),
    ("#identities 1\na\n", "line 2, column 1: it should name the kind of fact here"),
    ("#identities 1\na id one github\n", "line 2, column 1: the number of an identity"),
    ("#identities 1\na id 1 github since=1\n", "line 2, column 1: last names no version"),
    ("#identities 1\na id 1 github since=1@noon last=1\n", "line 2, column 15: 'noon' is not a"),
    ("#identities 1\na none since=1@2025-01-01T00:00:00\n", "line 2, column 8: '2025-01-01T00:0"),
    ("#identities 1\na none\n", "line 2, column 1: since names no version"),
    ("#identities 1\na none since=1\na none since=2\n", "line 3, column 1: a says 'none' twice"),
    ("#identities 1\na rel 1 two/2\n", "line 2, column 1: the count of attested files is not"),
    ('#identities 1\na accepted 1 by="ada\n', "line 2, column 17: the quotes are not closed"),
    ('#identities 1\na link "x"y\n', "line 2, column 11: a space must follow the quotes"),
    ("#identities 1\na none since=1\na rel 1 0/1 id=2\n", "line 3, column 1: a has no id 2"),
    ("#identities 1\na link x\na rel 1 0/1\n", "line 2, column 1: a has neither an id nor none"),
    ("#identities 1\na none since=1\na rel 1 0/1\na rel 1.0 0/1\n", "line 4, column 1: a says"),
    ("#identities 1\na none since=1\ra link x\n", "line 2, column 15: '\\r' can't be seen"),
    ("#identities 1\n# \u2028x\n", "line 2, column 3: '\\u2028' can't be seen"),
    ("#identities 1\na none since=1 since=2\n", "line 2, column 16: since stands here twice"),
    ("#identities 1\na id 1 github since=1 last=1 seen=1 pending=no\n", "pending can only be yes"),
    ("#identities 1\na id 1 github since=1 last=1 seen=1 pending=\n", "pending can only be yes"),
    ("#identities 1\na none since=1\na rel 1 0/1 yanked=no\n", "yanked can only be yes"),
    ("#identities 1\na accepted 1 by=ada\n", "line 2, column 1: it should say when"),
]


@pytest.mark.parametrize(("text", "why"), WRONG)
def test_what_is_wrong_names_its_place(text: str, why: str) -> None:
    with pytest.raises(Malformed, match=re.escape(why)):
        pins.read(text)


def test_what_cannot_be_seen_is_escaped() -> None:
    odd = Acceptance("1", "ada\u202e", datetime(2025, 1, 1, tzinfo=UTC), "na\u00efve\nline")
    text = pins.write(Pins(projects={"a": Memory("a", accepted=(odd,))}))
    assert r'by="ada\u202e"' in text
    assert r"\n" in text.splitlines()[1]
    calm = replace(odd, reason="na\u00efve")
    assert 'reason="na\u00efve"' in pins.write(Pins(projects={"a": Memory("a", accepted=(calm,))}))
