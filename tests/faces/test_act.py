"""The examples, and what else a workflow may do with the action, run by act.

Other people's actions are stubs (``stubs/``). All of it rehearses, or is stopped for want of a
permission before anything is sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ruamel.yaml", reason="it is of the extra: faces")

from support.act import OURS, ROOT, Act, load, with_inputs, without_hosts
from support.archives import make_wheel
from support.mirror import Mirror
from support.projects import make_project
from support.sandbox import Sandbox

pytestmark = pytest.mark.online

PASSED = "REHEARSAL: NOTHING WAS PUBLISHED. EVERY STEP PASSED."


@pytest.fixture
def act(tool: Callable[[str], str], tmp_path: Path, mirror: Mirror) -> Act:
    return Act(tool("act"), tmp_path, {"PIP_INDEX_URL": mirror.url})


def example(name: str) -> Any:
    return load(ROOT / "examples" / name)


def job(*steps: Mapping[str, object]) -> Any:
    return {"on": "push", "jobs": {"job": {"runs-on": "ubuntu-latest", "steps": list(steps)}}}


def arrived(log: str) -> set[str]:
    """The files that the log's table of a run says so of."""
    return set(re.findall(r"\| +(\S+\.(?:whl|gz)) .* uploaded, verified ", log))


# The examples


def test_the_example_of_two_jobs(act: Act) -> None:
    make_project(act.project)
    done = act.run(example("github.yml"))
    assert done.returncode == 0, done.stdout
    assert PASSED in done.stdout
    kept = {str(path.relative_to(act.artifacts)) for path in act.artifacts.rglob("*.*")}
    assert "release/contract.json" in kept
    assert "release/dist/widget-1.0.tar.gz" in kept


def test_the_simple_example_rehearsed(act: Act) -> None:
    make_project(act.project)
    workflow = with_inputs(example("github-simple.yml"), dry_run="true")
    done = act.run(workflow, "release")
    assert done.returncode == 0, done.stdout
    assert PASSED in done.stdout


def test_the_simple_example_without_its_permission(act: Act) -> None:
    make_project(act.project)
    done = act.run(example("github-simple.yml"), "release")
    assert done.returncode != 0
    assert "error missing-permission: " in done.stdout
    assert re.search(r"id-token: write +# add this line", done.stdout)
    assert "exit status 3" in done.stdout


def test_the_example_of_two_indexes_rehearsed(act: Act) -> None:
    make_project(act.project)
    workflow = with_inputs(example("github-testpypi-then-pypi.yml"), dry_run="true")
    done = act.run(workflow, "release")
    assert done.returncode == 0, done.stdout
    assert re.search(r"to testpypi: .*to pypi: ", done.stdout, re.DOTALL)
    assert PASSED in done.stdout


def test_the_example_of_many_wheels(act: Act) -> None:
    make_project(act.project, "widget", "1.0")
    tags = "manylinux_2_28_x86_64 manylinux_2_28_aarch64 win_amd64 macosx_11_0_arm64"
    for tag in tags.split():
        make_wheel(act.wheels, tag=f"cp313-cp313-{tag}")
    done = act.run(example("github-matrix-wheels.yml"))
    assert done.returncode == 0, done.stdout
    assert len(arrived(done.stdout)) == 5
    assert PASSED in done.stdout


def test_the_example_of_forgejo(act: Act) -> None:
    make_project(act.project)
    done = act.run(without_hosts(example("forgejo.yml")), FORGEJO_ACTIONS="true")
    assert done.returncode == 0, done.stdout
    assert PASSED in done.stdout


# What else a workflow does


def test_called_twice_and_nested(act: Act, sandbox: Sandbox, project_name: str) -> None:
    """The second call finds the files there; the third stands in somebody's composite action."""
    make_wheel(act.project, project_name)
    inputs = {"sandbox": sandbox.control, "report": "report.json"}
    keep = {"run": 'cp report.json "$ARTIFACTS/$(ls "$ARTIFACTS" | wc -l).json"'}
    workflow = job(
        {"uses": "actions/checkout@v1"},
        {"uses": OURS, "with": inputs},
        keep,
        {"uses": OURS, "with": inputs},
        keep,
        {"uses": "somebody/nested@v1", "with": {"sandbox": sandbox.control}},
        keep,
    )
    done = act.run(workflow)
    assert done.returncode == 0, done.stdout
    reports = [json.loads(path.read_text("utf-8")) for path in sorted(act.artifacts.iterdir())]
    said = [{f["indexes"]["pypi"]["status"] for f in report["files"]} for report in reports]
    assert said == [{"uploaded"}, {"already-there"}, {"already-there"}]


def test_the_outputs_reach_later_steps(act: Act, sandbox: Sandbox, project_name: str) -> None:
    wheel = make_wheel(act.project, project_name)
    show = {
        "run": 'echo "$PROJECTS $VERSION"; echo "$SUMS" >sums; sha256sum --check sums',
        "env": {
            "PROJECTS": "${{ steps.publish.outputs.projects }}",
            "VERSION": "${{ steps.publish.outputs.version }}",
            "SUMS": "${{ steps.publish.outputs.sha256sums }}",
        },
    }
    call = {"uses": OURS, "id": "publish", "with": {"sandbox": sandbox.control}}
    done = act.run(job({"uses": "actions/checkout@v1"}, call, show))
    assert done.returncode == 0, done.stdout
    assert f"| {project_name} 1.0\n" in done.stdout
    assert f"{wheel.name}: OK" in done.stdout


def test_a_hostile_job(act: Act, sandbox: Sandbox, project_name: str) -> None:
    """Earlier steps and the checkout have no say in what runs and what is trusted."""
    make_project(act.project, project_name)
    for name in ("json", "pip", "publisher", "sitecustomize", "uv"):
        (act.project / f"{name}.py").write_text(f"raise SystemExit('{name} of the checkout')")
    (act.project / "pip.conf").write_text("[global]\ntarget = elsewhere\nno-binary = :all:\n")
    (act.project / "uv.toml").write_text('index-url = "http://192.0.2.1/"\n')
    (act.project / "rc.sh").write_text("echo BASH_ENV was read; exit 1\n")
    hostile = """\
        {
          echo PUBLISHER_SKIP_EXISTING=nonsense
          echo PUBLISHER_PROVIDER_CLAIMS=claims.json
          echo PUBLISHER_REPOSITORY=testpypi
          echo PYTHONPATH="$PWD"
          echo PYTHONHOME="$PWD"
          echo PIP_CONFIG_FILE="$PWD/pip.conf"
          echo PIP_TARGET="$PWD/elsewhere"
          echo PIP_DRY_RUN=1
          echo UV_CONFIG_FILE="$PWD/uv.toml"
          echo UV_NO_BINARY=1
          echo BASH_ENV="$PWD/rc.sh"
        } >>"$GITHUB_ENV"
        { ls -A; echo "$PATH"; } >"$ARTIFACTS/before"
        """
    after = '{ ls -A; echo "$PATH"; } >"$ARTIFACTS/after"'
    workflow = job(
        {"uses": "actions/checkout@v1"},
        {"run": hostile},
        {"uses": OURS, "with": {"sandbox": sandbox.control, "build": "never", "paths": "widgets"}},
        {"run": after, "env": {"BASH_ENV": ""}},
    )
    (act.project / "widgets").mkdir()
    make_wheel(act.project / "widgets", project_name)
    done = act.run(workflow)
    assert done.returncode == 0, done.stdout
    assert PASSED in done.stdout
    assert "uploaded, verified" in done.stdout
    assert "to testpypi: " not in done.stdout
    listed = {name: (act.artifacts / name).read_text() for name in ("before", "after")}
    assert listed["before"] == listed["after"]


def test_a_workflow_of_the_incumbent(act: Act, sandbox: Sandbox, project_name: str) -> None:
    """Only its ``uses:`` line is another one; old names of inputs count."""
    (act.project / "out").mkdir()
    wheel = make_wheel(act.project / "out", project_name)
    inputs = {
        "packages_dir": "out/",
        "verify-metadata": "false",
        "print_hash": "true",
        "skip_existing": "true",
        "verbose": "true",
        "attestations": "true",
    }
    workflow = job({"uses": "actions/checkout@v1"}, {"uses": OURS, "with": inputs})
    done = act.run(with_inputs(workflow, sandbox=sandbox.control))
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("note setting-replaced: ") == 2
    assert arrived(done.stdout) == {wheel.name}
