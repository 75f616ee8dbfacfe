"""What a build may see of our environment, and what it must not write: the runner's, and ours."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
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
_PACKAGE = Path(__file__).parents[1]
_SYSTEM = (  # loader, C library, programs and settings; for root they are files like any other
    "/etc", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
    "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec",
    "/usr/local/bin", "/usr/local/sbin", "/usr/local/lib", "/usr/local/lib64", "/usr/local/etc",
)  # fmt: skip
_SHARED = ("/", "/usr", "/usr/local")  # hold these, and what others write


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


def protection(env: Mapping[str, str], project: Path | None = None) -> list[str]:
    """All that an isolated build must not write, as arguments of ``building``."""
    paths = {"hide": command_files(env), "shut": own_folders(env, project)}
    paths["keep"] = own_places(project)
    return [f"--{what}={path}" for what in paths for path in paths[what]]


def own_places(project: Path | None = None) -> list[Path]:
    """The files and folders that this process, and those it starts, get their code from.

    These are programs and libraries of its Python and of its virtual environment, this package,
    wherever else Python looks for modules, and the system's own. Of the latter two, those are left
    out that a build must write: what is in the ``project`` (an "editable" installation of it, say),
    and what holds it, the user's home or temporary files.
    """
    names = ("bin", "lib", "lib64", "pyvenv.cfg")
    own = [Path(prefix, name) for prefix in (sys.prefix, sys.base_prefix) for name in names]
    own.append(_PACKAGE)
    own += _searched(project)
    own += [path for path in map(Path, _SYSTEM) if not _is_written(path.resolve(), project)]
    return sorted({path.resolve() for path in own if path.exists()})


def own_folders(env: Mapping[str, str], project: Path | None = None) -> list[Path]:
    """Folders in which nothing may be made or renamed, whatever may be done further down.

    There lie the links that lead to our code or to the runner's command files. A Python outside
    of virtual environments also looks there for a pyvenv.cfg, even with ``-I``.
    """
    python = Path(sys.executable)
    ways = [Path(sys.prefix), Path(sys.base_prefix), _PACKAGE, python]
    ways += _searched(project) + _named(env)
    folders = {link.parent for way in ways for link in _links(way)}
    if sys.prefix == sys.base_prefix:
        folders |= {Path(sys.prefix), *python.parents[:2]}
    more = [path for path in map(Path, _SHARED) if not _is_busy(path, project)]
    return sorted({path.resolve() for path in (*folders, *more) if path.exists()})


def unkept(env: Mapping[str, str], project: Path | None = None) -> str | None:
    """Which of ``own_folders`` nothing can keep as it is, and why; or ``None``."""
    for folder in own_folders(env, project):
        if _is_busy(folder, project):
            return (
                f"builds write in {folder}, and there lies a link that leads to this program or to "
                "the runner's files, or its Python, of no virtual environment, reads a pyvenv.cfg"
            )
    return None


def _searched(project: Path | None) -> list[Path]:
    """Where Python looks for modules, but for what a build must write."""
    entries = [Path(entry).absolute() for entry in sys.path]
    return [path for path in entries if not _is_written(path.resolve(), project)]


def _links(path: Path) -> Iterator[Path]:
    """Every link on the way to a path, also those that links lead through."""
    for part in reversed((path, *path.parents)):
        if part.is_symlink() and part.exists():  # not one that leads to itself
            yield part
            yield from _links(part.parent / part.readlink() / path.relative_to(part))
            return


def _is_written(path: Path, project: Path | None) -> bool:
    """Whether a build may write there, or somewhere below."""
    if project and path.is_relative_to(project):
        return True
    return any(folder.is_relative_to(path) for folder in _busy(project))


def _is_busy(path: Path, project: Path | None) -> bool:
    """Whether a build may make new files in this very folder."""
    if path == Path(path.anchor):
        return False  # whoever lives there does without
    if path in _busy(project):
        return True
    environment = Path(sys.prefix).resolve()
    if not project or not path.is_relative_to(project):
        return False
    return not (environment.is_relative_to(project) and path.is_relative_to(environment))


def _busy(project: Path | None) -> list[Path]:
    home = os.path.expanduser("~")  # noqa: PTH111 - never fails, even where nobody has a home
    busy = [Path(home), Path(tempfile.gettempdir()), *([project] if project else [])]
    return [folder.resolve() for folder in busy]


def without_user(text: str) -> str:
    """A text in which no URL has a user and password."""
    return _USERINFO.sub(r"\1***@", text)
