"""What time and administrators have done to an index: switches, quotas, ages, statuses.

A rehearsal is too short for any of it to happen, so all of it is set over the control API
(``POST /index``). The defaults are those of a healthy index that was set up a moment ago.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import NoneType
from typing import TYPE_CHECKING, Any

from publisher.rehearsal.clock import DAY
from publisher.rehearsal.publishers import KINDS
from publisher.rehearsal.store import at

if TYPE_CHECKING:
    from publisher.rehearsal.store import Project, Store

STATUSES = {"active", "archived", "quarantined"}


class ConditionsError(Exception):
    """What is asked for is no condition that an index can be in."""


@dataclass
class Settings:
    """The switches and limits of an index; sizes are in bytes, ``None`` is unlimited.

    ``new_projects`` is how many projects tokens of users may still make. ``classifiers`` are all
    valid ones, if the rehearsal is to know them; deprecated ones come with their successors.
    ``issuers`` are organizations' own identity providers, with the kind of their publishers.
    With ``persons`` it takes attestations of a project's maintainers, as no real index does.
    ``new_release_ms`` is how long a new release takes to be made: further uploads into it that
    arrive meanwhile fail, as two requests that make the same row do.

    The rest is for an index without trusted publishing: whether it shows JSON, and what it does
    to an ``attestations`` field (``ignore`` or ``refuse``).
    """

    file_limit: int | None = None
    attestations: bool = True
    persons: bool = False
    read_only: bool = False
    uploads: bool = True
    registration: bool = True
    new_projects: int | None = None
    prohibited: list[str] = field(default_factory=list)
    classifiers: list[str] | None = None
    deprecated_classifiers: dict[str, list[str]] = field(default_factory=dict)
    issuers: dict[str, str] = field(default_factory=dict)
    new_release_ms: int = 0
    json: bool = True
    attestations_field: str = "ignore"

    def change(self, wanted: Mapping[str, Any]) -> None:
        """Set some of them.

        Raises:
            ConditionsError: There is no such setting, or it can't be that.
        """
        known = {one.name: one.type for one in fields(self)}
        _known(wanted, known, "settings")
        for name, value in wanted.items():
            _typed(name, value, str(known[name]))
        if wanted.get("attestations_field", "ignore") not in {"ignore", "refuse"}:
            raise ConditionsError("attestations_field is ignore or refuse")
        if set(wanted.get("issuers", {}).values()) - set(KINDS):
            raise ConditionsError(f"issuers are of kind {', '.join(KINDS)}")
        for name, value in wanted.items():
            setattr(self, name, value)


TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "bool": (bool,),
    "int": (int,),
    "None": (NoneType,),
    "list[str]": (list,),
    "dict[str, list[str]]": (dict,),
    "dict[str, str]": (dict,),
    "dict": (dict,),
    "float": (int, float),
}
PROJECT = {
    "status": "str",
    "organization_active": "bool",
    "file_limit": "int | None",
    "total_limit": "int | None",
    "releases": "dict",
    "deleted": "list[str]",
}
RELEASE = {"age_days": "float", "yanked": "bool | str"}


def change_project(store: Store, name: str, wanted: Mapping[str, Any]) -> None:
    """Bring a project into a state; it is made if it doesn't exist.

    Raises:
        ConditionsError: No project can be in that state.
    """
    _known(wanted, PROJECT, f"state of {name}")
    for key, value in wanted.items():
        _typed(key, value, PROJECT[key])
    if wanted.get("status", "active") not in STATUSES:
        raise ConditionsError(f"status is one of {', '.join(sorted(STATUSES))}")
    for version, release in wanted.get("releases", {}).items():
        _typed(version, release, "dict")
        _known(release, RELEASE, f"state of {name} {version}")
        for key, value in release.items():
            _typed(key, value, RELEASE[key])
    with store.lock:
        project = store.make(name)
        for key in {"status", "organization_active", "file_limit", "total_limit"} & set(wanted):
            setattr(project, key, wanted[key])
        for version, release in wanted.get("releases", {}).items():
            _change_release(project, version, release)
        for filename in wanted.get("deleted", []):
            store.delete(project, filename)


def _change_release(project: Project, version: str, wanted: Mapping[str, Any]) -> None:
    release = project.make_release(version, time.time())
    if "age_days" in wanted:
        release.created = time.time() - wanted["age_days"] * DAY
        for file in project.release(version):
            project.files[file.filename] = replace(file, uploaded=at(release.created))
    release.yanked = wanted.get("yanked", release.yanked)


def _known(wanted: Mapping[str, Any], known: Mapping[str, Any], what: str) -> None:
    if unknown := set(wanted) - set(known):
        raise ConditionsError(f"unknown {what}: {', '.join(sorted(unknown))}")


def _typed(name: str, value: object, kind: str) -> None:
    """Check a value against a type as it is written in an annotation."""
    kinds = tuple(one for part in kind.split(" | ") for one in TYPES[part])
    right = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
    if not right:
        raise ConditionsError(f"{name} is no {kind}")
