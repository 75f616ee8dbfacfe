"""examples/cloudbuild.yaml: checked by Google's schema and proto, and run, ``id`` unmodified."""

from __future__ import annotations

import copy
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ruamel.yaml", reason="it is of the extra: faces")

from support.act import load
from support.archives import make_wheel
from support.cloud_build import Ask, ask
from support.faces import ROOT
from support.pipeline import Code
from support.sandbox import GOOGLE

EXAMPLE = ROOT / "examples" / "cloudbuild.yaml"
PASSED = "REHEARSAL: NOTHING WAS PUBLISHED. EVERY STEP PASSED."
ACCOUNT = GOOGLE["email"]


@pytest.fixture(scope="session")
def code(tmp_path_factory: pytest.TempPathFactory) -> Code:
    return Code(tmp_path_factory.mktemp("code"))


@dataclass
class Build:
    """Runs the example with other substitutions."""

    folder: Path
    workspace: Path
    wheels: Path
    code: Code

    def __call__(self, *, real: bool = True, allowed: bool = True, **changed: str) -> Any:
        build = copy.deepcopy(load(EXAMPLE))
        given = {"_PUBLISHER_COMMIT": self.code.commit, "_PUBLISHER_SOURCE": self.code.url}
        wheels, workspace = str(self.wheels), str(self.workspace)
        substitutions = {**given, **changed}
        return ask(Ask(build, substitutions, wheels, workspace, real, allowed), self.folder)


@pytest.fixture
def build(tmp_path: Path, wheelhouse: Path, code: Code) -> Build:
    try:
        subprocess.run(["unshare", "-Urmn", "ip", "link"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no network of its own can be made here")
    workspace = tmp_path / "workspace"
    make_wheel(workspace / "dist", "widget")
    return Build(tmp_path, workspace, wheelhouse, code)


@pytest.mark.online
def test_as_the_builds_own_account(build: Build) -> None:
    told = build(TAG_NAME="v1.0")
    assert told["code"] == 0, told["log"]
    assert "Published widget 1.0 on 127.0.0.1." in told["log"]
    assert told["published"]
    assert {"metadata pypi", "metadata sigstore"} == set(told["seen"])


@pytest.mark.online
def test_as_an_account_that_it_makes_tokens_for(build: Build) -> None:
    told = build(_SERVICE_ACCOUNT=ACCOUNT)
    assert told["code"] == 0, told["log"]
    assert told["published"]
    assert {f"{ACCOUNT} pypi True", f"{ACCOUNT} sigstore True"} == set(told["seen"])


@pytest.mark.online
def test_an_account_that_it_may_not_make_tokens_for(build: Build) -> None:
    told = build(_SERVICE_ACCOUNT=ACCOUNT, allowed=False)
    assert told["code"] == 3, told["log"]
    assert "roles/iam.serviceAccountOpenIdTokenCreator" in told["log"]
    assert not told["published"]


@pytest.mark.online
def test_a_rehearsal_asks_google_nothing(build: Build) -> None:
    told = build(real=False, _DRY_RUN="true")
    assert told["code"] == 0, told["log"]
    assert PASSED in told["log"]
    assert (told["seen"], told["published"]) == ([], False)


@pytest.mark.online
def test_a_tag_of_another_version(build: Build) -> None:
    told = build(TAG_NAME="v2.0")
    assert told["code"] == 4, told["log"]
    assert not told["published"]


def test_it_has_the_schema(tool: Callable[[str], str]) -> None:
    check = [tool("check-jsonschema"), "--builtin-schema", "vendor.cloudbuild", str(EXAMPLE)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_google_reads_it() -> None:
    why = "google-cloud-build is of the extra: faces"
    cloudbuild = pytest.importorskip("google.cloud.devtools.cloudbuild_v1", reason=why)
    json_format = pytest.importorskip("google.protobuf.json_format", reason=why)
    read = json_format.ParseDict(load(EXAMPLE), cloudbuild.Build.pb(cloudbuild.Build()))
    assert read.service_account.startswith("projects/PROJECT_ID/serviceAccounts/")
    assert read.options.logging == cloudbuild.BuildOptions.LoggingMode.CLOUD_LOGGING_ONLY


def test_no_text_of_a_user_is_in_a_script(tool: Callable[[str], str], tmp_path: Path) -> None:
    """In a ``script`` Cloud Build puts nothing in place of $NAME: the shell does."""
    (step,) = load(EXAMPLE)["steps"]
    assert "${_" not in step["script"]
    (tmp_path / "step.sh").write_text(step["script"], encoding="utf-8")
    done = subprocess.run(
        [tool("shellcheck"), str(tmp_path / "step.sh")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
