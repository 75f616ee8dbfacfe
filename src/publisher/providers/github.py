"""GitHub Actions on github.com.

Claims: https://docs.github.com/actions/reference/security/oidc
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from publisher import git
from publisher.errors import (
    EventNotSupported,
    MintRefused,
    MissingPermission,
    PublisherError,
    TokenRequestFailed,
    TokenUnexpected,
)
from publisher.http import carries_secrets
from publisher.models import Persona
from publisher.providers.base import Provider, Support

ORIGIN = re.compile(
    r"^(?:\w+://)?(?:[^@/]+@)?github\.com(?::\d+/|[:/]+)([\w.-]+)/([\w.-]+?)(?:\.git)?/?$"
)
WORKFLOW = re.compile(r"([^/@]+\.ya?ml)@")
PERMISSION = """\
Give the job that publishes the permission to ask for ID tokens:

    jobs:
      publish:
        permissions:
          id-token: write    # add this line

In a reusable workflow the calling job needs it too."""
FORK = """\
This run belongs to a pull request from a fork; GitHub gives such runs no ID token.
Publish from a tag or a release instead:

    on:
      release:
        types: [published]"""
EVENT = """\
Publish from an event of your own repository, for example:

    on:
      release:
        types: [published]"""


class GitHub(Provider):
    """A job of GitHub Actions."""

    name = "github"
    issuer = "https://token.actions.githubusercontent.com"

    @classmethod
    def detects(cls, env: Mapping[str, str]) -> bool:
        """Forgejo and Gitea set GitHub's variables too, and are not GitHub."""
        foreign = env.get("FORGEJO_ACTIONS") or env.get("GITEA_ACTIONS")
        return env.get("GITHUB_ACTIONS") == "true" and not foreign

    def preflight(self) -> None:
        """Check event and permission.

        Raises:
            EventNotSupported: Started by ``pull_request_target``.
            MissingPermission: No ``id-token: write``.
        """
        event = self.env.get("GITHUB_EVENT_NAME", "")
        if event == "pull_request_target":
            raise EventNotSupported(
                "indexes do not let jobs publish that pull_request_target started",
                facts={"event": event, "workflow": self.env.get("GITHUB_WORKFLOW_REF", "")},
                hint=EVENT,
            )
        wanted = ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL")
        missing = [name for name in wanted if not self.env.get(name)]
        if missing:
            raise MissingPermission(
                "this job may not ask GitHub for ID tokens",
                facts={"missing": missing, "job": self.env.get("GITHUB_JOB", ""), "event": event},
                hint=FORK if event == "pull_request" else PERMISSION,
            )
        if not carries_secrets(self.env["ACTIONS_ID_TOKEN_REQUEST_URL"]):
            raise TokenRequestFailed(
                "the URL to ask for ID tokens is not https; something has replaced it",
                facts={"variable": "ACTIONS_ID_TOKEN_REQUEST_URL"},
                hint="Look for a step before this one that writes to GITHUB_ENV.",
            )

    def publisher(self, claims: Mapping[str, object]) -> Mapping[str, str | None]:
        """``workflow`` is the file that the run was started for (``workflow_ref``)."""
        found = WORKFLOW.search(self._claim(claims, "workflow_ref"))
        if not found:
            raise TokenUnexpected(
                "the ID token's workflow_ref names no workflow file",
                facts={"workflow_ref": claims["workflow_ref"]},
            )
        environment = claims.get("environment")
        return {
            "kind": "GitHub",
            "repository": self._claim(claims, "repository"),
            "workflow": found[1],
            "environment": str(environment) if environment else None,
        }

    def register(self, claims: Mapping[str, object]) -> Mapping[str, str]:
        """The fields of the index's form for a GitHub publisher."""
        publisher = self.publisher(claims)
        owner, _, name = str(publisher["repository"]).partition("/")
        return {
            "Owner": owner,
            "Repository name": name,
            "Workflow name": str(publisher["workflow"]),
            "Environment name": publisher["environment"] or "",
        }

    def supports(self, _index: str) -> Support:
        """PyPI and TestPyPI mint and take attestations."""
        return Support(mint=True, attest=True)

    def tag(self) -> str | None:
        """The tag, if the run is for one."""
        return self.env.get("GITHUB_REF_NAME") if self.env.get("GITHUB_REF_TYPE") == "tag" else None

    def hint(self, error: PublisherError) -> str:
        """Remedies in workflow YAML."""
        if isinstance(error, MintRefused) and self.env.get("GITHUB_EVENT_NAME") == "pull_request":
            return f"{error.hint}\n\n{FORK}"
        return error.hint

    def persona(self) -> Persona:
        """The job's own variables; outside a job the git checkout, with invented numbers."""
        repository = self.env.get("GITHUB_REPOSITORY") or self._from_checkout()
        owner, _, name = repository.partition("/")
        sha = self.env.get("GITHUB_SHA") or git.head(self.folder, env=self.env) or "0" * 40
        ref = self.env.get("GITHUB_REF") or "refs/heads/main"
        workflow = self.env.get("GITHUB_WORKFLOW_REF") or (
            f"{repository}/.github/workflows/release.yml@{ref}"
        )
        owner_id = self.env.get("GITHUB_REPOSITORY_OWNER_ID") or "1001"
        repository_id = self.env.get("GITHUB_REPOSITORY_ID") or "2002"
        workflow_sha = self.env.get("GITHUB_WORKFLOW_SHA") or sha
        claims: dict[str, object] = {
            "iss": self.issuer,
            "sub": f"repo:{owner}@{owner_id}/{name}@{repository_id}:ref:{ref}",
            "repository": repository,
            "repository_id": repository_id,
            "repository_owner": owner,
            "repository_owner_id": owner_id,
            "repository_visibility": "public",
            "ref": ref,
            "ref_type": self.env.get("GITHUB_REF_TYPE") or "branch",
            "ref_protected": self.env.get("GITHUB_REF_PROTECTED") or "false",
            "sha": sha,
            "event_name": self.env.get("GITHUB_EVENT_NAME") or "release",
            "workflow": self.env.get("GITHUB_WORKFLOW") or "Release",
            "workflow_ref": workflow,
            "workflow_sha": workflow_sha,
            "job_workflow_ref": workflow,
            "job_workflow_sha": workflow_sha,
            "run_id": self.env.get("GITHUB_RUN_ID") or "1",
            "run_number": self.env.get("GITHUB_RUN_NUMBER") or "1",
            "run_attempt": self.env.get("GITHUB_RUN_ATTEMPT") or "1",
            "runner_environment": self.env.get("RUNNER_ENVIRONMENT") or "github-hosted",
            "actor": self.env.get("GITHUB_ACTOR") or owner,
            "actor_id": self.env.get("GITHUB_ACTOR_ID") or owner_id,
        }
        return Persona(claims, self.publisher(claims))

    def _from_checkout(self) -> str:
        found = ORIGIN.search(git.origin(self.folder, env=self.env) or "")
        if found:
            return f"{found[1]}/{found[2]}"
        return (
            f"octo-org/{re.sub(r'[^A-Za-z0-9._-]+', '-', self.folder.resolve().name) or 'project'}"
        )

    @staticmethod
    def _claim(claims: Mapping[str, object], name: str) -> str:
        value = claims.get(name)
        if not isinstance(value, str) or not value:
            raise TokenUnexpected(
                f"the ID token has no {name} claim",
                facts={"claims": sorted(claims)},
                hint="Is this an ID token of GitHub Actions at github.com?",
            )
        return value
