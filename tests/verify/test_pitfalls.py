"""What others fell into: each numbered pitfall has tests whose docstrings name it.

1 no evidence, 2 the index's word on the publisher, 3 and on the environment, 4 a swapped root,
5 an old root, 6 expired certificates, 7 errors of other classes, 8 replayed evidence, 9 look-alike
names, 10 spellings, 11 CircleCI's certificates, 12 several attestations, 13 answers that are none,
14 no time of the log's, 15 renames, 16 yanked, deleted, registered anew, 17 several workflows,
18 patterns.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from publisher.report import verdicts
from publisher.report.record import schema
from publisher.verify import drift
from publisher.verify.model import Examination, Verdict
from publisher.verify.remember import remember
from support.identities import GITHUB, every, history, known, one, release, rules
from support.reading import Reader, job

ALL = range(1, 19)
WHEELS = "py3-none-win32"


def named(path: Path) -> set[int]:
    """The pitfalls that the docstrings of tests in this file name."""
    tests = (
        node
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )
    found = (re.match(r"Pitfalls? ([\d, and]+)", ast.get_docstring(node) or "") for node in tests)
    return {int(number) for match in found if match for number in re.findall(r"\d+", match[1])}


def test_each_has_a_test() -> None:
    found = [named(path) for path in Path(__file__).parent.glob("test_*.py")]
    assert set().union(*found) == set(ALL)


def statuses(report: dict[str, Any]) -> set[str]:
    return {one["status"] for one in report["results"]}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("status", "means"),
    [
        (404, "it has no such thing, or not yet"),
        (403, "it shows this to nobody, or not to us"),
        (503, "it is out of order"),
    ],
)
def test_no_answer_has_three_reasons_and_is_no_loss(
    reader: Reader, project_name: str, status: int, means: str
) -> None:
    """Pitfall 13: and what was not to be had at first is there later, and was not remembered."""
    reader.publish(project_name, "1.0")
    assert reader.run("pin", project_name)[0] == 0
    reader.publish(project_name, "1.1")
    fault = {"service": "pypi", "method": "GET", "path": "/integrity/", "status": status}
    reader.sandbox.post("faults", [{**fault, "times": 30}])
    report = reader.json("verify", project_name)
    assert (report["exit_code"], statuses(report)) == (12, {"incomplete"})
    assert f"answers {status}, {means}" in report["results"][0]["why"]
    assert {one["rule"] for one in report["results"][0]["findings"]} == {"D25"}
    reader.sandbox.http.delete(f"{reader.sandbox.control}/faults")
    assert reader.run("verify", project_name)[0] == 0


def test_an_entry_of_a_log_without_time_proves_none(reader: Reader, project_name: str) -> None:
    """Pitfall 14: so are the entries of Rekor v2, and PEP 740 has no place for a timestamp."""
    wheel = reader.publish(project_name, "1.0")
    body = reader.sandbox.provenance(wheel).json()
    beside = reader.folder / "provenance.json"
    beside.write_text(json.dumps(body))
    assert reader.run("verify", wheel, "--provenance", beside)[0] == 0
    material = body["attestation_bundles"][0]["attestations"][0]["verification_material"]
    (entry,) = material["transparency_entries"]
    del entry["inclusionPromise"]
    entry["integratedTime"] = "0"
    entry["kindVersion"] = {"kind": "hashedrekord", "version": "0.0.2"}
    beside.write_text(json.dumps(body))
    report = reader.json("verify", wheel, "--provenance", beside)
    assert (report["exit_code"], statuses(report)) == (11, {"failed"})
    assert "inclusion promise or signed timestamp" in report["results"][0]["why"]


def test_a_time_may_be_missing() -> None:
    """Pitfall 14: neither the rules nor the report need one."""
    timeless = every(release("2.0", days=100), logged=None, log_index=7)
    assert drift.compare(known(), timeless) == ()
    seen = Examination("verify", verdicts=[Verdict("widget", "2.0", timeless.files)])
    report = json.loads(verdicts.as_json(seen))
    jsonschema.validate(report, schema("publisher.verify/1"))
    assert report["results"][0]["log"] == {"index": 7, "integrated_time": None}


def test_a_rename_breaks_names_and_not_numbers(reader: Reader, project_name: str) -> None:
    """Pitfall 15: who is pinned by ID is who they were; who is expected by name is not."""
    reader.publish(project_name, "1.0")
    assert reader.run("pin", project_name)[0] == 0
    reader.publish(project_name, "1.1", job("octo-org/gadget"))
    report = reader.json("verify", project_name)
    found = {one["rule"]: one["severity"] for one in report["results"][0]["findings"]}
    assert (report["exit_code"], found["D07"]) == (0, "note")
    assert reader.run("verify", project_name, "--repo", "octo-org/widget")[0] == 11
    assert reader.run("verify", project_name, "--repo", "octo-org/gadget")[0] == 0


def test_a_yank_keeps_attestations(reader: Reader, project_name: str) -> None:
    """Pitfall 16."""
    reader.publish(project_name, "1.0")
    assert reader.run("pin", project_name)[0] == 0
    yanked = {"projects": {project_name: {"releases": {"1.0": {"yanked": "broken"}}}}}
    assert reader.sandbox.post("index", yanked).status_code == 200
    report = reader.json("verify", f"{project_name}==1.0")
    assert (report["exit_code"], statuses(report)) == (0, {"verified"})
    assert reader.rules(f"{project_name}==1.0") == {"D26": "warning"}


def test_a_deletion_destroys_them(reader: Reader, project_name: str) -> None:
    """Pitfall 16: nothing is left to verify, and that is not the same as nothing wrong."""
    wheel = reader.publish(project_name, "1.0")
    reader.publish(project_name, "1.0", tag=WHEELS)
    lock = reader.requirements(f"{project_name}==1.0")
    assert reader.run("pin", lock)[0] == 0
    gone = {"projects": {project_name: {"deleted": [wheel.name]}}}
    assert reader.sandbox.post("index", gone).status_code == 200
    assert reader.rules(lock) == {"D19": "error"}
    assert reader.run("verify", wheel)[0] in {10, 12}


def test_a_name_that_is_registered_anew_is_no_first_use() -> None:
    """Pitfall 16: memory is tied to IDs and dates, whatever the index has forgotten."""
    later = release("9.0", days=400)
    for thief, rule in (
        (replace(GITHUB, repository_id="2"), "D05"),
        (replace(GITHUB, repository_id="2", owner_id="20"), "D06"),
        (replace(GITHUB, repository="m/w", owner="m", repository_id="2", owner_id="20"), "D09"),
    ):
        found = every(later, publishers=(thief,))
        assert rule in {change.rule for change in drift.compare(known(), found)}
    again = every(release("1.9", days=400), publishers=(replace(GITHUB, repository_id="2"),))
    assert ("D19", "error") not in rules(drift.compare(known(), release("1.9", days=63)))
    assert {"D05"} <= {change.rule for change in drift.compare(known(), again)}
    assert remember(known(), [again]) == known()


def test_several_workflows_may_publish_one_release(reader: Reader, project_name: str) -> None:
    """Pitfall 17: the identities of a project are a set; it must not become a habit to accept."""
    wheels = job(workflow_file="wheels.yml")
    for version in ("1.0", "1.1", "1.2"):
        reader.publish(project_name, version)
        reader.publish(project_name, version, wheels, tag=WHEELS)
    assert reader.run("pin", project_name)[0] == 0
    assert reader.remembered().count(f"{project_name} id ") == 2
    reader.publish(project_name, "1.3")
    reader.publish(project_name, "1.3", wheels, tag=WHEELS)
    assert reader.rules("--locked", project_name) == {}
    reader.publish(
        project_name, "1.3", job(workflow_file="evil.yml"), tag="py3-none-macosx_11_0_arm64"
    )
    assert reader.rules("--locked", project_name) == {"D03": "error", "D10": "error"}


def test_a_set_of_identities_is_learned_at_once() -> None:
    """Pitfall 17: neither of two that were always there is pending."""
    second = replace(GITHUB, workflow="wheels.yml")
    both = [one(each, publishers=(second,)) for each in history()]
    memory = remember(None, both)
    assert [pin.pending for pin in memory.identities] == [False, False]
    after = one(release("2.0", days=100), publishers=(second,))
    assert drift.compare(memory, after) == ()
