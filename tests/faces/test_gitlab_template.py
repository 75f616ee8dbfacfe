"""GitLab's template, component and examples, read."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ruamel.yaml", reason="it is of the extra: faces")

from ruamel.yaml import YAML

import publisher
from publisher.commands import FILES
from publisher.options import rows
from support import gitlab
from support.act import load
from support.faces import ROOT

FACES = [gitlab.TEMPLATE, gitlab.COMPONENT]
HEADER = re.compile(r"\$\[\[ inputs\.([\w-]+) \]\]")
ENDS_A_WORD = ["a'b", 'a"b', "a$b", "a\\b", "a\nb", "a\rb", "a\x85b", "a\u2028b", "a\tb"]


def documents(path: Path) -> Any:
    """The header, and the one job below it."""
    header, jobs = YAML(typ="safe").load_all(path.read_text("utf-8"))
    (job,) = jobs.values()
    return header["spec"], job


def test_both_are_as_the_table_says() -> None:
    assert gitlab.TEMPLATE.read_text("utf-8") == gitlab.template()
    assert gitlab.COMPONENT.read_text("utf-8") == gitlab.component()


@pytest.mark.parametrize("path", FACES, ids=lambda path: path.name)
def test_every_option_of_this_face_is_an_input(path: Path) -> None:
    spec, job = documents(path)
    inputs, script = spec["inputs"], "\n".join(job["script"])
    for row in rows():
        assert (row.name in inputs) == ("gitlab" in row.faces), row.name
        if row.name in inputs and row.name != "password":
            assert inputs[row.name]["description"].startswith(row.help)
            assert f"give {row.variable} '$[[ inputs.{row.name} ]]'" in script
    assert inputs["command"]["options"] == list(FILES)
    assert {m[1] for m in HEADER.finditer(path.read_text("utf-8"))} == inputs.keys()


def test_template_and_component_offer_the_same() -> None:
    included, component = (documents(path)[0]["inputs"] for path in FACES)
    assert component.keys() - included.keys() == {"job", "stage"}
    assert included.keys() < component.keys()
    assert "default" not in included["ref"]  # who includes a file must say what runs


@pytest.mark.parametrize("path", FACES, ids=lambda path: path.name)
def test_an_input_is_one_quoted_word_of_the_script(path: Path) -> None:
    """GitLab puts its text there before anything reads the YAML."""
    spec, job = documents(path)
    for line in "\n".join(job["script"]).splitlines():
        assert len(HEADER.findall(line)) == len(re.findall(r"'\$\[\[ inputs\.[\w-]+ \]\]'", line))
    for name, one in spec["inputs"].items():
        assert one.keys() & {"regex", "options"} or one["type"] in ("boolean", "number"), name
        if "regex" in one:
            assert not [text for text in ENDS_A_WORD if re.search(one["regex"], text)], name
            assert re.search(one["regex"], one.get("default", "0" * 40)), name


def test_what_is_harmless() -> None:
    printable = {chr(code) for code in range(32, 127)}
    assert {c for c in printable if not re.search(gitlab.HARMLESS, c)} == set("\"$'\\")


@pytest.mark.parametrize("path", FACES, ids=lambda path: path.name)
def test_only_the_options_defaults_are_left_to_pyproject(path: Path) -> None:
    spec, job = documents(path)
    given = re.findall(r"give \w+ '\$\[\[ inputs\.([\w-]+) \]\]' '(.*)'", "\n".join(job["script"]))
    said = {name: str(spec["inputs"][name]["default"]).lower() for name, _ in given}
    assert dict(given) == {**said, "provider": ""}  # which is always given


@pytest.mark.parametrize("path", FACES, ids=lambda path: path.name)
def test_what_the_job_may_and_leaves(path: Path) -> None:
    _, job = documents(path)
    audiences = {name: token["aud"] for name, token in job["id_tokens"].items()}
    assert audiences == {"PYPI_ID_TOKEN": "pypi", "SIGSTORE_ID_TOKEN": "sigstore"}
    assert job["rules"] == [{"if": "$CI_COMMIT_TAG"}]
    assert job["artifacts"]["when"] == "always"
    assert "variables" not in job  # a project's would beat them


@pytest.mark.parametrize("path", FACES, ids=lambda path: path.name)
@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_shellcheck(shell: str, path: Path, tool: Callable[[str], str], tmp_path: Path) -> None:
    """With a value for each input that has no quote."""
    _, job = documents(path)
    script = re.sub(r"\$\[\[ [\w.-]+ \]\]", "x", "\n".join(job["script"]))
    (tmp_path / "job.sh").write_text(script, encoding="utf-8")
    # SC2194, SC2050: an input is a constant here
    check = [tool("shellcheck"), "--shell", shell, "--exclude", "SC2194,SC2050"]
    done = subprocess.run(
        [*check, str(tmp_path / "job.sh")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_examples() -> None:
    included = load(ROOT / "examples" / "gitlab.yml")["include"][0]
    address = f"/OWNER/publisher/-/raw/v{publisher.__version__}/.gitlab-ci-template.yml"
    assert included["remote"].endswith(address)
    assert included["inputs"].keys() <= documents(gitlab.TEMPLATE)[0]["inputs"].keys()
