"""What an index checks of the file in an upload; ``rules.RULES`` has the order."""

from __future__ import annotations

import hashlib
import re

from packaging.version import Version

from publisher.rehearsal import archives, attested
from publisher.rehearsal.submission import RuleError, Upload

PLATFORM = re.compile(
    r"any|win32|win_(amd64|arm64|ia64)|linux_(armv6l|armv7l)"
    r"|(manylinux|musllinux)(1|2010|2014|_\d+_\d+)_\w+"
    r"|macosx_\d+_\d+_\w+|ios_\d+_\d+_\w+|android_\d+_\w+|(emscripten|pyodide|pyemscripten)_\w+"
)


def has_file(upload: Upload) -> None:
    """There is a file, and it isn't an image."""
    if "content" not in upload.form.files:
        raise RuleError(400, "Upload payload does not have a file.")
    if upload.content.content_type.startswith("image/"):
        raise RuleError(400, "Invalid distribution file.")


def filename(upload: Upload) -> None:
    """PEP 625 and PEP 427 names that say the same as the form."""
    form, given = upload.form, upload.content.filename
    if "/" in given or "\\" in given:
        raise RuleError(400, "Cannot upload a file with '/' or '\\' in its name.")
    try:
        parsed = archives.Filename.parse(given, form.get("filetype"))
    except ValueError as error:
        raise RuleError(400, f"Invalid distribution file. {error}") from None
    upload.parsed = parsed
    normalized = upload.name.replace("-", "_")
    if form.get("filetype") == "sdist":
        expected = f"{normalized}-{Version(form.get('version'))}.tar.gz"
        if given != expected:
            raise RuleError(400, f"Filename {given!r} is invalid, should be {expected!r}.")
    if parsed.written_name != normalized:
        text = f"should contain the normalized project name {normalized!r}"
        raise RuleError(400, f"Filename {given!r} {text}, not {parsed.written_name!r}.")
    if parsed.version != Version(form.get("version")):
        text = f"Version in filename should be {form.get('version')!r} not {str(parsed.version)!r}."
        raise RuleError(400, text)


def platform(upload: Upload) -> None:
    """A wheel's platform tags (PEP 425, 600, 656)."""
    for tag in sorted(upload.parsed.platforms if upload.parsed else ()):
        if not PLATFORM.fullmatch(tag):
            text = f"has an unsupported platform tag {tag!r}."
            raise RuleError(400, f"Binary wheel {upload.content.filename!r} {text}")


def size(upload: Upload) -> None:
    """The project's limit, where the sandbox is told one."""
    limit = upload.settings.file_limit
    if limit is not None and upload.content.size > limit:
        text = f"File too large. Limit for project {upload.name!r} is {limit // 1024**2} MB. "
        raise RuleError(400, f"{text}See {upload.base}/help/#file-size-limit for more information.")


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


def one_sdist(upload: Upload) -> None:
    """1.0 and 1.0.0 are one release."""
    project = upload.store.project(upload.name)
    files = project.release(upload.form.get("version")) if project else []
    if upload.form.get("filetype") == "sdist" and any(
        file.filename.endswith(".tar.gz") for file in files
    ):
        raise RuleError(400, "Only one sdist may be uploaded per release.")


def archive(upload: Upload) -> None:
    """An archive that opens and holds what the specifications want in it."""
    part = upload.content
    if text := archives.problem(part.path, part.filename, upload.form.get_all("license_file")):
        raise RuleError(400, text)


def attestations(upload: Upload) -> None:
    """PEP 740; the field is ignored where the index has them switched off."""
    texts = upload.form.get_all("attestations")
    if not texts or not upload.settings.attestations:
        return
    part = upload.content
    try:
        upload.provenance = attested.provenance(
            upload.grant, texts[0], part.filename, part.sha256, upload.wait
        )
    except attested.AttestationsError as error:
        text = f"Invalid attestations supplied during upload: {error}"
        raise RuleError(400, text) from error
