"""Find the distributions, read each once, and check that they make a release."""

from __future__ import annotations

import dataclasses
import filecmp
import glob
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from packaging.utils import canonicalize_name, parse_sdist_filename
from packaging.version import Version

from publisher.errors import (
    DistError,
    DuplicateDist,
    MixedVersions,
    NotDistribution,
    NothingToPublish,
    PathNotFound,
    SeveralSdists,
    TagMismatch,
)
from publisher.models import Dist, Finding
from publisher.publish import archive, filename, metadata
from publisher.publish.crew import together
from publisher.publish.measure import WORKERS, Measured, begin, large, measure
from publisher.remarks import remark

_LIMIT = 100 << 20  # PyPI's default; a project can ask for more
_OURS = (".gitignore", ".publisher")
_COMPANIONS = (".attestation", ".asc", ".sig", ".sigstore", ".sigstore.json", *_OURS)

Note = Callable[[Finding], None]


def collect(paths: Sequence[Path | str], note: Note) -> tuple[Path, ...]:
    """Find the distributions that ``paths`` name: folders of dists, files or glob patterns.

    Attestations and signatures beside dists are passed over; other files of a folder or a
    pattern are passed over with one remark per folder.

    Returns:
        The files, sorted by name, each once.

    Raises:
        PathNotFound: A path or pattern matches nothing.
        NotDistribution: A file that was named is no dist, or something named like one is no file.
        DuplicateDist: Two files of one name differ.
        NothingToPublish: There is no dist; the facts say where we looked.
    """
    found: list[Path] = []
    foreign: dict[Path, list[str]] = {}
    for path in paths:
        found += _expand(path, foreign)
    for folder, names in sorted(foreign.items()):
        count = f"{len(names)} entries are" if len(names) > 1 else f"{names[0]} is"
        what = f"in {folder}, {count} not a distribution and not published"
        note(remark("foreign-file", what, folder=str(folder), files=sorted(names)))
    if not found:
        looked = [str(path) for path in paths]
        raise NothingToPublish(
            f"there is no distribution in {', '.join(looked) or 'what was named: nothing was'}",
            facts={"looked_in": looked, "ignored": sorted(itertools.chain(*foreign.values()))},
            hint="Build first, or name the folder with the .whl and .tar.gz files.",
        )
    return _once(found)


def _expand(given: Path | str, foreign: dict[Path, list[str]]) -> Iterator[Path]:
    path = Path(given)
    if path.is_dir() and not _looks_like_dist(path.name):
        yield from _sift(sorted(path.iterdir()), foreign)
    elif path.exists() or path.is_symlink():
        if _looks_like_dist(path.name) and path.is_file():
            yield path
        elif not path.name.endswith(_COMPANIONS):  # a shell expands dist/* to all of them
            raise _no_distribution(path)
    else:
        matches = sorted(glob.glob(str(given), recursive=True))  # noqa: PTH207 - may be absolute
        if not matches:
            raise PathNotFound(
                f"{given} matches nothing",
                facts={"path": str(given)},
                hint="Paths are relative to the folder that the command runs in.",
            )
        for match in map(Path, matches):
            if match.is_dir() and not _looks_like_dist(match.name):
                yield from _sift(sorted(match.iterdir()), foreign)
            else:
                yield from _sift([match], foreign)


def _sift(entries: Iterable[Path], foreign: dict[Path, list[str]]) -> Iterator[Path]:
    for entry in entries:
        if not _looks_like_dist(entry.name):
            if not entry.name.endswith(_COMPANIONS):
                foreign.setdefault(entry.parent, []).append(entry.name)
        elif entry.is_file():
            yield entry
        else:
            raise _no_distribution(entry)


def _looks_like_dist(name: str) -> bool:
    """Whether a name claims to be a dist. Refused kinds count too, or they'd be left out."""
    if name.endswith(".zip"):  # an old sdist, or any other archive
        try:
            parse_sdist_filename(name)
        except ValueError:
            return False
        return True
    return name.endswith((".whl", ".tar.gz", ".egg"))


def _no_distribution(path: Path) -> NotDistribution:
    if not path.exists():
        what = "is a link to nothing"
    elif path.is_dir():
        what = "is a folder"
    else:
        what = "is not named like a wheel or an sdist" if path.is_file() else "is not a file"
    return NotDistribution(
        f"{path} {what}",
        facts={"path": str(path)},
        hint="Distributions are files that end in .whl or .tar.gz.",
    )


def _once(found: Iterable[Path]) -> tuple[Path, ...]:
    by_name: dict[str, Path] = {}
    for path in found:
        other = by_name.setdefault(path.name, path)
        try:
            same = path.samefile(other) or filecmp.cmp(path, other, shallow=False)
        except OSError:
            same = False
        if not same:
            raise DuplicateDist(
                f"{path} and {other} have one name and differ",
                facts={"files": [str(other), str(path)]},
                hint="One of them is from another build; empty the folders and build again.",
            )
    return tuple(by_name[name] for name in sorted(by_name))


def read(path: Path, note: Note, measured: Measured | None = None) -> Dist:
    """Read one distribution: its name, digest, archive and core metadata.

    Raises:
        RefusedName: The index would refuse the filename.
        BrokenArchive: The file can't be read, or is no whole archive.
        InvalidMetadata: The index would refuse the metadata.
        MetadataMismatch: Name and metadata disagree.
    """
    named = filename.parse(path.name)
    measuring = begin(path, measured)
    raw = metadata.judge(archive.contents(path, named), named, note)
    size, digest = measuring()
    if size > _LIMIT:
        note(
            remark(
                "larger-than-default-limit",
                f"it is larger than {_LIMIT >> 20} MiB, PyPI's limit unless you ask for more",
                hint="Ask for a higher limit on the project's page before you publish.",
                file=path.name,
            )
        )
    version = str(named.version)
    return Dist(path, named.project, version, named.kind, size, digest, raw)


def read_all(
    paths: Sequence[Path], note: Note, trust: Callable[[Mapping[str, Measured]], None] | None = None
) -> tuple[Dist, ...]:
    """Read several files at once, as ``read_each`` does, and take all or none.

    ``trust`` is asked with each file's measure by name, before any of them is opened; it raises.

    Raises:
        DistError: The first file's error; its fact ``also`` has the other files' messages.
    """
    measured = {}
    if trust:
        measured = measure(paths)
        trust({path.name: found for path, found in measured.items()})
    results = read_each(paths, note, measured)
    failed = [result for result in results if isinstance(result, DistError)]
    if failed:
        first, *rest = failed
        if rest:
            first.facts = {**first.facts, "also": [error.message for error in rest]}
        raise first
    return tuple(result for result in results if isinstance(result, Dist))


def read_each(
    paths: Sequence[Path], note: Note, measured: Mapping[Path, Measured] | None = None
) -> tuple[Dist | DistError, ...]:
    """Each file, or what is wrong with it. Remarks come in the files' order, equal ones as one."""
    known, width = measured or {}, WORKERS if any(map(large, paths)) else 1
    results = together(lambda path: _try_read(path, known.get(path)), paths, width)
    for finding in _merged(finding for _, findings in results for finding in findings):
        note(finding)
    return tuple(result for result, _ in results)


def _try_read(path: Path, measured: Measured | None) -> tuple[Dist | DistError, list[Finding]]:
    findings: list[Finding] = []
    try:
        return read(path, findings.append, measured), findings
    except DistError as error:
        return error, findings


def _merged(findings: Iterable[Finding]) -> Iterator[Finding]:
    files: dict[tuple[str, str], list[object]] = {}
    firsts: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        key = (finding.code, finding.message)
        firsts.setdefault(key, finding)
        files.setdefault(key, []).append(finding.facts["file"])
    for key, first in firsts.items():
        yield dataclasses.replace(first, facts={"files": files[key]})


def check(dists: Sequence[Dist], *, tag: str | None) -> None:
    """Check that the files make releases: one version and at most one sdist of each project.

    Args:
        dists: The files of all projects.
        tag: The tag to compare versions with (PEP 440): ``1.0`` or ``v1.0``; with one project
            also ``name-1.0``, ``name/1.0``, ``name@1.0`` or ``release-1.0``.

    Raises:
        MixedVersions: Two versions of one project.
        SeveralSdists: Two sdists of one project.
        TagMismatch: A version is not the tag's, or the tag has none.
    """
    first: dict[str, Dist] = {}
    sdists: dict[str, Dist] = {}
    for dist in dists:
        other = first.setdefault(dist.project, dist)
        if Version(dist.version) != Version(other.version):
            parts = f"{dist.path.parent / '*'}-{dist.version}"
            raise MixedVersions(
                f"{other.filename} and {dist.filename} are of two versions of {dist.project}",
                facts={"project": dist.project, "files": [other.filename, dist.filename]},
                hint="Empty the folder and build again, or name the files of one version:\n\n"
                f"    publisher {parts}-*.whl {parts}.tar.gz",
            )
        if dist.kind == "sdist" and (twin := sdists.setdefault(dist.project, dist)) is not dist:
            raise SeveralSdists(
                f"{twin.filename} and {dist.filename} are two sdists of one release",
                facts={"project": dist.project, "files": [twin.filename, dist.filename]},
                hint="An index takes one sdist per release.",
            )
    if tag is not None:
        _check_tag(tag, {project: dist.version for project, dist in first.items()})


def _check_tag(tag: str, versions: dict[str, str]) -> None:
    told = _tagged(tag, set(versions))
    wrong = {p: version for p, version in versions.items() if Version(version) != told}
    if wrong:
        they = ", ".join(f"{project} is {version}" for project, version in sorted(wrong.items()))
        says = f"says {told}" if told else "says no version"
        raise TagMismatch(
            f"the tag {tag} {says}, but {they}",
            facts={"tag": tag, "versions": wrong},
            hint="Tag the commit that has this version, or pass --tag none.",
        )


def _tagged(tag: str, projects: set[str]) -> Version | None:
    """Return the version that a tag says, or ``None``."""
    texts = [tag]
    if len(projects) == 1:
        names = {*projects, "release"}
        texts += [
            tag[at.end() :]
            for at in re.finditer(r"[-/@]", tag)
            if canonicalize_name(tag[: at.start()]) in names
        ]
    for text in texts:
        try:
            return Version(text)
        except ValueError:  # InvalidVersion, or a number of more digits than Python reads
            continue
    return None
