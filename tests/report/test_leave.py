"""Rehearsed releases in a CI's surroundings: everything they leave, and no secret in it."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from publisher import cli
from publisher.http import Http
from publisher.models import Run, Secret
from publisher.options import Options
from publisher.providers.github import GitHub
from publisher.publish import identity
from publisher.publish.pipeline import Release
from publisher.publish.recorder import Recorder
from publisher.report.console import Console
from publisher.report.github import masks
from support.archives import make_sdist, make_wheel
from support.play import PERSONA, asked, world_of
from support.sample_run import STARTED
from support.sandbox import GITHUB, Sandbox

TOKEN = re.compile(r"eyJ[\w-]{10,}|pypi-[\w-]{40,}")
SECRET = {"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "hunter2", "PYPI_ID_TOKEN": "hunter2"}


@dataclass
class Job:
    """A job of a CI: its folder and its variables."""

    sandbox: Sandbox
    folder: Path
    env: dict[str, str]

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join(entry for entry in sys.path if Path(entry).is_absolute())
        command = [sys.executable, "-m", "publisher", "--sandbox", self.sandbox.control]
        done = subprocess.run(
            [*command, *arguments, "dist"],
            cwd=self.folder,
            env={**self.env, **SECRET, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout
        return done

    def left(self) -> dict[str, str]:
        files = (path for path in self.folder.iterdir() if path.is_file())
        return {path.name: path.read_text("utf-8") for path in files}


@pytest.fixture
def job(sandbox: Sandbox, tmp_path: Path, project_name: str, clean_env: dict[str, str]) -> Job:
    (tmp_path / "dist").mkdir()
    make_wheel(tmp_path / "dist", project_name)
    make_sdist(tmp_path / "dist", project_name)
    return Job(sandbox, tmp_path, clean_env)


def on_github(job: Job) -> Job:
    files = {"GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary.md"}
    job.env |= {name: str(job.folder / file) for name, file in files.items()}
    job.env |= {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "octo-org/widget"}
    return job


ALL = ("--report", "r.json", "--html", "r.html", "--verbose")


def test_a_job_of_github(job: Job, project_name: str) -> None:
    done = on_github(job).run(*ALL)
    left = job.left()
    assert sorted(left) == ["output", "r.html", "r.json", "summary.md"]
    assert f"\n{project_name}\n" in left["output"]
    assert f"\n{job.folder / 'r.json'}\n" in left["output"]
    assert f"### {project_name} 1.0\n" in left["summary.md"]
    assert "127.0.0.1" not in left["output"] + left["summary.md"] + left["r.html"]
    assert f"::notice title={project_name} 1.0::REHEARSAL" in done.stderr
    assert "add-mask" not in done.stderr, "a rehearsal has nothing to mask"


def test_a_job_of_gitlab(job: Job, project_name: str) -> None:
    job.env["GITLAB_CI"] = "true"
    done = job.run(*ALL)
    left = job.left()
    assert sorted(left) == ["r.env", "r.html", "r.json", "r.summary.md"]
    assert f"RELEASE_PROJECTS={project_name}\n" in left["r.env"]
    assert done.stderr == ""


def test_a_laptop(job: Job) -> None:
    done = job.run(*ALL)
    assert sorted(job.left()) == ["r.html", "r.json"]
    assert done.stderr == ""


@pytest.mark.parametrize("ci", ["GITHUB_ACTIONS", "GITLAB_CI"])
@pytest.mark.parametrize("refused", [False, True])
def test_no_secret_is_left(job: Job, ci: str, refused: bool) -> None:
    on_github(job).env |= {"GITHUB_ACTIONS": "false", ci: "true"}
    if refused:
        fault = {"service": "pypi", "method": "POST", "path": "/legacy/", "status": 400}
        assert job.sandbox.post("faults", [{**fault, "times": 20}]).status_code == 200
    done = job.run(*ALL, code=7 if refused else 0)
    texts = [done.stdout, done.stderr, *job.left().values()]
    assert len(texts) >= 5
    assert not [text for text in texts if TOKEN.search(text) or "hunter2" in text]


def test_standard_output_is_the_reports(job: Job) -> None:
    done = on_github(job).run("--format", "json")
    assert done.stdout.startswith("{")
    assert "::notice" in done.stderr


def test_one_place_that_fails_keeps_no_other_from_being_written(job: Job) -> None:
    (job.folder / "r.json").mkdir()
    done = on_github(job).run(*ALL, code=2)
    assert "error cannot-write: the report can't be written" in done.stdout
    assert "::error title=cannot-write::" in done.stderr
    assert sorted(job.left()) == ["output", "r.html", "summary.md"]


def test_a_page_that_can_not_be_written_stops_before_anything_is_done(job: Job) -> None:
    (job.folder / "file").touch()
    done = job.run("--html", "file/r.html", code=2)
    assert "error cannot-write: --html: nothing can be written to file" in done.stdout
    assert "identity:" not in done.stdout


# Masks


def test_every_token_is_masked_before_it_is_used(
    sandbox: Sandbox, tmp_path: Path, project_name: str
) -> None:
    make_wheel(tmp_path, project_name)
    used: list[str] = []
    masked: dict[str, int] = {}

    def mask(secret: Secret) -> None:
        assert secret.reveal() not in masked
        masked[secret.reveal()] = len(asked(sandbox, "pypi"))

    run = Run("github", rehearsal=True, started=STARTED)
    before = len(asked(sandbox, "pypi"))
    with world_of(sandbox, PERSONA) as world:
        http = Http()
        recorder = Recorder(run, Console(io.StringIO(), mask=mask), http)
        options = Options(paths=(str(tmp_path / "*.whl"),))

        def tokens(audience: str, *, spend: bool = True) -> Secret:
            used.append((token := world.tokens(audience, spend=spend)).reveal())
            return token

        open_world = replace(world, tokens=identity.masked(tokens, recorder.reporter.mask))
        Release(options, GitHub({}, tmp_path, GITHUB), open_world, {}, recorder, http).run()
        http.close()
    upload_token = next(token for token in masked if token.startswith("pypi-"))
    assert set(used) == set(list(masked)[:2]), "one for the index and one for Sigstore, seen twice"
    assert list(masked)[2:] == [upload_token]
    assert masked[upload_token] == before + 1, "after the mint, before the upload and the burn"
    assert len(asked(sandbox, "pypi")) == before + 3
    assert all(TOKEN.fullmatch(token.split(".")[0]) for token in masked)


def test_only_a_real_run_masks(capsys: pytest.CaptureFixture[str]) -> None:
    secret, env = Secret("hunter2"), {"GITHUB_ACTIONS": "true"}
    for options in (Options(dry_run=True), Options(sandbox="http://127.0.0.1:1")):
        cli._console(options, env).mask(secret)
    cli._console(Options(), {}).mask(secret)
    assert capsys.readouterr() == ("", "")
    for options in (Options(), Options(format="json")):
        cli._console(options, env).mask(secret)
        assert capsys.readouterr() == ("", f"{next(masks(secret))}\n")
