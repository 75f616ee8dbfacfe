"""action.yml, the examples and the bootstrap, read and checked by the tools of their kinds."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ruamel.yaml", reason="it is of the extra: faces")

import publisher
from publisher.incumbent import REPLACED
from publisher.options import rows
from support import faces
from support.act import OURS, ROOT, load, uses

ACTION = ROOT / "action.yml"
SCRIPT = ROOT / "requirements" / "bootstrap.sh"
EXAMPLES = sorted(set((ROOT / "examples").glob("*.yml")) - set((ROOT / "examples").glob("gitlab*")))
ON_GITHUB = [path for path in EXAMPLES if path.name.startswith("github")]
INCUMBENT = """
    user password repository-url packages-dir verify-metadata skip-existing verbose print-hash
    attestations repository_url packages_dir verify_metadata skip_existing print_hash
"""  # the inputs of gh-action-pypi-publish
OUTPUTS = "report projects version urls sha256sums attestations"


def step() -> Any:
    (only,) = load(ACTION)["runs"]["steps"]
    return only


def test_every_option_of_this_face_is_an_input() -> None:
    inputs = load(ACTION)["inputs"]
    for row in rows():
        assert (row.name in inputs) == ("github" in row.faces), row.name
        if row.name in inputs:
            assert inputs[row.name]["description"].startswith(row.help)
            assert "default" not in inputs[row.name]  # or pyproject.toml would never be heard
            assert step()["env"][row.variable].startswith(f"${{{{ inputs.{row.name}")


def test_the_step_sets_every_variable_that_the_program_reads() -> None:
    wanted = {row.variable for row in rows() if row.variable} | REPLACED.keys()
    assert step()["env"].keys() == wanted | {"BASH_ENV", "COMMAND"}


def test_no_text_of_a_user_is_in_a_script() -> None:
    assert "${{" not in step()["run"]
    assert step()["shell"] == "bash"


def test_there_is_no_logic() -> None:
    lines = ACTION.read_text("utf-8").partition("\nruns:\n")[2].splitlines()
    assert len(lines) <= 60
    assert load(ACTION)["runs"]["using"] == "composite"
    assert not any("uses" in step for step in load(ACTION)["runs"]["steps"])


def test_the_outputs_are_those_of_the_program() -> None:
    outputs = load(ACTION)["outputs"]
    assert list(outputs) == OUTPUTS.split()
    for name in outputs:
        assert outputs[name]["value"] == f"${{{{ steps.{step()['id']}.outputs.{name} }}}}"


@pytest.mark.parametrize("name", INCUMBENT.split())
def test_every_input_of_the_incumbent_is_taken(name: str) -> None:
    inputs = load(ACTION)["inputs"]
    assert name in inputs
    assert ("deprecationMessage" in inputs[name]) == ("_" in name or name in faces.replaced())
    assert re.search(rf"\binputs\.{name}\b", " ".join(step()["env"].values()))


@pytest.mark.parametrize("path", [ACTION, SCRIPT, *EXAMPLES], ids=lambda path: path.name)
def test_nothing_depends_on_what_only_act_does(path: Path) -> None:
    """act sets INPUT_* in composite actions, and knows the action's own repository and ref."""
    text = path.read_text("utf-8")
    assert not re.findall(
        r"INPUT_|GITHUB_ACTION_(?:REF|REPOSITORY)|action_(?:ref|repository)", text
    )


def test_the_program_does_not_depend_on_what_only_act_does() -> None:
    for path in Path(publisher.__file__).parent.rglob("*.py"):
        test_nothing_depends_on_what_only_act_does(path)


# The examples


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_all_examples_use_the_same_address(path: Path) -> None:
    workflow = load(path)
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    fetched = [given for step in steps if "ref" in (given := step.get("with", {}))]
    names = [*uses(workflow), *(f"{one['repository']}@{one['ref']}" for one in fetched)]
    ours = [name for name in names if "publisher" in name]
    assert ours
    assert {name.removeprefix("https://github.com/") for name in ours} == {OURS}
    assert OURS.rpartition("@v")[2] == publisher.__version__


@pytest.mark.parametrize("name", [path.name for path in EXAMPLES])
def test_examples_give_only_inputs_that_exist(name: str) -> None:
    inputs = load(ACTION)["inputs"]
    for job in load(ROOT / "examples" / name)["jobs"].values():
        for one in job["steps"]:
            if one.get("uses", "").endswith(OURS):
                assert set(one.get("with", {})) <= inputs.keys()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_only_the_job_that_publishes_may_ask_for_tokens(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        allowed = (job.get("permissions") or {}).get("id-token") == "write"
        assert allowed == (name == "publish" and path in ON_GITHUB)


# Linters


def checked(*command: str | Path) -> None:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_zizmor(tool: Callable[[str], str]) -> None:
    how = ["--offline", "--quiet", "--persona", "pedantic", "--config", "tests/faces/zizmor.yml"]
    checked(tool("zizmor"), *how, ACTION, *EXAMPLES)


def test_actionlint(tool: Callable[[str], str]) -> None:
    checked(tool("actionlint"), "-shellcheck", tool("shellcheck"), *ON_GITHUB)


@pytest.mark.parametrize(("schema", "files"), [("actions", [ACTION]), ("workflows", ON_GITHUB)])
def test_schema(schema: str, files: list[Path], tool: Callable[[str], str]) -> None:
    checked(tool("check-jsonschema"), "--builtin-schema", f"vendor.github-{schema}", *files)


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_shellcheck(shell: str, tool: Callable[[str], str]) -> None:
    checked(tool("shellcheck"), "--shell", shell, "--enable", "quote-safe-variables", SCRIPT)
