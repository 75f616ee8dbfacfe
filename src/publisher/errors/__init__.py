"""Everything that can go wrong, one class per cause. A leaf.

docs/errors.md has a section for each; a test provokes each through the command line.
"""

from publisher.errors.base import PublisherError as PublisherError
from publisher.errors.early import *  # noqa: F403 - all, under one name
from publisher.errors.late import *  # noqa: F403 - as above
from publisher.errors.reading import *  # noqa: F403 - as above
