"""What a PATH means: a project to build, or distributions that are there already."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

BuildMode = Literal["auto", "always", "never"]


@dataclass(frozen=True)
class Source:
    """A ``project`` folder to build or, without one, ``found``: where dists are; ``why``."""

    project: Path | None
    found: str
    why: str


def decide(paths: Iterable[str], packages_dir: Path, build: BuildMode) -> tuple[Source, ...]:
    """Sort every PATH; looks at folders, changes nothing.

    A project is built unless ``packages_dir`` inside it holds a dist of its version (if the
    version is dynamic: of its name). A folder that is no project is a folder of dists, or holds
    one by the name of ``packages_dir``.
    """
    return tuple(_decide(Path(path), path, packages_dir, build) for path in paths)


def _decide(folder: Path, path: str, packages_dir: Path, build: BuildMode) -> Source:
    there = folder / packages_dir
    if not is_project(folder):
        if folder.is_dir() and there.is_dir():
            return Source(None, str(there), f"{there} holds the distributions")
        return Source(None, path, f"{path} holds the distributions")
    if build == "always":
        return Source(folder, "", "--build always")
    name, version = declared(folder)
    match = sorted(f.name for f in _files(there) if _is_of(f.name, name, version))
    if build == "never":
        return Source(None, str(there), "--build never")
    if match:
        return Source(None, str(there), f"{there} holds {match[0]} already (--build always builds)")
    return Source(folder, "", f"{there} holds no distribution of it yet")


def is_project(folder: Path) -> bool:
    """Whether ``folder`` is the root of a source tree (PEP 517/518)."""
    return (folder / "pyproject.toml").is_file() or (folder / "setup.py").is_file()


def declared(folder: Path) -> tuple[str | None, str | None]:
    """Name and version that pyproject.toml states (PEP 621); ``None`` where it leaves it open."""
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8")).get("project", {})
    except (OSError, ValueError):
        return None, None
    if not isinstance(project, dict):
        return None, None
    name, version = project.get("name"), project.get("version")
    return (
        name if isinstance(name, str) else None,
        version if isinstance(version, str) else None,
    )


def _files(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _is_of(filename: str, name: str | None, version: str | None) -> bool:
    """Whether a dist of this filename is of the project; an unknown name or version fits all."""
    try:
        if filename.endswith(".whl"):
            its_name, its_version, *_ = parse_wheel_filename(filename)
        else:
            its_name, its_version = parse_sdist_filename(filename)
        wanted = Version(version) if version is not None else its_version
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return False
    return its_version == wanted and (name is None or its_name == canonicalize_name(name))
