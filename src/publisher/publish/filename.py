"""What a distribution's filename says, read as strictly as the index reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from packaging.utils import (
    InvalidName,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from publisher.errors import RefusedName

if TYPE_CHECKING:
    from packaging.tags import Tag
    from packaging.version import Version

_TOO_LONG = 246  # the index stores a wheel's METADATA as its name + ".metadata", in 255 bytes

# What a shell or a runner could take for more than a name stays out of outputs and logs.
_CHARACTERS = re.compile(r"[A-Za-z0-9._!+-]+")
# What warehouse/forklift/legacy.py takes, _valid_platform_tag(): where it lists macOS releases,
# any from 26 on passes here, because Apple adds one each year (from 15 it went to 26).
_PLATFORM = re.compile(
    r"any|win32|win_(amd64|arm64|ia64)|linux_armv[67]l"
    r"|manylinux1_(x86_64|i686)|manylinux2010_(x86_64|i686)"
    r"|manylinux2014_(x86_64|i686|aarch64|armv7l|ppc64|ppc64le|s390x)"
    r"|manylinux_\d+_\d+_(x86_64|i686|aarch64|armv7l|ppc64|ppc64le|s390x|riscv64)"
    r"|musllinux_\d+_\d+_(x86_64|i686|aarch64|armv7l|ppc64le|s390x|riscv64)"
    r"|macosx_(10_\d+|(1[1-5]|2[6-9]|[3-9]\d)_0)"
    r"_(ppc|ppc64|i386|x86_64|arm64|intel|fat|fat3|fat64|universal|universal2)"
    r"|ios_\d+_\d+_(arm64|x86_64)_(iphoneos|iphonesimulator)"
    r"|android_\d+_(armeabi_v7a|arm64_v8a|x86|x86_64)"
    r"|pyemscripten_\d+_\d+_wasm32"  # PEP 783
)


@dataclass(frozen=True)
class Named:
    """What a filename says: ``root`` is the folder inside that must hold the metadata.

    ``python`` is the form's ``pyversion``: the wheel's Python tag, or ``source``.
    """

    filename: str
    project: str
    version: Version
    kind: Literal["sdist", "wheel"]
    python: str
    root: str


def parse(filename: str) -> Named:
    """Read a filename by PEP 427 and PEP 625, as strictly as the index does.

    Raises:
        RefusedName: The index would refuse the name, the version or the platform.
    """
    if not _CHARACTERS.fullmatch(filename):
        raise _refused(filename, "has characters that no name of a distribution needs")
    if filename.endswith(".whl"):
        if len(filename) > _TOO_LONG:
            raise _refused(filename, f"is longer than {_TOO_LONG} characters")
        named = _parse_wheel(filename)
    elif filename.endswith(".tar.gz"):
        named = _parse_sdist(filename)
    else:
        raise _refused(
            filename,
            "is neither a wheel nor a .tar.gz",
            hint="Indexes take wheels and .tar.gz sdists only (PEP 527, 625, 715).",
        )
    try:
        canonicalize_name(named.project, validate=True)
    except InvalidName as error:
        raise _refused(filename, "has no valid project name") from error
    if named.version.local:
        raise _refused(
            filename,
            f"has a local version, +{named.version.local}",
            hint="Local versions (PEP 440) are for builds that are not published. If the version "
            "comes from git: fetch all tags, and with setuptools-scm set local_scheme to "
            "no-local-version.",
        )
    return named


def version_of(filename: str) -> Version | None:
    """The version that the name of any distribution says, if it is one."""
    try:
        if filename.endswith(".whl"):
            return parse_wheel_filename(filename)[1]
        return parse_sdist_filename(filename)[1]
    except ValueError:
        return None


def _refused(filename: str, why: str, hint: str = "") -> RefusedName:
    return RefusedName(
        f"the index would refuse {filename!r}: it {why}", facts={"file": filename}, hint=hint
    )


def _parse_wheel(filename: str) -> Named:
    try:
        project, version, _, tags = parse_wheel_filename(filename)
    except ValueError as error:
        raise _refused(filename, f"is no wheel's name ({error})") from error
    if platform := refused_platform(tags):
        raise _refused(
            filename,
            f"has the platform tag {platform}",
            hint="Repair the wheel with auditwheel, so that it says which Linux it runs on."
            if platform.startswith("linux")
            else "",
        )
    name, stem_version, *_ = filename.split("-")
    expected = project.replace("-", "_")
    if name != expected:
        raise _refused(filename, f"should start with the normalized name, {expected}-")
    python = filename.removesuffix(".whl").split("-")[-3]
    root = f"{name}-{stem_version}.dist-info"
    return Named(filename, project, version, "wheel", python, root)


def refused_platform(tags: Iterable[Tag]) -> str | None:
    """The first platform that the index takes no wheels for, such as ``linux_x86_64``."""
    platforms = sorted({tag.platform for tag in tags})
    return next((name for name in platforms if not _PLATFORM.fullmatch(name)), None)


def _parse_sdist(filename: str) -> Named:
    try:
        project, version = parse_sdist_filename(filename)
    except ValueError as error:
        raise _refused(filename, f"is no sdist's name ({error})") from error
    root = f"{project.replace('-', '_')}-{version}"
    if filename != f"{root}.tar.gz":
        raise _refused(
            filename,
            f"should be {root}.tar.gz (PEP 625)",
            hint="A newer version of the build backend names it so.",
        )
    return Named(filename, project, version, "sdist", "source", root)
