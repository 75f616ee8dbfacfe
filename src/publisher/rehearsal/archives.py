"""Filenames and insides of distributions, as far as an index looks at them."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import parse_sdist_filename, parse_wheel_filename

if TYPE_CHECKING:
    from packaging.version import Version


@dataclass(frozen=True)
class Filename:
    """A filename's parts: ``written_name`` as it stands there, and a wheel's platform tags."""

    written_name: str
    version: Version
    platforms: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, filename: str, filetype: str) -> Filename:
        """Read it by the rules of its file type (PEP 427, PEP 625).

        Raises:
            ValueError: It breaks them.
        """
        if filetype == "bdist_wheel":
            _, version, _, tags = parse_wheel_filename(filename)
            written = filename.partition("-")[0]
            return cls(written, version, frozenset(tag.platform for tag in tags))
        _, version = parse_sdist_filename(filename)
        return cls(filename.rpartition("-")[0], version)


def problem(path: Path, filename: str, license_files: Sequence[str]) -> str | None:
    """What is wrong with an archive, in the index's words."""
    try:
        if filename.endswith(".whl"):
            return _wheel_problem(path, filename, license_files)
        return _sdist_problem(path, filename, license_files)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError) as error:
        return f"Invalid distribution file. {error}"


def _wheel_problem(path: Path, filename: str, license_files: Sequence[str]) -> str | None:
    name, version = filename.split("-")[:2]
    folder = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
    for required in ("WHEEL", "RECORD", "METADATA"):
        if f"{folder}/{required}" not in names:
            text = f"does not contain the required {required} file: {folder}/{required}"
            return f"Wheel {filename!r} {text}"
    return _license_problem(names, filename, f"{folder}/licenses", license_files)


def _sdist_problem(path: Path, filename: str, license_files: Sequence[str]) -> str | None:
    folder = filename.removesuffix(".tar.gz")
    with tarfile.open(path, "r:gz") as archive:
        names = set(archive.getnames())
    if f"{folder}/PKG-INFO" not in names:
        return f"Invalid distribution file. PKG-INFO not found at {folder}/PKG-INFO"
    return _license_problem(names, filename, folder, license_files)


def _license_problem(
    names: set[str], filename: str, folder: str, license_files: Sequence[str]
) -> str | None:
    for file in license_files:
        if f"{folder}/{file}" not in names:
            where = f"distribution file {filename} at {folder}/{file}"
            return f"License-File {file} does not exist in {where}"
    return None
