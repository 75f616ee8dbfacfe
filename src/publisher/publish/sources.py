"""What a PATH means: a project to build, or distributions that are there already."""

from __future__ import annotations

import glob
import tomllib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from packaging.utils import (
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from publisher.errors import NothingToPublish, PathNotFound

BuildMode = Literal["auto", "always", "never"]


@dataclass(frozen=True)
class Source:
    """A ``project`` folder to build or, without one, ``found``: where dists are.

    ``left`` names dists beside them that are of another project or version; ``why`` says what
    decided, unless PATH says so itself.
    """

    project: Path | None
    found: tuple[str, ...]
    why: str
    left: tuple[str, ...] = ()


def decide(paths: Iterable[str], packages_dir: Path, build: BuildMode) -> tuple[Source, ...]:
    """Sort every PATH; looks at folders, changes nothing.

    A project is built unless ``packages_dir`` inside it holds a dist of its name and version (as
    far as pyproject.toml states them). A folder that is no project is a folder of dists, or holds
    one by the name of ``packages_dir``. A pattern stands for what it matches.

    Raises:
        PathNotFound: A path is not there, or can't be read.
        NothingToPublish: ``--build never``, and there is no dist of the project.
    """
    try:
        return tuple(
            _decide(Path(one), one, packages_dir, build) for path in paths for one in _expand(path)
        )
    except OSError as error:
        raise PathNotFound(
            f"{error.filename} can't be read: {error.strerror}", facts={"path": error.filename}
        ) from error


def _expand(path: str) -> list[str]:
    """A path that is there, or what the pattern matches: folders, and files left to ``collect``."""
    if Path(path).exists() or Path(path).is_symlink():
        return [path]
    folders = [p for p in sorted(glob.glob(path)) if Path(p).is_dir()]  # noqa: PTH207 - may be absolute
    if folders:
        return folders
    if glob.has_magic(path):
        return [path]
    raise PathNotFound(
        f"{path} is not there",
        facts={"path": path},
        hint="Paths are relative to the folder that the command runs in.",
    )


def _decide(folder: Path, path: str, packages_dir: Path, build: BuildMode) -> Source:
    there = folder / packages_dir
    if not is_project(folder):
        inside = folder.is_dir() and there.is_dir()
        place = str(there) if inside else path
        plain = not folder.is_dir() or (not inside and build != "always" and _dists(folder))
        why = "" if plain else f"{place}: nothing is built: {folder} is no project"
        return Source(None, (place,), why)
    if build == "always":
        return Source(folder, (), "--build always")
    name, version = declared(folder)
    files = _dists(there)
    match = tuple(str(f) for f in files if _is_of(f.name, name, version))
    left = tuple(f.name for f in files if str(f) not in match)
    if match:
        why = f"{there} holds {Path(match[0]).name} already, so nothing is built"
        return Source(None, match, f"{why} (--build always builds)", left)
    if build == "never":
        raise NothingToPublish(
            f"nothing is to be built, and {there} holds no distribution of {name or folder} "
            f"{version or ''}".rstrip(),
            facts={"folder": str(there), "holds": list(left)},
            hint="Build first, or leave out --build never, or --expect, which both say so.",
        )
    return Source(folder, (), f"{there} holds no distribution of it yet")


def is_project(folder: Path) -> bool:
    """Whether ``folder`` is a source tree that can be built (PEP 517, 621, or a setup.py).

    A pyproject.toml that only configures tools, as at the root of a monorepo, makes no project.
    """
    if (folder / "setup.py").is_file() or (folder / "setup.cfg").is_file():
        return True
    try:
        tables = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (ValueError, RecursionError):
        return True  # building it says what is wrong
    return "project" in tables or "build-system" in tables


def declared(folder: Path) -> tuple[str | None, str | None]:
    """Name and version that pyproject.toml states (PEP 621); ``None`` where it leaves it open."""
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8")).get("project", {})
    except (OSError, ValueError, RecursionError):
        return None, None
    if not isinstance(project, dict):
        return None, None
    name, version = project.get("name"), project.get("version")
    return (
        name if isinstance(name, str) and name else None,
        version if isinstance(version, str) else None,
    )


def projects(planned: Iterable[Source]) -> set[str]:
    """The projects whose dists are there already (PEP 503), as far as filenames tell."""
    names: set[str] = set()
    for place in (place for source in planned for place in source.found):
        inside = _dists(Path(place)) or map(Path, glob.glob(place))  # noqa: PTH207 - may be absolute
        for file in inside:
            with suppress(ValueError):
                parse = parse_wheel_filename if file.suffix == ".whl" else parse_sdist_filename
                names.add(parse(file.name)[0])
    return names


def _dists(folder: Path) -> list[Path]:
    files = folder.iterdir() if folder.is_dir() else ()
    return sorted(file for file in files if file.suffix in {".whl", ".gz"})


def _is_of(filename: str, name: str | None, version: str | None) -> bool:
    """Whether a dist of this filename is of the project; an unknown name or version fits all."""
    try:
        if filename.endswith(".whl"):
            its_name, its_version, *_ = parse_wheel_filename(filename)
        else:
            its_name, its_version = parse_sdist_filename(filename)
        wanted = Version(version) if version is not None else its_version
    except ValueError:
        return False
    return its_version == wanted and (name is None or its_name == canonicalize_name(name))
