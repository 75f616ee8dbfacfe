"""The origin rules: where links lead, beside who published the file."""

from __future__ import annotations

from dataclasses import replace

import pytest

from publisher.verify import drift, origin
from publisher.verify.model import Memory, Publisher
from publisher.verify.remember import remember
from support.identities import GITHUB, GITLAB, GOOGLE, every, history, known, release, rules

NEW = release("2.0", days=100)
KNOWN = Memory("widget", none="1.0")
SELF_MANAGED = replace(GITLAB, issuer="https://git.octo.example")

# The index's own answers (warehouse's verify_url), and the traps around them.
VERIFIED: list[tuple[Publisher, str, bool]] = [
    (GITHUB, "https://github.com/octo-org/widget", True),
    (GITHUB, "https://github.com/Octo-Org/Widget.git", True),
    (GITHUB, "https://GitHub.com/octo-org/widget/", True),
    (GITHUB, "https://github.com/octo-org/widget/issues", True),
    (GITHUB, "https://github.com/octo-org/widget.git/issues", False),
    (GITHUB, "https://github.com/octo-org/widget-evil", False),
    (GITHUB, "https://github.com/octo-org/widget/../evil", False),
    (GITHUB, "https://github.com/octo-org/widget/%2e%2e/evil", False),
    (GITHUB, "https://github.com/octo-org\\widget", False),
    (GITHUB, "https://github.com@evil.example/octo-org/widget", False),
    (GITHUB, "https://me@github.com/octo-org/widget", False),
    (GITHUB, "http://github.com/octo-org/widget", False),
    (GITHUB, "https://github.com.evil.example/octo-org/widget", False),
    (GITHUB, "https://octo-org.github.io/widget/docs", True),
    (GITHUB, "https://octo-org.github.io/gadget", False),
    (GITHUB, "https://[github.com/octo-org/widget", False),
    (GITHUB, "octo-org/widget", False),
    (GITLAB, "https://gitlab.com/Group/sub/widget/-/issues", True),
    (GITLAB, "https://gitlab.com/group/sub", False),
    (GITLAB, "https://group.gitlab.io/sub/widget", True),
    (GITLAB, "https://group.gitlab.io/other", False),
    (replace(GITLAB, repository="group/group.gitlab.io"), "https://group.gitlab.io/any", True),
    (SELF_MANAGED, "https://git.octo.example/group/sub/widget", True),
    (SELF_MANAGED, "https://gitlab.com/group/sub/widget", False),
    (GOOGLE, "https://github.com/octo-org/widget", False),
    (replace(GITHUB, kind="circleci"), "https://github.com/octo-org/widget", False),
]


@pytest.mark.parametrize(("publisher", "url", "good"), VERIFIED)
def test_a_link_is_verified_as_the_index_does(publisher: Publisher, url: str, good: bool) -> None:
    assert origin.verified(url, publisher) is good


# Publisher, label and link of a file: the rule and its severity.
LINKS: list[tuple[Publisher, str, str, list[tuple[str, str]]]] = [
    (GITHUB, "Source", "https://github.com/octo-org/widget", []),
    (GITHUB, "Source", "https://github.com/mallory/widget", [("U01", "error")]),
    (GITHUB, "Bug Tracker", "https://github.com/mallory/widget/issues", [("U01", "error")]),
    (GITHUB, "home-page", "https://github.com/mallory/widget", [("U01", "error")]),
    (GITHUB, "Source", "https://github.com/octo-org/gadget", [("U02", "warning")]),
    (GITHUB, "Source", "https://gitlab.com/octo-org/widget", [("U03", "note")]),
    (GITHUB, "Homepage", "https://widget.example", [("U03", "note")]),
    (GITHUB, "Homepage", "https://github.com/sponsors/mallory", [("U03", "note")]),
    (GITHUB, "Homepage", "https://github.com/mallory", [("U03", "note")]),
    (GITHUB, "Homepage", "https://github.com/octo-org", []),
    (GITHUB, "Source", "not a link", [("U03", "note"), ("U04", "note")]),
    (GITHUB, "Funding", "https://github.com/mallory/widget", [("U04", "note")]),
    (GITLAB, "Source", "https://gitlab.com/mallory/widget", [("U01", "error")]),
    (GITLAB, "Source", "https://gitlab.com/group/other", [("U02", "warning")]),
    (SELF_MANAGED, "Source", "https://git.octo.example/evil/widget", [("U01", "error")]),
    (GOOGLE, "Source", "https://github.com/mallory/widget", []),
]


@pytest.mark.parametrize(("publisher", "label", "url", "expected"), LINKS)
def test_where_a_link_leads(
    publisher: Publisher, label: str, url: str, expected: list[tuple[str, str]]
) -> None:
    found = every(release("2.0", by=publisher), urls={label: url})
    assert rules(origin.compare(KNOWN, found)) == expected
    first_use = [(rule, "warning" if rule == "U01" else how) for rule, how in expected]
    assert rules(origin.compare(Memory("widget"), found)) == first_use


def test_links_that_were_so_on_first_use_stay_silent_until_they_change() -> None:
    old = {"Source": "https://github.com/mallory/widget"}
    memory = remember(None, [every(one, urls=old) for one in history()])
    assert origin.compare(memory, every(NEW, urls=old)) == ()
    newer = every(NEW, urls={"Source": "https://github.com/famous/thing"})
    assert rules(origin.compare(memory, newer)) == [("U01", "error"), ("U05", "warning")]


def test_old_links_of_a_project_that_moved_are_no_finding_of_their_own() -> None:
    """Transferred, renamed, or taken over: drift tells that, and the links are as they were."""
    old = {"Source": "https://github.com/octo-org/widget"}
    for moved in (
        replace(GITHUB, repository="new-org/widget", owner="new-org", owner_id="77"),
        replace(GITHUB, repository="octo-org/gadget"),
        replace(GITHUB, repository="mallory/widget", repository_id="9", owner_id="99"),
    ):
        after = every(release("2.0", days=100, by=moved), urls=old)
        assert origin.compare(known(), after) == ()
        assert drift.compare(known(), after) != ()


def test_without_a_publisher_nothing_is_held_against_a_link() -> None:
    bare = every(release("2.0", by=None), urls={"Source": "https://github.com/mallory/widget"})
    assert origin.compare(Memory("widget"), bare) == ()
    assert rules(origin.compare(Memory("widget"), every(bare, urls={}))) == [("U04", "note")]


def test_links_that_move_while_the_identity_stays() -> None:
    moved = every(NEW, urls={"Source": "https://widget.example/source"})
    assert rules(origin.compare(known(), moved)) == [("U05", "warning"), ("U03", "note")]
    assert origin.compare(known(), NEW) == ()
    deeper = every(NEW, urls={"Source": "https://GitHub.com/octo-org/widget.git"})
    assert origin.compare(known(), deeper) == ()
    other = every(moved, publishers=(replace(GITHUB, workflow="new.yml"),))
    assert rules(origin.compare(known(), other)) == [("U03", "note")]  # drift says the rest


def test_links_that_follow_a_renamed_repository_are_no_move() -> None:
    renamed = replace(GITHUB, repository="octo-org/gizmo")
    first, second = (release(version, days=100 + i, by=renamed) for i, version in enumerate("23"))
    memory = remember(known(), [first])
    assert origin.compare(memory, second) == ()
    assert list(memory.links) == ["https://github.com/octo-org/gizmo"]


def test_the_text_names_both_places() -> None:
    found = every(NEW, urls={"Source": "https://github.com/mallory/widget"})
    change = origin.compare(Memory("widget"), found)[0]
    assert "github.com/mallory/widget, but octo-org/widget published it" in change.message
    assert change.facts["now"] == "https://github.com/mallory/widget"
