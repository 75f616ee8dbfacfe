"""What an index checks of the fields in an upload; ``rules.RULES`` has the order.

The index reads core metadata from the form, with packaging's own rules and some more. All that
is wrong is collected, and the most important of it is said.
"""

from __future__ import annotations

import email.utils
import re
from collections.abc import Iterator
from typing import Any, cast

from packaging.metadata import InvalidMetadata, Metadata, RawMetadata
from packaging.requirements import InvalidRequirement, Requirement

from publisher.rehearsal.names import NAME
from publisher.rehearsal.submission import RuleError, Upload
from publisher.rehearsal.urls import is_url

FILE_TYPES = {"sdist", "bdist_wheel"}
DIGESTS = ("md5_digest", "sha256_digest", "blake2_256_digest")
SPECIFICATION = "https://packaging.python.org/specifications/core-metadata"
LOCAL = "https://packaging.python.org/en/latest/specifications/version-specifiers/"
NEWEST = (2, 5)
FIRST = ("metadata-version", "name", "version")
SINGLE = frozenset(
    {"metadata_version", "name", "version", "summary", "description", "home_page", "author"}
    | {"author_email", "license", "download_url", "maintainer", "maintainer_email"}
    | {"requires_python", "description_content_type", "license_expression"}
)
SEVERAL = {
    **{name: name for name in ("classifiers", "requires", "provides", "obsoletes", "dynamic")},
    **{name: name for name in ("requires_dist", "provides_dist", "obsoletes_dist")},
    **{name: name for name in ("requires_external", "provides_extra")},
    "platform": "platforms",
    "supported_platform": "supported_platforms",
    "license_file": "license_files",
    "import_name": "import_names",
    "import_namespace": "import_namespaces",
}

Problems = Iterator[tuple[str, str]]


def form_fields(upload: Upload) -> None:
    """The fields that are not metadata, and the project's name."""
    form = upload.form
    name, kind, python = form.get("name"), form.get("filetype"), form.get("pyversion")
    if not NAME.fullmatch(name):
        text = "Start and end with a letter or numeral containing only ASCII numeric and '.', "
        text = f"{text}'_' and '-'." if name else "This field is required."
        text = f"{name!r} is an invalid value for Name. Error: {text} See {SPECIFICATION}"
        raise RuleError(400, f"{text} for more information.")
    for field, algorithm in (("blake2_256_digest", "BLAKE2"), ("sha256_digest", "SHA256")):
        if not re.fullmatch(r"([A-F0-9]{64})?", form.get(field), re.IGNORECASE):
            text = f"Use a valid, hex-encoded, {algorithm} message digest."
            raise RuleError(400, f"Invalid value for {field}. Error: {text}")
    if kind not in FILE_TYPES:
        text = "Use a known file type." if kind else "This field is required."
        raise RuleError(400, f"Invalid value for filetype. Error: {text}")
    if kind == "bdist_wheel" and not python:
        text = "Python version is required for binary distribution uploads."
        raise RuleError(400, f"Invalid value for pyversion. Error: {text}")
    if kind == "sdist" and python not in {"", "source"}:
        text = "Use 'source' as Python version for an sdist."
        raise RuleError(400, f"Invalid value for pyversion. Error: {text}")
    if not any(form.get(field) for field in DIGESTS):
        raise RuleError(400, "Error: Include at least one message digest.")


def metadata(upload: Upload) -> None:
    """Core metadata: packaging's rules, then the index's own."""
    try:
        upload.metadata = Metadata.from_raw(_raw(upload))
    except ExceptionGroup as group:
        problems = [
            (error.field, str(error))
            for error in group.exceptions
            if isinstance(error, InvalidMetadata)
        ]
    else:
        problems = [found for rule in PROBLEMS for found in rule(upload)]
    if problems:
        raise _most_important(problems)


def _raw(upload: Upload) -> RawMetadata:
    raw: dict[str, Any] = {}
    for name in dict.fromkeys(key for key, _ in upload.form.fields):
        values = upload.form.get_all(name)
        if values == [""]:
            continue
        if name in SEVERAL:
            raw[SEVERAL[name]] = values
        elif name == "project_urls":
            raw[name] = _project_urls(values)
        elif name in SINGLE | {"keywords"}:
            if len(values) > 1:
                raise _most_important([(name, f"{name!r} has invalid data")])
            raw[name] = values[0].split(",") if name == "keywords" else values[0]
    return cast("RawMetadata", raw)


def _project_urls(values: list[str]) -> dict[str, str]:
    urls: dict[str, str] = {}
    for value in values:
        label, _, url = (part.strip() for part in value.partition(","))
        if label in urls:
            raise _most_important([("project_urls", "'project_urls' has invalid data")])
        urls[label] = url
    return urls


def _most_important(problems: list[tuple[str, str]]) -> RuleError:
    fields = [field for field, _ in problems]
    chosen = next((field for field in FIRST if field in fields), min(fields))
    text = next(text for field, text in problems if field == chosen)
    about = f"{LOCAL}#local-version-identifiers" if "use of local versions" in text else None
    return RuleError(
        400, f"{text.removesuffix('.')}. See {about or SPECIFICATION} for more information."
    )


def _metadata_version(upload: Upload) -> Problems:
    """The index follows packaging after a while."""
    version = upload.form.get("metadata_version")
    if tuple(map(int, version.split("."))) > NEWEST:
        yield "metadata-version", f"{version!r} is not a valid metadata version"


def _dynamic(upload: Upload) -> Problems:
    if "dynamic" in (upload.core.dynamic or []):
        yield "dynamic", "Dynamic field 'dynamic' is not a valid dynamic field."


def _version(upload: Upload) -> Problems:
    version = upload.core.version
    if version.local:
        yield "version", f"The use of local versions in '{version}' is not allowed."


def _summary(upload: Upload) -> Problems:
    if len(upload.core.summary or "") > 512:
        yield "summary", "'summary' field must be 512 characters or less."


def _addresses(upload: Upload) -> Problems:
    from email_validator import EmailNotValidError, validate_email

    for field in ("author_email", "maintainer_email"):
        text = getattr(upload.core, field) or ""
        _, address = email.utils.parseaddr(text)
        # newer Pythons find no address where there are several; this one may be older
        if address and "[" not in address and len(email.utils.getaddresses([text])) == 1:
            try:
                validate_email(address, check_deliverability=False)
            except EmailNotValidError as error:
                text = f"{address!r} is not a valid email address: {error}"
                yield field.replace("_", "-"), text


def _classifiers(upload: Upload) -> Problems:
    """Only where the sandbox is told which ones there are: the list changes all the time."""
    given, settings = set(upload.core.classifiers or []), upload.settings
    old = settings.deprecated_classifiers
    if settings.classifiers is not None:
        for classifier in sorted(given - set(settings.classifiers) - set(old)):
            yield "classifier", f"{classifier!r} is not a valid classifier."
    for classifier in sorted(given & set(old)):
        instead = f", use one of {old[classifier]} instead" if old[classifier] else ""
        yield "classifier", f"The classifier {classifier!r} has been deprecated{instead}."


def _urls(upload: Upload) -> Problems:
    for field, label in (("home_page", "home-page"), ("download_url", "download-url")):
        url = getattr(upload.core, field)
        if url is not None and not is_url(url):
            yield label, f"{url!r} is not a valid url."
    for label, url in (upload.core.project_urls or {}).items():
        if not label:
            yield "project-url", "Must have a label"
        elif len(label) > 32:
            yield "project-url", f"{label!r} must be 32 characters or less."
        elif not url:
            yield "project-url", "Must have a URL"
        elif not is_url(url):
            yield "project-url", f"{url!r} is not a valid url"


def _dependencies(upload: Upload) -> Problems:
    """By name and version (PEP 508), never by URL."""
    for field in ("provides_dist", "obsoletes_dist"):
        for value in getattr(upload.core, field) or []:
            try:
                direct = Requirement(value).url
            except InvalidRequirement as error:
                yield field.replace("_", "-"), f"{value!r} is invalid: {error}"
                continue
            if direct:
                yield field.replace("_", "-"), f"Can't have direct dependency: {value!r}"
    for requirement in upload.core.requires_dist or []:
        if requirement.url is not None:
            yield "requires-dist", f"Can't have direct dependency: {requirement}"


def _license(upload: Upload) -> Problems:
    """PEP 639."""
    if upload.core.license and upload.core.license_expression:
        text = "License is deprecated when License-Expression is present. "
        yield "license", f"{text}Only License-Expression should be present."


PROBLEMS = (
    *(_metadata_version, _version, _summary, _addresses, _classifiers, _urls, _dependencies),
    *(_dynamic, _license),
)
