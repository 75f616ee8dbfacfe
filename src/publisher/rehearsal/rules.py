"""What an index checks of an upload, in its order: one small function per rule.

Each is a row of ``RULES``, takes the upload as it stands, and raises with the index's own text
(Warehouse, ``warehouse/forklift``). A missing row is a rule that the rehearsal does not have.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from publisher.rehearsal import file_rules
from publisher.rehearsal.submission import RuleError, Upload

METADATA_VERSIONS = {"1.0", "1.1", "1.2", "2.1", "2.2", "2.3", "2.4", "2.5"}
FILE_TYPES = {"sdist", "bdist_wheel"}
DESCRIPTIONS = {"text/plain", "text/x-rst", "text/markdown"}
DIGESTS = ("md5_digest", "sha256_digest", "blake2_256_digest")
FILE_FIELDS = {"content", "gpg_signature"}
NAME = re.compile(r"^([A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9])$", re.IGNORECASE | re.ASCII)


def protocol(upload: Upload) -> None:
    """Only version 1 of the upload protocol, if any is named."""
    if upload.form.get("protocol_version") not in {"", "1"}:
        raise RuleError(400, "Unknown protocol version.")


def action(upload: Upload) -> None:
    """``submit`` and its like are gone; uploading is all there is."""
    asked = upload.form.get(":action")
    if asked in {"submit", "doc_upload"}:
        raise RuleError(410, f"{asked} is no longer supported. Upload a file instead.")
    if asked != "file_upload":
        raise RuleError(400, "Invalid value for :action. Error: Use 'file_upload'.")


def plain_fields(upload: Upload) -> None:
    """Every field but the file is a plain one."""
    for name in upload.form.files:
        if name not in FILE_FIELDS:
            raise RuleError(400, f"{name}: Should not be a tuple.")


def drop_unknown(upload: Upload) -> None:
    """Old tools write UNKNOWN for what they don't know."""
    upload.form.fields = [(k, v) for k, v in upload.form.fields if v.strip() != "UNKNOWN"]


def form_fields(upload: Upload) -> None:
    """The fields that are not metadata."""
    form = upload.form
    if form.get("filetype") not in FILE_TYPES:
        raise RuleError(400, "Invalid value for filetype. Error: Use a known file type.")
    if form.get("filetype") == "bdist_wheel" and not form.get("pyversion"):
        text = "Python version is required for binary distribution uploads."
        raise RuleError(400, f"Invalid value for pyversion. Error: {text}")
    if form.get("filetype") == "sdist" and form.get("pyversion") not in {"", "source"}:
        text = "Use 'source' as Python version for an sdist."
        raise RuleError(400, f"Invalid value for pyversion. Error: {text}")
    if not any(form.get(name) for name in DIGESTS):
        raise RuleError(400, "Include at least one message digest.")


def metadata_version(upload: Upload) -> None:
    """Core metadata 1.0 to 2.5."""
    if (version := upload.form.get("metadata_version")) not in METADATA_VERSIONS:
        raise RuleError(400, f"{version!r} is not a valid metadata version.")


def name_and_version(upload: Upload) -> None:
    """PEP 508 names, PEP 440 versions, nothing local."""
    name, version = upload.form.get("name"), upload.form.get("version")
    if not NAME.match(name):
        raise RuleError(400, f"{name!r} is an invalid value for Name.")
    try:
        local = Version(version).local
    except InvalidVersion:
        raise RuleError(400, f"{version!r} is an invalid value for Version.") from None
    if local:
        raise RuleError(400, f"The use of local versions in {version!r} is not allowed.")


def metadata_fields(upload: Upload) -> None:
    """The limits that stand in no specification."""
    form = upload.form
    if len(form.get("summary")) > 512:
        raise RuleError(400, "'summary' field must be 512 characters or less.")
    if "\n" in form.get("summary"):
        raise RuleError(400, "'summary' has invalid data: it must be one line.")
    for value in form.get_all("project_urls"):
        if len(value.partition(",")[0].strip()) > 32:
            raise RuleError(400, f"{value!r}: a project-url label must be 32 characters or less.")
    if form.get("license_expression") and form.get("license"):
        raise RuleError(400, "License is deprecated when License-Expression is present.")


def dependencies(upload: Upload) -> None:
    """Requirements by name and version (PEP 508), never by URL; a valid Requires-Python."""
    for value in upload.form.get_all("requires_dist"):
        try:
            direct = Requirement(value).url
        except InvalidRequirement:
            raise RuleError(400, f"'requires-dist' has invalid data: {value!r}") from None
        if direct:
            raise RuleError(400, f"Can't have direct dependency: {value}")
    try:
        SpecifierSet(upload.form.get("requires_python"))
    except InvalidSpecifier as error:
        raise RuleError(400, f"'requires-python' has invalid data: {error}") from None


def permission(upload: Upload) -> None:
    """The token must be for this project; only a token for any project makes new ones."""
    projects, name = upload.grant.projects, upload.form.get("name")
    if projects is None or upload.name in {canonicalize_name(project) for project in projects}:
        return
    if upload.store.project(name) is None:
        text = "Non-user identities cannot create new projects. This was probably caused by "
        text += "successfully using a pending publisher but specifying the project name "
        text += "incorrectly (either in the publisher or in your project's metadata). "
        text += f"Please ensure that both match. See: {upload.base}/help/"
        raise RuleError(400, text)
    caveats = (
        f"OIDC scoped token is not valid for project {name!r}",
        f"project-scoped token is not valid for project: {name!r}",
    )
    raise RuleError(403, f"Invalid API Token: {', '.join(caveats * 2)}")


def description(upload: Upload) -> None:
    """A content type that the index renders; the text itself is not rendered here."""
    kind = upload.form.get("description_content_type").partition(";")[0].strip().lower()
    if kind and kind not in DESCRIPTIONS:
        raise RuleError(400, f"'description-content-type' has invalid data: {kind!r}")


RULES: tuple[Callable[[Upload], None], ...] = (
    drop_unknown,
    protocol,
    action,
    plain_fields,
    form_fields,
    metadata_version,
    name_and_version,
    metadata_fields,
    dependencies,
    permission,
    description,
    file_rules.has_file,
    file_rules.filename,
    file_rules.platform,
    file_rules.size,
    file_rules.digests,
    file_rules.duplicate,
    file_rules.one_sdist,
    file_rules.archive,
    file_rules.attestations,
)
