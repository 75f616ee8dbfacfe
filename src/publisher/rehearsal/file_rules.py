"""What an index checks of the file in an upload; ``rules.RULES`` has the order."""

from __future__ import annotations

import hashlib
import re

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)

from publisher.rehearsal import archives, attested
from publisher.rehearsal.clock import DAY
from publisher.rehearsal.submission import RuleError, Upload

OLDEST = 14
LONGEST = 255  # of the file system that the index writes to
EXTENSIONS = {"sdist": {".zip", ".tar.gz"}, "bdist_wheel": {".whl"}}
EXTENSION = re.compile(r".+?(\.(?:tar\.gz|zip|whl))", re.IGNORECASE)
PEP_527 = "See https://www.python.org/dev/peps/pep-0527"
MAC = r"(ppc|ppc64|i386|x86_64|arm64|intel|fat|fat3|fat64|universal|universal2)"
LINUX = "x86_64|i686|aarch64|armv7l|ppc64le|s390x|riscv64"
PLATFORM = re.compile(
    r"any|win32|win_(arm64|amd64|ia64)|linux_(armv6l|armv7l)"
    r"|manylinux(1|2010)_(x86_64|i686)"
    r"|manylinux2014_(x86_64|i686|aarch64|armv7l|ppc64|ppc64le|s390x)"
    rf"|manylinux_\d+_\d+_({LINUX}|ppc64)|musllinux_\d+_\d+_({LINUX})"
    rf"|macosx_10_\d+_{MAC}|macosx_(11|12|13|14|15|26)_0_{MAC}"
    r"|ios_\d+_\d+_(arm64|x86_64)_(iphoneos|iphonesimulator)"
    r"|android_\d+_(armeabi_v7a|arm64_v8a|x86|x86_64)|pyemscripten_\d+_\d+_wasm32"
)


def has_file(upload: Upload) -> None:
    """There is a file."""
    if "content" not in upload.form.files:
        raise RuleError(400, "Upload payload does not have a file.")


def filename(upload: Upload) -> None:
    """Characters and extension."""
    given, kind = upload.content.filename, upload.form.get("filetype")
    if any(ord(c) < 32 or ord(c) == 127 for c in given):
        text = "non-printable characters (ordinals 0-31) or the DEL character (ordinal 127)"
        raise RuleError(400, f"Cannot upload a file with {text} in the name.")
    if "/" in given or "\\" in given:
        raise RuleError(400, "Cannot upload a file with '/' or '\\' in the name.")
    found = EXTENSION.fullmatch(given)
    if not found:
        text = f"Invalid file extension: Use .tar.gz, .whl or .zip extension. {PEP_527}"
        raise RuleError(400, f"{text} and https://peps.python.org/pep-0715/ for more information")
    if found[1] not in EXTENSIONS.get(kind, found[1]):
        text = f"Invalid file extension: Extension {found[1]} is invalid for filetype {kind}."
        raise RuleError(400, f"{text} {PEP_527} for more information.")


def content_type(upload: Upload) -> None:
    """No images, please."""
    if upload.content.content_type.startswith("image/"):
        raise RuleError(400, "Invalid distribution file.")


def size(upload: Upload) -> None:
    """The limits of the file and of the whole project, where the sandbox is told some."""
    project, name = upload.store.project(upload.name), upload.form.get("name")
    limit = upload.settings.file_limit
    if project is not None and project.file_limit is not None:
        limit = project.file_limit
    about = f"{upload.base}/help/#file-size-limit"
    if limit is not None and upload.content.size > limit:
        text = f"File too large. Limit for project {name!r} is {limit // 1024**2} MB."
        raise RuleError(400, f"{text} See {about} for more information.")
    total = project.total_limit if project is not None else None
    if project is not None and total is not None and project.size + upload.content.size > total:
        text = f"Project size too large. Limit for project {name!r} total size is "
        raise RuleError(400, f"{text}{total // 1024**3} GB. See {about}")


def digests(upload: Upload) -> None:
    """All digests that are given."""
    part = upload.content
    real = {"sha256_digest": part.sha256, "blake2_256_digest": part.blake2_256}
    if upload.form.get("md5_digest"):
        with part.path.open("rb") as file:
            hasher = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
        real["md5_digest"] = hasher.hexdigest()
    for name, value in real.items():
        if upload.form.get(name).lower() not in {"", value}:
            text = "The digest supplied does not match a digest calculated from the uploaded file."
            raise RuleError(400, text)


def duplicate(upload: Upload) -> None:
    """A file that is there already."""
    upload.refuse_known_file()


def deleted(upload: Upload) -> None:
    """A filename is used once, whatever became of the file."""
    if upload.content.filename in upload.store.deleted:
        text = "This filename was previously used by a file that has since been deleted. "
        text += f"Use a different version. See {upload.base}/help/#file-name-reuse"
        raise RuleError(400, f"{text} for more information.")


def closed(upload: Upload) -> None:
    """A release takes files for two weeks."""
    project = upload.store.project(upload.name)
    release = project.known_release(upload.version) if project else None
    if release is not None and release.created < upload.store.clock() - OLDEST * DAY:
        text = f"Uploading new files to releases older than {OLDEST} days is not allowed."
        raise RuleError(400, text)


def one_sdist(upload: Upload) -> None:
    """1.0 and 1.0.0 are one release."""
    if upload.form.get("filetype") != "sdist":
        return
    project = upload.store.project(upload.name)
    files = project.release(upload.version) if project else []
    if any(file.filename.endswith(".tar.gz") for file in files):
        raise RuleError(400, "Only one sdist may be uploaded per release.")


def archive(upload: Upload) -> None:
    """An archive that opens, and is of the kind that its name says."""
    if text := archives.problem(upload.content.path, upload.content.filename):
        raise RuleError(400, f"Invalid distribution file. {text}")


def sdist_name(upload: Upload) -> None:
    """PEP 625."""
    if upload.form.get("filetype") != "sdist":
        return
    given, normalized = upload.content.filename, upload.name.replace("-", "_")
    try:
        name, _ = parse_sdist_filename(given)
    except InvalidSdistFilename:
        raise RuleError(400, f"Invalid source distribution filename: {given}") from None
    if name != upload.name:
        text = f"Start filename for {upload.form.get('name')!r} with {normalized!r}."
        raise RuleError(400, text)
    expected = f"{normalized}-{upload.core.version}.tar.gz"
    if given != expected:
        raise RuleError(400, f"Filename {given!r} is invalid, should be {expected!r}.")


def wheel_name(upload: Upload) -> None:
    """PEP 427 with its platform tags (PEP 425, 600, 656), a name and a version as in the form."""
    given, normalized = upload.content.filename, upload.name.replace("-", "_")
    if upload.form.get("filetype") != "bdist_wheel":
        return
    try:
        name, version, _, tags = parse_wheel_filename(given)
    except InvalidWheelFilename as error:
        raise RuleError(400, str(error)) from None
    for tag in sorted({tag.platform for tag in tags}):
        if not PLATFORM.fullmatch(tag):
            text = f"Binary wheel '{given}' has an unsupported platform tag '{tag}'."
            raise RuleError(400, text)
    if name != upload.name:
        text = f"Start filename for {upload.form.get('name')!r} with {normalized!r}."
        raise RuleError(400, text)
    written = given.partition("-")[0]
    if written != normalized:
        text = f"should contain the normalized project name {normalized!r}, not {written!r}."
        raise RuleError(400, f"Filename {given!r} {text}")
    if version != upload.core.version:
        text = f"should be {str(upload.core.version)!r} not {str(version)!r}."
        raise RuleError(400, f"Version in filename {text}")


def inside(upload: Upload) -> None:
    """License files; a wheel's RECORD, entry points and METADATA."""
    part, licenses = upload.content, upload.core.license_files or []
    text = archives.license_problem(part.path, part.filename, licenses) if licenses else None
    if text is None and part.filename.endswith(".whl"):
        text = archives.wheel_problem(part.path, part.filename)
    if text is not None:
        raise RuleError(400, text)
    if part.filename.endswith(".whl"):
        if archives.breaks_the_index(part.path, part.filename):
            raise RuleError(500)
        if len(f"{part.filename}.metadata") > LONGEST:
            raise RuleError(400, f"Filename is too long: '{part.filename}'")
        upload.core_metadata = archives.core_metadata(part.path, part.filename)


def attestations(upload: Upload) -> None:
    """PEP 740; the field is ignored where the index has them switched off."""
    texts = upload.form.get_all("attestations")
    if not texts or not upload.settings.attestations:
        return
    part = upload.content
    persons = upload.store.maintainers if upload.settings.persons else ()
    mine = [person for person in persons if person.maintains(upload.name)]
    try:
        upload.provenance = attested.provenance(
            upload.grant, texts[0], part.filename, part.sha256, upload.wait, persons=mine
        )
    except attested.AttestationsError as error:
        text = f"Invalid attestations supplied during upload: {error}"
        raise RuleError(400, text) from error
