"""Entry point: ``python -m publisher`` and the ``publisher`` script."""

import gc
import sys

ALLOCATIONS = 200_000


def main() -> int:
    """Run the command line; return the exit code, also when Ctrl-C comes this early."""
    # Imports make hundreds of thousands of objects that stay. Python would look through them for
    # garbage again and again, and once more at the end: a fifth of the CPU time of a small release.
    gc.set_threshold(ALLOCATIONS)
    try:
        from publisher import cli

        return cli.main()
    except KeyboardInterrupt:
        return 130
    finally:
        gc.freeze()


if __name__ == "__main__":
    sys.exit(main())
