"""GitLab's template and component, run by gitlab-ci-local.

It fills no ``id_tokens``: a test gives the tokens as variables. Those beat a job's, as a project's
do on GitLab.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ruamel.yaml", reason="it is of the extra: faces")

import publisher
from support.act import load
from support.archives import make_wheel
from support.faces import ROOT
from support.mirror import Mirror
from support.pipeline import VERSION, Code, Pipeline
from support.projects import make_project
from support.sandbox import Sandbox

pytestmark = pytest.mark.online

PASSED = "REHEARSAL: NOTHING WAS PUBLISHED. EVERY STEP PASSED."
Made = Callable[..., Pipeline]


@pytest.fixture(scope="session")
def program(node: Path) -> Path:
    """gitlab-ci-local; it copies files with rsync."""
    if shutil.which("rsync") is None:
        pytest.skip("rsync is not installed")
    return node / "node_modules" / ".bin" / "gitlab-ci-local"


@pytest.fixture(scope="session")
def code(tmp_path_factory: pytest.TempPathFactory) -> Code:
    return Code(tmp_path_factory.mktemp("code"))


@pytest.fixture
def made(program: Path, tmp_path: Path, code: Code, mirror: Mirror) -> Made:
    """Make the project; gitlab-ci-local itself stumbles over a space when it gets a component."""

    def make(name: str = "my project") -> Pipeline:
        return Pipeline(program, tmp_path, code, {"PIP_INDEX_URL": mirror.url}, name)

    return make


def real(pipeline: Pipeline, sandbox: Sandbox) -> dict[str, object]:
    """Inputs for a real run, no rehearsal, to services of one's own."""
    trust = json.dumps(sandbox.info["trust_config"])
    (pipeline.project / "trust.json").write_text(trust, encoding="utf-8")
    where = {"repository_url": f"{sandbox.index}/legacy/", "check_url": f"{sandbox.index}/simple"}
    return {**where, "audience": "pypi", "trust_config": "trust.json"}


def tokens(sandbox: Sandbox) -> dict[str, str]:
    player = sandbox.persona("gitlab")
    return {
        "PYPI_ID_TOKEN": player.token("pypi"),
        "SIGSTORE_ID_TOKEN": player.token("sigstore"),
    }


def report(pipeline: Pipeline) -> Any:
    return json.loads(pipeline.artifact("publisher.json"))


def test_a_rehearsal_with_all_that_it_leaves(made: Made) -> None:
    """In a path with a space; a later job has the dotenv file's variables."""
    pipeline = made()
    make_project(pipeline.project / "the widget")
    config = pipeline.template(dry_run=True, paths="*widget")
    config["later"] = {"stage": ".post", "script": ['echo "later: $RELEASE_PROJECTS"']}
    config["later"]["needs"] = ["publish"]
    done = pipeline.run(config)
    assert done.returncode == 0, done.stdout
    assert PASSED in done.stdout
    assert "as a job of gitlab" not in done.stdout  # it is one
    assert "later: widget" in done.stdout
    assert report(pipeline)["provider"]["register"]["Project name"] == "widget"
    assert "RELEASE_VERSION=1.0\n" in pipeline.artifact("publisher.env")
    assert "widget" in pipeline.artifact("publisher.summary.md")
    assert pipeline.artifact("publisher.html").startswith("<!doctype html>")


@pytest.mark.parametrize("face", ["template", "component"])
def test_a_release(face: str, made: Made, sandbox: Sandbox, project_name: str) -> None:
    pipeline = made("project")
    wheel = make_wheel(pipeline.project / "dist", project_name)
    config = getattr(pipeline, face)(**real(pipeline, sandbox))
    done = pipeline.run(config, **tokens(sandbox))
    assert done.returncode == 0, done.stdout
    assert f"Published {project_name} 1.0 on 127.0.0.1." in done.stdout
    assert sandbox.provenance(wheel).status_code == 200
    assert report(pipeline)["provider"]["publisher"]["kind"] == "GitLab"
    assert f"commit {pipeline.code.commit} of" in done.stdout


def test_a_release_without_its_tokens(made: Made, sandbox: Sandbox, project_name: str) -> None:
    """The report is kept after a failure, too."""
    pipeline = made()
    make_wheel(pipeline.project / "dist", project_name)
    done = pipeline.run(pipeline.template(**real(pipeline, sandbox)))
    assert done.returncode != 0
    assert "error id-token-missing: " in done.stdout
    assert "id_tokens:" in done.stdout
    assert report(pipeline)["exit_code"] == 3
    assert sandbox.listing(project_name).status_code == 404


def test_the_projects_variables_decide_nothing(
    made: Made, sandbox: Sandbox, project_name: str
) -> None:
    """Neither where it goes, nor who signs, nor what runs."""
    pipeline = made()
    make_wheel(pipeline.project / "dist", project_name)
    git = {"GIT_DIR": "/nowhere", "GIT_CONFIG_COUNT": "nonsense", "GIT_EXEC_PATH": "/nowhere"}
    done = pipeline.run(
        pipeline.template(sandbox=sandbox.control),
        PUBLISHER_SANDBOX="http://127.0.0.1:9",
        PUBLISHER_REPOSITORY_URL="https://index.example/legacy/",
        PUBLISHER_AUDIENCE="index.example",
        PUBLISHER_PROVIDER="google",
        PUBLISHER_PATHS="elsewhere",
        PUBLISHER_nonsense="1",
        GOOGLE_SERVICE_ACCOUNT_NAME="somebody@project.iam.gserviceaccount.com",
        **git,
    )
    assert done.returncode == 0, done.stdout
    assert PASSED in done.stdout
    assert "not read here: PUBLISHER_REPOSITORY_URL" in done.stdout
    assert "index.example" not in done.stdout
    assert report(pipeline)["provider"]["name"] == "gitlab"
    assert sandbox.listing(project_name).status_code == 200


def test_a_variable_makes_no_release_a_rehearsal_in_silence(made: Made) -> None:
    pipeline = made()
    done = pipeline.run(pipeline.template(), PUBLISHER_DRY_RUN="true")
    assert done.returncode != 0
    assert "only the input dry-run is read here" in done.stdout


def test_the_example_of_two_jobs_rehearsed(made: Made) -> None:
    """It includes the template from afar; here it lies in the project."""
    pipeline = made()
    make_project(pipeline.project)
    example = load(ROOT / "examples" / "gitlab.yml")
    config = {**example, "include": pipeline.template(dry_run=True)["include"]}
    done = pipeline.run(config, CI_COMMIT_REF_PROTECTED="true")
    assert done.returncode == 0, done.stdout
    assert PASSED in done.stdout
    kinds = [file["kind"] for file in report(pipeline)["files"]]
    assert sorted(kinds) == ["sdist", "wheel"]
    assert "Successfully built widget" in done.stdout
    assert "build:" not in done.stdout.partition("REHEARSAL: every")[2]  # not built again


def test_the_example_of_the_component_rehearsed(made: Made) -> None:
    """All it says is the component's address; a release of ours has the version there."""
    pipeline = made("project")
    make_project(pipeline.project)
    (included,) = load(ROOT / "examples" / "gitlab-component.yml")["include"]
    address, _, version = included["component"].partition("@")
    assert (address, version) == ("$CI_SERVER_FQDN/OWNER/publisher/publish", publisher.__version__)
    config = pipeline.component(dry_run=True)
    config["include"][0]["component"] = f"{address}@{VERSION}"
    done = pipeline.run(config)
    assert done.returncode == 0, done.stdout
    assert PASSED in done.stdout


def test_a_password_comes_from_the_variable_that_is_named(
    made: Made, sandbox: Sandbox, project_name: str
) -> None:
    pipeline = made()
    make_wheel(pipeline.project / "dist", project_name)
    inputs = {**real(pipeline, sandbox), "attestations": "off", "password": "MY_TOKEN"}
    del inputs["audience"], inputs["trust_config"]
    upload = sandbox.mint(sandbox.persona("gitlab"))
    done = pipeline.run(pipeline.template(**inputs), MY_TOKEN=upload)
    assert done.returncode == 0, done.stdout
    assert upload not in done.stdout
    assert sandbox.listing(project_name).status_code == 200


def test_a_commit_that_is_not_there(made: Made) -> None:
    pipeline = made()
    done = pipeline.run(pipeline.template(ref=pipeline.code.commit[::-1]))
    assert done.returncode != 0
    assert "not our ref" in done.stdout
    assert "publisher: commit" not in done.stdout


def test_something_else_than_a_commit(made: Made) -> None:
    pipeline = made()
    done = pipeline.run(pipeline.template(ref=pipeline.code.tag_object))
    assert done.returncode != 0
    assert f"has something else for commit {pipeline.code.tag_object}" in done.stdout
    assert "publisher: commit" not in done.stdout


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("paths", "'; echo hijacked; '"),
        ("paths", "$(echo hijacked)"),
        ("tag", "1\n      echo hijacked"),
        ("password", "HOME; echo hijacked"),
        ("ref", "main"),
        ("jobs", "8; echo hijacked"),
        ("build", "sometimes"),
    ],
)
def test_an_input_that_is_refused(name: str, value: str, made: Made) -> None:
    pipeline = made()
    done = pipeline.run(pipeline.template(**{name: value}))
    assert done.returncode != 0
    assert f"`{name}` input: " in done.stdout
    assert "hijacked\n" not in done.stdout


@pytest.mark.parametrize("face", ["template", "component"])
def test_the_expanded_pipeline_has_gitlabs_schema(
    face: str, made: Made, tool: Callable[[str], str], tmp_path: Path
) -> None:
    pipeline = made("project")
    done = pipeline.run(getattr(pipeline, face)(dry_run=True), "--preview")
    expanded = tmp_path / "expanded.yml"
    expanded.write_text(done.stdout.partition("---\n")[2], encoding="utf-8")
    check = [tool("check-jsonschema"), "--builtin-schema", "vendor.gitlab-ci", str(expanded)]
    checked = subprocess.run(check, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    job = load(expanded)["publish"]
    assert list(job["id_tokens"]) == ["PYPI_ID_TOKEN", "SIGSTORE_ID_TOKEN"]
    assert job["rules"] == [{"if": "$CI_COMMIT_TAG"}]
