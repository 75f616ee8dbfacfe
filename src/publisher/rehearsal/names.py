"""Which names an index lets a new project have (PEP 508, PEP 503, and its own experience)."""

from __future__ import annotations

import re
import sys

from packaging.utils import canonicalize_name

from publisher.rehearsal.conditions import Settings
from publisher.rehearsal.store import Store

NAME = re.compile(r"([A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9])", re.IGNORECASE | re.ASCII)


class NameRefusedError(Exception):
    """Why there can't be a new project of that name, and the status that says so."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def check(name: str, store: Store, settings: Settings, base: str) -> None:
    """Let a new project pass.

    Raises:
        NameRefusedError: The name is taken, prohibited, or too much like another one.
    """
    about = f"See {base}/help/#project-name for more information."
    normalized = canonicalize_name(name)
    if not settings.registration:
        text = f"See {base}/help/#admin-intervention for more information."
        raise NameRefusedError(403, f"New project registration temporarily disabled. {text}")
    if not NAME.fullmatch(name):
        raise NameRefusedError(400, f"The name {name!r} is invalid.")
    if normalized in {canonicalize_name(module.strip("_")) for module in sys.stdlib_module_names}:
        text = "isn't allowed (conflict with Python Standard Library module name)."
        raise NameRefusedError(400, f"The name {name!r} {text} {about}")
    if normalized in store.projects:
        raise NameRefusedError(
            409, f"The name {name!r} conflicts with an existing project. {about}"
        )
    if normalized in {canonicalize_name(one) for one in settings.prohibited}:
        raise NameRefusedError(400, f"The name {name!r} isn't allowed. {about}")
    if _look(name) in {_look(other) for other in list(store.projects)}:
        text = "is too similar to an existing project."
        raise NameRefusedError(400, f"The name {name!r} {text} {about}")


def _look(name: str) -> str:
    """What a name looks like at a glance: no separators, 1 for l and i, 0 for o."""
    plain = re.sub(r"[._-]", "", name.lower())
    return plain.translate(str.maketrans("lio", "110"))
