"""Which job of a checkout publishes, and its environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from publisher.providers.checkout import Job, publishing

UNKNOWN = Job(None, None)
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


def find(folder: Path, **files: str) -> Job:
    place = folder / ".github" / "workflows"
    place.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (place / f"{name}.yml").write_text(text)
    return publishing(folder, {})


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
    assert find(tmp_path, ci="on: push\njobs: {}", cd=workflow(more=more)) == Job(
        "cd.yml", environment
    )


@pytest.mark.parametrize("uses", ["OWNER/publisher@v0.1.0", f'"{INCUMBENT}" # v1'])
def test_the_action(tmp_path: Path, uses: str) -> None:
    assert find(tmp_path, cd=workflow(uses)) == Job("cd.yml", "")


def test_the_permission_if_there_is_no_action(tmp_path: Path) -> None:
    permitted = "    environment: pypi\n    permissions:\n      id-token: write"
    own = workflow("actions/checkout@v4", permitted)
    assert find(tmp_path, own=own) == Job("own.yml", "pypi")
    assert find(tmp_path, cd=workflow()) == Job("cd.yml", "")


def test_a_permission_above_all_jobs(tmp_path: Path) -> None:
    own = workflow("actions/checkout@v4", top="permissions:\n  id-token: write")
    assert find(tmp_path, own=own) == Job("own.yml", None)


def test_what_is_not_clear_is_unknown(tmp_path: Path) -> None:
    assert publishing(tmp_path, {}) == UNKNOWN
    assert find(tmp_path, a="", b="jobs:", c="\njobs:\n  x:\n") == UNKNOWN
    assert find(tmp_path, one=workflow(), two=workflow()) == UNKNOWN
    (tmp_path / ".github" / "workflows" / "odd.yml").write_bytes(b"\xff\n")
    (tmp_path / ".github" / "workflows" / "folder.yml").mkdir()
    assert publishing(tmp_path, {}) == UNKNOWN
