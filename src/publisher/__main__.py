"""Entry point: ``python -m publisher`` and the ``publisher`` script."""

import sys

from publisher.cli import main

if __name__ == "__main__":
    sys.exit(main())
