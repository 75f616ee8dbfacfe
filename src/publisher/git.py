"""What git knows of a checkout, asked so that the checkout can't answer with a program.

A leaf. A repository's own ``.git/config`` is written by whoever wrote the checkout; git would run
what it names. Every question is therefore asked with the settings below, and any trouble (no git,
no repository, a refusal, a timeout) is the answer ``None``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

_TIMEOUT = 10.0
_ORIGIN = re.compile(
    r"(?:\w+://)?(?:[^@/]+@)?([\w.-]+)(?::\d+/|[:/]+)((?:[\w.-]+/)+[\w.-]+?)(?:\.git)?/?"
)

_SETTINGS = (
    f"core.hooksPath={os.devnull}",
    "core.fsmonitor=false",
    # `git log` verifies signatures with the program that gpg.program names, if a local config
    # says log.showSignature=true: reading a commit's time would run it.
    "log.showSignature=false",
    # A CI container often runs as another user than the one that made the checkout. The
    # ownership check guards against the programs that are switched off here. Honoured on the
    # command line since git 2.38; older ones refuse, which is None.
    # https://git-scm.com/docs/git-config#Documentation/git-config.txt-safedirectory
    "safe.directory=*",
    # A folder of the project that merely looks like a bare repository is not asked.
    "safe.bareRepository=explicit",
)

_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    # In a partial clone a missing object is fetched from the "promisor" remote, through
    # core.sshCommand, remote.*.uploadpack or an ext:: URL of the local config: three more ways
    # to run a program. The first line needs git 2.39.4, the second beats any configuration.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "LC_ALL": "C",
}
_INHERITED = ("PATH", "SYSTEMROOT")
_PERSONAL = ("HOME", "USERPROFILE", "XDG_CONFIG_HOME")

_USERINFO = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)[^/@]*@")


def run(folder: Path, *args: str, env: Mapping[str, str], personal: bool = False) -> str | None:
    """Ask git about ``folder`` and return its answer without the final newline.

    Only reading commands that neither look at the work tree nor show a patch are safe here:
    filters, textconv and external diffs are not switched off.

    Args:
        folder: Anywhere inside the checkout.
        args: The command, such as ``"rev-parse", "HEAD"``.
        env: The environment to take ``PATH`` and ``SYSTEMROOT`` from; git sees nothing else of it.
        personal: Whether git reads the configuration of whoever runs this, too.

    Returns:
        ``None`` when there is no git, no repository, no answer within ten seconds or an error.
    """
    git = shutil.which("git", path=env.get("PATH", os.defpath))
    if git is None or not Path(git).is_absolute():  # Windows looks into the current folder first
        return None
    command = [git, "--no-pager", "--no-replace-objects", "-C", str(folder)]
    command += [part for setting in _SETTINGS for part in ("-c", setting)]
    child = _ENVIRONMENT | {name: env[name] for name in _INHERITED if name in env}
    if personal:
        del child["GIT_CONFIG_GLOBAL"]
        child |= {name: env[name] for name in _PERSONAL if name in env}
    try:
        done = subprocess.run(
            [*command, *args],
            env=child,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT,
            check=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace").removesuffix("\n")


def commit_time(folder: Path, *, env: Mapping[str, str]) -> int | None:
    """When the commit at HEAD was committed, in seconds since the epoch."""
    answer = run(folder, "log", "-1", "--no-patch", "--format=%ct", "HEAD", env=env)
    return int(answer) if answer and answer.isascii() and answer.isdigit() else None


def origin(folder: Path, *, env: Mapping[str, str]) -> str | None:
    """The URL of the remote ``origin`` as configured, without any user or password in it.

    Without ``origin``, that of the only remote. A CI's checkout often carries a job token there.
    ``url.*.insteadOf`` is not applied.
    """
    answer = run(folder, "config", "--local", "--get", "remote.origin.url", env=env)
    if not answer:
        others = run(folder, "config", "--local", "--get-regexp", r"^remote\..*\.url$", env=env)
        lines = (others or "").splitlines()
        answer = lines[0].partition(" ")[2] if len(lines) == 1 else None
    return _USERINFO.sub(r"\1", answer) if answer else None


def remote(folder: Path, *, env: Mapping[str, str]) -> tuple[str, str]:
    """Host and path that ``origin`` names, such as the forge's and the repository's; else empty."""
    found = _ORIGIN.fullmatch(origin(folder, env=env) or "")
    return (found[1], found[2]) if found else ("", "")


def user(folder: Path, *, env: Mapping[str, str]) -> str | None:
    """The name under which somebody commits here (``user.name``), if git knows one."""
    return run(folder, "config", "--get", "user.name", env=env, personal=True) or None


def head(folder: Path, *, env: Mapping[str, str]) -> str | None:
    """The commit at HEAD, in hex."""
    return run(folder, "rev-parse", "--verify", "HEAD^{commit}", env=env) or None


def tag(folder: Path, *, env: Mapping[str, str]) -> str | None:
    """A tag that points exactly at HEAD: an annotated one if there are several."""
    return run(folder, "describe", "--tags", "--exact-match", "HEAD", env=env) or None
