"""Whether the index can render a description.

A reStructuredText can ask for any amount of work: a few kilobytes of substitutions become gigabytes
of text. So it is rendered in a child process, with a deadline and a limit of memory. docutils also
reads settings from the current folder, the home and the environment, and with the right ones a
description includes any file: so the child has an empty folder, no home and no environment.
"""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

from publisher.models import Finding
from publisher.remarks import remark

_DEADLINE = 30.0  # seconds; a long README takes one
_CHILD = """
import contextlib, io, json, sys
sys.path[:] = sys.argv[1:]
with contextlib.suppress(ImportError, ValueError, OSError):  # not on every system
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
from readme_renderer import rst
rst.SETTINGS["_disable_config"] = True
said = io.StringIO()
try:
    good = rst.render(sys.stdin.buffer.read().decode("utf-8", "surrogatepass"), stream=said)
    problem = None if good is not None else said.getvalue()
except Exception as error:  # docutils raises anything on odd input
    problem = f"{type(error).__name__}: {error}"
print(json.dumps(problem and problem[:10000]))
"""
_REPORT = re.compile(r"^<string>:(\d*): \(([A-Z]+)/\d+\) (.*)", re.DOTALL | re.MULTILINE)
_one_at_a_time = threading.Lock()  # the wheels of a release share one description

MISSING = "the description is missing: the project's page will be empty"
UNTYPED = "the description has no content type: the index reads it as reStructuredText"


def problems(text: str, content_type: str | None) -> list[str]:
    """Render as the index does; return what is wrong, one line each."""
    message = EmailMessage()
    message["content-type"] = content_type or "text/x-rst"
    kind = message.get_content_type()
    if kind == "text/markdown":
        return [] if text.strip() else ["it is empty but for white space"]
    if kind != "text/x-rst":
        return []
    with _one_at_a_time:
        return list(_rst_problems(text))


@functools.lru_cache(maxsize=16)
def _rst_problems(text: str) -> tuple[str, ...]:
    path = [entry for entry in sys.path if Path(entry).is_absolute()]
    try:
        with tempfile.TemporaryDirectory(prefix="publisher-") as nowhere:
            done = subprocess.run(
                [sys.executable, "-I", "-c", _CHILD, *path],
                input=text.encode("utf-8", "surrogatepass"),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=nowhere,
                env=_surroundings(nowhere),
                timeout=_DEADLINE,
                check=True,
            )
    except subprocess.TimeoutExpired:
        return (f"it takes more than {_DEADLINE:.0f} seconds to render",)
    except subprocess.CalledProcessError as error:
        return (f"rendering it fails (status {error.returncode}); is it very large?",)
    problem = json.loads(done.stdout)
    if problem is None:
        return ()
    return tuple(_REPORT.sub(_readable, problem).strip().splitlines()) or ("it renders to nothing",)


def _surroundings(folder: str) -> dict[str, str]:
    """Nothing that a description could show, and what Windows can't start a process without."""
    names = ("HOME", "USERPROFILE", "DOCUTILSCONFIG")
    windows = sys.platform == "win32"
    system = {"SYSTEMROOT": f"{Path(sys.executable).anchor}Windows"} if windows else {}
    return {**dict.fromkeys(names, folder), **system}


def _readable(found: re.Match[str]) -> str:
    line, level, text = found.groups()
    return f"line {line}: {level.capitalize()}: {text}"


def remark_on(
    text: str, content_type: str | None, filename: str, note: Callable[[Finding], None]
) -> None:
    """Say what is missing; the index takes it anyway."""
    why = MISSING if not text else UNTYPED if content_type is None else None
    if why:
        note(
            remark(
                "description-check",
                why,
                hint="Set `readme` in [project] (with a content-type if it isn't .md or .rst).",
                file=filename,
            )
        )
