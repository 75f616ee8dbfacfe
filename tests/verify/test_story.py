"""One project over a year, as somebody sees it who has pinned it: what changes is told, once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from publisher.report.record import schema
from support.reading import Claims, Reader, job

TRANSFERRED = {"repository": "new-org/widget", "repository_owner_id": "777"}
Act = Callable[[Reader, str], object]


def publish(claims: Claims | None = None, **how: Any) -> Act:
    return lambda reader, name: reader.publish(name, "2.0", claims, **how)


def late(reader: Reader, name: str) -> None:
    """A release of three days ago gets another wheel, by a token."""
    reader.publish(name, "2.0")
    aged = {"projects": {name: {"releases": {"2.0": {"age_days": 3}}}}}
    assert reader.sandbox.post("index", aged).status_code == 200
    reader.publish(name, "2.0", attested=False, tag="py3-none-win32")


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
        "D08", "warning", "is new-org/widget now"),
    "other": (
        publish(job("evil/widget", repository_id="999", repository_owner_id="777")),
        "D09", "error", "now by github evil/widget"),
    "late": (late, "D21", "error", "hours after its siblings"),
    "links": (
        publish(links={"Source": "https://github.com/famous/project"}),
        "U01", "error", "famous/project"),
}  # fmt: skip


@pytest.fixture
def pinned(reader: Reader, project_name: str) -> Reader:
    """Ten releases, remembered, beside a project that nothing happens to."""
    for minor in range(10):
        reader.publish(project_name, f"1.{minor}")
    if not reader.known("quiet-one"):
        reader.publish("quiet-one", "1.0")
    code, out = reader.run("pin", project_name, "quiet-one")
    assert code == 0, out
    assert "the same in 10 of 10 releases" in out
    return reader


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("event", EVENTS)
def test_a_change_is_told_and_accepted(event: str, pinned: Reader, project_name: str) -> None:
    act, rule, severity, words = EVENTS[event]
    lock = pinned.requirements(f"{project_name}==1.9", "quiet-one==1.0")
    assert pinned.run("verify", "--locked", lock)[0] == 0
    act(pinned, project_name)
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


def _sarif(pinned: Reader, lock: str, name: str, rule: str, severity: str) -> None:
    out = pinned.run("verify", lock, "--format", "sarif")[1]
    (log,) = json.loads(out)["runs"]
    (result,) = [one for one in log["results"] if one["ruleId"] == rule]
    (known,) = [one for one in log["tool"]["driver"]["rules"] if one["id"] == rule]
    scores = {"critical": "9.0", "error": "7.0", "warning": "4.0"}
    assert known["properties"]["security-severity"] == scores[severity]
    assert result["level"] == ("warning" if severity == "warning" else "error")
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == (lock, 2)
    (mark,) = result["partialFingerprints"].values()
    again = json.loads(pinned.run("verify", lock, "--format", "sarif")[1])["runs"][0]["results"]
    assert mark in [one["partialFingerprints"]["identityDrift/v1"] for one in again]
    commands = pinned.run("verify", lock, "--format", "github")[1]
    level = "warning" if severity == "warning" else "error"
    assert f"::{level} file={lock},line=2,title={rule} {name} 2.0::" in commands


def test_a_rename_is_a_note_and_is_learnt(pinned: Reader, project_name: str) -> None:
    pinned.publish(project_name, "2.0", job("octo-org/gadget"))
    report = pinned.json("verify", "--locked", project_name)
    found = {one["rule"]: one for one in report["results"][0]["findings"]}
    assert (report["exit_code"], found["D07"]["severity"]) == (0, "note")
    assert pinned.run("pin", project_name)[0] == 0
    assert "repo=octo-org/gadget#456789" in pinned.remembered()


def test_who_attests_first_is_not_crowned(reader: Reader, project_name: str) -> None:
    """A project without attestations; then somebody attests."""
    reader.publish(project_name, "1.0", attested=False)
    assert reader.run("pin", project_name)[0] == 0
    assert f"{project_name} none since=1.0" in reader.remembered()
    reader.publish(project_name, "2.0", job("evil/widget", repository_id="999"))
    found = reader.json("verify", project_name)["results"][0]["findings"]
    assert "D27" in {one["rule"] for one in found}
    assert reader.run("pin", project_name, "--fail-on", "critical")[0] == 0
    assert "pending=yes" in reader.remembered()
