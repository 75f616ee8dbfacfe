"""GitLab CI/CD, at gitlab.com and elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from publisher.errors import (
    IdTokenMissing,
    MintRefused,
    NothingToPublish,
    PublisherError,
    TokenUnexpected,
)
from publisher.providers.gitlab import SELF_MANAGED, GitLab
from publisher.providers.verdicts import Support
from publisher.rehearsal.publishers import KINDS, find, register
from publisher.rehearsal.subjects import subject
from support.sandbox import CONFIG, GITLAB, GITLAB_PUBLISHER, SHA

PATH = {"PATH": os.environ["PATH"]}
JOB = {
    "GITLAB_CI": "true",
    "CI_SERVER_URL": "https://gitlab.com",
    "CI_PROJECT_PATH": "my-group/sub/widget",
    "CI_PROJECT_ID": "20",
    "CI_PROJECT_NAMESPACE": "my-group/sub",
    "CI_PROJECT_NAMESPACE_ID": "72",
    "CI_PROJECT_VISIBILITY": "private",
    "CI_COMMIT_REF_NAME": "v1.0",
    "CI_COMMIT_REF_PROTECTED": "true",
    "CI_COMMIT_TAG": "v1.0",
    "CI_COMMIT_SHA": SHA,
    "CI_CONFIG_PATH": "ci/release.yml",
    "CI_PIPELINE_ID": "574",
    "CI_PIPELINE_SOURCE": "push",
    "CI_JOB_ID": "302",
    "CI_ENVIRONMENT_NAME": "Production",
}


def gitlab(**env: str) -> GitLab:
    return GitLab(env, Path())


# Where it is, and what it may do


@pytest.mark.parametrize(
    ("env", "issuer"),
    [
        ({}, "https://gitlab.com"),
        ({"CI_SERVER_URL": ""}, "https://gitlab.com"),
        ({"CI_SERVER_URL": "https://gitlab.com"}, "https://gitlab.com"),
        ({"CI_SERVER_URL": "https://git.example:8443/"}, "https://git.example:8443"),
    ],
)
def test_the_issuer_is_the_instance(env: dict[str, str], issuer: str) -> None:
    provider = gitlab(**env)
    provider.preflight()
    assert provider.issuer == issuer
    support = provider.supports("pypi")
    if issuer == "https://gitlab.com":
        assert support == Support(mint=True, attest=True)
    else:
        assert support == Support(True, False, SELF_MANAGED.format(issuer=issuer))
    assert GitLab(env, Path(), {"iss": "https://other.example"}).issuer == "https://other.example"


def test_tag() -> None:
    assert gitlab(CI_COMMIT_TAG="v1.0").tag() == "v1.0"
    assert gitlab(CI_COMMIT_TAG="").tag() is None
    assert gitlab(CI_COMMIT_REF_NAME="main").tag() is None


# The variables that may hold tokens


def test_held_tokens_come_in_order() -> None:
    names = (
        *("PYPI_ID_TOKEN_10", "PYPI_ID_TOKEN_2", "PYPI_ID_TOKEN", "SIGSTORE_ID_TOKEN"),
        *("x_ID_TOKEN", "MY_OWN_ID_TOKEN"),
    )
    others = (
        *("ID_TOKEN", "_ID_TOKENS", "PYPI_ID_TOKEN_X", "PYPI_ID_TOKEN_", "CI_JOB_TOKEN"),
        *("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "PYPI_ID_TOKEN_2_OLD", "pypi_id_token"),
    )
    held = gitlab(**dict.fromkeys((*names, *others), "s3cr3t")).held()
    assert list(held) == [
        *("MY_OWN_ID_TOKEN", "PYPI_ID_TOKEN", "PYPI_ID_TOKEN_2", "PYPI_ID_TOKEN_10"),
        *("SIGSTORE_ID_TOKEN", "x_ID_TOKEN"),
    ]
    assert "s3cr3t" not in str(held)
    assert gitlab().held() == {}


# What claims prove


def test_publisher_and_register() -> None:
    assert gitlab().publisher(GITLAB) == GITLAB_PUBLISHER
    assert gitlab().register(GITLAB) == {
        "Namespace": "my-group",
        "Project name": "widget",
        "Top-level pipeline file path": ".gitlab-ci.yml",
        "Environment name": "production",
    }


def test_subgroups_and_no_environment() -> None:
    claims = {
        **GITLAB,
        "project_path": "my-group/sub/widget",
        "ci_config_ref_uri": "gitlab.com/my-group/sub/widget//ci/a.b.yaml@refs/heads/main",
    }
    del claims["environment"]
    assert gitlab().register(claims) == {
        "Namespace": "my-group/sub",
        "Project name": "widget",
        "Top-level pipeline file path": "ci/a.b.yaml",
        "Environment name": "",
    }
    assert gitlab().publisher(claims)["environment"] is None


@pytest.mark.parametrize("name", ["ci_config_ref_uri", "project_path"])
@pytest.mark.parametrize("value", [None, "", 1, ["x"]])
def test_missing_claims(name: str, value: Any) -> None:
    with pytest.raises(TokenUnexpected, match=f"no {name} claim") as caught:
        gitlab().register({**GITLAB, name: value})
    assert caught.value.hint == "Is this an ID token of GitLab CI/CD?"


@pytest.mark.parametrize("value", ["x", "gitlab.com/g/p//ci.txt@main", CONFIG.partition("@")[0]])
def test_no_pipeline_file(value: str) -> None:
    with pytest.raises(TokenUnexpected, match="names no pipeline file") as caught:
        gitlab().publisher({**GITLAB, "ci_config_ref_uri": value})
    assert caught.value.facts == {"ci_config_ref_uri": value}


# In its own words


def missing(audience: str, **variables: object) -> PublisherError:
    facts = {"audience": audience, "variables": variables, "ignored": {}}
    return IdTokenMissing("this job holds no ID token", facts=facts)


ADD = """\
Add this to the job that publishes:

    id_tokens:
      PYPI_ID_TOKEN:
        aud: pypi
      SIGSTORE_ID_TOKEN:
        aud: sigstore"""
CHANGE = """\
In the job that publishes, change this:

    id_tokens:
      INDEX_ID_TOKEN:
        aud: "https://index.example"
      PYPI_ID_TOKEN:
        aud: PyPI
      SIGSTORE_ID_TOKEN:
        aud: ["sigstore", "testpypi"]

to this, each aud one string and exactly so:

    id_tokens:
      TESTPYPI_ID_TOKEN:
        aud: testpypi
      SIGSTORE_ID_TOKEN:
        aud: sigstore"""
MORE = """\
The index takes each ID token once, and GitLab gives a job one token per entry. Declare as many
entries as the job mints upload tokens:

    id_tokens:
      PYPI_ID_TOKEN:
        aud: pypi
      PYPI_ID_TOKEN_2:
        aud: pypi"""


def test_hints() -> None:
    assert gitlab().hint(missing("pypi")) == ADD
    assert gitlab().hint(missing("sigstore")) == ADD
    seen = {
        "INDEX_ID_TOKEN": "https://index.example",
        "PYPI_ID_TOKEN": "PyPI",
        "SIGSTORE_ID_TOKEN": ["sigstore", "testpypi"],
    }
    assert gitlab().hint(missing("testpypi", **seen)) == CHANGE
    assert gitlab().hint(missing("pypi", PYPI_ID_TOKEN="pypi")) == MORE
    reused = MintRefused("no", facts={"code": "invalid-reuse-token", "index": "pypi"}, hint="x")
    assert gitlab().hint(reused) == MORE
    assert gitlab().hint(MintRefused("no", facts={"code": "invalid-token"}, hint="x")) == "x"
    assert gitlab().hint(NothingToPublish("no", hint="Build it.")) == "Build it."


def test_a_hint_names_variables_as_other_tools_do() -> None:
    text = gitlab().hint(missing("1.index.example"))
    assert '      __INDEX_EXAMPLE_ID_TOKEN:\n        aud: "1.index.example"' in text


# Whom a rehearsal plays


def checks_out(provider: GitLab) -> dict[str, Any]:
    """The persona's claims, after an index and Fulcio have found nothing missing in them."""
    persona = provider.persona()
    claims = {**persona.claims, "jti": "once"}
    trusted = register(persona.publisher, claims, None)
    assert find(KINDS["GitLab"], [trusted], claims, fresh=True) == trusted
    assert provider.mint_verdict(claims).accepted
    public = persona.issuer == "https://gitlab.com"
    assert provider.attest_verdict(claims).accepted is public
    if public:
        assert subject(claims).text[12] == f"https://gitlab.com/{claims['project_path']}"
    assert persona.publisher == provider.publisher(persona.claims)
    assert persona.issuer == provider.issuer
    return claims


def test_persona_of_a_job() -> None:
    assert checks_out(GitLab(JOB, Path())) == {
        "iss": "https://gitlab.com",
        "sub": "project_path:my-group/sub/widget:ref_type:tag:ref:v1.0",
        "project_id": "20",
        "project_path": "my-group/sub/widget",
        "namespace_id": "72",
        "namespace_path": "my-group/sub",
        "pipeline_id": "574",
        "pipeline_source": "push",
        "job_id": "302",
        "ref": "v1.0",
        "ref_type": "tag",
        "ref_path": "refs/tags/v1.0",
        "ref_protected": "true",
        "runner_environment": "gitlab-hosted",
        "sha": SHA,
        "project_visibility": "private",
        "ci_config_ref_uri": "gitlab.com/my-group/sub/widget//ci/release.yml@refs/tags/v1.0",
        "ci_config_sha": SHA,
        "environment": "Production",
        "jti": "once",
    }


def test_persona_of_a_branch_on_an_instance_of_ones_own() -> None:
    env = {k: v for k, v in JOB.items() if k not in {"CI_COMMIT_TAG", "CI_ENVIRONMENT_NAME"}}
    env |= {"CI_COMMIT_REF_NAME": "main", "CI_SERVER_URL": "https://git.example"}
    claims = checks_out(GitLab(env, Path()))
    assert (claims["ref_type"], claims["ref_path"]) == ("branch", "refs/heads/main")
    assert claims["ci_config_ref_uri"] == (
        "git.example/my-group/sub/widget//ci/release.yml@refs/heads/main"
    )
    assert claims["runner_environment"] == "self-hosted"
    assert "environment" not in claims


def test_persona_without_a_job_releases_a_tag(tmp_path: Path) -> None:
    claims = checks_out(GitLab({}, tmp_path))
    assert (claims["ref_type"], claims["ref_path"]) == ("tag", "refs/tags/v1.0")


@pytest.mark.parametrize(
    ("config", "file"),
    [
        ("", ".gitlab-ci.yml"),
        (".gitlab/ci.yaml", ".gitlab/ci.yaml"),
        ("ci.yml@other/project", ".gitlab-ci.yml"),
        ("ci.yml@other/project:main", ".gitlab-ci.yml"),
        ("https://example.org/ci.yml", ".gitlab-ci.yml"),
    ],
)
def test_persona_with_its_pipeline_elsewhere(config: str, file: str) -> None:
    provider = GitLab({**JOB, "CI_CONFIG_PATH": config}, Path())
    checks_out(provider)
    assert provider.persona().publisher["workflow_filepath"] == file


@pytest.mark.parametrize(
    ("remote", "path"),
    [
        ("git@gitlab.com:my-group/sub/widget.git", "my-group/sub/widget"),
        ("https://gitlab.com/my-group/widget", "my-group/widget"),
        ("https://gitlab-ci-token:s3cr3t@gitlab.com/my-group/widget.git", "my-group/widget"),
        ("https://gitlab.com.evil.example/my-group/widget", "my-group/my-project-"),
        ("https://gitlab.com/widget", "my-group/my-project-"),
        ("https://github.com/octo-org/widget", "my-group/my-project-"),
    ],
)
def test_persona_of_a_checkout(checkout: Callable[[str], Path], remote: str, path: str) -> None:
    claims = checks_out(GitLab(PATH, checkout(remote)))
    assert claims["project_path"] == path
    assert claims["namespace_path"] == path.rpartition("/")[0]
    assert claims["sha"] == "0" * 40
    assert "s3cr3t" not in str(claims)
