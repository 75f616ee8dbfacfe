"""Habits of jobs that have cost others a release: advice beside a run. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from publisher.models import Finding
from publisher.remarks import remark

# What other publishing tools, and their users, call an index's password or API token.
SECRETS = re.compile(
    r"(TWINE|FLIT|PDM_PUBLISH|UV_PUBLISH)_(PASSWORD|TOKEN)|HATCH_INDEX_AUTH|POETRY_PYPI_TOKEN_\w+"
    r"|(TEST_?)?PYPI_(API_)?(TOKEN|PASSWORD)"
)
PREFIX = "pypi-"
"""How the API tokens of the public indexes begin, whatever their variable is called."""


def left_tokens(env: Mapping[str, str]) -> Iterator[Finding]:
    """Passwords for an index that lie beside trusted publishing."""
    names = [
        name
        for name, value in sorted(env.items())
        if value
        and name != "PUBLISHER_PASSWORD"  # that one is used, or refused
        and (SECRETS.fullmatch(name) or (value.startswith(PREFIX) and len(value) > 40))
    ]
    if names:
        what = f"passwords or API tokens that nobody needs here: {', '.join(names)}"
        yield remark("static-credential", what, hint="Revoke them on the index.")


def of_claims(claims: Mapping[str, object], public_issuer: str) -> Iterator[Finding]:
    """What GitHub's and GitLab's tokens say, in the same words, of the job.

    On an instance of one's own, every runner is self-hosted.
    """
    runner, ref = claims.get("runner_environment"), claims.get("ref")
    if runner == "self-hosted" and claims.get("iss") == public_issuer:
        what = "this job runs on a self-hosted runner: what ran there before may still be there"
        yield remark("self-hosted-runner", what)
    if not claims.get("environment"):
        yield remark("no-environment", "this job names no environment, so nobody must approve it")
    if str(claims.get("ref_protected")).lower() == "false":
        what = f"{ref} is not protected: whoever may push can publish"
        yield remark("unprotected-ref", what)
