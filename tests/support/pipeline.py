"""Pipelines of GitLab CI/CD, run on this machine by gitlab-ci-local."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.faces import ROOT

Done = subprocess.CompletedProcess[str]
ADDRESS = "https://gitlab.com:443/OWNER/publisher.git"  # as gitlab-ci-local asks for a component
VERSION = "1.0.0"
JOB = "publish"


def git(folder: Path, *words: str) -> str:
    """Run git with an identity of its own; return what it says."""
    who = ["-c", "user.name=octo", "-c", "user.email=octo@example"]
    command = ["git", "-C", str(folder), *who, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class Code:
    """A repository of what we ship: its URL and its one commit, which has a tag."""

    def __init__(self, folder: Path) -> None:
        leave_out = shutil.ignore_patterns("__pycache__")
        for name in ("requirements", "src", "templates"):
            shutil.copytree(ROOT / name, folder / name, ignore=leave_out)
        shutil.copy(ROOT / ".gitlab-ci-template.yml", folder)
        git(folder, "init", "--quiet")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", "-")
        git(folder, "tag", VERSION)
        git(folder, "tag", "--annotate", "--message", "-", "annotated")
        self.url, self.commit = folder.as_uri(), git(folder, "rev-parse", "HEAD")
        self.tag_object = git(folder, "rev-parse", "annotated")  # leads to that commit


class Pipeline:
    """A project, and a runner that has nothing of our environment."""

    def __init__(
        self, program: Path, folder: Path, code: Code, variables: Mapping[str, str], name: str
    ) -> None:
        self.program, self.code = program, code
        about = {"GITLAB_CI": "true", "CI_COMMIT_TAG": "v1.0", "CI_PROJECT_VISIBILITY": "public"}
        self.variables = {**about, **variables}
        self.project, home, temporary = folder / name, folder / "home", folder / "temp"
        for place in (self.project, home, temporary):
            place.mkdir()
        settings = f"""[user]
  name = octo
  email = octo@example
[url "{code.url}"]
  insteadOf = {ADDRESS}
"""
        (home / ".gitconfig").write_text(settings, encoding="utf-8")
        path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"])
        self.env = {"PATH": path, "HOME": str(home), "TMPDIR": str(temporary)}
        git(self.project, "init", "--quiet", "--initial-branch=main")
        git(self.project, "remote", "add", "origin", "https://gitlab.com/my-group/widget.git")
        git(self.project, "commit", "--quiet", "--allow-empty", "--message", "-")

    def template(self, **inputs: object) -> Any:
        """A pipeline that includes the file; _ stands for -."""
        shutil.copy(ROOT / ".gitlab-ci-template.yml", self.project / "publisher.yml")
        given = {"ref": self.code.commit, "source": self.code.url, **_words(inputs)}
        return {
            "include": [{"local": "publisher.yml", "inputs": given}],
            JOB: {"extends": ".publish", "stage": "deploy"},
        }

    def component(self, **inputs: object) -> Any:
        """A pipeline that includes the component by its version; _ stands for -."""
        name = f"gitlab.com/OWNER/publisher/publish@{VERSION}"
        given = {"source": self.code.url, **_words(inputs)}
        return {"include": [{"component": name, "inputs": given}]}

    def run(self, config: Any, *words: str, **variables: str) -> Done:
        """Run every job; ``variables`` are the project's. The log is all in ``stdout``."""
        text = config if isinstance(config, str) else json.dumps(config)
        (self.project / ".gitlab-ci.yml").write_text(text, encoding="utf-8")
        git(self.project, "add", "--all")  # gitlab-ci-local includes only what git knows
        command = [str(self.program), "--force-shell-executor", "--shell-isolation", "--no-color"]
        command += ["--no-artifacts-to-source", *words]
        for name, value in {**self.variables, **variables}.items():
            command += ["--variable", f"{name}={value}"]
        return subprocess.run(
            command,
            env=self.env,
            cwd=self.project,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if "--preview" in words else subprocess.STDOUT,
            text=True,
            check=False,
        )

    def artifact(self, name: str) -> str:
        """What the job left."""
        kept = self.project / ".gitlab-ci-local" / "artifacts" / JOB
        (found,) = kept.rglob(name)  # what is a report has a folder of its own
        return found.read_text("utf-8")


def _words(inputs: Mapping[str, object]) -> dict[str, object]:
    return {name.replace("_", "-"): value for name, value in inputs.items()}
