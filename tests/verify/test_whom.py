"""A certificate's words become one identity, whoever the identity provider is."""

from __future__ import annotations

import pytest

from publisher.models import Certificate
from publisher.verify.model import Publisher
from publisher.verify.whom import publisher

GITHUB = "https://token.actions.githubusercontent.com"
REPOSITORY = "https://github.com/octo-org/widget"
WORKFLOW = f"{REPOSITORY}/.github/workflows/release.yml"
GITHUB_CLAIMS = {
    "source_repository_uri": REPOSITORY,
    "source_repository_identifier": "456789",
    "source_repository_owner_uri": "https://github.com/octo-org",
    "source_repository_owner_identifier": "65432",
    "source_repository_ref": "refs/tags/v1.0",
    "source_repository_visibility": "public",
    "build_config_uri": f"{WORKFLOW}@refs/tags/v1.0",
    "build_signer_uri": f"{WORKFLOW}@refs/tags/v1.0",
    "build_trigger": "push",
    "runner_environment": "github-hosted",
}
OCTO = Publisher(
    "github",
    GITHUB,
    repository="octo-org/widget",
    repository_id="456789",
    owner="octo-org",
    owner_id="65432",
    workflow="release.yml",
    ref="tag",
    trigger="push",
    runner="github-hosted",
    visibility="public",
)


def certificate(issuer: str, san: str = "https://example.com/x", **claims: str) -> Certificate:
    return Certificate(san, issuer, "1", "", "", claims)


def test_github() -> None:
    assert publisher(certificate(GITHUB, **GITHUB_CLAIMS)) == OCTO


def test_github_of_an_enterprise() -> None:
    found = publisher(certificate(f"{GITHUB}/octo-inc", **GITHUB_CLAIMS))
    assert (found.kind, found.issuer) == ("github", f"{GITHUB}/octo-inc")
    assert publisher(certificate(f"{GITHUB}.example", **GITHUB_CLAIMS)).kind == "unknown"


def test_a_signed_environment_and_a_foreign_signer() -> None:
    shared = "https://github.com/octo-org/tools/.github/workflows/shared.yml"
    more = {"deployment_environment": "pypi", "build_signer_uri": f"{shared}@refs/heads/main"}
    found = publisher(certificate(GITHUB, **{**GITHUB_CLAIMS, **more}))
    assert (found.environment, found.signer, found.workflow) == ("pypi", shared, "release.yml")


@pytest.mark.parametrize("ref", ["refs/tags/widget@1.1", "refs/tags/a@refs/b", "0123456789abcdef"])
def test_a_ref_is_no_part_of_a_workflow(ref: str) -> None:
    """Monorepos have tags such as ``widget@1.1``."""
    uri = f"{WORKFLOW}@{ref}"
    claims = {**GITHUB_CLAIMS, "build_config_uri": uri, "build_signer_uri": uri}
    assert publisher(certificate(GITHUB, **claims)) == OCTO


@pytest.mark.parametrize(
    ("ref", "kind"),
    [
        ("refs/tags/v1", "tag"),
        ("refs/heads/main", "branch:main"),
        ("refs/heads/release/1.x", "branch:release/1.x"),
        ("refs/pull/7/merge", "pull"),
        ("refs/merge-requests/7/head", "pull"),
        ("", "-"),
    ],
)
def test_a_ref_is_a_class(ref: str, kind: str) -> None:
    claims = {**GITHUB_CLAIMS, "source_repository_ref": ref}
    assert publisher(certificate(GITHUB, **claims)).ref == kind


def test_gitlab() -> None:
    project = "https://gitlab.com/my-group/sub/widget"
    found = publisher(
        certificate(
            "https://gitlab.com",
            source_repository_uri=project,
            source_repository_identifier="20",
            source_repository_owner_uri="https://gitlab.com/my-group/sub",
            source_repository_owner_identifier="72",
            source_repository_ref="refs/heads/main",
            build_config_uri=f"{project}//ci/release.yml@refs/heads/main",
            runner_environment="gitlab-hosted",
        )
    )
    assert (found.kind, found.repository, found.owner) == (
        "gitlab",
        "my-group/sub/widget",
        "my-group/sub",
    )
    assert (found.workflow, found.ref, found.repository_id) == (
        "ci/release.yml",
        "branch:main",
        "20",
    )


def test_google_machines_and_people() -> None:
    google = "https://accounts.google.com"
    robot = "publisher@my-project.iam.gserviceaccount.com"
    assert publisher(certificate(google, robot)) == Publisher("google", google, email=robot)
    person = "octo@index.example"
    assert publisher(certificate(google, person)) == Publisher("email", google, email=person)
    login = "https://github.com/login/oauth"
    assert publisher(certificate(login, person)) == Publisher("email", login, email=person)


def test_circleci() -> None:
    """Pitfall 11: no scheme, two quotes for a runner, another build config for each pipeline."""
    signer = "https://circleci.com/api/v2/projects/p/pipeline-definitions/d"
    found, later = (
        publisher(
            certificate(
                "https://oidc.circleci.com/org/7",
                source_repository_uri="github.com/octo-org/widget",
                build_config_uri=f"https://circleci.com/api/v2/pipeline/{number}/config@x",
                build_signer_uri=signer,
                runner_environment='""',
            )
        )
        for number in (1, 2)
    )
    assert found == later
    assert (found.kind, found.repository, found.runner) == ("circleci", "octo-org/widget", "")
    assert found.workflow == signer


def test_an_unknown_issuer_is_not_nobody() -> None:
    found = publisher(certificate("https://ci.example", "https://ci.example/job/1"))
    assert (found.kind, found.issuer) == ("unknown", "https://ci.example")
    assert found.signer == "https://ci.example/job/1"
