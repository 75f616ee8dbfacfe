"""Build a project: sdist, then the wheel from that sdist, in an environment without secrets."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, cast

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from publisher import git
from publisher.errors import BuildFailed, CannotWrite, NothingToPublish
from publisher.models import Finding
from publisher.publish.filename import refused_platform
from publisher.remarks import remark

_TAIL = 30  # lines of output that an error shows
_LINE = 1 << 16  # characters; a longer line is shown in pieces
_GRACE = 5.0  # seconds between asking the build to end and ending it

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

    This is hygiene, not a sandbox: a backend that means harm runs as the same user and can read
    the environment of the process that started it. Build what you don't trust in another job.
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


def build(
    source: Path,
    into: Path,
    *,
    env: Mapping[str, str],
    on_line: Callable[[str], None],
    note: Callable[[Finding], None] = lambda _: None,
) -> tuple[Path, ...]:
    """Build the sdist and, from the unpacked sdist, the wheel, each in an isolated environment.

    It is ``python -m build`` in a child process: the backend is a foreign program and gets
    ``clean_environment(env)`` and nothing else, plus ``SOURCE_DATE_EPOCH`` from the last commit
    if it isn't set. However this function is left, the child and what it started are stopped.

    Args:
        source: The project's folder.
        into: Where the dists go, created if need be; files of the same names are replaced.
        env: The environment we run in.
        on_line: Called with each line of the build's output. It is foreign text: a CI may read
            commands in it.
        note: Told when the wheel is left out: a wheel of compiled code that was built for this
            very Linux is taken by no index.

    Returns:
        The sdist and the wheel in ``into``. Neither is there when the build fails.

    Raises:
        NothingToPublish: ``source`` is no project.
        BuildFailed: The facts hold the last lines of output.
        CannotWrite: ``into`` can't be written.
    """
    source = source.resolve()
    if not any((source / name).is_file() for name in ("pyproject.toml", "setup.py")):
        raise NothingToPublish(
            f"{source} is not a project: it has no pyproject.toml and no setup.py",
            facts={"looked_in": [str(source)]},
            hint="Name the project's folder, or the folder that holds finished dists.",
        )
    child = _environment(source, env)
    with tempfile.TemporaryDirectory(prefix="publisher-build-", ignore_cleanup_errors=True) as temp:
        folder = Path(temp, "dist")
        _run(_command(source, folder), Path(temp), child, on_line)
        return _move(_portable(_complete(folder), note), into)


def _environment(source: Path, env: Mapping[str, str]) -> dict[str, str]:
    child = clean_environment(env)
    if not child.get("SOURCE_DATE_EPOCH"):
        child.pop("SOURCE_DATE_EPOCH", None)
        if (time := git.commit_time(source, env=env)) is not None:
            child["SOURCE_DATE_EPOCH"] = str(time)
    return child


def _command(source: Path, folder: Path) -> list[str]:
    """``python -m build``, found where we were found, never in the project's folder.

    -P keeps the current folder off the path: projects have a ``build/`` or a ``build.py``. When
    we ourselves run isolated (-I), so does the child, or PYTHONPATH would be back. Further down
    ``build`` sets PYTHONPATH to nothing for the backend.
    """
    module = importlib.util.find_spec("uv")
    uv = module and module.origin  # of our own environment, never the one in PATH
    return [
        sys.executable,
        "-I" if sys.flags.isolated else "-P",
        *("-m", "build", "--installer", "uv" if uv else "pip", "--outdir", str(folder)),
        str(source),
    ]


def _run(
    command: list[str], cwd: Path, env: Mapping[str, str], on_line: Callable[[str], None]
) -> None:
    tail: deque[str] = deque(maxlen=_TAIL)
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,  # so that the backend's children can be stopped with it
    )
    try:
        for line in _lines(process):
            text = _USERINFO.sub(r"\1***@", line)
            tail.append(text)
            on_line(text)
        code = process.wait()
    finally:
        _stop(process)
    if code:
        raise BuildFailed(
            "the project does not build",
            facts={"exit_code": code, "output": list(tail)},
            hint="`python -m build` in the project's folder shows the same failure.",
        )


def _lines(process: subprocess.Popen[str]) -> Iterator[str]:
    """Yield the output, until it ends or its process has ended and is silent.

    A backend may leave a daemon behind (a compiler cache, say) that holds the pipe open; a plain
    loop over the pipe would then never end.
    """
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    stdout = cast("IO[str]", process.stdout)

    def pump() -> None:
        with contextlib.suppress(ValueError, OSError), stdout:
            for line in iter(lambda: stdout.readline(_LINE), ""):
                lines.put(line.rstrip("\r\n"))
        lines.put(None)

    threading.Thread(target=pump, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=0.5)
        except queue.Empty:
            if process.poll() is not None:
                return
            continue
        if line is None:
            return
        yield line


def _stop(process: subprocess.Popen[str]) -> None:
    """End the build and whatever it started: as Ctrl-C would, so that it cleans up, then hard."""
    for how in (signal.SIGINT, getattr(signal, "SIGKILL", signal.SIGTERM)):
        try:
            if hasattr(os, "killpg"):
                os.killpg(process.pid, how)  # also children that outlive the build itself
            else:  # pragma: no cover - Windows
                process.terminate()
        except (ProcessLookupError, PermissionError):
            pass
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)


def _complete(folder: Path) -> list[Path]:
    """Return the sdist and the wheel, or raise if the backend made anything else of it."""
    made = sorted(folder.iterdir(), key=lambda path: path.suffix) if folder.is_dir() else []
    if [path.suffix for path in made] != [".gz", ".whl"]:
        raise BuildFailed(
            "the build ended well, but did not make one sdist and one wheel",
            facts={"made": [path.name for path in made]},
            hint="Build with your own commands and pass the folder of dists instead.",
        )
    return made


def _portable(made: list[Path], note: Callable[[Finding], None]) -> list[Path]:
    """Leave out a wheel whose platform the index refuses; the sdist carries the release."""
    sdist, wheel = made
    try:
        platform = refused_platform(parse_wheel_filename(wheel.name)[3])
    except InvalidWheelFilename:
        return made  # reading it later says what is wrong
    if platform is None:
        return made
    note(
        remark(
            "wheel-not-portable",
            f"the wheel is tagged {platform}, which no index takes; only the sdist is published",
            hint="Build wheels with cibuildwheel, and pass the folder that holds all the dists.",
            wheel=wheel.name,
        )
    )
    return [sdist]


def _move(made: list[Path], into: Path) -> tuple[Path, ...]:
    """Copy all beside their places, then rename: no name ever stands for half a file."""
    parts = [into / f".{path.name}.part" for path in made]
    try:
        into.mkdir(parents=True, exist_ok=True)
        for path, part in zip(made, parts, strict=True):
            shutil.copyfile(path, part)
        return tuple(part.replace(into / path.name) for path, part in zip(made, parts, strict=True))
    except OSError as error:
        raise CannotWrite(
            f"the dists can't be written to {into}: {error.strerror or error}",
            facts={"folder": str(into)},
        ) from error
    finally:
        for part in parts:
            with contextlib.suppress(OSError):
                part.unlink()
