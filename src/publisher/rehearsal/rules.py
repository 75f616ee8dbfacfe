"""What an index checks of an upload, in its order: one small function per rule.

Each is a row of ``RULES``, takes the upload as it stands, and raises with the index's own text
(Warehouse, ``warehouse/forklift``). A missing row is a rule that the rehearsal does not have.
``PASSWORD_RULES`` are those of a small index of one's own, such as devpi or pypiserver.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from packaging.version import InvalidVersion, Version

from publisher.rehearsal import file_rules, metadata_rules, project_rules
from publisher.rehearsal.names import NAME
from publisher.rehearsal.submission import RuleError, Upload

FILE_FIELDS = {"content", "gpg_signature"}
GONE = {
    "submit": "Project pre-registration is no longer required or supported, upload your files "
    "instead.",
    "doc_upload": "Uploading documentation is no longer supported, we recommend using "
    "https://readthedocs.org/.",
}


def action(upload: Upload) -> None:
    """``submit`` and its like are gone; uploading is all there is."""
    asked = upload.form.get(":action")
    if asked in {*GONE, "submit_pkg_info"}:
        raise RuleError(410, GONE.get(asked, GONE["submit"]))
    if asked != "file_upload":
        raise RuleError(400, "Invalid value for :action. Error: Use 'file_upload'.")


def drop_unknown(upload: Upload) -> None:
    """Old tools write UNKNOWN for what they don't know."""
    upload.form.fields = [(k, v) for k, v in upload.form.fields if v.strip() != "UNKNOWN"]


def plain_fields(upload: Upload) -> None:
    """Every field but the file is a plain one."""
    for name in upload.form.files:
        if name not in FILE_FIELDS:
            raise RuleError(400, f"{name}: Should not be a tuple.")


def switches(upload: Upload) -> None:
    """The index takes files at all."""
    if upload.settings.read_only:
        raise RuleError(403, "Read-only mode: Uploads are temporarily disabled.")
    if not upload.settings.uploads:
        about = f"See {upload.base}/help/#admin-intervention for more information."
        raise RuleError(403, f"New uploads are temporarily disabled. {about}")


def identity(upload: Upload) -> None:
    """An upload token that the index has given out."""
    grant = upload.store.granted(_token(upload.authorization))
    if grant is None:
        text = "Invalid or non-existent authentication information. See "
        raise RuleError(403, f"{text}{upload.base}/help/#invalid-auth for more information.")
    upload.grant = grant


def protocol(upload: Upload) -> None:
    """Only version 1 of the upload protocol, if any is named."""
    if upload.form.get("protocol_version") not in {"", "1"}:
        raise RuleError(400, "Unknown protocol version.")


def password(upload: Upload) -> None:
    """User and password, which the store keeps as a token of that form."""
    user, secret = _basic(upload.authorization)
    grant = upload.store.granted(f"{user}:{secret}")
    if grant is None:
        raise RuleError(401, "Unauthorized: user and password are needed")
    upload.grant = grant


def attestations_field(upload: Upload) -> None:
    """An index that doesn't know PEP 740 passes the field over, or not."""
    refuses = upload.settings.attestations_field == "refuse"
    if refuses and upload.form.get_all("attestations"):
        raise RuleError(400, "Unknown field: attestations")


def name_and_version(upload: Upload) -> None:
    """A project's name and a version, and no more of the metadata than that."""
    try:
        Version(upload.version)
    except InvalidVersion:
        raise RuleError(400, f"{upload.version!r} is no version") from None
    if not NAME.fullmatch(upload.form.get("name")):
        raise RuleError(400, f"{upload.form.get('name')!r} is no name")


def never_again(upload: Upload) -> None:
    """A file that is there is there, and not compared."""
    project, filename = upload.store.project(upload.name), upload.content.filename
    if project is not None and filename in project.files:
        raise RuleError(409, f"{filename} already exists in a non-volatile index")


def _token(authorization: str) -> str:
    """The token of ``Basic __token__:TOKEN`` (RFC 7617), ``Bearer TOKEN`` or ``token TOKEN``."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() in {"bearer", "token"}:
        return value.strip()
    user, secret = _basic(authorization)
    return secret if user == "__token__" else ""


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, value = authorization.partition(" ")
    try:
        user, _, secret = base64.b64decode(value).decode().partition(":")
    except ValueError:
        return "", ""
    return (user, secret) if scheme.lower() == "basic" else ("", "")


Rules = tuple[Callable[[Upload], None], ...]

RULES: Rules = (
    action,
    drop_unknown,
    plain_fields,
    switches,
    identity,
    protocol,
    metadata_rules.form_fields,
    metadata_rules.metadata,
    file_rules.has_file,
    project_rules.new_project,
    project_rules.permission,
    project_rules.organization,
    project_rules.description,
    project_rules.urls,
    project_rules.release,
    file_rules.filename,
    file_rules.content_type,
    file_rules.size,
    file_rules.digests,
    file_rules.duplicate,
    file_rules.deleted,
    file_rules.closed,
    file_rules.one_sdist,
    file_rules.archive,
    file_rules.sdist_name,
    file_rules.wheel_name,
    file_rules.inside,
    file_rules.attestations,
)
AGAIN: Rules = (file_rules.duplicate, never_again)
"""Rules that are kept once more in the moment when the file is stored."""

PASSWORD_RULES: Rules = (
    action,
    plain_fields,
    password,
    attestations_field,
    name_and_version,
    file_rules.has_file,
    file_rules.filename,
    file_rules.size,
    file_rules.digests,
    never_again,
)
