"""The CIs we know, in the order they are looked for: the most specific first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from publisher.errors import InvalidValue, ProviderNotHere
from publisher.providers.activestate import ActiveState
from publisher.providers.base import Provider, no_number
from publisher.providers.github import GitHub
from publisher.providers.gitlab import GitLab
from publisher.providers.google import Google
from publisher.providers.local import Local, Unknown

# A GitLab job may carry Google's variables, and its runner may be a machine of Google's.
PROVIDERS: tuple[type[Provider], ...] = (GitHub, GitLab, Google, ActiveState, Local)


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


def table() -> str:
    """Which CIs are known, and what the public indexes do for each."""
    rows = [("NAME", "WHERE", "UPLOAD TOKENS", "ATTESTATIONS")]
    for known in PROVIDERS[:-1]:
        support = known({}, Path()).supports("pypi")
        yes = {True: "yes", False: "no"}
        rows.append((known.name, known.title, yes[support.mint], yes[support.attest]))
    return "\n".join(f"{a:<12} {b:<40} {c:<14} {d}".rstrip() for a, b, c, d in rows)


def from_claims(
    claims: Mapping[str, object],
    env: Mapping[str, str],
    folder: Path,
    stranger: type[Provider] = Unknown,
) -> Provider:
    """The provider whose tokens have claims like these; its persona is these claims.

    Args:
        claims: They have an ``iss``, as ``read_claims`` makes sure.
        env: The environment of the process.
        folder: Where the project is.
        stranger: Who it is if none of them fits; ``Foreign`` if there are real tokens.
    """
    issuing = (provider for provider in PROVIDERS if provider.issues(claims))
    return next(issuing, stranger)(env, folder, claims)


def read_claims(path: Path) -> Mapping[str, object]:
    """The claims in a file: a JSON object of them, or one that has them under ``claims``.

    Raises:
        InvalidValue: It can't be read, or is something else.
    """
    problem = ""
    value: object = None
    try:
        value = json.loads(path.read_text("utf-8"), parse_constant=no_number)
    except OSError as error:
        problem = error.strerror or "it can't be read"
    except RecursionError:
        problem = "it is nested too deeply"
    except ValueError as error:
        problem = f"it is not JSON ({error})"
    if isinstance(value, dict) and isinstance(value.get("claims"), dict):
        value = value["claims"]
    if not problem and not isinstance(value, dict):
        problem = "it is JSON, but no object"
    if isinstance(value, dict) and isinstance(value.get("iss"), str) and value["iss"]:
        return value
    raise InvalidValue(
        f"--provider-claims: there are no claims in {path.name}",
        facts={"file": str(path), "problem": problem or "the claims have no iss, which is text"},
        hint='Give the payload of an ID token as JSON: {"iss": "https://...", "sub": "...", ...}',
    )
