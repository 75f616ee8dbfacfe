"""Releases that go on as the last ones were published, and releases that don't."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from publisher import cli
from publisher.models import Listed, Plan, Planned
from publisher.publish.continuity import Release, changed, releases
from support.archives import make_wheel
from support.play import asked, broken, dist
from support.sandbox import GITHUB, GITLAB, GOOGLE, Sandbox

MOVED = {
    **GITHUB,
    "repository": "octo-org/gadget",
    "workflow_ref": GITHUB["workflow_ref"].replace("widget", "gadget"),
    "job_workflow_ref": GITHUB["job_workflow_ref"].replace("widget", "gadget"),
}
RENAMED = {
    **GITHUB,
    "workflow_ref": GITHUB["workflow_ref"].replace("release.yml", "publish.yml"),
    "job_workflow_ref": GITHUB["job_workflow_ref"].replace("release.yml", "publish.yml"),
}
LABEL = "changed-provenance"
Report = dict[str, Any]


@dataclass
class Project:
    """Publishes releases of one project to the sandbox."""

    sandbox: Sandbox
    folder: Path
    name: str
    env: dict[str, str]

    def __call__(
        self,
        version: str,
        *options: str,
        claims: Mapping[str, Any] = GITHUB,
        exit_code: int = 0,
        tags: tuple[str, ...] = ("py3-none-any",),
        command: str = "publish",
    ) -> Report:
        dists, played = self.folder / version, self.folder / "claims.json"
        for tag in tags:
            make_wheel(dists, self.name, version, tag=tag)
        played.write_text(json.dumps(claims))
        argv = [command, "--sandbox", self.sandbox.control, str(dists), *options]
        argv += ["--provider-claims", str(played), "--report", str(self.folder / "report.json")]
        assert cli.run(argv, self.env) == exit_code
        report: Report = json.loads((self.folder / "report.json").read_text("utf-8"))
        return report

    def releases(self, wanted: Mapping[str, Any]) -> None:
        body = {"projects": {self.name: {"releases": wanted}}}
        assert self.sandbox.post("index", body).status_code == 200


@pytest.fixture
def publish(
    sandbox: Sandbox, tmp_path: Path, project_name: str, clean_env: dict[str, str]
) -> Project:
    return Project(sandbox, tmp_path, project_name, clean_env)


def finding(report: Report, code: str = LABEL) -> dict[str, Any]:
    (found,) = [one for one in report["findings"] if one["code"] == code]
    return dict(found)


def codes(report: Report) -> set[str]:
    return {one["code"] for one in report["findings"]}


def steps(report: Report) -> set[str]:
    return {step["name"] for step in report["steps"]}


@pytest.mark.parametrize(
    ("claims", "parts", "says"),
    [
        (MOVED, ["repository"], "repository octo-org/widget -> octo-org/gadget"),
        (RENAMED, ["workflow"], "workflow release.yml -> publish.yml"),
        (GITLAB, ["kind", "repository", "workflow", "workflow_filepath"], "kind GitHub -> GitLab"),
        (GOOGLE, ["kind", "repository", "workflow", "email"], "workflow release.yml -> none"),
    ],
)
def test_another_publisher_is_accepted_for_one_version(
    publish: Project, claims: dict[str, Any], parts: list[str], says: str
) -> None:
    assert LABEL not in codes(publish("1.0"))
    refused = publish("1.1", claims=claims, exit_code=5)
    assert not steps(refused) & {"mint", "sign", "upload"}
    found = finding(refused)
    assert found["facts"]["changed"] == parts
    assert says in found["message"]
    assert found["facts"]["before"]["version"] == "1.0"
    assert "--allow changed-provenance=1.1" in found["hint"]

    publish("1.1", "--allow", "changed-provenance=1.0", claims=claims, exit_code=5)
    publish("1.1", "--allow", "changed-provenance=1.1.0", claims=claims)
    assert LABEL not in codes(publish("1.2", claims=claims)), "that is how it is done now"
    publish("1.3", exit_code=5)


def test_the_environment_may_change(publish: Project) -> None:
    publish("1.0")
    assert LABEL not in codes(publish("1.1", claims={**GITHUB, "environment": "other"}))


def test_a_release_that_would_lose_its_provenance(publish: Project) -> None:
    publish("1.0", "--attestations", "off")
    publish("1.1", "--attestations", "off")
    assert LABEL not in codes(publish("1.2")), "attested from now on"
    refused = publish("1.3", "--attestations", "off", exit_code=5)
    assert "lost-provenance" in finding(refused)["message"]
    assert finding(refused)["facts"] == {
        "before": "1.2: 1 files attested",
        "now": "--attestations off",
    }
    publish("1.3", "--attestations", "off", "--allow", "changed-provenance=1.3")


@pytest.mark.usefixtures("impatient")
def test_lost_since_signing_failed(publish: Project) -> None:
    """With the best effort it is published all the same, and said which release loses what."""
    publish("1.0")
    broken(publish.sandbox, "rekor", path="/", times=1, status=400)
    report = publish("1.1", "--attestations", "best-effort")
    found = [one for one in report["findings"] if one["code"] == "attestation-failed"]
    assert [one["severity"] for one in found] == ["warning", "warning"]
    assert found[1]["message"].startswith(
        f"{publish.name} 1.1 would have no attestations, and 1.0 has: pypi calls that lost-prov"
    )


def test_the_rest_of_a_release_is_not_lost(publish: Project) -> None:
    publish("1.0")
    publish("1.1")
    publish("1.1", "--attestations", "off", tags=("py3-none-any", "py3-none-win32"))


def test_a_release_that_nobody_should_take_does_not_count(publish: Project) -> None:
    publish("1.0")
    publish.releases({"1.0": {"yanked": "broken"}})
    assert LABEL not in codes(publish("1.1", claims=MOVED))


def test_it_is_far_enough_to_look_back_a_few_releases(publish: Project) -> None:
    publish("1.0")
    for minor in (1, 2, 3):
        version = f"1.{minor}"
        publish(version, "--attestations", "off", "--allow", f"changed-provenance={version}")
    publish("1.4", "--attestations", "off")


def test_doctor_says_it_too(publish: Project) -> None:
    publish("1.0")
    found = publish("1.1", claims=MOVED, command="doctor", exit_code=5)
    assert finding(found)["facts"]["changed"] == ["repository"]
    assert LABEL not in codes(publish("1.1", command="doctor"))


def test_whoever_has_no_publisher_is_not_compared(publish: Project) -> None:
    publish("1.0")
    nobody = {name: value for name, value in GITHUB.items() if not name.endswith("workflow_ref")}
    found = publish("1.1", claims=nobody, command="doctor", exit_code=3)
    assert "token-unexpected" in codes(found)
    assert LABEL not in codes(found)


def provenance_asked(project: Project) -> list[str]:
    paths = [line["path"] for line in asked(project.sandbox, "pypi", "GET")]
    return [path for path in paths if path.startswith(f"/integrity/{project.name}/1.0/")]


def test_one_question_where_nothing_changed_and_none_for_a_new_project(publish: Project) -> None:
    tags = tuple(f"py3-none-manylinux_2_{n}_x86_64" for n in range(20, 24))
    publish("1.0", "--wait", "0", tags=tags)
    assert provenance_asked(publish) == []
    publish("1.1")
    assert len(provenance_asked(publish)) == 1
    publish("1.2", claims=MOVED, exit_code=5)  # 1.1 has one file
    assert len(provenance_asked(publish)) == 1


def test_a_release_of_several_publishers(publish: Project) -> None:
    one, two = "py3-none-any", "py3-none-win32"
    publish("1.0", tags=(one,))
    publish("1.0", "--wait", "0", claims=RENAMED, tags=(one, two))
    publish("1.1", claims=RENAMED, tags=(two,))
    publish.releases({"1.1": {"yanked": True}})
    publish("1.2", tags=(one,))
    publish.releases({"1.2": {"yanked": True}})
    publish("1.3", claims=MOVED, tags=(one,), exit_code=5)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "fault",
    [
        {"status": 403, "body": "{}"},
        {"status": 404, "body": "{}"},
        {"kind": "reset"},
        {"status": 200, "body": "<html>"},
        {"status": 200, "body": '{"attestation_bundles": 1}'},
        {"status": 200, "body": '{"attestation_bundles": [{"publisher": "me"}, 2]}'},
    ],
)
def test_what_can_not_be_read_stops_nothing(publish: Project, fault: dict[str, Any]) -> None:
    publish("1.0")
    path = f"/integrity/{publish.name}/1.0/"
    broken(publish.sandbox, "pypi", method="GET", path=path, times=20, **fault)
    try:
        report = publish("1.1", claims=MOVED)
    finally:
        publish.sandbox.http.delete(f"{publish.sandbox.control}/faults")
    assert finding(report, "provenance-not-readable")["severity"] == "note"


# Values


@pytest.mark.parametrize(
    ("now", "last", "differs"),
    [
        ({}, [{}], False),
        ({"environment": "b"}, [{"environment": None}], False),
        ({"repository": "Octo-Org/Widget"}, [{"repository": "octo-org/widget"}], False),
        ({"repository": "octo-org/widgets"}, [{"repository": "octo-org/widget"}], True),
        ({"workflow": "release.yml"}, [{"workflow": "Release.yml"}], True),
        ({"kind": "GitLab"}, [{"kind": "GitHub"}], True),
        ({"email": "a@index.example"}, [{"email": "a@index.example"}], False),
        ({"kind": "Google", "email": "a"}, [{"kind": "Google", "email": "b"}], True),
        ({"workflow": "a.yml"}, [{"workflow": "b.yml"}, {"workflow": "a.yml"}], False),
        ({"workflow": "c.yml"}, [{"workflow": "b.yml"}, {"workflow": "a.yml"}], True),
        ({"workflow": "a.yml"}, [{"workflow": "a.yml", "claims": {}}], False),
    ],
)
def test_what_counts_as_a_change(now: Any, last: Any, *, differs: bool) -> None:
    assert changed(now, last) is differs


def page(*files: tuple[str, bool]) -> dict[str, Listed]:
    """Files of these names; whether each has provenance."""
    return {
        name: Listed(name, "", None, "https://index.example/p" if proven else None)
        for name, proven in files
    }


@pytest.mark.parametrize(
    ("files", "compared"),
    [
        ([], None),
        ([("w-1.9.tar.gz", False)], None),
        ([("w-1.9.tar.gz", True), ("w-1.10.tar.gz", True)], ("1.10", ["w-1.10.tar.gz"])),
        ([("w-1.9.tar.gz", True), ("w-1.10.tar.gz", False)], ("1.9", ["w-1.9.tar.gz"])),
        ([("w-3.0.tar.gz", True)], ("3.0", ["w-3.0.tar.gz"])),
        ([("w-2.0.tar.gz", True)], None),
        ([("no version", True), ("w-1.0rc1.tar.gz", True)], ("1.0rc1", ["w-1.0rc1.tar.gz"])),
    ],
)
def test_which_release_is_compared(files: Any, compared: Any, tmp_path: Path) -> None:
    made = dist(make_wheel(tmp_path, "w", "2.0"))
    found = list(releases(Plan((Planned(made, "new"),), pages={"w": page(*files)})))
    assert found == ([Release("w", "2.0", compared[0], (*compared[1],), False)] if compared else [])
    assert not list(releases(Plan((Planned(made, "identical"),), pages={"w": page(*files)})))
