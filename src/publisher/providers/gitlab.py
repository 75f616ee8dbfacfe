"""GitLab CI/CD, on gitlab.com and on instances that somebody runs themselves.

Claims and ID tokens: https://docs.gitlab.com/ci/secrets/id_token_authentication/
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import ClassVar

from publisher import git
from publisher.errors import MintRefused, PublisherError, TokenUnexpected
from publisher.models import Finding, Secret
from publisher.providers import checkout, habits
from publisher.providers.base import Claims, Provider, Registered
from publisher.providers.policies import policy_refusals
from publisher.providers.verdicts import Field, Support

VARIABLE = re.compile(r"(.+)_ID_TOKEN(?:_(\d+))?")
CONFIG = re.compile(r"//(.+\.ya?ml)@")
DEFAULT_CONFIG = ".gitlab-ci.yml"
# https://github.com/sigstore/fulcio/blob/main/config/identity/config.yaml
CERTIFIED_INSTANCES = (
    *("https://gitlab.com", "https://dev.gitlab.org", "https://ops.gitlab.net"),
    "https://gitlab.archlinux.org",
)
SELF_MANAGED = (
    "Sigstore's public instance and the index's attestation policy know GitLab only at "
    "gitlab.com, so nothing from {issuer} can be attested"
)
SEVERAL = """\
The index takes each ID token once, and GitLab gives a job one token per entry. Declare as many
entries as the job mints upload tokens:

    id_tokens:
      {first}:
        aud: {audience}
      {second}:
        aud: {audience}"""
SUBJECT = """\
The index wants the token's sub to begin with project_path:{path}. This project's setting
ci_id_token_sub_claim_components makes it {sub}. Set it back:

    glab api --method PUT "projects/:id" \\
      -f "ci_id_token_sub_claim_components[]=project_path" \\
      -f "ci_id_token_sub_claim_components[]=ref_type" \\
      -f "ci_id_token_sub_claim_components[]=ref\""""
FORK = """\
This pipeline runs for a merge request from a fork, so its tokens speak for the fork. Publish from
a tag of your own project instead:

    publish:
      rules:
        - if: $CI_COMMIT_TAG"""


class GitLab(Provider):
    """A job of GitLab CI/CD."""

    name = "gitlab"
    title = "GitLab CI/CD"
    public_issuer = "https://gitlab.com"
    minted = ("sub", "project_path", "ci_config_ref_uri", "jti", "ref_path", "sha")
    certified = (
        *("sub", "ci_config_ref_uri", "project_path", "ref_type", "ci_config_sha", "sha", "ref"),
        *("runner_environment", "project_id", "namespace_path", "namespace_id"),
        *("pipeline_source", "job_id", "project_visibility"),
    )
    visibility = ("project_visibility", "project_path")  # "internal" is not public
    form: ClassVar[Mapping[str, Field]] = {
        "Namespace": Field("project_path", "namespace"),
        "Project name": Field("project_path", "project"),
        "Top-level pipeline file path": Field("ci_config_ref_uri", "workflow_filepath"),
        "Environment name": Field("environment", "environment"),
    }
    job = ("publish:",)

    @property
    def issuer(self) -> str:
        """The instance that runs the job."""
        here = self.env.get("CI_SERVER_URL", "").rstrip("/")
        return super().issuer if self.claims or not here else here

    @classmethod
    def detects(cls, env: Mapping[str, str]) -> bool:
        """``GITLAB_CI`` is the variable that GitLab documents for this."""
        return env.get("GITLAB_CI") == "true"

    @classmethod
    def issues(cls, claims: Claims) -> bool:
        """An instance may have any name, but no other provider has this claim."""
        return super().issues(claims) or "ci_config_ref_uri" in claims

    def preflight(self) -> None:
        """Nothing to ask for: the tokens are here, or they will never be."""

    def held(self) -> Mapping[str, Secret]:
        """What ``id_tokens`` made: ``PYPI_ID_TOKEN``, ``PYPI_ID_TOKEN_2``, with any prefix."""
        names = [(m[1], int(m[2] or 1), n) for n in self.env if (m := VARIABLE.fullmatch(n))]
        return {name: Secret(self.env[name]) for _, _, name in sorted(names)}

    # What claims mean

    def publisher(self, claims: Claims) -> Mapping[str, str | None]:
        """``workflow_filepath`` is the file of the top-level pipeline, not an included one."""
        config = self._text(claims, "ci_config_ref_uri")
        found = CONFIG.search(config)
        if not found:
            raise TokenUnexpected(
                "the ID token's ci_config_ref_uri names no pipeline file",
                facts={"ci_config_ref_uri": config},
            )
        environment = claims.get("environment")
        return {
            "kind": "GitLab",
            "repository": self._text(claims, "project_path"),
            "workflow_filepath": found[1],
            "environment": str(environment) if environment else None,
        }

    def register(self, claims: Claims) -> Mapping[str, str]:
        """The fields of the index's form for a GitLab publisher."""
        publisher = self.publisher(claims)
        namespace, _, name = str(publisher["repository"]).rpartition("/")
        return {
            "Namespace": namespace,
            "Project name": name,
            "Top-level pipeline file path": str(publisher["workflow_filepath"]),
            "Environment name": publisher["environment"] or "",
        }

    def supports(self, _index: str) -> Support:
        """Only gitlab.com is known to Sigstore and to the policy."""
        public = self.issuer == self.public_issuer
        return Support(True, public, "" if public else SELF_MANAGED.format(issuer=self.issuer))

    def _stranger(self, _claims: Claims) -> str:
        return ""  # an index may know any instance

    def _caveat(self, claims: Claims) -> str:
        own = claims.get("iss") != self.public_issuer
        return f", if its organization has registered {claims.get('iss')} there" if own else ""

    def _mint_refusals(self, claims: Claims, registered: Registered | None) -> Iterator[str]:
        config, path = str(claims["ci_config_ref_uri"]), str(claims["project_path"])
        found = CONFIG.search(config)
        if not found:
            yield "Could not extract workflow filename from OIDC claims"
        known = {"issuer": str(claims.get("iss")), **(registered or self.publisher(claims))}
        key = (claims.get("iss"), path.lower(), found and found[1])
        project, file = str(known["repository"]), known["workflow_filepath"]
        # GitHub's environments are compared in lower case; GitLab's are not.
        here = str(claims.get("environment") or "")
        fits = (known.get("environment") or "") in {here, ""}
        if key != (known["issuer"], project.lower(), file) or not fits:
            yield "Publisher with matching claims was not found"
        # Compared, never parsed: what follows the path is the project's to choose.
        if not f"{claims['sub']}:".lower().startswith(f"project_path:{project}:".lower()):
            yield "Check failed for required claim 'sub'"
        if not (claims["ref_path"] and claims["sha"]):
            yield "The ref_path and sha claims are empty"
        host = str(known["issuer"]).removeprefix("https://")
        expected = [f"{host}/{project}//{file}@{claims[name]}" for name in ("ref_path", "sha")]
        if config not in expected:
            what = f"expecting one of {expected!r}, got {config!r}"
            yield f"The ci_config_ref_uri claim does not match, {what}"

    def _certifies(self, issuer: str) -> bool:
        return issuer in CERTIFIED_INSTANCES

    def _policy_refusals(self, claims: Claims, known: Registered) -> Iterator[str]:
        names = (claims["project_path"], known["repository"])
        ours, wanted = (f"{self.public_issuer}/{name}" for name in names)
        kind = "tags" if claims["ref_type"] == "tag" else "heads"
        refs = (claims["sha"], f"refs/{kind}/{claims['ref']}")  # as Fulcio writes them
        config, file = f"https://{claims['ci_config_ref_uri']}", f"/{known['workflow_filepath']}"
        return policy_refusals((ours, wanted), config, file, refs)

    def _remedy(self, claims: Claims, reason: str) -> tuple[str, type[PublisherError] | None]:
        if "issuer" in reason or "OIDCIssuer" in reason:
            return f"{SELF_MANAGED.format(issuer=claims.get('iss'))}. Publish without.", None
        if "claim 'sub'" in reason:
            path, sub = claims.get("project_path"), claims.get("sub")
            return SUBJECT.format(path=path, sub=repr(sub)), None
        path = claims.get("project_path")
        return (FORK, None) if claims.get("job_project_path", path) != path else ("", None)

    def hygiene(self, claims: Claims) -> Iterator[Finding]:
        """What the token says; a pipeline's file is put together from many, so it is not read."""
        yield from super().hygiene(claims)
        yield from habits.of_claims(claims, self.public_issuer)

    # How this CI speaks

    def tag(self) -> str | None:
        """The tag, if the pipeline is for one."""
        return self.env.get("CI_COMMIT_TAG") or None

    def hint(self, error: PublisherError) -> str:
        """Remedies in pipeline YAML."""
        facts = error.facts
        if isinstance(error, MintRefused) and facts.get("code") == "invalid-reuse-token":
            return _more(str(facts.get("index")))
        seen = facts.get("variables")
        if isinstance(seen, Mapping):
            audience = str(facts["audience"])
            return _more(audience) if audience in seen.values() else _change(audience, seen)
        return super().hint(error)

    def guessed(self) -> Mapping[str, str]:
        """Which environment the job has, a checkout does not say."""
        here = self.claims is not None or self.detects(self.env)
        return {} if here else {"Environment name": "unknown: the environment: of your job"}

    def sample(self) -> Claims:
        """The job's own variables; outside a job the git checkout, with invented numbers."""
        env, host = self.env, self.issuer.partition("://")[2]
        path = env.get("CI_PROJECT_PATH") or self._checkout("gitlab.com", "my-group")
        sha = env.get("CI_COMMIT_SHA") or git.head(self.folder, env=env) or "0" * 40
        branch = None if env.get("CI_COMMIT_TAG") else env.get("CI_COMMIT_REF_NAME")
        ref = branch or env.get("CI_COMMIT_TAG") or checkout.release_tag(self.folder, env)
        kind = "branch" if branch else "tag"
        ref_path = f"refs/{'tags' if kind == 'tag' else 'heads'}/{ref}"
        config = env.get("CI_CONFIG_PATH") or DEFAULT_CONFIG
        if "@" in config or "://" in config:
            config = DEFAULT_CONFIG  # of another project, or a URL: GitLab names the default
        environment = env.get("CI_ENVIRONMENT_NAME")
        public = self.issuer == self.public_issuer
        return {
            "iss": self.issuer,
            "sub": f"project_path:{path}:ref_type:{kind}:ref:{ref}",
            "project_id": env.get("CI_PROJECT_ID") or checkout.number(path),
            "project_path": path,
            "namespace_id": env.get("CI_PROJECT_NAMESPACE_ID")
            or checkout.number(path.rpartition("/")[0]),
            "namespace_path": env.get("CI_PROJECT_NAMESPACE") or path.rpartition("/")[0],
            "pipeline_id": env.get("CI_PIPELINE_ID") or "1",
            "pipeline_source": env.get("CI_PIPELINE_SOURCE") or "push",
            "job_id": env.get("CI_JOB_ID") or "1",
            "ref": ref,
            "ref_type": kind,
            "ref_path": ref_path,
            "ref_protected": env.get("CI_COMMIT_REF_PROTECTED") or "false",
            "runner_environment": "gitlab-hosted" if public else "self-hosted",
            "sha": sha,
            "project_visibility": env.get("CI_PROJECT_VISIBILITY") or "public",
            "ci_config_ref_uri": f"{host}/{path}//{config}@{ref_path}",
            "ci_config_sha": sha,
            **({"environment": environment} if environment else {}),
        }


def _variable(audience: str) -> str:
    """The name that other tools look for."""
    return re.sub(r"[^A-Z0-9_]|^[^A-Z_]", "_", audience.upper()) + "_ID_TOKEN"


def _entries(pairs: Mapping[str, object]) -> str:
    lines = (f"      {name}:\n        aud: {_scalar(aud)}" for name, aud in pairs.items())
    return "\n".join(("    id_tokens:", *lines))


def _scalar(value: object) -> str:
    plain = isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w.-]*", value)
    return str(value) if plain else json.dumps(value)


def _change(audience: str, seen: Mapping[str, object]) -> str:
    """Before and after; ``seen`` are variables with the aud of their token."""
    index = audience if audience != "sigstore" else "pypi"
    needed = _entries({_variable(index): index, "SIGSTORE_ID_TOKEN": "sigstore"})
    if not seen:
        return f"Add this to the job that publishes:\n\n{needed}"
    return (
        f"In the job that publishes, change this:\n\n{_entries(seen)}\n\n"
        f"to this, each aud one string and exactly so:\n\n{needed}"
    )


def _more(audience: str) -> str:
    name = _variable(audience)
    return SEVERAL.format(first=name, second=f"{name}_2", audience=_scalar(audience))
