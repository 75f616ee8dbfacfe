"""What is learned from releases, and what only somebody's word can teach."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.verify import drift, origin
from publisher.verify.model import Memory, Publisher, Release
from publisher.verify.remember import accept, first_use, remember
from support.identities import (
    GITHUB,
    GITLAB,
    GOOGLE,
    START,
    every,
    history,
    known,
    one,
    release,
    rules,
)

NEXT = release("2.0", days=100)


def test_first_use_reads_all_releases() -> None:
    memory = known()
    (pin,) = memory.identities
    assert (pin.since[0], pin.last[0], pin.seen, pin.pending) == ("1.0", "1.9", 10, False)
    assert list(memory.releases) == ["1.9"]
    assert memory.links == {"https://github.com/octo-org/widget": ""}


def test_only_versions_that_are_installed_are_kept() -> None:
    memory = remember(None, history(), keep=["1.3", "1.9"])
    assert sorted(memory.releases) == ["1.3", "1.9"]
    assert list(remember(memory, [NEXT], keep=["2.0"]).releases) == ["2.0"]
    assert sorted(remember(memory, [NEXT]).releases) == ["1.3", "1.9", "2.0"]


def test_never_attested_is_remembered_as_none() -> None:
    memory = known(by=None)
    assert (memory.identities, memory.none) == ((), "1.0")


def test_the_first_who_attests_is_pending() -> None:
    memory = remember(known(by=None), [NEXT])
    assert memory.identities[0].pending
    assert memory.none == "1.0"


@pytest.mark.parametrize(("days", "pending"), [(13, True), (14, False), (40, False)])
def test_later_releases_confirm_it_after_14_days(days: int, pending: bool) -> None:
    memory = remember(known(by=None), [NEXT])
    memory = remember(memory, [release("2.1", days=100 + days)])
    assert memory.identities[0].pending is pending
    assert bool(memory.none) is pending
    lost = release("2.2", days=150, by=None)
    assert rules(drift.compare(memory, lost)) == (
        [("D00", "note")] if pending else [("D01", "error")]
    )


def test_time_without_a_later_release_confirms_nothing() -> None:
    memory = remember(known(by=None), [NEXT])
    assert remember(memory, [NEXT]) == memory
    assert remember(memory, [*history(by=None), NEXT]) == memory


def test_an_unattested_release_between_confirms_nothing() -> None:
    memory = remember(known(by=None), [NEXT, release("2.1", days=120, by=None)])
    assert memory.identities[0].pending


def test_a_young_identity_in_the_history_is_pending_too() -> None:
    memory = remember(None, [*history(8, by=None), release("2.0", days=60)])
    assert memory.identities[0].pending
    moved = remember(None, [*history(8, by=GOOGLE), release("2.0", days=60)])
    assert [pin.pending for pin in moved.identities] == [False, True]
    assert rules(drift.compare(moved, release("2.0", days=60))) == [("D04", "error")]


def test_a_move_long_ago_is_history() -> None:
    releases = [*history(4, by=GOOGLE), NEXT, release("2.1", days=120)]
    memory = remember(None, releases)
    assert [pin.pending for pin in memory.identities] == [False, False]
    assert drift.compare(memory, release("2.2", days=130)) == ()


def test_drift_teaches_nothing() -> None:
    memory = known()
    for bad in (
        release("2.0", days=100, by=None),
        release("2.0", days=100, by=GITLAB),
        release("2.0", days=100, by=replace(GITHUB, workflow="evil.yml")),
        every(NEXT, status="failed", publishers=()),
        every(NEXT, status="incomplete", publishers=()),
    ):
        assert remember(memory, [bad]) == memory


def test_a_new_name_is_learned() -> None:
    renamed = replace(GITHUB, repository="octo-org/gadget")
    memory = remember(known(), [release("2.0", days=100, by=renamed)])
    (pin,) = memory.identities
    assert (pin.publisher.repository, pin.seen, pin.since[0]) == ("octo-org/gadget", 11, "1.0")
    assert drift.compare(memory, release("2.1", days=101, by=renamed)) == ()


def test_an_environment_that_is_told_now_is_learned() -> None:
    memory = remember(known(by=replace(GITHUB, environment="")), [NEXT])
    assert [pin.publisher.environment for pin in memory.identities] == ["pypi"]
    gone = release("2.1", days=101, by=replace(GITHUB, environment=""))
    assert rules(drift.compare(memory, gone)) == [("D11", "error")]


def test_a_safer_way_is_learned_and_the_old_one_left() -> None:
    own = replace(GITHUB, runner="self-hosted")
    memory = remember(known(by=own), [NEXT])
    assert [pin.pending for pin in memory.identities] == [False, False]
    back = release("2.1", days=101, by=own)
    assert rules(drift.compare(memory, back)) == [("D14", "error")]


BAD: list[Release] = [
    release("2.0", days=100, by=None),
    release("2.0", days=100, by=GITLAB),
    release("2.0", days=100, by=replace(GITHUB, repository_id="2")),
    release("2.0", days=100, by=replace(GITHUB, owner_id="2")),
    release("2.0", days=100, by=replace(GITHUB, repository="m/w", owner="m", owner_id="2")),
    release("2.0", days=100, by=replace(GITHUB, workflow="new.yml", ref="pull")),
    one(NEXT, status="unattested", publishers=()),
    one(NEXT, publishers=(GITLAB,)),
    one(NEXT, uploaded=START + timedelta(days=104)),
    one(NEXT, logged=START),
    every(NEXT, yanked=True),
    every(NEXT, urls={"Source": "https://github.com/mallory/widget"}),
]


@pytest.mark.parametrize("bad", BAD)
def test_acceptance_heals(bad: Release) -> None:
    memory = known()
    assert drift.worst([*drift.compare(memory, bad), *origin.compare(memory, bad)]) != "note"
    healed = accept(memory, bad, "ada", START, "announced")
    found = [*drift.compare(healed, bad), *origin.compare(healed, bad)]
    assert drift.worst(found) in {None, "note"}
    assert [(one.version, one.who, one.reason) for one in healed.accepted] == [
        ("2.0", "ada", "announced")
    ]
    assert remember(healed, [bad]).accepted == healed.accepted


def test_acceptance_ends_pending() -> None:
    memory = accept(remember(known(by=None), [NEXT]), NEXT, "ada", START, "announced")
    (pin,) = memory.identities
    assert (pin.pending, pin.accepted, memory.none) == (False, "2.0", "")


def test_an_accepted_loss_ends_when_the_project_attests_again() -> None:
    lost = release("2.0", days=100, by=None)
    memory = accept(known(), lost, "ada", START, "their job is broken")
    assert drift.compare(memory, release("2.1", days=101, by=None)) == ()
    again = remember(memory, [release("2.2", days=102)])
    assert again.none == ""
    found = drift.compare(again, release("2.3", days=103, by=None))
    assert rules(found) == [("D01", "error")]


def test_an_accepted_loss_does_not_let_a_stranger_in() -> None:
    lost = release("2.0", days=100, by=None)
    memory = accept(known(), lost, "ada", START, "their job is broken")
    stranger = release("2.1", days=101, by=GITLAB)
    assert rules(drift.compare(memory, stranger)) == [("D04", "error")]
    assert remember(memory, [stranger]).identities == memory.identities


def test_what_could_not_be_verified_cannot_be_accepted() -> None:
    for status in ("failed", "incomplete"):
        bad = one(NEXT, status=status, publishers=())
        with pytest.raises(ValueError, match="can't be accepted"):
            accept(known(), bad, "ada", START, "never mind")


def test_links_of_a_stranger_are_not_learned() -> None:
    memory = known()
    other = release("2.0", days=100, by=replace(GITHUB, repository="m/w", repository_id="2"))
    assert remember(memory, [other]).links == memory.links
    moved = every(NEXT, urls={"Source": "https://github.com/mallory/widget"})
    assert remember(memory, [moved]).links == memory.links


who = st.sampled_from([None, GITHUB, GITLAB, GOOGLE, replace(GITHUB, ref="branch:main")])
streams = st.lists(st.tuples(who, st.integers(0, 20)), min_size=1, max_size=8)


@given(streams, st.booleans())
def test_the_same_releases_again_change_nothing(
    stream: list[tuple[Publisher | None, int]], first: bool
) -> None:
    day, releases = 100, []
    for number, (publisher, days) in enumerate(stream):
        day += days + 1
        releases.append(release(f"3.{number}", days=day, by=publisher))
    memory = remember(None if first else known(by=None), releases)
    again = remember(memory, releases)
    assert again == remember(again, releases)
    assert [pin.pending for pin in again.identities] == [pin.pending for pin in memory.identities]


@given(streams, who)
def test_acceptance_heals_whatever_was(
    stream: list[tuple[Publisher | None, int]], publisher: Publisher | None
) -> None:
    day = 0
    releases = []
    for number, (before, days) in enumerate(stream):
        day += days + 1
        releases.append(release(f"3.{number}", days=day, by=before))
    last = release("4.0", days=day + 1, by=publisher)
    memory = accept(remember(None, releases), last, "ada", START, "read it")
    assert drift.worst(drift.compare(memory, last)) in {None, "note"}


def test_nothing_to_remember() -> None:
    with pytest.raises(ValueError, match="no release"):
        remember(None, [])
    assert remember(Memory("widget", none="0.1"), [NEXT]).identities[0].pending


NOW = START + timedelta(days=100)
LINES: list[tuple[list[Release], str]] = [
    (
        history(),
        "release.yml: the same in 10 of 10 releases over 63 days, the first 3 months ago",
    ),
    (
        history(1),
        "github octo-org/widget release.yml: its first release, 3 months ago",
    ),
    (
        [*history(9, by=None), release("2.0", days=98)],
        "release.yml: only the newest of 10 releases, 2 days ago",
    ),
    (history(by=None), "no attestations in 10 releases"),
    (
        [*history(4), release("2.0", days=90, by=None)],
        "no attestations in its newest release, but in 4 of 5 releases",
    ),
    ([replace(NEXT, uploaded=None)], "github octo-org/widget release.yml: in 1 of 1 release"),
]


@pytest.mark.parametrize(("releases", "text"), LINES)
def test_first_use_in_a_line(releases: list[Release], text: str) -> None:
    assert text in first_use(releases, NOW)
