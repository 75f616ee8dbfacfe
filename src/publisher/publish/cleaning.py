"""What a build may see of our environment, and which files of the runner it must not write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_DROPPED = (
    "ACTIONS_", "PUBLISHER_", "TWINE_", "UV_PUBLISH_",
    # All of them or none: a GIT_CONFIG_COUNT without its KEY and VALUE makes git fail, and the
    # values are where CI systems put an "AUTHORIZATION: basic" header.
    "GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_", "GIT_CONFIG_PARAMETERS",
)  # fmt: skip
_COMMAND_FILES = {
    "GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY",
    "IDENTITY_HEADER",
}  # fmt: skip
_KEPT = (
    "PIP_", "UV_INDEX", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX", "UV_FIND_LINKS",
)  # fmt: skip
_SECRET_WORD = re.compile(
    r"(AUTH|CREDS|JWT|KEYS?|PASS|PASSPHRASE|PAT|PRIVATE|SSHPASS"
    r"|\w*(ACCESSKEY|APIKEY|SECRETKEY|CREDENTIALS?|PASSWD|PASSWORDS?|SECRETS?|TOKENS?))\d*"
)
_USERINFO = re.compile(r"(://)[^/\s@]+@")


def clean_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return what a build may see of ``env``.

    Names are compared in upper case, and the first of these rules that fits decides:

    1. Dropped by prefix: ``ACTIONS_`` (GitHub's token endpoints), ``PUBLISHER_``, ``TWINE_``,
       ``UV_PUBLISH_``, and git's ``GIT_CONFIG_COUNT/KEY_n/VALUE_n/PARAMETERS``.
    2. Dropped by name: ``GITHUB_ENV`` and GitHub's other command files, through which a build
       could change later steps, and Azure's ``IDENTITY_HEADER``.
    3. Kept by prefix: ``SETUPTOOLS_SCM_*``.
    4. Dropped when a word of the name (between underscores) is AUTH, CREDS, JWT, KEY(S), PASS,
       PASSPHRASE, PAT, PRIVATE or SSHPASS, or ends in ACCESSKEY, APIKEY, SECRETKEY,
       CREDENTIAL(S), PASSWD, PASSWORD(S), SECRET(S) or TOKEN(S), digits aside. ``KEYBOARD`` and
       ``TOKENIZERS_PARALLELISM`` stay.
    5. Kept by prefix: what the installer of the build's requirements reads (``PIP_*``,
       ``UV_INDEX*``, ``UV_DEFAULT_INDEX``, ``UV_EXTRA_INDEX*``, ``UV_FIND_LINKS``), *with* a
       user and password in the URL of a private index: without it nothing could be installed.
    6. Dropped when the value is a URL with a user in it, such as GitLab's ``CI_REPOSITORY_URL``,
       unless the name ends in ``_PROXY``.

    Alone, this is hygiene: a backend that means harm could read the environment of the process
    that started it. ``building`` keeps it from that where the kernel can.
    """
    return {name: value for name, value in env.items() if _may_see(name.upper(), value)}


def _may_see(name: str, value: str) -> bool:
    if name.startswith(_DROPPED) or name in _COMMAND_FILES:
        return False
    if name.startswith("SETUPTOOLS_SCM_"):  # ..._FOR_<PROJECT>, and a project may be called token
        return True
    if any(_SECRET_WORD.fullmatch(word) for word in re.split(r"[^A-Z0-9]+", name)):
        return False
    return name.startswith(_KEPT) or name.endswith("_PROXY") or not _USERINFO.search(value)


def command_files(env: Mapping[str, str]) -> list[Path]:
    """The files through which GitHub's runner takes orders from this step, as far as they exist."""
    return [path for path in _named(env) if path.is_file()]


def command_file_states(env: Mapping[str, str]) -> dict[Path, tuple[int, int, int] | None]:
    """Device, inode and size of each of these files, ``None`` for one that is not there.

    What was put in a file's place, or in that of a folder above it, is another inode.
    """
    return {path: _state(path) for path in _named(env)}


def _named(env: Mapping[str, str]) -> list[Path]:
    named = (Path(env[name]) for name in sorted(_COMMAND_FILES) if env.get(name))
    return [path for path in named if path.is_absolute()]


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size


def without_user(text: str) -> str:
    """A text in which no URL has a user and password."""
    return _USERINFO.sub(r"\1***@", text)
