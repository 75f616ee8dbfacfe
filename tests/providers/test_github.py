"""GitHub Actions, and the laptop that plays it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from publisher.errors import (
    EventNotSupported,
    MintRefused,
    MissingPermission,
    NoIdentityProvider,
    NothingToPublish,
    TokenRequestFailed,
    TokenUnexpected,
)
from publisher.providers.base import Provider
from publisher.providers.github import ENTERPRISE, FORK, PERMISSION, GitHub
from publisher.providers.gitlab import GitLab
from publisher.providers.local import WHY, Local
from publisher.providers.verdicts import Support
from publisher.providers.workflow import EVENT
from publisher.rehearsal.publishers import KINDS, find, register
from publisher.rehearsal.subjects import subject
from support.sandbox import GITHUB, SHA

TOKEN, URL = "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL"
JOB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_JOB": "publish",
    TOKEN: "s3cr3t",
    URL: "https://pipelines.example/token?api-version=2.0",
}
PATH = {"PATH": os.environ["PATH"]}
Git = Callable[..., str]


def github(folder: Path, **env: str) -> GitHub:
    return GitHub(env, folder)


# Here or not


def test_ready(tmp_path: Path) -> None:
    provider = GitHub(JOB, tmp_path)
    provider.preflight()
    assert GitHub.detects(JOB)
    assert provider.supports("pypi") == provider.supports("any") == Support(mint=True, attest=True)


@pytest.mark.parametrize(
    ("env", "here"),
    [
        ({}, False),
        ({"GITHUB_ACTIONS": ""}, False),
        ({"GITHUB_ACTIONS": "false"}, False),
        ({"GITHUB_ACTIONS": "true"}, True),
        ({"GITHUB_ACTIONS": "true", "FORGEJO_ACTIONS": "true"}, False),
        ({"GITHUB_ACTIONS": "true", "GITEA_ACTIONS": "true"}, False),
        ({"GITLAB_CI": "true"}, False),
    ],
)
def test_detects(env: dict[str, str], here: bool) -> None:
    assert GitHub.detects(env) is here


# Here, but broken


@pytest.mark.parametrize("missing", [(TOKEN,), (URL,), (TOKEN, URL)])
@pytest.mark.parametrize("empty", [True, False])
def test_missing_permission(tmp_path: Path, missing: tuple[str, ...], empty: bool) -> None:
    env = {k: v for k, v in JOB.items() if k not in missing}
    env |= dict.fromkeys(missing, "") if empty else {}
    with pytest.raises(MissingPermission, match="may not ask GitHub for ID tokens") as caught:
        GitHub(env, tmp_path).preflight()
    assert caught.value.facts == {"missing": list(missing), "job": "publish", "event": "push"}
    assert caught.value.hint == PERMISSION
    assert "id-token: write" in PERMISSION


def test_a_pull_request_from_a_fork(tmp_path: Path) -> None:
    env = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request"}
    with pytest.raises(MissingPermission) as caught:
        GitHub(env, tmp_path).preflight()
    assert caught.value.hint == FORK
    assert caught.value.facts["event"] == "pull_request"
    with pytest.raises(MissingPermission) as caught:
        github(tmp_path).preflight()
    assert (caught.value.facts["event"], caught.value.hint) == ("", PERMISSION)


def test_pull_request_target(tmp_path: Path) -> None:
    env = {**JOB, "GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_WORKFLOW_REF": "a/b@c"}
    with pytest.raises(EventNotSupported, match="pull_request_target") as caught:
        GitHub(env, tmp_path).preflight()
    assert caught.value.facts == {"event": "pull_request_target", "workflow": "a/b@c"}
    assert caught.value.hint == EVENT


@pytest.mark.parametrize(
    "url",
    ["http://pipelines.example/", "ftp://x/", "x", "http://127.0.0.1.evil.example/", "http://["],
)
def test_a_request_url_that_somebody_replaced(tmp_path: Path, url: str) -> None:
    with pytest.raises(TokenRequestFailed, match="not https") as caught:
        GitHub({**JOB, URL: url}, tmp_path).preflight()
    assert caught.value.facts == {"variable": URL}


def test_a_rehearsals_request_url(tmp_path: Path) -> None:
    provider = GitHub({**JOB, URL: "http://127.0.0.1:8080/token"}, tmp_path)
    provider.preflight()
    assert provider.env[URL].startswith("http://127.0.0.1")


def test_a_laptop_has_no_identity(tmp_path: Path) -> None:
    with pytest.raises(NoIdentityProvider, match="nobody can vouch") as caught:
        Local(JOB, tmp_path).preflight()
    assert "--dry-run" in caught.value.hint
    assert caught.value.facts == {"looked_for": ["github", "gitlab", "google"]}


def test_a_laptop_proves_nothing(tmp_path: Path) -> None:
    laptop = Local(JOB, tmp_path)
    for ask in (laptop.publisher, laptop.register):
        with pytest.raises(NoIdentityProvider):
            ask(GITHUB)
    with pytest.raises(NoIdentityProvider):
        laptop.persona()
    assert laptop.supports("pypi") == Support(mint=False, attest=False, why=WHY)
    assert laptop.tag() is None
    assert laptop.hint(NothingToPublish("no", hint="Build it.")) == "Build it."


def test_a_laptop_rehearses_a_job(tmp_path: Path) -> None:
    laptop = Local({"X": "1"}, tmp_path)
    player = laptop.understudy()
    assert (type(player), player.env, player.folder) == (GitHub, {"X": "1"}, tmp_path)
    assert player.understudy() is player


@pytest.mark.parametrize(
    ("remote", "kind"),
    [
        ("git@gitlab.com:group/sub/widget.git", GitLab),
        ("https://gitlab.com/group/widget", GitLab),
        ("https://github.com/octo-org/widget", GitHub),
        ("https://gitlab.example.org/group/widget", GitHub),
        ("https://codeberg.org/octo/widget", GitHub),
    ],
)
def test_a_laptop_plays_the_forge_of_its_checkout(
    checkout: Callable[[str], Path], remote: str, kind: type[Provider]
) -> None:
    assert type(Local(PATH, checkout(remote)).understudy()) is kind


def test_nobody_vouches_for_a_laptop() -> None:
    laptop = Local({}, Path())
    for verdict in (laptop.mint_verdict(GITHUB), laptop.attest_verdict(GITHUB)):
        assert not verdict.accepted
    assert laptop.mint_verdict(GITHUB).hint == WHY
    assert laptop.attest_verdict(GITHUB).why == WHY
    assert not Local.issues({"iss": ""})


# What claims prove


def test_publisher_and_register(tmp_path: Path) -> None:
    provider = github(tmp_path)
    assert provider.publisher(GITHUB) == {
        "kind": "GitHub",
        "repository": "octo-org/widget",
        "workflow": "release.yml",
        "environment": "pypi",
    }
    assert provider.register(GITHUB) == {
        "Owner": "octo-org",
        "Repository name": "widget",
        "Workflow name": "release.yml",
        "Environment name": "pypi",
    }


@pytest.mark.parametrize("environment", [None, ""])
def test_without_an_environment(tmp_path: Path, environment: str | None) -> None:
    claims = {**GITHUB, "environment": environment}
    assert github(tmp_path).publisher(claims)["environment"] is None
    assert github(tmp_path).register(claims)["Environment name"] == ""


@pytest.mark.parametrize(
    ("ref", "workflow"),
    [
        ("octo-org/widget/.github/workflows/release.yml@refs/tags/v1", "release.yml"),
        ("octo-org/widget/.github/workflows/a.b-c_d.yaml@refs/heads/main", "a.b-c_d.yaml"),
        ("octo-org/widget/.github/workflows/release.yml@refs/heads/x/evil.yml@y", "release.yml"),
        ("octo-org/widget/.github/workflows/release.yml@abc123", "release.yml"),
    ],
)
def test_the_workflow_is_the_one_that_holds_the_job(
    tmp_path: Path, ref: str, workflow: str
) -> None:
    claims = {**GITHUB, "workflow_ref": "octo-org/widget/x.yml@main", "job_workflow_ref": ref}
    assert github(tmp_path).publisher(claims)["workflow"] == workflow


@pytest.mark.parametrize("ref", ["octo-org/shared/x.yml@main", "octo-org/widget-2/x.yml@main", ""])
def test_another_repositorys_workflow_cannot_be_registered(tmp_path: Path, ref: str) -> None:
    claims = {**GITHUB, "job_workflow_ref": ref}
    assert github(tmp_path).publisher(claims)["workflow"] == "release.yml"
    del claims["job_workflow_ref"]
    assert github(tmp_path).publisher(claims)["workflow"] == "release.yml"


@pytest.mark.parametrize("ref", ["nothing", "o/r/release.txt@main", "o/r/release.yml", "@.yml"])
def test_no_workflow_file(tmp_path: Path, ref: str) -> None:
    with pytest.raises(TokenUnexpected, match="names no workflow file") as caught:
        github(tmp_path).publisher({**GITHUB, "workflow_ref": ref, "job_workflow_ref": "o/x.yml"})
    assert caught.value.facts == {"workflow_ref": ref}


@pytest.mark.parametrize("name", ["workflow_ref", "repository"])
@pytest.mark.parametrize("value", [None, "", 1, ["x"]])
def test_missing_claims(tmp_path: Path, name: str, value: Any) -> None:
    for ask in (github(tmp_path).publisher, github(tmp_path).register):
        with pytest.raises(TokenUnexpected, match=f"no {name} claim") as caught:
            ask({**GITHUB, "job_workflow_ref": "o/x.yml@main", name: value})
        assert "github.com" in caught.value.hint
        assert caught.value.facts == {"claims": sorted(GITHUB)}


# Tags and hints


@pytest.mark.parametrize(
    ("env", "tag"),
    [
        ({"GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "v1.0"}, "v1.0"),
        ({"GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "v1.0"}, None),
        ({"GITHUB_REF_TYPE": "tag"}, None),
        ({}, None),
    ],
)
def test_tag(tmp_path: Path, env: dict[str, str], tag: str | None) -> None:
    assert github(tmp_path, **env).tag() == tag


def test_hints(tmp_path: Path) -> None:
    refused = MintRefused("no", hint="Register it.")
    other = NothingToPublish("no", hint="Build it.")
    fork = github(tmp_path, GITHUB_EVENT_NAME="pull_request")
    assert fork.hint(refused) == f"Register it.\n\n{FORK}"
    assert fork.hint(other) == "Build it."
    assert github(tmp_path, GITHUB_EVENT_NAME="push").hint(refused) == "Register it."
    foreign = TokenUnexpected("no", facts={"problems": ["iss is 'x', expected 'y'"]})
    late = TokenUnexpected("no", facts={"problems": ["it has expired"]}, hint="Check the clock.")
    assert github(tmp_path).hint(foreign) == ENTERPRISE
    assert github(tmp_path).hint(late) == "Check the clock."


# Whom a rehearsal plays


def checks_out(provider: GitHub) -> dict[str, Any]:
    """The persona's claims, after an index and Fulcio have found nothing missing in them."""
    persona = provider.persona()
    claims = {**persona.claims, "jti": "once"}
    trusted = register(persona.publisher, claims, None)
    assert find(KINDS["GitHub"], [trusted], claims, fresh=True) == trusted
    assert subject(claims).text[12] == f"https://github.com/{claims['repository']}"
    assert persona.publisher == provider.publisher(persona.claims)
    assert persona.issuer == provider.issuer == GitHub.public_issuer
    return claims


def test_persona_of_a_job(tmp_path: Path) -> None:
    workflow = "octo-org/widget/.github/workflows/ship.yaml@refs/tags/v1.0"
    env = {
        "GITHUB_REPOSITORY": "octo-org/widget",
        "GITHUB_SHA": SHA,
        "GITHUB_REF": "refs/tags/v1.0",
        "GITHUB_REF_TYPE": "tag",
        "GITHUB_REF_PROTECTED": "true",
        "GITHUB_WORKFLOW_REF": workflow,
        "GITHUB_WORKFLOW_SHA": "b" * 40,
        "GITHUB_REPOSITORY_OWNER_ID": "65432",
        "GITHUB_REPOSITORY_ID": "456789",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_WORKFLOW": "Ship",
        "GITHUB_RUN_ID": "9",
        "GITHUB_RUN_NUMBER": "8",
        "GITHUB_RUN_ATTEMPT": "7",
        "RUNNER_ENVIRONMENT": "self-hosted",
        "GITHUB_ACTOR": "mona",
        "GITHUB_ACTOR_ID": "6",
    }
    claims = checks_out(GitHub(env, tmp_path))
    assert claims == {
        "iss": "https://token.actions.githubusercontent.com",
        "sub": "repo:octo-org@65432/widget@456789:ref:refs/tags/v1.0",
        "repository": "octo-org/widget",
        "repository_id": "456789",
        "repository_owner": "octo-org",
        "repository_owner_id": "65432",
        "repository_visibility": "public",
        "ref": "refs/tags/v1.0",
        "ref_type": "tag",
        "ref_protected": "true",
        "sha": SHA,
        "event_name": "push",
        "workflow": "Ship",
        "workflow_ref": workflow,
        "workflow_sha": "b" * 40,
        "job_workflow_ref": workflow,
        "job_workflow_sha": "b" * 40,
        "run_id": "9",
        "run_number": "8",
        "run_attempt": "7",
        "runner_environment": "self-hosted",
        "actor": "mona",
        "actor_id": "6",
        "jti": "once",
    }


@pytest.mark.parametrize(
    "remote",
    [
        "https://github.com/octo-org/widget",
        "https://github.com/octo-org/widget.git",
        "https://github.com/octo-org/widget/",
        "https://x-access-token:s3cr3t@github.com/octo-org/widget.git",
        "http://github.com/octo-org/widget",
        "git://github.com/octo-org/widget.git",
        "ssh://git@github.com/octo-org/widget.git",
        "ssh://git@github.com:22/octo-org/widget.git",
        "git@github.com:octo-org/widget.git",
        "git@github.com:octo-org/widget",
        "github.com:octo-org/widget",
    ],
)
def test_persona_of_a_checkout(checkout: Callable[[str], Path], remote: str) -> None:
    claims = checks_out(GitHub(PATH, checkout(remote)))
    assert claims["repository"] == "octo-org/widget"
    assert claims["workflow_ref"] == (
        "octo-org/widget/.github/workflows/release.yml@refs/tags/v1.0"
    )
    assert (claims["event_name"], claims["ref_type"]) == ("release", "tag")
    assert claims["sha"] == "0" * 40
    assert "s3cr3t" not in str(claims)


@pytest.mark.parametrize("name", ["wid.get", ".github", "wid_get-2", "w.git.hub"])
def test_repositories_with_unusual_names(checkout: Callable[[str], Path], name: str) -> None:
    claims = checks_out(GitHub(PATH, checkout(f"git@github.com:octo-org/{name}.git")))
    assert claims["repository"] == f"octo-org/{name}"


@pytest.mark.parametrize(
    "remote",
    [
        "https://gitlab.com/octo-org/widget.git",
        "https://notgithub.com/octo-org/widget",
        "https://github.com.evil.example/octo-org/widget",
        "https://evil.example/github.com/octo-org/widget",
        "git@git.example.org:github.com/octo-org/widget.git",
        "https://gist.github.com/0123456789abcdef",
        "https://github.com/octo-org",
        "/srv/git/widget.git",
        "../widget",
    ],
)
def test_persona_of_another_forges_checkout(checkout: Callable[[str], Path], remote: str) -> None:
    claims = checks_out(GitHub(PATH, checkout(remote)))
    assert claims["repository"] == "octo-org/my-project-"


def test_persona_names_the_commit(checkout: Callable[[str], Path], git: Git) -> None:
    folder = checkout("https://github.com/octo-org/widget")
    git(folder, "commit", "-q", "--allow-empty", "-m", "x")
    claims = checks_out(GitHub(PATH, folder))
    assert claims["sha"] == claims["workflow_sha"] == git(folder, "rev-parse", "HEAD")
    git(folder, "tag", "widget-3")
    assert GitHub(PATH, folder).persona().claims["ref"] == "refs/tags/widget-3"


def test_persona_of_a_workflow_that_pushes_start(checkout: Callable[[str], Path]) -> None:
    folder = checkout("https://github.com/octo-org/widget")
    file = folder / ".github" / "workflows" / "cd.yml"
    file.parent.mkdir(parents=True)
    steps = "    permissions:\n      id-token: write\n"
    file.write_text(f"on:\n  push:\n    branches: [trunk]\njobs:\n  publish:\n{steps}")
    claims = checks_out(GitHub(PATH, folder))
    assert (claims["event_name"], claims["ref_type"]) == ("push", "branch")
    assert claims["workflow_ref"].endswith("/cd.yml@refs/heads/trunk")


@pytest.mark.parametrize(("name", "repository"), [("a b&c", "octo-org/a-b-c"), ("w", "octo-org/w")])
def test_persona_without_a_checkout(tmp_path: Path, name: str, repository: str) -> None:
    (tmp_path / name).mkdir()
    claims = checks_out(GitHub({}, tmp_path / name))
    assert claims["repository"] == repository
    assert claims["actor"] == "octo-org"


def test_persona_in_the_root_folder() -> None:
    assert checks_out(GitHub({}, Path("/")))["repository"] == "octo-org/project"
