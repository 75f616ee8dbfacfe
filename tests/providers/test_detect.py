"""Which CI is around us: not ours, ours, or ours and broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from publisher.errors import InvalidValue, ProviderNotHere
from publisher.providers import PROVIDERS, detect
from publisher.providers.activestate import ActiveState
from publisher.providers.github import GitHub
from publisher.providers.gitlab import GitLab
from publisher.providers.google import Google
from publisher.providers.local import Local

GITHUB = {"GITHUB_ACTIONS": "true"}
GITLAB = {"GITLAB_CI": "true"}
GOOGLE = {"GOOGLE_SERVICE_ACCOUNT_NAME": "a@p.iam.gserviceaccount.com"}


@pytest.fixture(autouse=True)
def product(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that says which machine this is; here, no machine in particular."""
    path = tmp_path / "product_name"
    monkeypatch.setattr(Google, "product", path)
    return path


@pytest.mark.parametrize(
    ("env", "kind"),
    [
        (GITHUB, GitHub),
        ({}, Local),
        ({**GITHUB, "FORGEJO_ACTIONS": "true"}, Local),
        ({**GITHUB, "GITEA_ACTIONS": "true"}, Local),
        (GITLAB, GitLab),
        ({"GITLAB_CI": "yes"}, Local),
        (GOOGLE, Google),
        ({"GOOGLE_SERVICE_ACCOUNT_NAME": ""}, Local),
        ({**GITLAB, **GOOGLE}, GitLab),
        ({**GITHUB, **GOOGLE}, GitHub),
    ],
)
def test_what_is_around_us(tmp_path: Path, env: dict[str, str], kind: type) -> None:
    provider = detect(env, tmp_path)
    assert type(provider) is kind
    assert (provider.env, provider.folder) == (env, tmp_path)


@pytest.mark.parametrize(
    ("text", "env", "kind"),
    [
        (b"Google Compute Engine\n", {}, Google),
        (b"Google\n", {}, Google),
        (b"Googlezon\n", {}, Local),
        (b"\xff\xfe", {}, Local),
        (b"Google\n", GITHUB, GitHub),
        (b"Google\n", GITLAB, GitLab),
        (b"Google\n", {**GITHUB, "FORGEJO_ACTIONS": "true"}, Local),
        (b"Google\n", {"BUILDKITE": "true"}, Local),
        (b"Google\n", {"BUILDKITE": "true", **GOOGLE}, Google),
    ],
)
def test_machines_of_googles(product: Path, text: bytes, env: dict[str, str], kind: type) -> None:
    """A runner may stand on one; its job is not the machine's owner."""
    product.write_bytes(text)
    assert type(detect(env, Path())) is kind


def test_the_wanted_one_is_here(tmp_path: Path) -> None:
    assert type(detect(GITHUB, tmp_path, "github")) is GitHub
    assert type(detect({}, tmp_path, "local")) is Local
    assert type(detect(GITHUB, tmp_path, "local")) is Local
    assert type(detect({**GITLAB, **GOOGLE}, tmp_path, "google")) is Google


def test_the_wanted_one_is_not_here(tmp_path: Path) -> None:
    with pytest.raises(ProviderNotHere, match="does not run there") as caught:
        detect({**GITHUB, "FORGEJO_ACTIONS": "true"}, tmp_path, "github")
    assert caught.value.facts == {"wanted": "github", "detected": "local"}
    assert caught.value.exit_code == 3


def test_a_rehearsal_plays_whom_it_wants(tmp_path: Path) -> None:
    for kind in (GitHub, GitLab, Google, ActiveState):
        assert type(detect({}, tmp_path, kind.name, play=True)) is kind


@pytest.mark.parametrize("play", [True, False])
@pytest.mark.parametrize("name", ["unknown", "GitHub", "", "jenkins"])
def test_nobody_of_that_name(tmp_path: Path, name: str, play: bool) -> None:
    with pytest.raises(InvalidValue, match="no such provider") as caught:
        detect(GITHUB, tmp_path, name, play=play)
    assert caught.value.facts == {"known": sorted(one.name for one in PROVIDERS)}


def test_names_are_unique_and_the_last_one_takes_all() -> None:
    assert len({provider.name for provider in PROVIDERS}) == len(PROVIDERS)
    assert [provider.detects({}) for provider in PROVIDERS] == [False] * (len(PROVIDERS) - 1) + [
        True
    ]
