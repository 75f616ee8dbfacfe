"""Which job of a checkout publishes, and its environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from publisher.providers.checkout import Job, number, publishing, release_tag
from publisher.providers.workflow import trigger

UNKNOWN = (None, None)
INCUMBENT = "pypa/gh-action-pypi-publish@release/v1"


def workflow(uses: str = INCUMBENT, more: str = "", top: str = "") -> str:
    return f"""\
on: push
{top}
jobs:
  test:
    environment: wrong
    steps:
      - run: pytest
  publish: # the one
    runs-on: ubuntu-latest
{more}
    steps:
      - uses: {uses}
        with:
          environment: no
  after:
    environment: wrong
"""


def known(job: Job) -> tuple[str | None, str | None]:
    return job.file, job.environment


def find(folder: Path, **files: str) -> tuple[str | None, str | None]:
    place = folder / ".github" / "workflows"
    place.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (place / f"{name}.yml").write_text(text)
    return known(publishing(folder, {}))


@pytest.mark.parametrize(
    ("more", "environment"),
    [
        ("", ""),
        ("    environment: pypi", "pypi"),
        ("    environment: 'py pi' # protected", "py pi"),
        ("    environment:\n      # that\n      url: x\n      name: pypi", "pypi"),
        ("    environment:\n    name: other", None),
        ("    environment: ${{ inputs.where }}", None),
        ("    environment: {name: pypi}", None),
        ("    # environment: pypi", ""),
    ],
)
def test_the_environment(tmp_path: Path, more: str, environment: str | None) -> None:
    assert find(tmp_path, ci="on: push\njobs: {}", cd=workflow(more=more)) == (
        "cd.yml",
        environment,
    )


@pytest.mark.parametrize("uses", ["OWNER/publisher@v0.1.0", f'"{INCUMBENT}" # v1'])
def test_the_action(tmp_path: Path, uses: str) -> None:
    assert find(tmp_path, cd=workflow(uses)) == ("cd.yml", "")


def test_the_permission_if_there_is_no_action(tmp_path: Path) -> None:
    permitted = "    environment: pypi\n    permissions:\n      id-token: write"
    own = workflow("actions/checkout@v4", permitted)
    assert find(tmp_path, own=own) == ("own.yml", "pypi")
    assert find(tmp_path, cd=workflow()) == ("cd.yml", "")


def test_a_permission_above_all_jobs(tmp_path: Path) -> None:
    own = workflow("actions/checkout@v4", top="permissions:\n  id-token: write")
    assert find(tmp_path, own=own) == ("own.yml", None)


def test_what_is_not_clear_is_unknown(tmp_path: Path) -> None:
    assert known(publishing(tmp_path, {})) == UNKNOWN
    assert find(tmp_path, a="", b="jobs:", c="\njobs:\n  x:\n") == UNKNOWN
    named = "    environment: pypi"
    assert find(tmp_path, one=workflow(), two=workflow(more=named)) == UNKNOWN
    (tmp_path / ".github" / "workflows" / "odd.yml").write_bytes(b"\xff\n")
    (tmp_path / ".github" / "workflows" / "folder.yml").mkdir()
    job = publishing(tmp_path, {})
    assert (job.files, job.environments) == (("one.yml", "two.yml"), ("", "pypi"))
    assert job.guessed() == {
        "Workflow name": "unknown: the file of your workflow, one of one.yml, two.yml",
        "Environment name": "unknown: the environment: of your job, one of pypi",
    }


def test_two_workflows_with_one_environment(tmp_path: Path) -> None:
    named = workflow(more="    environment: pypi")
    assert find(tmp_path, one=named, two=named) == (None, "pypi")


RELEASE = ("release", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("on: release\n", RELEASE),
        ("on:\n  release:\n    types: [published]\n  push:\n    branches: [main]\n", RELEASE),
        ("on: [push, release] # both\n", RELEASE),
        ("on: {release: {types: [published]}}\n", RELEASE),
        ("on:\n  - pull_request\n", RELEASE),
        ("", RELEASE),
        ("on: push\n", ("push", "")),
        ("'on':\n\n  # so\n  push:\n    tags: [v*]\n    branches: [main]\n", ("push", "")),
        ("on:\n  push:\n    branches: [trunk]\n", ("push", "trunk")),
        ("on:\n  push:\n    branches:\n      - 'x/**'\n  schedule:\n", ("push", "x")),
        ("on:\n  push:\n    branches: ['*']\n  other:\n    tags: x\n", ("push", "main")),
        ("on:\n- workflow_dispatch\n", ("workflow_dispatch", "main")),
    ],
)
def test_the_event(text: str, expected: tuple[str, str]) -> None:
    assert trigger(f"name: x\n{text}jobs:\n  push:\n    runs-on: x\n") == expected


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ('[project]\nname = "x"\nversion = "2.5"\n', "v2.5"),
        ('[project]\nname = "x"\nversion = "no tag"\n', "v1.0"),
        ('[project]\nname = "x"\ndynamic = ["version"]\n', "v1.0"),
        ("project = 3", "v1.0"),
        ("[", "v1.0"),
    ],
)
def test_the_tag_of_a_release(tmp_path: Path, text: str, tag: str) -> None:
    assert release_tag(tmp_path, {}) == "v1.0"
    (tmp_path / "pyproject.toml").write_text(text)
    assert release_tag(tmp_path, {}) == tag


def test_invented_numbers_differ_by_name() -> None:
    assert number("octo-org/widget") == number("octo-org/widget") != number("octo-org/gadget")
    assert all(number(name).isdigit() and len(number(name)) == 9 for name in ("", "a", "b/c"))
