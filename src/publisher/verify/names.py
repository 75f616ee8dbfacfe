"""What a filename says of a distribution: as the standards read it, and as pip may. Pure."""

from __future__ import annotations

import re

from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

INSTALLABLE = (
    *(".whl", ".zip", ".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.lz", ".tar.lzma"),
    *(".tgz", ".tbz", ".txz", ".tlz"),
)
"""What pip unpacks."""


def named(filename: str) -> tuple[str, Version]:
    """The project and version that a distribution's filename says. ASCII only.

    Raises:
        ValueError: It is no distribution's name.
    """
    if not filename.isascii():
        raise ValueError("not ASCII")
    if filename.endswith(".whl"):
        name, version, *_ = parse_wheel_filename(filename)
    else:
        name, version = parse_sdist_filename(filename)
    return canonicalize_name(name, validate=True), version


def installed_as(filename: str, project: str) -> Version | None:
    """The version of a project as which pip may install a file; it reads names loosely.

    It takes the first part in front of a hyphen that is the project's name, in any spelling, and
    what follows as the version: https://github.com/pypa/pip/blob/main/src/pip/_internal/index/package_finder.py
    """
    end = max((end for end in INSTALLABLE if filename.lower().endswith(end)), key=len, default="")
    stem = filename[: -len(end)] if end else ""
    for hyphen in re.finditer("-", stem):
        if canonicalize_name(stem[: hyphen.start()]) == project:
            rest = stem[hyphen.end() :]
            version = rest.partition("-")[0].replace("_", "-") if end == ".whl" else rest
            try:
                return Version(version)
            except InvalidVersion:
                return None
    return None
