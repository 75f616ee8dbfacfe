"""Workflows of GitHub Actions, run on this machine by act, with nothing of our environment."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
STUBS = ROOT / "tests" / "faces" / "stubs"
OURS = "OWNER/publisher@v0.1.0"
MACHINES = "ubuntu-latest ubuntu-24.04-arm windows-latest macos-latest docker"


def load(path: Path) -> Any:
    """A YAML file; ``on`` is a key like any other (YAML 1.2)."""
    return YAML(typ="safe").load(path.read_text("utf-8"))


def uses(workflow: Any) -> list[str]:
    """Every action that a workflow uses, in order."""
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    return [step["uses"] for step in steps if "uses" in step]


def without_hosts(workflow: Any) -> Any:
    """The workflow with actions named as act wants them; Forgejo's runner also takes URLs."""
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            step["uses"] = re.sub(r"^https://[^/]+/", "", step["uses"])
    return workflow


def with_inputs(workflow: Any, **inputs: str) -> Any:
    """The workflow with further inputs wherever it uses our action; _ stands for -."""
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            if step.get("uses") == OURS:
                more = {name.replace("_", "-"): value for name, value in inputs.items()}
                step["with"] = {**step.get("with", {}), **more}
    return workflow


class Act:
    """A runner with an empty repository.

    The stubs beside the tests stand for other people's actions. They take the project from
    ``project``, what cibuildwheel makes from ``wheels``, and keep artifacts in ``artifacts``.
    """

    def __init__(self, program: str, folder: Path, settings: Mapping[str, str]) -> None:
        self.program = program
        self.folder = folder
        self.settings = settings
        self.project, self.wheels = folder / "project", folder / "wheels"
        self.artifacts = folder / "artifacts"
        for place in (self.project, self.wheels, self.artifacts):
            place.mkdir()
        git = ["git", "-C", str(folder), "-c", "user.name=octo", "-c", "user.email=octo@example"]
        subprocess.run([*git, "init", "-q", "repository"], check=True)
        subprocess.run(
            [*git, "-C", "repository", "commit", "-q", "--allow-empty", "-m", "-"], check=True
        )

    def run(
        self, workflow: Any, event: str = "push", **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Run every job; the log is all in ``stdout``."""
        file, about = self.folder / "release.yml", self.folder / "event.json"
        file.write_text(json.dumps(workflow), encoding="utf-8")
        release = {"action": "published", "release": {"tag_name": "v1.0"}}
        happened = release if event == "release" else {}
        about.write_text(json.dumps(happened), encoding="utf-8")
        given = {
            "PROJECT": str(self.project),
            "WHEELS": str(self.wheels),
            "ARTIFACTS": str(self.artifacts),
            "GITHUB_REPOSITORY": "octo-org/widget",
            **self.settings,
            **env,
        }
        command = [self.program, event, "-W", str(file), "-e", str(about)]
        command += ["--pull=false", "--no-cache-server", "--no-skip-checkout"]
        for machine in MACHINES.split():
            command += ["-P", f"{machine}=-self-hosted"]
        for name in {*uses(workflow), OURS}:
            action, _, ref = name.partition("@")
            stub = STUBS / action.rpartition("/")[2]
            command += ["--local-repository", f"{action}@{ref}={ROOT if name == OURS else stub}"]
        for name, value in given.items():
            command += ["--env", f"{name}={value}"]
        path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"])
        return subprocess.run(
            command,
            env={"PATH": path, "HOME": str(self.folder)},
            cwd=self.folder / "repository",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
