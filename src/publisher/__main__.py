"""Entry point: ``python -m publisher`` and the ``publisher`` script."""

import atexit
import gc
import os
import sys
from contextlib import suppress
from typing import NoReturn

ALLOCATIONS = 200_000


def main() -> NoReturn:
    """Run the command line and end with its exit code, also when Ctrl-C comes this early."""
    # Imports make hundreds of thousands of objects that stay. Python would look through them for
    # garbage again and again: a tenth of the CPU time of a small release.
    gc.set_threshold(ALLOCATIONS)
    try:
        from publisher import cli

        code = cli.main()
    except KeyboardInterrupt:
        code = 130
    _end(code)


def _end(code: int) -> NoReturn:
    """Leave at once: threads may still import what nobody waits for any more.

    An interpreter that tidies up under them crashes, and takes a tenth of a second for it.
    """
    atexit._run_exitfuncs()  # noqa: SLF001 - what os._exit leaves out
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # closed, or its reader is gone: nobody to tell
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
