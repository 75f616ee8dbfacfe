"""What a build may see of our environment, and what it must not write: the runner's, and ours."""

from __future__ import annotations

import os
import re
import sys
import tempfile
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


def own_places(project: Path | None = None) -> list[Path]:
    """The files and folders that this process, and those it starts, get their code from.

    These are programs and libraries of its Python and of its virtual environment, this package,
    wherever else Python looks for modules, and the folders of links that lead to all these. Of the
    latter two, those are left out that a build must write: what is in the ``project`` (an
    "editable" installation of it, say), and what holds it, the user's home or temporary files.
    """
    names = ("bin", "lib", "lib64", "pyvenv.cfg")
    own = [Path(prefix, name) for prefix in (sys.prefix, sys.base_prefix) for name in names]
    own.append(Path(__file__).parents[1])
    more = [Path(entry).absolute() for entry in sys.path]
    parts = {part for path in own + more for part in (path, *path.parents)}
    more += [part.parent for part in parts if part.is_symlink()]
    own += [path for path in more if not _is_written(path.resolve(), project)]
    return sorted({path.resolve() for path in own if path.exists()})


def _is_written(path: Path, project: Path | None) -> bool:
    """Whether a build may write there, or somewhere below."""
    if project and path.is_relative_to(project):
        return True
    home = os.path.expanduser("~")  # noqa: PTH111 - never fails, even where nobody has a home
    busy = [Path(home), Path(tempfile.gettempdir()), *([project] if project else [])]
    return any(folder.resolve().is_relative_to(path) for folder in busy)


def without_user(text: str) -> str:
    """A text in which no URL has a user and password."""
    return _USERINFO.sub(r"\1***@", text)
