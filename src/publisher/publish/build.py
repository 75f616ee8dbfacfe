"""Build a project: sdist, then the wheel from that sdist, in an environment without secrets."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import queue
import shutil
import signal
import site
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
from publisher.publish.cleaning import (
    clean_environment,
    command_file_states,
    protection,
    unkept,
    without_user,
)
from publisher.publish.filename import refused_platform
from publisher.remarks import remark

_TAIL = 30  # lines of output that an error shows
_LINE = 1 << 16  # characters; a longer line is shown in pieces
_GRACE = 5.0  # seconds between asking the build to end and ending it
_TRIAL = 30.0  # seconds; a fraction of one is enough
_SAME = "`python -m build` in the project's folder shows the same failure."
_ALONE = """\
If `python -m build` in the project's folder does not show it: here the backend sees no process but
its own, and can't write into this program's Python and environment, nor where the system's lie."""
_HINTS = {  # by what the build was started with; the first that fits
    "--offline": f"{_ALONE} Nor has it network; if it must download: --allow networked-build.",
    "--isolated": _ALONE,
}


def obstacle(env: Mapping[str, str], project: Path | None = None) -> str | None:
    """Why a build can't be isolated here, or ``None`` if it can. It is tried, not guessed."""
    if sys.platform != "linux":
        return "only Linux has namespaces"
    source = project and project.resolve()
    if why := unkept(env, source):
        return why
    try:
        done = subprocess.run(
            _program("--try", *protection(env, source)),
            env=clean_environment(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TRIAL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"the kernel took more than {_TRIAL:.0f} seconds"
    said = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
    return said[-1] if done.returncode else None


def build(
    source: Path,
    into: Path,
    *,
    env: Mapping[str, str],
    on_line: Callable[[str], None],
    note: Callable[[Finding], None] = lambda _: None,
    isolated: bool = False,
    networked: bool = False,
) -> tuple[Path, ...]:
    """Build the sdist and, from the unpacked sdist, the wheel, each in an environment of its own.

    ``building`` does it in a child process: the backend is a foreign program and gets
    ``clean_environment(env)`` and nothing else, plus ``SOURCE_DATE_EPOCH`` from the last commit
    if it isn't set. However this function is left, the child and what it started are stopped.

    Args:
        source: The project's folder.
        into: Where the dists go, created if need be; replaces files of the same names.
        env: The environment we run in.
        on_line: Called with each line of output: foreign text, in which a CI may read commands.
        note: Told when a wheel is left out that was built for this very Linux: no index takes it.
        isolated: See no process but its own, and leave none; only where there is no ``obstacle``.
        networked: If isolated, whether the backend has network.

    Returns:
        The sdist and the wheel in ``into``. Neither is there when the build fails.

    Raises:
        NothingToPublish: ``source`` is no project.
        BuildFailed: The facts hold the last lines of output, or it touched the runner's files.
        CannotWrite: ``into`` can't be written.
    """
    source = _project(source)
    child = _environment(source, env)
    with tempfile.TemporaryDirectory(prefix="publisher-build-", ignore_cleanup_errors=True) as temp:
        folder = Path(temp, "dist")
        walls = _walls(source, env, networked=networked) if isolated else []
        before = command_file_states(env)
        _run([*_command(source, folder), *walls], Path(temp), child, on_line)
        _check_untouched(before, command_file_states(env))
        return _move(_portable(_complete(folder), note), into)


def _project(folder: Path) -> Path:
    source = folder.resolve()
    if not any((source / name).is_file() for name in ("pyproject.toml", "setup.py")):
        raise NothingToPublish(
            f"{source} is not a project: it has no pyproject.toml and no setup.py",
            facts={"looked_in": [str(source)]},
            hint="Name the project's folder, or the folder that holds finished dists.",
        )
    return source


def _environment(source: Path, env: Mapping[str, str]) -> dict[str, str]:
    child = clean_environment(env)
    if not child.get("SOURCE_DATE_EPOCH"):
        child.pop("SOURCE_DATE_EPOCH", None)
        if (time := git.commit_time(source, env=env)) is not None:
            child["SOURCE_DATE_EPOCH"] = str(time)
    return child


def _command(source: Path, folder: Path) -> list[str]:
    module = importlib.util.find_spec("uv")
    uv = module and module.origin  # of our own environment, never the one in PATH
    return [*_program("--installer", "uv" if uv else "pip"), str(source), str(folder)]


def _program(*arguments: str) -> list[str]:
    """The child, found where we were found, never in the project's folder.

    -P keeps the current folder off the path: projects have a ``build/`` or a ``build.py``. When
    we ourselves run isolated (-I), so does the child, or PYTHONPATH would be back. Further down
    ``build`` sets PYTHONPATH to nothing for the backend. A folder of the user's modules (-s) that
    wasn't there when we began may be an earlier build's.
    """
    users = site.getusersitepackages() in sys.path
    how = ["-I"] if sys.flags.isolated else ["-P"] if users else ["-P", "-s"]
    return [sys.executable, *how, "-m", "publisher.publish.building", *arguments]


def _walls(source: Path, env: Mapping[str, str], *, networked: bool) -> list[str]:
    return ["--isolated", *([] if networked else ["--offline"]), *protection(env, source)]


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
            text = without_user(line)
            tail.append(text)
            on_line(text)
        code = process.wait()
    finally:
        _stop(process)
    if code:
        raise BuildFailed(
            "the project does not build",
            facts={"exit_code": code, "output": list(tail)},
            hint=next((hint for flag, hint in _HINTS.items() if flag in command), _SAME),
        )


def _check_untouched(before: Mapping[Path, object], after: Mapping[Path, object]) -> None:
    if touched := [str(path) for path, state in after.items() if state != before[path]]:
        raise BuildFailed(
            "the build changed files through which the CI's runner takes orders",
            facts={"changed": touched},
            hint="No build has a reason to. Find out what in it does this: the project, its "
            "backend, or one of its requirements. Don't trust this machine before.",
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
            else:  # pragma: no cover - Windows, where no test runs yet
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
