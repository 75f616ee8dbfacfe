"""A complete publishing world on loopback: identity provider, Sigstore, package indexes.

Real HTTP servers in one child process, which the unmodified clients (sigstore, pypi-attestations,
twine, uv, pip) take for the real thing. ``open`` is a ``World`` to publish into; ``sandbox``
serves one to other programs. See ``docs/rehearsal.md`` for what a rehearsal proves.
"""

from publisher.rehearsal.client import (
    open_world as open,  # noqa: A004 - read as rehearsal.open(...), which the builtin never is
)
from publisher.rehearsal.client import sandbox

__all__ = ["open", "sandbox"]
