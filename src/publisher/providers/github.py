"""GitHub Actions on github.com.

Claims: https://docs.github.com/actions/reference/security/oidc
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import ClassVar

from publisher import git
from publisher.addresses import carries_secrets
from publisher.errors import (
    EventNotSupported,
    MintRefused,
    MissingPermission,
    PublisherError,
    ReusableWorkflow,
    TokenRequestFailed,
    TokenUnexpected,
    UntrustedTrigger,
)
from publisher.models import Finding
from publisher.providers import checkout, habits, workflow
from publisher.providers.base import Claims, Provider, Registered
from publisher.providers.policies import policy_refusals
from publisher.providers.verdicts import Field, Support

WORKFLOW = re.compile(r"([^/@]+\.ya?ml)@")
ENTERPRISE_ISSUER = re.compile(
    r"https://(token\.actions\.githubusercontent\.com/.+|token\.actions\.[^/]+\.ghe\.com"
    r"|[^/]+/_services/token)"
)
PERMISSION = """\
Give the job that publishes the permission to ask for ID tokens:

    jobs:
      publish:
        permissions:
          id-token: write    # add this line

In a reusable workflow the calling job needs it too."""
FORK = """\
This run belongs to a pull request. GitHub gives runs for forks no ID token, and nobody should
publish from one.
Publish from a tag or a release instead:

    on:
      release:
        types: [published]"""
ENTERPRISE = """\
A GitHub Enterprise issued this token; the index and its attestation policy know only the issuer
of github.com. Publish from a repository on github.com. If it is there already, an owner of the
enterprise has given it an issuer of its own, and can take that back:

    gh api --method PUT enterprises/ENTERPRISE/actions/oidc/customization/issuer \\
      -F include_enterprise_slug=false"""
REUSABLE_HINT = """\
The job that publishes stands in a reusable workflow:

    started: {workflow_ref}
    job in:  {job_workflow_ref}

The index compares one of them when it gives a token and the other when it reads an attestation.
Put the job into the workflow that is started, and register that one:

    jobs:
      publish:
        uses: {uses}    # remove this line, and put here instead:
        runs-on: ubuntu-latest
        permissions:
          id-token: write
        steps: [...]    # the steps of the reusable workflow"""


class GitHub(Provider):
    """A job of GitHub Actions."""

    name = "github"
    title = "GitHub Actions at github.com"
    public_issuer = "https://token.actions.githubusercontent.com"
    minted = (
        *("repository", "repository_owner", "repository_owner_id", "job_workflow_ref"),
        *("jti", "event_name", "ref", "sha"),
    )
    certified = (
        *("sub", "event_name", "sha", "workflow", "repository", "ref", "job_workflow_ref"),
        *("job_workflow_sha", "runner_environment", "repository_id", "repository_owner"),
        *("repository_owner_id", "workflow_ref", "workflow_sha", "run_id", "run_attempt"),
        "repository_visibility",
    )
    visibility = ("repository_visibility", "repository")
    form: ClassVar[Mapping[str, Field]] = {
        "Owner": Field("repository_owner", "owner"),
        "Repository name": Field("repository", "repository"),
        "Workflow name": Field("job_workflow_ref", "workflow_filename"),
        "Environment name": Field("environment", "environment"),
    }
    job = ("jobs:", "publish:")

    @classmethod
    def detects(cls, env: Mapping[str, str]) -> bool:
        """Forgejo and Gitea set GitHub's variables too, and are not GitHub."""
        foreign = env.get("FORGEJO_ACTIONS") or env.get("GITEA_ACTIONS")
        return env.get("GITHUB_ACTIONS") == "true" and not foreign

    @classmethod
    def issues(cls, claims: Claims) -> bool:
        """GitHub Enterprise is GitHub too, although no index takes its tokens."""
        return super().issues(claims) or bool(ENTERPRISE_ISSUER.fullmatch(str(claims.get("iss"))))

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
                hint=workflow.EVENT,
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

    def publisher(self, claims: Claims) -> Mapping[str, str | None]:
        """``workflow`` is the file that holds the job: the one that the index mints for.

        If that is another repository's, nothing can be registered that mints, and the file is
        the one that the run was started for.
        """
        repository = self._text(claims, "repository")
        own = str(claims.get("job_workflow_ref", "")).startswith(f"{repository}/")
        name = "job_workflow_ref" if own else "workflow_ref"
        found = WORKFLOW.search(self._text(claims, name))
        if not found:
            raise TokenUnexpected(
                f"the ID token's {name} names no workflow file", facts={name: claims[name]}
            )
        environment = claims.get("environment")
        return {
            "kind": "GitHub",
            "repository": repository,
            "workflow": found[1],
            "environment": str(environment) if environment else None,
        }

    def register(self, claims: Claims) -> Mapping[str, str]:
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

    def _stranger(self, claims: Claims) -> str:
        return ENTERPRISE if super()._stranger(claims) else ""

    def _mint_refusals(self, claims: Claims, registered: Registered | None) -> Iterator[str]:
        job = str(claims["job_workflow_ref"])
        found = WORKFLOW.search(job)
        if not found:
            yield "Could not job extract workflow filename from OIDC claims"
        owner_id = str(claims["repository_owner_id"])
        known = {"repository_owner_id": owner_id, **(registered or self.publisher(claims))}
        key = (claims["repository"], owner_id, found and found[1])
        here = str(claims.get("environment") or "").lower()
        if key != (known["repository"], known["repository_owner_id"], known["workflow"]) or (
            str(known.get("environment") or "").lower() not in {here, ""}
        ):
            yield "Publisher with matching claims was not found"
        if str(known["repository"]).partition("/")[0] != claims["repository_owner"]:
            yield "Check failed for required claim 'repository_owner'"
        suffixes = [claims[name] for name in ("ref", "sha") if claims[name]]
        if not suffixes:
            yield "The ref and sha claims are empty"
        path = f"{known['repository']}/.github/workflows/{known['workflow']}"
        expected = [f"{path}@{suffix}" for suffix in suffixes]
        if job not in expected:
            what = f"expecting one of {expected!r}, got {job!r}"
            yield f"The job_workflow_ref claim does not match, {what}"
        if claims["event_name"] == "pull_request_target":
            yield "Publishing from a workflow invoked via 'pull_request_target' is not supported."

    def _certifies(self, issuer: str) -> bool:
        return f"{issuer}/".startswith(f"{self.public_issuer}/")  # enterprises have a path

    def _policy_refusals(self, claims: Claims, known: Registered) -> Iterator[str]:
        names = (claims["repository"], known["repository"])
        ours, wanted = (f"https://github.com/{name}" for name in names)
        config, file = claims["workflow_ref"], f".github/workflows/{known['workflow']}"
        refs = (claims["sha"], claims["ref"])
        return policy_refusals((ours, wanted), f"https://github.com/{config}", file, refs)

    def _remedy(self, claims: Claims, reason: str) -> tuple[str, type[PublisherError] | None]:
        if "pull_request_target" in reason:
            return workflow.EVENT, EventNotSupported
        if reason.startswith("Certificate's OIDCIssuer") or "the issuer" in reason:
            return ENTERPRISE, None
        started, job = (str(claims.get(n, "")) for n in ("workflow_ref", "job_workflow_ref"))
        if not job or started == job:
            return "", None
        own = str(claims.get("repository"))
        uses = f".{job.partition('@')[0].removeprefix(own)}" if job.startswith(f"{own}/") else job
        hint = REUSABLE_HINT.format(workflow_ref=started, job_workflow_ref=job, uses=uses)
        return hint, ReusableWorkflow

    def risks(self, claims: Claims) -> Iterator[PublisherError]:
        """A run that a stranger may have caused."""
        if why := workflow.cause(claims, self.env):
            what = f"a stranger may have caused this run: {why}"
            yield UntrustedTrigger(
                what, facts={"event": claims["event_name"]}, hint=workflow.STRANGER
            )

    def hygiene(self, claims: Claims) -> Iterator[Finding]:
        """What the token says, and in the job itself what its workflow file says."""
        yield from super().hygiene(claims)
        yield from habits.of_claims(claims, self.public_issuer)
        yield from workflow.findings(claims, self.env) if self.detects(self.env) else ()

    def tag(self) -> str | None:
        """The tag, if the run is for one."""
        return self.env.get("GITHUB_REF_NAME") if self.env.get("GITHUB_REF_TYPE") == "tag" else None

    def hint(self, error: PublisherError) -> str:
        """Remedies in workflow YAML."""
        if isinstance(error, MintRefused) and self.env.get("GITHUB_EVENT_NAME") == "pull_request":
            return f"{error.hint}\n\n{FORK}"
        if isinstance(error, TokenUnexpected) and "iss is" in str(error.facts.get("problems")):
            return ENTERPRISE
        return super().hint(error)

    def sample(self) -> Claims:
        """The job's own variables; outside a job the git checkout, with invented numbers."""
        env = self.env
        repository = env.get("GITHUB_REPOSITORY") or self._checkout("github.com", "octo-org")
        sha = env.get("GITHUB_SHA") or git.head(self.folder, env=env) or "0" * 40
        return {"iss": self.issuer, **checkout.claims(env, repository, sha, self._job, self._tag)}

    @cached_property
    def _job(self) -> checkout.Job:
        """The job that publishes, as the checkout has it; a job itself knows better."""
        here = self.claims is not None or self.detects(self.env)
        return checkout.Job(None, None) if here else checkout.publishing(self.folder, self.env)

    @cached_property
    def _tag(self) -> str:
        return checkout.release_tag(self.folder, self.env)

    def guessed(self) -> Mapping[str, str]:
        """What the checkout's workflow files don't say; of an environment, no variable does."""
        if self.claims is not None:
            return {}
        here = self.detects(self.env)  # then the file is known, and only that
        return checkout.Job("", None).guessed() if here else self._job.guessed()
