"""The drift rules: each is met by what it is about, and by nothing near it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from publisher.verify import drift
from publisher.verify.locks import Locked
from publisher.verify.model import Memory, Release
from publisher.verify.remember import accept, remember
from publisher.verify.rules import ADVICE, WORDS
from support.identities import GITHUB, GITLAB, GOOGLE, START, every, known, one, release, rules

NEW = release("2.0", days=100)
HOURS = timedelta(hours=1)
CIRCLE = replace(GITHUB, kind="circleci", issuer="https://oidc.circleci.com/org/1", runner="")
DOCS = Path(__file__).parents[2] / "docs/drift.md"


def by(publisher: Any = GITHUB, **changes: Any) -> Release:
    return release("2.0", days=100, by=replace(publisher, **changes))


def bare(number: int) -> Release:
    gone: dict[str, Any] = {"statement_sha256": "", "run": "", "logged": None}
    return one(NEW, number, status="unattested", publishers=(), **gone)


def pinned(files: list[tuple[str, str]]) -> Locked:
    return Locked("widget", "2.0", tuple(files), line=7)


# What a file shows, against ten releases by GITHUB: rule and severity of what is found.
IDENTITY: list[tuple[Release, list[tuple[str, str]]]] = [
    (NEW, []),
    (release("2.0", days=100, by=None), [("D01", "error")]),
    (every(NEW, status="cannot-attest-here", publishers=()), [("D01", "error")]),
    (bare(0), [("D02", "warning")]),
    (by(GITLAB), [("D04", "error")]),
    (by(GOOGLE), [("D04", "error")]),
    (by(issuer="https://other.example"), [("D04", "error")]),
    (by(repository_id="2"), [("D05", "critical")]),
    (by(owner_id="20"), [("D06", "critical")]),
    (by(repository_id="2", owner_id="20"), [("D05", "critical"), ("D06", "critical")]),
    (by(repository="octo-org/gadget"), [("D07", "note")]),
    (by(repository="octo-inc/widget", owner="octo-inc"), [("D07", "note")]),
    (by(repository="Octo-Org/Widget", owner="Octo-Org"), []),
    (by(repository="mallory/widget", owner="mallory", owner_id="20"), [("D08", "warning")]),
    (
        by(repository="mallory/widget", owner="mallory", owner_id="20", repository_id="2"),
        [("D09", "error")],
    ),
    (by(repository="octo-org/gadget", repository_id="2"), [("D09", "error")]),
    (by(repository_id=""), [("D09", "error")]),
    (by(repository="octo-org/gadget", repository_id="", owner_id=""), [("D09", "error")]),
    (by(workflow="evil.yml"), [("D10", "error")]),
    (by(environment=""), [("D11", "error")]),
    (by(environment="prod"), [("D11", "warning")]),
    (by(environment="PyPI"), []),
    (by(ref="branch:main"), [("D12", "warning")]),
    (by(ref="-"), [("D12", "warning")]),
    (by(ref="pull"), [("D12", "critical")]),
    (by(trigger="push"), [("D13", "warning")]),
    (by(trigger="pull_request_target"), [("D13", "error")]),
    (by(trigger="issue_comment"), [("D13", "error")]),
    (by(trigger="workflow_run"), [("D13", "error")]),
    (by(runner="self-hosted"), [("D14", "error")]),
    (by(runner=""), [("D14", "error")]),
    (by(runner="ssh-rerun"), [("D14", "critical")]),
    (by(runner="larger-hosted"), [("D14", "note")]),
    (by(signer="other/repo/.github/workflows/sign.yml"), [("D15", "warning")]),
    (by(visibility="private"), [("D16", "warning")]),
    (by(visibility=""), []),
    (every(NEW, status="incomplete", publishers=()), [("D25", "note")] * 2),
    (every(NEW, status="failed", publishers=()), []),
    (by(kind="unknown"), [("D24", "note")] * 2),
    (one(NEW, uploaded=NEW.files[0].uploaded, yanked=True), [("D26", "warning")]),
    (replace(NEW, project_status="quarantined"), [("D26", "critical")]),
    (replace(NEW, project_status="archived"), [("D26", "note")]),
    (replace(NEW, project_status="active"), []),
]


@pytest.mark.parametrize(("found", "expected"), IDENTITY)
def test_against_what_is_remembered(found: Release, expected: list[tuple[str, str]]) -> None:
    assert rules(drift.compare(known(), found)) == expected


# What was, what is, and rule and severity: where the other direction, or an older certificate,
# must be told apart.
STEPS: list[tuple[dict[str, str], dict[str, str], list[tuple[str, str]]]] = [
    ({"environment": ""}, {"environment": "pypi"}, [("D11", "note")]),
    ({"ref": "branch:main"}, {"ref": "tag"}, [("D12", "note")]),
    ({"ref": "branch:main"}, {"ref": "branch:evil"}, [("D12", "warning")]),
    ({"ref": "branch:main"}, {"ref": "pull"}, [("D12", "critical")]),
    ({"ref": "-"}, {"ref": "tag"}, []),
    ({"runner": "self-hosted"}, {"runner": "github-hosted"}, [("D14", "note")]),
    ({"runner": ""}, {"runner": "self-hosted"}, []),
    ({"signer": "a/b/c.yml"}, {"signer": ""}, [("D15", "warning")]),
    ({"visibility": "private"}, {"visibility": "public"}, []),
    ({"workflow": ""}, {"workflow": "release.yml"}, []),
    ({"trigger": ""}, {"trigger": "workflow_run"}, []),
    ({"repository_id": "", "owner_id": ""}, {"repository_id": "1", "owner_id": "10"}, []),
    ({"repository_id": ""}, {"repository": "octo-org/gadget"}, [("D09", "error")]),
    ({"owner_id": ""}, {"repository": "other/widget", "owner": "other"}, [("D08", "warning")]),
]


@pytest.mark.parametrize(("before", "now", "expected"), STEPS)
def test_from_one_identity_to_another(
    before: dict[str, str], now: dict[str, str], expected: list[tuple[str, str]]
) -> None:
    memory = known(by=replace(GITHUB, **before))
    found = release("2.0", days=100, by=replace(GITHUB, **{**before, **now}))
    assert rules(drift.compare(memory, found)) == expected


def test_another_address_is_another_identity() -> None:
    found = by(GOOGLE, email="build@evil.example")
    assert rules(drift.compare(known(by=GOOGLE), found)) == [("D09", "error")]
    upper = by(GOOGLE, email="Build@widget.example")
    assert drift.compare(known(by=GOOGLE), upper) == ()


def test_partial_is_worse_if_the_bare_file_is_installed() -> None:
    wheel, sdist = bare(0).files
    mine = pinned([(wheel.filename, wheel.sha256)])
    other = pinned([(sdist.filename, sdist.sha256)])
    digest_only = pinned([("", wheel.sha256)])
    assert rules(drift.compare(known(), bare(0), mine)) == [("D02", "error")]
    assert rules(drift.compare(known(), bare(0), digest_only)) == [("D02", "error")]
    assert rules(drift.compare(known(), bare(0), other)) == [("D02", "warning")]


def test_partial_as_always_is_a_note() -> None:
    memory = accept(known(), bare(0), "me", START, "the wheel is built by hand")
    again = one(release("2.1", days=101), status="unattested", publishers=())
    assert rules(drift.compare(memory, again)) == [("D02", "note")]


def test_two_identities_in_one_release() -> None:
    second = replace(GITHUB, workflow="wheels.yml")
    mixed = one(NEW, 0, publishers=(second,))
    assert rules(drift.compare(Memory("widget"), mixed)) == [("D03", "warning")]
    assert rules(drift.compare(known(), mixed)) == [("D03", "error"), ("D10", "error")]
    both = accept(known(), mixed, "me", START, "wheels have their own workflow")
    assert drift.compare(both, mixed) == ()
    later = one(release("2.1", days=101), 0, publishers=(second,))
    assert drift.compare(both, later) == ()
    third = one(later, 1, publishers=(replace(GITHUB, workflow="evil.yml"),))
    assert rules(drift.compare(both, third)) == [("D03", "error"), ("D10", "error")]


def test_known_identities_that_never_met_are_a_warning() -> None:
    alone = release("2.0", days=100, by=replace(GITHUB, ref="branch:main"))
    memory = accept(known(), alone, "me", START, "a hotfix")
    memory = accept(memory, release("2.1", days=101), "me", START, "from a tag again")
    mixed = one(release("2.2", days=102), 0, publishers=alone.files[0].publishers)
    assert ("D03", "warning") in rules(drift.compare(memory, mixed))


def test_a_rerun_with_ssh_is_said_at_first_sight() -> None:
    first = release("2.0", by=replace(CIRCLE, runner="ssh-rerun"))
    assert rules(drift.compare(Memory("widget"), first)) == [("D14", "critical")]
    assert drift.compare(Memory("widget"), release("2.0", by=CIRCLE)) == ()


def test_slsa_instead_of_publish_and_slsa_lost() -> None:
    only = every(NEW, publishers=(), slsa=True)
    assert rules(drift.compare(known(), only)) == [("D01", "error"), ("D18", "warning")]
    memory = remember(known(), [every(NEW, slsa=True)])
    later = release("2.1", days=101)
    assert rules(drift.compare(memory, later)) == [("D18", "warning")]
    assert drift.compare(memory, every(later, slsa=True)) == ()
    older = release("1.5", days=35)
    assert drift.compare(memory, older) == ()


CHANGED: list[Callable[[Release], Release]] = [
    lambda was: one(was, statement_sha256="0" * 64),
    lambda was: one(was, sha256="0" * 64),
    lambda was: replace(was, files=was.files[:1]),
    lambda was: every(was, status="unattested", publishers=(), statement_sha256=""),
]


@pytest.mark.parametrize("change", CHANGED)
def test_what_was_pinned_must_stay(change: Callable[[Release], Release]) -> None:
    memory = remember(known(), [NEW])
    assert drift.compare(memory, NEW) == ()
    assert ("D19", "error") in rules(drift.compare(memory, change(NEW)))


def test_a_file_more_is_no_change_of_the_others() -> None:
    memory = remember(known(), [NEW])
    late = replace(NEW.files[0], filename="widget-2.0-cp314-abi3-linux.whl", run="")
    late = replace(late, uploaded=START + timedelta(days=103), logged=None)
    grown = replace(NEW, files=(*NEW.files, late))
    assert rules(drift.compare(memory, grown)) == [("D21", "warning")]
    assert ("D19", "error") in rules(drift.compare(memory, one(grown, sha256="0" * 64)))


def test_what_cannot_be_verified_now_is_not_called_changed() -> None:
    memory = remember(known(), [NEW])
    silent = one(NEW, status="incomplete", publishers=(), statement_sha256="")
    assert rules(drift.compare(memory, silent)) == [("D25", "note")]


def test_the_lock_and_the_index_must_show_the_same_bytes() -> None:
    wheel, sdist = NEW.files
    both = [(wheel.filename, wheel.sha256), (sdist.filename, sdist.sha256)]
    assert drift.compare(known(), NEW, pinned(both)) == ()
    assert drift.compare(known(), NEW, pinned([(wheel.filename, "")])) == ()
    swapped = pinned([(wheel.filename, "0" * 64)])
    assert rules(drift.compare(known(), NEW, swapped)) == [("D20", "critical")]
    gone = pinned([("widget-2.0-cp39-abi3-linux.whl", "0" * 64)])
    assert rules(drift.compare(known(), NEW, gone)) == [("D19", "error")]
    hashes = pinned([("", "0" * 64), ("", sdist.sha256)])
    (told,) = drift.compare(known(), NEW, hashes)
    assert (told.rule, told.severity, told.facts["before"]) == ("D19", "error", "0" * 64)
    other = pinned([("", "sha512:00"), (wheel.filename, "md5:00")])
    assert drift.compare(known(), NEW, other) == ()  # not comparable, which is told elsewhere
    none = pinned([("", "0" * 64)])
    assert rules(drift.compare(known(), NEW, none)) == [("D20", "critical")]


def test_evidence_that_fails_beside_what_is_installed() -> None:
    wheel, sdist = NEW.files
    failing = one(NEW, 1, status="failed", why="a bad signature", publishers=())
    told = drift.compare(known(), failing, pinned([("", wheel.sha256)]))
    assert [(one.rule, one.severity, one.file) for one in told] == [
        ("D28", "warning", sdist.filename)
    ]
    assert drift.compare(known(), failing, pinned([("", sdist.sha256)])) == ()


def test_late_files() -> None:
    later = NEW.files[0].uploaded
    assert later
    late, soon = later + 25 * HOURS, later + 23 * HOURS
    assert rules(drift.compare(known(), one(NEW, uploaded=late, logged=late))) == [
        ("D21", "warning")
    ]
    assert drift.compare(known(), one(NEW, uploaded=soon, logged=soon)) == ()
    poison = one(bare(0), uploaded=late)
    assert rules(drift.compare(known(), poison)) == [("D21", "error"), ("D02", "warning")]
    never = one(release("2.0", days=100, by=None), uploaded=late)
    assert rules(drift.compare(known(by=None), never)) == [("D21", "warning"), ("D00", "note")]


def test_another_run_of_the_same_workflow() -> None:
    run = NEW.files[0].run.replace("2.0", "77")
    assert rules(drift.compare(known(), one(NEW, 1, run=run))) == [("D21", "warning")]
    again = NEW.files[0].run.replace("attempts/1", "attempts/2")
    assert drift.compare(known(), one(NEW, 1, run=again)) == ()


@pytest.mark.parametrize(
    ("ahead", "expected"),
    [
        (-2 * HOURS, [("D22", "error")]),
        (-HOURS / 120, []),
        (5 * HOURS, []),
        (7 * HOURS, [("D22", "warning")]),
    ],
)
def test_a_file_is_signed_just_before_it_is_uploaded(
    ahead: timedelta, expected: list[tuple[str, str]]
) -> None:
    uploaded = NEW.files[0].uploaded
    assert uploaded
    assert rules(drift.compare(known(), one(NEW, logged=uploaded - ahead))) == expected


def test_a_yank_is_told_until_it_is_accepted() -> None:
    yanked = every(NEW, yanked=True)
    memory = accept(remember(known(), [NEW]), yanked, "me", START, "read why")
    assert drift.compare(memory, yanked) == ()


def test_never_having_attested_is_a_note() -> None:
    for status in ("unattested", "cannot-attest-here"):
        plain = every(release("2.0", days=100, by=None), status=status)
        for memory in (Memory("widget"), known(by=None)):
            (found,) = drift.compare(memory, plain)
            assert (found.rule, found.severity, found.word) == ("D00", "note", "no-provenance")
    assert "where it lives" in found.message


def test_the_first_attestation_is_pending() -> None:
    assert rules(drift.compare(known(by=None), NEW)) == [("D27", "note")]
    memory = remember(known(by=None), [NEW])
    assert rules(drift.compare(memory, NEW)) == [("D27", "note")]
    other = release("2.1", days=101, by=GITLAB)
    assert rules(drift.compare(memory, other)) == [("D27", "note")]


def test_a_release_from_before_it_attested_lost_nothing() -> None:
    memory = accept(known(by=None), NEW, "me", START, "announced")
    assert drift.compare(memory, release("1.3", days=21, by=None)) == ()
    assert rules(drift.compare(memory, release("2.1", days=101, by=None))) == [("D01", "error")]
    late = one(release("1.3", days=21, by=None), uploaded=START + timedelta(days=102))
    assert rules(drift.compare(memory, late)) == [("D01", "error"), ("D21", "warning")]


def test_going_back_to_an_identity_that_was_left_is_a_change() -> None:
    memory = accept(known(by=GOOGLE), NEW, "me", START, "announced")
    back = release("2.1", days=101, by=GOOGLE)
    assert rules(drift.compare(memory, back)) == [("D04", "error")]
    assert drift.compare(memory, release("1.5", days=35, by=GOOGLE)) == ()
    healed = accept(memory, back, "me", START, "both publish")
    assert drift.compare(healed, back) == ()
    assert drift.compare(healed, release("2.2", days=102)) == ()


def test_the_text_says_what_was_and_what_is() -> None:
    (found,) = drift.compare(known(), release("2.0", days=100, by=None))
    assert found.word == "lost-provenance"
    assert found.message.startswith("This release was not published the way those before it were")
    assert found.message.endswith("Do not install it until the maintainers answer.")
    assert found.facts["before"] == "github octo-org/widget release.yml, 10 releases since 1.0"
    assert "widget-2.0.tar.gz" in str(found.facts["now"])


def test_the_docs_have_every_rule_and_word() -> None:
    text = DOCS.read_text("utf-8")
    rows = {line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")}
    assert {*ADVICE, "D17", "D23"} <= rows
    for rule, word in WORDS.items():
        assert any(line.startswith(f"| {rule} ") and word in line for line in text.splitlines())
