"""Core metadata: judged as the index will judge it, then written as its upload form.

The judge is ``packaging``, as on the index; ``twine`` writes the form and renders descriptions.
``PackageFile.from_filename`` would do both, but it opens the archive once more, reads a large
sdist twice, takes any member called METADATA for the wheel's, and hashes the file two ways.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from publisher.errors import InvalidMetadata, MetadataMismatch
from publisher.models import Finding
from publisher.publish.archive import Contents, Named
from publisher.remarks import remark

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

_NEWEST = Version("2.5")  # the newest metadata version whose fields we know how to send
_SUMMARY_LIMIT, _LABEL_LIMIT = 512, 32  # warehouse/forklift/metadata.py
_PRIVATE = "Private ::"
_docutils = threading.Lock()  # docutils keeps roles and directives in module globals


def judge(contents: Contents, named: Named, note: Callable[[Finding], None]) -> RawMetadata:
    """Read and validate core metadata, with the rules that the index adds to the specification.

    Raises:
        InvalidMetadata: The facts list every problem.
        MetadataMismatch: It names another project or version than the file does.
    """
    raw, found = _parse(contents.metadata)
    if newer := _newer(raw):
        note(_unknown_version(named, newer))
    found += _invalid(raw, newer=bool(newer))
    found += [*_urls(raw), *_texts(raw), *_licenses(raw, contents, named)]
    if found:
        raise InvalidMetadata(
            f"the index would refuse the metadata of {named.filename}: {'; '.join(found)}",
            facts={"file": named.filename, "problems": found},
        )
    _compare(raw, named)
    _render(raw, named, note)
    return raw


def _parse(data: bytes) -> tuple[RawMetadata, list[str]]:
    """Return the fields that were understood, and what is wrong with the others."""
    from packaging.metadata import _EMAIL_TO_RAW_MAPPING, parse_email

    try:
        raw, unparsed = parse_email(data)
    except (ArithmeticError, AssertionError, AttributeError, LookupError, ValueError) as error:
        return {}, [f"it can't be parsed ({error})"]  # odd encodings; each release knows more
    # setuptools wrote License-File long before PEP 639; as twine does, leave it out then.
    if (version := _version(raw.get("metadata_version"))) and version < Version("2.4"):
        raw.pop("license_files", None)
        unparsed.pop("license-file", None)
    bad = (name for name in unparsed if name in _EMAIL_TO_RAW_MAPPING or not _newer(raw))
    return raw, [f"unrecognized or malformed field {name!r}" for name in sorted(bad)]


def _version(text: str | None) -> Version | None:
    try:
        return Version(text or "")
    except InvalidVersion:
        return None


def _newer(raw: RawMetadata) -> str | None:
    text = raw.get("metadata_version")
    version = _version(text)
    return text if version and version > _NEWEST else None


def _unknown_version(named: Named, version: str) -> Finding:
    return remark(
        "metadata-version-unknown",
        f"metadata version {version} is newer than {_NEWEST}, the newest we know: "
        "fields that are new in it are not sent, and the index may refuse it",
        hint="Update publisher, or have the build backend write an older metadata version.",
        file=named.filename,
    )


def _invalid(raw: RawMetadata, *, newer: bool) -> list[str]:
    from packaging.metadata import InvalidMetadata as Invalid
    from packaging.metadata import Metadata

    try:
        Metadata.from_raw(raw)
    except ExceptionGroup as group:
        return sorted(
            str(error)
            for error in group.exceptions
            if not (newer and isinstance(error, Invalid) and error.field == "metadata-version")
        )
    except RecursionError:
        return ["a field is nested too deep"]
    return []


def _urls(raw: RawMetadata) -> Iterator[str]:
    dependencies = (
        *raw.get("requires_dist", ()),
        *raw.get("provides_dist", ()),
        *raw.get("obsoletes_dist", ()),
    )
    for text in dependencies:
        try:
            direct = Requirement(text).url
        except (InvalidRequirement, RecursionError):
            continue  # packaging has said so
        if direct:
            yield f"can't have a direct dependency: {text!r}"
    for label, url in raw.get("project_urls", {}).items():
        if not label or not url:
            yield f"project-url needs a label and a URL: {label!r}, {url!r}"
        elif len(label) > _LABEL_LIMIT:
            yield f"project-url label {label!r} is longer than {_LABEL_LIMIT} characters"


def _texts(raw: RawMetadata) -> Iterator[str]:
    if len(raw.get("summary", "")) > _SUMMARY_LIMIT:
        yield f"summary is longer than {_SUMMARY_LIMIT} characters"
    for classifier in raw.get("classifiers", ()):
        if classifier.startswith(_PRIVATE):
            yield f"classifier {classifier!r} says not to publish it"


def _licenses(raw: RawMetadata, contents: Contents, named: Named) -> Iterator[str]:
    if raw.get("license_expression") and raw.get("license"):
        yield "license is not allowed beside license-expression"
    between = "licenses/" if named.kind == "wheel" else ""
    for file in raw.get("license_files", ()):
        member = f"{contents.root}/{between}{file}"
        if member not in contents.names:
            yield f"license-file {file!r} does not exist in the archive at {member}"


def _compare(raw: RawMetadata, named: Named) -> None:
    name, version = raw["name"], raw["version"]
    if canonicalize_name(name) == named.project and Version(version) == named.version:
        return
    raise MetadataMismatch(
        f"{named.filename} is the name of {named.project} {named.version}, "
        f"but its metadata says {name} {version}",
        facts={"file": named.filename, "name": name, "version": version},
        hint="Don't rename distributions; build them again.",
    )


def _render(raw: RawMetadata, named: Named, note: Callable[[Finding], None]) -> None:
    text = raw.get("description", "")
    content_type = raw.get("description_content_type")
    if not text or text.rstrip() == "UNKNOWN":
        note(_description("the description is missing: the project's page will be empty", named))
        return
    if content_type is None:
        why = "the description has no content type: the index reads it as reStructuredText"
        note(_description(why, named))
    with _docutils:
        problems = _rendering(text, content_type or "text/x-rst")
    if problems is not None:
        raise InvalidMetadata(
            f"the index would refuse {named.filename}: the description failed to render as "
            f"{content_type or 'text/x-rst, the default'}",
            facts={"file": named.filename, "problems": problems.splitlines()},
            hint="If it is Markdown, say so in [project] readme's content-type.",
        )


def _description(why: str, named: Named) -> Finding:
    return remark(
        "description-check",
        why,
        hint="Set `readme` in [project] (with a content-type if it isn't .md or .rst).",
        file=named.filename,
    )


@functools.lru_cache(maxsize=16)  # the wheels of a release share one description
def _rendering(text: str, content_type: str) -> str | None:
    """Render as ``twine check`` does; return what is wrong, or ``None`` if nothing is."""
    from twine.commands.check import _RENDERERS, _parse_content_type, _WarningStream

    kind, parameters = _parse_content_type(content_type)
    renderer = _RENDERERS.get(kind, _RENDERERS[None])
    if renderer is None:
        return None
    warnings = _WarningStream()
    try:
        if renderer.render(text, stream=warnings, **parameters) is not None:
            return None
    except Exception as error:  # noqa: BLE001 - docutils raises anything on odd input
        return f"{type(error).__name__}: {error}"
    return str(warnings)


def form(raw: RawMetadata, named: Named, sha256: str) -> tuple[tuple[str, str], ...]:
    """Return the fields of the legacy upload form, without ``:action`` and the content."""
    from twine.package import PackageFile, _safe_name
    from twine.repository import Repository

    class Package(PackageFile):
        """twine's package, but for the hashing of its constructor, which comes to 5 s/GB."""

        def __init__(self) -> None:
            self.metadata = raw
            self.safe_name = _safe_name(raw["name"])
            self.python_version = named.python
            self.filetype = "sdist" if named.kind == "sdist" else "bdist_wheel"
            self.sha2_digest = sha256
            self.blake2_256_digest = None
            self.comment = self.gpg_signature = self.attestations = None

    fields = Package().metadata_dictionary()
    # twine has no public API for this; its upload command does the same
    pairs = Repository._convert_metadata_to_list_of_tuples(fields)  # noqa: SLF001 - see above
    names = {name for name, _ in pairs}
    for name, values in (  # metadata 2.5 (PEP 794), which twine 7.0 validates but does not send
        ("import_name", raw.get("import_names", ())),
        ("import_namespace", raw.get("import_namespaces", ())),
    ):
        pairs += [(name, value) for value in values if name not in names]
    return tuple(pairs)
