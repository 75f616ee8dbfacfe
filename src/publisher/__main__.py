"""Entry point: ``python -m publisher`` and the ``publisher`` script."""

import sys


def main() -> int:
    """Run the command line; return the exit code, also when Ctrl-C comes this early."""
    try:
        from publisher import cli

        return cli.main()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
