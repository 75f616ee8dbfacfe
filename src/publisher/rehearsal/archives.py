"""Insides of distributions, as far as an index looks at them, in the index's words."""

from __future__ import annotations

import configparser
import csv
import posixpath
import re
import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from publisher.rehearsal import framing

METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
BOMB = 50
SMALL = 64 * 1024**2
ENTRY_POINT = re.compile(r"[\w.-]+")


def problem(path: Path, filename: str) -> str | None:
    """Why this is no distribution at all."""
    if zipfile.is_zipfile(path) and tarfile.is_tarfile(path):
        return "File is both a zip and a tar file"
    if filename.endswith(".tar.gz"):
        return _tar_problem(path)
    if not zipfile.is_zipfile(path):
        return "File is not a zipfile"
    try:
        with zipfile.ZipFile(path) as archive:
            found = _zip_problem(archive, path.stat().st_size, filename)
    except (zipfile.BadZipFile, NotImplementedError):
        return "None"  # the index has nothing to say about it either
    odd = None if found else framing.problem(path)
    return f"ZIP archive not accepted: {odd}." if odd else found


def _zip_problem(archive: zipfile.ZipFile, size: int, filename: str) -> str | None:
    members = archive.infolist()
    unpacked = sum(member.file_size for member in members)
    if unpacked > SMALL and unpacked / size > BOMB:
        return f"File exceeds compression ratio of {BOMB}"
    if any(member.compress_type not in METHODS for member in members):
        return "File does not use a supported compression type"
    names = [member.filename for member in members]
    inside = _sdist_problem(names) if filename.endswith(".zip") else _wheel_file(names, filename)
    if inside is None:
        for member in members:  # what it scans and reads
            if member.filename.lower().endswith((".py", ".pye", ".dist-info/WHEEL".lower())):
                archive.read(member)
    return inside


def _wheel_file(names: Sequence[str], filename: str) -> str | None:
    if filename.count("-") < 2:
        return "Unable to parse name and version from wheel filename"
    wanted = f"{_info(filename)}/WHEEL"
    return None if wanted in names else f"WHEEL not found at {wanted}"


def _tar_problem(path: Path) -> str | None:
    if not tarfile.is_tarfile(path):
        return "File is not a tarfile"
    try:
        with tarfile.open(path, "r:gz") as archive:
            members = archive.getmembers()
    except (tarfile.ReadError, EOFError, zlib.error):
        return "None"  # the index has nothing to say about it either
    if any(member.issparse() for member in members):
        return "tar archive not accepted: Sparse members are not allowed."
    return _sdist_problem([member.name for member in members])


def _sdist_problem(names: Sequence[str]) -> str | None:
    top = _top(names)
    if top in {"", ".", "/"}:
        return "Incorrect number of top-level directories in sdist"
    if f"{top}/PKG-INFO" not in names:
        return f"PKG-INFO not found at {top}/PKG-INFO"
    return None


def _top(names: Sequence[str]) -> str:
    """The folder that all members share, whatever it is called."""
    return posixpath.commonpath(names) if names else ""


def license_problem(path: Path, filename: str, license_files: Sequence[str]) -> str | None:
    """A License-File that isn't there (PEP 639)."""
    names, folder = _names(path, filename)
    for file in license_files:
        if f"{folder}/{file}" not in names:
            where = f"distribution file {filename} at {folder}/{file}"
            return f"License-File {file} does not exist in {where}"
    return None


def _names(path: Path, filename: str) -> tuple[set[str], str]:
    """What is inside, and the folder where licenses belong."""
    if filename.endswith(".whl"):
        with zipfile.ZipFile(path) as archive:
            return set(archive.namelist()), f"{_info(filename)}/licenses"
    with tarfile.open(path, "r:gz") as archive:
        names = archive.getnames()
    return set(names), _top(names)


def wheel_problem(path: Path, filename: str) -> str | None:
    """Files that a wheel must have, and entry points that can be installed."""
    folder = _info(filename)
    with zipfile.ZipFile(path) as archive:
        if not _record(archive, f"{folder}/RECORD"):
            return _required(filename, "RECORD", folder)
        if not _entry_points(archive, f"{folder}/entry_points.txt"):
            text = "has invalid entry points defined in the entry_points.txt file"
            return f"Wheel '{filename}' {text}"
        if f"{folder}/METADATA" not in archive.namelist():
            return _required(filename, "METADATA", folder)
    return None


def core_metadata(path: Path, filename: str) -> bytes:
    """A wheel's METADATA (PEP 658)."""
    with zipfile.ZipFile(path) as archive:
        return archive.read(f"{_info(filename)}/METADATA")


def _required(filename: str, file: str, folder: str) -> str:
    return f"Wheel '{filename}' does not contain the required {file} file: {folder}/{file}"


def _info(filename: str) -> str:
    return "{}-{}.dist-info".format(*filename.split("-")[:2])


def breaks_the_index(path: Path, filename: str) -> bool:
    """An empty line in RECORD, on which the index stumbles."""
    with zipfile.ZipFile(path) as archive:
        text = archive.read(f"{_info(filename)}/RECORD").decode()
    return not all(csv.reader(text.splitlines()))


def _record(archive: zipfile.ZipFile, name: str) -> bool:
    """There is one; that it says something else than the archive only makes the index send mail."""
    try:
        list(csv.reader(archive.read(name).decode().splitlines()))
    except (KeyError, UnicodeError, csv.Error):
        return False
    return True


class _EntryPoints(configparser.ConfigParser):
    """Names keep their case (the entry points specification)."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def _entry_points(archive: zipfile.ZipFile, name: str) -> bool:
    parser = _EntryPoints(delimiters=("=",))
    try:
        parser.read_string(archive.read(name).decode())
    except KeyError:
        return True
    except (UnicodeError, configparser.Error, AttributeError):  # the last one before Python 3.13
        return False
    sections = [kind for kind in ("console_scripts", "gui_scripts") if kind in parser]
    return all(ENTRY_POINT.fullmatch(entry) for kind in sections for entry in parser[kind])
