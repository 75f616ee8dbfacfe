"""GitHub's own parser reads the action, the examples, and what our documents show."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ruamel.yaml", reason="it is of the extra: faces")

from ruamel.yaml import YAML

from support.act import OURS, ROOT
from support.yaml_lines import documents

pytestmark = pytest.mark.online

Complaints = dict[str, list[str]]
Judge = Callable[[dict[str, str]], Complaints]
ACTION = (ROOT / "action.yml").read_text("utf-8")
EXAMPLES = sorted((ROOT / "examples").glob("github*.yml"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHOWN = re.compile(r"(?ms)^(?:\*\*(?P<ci>[A-Z][\w ]+)\.\*\*|## .*?$|```yaml\n(?P<yaml>.*?)^```$)")
STARTED = {"workflow_dispatch": {"inputs": {"run": {"type": "string"}}}}
JOB = {"runs-on": "ubuntu-latest", "steps": [{"run": "true"}]}
BROKEN = f"""\
on: push
jobs:
  publish:
    runs-on: ubuntu-latest
    permission: {{}}
    steps:
      - uses: {OURS}
        with:
          dry_run: true
          packages_dir: dist
      - run: echo ${{{{ nothing.here }}}}
"""


@pytest.fixture
def judge(node: Path) -> Judge:
    """What GitHub's parser has to say of texts, by their names."""

    def run(texts: dict[str, str]) -> Complaints:
        program = shutil.copy(ROOT / "tests" / "faces" / "node" / "github.mjs", node)
        done = subprocess.run(
            ["node", program],
            input=json.dumps({"action.yml": ACTION, **texts}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return {name: said for name, said in json.loads(done.stdout).items() if said}

    return run


def shown() -> Iterator[tuple[str, str]]:
    """Where each piece of a workflow stands in our documents, and the piece."""
    for page in PAGES:
        text, ci = page.read_text("utf-8"), ""
        for found in SHOWN.finditer(text):
            if not found["yaml"]:
                ci = found["ci"] or ""
            elif ci == "GitHub Actions" or "- uses: " in found["yaml"]:
                line = text.count("\n", 0, found.start()) + 1
                for part in documents(found["yaml"]):
                    yield f"{page.name}:{line}", part


def whole(piece: str) -> str:
    """A workflow with this piece in its place; JSON is YAML, too. ``[...]`` is nothing to read."""
    loaded: Any = YAML(typ="safe").load(piece.replace("steps: [...]", ""))
    if isinstance(loaded, list):
        loaded = {"steps": loaded}
    if "steps" in loaded:
        loaded = {"jobs": {"job": loaded}}
    workflow = {"on": STARTED, "jobs": {"job": {}}, **loaded}
    for name, job in workflow["jobs"].items():
        workflow["jobs"][name] = job if "uses" in job else {**JOB, **job}
    return json.dumps(workflow)


def test_the_action_and_the_examples(judge: Judge) -> None:
    assert EXAMPLES
    assert judge({path.name: path.read_text("utf-8") for path in EXAMPLES}) == {}


def test_what_the_documents_show(judge: Judge) -> None:
    pieces = dict(enumerate(shown()))
    assert {where.partition(":")[0] for where, _ in pieces.values()} >= {"README.md", "errors.md"}
    found = judge({f"{number}.yml": whole(piece) for number, (_, piece) in pieces.items()})
    assert [(said, *pieces[int(name[:-4])]) for name, said in found.items()] == []


def test_it_says_no(judge: Judge) -> None:
    """Without this the tests above could not fail."""
    action = ACTION.replace("using: composite", "using: magic").replace("shell: bash", "shel: bash")
    found = judge({"workflow.yml": BROKEN, "broken/action.yml": action})
    assert sorted(found["workflow.yml"]) == [
        "10: Use packages-dir.",
        "11: Unrecognized named-value: 'nothing'",
        "5: Unexpected value 'permission'",
        "9: Invalid action input 'dry_run'",
    ]
    assert found["broken/action.yml"]
