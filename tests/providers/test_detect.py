"""Which CI is around us: not ours, ours, or ours and broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from publisher.errors import InvalidValue, ProviderNotHere
from publisher.providers import PROVIDERS, detect
from publisher.providers.github import GitHub
from publisher.providers.local import Local

GITHUB = {"GITHUB_ACTIONS": "true"}


@pytest.mark.parametrize(
    ("env", "kind"),
    [
        (GITHUB, GitHub),
        ({}, Local),
        ({**GITHUB, "FORGEJO_ACTIONS": "true"}, Local),
        ({**GITHUB, "GITEA_ACTIONS": "true"}, Local),
        ({"GITLAB_CI": "true"}, Local),
    ],
)
def test_what_is_around_us(tmp_path: Path, env: dict[str, str], kind: type) -> None:
    provider = detect(env, tmp_path)
    assert type(provider) is kind
    assert (provider.env, provider.folder) == (env, tmp_path)


def test_the_wanted_one_is_here(tmp_path: Path) -> None:
    assert type(detect(GITHUB, tmp_path, "github")) is GitHub
    assert type(detect({}, tmp_path, "local")) is Local
    assert type(detect(GITHUB, tmp_path, "local")) is Local


def test_the_wanted_one_is_not_here(tmp_path: Path) -> None:
    with pytest.raises(ProviderNotHere, match="does not run there") as caught:
        detect({**GITHUB, "FORGEJO_ACTIONS": "true"}, tmp_path, "github")
    assert caught.value.facts == {"wanted": "github", "detected": "local"}
    assert caught.value.exit_code == 3


def test_a_rehearsal_plays_whom_it_wants(tmp_path: Path) -> None:
    assert type(detect({}, tmp_path, "github", play=True)) is GitHub


@pytest.mark.parametrize("play", [True, False])
@pytest.mark.parametrize("name", ["gitlab", "GitHub", "", "jenkins"])
def test_nobody_of_that_name(tmp_path: Path, name: str, play: bool) -> None:
    with pytest.raises(InvalidValue, match="no such provider") as caught:
        detect(GITHUB, tmp_path, name, play=play)
    assert caught.value.facts == {"known": ["github", "local"]}


def test_names_are_unique_and_the_last_one_takes_all() -> None:
    assert len({provider.name for provider in PROVIDERS}) == len(PROVIDERS)
    assert [provider.detects({}) for provider in PROVIDERS] == [False] * (len(PROVIDERS) - 1) + [
        True
    ]
