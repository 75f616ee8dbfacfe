"""The child process: ``python -P -m publisher.rehearsal --folder DIR``.

It prints one line of JSON when all services listen, and ends when its stdin does (so never
outlives the process that started it), or on SIGINT or SIGTERM.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from publisher.rehearsal.stage import Spec, Stage, UnsafeFolderError

INDEX = re.compile(r"[a-z0-9][a-z0-9._-]{0,252}(:static)?(@[ -~]{1,500})?")
TAKEN = {"control", "issuer", "fulcio", "rekor"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Play until the end; the exit code is 2 for a wrong start."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    indexes = list(dict.fromkeys(options.index or ["pypi"]))
    stage = Stage(options.folder, indexes=indexes, port=options.port, tls=options.tls)
    try:
        stage.warmup.check()
        line = json.dumps({"control": stage.start(), "pid": os.getpid()})
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        stage.warmup.start()
        sys.stdin.buffer.read()
    except UnsafeFolderError as error:
        sys.stderr.write(f"{error} is outside {options.folder}: `publisher sandbox` sets it\n")
        return 2
    finally:
        shutil.rmtree(stage.files, ignore_errors=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="publisher.rehearsal", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="of the control service; 0 is any")
    parser.add_argument(
        "--index", action="append", type=_index, help="NAME[:static][@AUDIENCE]; repeatable"
    )
    parser.add_argument("--tls", action="store_true", help="serve all but control over TLS")
    parser.add_argument("--folder", type=Path, required=True, help="for files and caches")
    return parser


def _index(name: str) -> str:
    if not INDEX.fullmatch(name) or Spec.of(name).name in TAKEN:
        raise argparse.ArgumentTypeError(f"{name!r} can't be an index's name")
    return name


def _stop(_number: int, _frame: object) -> NoReturn:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
