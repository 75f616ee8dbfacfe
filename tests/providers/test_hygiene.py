"""Habits of jobs that have cost others a release, as doctor tells them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from publisher import cli
from publisher.providers.workflow import job
from support.sandbox import GITHUB, GITLAB, GOOGLE

HABITS = {
    *("cache-in-job", "no-environment", "self-hosted-runner", "static-credential"),
    *("unpinned-action", "unprotected-ref"),
}
HUB = {"GITHUB_ACTIONS": "true", "GITHUB_JOB": "publish"}
PIN = "0123456789abcdef0123456789abcdef01234567"
Told = dict[str, str]
Git = Callable[..., str]


class Doctor:
    """Reviews claims in a folder of its own; nothing is asked of a network."""

    def __init__(
        self, folder: Path, env: dict[str, str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.folder, self.env, self.capsys = folder, env, capsys

    def __call__(
        self,
        claims: Mapping[str, Any],
        *options: str,
        exit_code: int = 0,
        env: Mapping[str, str] | None = None,
    ) -> Told:
        path = self.folder / "claims.json"
        path.write_text(json.dumps(claims))
        argv = ["doctor", "--format", "json", "--provider-claims", str(path), *options]
        assert cli.run(argv, {**self.env, **(env or {})}) == exit_code
        found = json.loads(self.capsys.readouterr().out)
        return {one["code"]: one["message"] for one in found["findings"]}

    def habits(self, claims: Mapping[str, Any], *options: str, **env: str) -> set[str]:
        return HABITS & self(claims, *options, env=env).keys()

    def event(self, claims: Mapping[str, Any], payload: str, exit_code: int) -> str:
        path = self.folder / "event.json"
        path.write_text(payload)
        told = self(claims, exit_code=exit_code, env={"GITHUB_EVENT_PATH": str(path)})
        return told.get("untrusted-trigger", "")


@pytest.fixture
def doctor(
    tmp_path: Path,
    clean_env: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    no_network: None,
) -> Doctor:
    monkeypatch.chdir(tmp_path)
    return Doctor(tmp_path, clean_env, capsys)


# What the token says


@pytest.mark.parametrize(
    ("base", "changes", "expected"),
    [
        (GITHUB, {}, set()),
        (GITHUB, {"ref_protected": "true"}, set()),
        (GITHUB, {"ref_protected": "false"}, {"unprotected-ref"}),
        (GITHUB, {"environment": ""}, {"no-environment"}),
        (GITHUB, {"runner_environment": "self-hosted"}, {"self-hosted-runner"}),
        (GITLAB, {}, set()),
        (GITLAB, {"ref_protected": "true"}, set()),
        (GITLAB, {"ref_protected": "false"}, {"unprotected-ref"}),
        (GITLAB, {"environment": None}, {"no-environment"}),
        (GITLAB, {"runner_environment": "self-hosted"}, {"self-hosted-runner"}),
        (
            GITLAB,
            {
                "iss": "https://gitlab.index.example",
                "ci_config_ref_uri": GITLAB["ci_config_ref_uri"].replace("gitlab.com", "gitlab.x"),
                "runner_environment": "self-hosted",
            },
            set(),
        ),
        (GOOGLE, {}, set()),
    ],
)
def test_a_token(
    doctor: Doctor, base: dict[str, Any], changes: dict[str, Any], expected: set[str]
) -> None:
    claims = {name: value for name, value in {**base, **changes}.items() if value is not None}
    found = doctor(claims, exit_code=3 if "gitlab.x" in str(claims) else 0)
    assert HABITS & found.keys() == expected


def test_advice_that_is_not_wanted(doctor: Doctor) -> None:
    claims = {**GITHUB, "environment": "", "ref_protected": "false"}
    assert doctor.habits(claims) == {"no-environment", "unprotected-ref"}
    assert doctor.habits(claims, "--allow", "no-environment") == {"unprotected-ref"}


def test_a_laptop_has_no_habits(doctor: Doctor) -> None:
    assert cli.run(["doctor", "--format", "json"], {**doctor.env, "TWINE_PASSWORD": "s3cr3t"}) == 0
    found = json.loads(doctor.capsys.readouterr().out)
    assert not HABITS & {one["code"] for one in found["findings"]}


# What lies beside it


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("TWINE_PASSWORD", "s3cr3t", True),
        ("TWINE_PASSWORD", "", False),
        ("TWINE_USERNAME", "__token__", False),
        ("UV_PUBLISH_TOKEN", "s3cr3t", True),
        ("PYPI_API_TOKEN", "s3cr3t", True),
        ("TEST_PYPI_TOKEN", "s3cr3t", True),
        ("PYPI_ID_TOKEN", "s3cr3t", False),
        ("RELEASE_SECRET", f"pypi-{'x' * 60}", True),
        ("PROJECT", "pypi-attestations", False),
    ],
)
def test_passwords_that_lie_around(doctor: Doctor, name: str, value: str, *, told: bool) -> None:
    found = doctor(GITHUB, env={name: value})
    assert ("static-credential" in found) is told
    assert told is (name in found.get("static-credential", ""))
    assert not value or value not in found.get("static-credential", "")
    assert doctor.habits(GITHUB, "--allow", "static-credential", **{name: value}) == set()


# Who caused it


@pytest.mark.parametrize("event", ["issue_comment", "issues", "discussion_comment", "watch"])
def test_events_that_anybody_can_cause(doctor: Doctor, event: str) -> None:
    claims = {**GITHUB, "event_name": event}
    assert event in doctor(claims, exit_code=3)["untrusted-trigger"]
    assert "untrusted-trigger" not in doctor(claims, "--allow", "untrusted-trigger")


@pytest.mark.parametrize("event", ["push", "release", "workflow_dispatch", "schedule"])
def test_events_of_ones_own(doctor: Doctor, event: str) -> None:
    assert "untrusted-trigger" not in doctor({**GITHUB, "event_name": event})


def followed(event: str, repository: str = "octo-org/widget") -> str:
    home = {"full_name": repository}
    return json.dumps({"workflow_run": {"event": event, "head_repository": home}})


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (followed("push"), ""),
        (followed("release"), ""),
        (followed("push", "stranger/widget"), "a run for stranger/widget"),
        (followed("pull_request"), "the event pull_request"),
        (followed("pull_request_target"), "the event pull_request_target"),
        (followed("issue_comment"), "the event issue_comment"),
        (followed("workflow_run"), "a run that followed another"),
        ('{"workflow_run": {"event": "push", "head_repository": null}}', "not known here"),
        ('{"workflow_run": []}', "not known here"),
        ("[]", "not known here"),
        ("no JSON", "not known here"),
    ],
)
def test_a_run_that_follows_another(doctor: Doctor, payload: str, says: str) -> None:
    claims = {**GITHUB, "event_name": "workflow_run"}
    told = doctor.event(claims, payload, 3 if says else 0)
    assert (says in told) if says else (told == "")


def test_a_run_that_follows_one_that_nobody_knows(doctor: Doctor) -> None:
    assert (
        "not known"
        in doctor({**GITHUB, "event_name": "workflow_run"}, exit_code=3)["untrusted-trigger"]
    )


# What the workflow file says

FILE = f"""\
name: Release
on: push
jobs:
  build:
    steps:
      - uses: actions/checkout@v4
      - uses: actions/cache@v4
  publish:    # here
    steps:
      # - uses: actions/cache@v4
      - uses: actions/download-artifact@{PIN} # v5
      - uses: ./local
      - uses: docker://example/tool@sha256:{"0" * 64}
{{step}}

  after:
    steps:
      - uses: actions/setup-python@v5
        with:
          cache: pip
"""


@pytest.fixture
def committed(tmp_path: Path, git: Git) -> Callable[[str], tuple[str, str]]:
    """A checkout with this step in the job; its folder and its commit."""

    def commit(step: str) -> tuple[str, str]:
        folder = tmp_path / "workspace"
        (folder / ".github" / "workflows").mkdir(parents=True)
        git(folder, "init", "-q")
        file = folder / ".github" / "workflows" / "release.yml"
        file.write_text(FILE.format(step=step))
        git(folder, "add", ".")
        git(folder, "commit", "-qm", "-")
        file.write_text("what lies there is not what runs")
        return str(folder), git(folder, "rev-parse", "HEAD")

    return commit


@pytest.mark.parametrize(
    ("step", "expected", "names"),
    [
        ("", set(), ""),
        ("      - run: make", set(), ""),
        ("      - uses: octo/tool@v1", {"unpinned-action"}, "octo/tool@v1"),
        ('        uses: "octo/tool/sub@main"', {"unpinned-action"}, "octo/tool/sub@main"),
        ("      - uses: docker://example/tool:1", {"unpinned-action"}, "docker://example/tool:1"),
        (f"      - uses: actions/cache@{PIN}", {"cache-in-job"}, ""),
        (f"      - uses: actions/cache/restore@{PIN}", {"cache-in-job"}, ""),
        (f"      - uses: actions/cache/save@{PIN}", set(), ""),
        ("        with:\n          cache: pip", {"cache-in-job"}, ""),
        ("        with:\n          enable-cache: true", {"cache-in-job"}, ""),
        ("        with:\n          enable-cache: false", set(), ""),
        ("        with:\n          cache:\n", set(), ""),
    ],
)
def test_the_steps_of_this_job(
    doctor: Doctor, committed: Any, step: str, expected: set[str], names: str
) -> None:
    workspace, commit = committed(step)
    claims = {**GITHUB, "job_workflow_sha": commit}
    found = doctor(claims, env={**HUB, "GITHUB_WORKSPACE": workspace})
    assert HABITS & found.keys() == expected
    assert found.get("unpinned-action", "").endswith(names)
    assert PIN not in found.get("unpinned-action", "")


@pytest.mark.parametrize(
    ("commit", "more"),
    [
        (PIN, {}),
        ("HEAD", {}),
        (None, {"GITHUB_JOB": "build-2"}),
        (None, {"GITHUB_WORKSPACE": ""}),
        (None, {"GITHUB_WORKSPACE": "/"}),
        (None, {"GITHUB_ACTIONS": ""}),
    ],
)
def test_a_file_that_is_not_there_says_nothing(
    doctor: Doctor, committed: Any, commit: str | None, more: dict[str, str]
) -> None:
    workspace, real = committed("      - uses: octo/tool@v1")
    claims = {**GITHUB, "job_workflow_sha": commit or real}
    assert doctor.habits(claims, **{**HUB, "GITHUB_WORKSPACE": workspace, **more}) == set()


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", ""),
        ("jobs:\n  a:\n    x: 1\n  b:\n    y: 1\n", "\n    x: 1\n"),
        ("jobs:\n    a: # c\n        x: 1\n\n# c\n        z: 1\non: push\n", "x: 1|z: 1"),
        ("jobs:\n  'a':\n    x: 1", "\n    x: 1"),
        ("env:\n  a:\n    x: 1\njobs:\n  b:\n    y: 1\n", ""),
    ],
)
def test_the_lines_of_one_job(text: str, lines: str) -> None:
    found = job(text, "a")
    if "|" in lines:
        assert [part for part in lines.split("|") if part not in found] == []
        assert "on:" not in found
    else:
        assert found == lines
