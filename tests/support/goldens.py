"""What users of each CI read when something goes wrong: provocations, and the blocks they print.

``PYTHONPATH=tests python -m support.goldens`` writes tests/golden anew; the tests only compare.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from publisher import cli
from publisher.publish import identity
from support.archives import make_wheel
from support.play import running
from support.sandbox import PERSONAS, SHA, WORKFLOW, Player, Sandbox

FOLDER = Path(__file__).parent.parent / "golden"
ACCOUNT = "pypi-publisher@my-project.iam.gserviceaccount.com"
JOBS: Mapping[str, Mapping[str, str]] = {
    "github": {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_JOB": "publish",
        "GITHUB_REF": "refs/tags/v1.0",
        "GITHUB_REF_NAME": "v1.0",
        "GITHUB_REF_TYPE": "tag",
        "GITHUB_REPOSITORY": "octo-org/widget",
        "GITHUB_SHA": SHA,
        "GITHUB_WORKFLOW_REF": WORKFLOW,
    },
    "gitlab": {
        "CI_COMMIT_REF_NAME": "v1.0",
        "CI_COMMIT_SHA": SHA,
        "CI_COMMIT_TAG": "v1.0",
        "CI_PROJECT_PATH": "my-group/widget",
        "CI_SERVER_URL": "https://gitlab.com",
        "GITLAB_CI": "true",
    },
    "google": {"GOOGLE_SERVICE_ACCOUNT_NAME": ACCOUNT},
    "activestate": {},
}
"""The plain variables of a job at each CI."""
OTHERS: Mapping[str, Mapping[str, str]] = {
    "github": {"environment": "release"},
    "gitlab": {"environment": "release"},
    "google": {"email": ACCOUNT, "sub": "1"},
    "activestate": {"actor_id": "2"},
}
"""How the publisher that is registered differs from the job."""


@dataclass
class Job:
    """A job with one wheel to publish, in an empty folder, at the CI that ``env`` says."""

    sandbox: Sandbox
    folder: Path
    patch: pytest.MonkeyPatch
    env: dict[str, str]
    argv: list[str] = field(default_factory=list)

    def rehearse(self, *argv: str) -> None:
        self.argv += ["--sandbox", self.sandbox.control, *argv]

    def holds(self, kind: str, **claims: Any) -> Player:
        """Rehearse with tokens of these claims; the publisher that is registered is another."""
        usual, publisher = PERSONAS[kind]
        usual = {name: value for name, value in usual.items() if name != "environment"}
        asked = {"claims": {**usual, **claims}, "publisher": {**publisher, **OTHERS[kind]}}
        answer = self.sandbox.post("persona", asked)
        assert answer.status_code == 200, answer.text
        self.fault("control", "POST", "/persona", status=200, body=answer.text)
        self.rehearse()
        given = answer.json()
        return Player(given["request_url"], given["request_token"], self.sandbox.http)

    def fault(self, service: str, method: str, path: str, **what: Any) -> None:
        asked = {"service": service, "method": method, "path": path, "times": 9, **what}
        assert self.sandbox.post("faults", [asked]).status_code == 200


Provocation = Callable[[Job], None]
CASES: dict[str, Provocation] = {}
"""By the name of the golden file: CODE.CI, and what varies if one CI has several."""


def case(name: str) -> Callable[[Provocation], Provocation]:
    def register(provocation: Provocation) -> Provocation:
        CASES[name] = provocation
        return provocation

    return register


# Known from the job's variables alone


@case("missing-permission.github")
def _(_job: Job) -> None:
    """A job like any other."""


@case("missing-permission.github.fork")
def _(job: Job) -> None:
    job.env["GITHUB_EVENT_NAME"] = "pull_request"


@case("event-not-supported.github")
def _(job: Job) -> None:
    job.env["GITHUB_EVENT_NAME"] = "pull_request_target"


@case("token-request-failed.github")
def _(job: Job) -> None:
    job.env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = "s3cr3t"
    job.env["ACTIONS_ID_TOKEN_REQUEST_URL"] = "http://192.0.2.1/token"


@case("token-request-failed.google")
def _(job: Job) -> None:
    """No machine of Google's, so no metadata server."""
    job.patch.setattr(identity, "TRIES", 1)
    for name, value in job.env.items():
        job.patch.setenv(name, value)  # the library that asks reads them itself
    job.patch.delenv("GITHUB_ACTIONS", raising=False)


@case("token-request-failed.google.shadowed")
def _(job: Job) -> None:
    job.env["GITHUB_ACTIONS"] = "true"
    job.argv += ["--provider", "google"]


@case("id-token-missing.gitlab")
def _(_job: Job) -> None:
    """No id_tokens in the job."""


@case("id-token-missing.gitlab.audience")
def _(job: Job) -> None:
    job.env["PYPI_ID_TOKEN"] = job.sandbox.persona("gitlab").token("https://index.example")


@case("not-attestable.gitlab")
def _(job: Job) -> None:
    job.env["CI_SERVER_URL"] = "https://gitlab.example.org"
    job.rehearse("--attestations", "required")


# Known from the claims


@case("reusable-workflow.github")
def _(job: Job) -> None:
    job.holds("github", workflow_ref=WORKFLOW.replace("release.yml", "ci.yml"))


@case("token-unexpected.github")
def _(job: Job) -> None:
    issuer = PERSONAS["github"][0]["iss"]
    job.holds("github", iss=f"{issuer}/octo-enterprise")


@case("token-unexpected.gitlab")
def _(job: Job) -> None:
    job.holds("gitlab", sub="project_id:20:ref_type:tag")


@case("token-unexpected.google")
def _(job: Job) -> None:
    job.holds("google", email=ACCOUNT, email_verified=False)


@case("untrusted-trigger.github")
def _(job: Job) -> None:
    job.holds("github", event_name="issue_comment")


# Said by the index


@case("mint-refused.github")
def _(job: Job) -> None:
    job.holds("github")


@case("mint-refused.github.fork")
def _(job: Job) -> None:
    job.env["GITHUB_EVENT_NAME"] = "pull_request"
    job.holds("github", event_name="pull_request")


@case("mint-refused.gitlab")
def _(job: Job) -> None:
    job.holds("gitlab")


@case("mint-refused.gitlab.fork")
def _(job: Job) -> None:
    job.holds("gitlab", job_project_path="my-group/upstream")


@case("mint-refused.gitlab.reused")
def _(job: Job) -> None:
    job.argv += ["--attestations", "off"]
    token = job.holds("gitlab", environment="release").token("pypi")
    assert job.sandbox.exchange(token).status_code == 200
    job.fault("issuer", "GET", "/token", status=200, body=json.dumps({"value": token}))


@case("mint-refused.google")
def _(job: Job) -> None:
    job.holds("google", email=ACCOUNT)


@case("mint-refused.activestate")
def _(job: Job) -> None:
    job.holds("activestate", actor="jane")
    job.argv += ["--provider", "activestate"]


def block(name: str, sandbox: Sandbox, folder: Path) -> str:
    """The error as it is printed, from its code to the link; times are taken out."""
    code, kind = name.split(".")[:2]
    wheel = make_wheel(folder, "widget")
    shown = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        job = Job(sandbox, folder, patch, {**JOBS[kind], "HOME": str(folder)}, [wheel.name])
        CASES[name](job)
        with contextlib.chdir(folder), contextlib.redirect_stdout(shown):
            cli.run(job.argv, job.env)
    sandbox.http.delete(f"{sandbox.control}/faults")
    found = re.search(rf"(?ms)^error {code}: .+?^  docs/errors\.md#{code}$\n", shown.getvalue())
    assert found, shown.getvalue()
    return re.sub(r"\b1\d{9}\b", "TIME", found[0])


def main() -> None:
    """Write every golden file."""
    for old in FOLDER.glob("*.txt"):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as sandbox:
        for name in CASES:
            with tempfile.TemporaryDirectory() as job:
                (FOLDER / f"{name}.txt").write_text(block(name, sandbox, Path(job)), "utf-8")


if __name__ == "__main__":
    main()
