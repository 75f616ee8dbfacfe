"""One project over a year, as somebody sees it who has pinned it: what changes is told, once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from publisher.report.record import schema
from publisher.verify.rules import TITLES
from support.reading import Claims, Reader, job

TRANSFERRED = {"repository": "new-org/widget", "repository_owner_id": "777"}
Act = Callable[[Reader, str, str], object]
"""What happens to a version of a project."""


def publish(claims: Claims | None = None, **how: Any) -> Act:
    return lambda reader, name, version: reader.publish(name, version, claims, **how)


def late(reader: Reader, name: str, version: str) -> None:
    """A release gets another wheel after three days, by a token."""
    reader.back(5)
    reader.publish(name, version)
    reader.back(2)
    reader.publish(name, version, attested=False, tag="py3-none-win32")
    reader.back(0)


# What happens, the rule, its severity, and words that a person reads.
EVENTS: dict[str, tuple[Act, str, str, str]] = {
    "lost": (publish(attested=False), "D01", "error", "no attestation"),
    "workflow": (
        publish(job(workflow_file="quick.yml")), "D10", "error", "release.yml, now by quick.yml"),
    "recreated": (publish(job(repository_id="999")), "D05", "critical", "is not the one it was"),
    "account": (
        publish(job(repository_id="999", repository_owner_id="777")),
        "D06", "critical", "account octo-org is not the one it was"),
    "transferred": (
        publish(job(**TRANSFERRED), links={"Source": "https://github.com/new-org/widget"}),
        "D08", "warning", "The repository octo-org/widget is new-org/widget now"),
    "other": (
        publish(job("evil/widget", repository_id="999", repository_owner_id="777")),
        "D09", "error", "now by github evil/widget"),
    "late": (late, "D21", "error", "was added 72 hours after its siblings"),
    "links": (
        publish(links={"Source": "https://github.com/famous/project"}),
        "U01", "error", "famous/project"),
}  # fmt: skip


def quiet(reader: Reader) -> None:
    """A project that nothing happens to."""
    if not reader.known("quiet-one"):
        reader.publish("quiet-one", "1.0")


@pytest.fixture
def pinned(reader: Reader, project_name: str) -> Reader:
    """Ten releases in a year, remembered, beside a project that nothing happens to."""
    for minor in range(10):
        reader.back(380 - 40 * minor)
        reader.publish(project_name, f"1.{minor}")
    reader.back(0)
    quiet(reader)
    code, out = reader.run("pin", project_name, "quiet-one")
    assert code == 0, out
    assert "the same in 10 of 10 releases over 12 months, the first 12 months ago" in out
    return reader


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("event", EVENTS)
def test_a_change_is_told_and_accepted(event: str, pinned: Reader, project_name: str) -> None:
    act, rule, severity, words = EVENTS[event]
    lock = pinned.requirements(f"{project_name}==1.9", "quiet-one==1.0")
    assert pinned.run("verify", "--locked", lock)[0] == 0
    act(pinned, project_name, "2.0")
    lock = pinned.requirements("quiet-one==1.0", f"{project_name}==2.0")
    fails = severity in {"critical", "error"}

    report = pinned.json("verify", "--locked", lock)
    jsonschema.validate(report, schema("publisher.verify/1"))
    assert report["exit_code"] == (10 if fails else 0)
    found = [one for result in report["results"] for one in result["findings"]]
    (told,) = [one for one in found if one["rule"] == rule]
    assert told["severity"] == severity
    assert words in told["message"]
    assert not [one for result in report["results"] if result["project"] == "quiet-one"
                for one in result["findings"] if one["severity"] != "note"]  # fmt: skip
    assert pinned.run("verify", lock, "--fail-on", severity)[0] == 10

    code, out = pinned.run("verify", lock)
    assert f"{severity} {rule}" in out
    assert words in " ".join(out.split())
    assert f"publisher pin --accept {project_name}==2.0 --reason TEXT" in out
    _sarif(pinned, lock, project_name, rule, severity)
    assert (code == 0) is not fails

    before = pinned.remembered()
    assert pinned.run("pin", lock)[0] == (10 if fails else 0)
    assert pinned.remembered() == before, "drift teaches nothing"
    reason = "they moved\nand told us"
    code, out = pinned.run("pin", "--accept", f"{project_name}==2.0", "--reason", reason)
    assert code == 0, out
    assert f"{project_name} accepted 2.0 at=" in pinned.remembered()
    assert json.dumps(reason) in pinned.remembered()
    report = pinned.json("verify", "--locked", lock)
    left = {one["rule"] for result in report["results"] for one in result["findings"]
            if one["severity"] in {"critical", "error"}}  # fmt: skip
    assert (report["exit_code"], left) == (0, set())
    if event != "late":  # what was accepted goes for what comes after it
        act(pinned, project_name, "2.1")
        report = pinned.json("verify", "--locked", pinned.requirements(f"{project_name}==2.1"))
        assert [one for one in report["results"][0]["findings"] if one["severity"] != "note"] == []


def _sarif(pinned: Reader, lock: str, name: str, rule: str, severity: str) -> None:
    """The finding in SARIF and as an annotation, at the project's line of the lock: the second."""
    out = pinned.run("verify", lock, "--format", "sarif")[1]
    (log,) = json.loads(out)["runs"]
    (result,) = [one for one in log["results"] if one["ruleId"] == rule]
    (known,) = [one for one in log["tool"]["driver"]["rules"] if one["id"] == rule]
    scores = {"critical": "9.0", "error": "7.0", "warning": "4.0", "note": "1.0"}
    assert known["properties"]["security-severity"] == scores[severity]
    level = "error" if severity == "critical" else severity
    assert result["level"] == level
    assert known["shortDescription"]["text"] == TITLES[rule]
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == (lock, 2)
    (mark,) = result["partialFingerprints"].values()
    again = json.loads(pinned.run("verify", lock, "--format", "sarif")[1])["runs"][0]["results"]
    assert mark in [one["partialFingerprints"]["identityDrift/v1"] for one in again]
    commands = pinned.run("verify", lock, "--format", "github")[1]
    level = "notice" if severity == "note" else level
    assert f"::{level} file={lock},line=2,title={rule} {name} 2.0::" in commands


def test_a_rename_is_a_note_and_is_learned(pinned: Reader, project_name: str) -> None:
    renamed = publish(
        job("octo-org/gadget"), links={"Source": "https://github.com/octo-org/gadget"}
    )
    renamed(pinned, project_name, "2.0")
    lock = pinned.requirements("quiet-one==1.0", f"{project_name}==2.0")
    report = pinned.json("verify", "--locked", lock)
    found = {one["rule"]: one for result in report["results"] for one in result["findings"]}
    assert (report["exit_code"], list(found)) == (0, ["D07"])
    assert found["D07"]["severity"] == "note"
    happened = "The repository octo-org/widget is called octo-org/gadget now."
    assert happened in found["D07"]["message"]
    _sarif(pinned, lock, project_name, "D07", "note")
    assert "notes: 1x D07 renamed (--verbose shows them)" in pinned.run("verify", lock)[1]
    assert happened in pinned.run("verify", lock, "--verbose")[1]

    assert pinned.run("pin", lock)[0] == 0
    assert "repo=octo-org/gadget#456789" in pinned.remembered()
    renamed(pinned, project_name, "2.1")
    lock = pinned.requirements(f"{project_name}==2.1")
    assert pinned.json("verify", "--locked", lock)["results"][0]["findings"] == []


def test_a_rename_may_be_accepted_too(pinned: Reader, project_name: str) -> None:
    pinned.publish(project_name, "2.0", job("octo-org/gadget"))
    assert pinned.run("pin", "--accept", f"{project_name}==2.0", "--reason", "their blog")[0] == 0
    assert pinned.rules("--locked", f"{project_name}==2.0") == {}


@pytest.fixture
def unattested(reader: Reader, project_name: str) -> Reader:
    """A project that never attested, pinned; half a year later its job attests a release."""
    quiet(reader)
    reader.back(400)
    reader.publish(project_name, "1.0", attested=False)
    assert reader.run("pin", project_name)[0] == 0
    assert f"{project_name} none since=1.0" in reader.remembered()
    reader.back(200)
    reader.publish(project_name, "2.0")
    return reader


def pin(reader: Reader, name: str, version: str) -> None:
    """Pin what a lock installs."""
    assert reader.run("pin", reader.requirements(f"{name}=={version}"))[0] == 0


def test_who_attests_first_is_pending(unattested: Reader, project_name: str) -> None:
    lock = unattested.requirements("quiet-one==1.0", f"{project_name}==2.0")
    (found,) = [
        one
        for result in unattested.json("verify", lock)["results"]
        if result["project"] == project_name
        for one in result["findings"]
    ]
    assert (found["rule"], found["severity"]) == ("D27", "note")
    assert "whoever attests first need not be the maintainer" in found["message"]
    _sarif(unattested, lock, project_name, "D27", "note")
    pin(unattested, project_name, "2.0")
    assert "pending=yes" in unattested.remembered()
    # not crowned: a release without attestations has lost nothing, one by others is told as before
    unattested.publish(project_name, "3.0", attested=False)
    assert unattested.rules(f"{project_name}==3.0") == {}
    unattested.publish(project_name, "3.1", job("evil/widget", repository_id="9"), links={})
    assert {one["rule"] for one in _findings(unattested, f"{project_name}==3.1")} >= {"D27"}


def _findings(reader: Reader, what: str) -> list[dict[str, Any]]:
    return [one for result in reader.json("verify", what)["results"] for one in result["findings"]]


def test_later_releases_over_14_days_confirm_it(unattested: Reader, project_name: str) -> None:
    pin(unattested, project_name, "2.0")
    unattested.back(187)  # 13 days later
    unattested.publish(project_name, "2.1")
    pin(unattested, project_name, "2.1")
    assert "pending=yes" in unattested.remembered()
    unattested.back(185)  # 15 days later
    unattested.publish(project_name, "2.2")
    pin(unattested, project_name, "2.2")
    assert "pending" not in unattested.remembered()
    assert f"{project_name} none" not in unattested.remembered()
    _crowned(unattested, project_name)


def test_somebody_may_accept_it_at_once(unattested: Reader, project_name: str) -> None:
    pin(unattested, project_name, "2.0")
    accepted = ("--accept", f"{project_name}==2.0", "--reason", "I asked them")
    assert unattested.run("pin", *accepted)[0] == 0
    assert "pending" not in unattested.remembered()
    _crowned(unattested, project_name)


def _crowned(reader: Reader, name: str) -> None:
    """From now on there is something to lose."""
    reader.back(0)
    reader.publish(name, "3.0", attested=False)
    assert reader.rules(f"{name}==3.0") == {"D01": "error"}
    reader.publish(name, "3.1", job("evil/widget", repository_id="9"), links={})
    assert reader.rules(f"{name}==3.1") == {"D09": "error"}
