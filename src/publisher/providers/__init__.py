"""The CIs we know, in the order they are looked for: the most specific first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from publisher.errors import InvalidValue, ProviderNotHere
from publisher.providers.base import Provider
from publisher.providers.github import GitHub
from publisher.providers.local import Local

PROVIDERS: tuple[type[Provider], ...] = (GitHub, Local)


def detect(
    env: Mapping[str, str], folder: Path, wanted: str | None = None, *, play: bool = False
) -> Provider:
    """The CI around us, or the ``wanted`` one.

    Args:
        env: The environment of the process.
        folder: Where the project is.
        wanted: A provider's name, from ``--provider``.
        play: For a rehearsal, which may play a CI that is not here.

    Raises:
        InvalidValue: There is no provider of the wanted name.
        ProviderNotHere: The wanted one is not around us, and this is no rehearsal.
    """
    here = next(provider for provider in PROVIDERS if provider.detects(env))
    if wanted is None:
        return here(env, folder)
    named = {provider.name: provider for provider in PROVIDERS}
    if wanted not in named:
        raise InvalidValue(
            f"--provider {wanted}: there is no such provider",
            facts={"known": sorted(named)},
        )
    chosen = named[wanted]
    if not play and not chosen.detects(env):
        raise ProviderNotHere(
            f"--provider {wanted}: this process does not run there",
            facts={"wanted": wanted, "detected": here.name},
            hint="Leave --provider out to use what is detected, or add --dry-run to rehearse.",
        )
    return chosen(env, folder)
