"""Starts a rehearsal in a process of its own, and ends it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from publisher.errors import SandboxUnusable

PASSED_ON = {"PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LANG"}
PATIENCE = 10


@contextmanager
def child(
    folder: Path,
    *,
    indexes: Sequence[str],
    env: Mapping[str, str],
    port: int = 0,
    tls: bool = False,
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run ``python -m publisher.rehearsal`` inside ``folder``.

    Yields:
        The control URL and the process.

    Raises:
        SandboxUnusable: It did not start.
    """
    with (folder / "child.log").open("wb") as log:
        process = subprocess.Popen(
            _command(folder, indexes, port, tls=tls),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=folder,
            env=_environment(folder, env),
            # Ctrl-C is for the parent, which may still want the evidence. The child ends with it.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    try:
        yield _control_url(process, folder), process
    finally:
        _end(process)


def _command(folder: Path, indexes: Sequence[str], port: int, *, tls: bool) -> list[str]:
    command = [sys.executable, "-P", "-m", "publisher.rehearsal", "--folder", str(folder)]
    command += ["--port", str(port), *(f"--index={name}" for name in indexes)]
    return [*command, "--tls"] if tls else command


def _environment(folder: Path, env: Mapping[str, str]) -> dict[str, str]:
    """What a child needs, and caches of its own: it must never see the user's.

    platformdirs reads another variable on each system, all of which name the same folder.
    """
    home = str(folder / "home")
    kept = {
        name: value
        for name, value in env.items()
        if name.upper() in PASSED_ON or name.startswith("COVERAGE_")
    }
    own = dict.fromkeys(
        (
            "HOME",
            "USERPROFILE",
            "LOCALAPPDATA",
            "APPDATA",
            "WIN_PD_OVERRIDE_LOCAL_APPDATA",
            "WIN_PD_OVERRIDE_APPDATA",
            "XDG_CACHE_HOME",
            "XDG_DATA_HOME",
        ),
        home,
    )
    path = os.pathsep.join(entry for entry in sys.path if Path(entry).is_absolute())
    return {**kept, **own, "PYTHONPATH": path}


def _control_url(process: subprocess.Popen[bytes], folder: Path) -> str:
    assert process.stdout is not None  # noqa: S101 - for the type checker; it is a pipe
    line = process.stdout.readline()
    try:
        return str(json.loads(line)["control"])
    except (ValueError, KeyError, TypeError) as error:
        process.kill()
        said = (folder / "child.log").read_text("utf-8", "replace")
        raise SandboxUnusable(
            "the rehearsal did not start", facts={"output": said[-2000:] or line.decode("latin-1")}
        ) from error


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close its stdin, which is how it knows; kill it only if it doesn't care."""
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:  # pragma: no cover - a hung child can't be had in a test
        process.kill()
        process.wait()
