"""Core metadata: judged as the index will judge it, then written as its upload form.

The judge is ``packaging``, as on the index; ``twine`` writes the form.
``PackageFile.from_filename`` would do both, but it opens the archive once more, reads a large
sdist twice, takes any member called METADATA for the wheel's, and hashes the file two ways.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from email.utils import getaddresses, parseaddr
from typing import TYPE_CHECKING, Any, cast

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from publisher.errors import InvalidMetadata, MetadataMismatch
from publisher.models import Dist, Finding
from publisher.publish import description
from publisher.publish.archive import Contents
from publisher.publish.filename import Named, parse
from publisher.remarks import remark

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

_NEWEST = Version("2.5")  # that the index takes
_SUMMARY_LIMIT, _LABEL_LIMIT = 512, 32  # warehouse/forklift/metadata.py
_PRIVATE = "Private ::"
_TOPS = (
    *("Development Status", "Environment", "Framework", "Intended Audience", "License"),
    *("Natural Language", "Operating System", "Programming Language", "Topic", "Typing"),
)
"""How all classifiers begin, since 2017."""


def load() -> None:
    """Import already what ``form`` needs."""
    import twine.package
    import twine.repository  # noqa: F401


def judge(contents: Contents, named: Named, note: Callable[[Finding], None]) -> RawMetadata:
    """Read and validate core metadata, with the rules that the index adds to the specification.

    Of classifiers only ``Private ::`` is refused: which others there are, only the index knows.

    Raises:
        InvalidMetadata: The facts list every problem.
        MetadataMismatch: It names another project or version than the file does.
    """
    raw, found = _parse(contents.metadata)
    found += _invalid(raw)
    for rule in (_newer, _dependencies, _urls, _addresses, _texts):
        found += rule(raw)
    found += _licenses(raw, contents, named)
    unrendered = _unrendered(raw, found)
    if found:
        found += [f"the description does not render: {problem}" for problem in unrendered]
        raise InvalidMetadata(
            f"the index would refuse the metadata of {named.filename}: {'; '.join(found)}",
            facts={"file": named.filename, "problems": found},
        )
    _compare(raw, named)
    text, content_type = raw.get("description", ""), raw.get("description_content_type")
    description.remark_on(text, content_type, named.filename, note)
    _remark_on_classifiers(raw, named, note)
    if unrendered:
        raise InvalidMetadata(
            f"the index would refuse {named.filename}: the description failed to render as "
            f"{content_type or 'text/x-rst, the default'}",
            facts={"file": named.filename, "problems": unrendered},
            hint="If it is Markdown, say so in [project] readme's content-type.",
        )
    return raw


def _parse(data: bytes) -> tuple[RawMetadata, list[str]]:
    """Return the fields as they are sent, and which can't be: malformed, or several for one.

    Fields that the specification doesn't know are not sent, and no index misses them.
    """
    from packaging.metadata import _EMAIL_TO_RAW_MAPPING, parse_email

    try:
        raw, unparsed = parse_email(data)
    except (ArithmeticError, AssertionError, AttributeError, LookupError, ValueError) as error:
        return {}, [f"it can't be parsed ({error})"]  # odd encodings; each release knows more
    # setuptools wrote License-File long before PEP 639; as twine does, leave it out then.
    if (version := _version(raw.get("metadata_version"))) and version < Version("2.4"):
        raw.pop("license_files", None)
        unparsed.pop("license-file", None)
    bad = sorted(name for name in unparsed if name in _EMAIL_TO_RAW_MAPPING)
    return _known(raw), [f"malformed or repeated field {name!r}" for name in bad]


def _known(raw: RawMetadata) -> RawMetadata:
    """Leave out what the index passes over: empty fields, and UNKNOWN, which old tools write."""
    return cast("RawMetadata", {name: value for name, value in raw.items() if _says(value)})


def _says(value: Any) -> bool:
    if isinstance(value, dict):
        return True
    texts = [value] if isinstance(value, str) else value
    return texts != [""] and not (texts and texts[-1].strip() == "UNKNOWN")


def _version(text: str | None) -> Version | None:
    try:
        return Version(text or "")
    except ValueError:  # InvalidVersion, or a number of more digits than Python reads
        return None


def _invalid(raw: RawMetadata) -> list[str]:
    """What packaging says, which is the index's first judge too."""
    from packaging.metadata import Metadata

    try:
        Metadata.from_raw(raw)
    except ExceptionGroup as group:
        return sorted(map(str, group.exceptions))
    except RecursionError:
        return ["a field is nested too deep"]
    return []


def _newer(raw: RawMetadata) -> Iterator[str]:
    """The index learns a version later than packaging does."""
    version = _version(raw.get("metadata_version"))
    if version and version > _NEWEST:
        yield f"metadata version {version} is newer than {_NEWEST}, the newest that the index takes"


def _several(raw: RawMetadata, field: str) -> list[str]:
    return cast("list[str]", raw.get(field, []))


def _single(raw: RawMetadata, field: str) -> str:
    return cast("str", raw.get(field, ""))


def _dependencies(raw: RawMetadata) -> Iterator[str]:
    """By name and version (PEP 508), never by URL. packaging looks at Requires-Dist only."""
    for field in ("requires_dist", "provides_dist", "obsoletes_dist"):
        for text in _several(raw, field):
            try:
                direct = Requirement(text).url
            except (InvalidRequirement, RecursionError) as error:
                if field != "requires_dist":
                    yield f"{field.replace('_', '-')} is invalid: {text!r} ({_line(error)})"
                continue
            if direct is not None:
                yield f"can't have a direct dependency: {text!r}"


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _urls(raw: RawMetadata) -> Iterator[str]:
    for field in ("home_page", "download_url"):
        url = _single(raw, field)
        if url and not _is_url(url):
            yield f"{field.replace('_', '-')} is no http(s) URL: {url!r}"
    for label, url in raw.get("project_urls", {}).items():
        if not label or not url:
            yield f"project-url needs a label and a URL: {label!r}, {url!r}"
        elif len(label) > _LABEL_LIMIT:
            yield f"project-url label {label!r} is longer than {_LABEL_LIMIT} characters"
        elif not _is_url(url):
            yield f"project-url {label!r} is no http(s) URL: {url!r}"


def _is_url(text: str) -> bool:
    """As warehouse/utils/http.py has it: a host may be missing."""
    from rfc3986 import uri_reference  # type: ignore[import-untyped]  # has no types
    from rfc3986.exceptions import RFC3986Exception  # type: ignore[import-untyped]  # as above
    from rfc3986.validators import Validator  # type: ignore[import-untyped]  # as above

    validator = Validator().allow_schemes("http", "https").require_presence_of("scheme")
    validator.check_validity_of("scheme", "host", "port", "path", "query")
    try:
        validator.validate(uri_reference(text).normalize())
    except (RFC3986Exception, ValueError):
        return False
    return True


def _addresses(raw: RawMetadata) -> Iterator[str]:
    """The index looks at the address where there is exactly one."""
    from email_validator import EmailNotValidError, validate_email

    for field in ("author_email", "maintainer_email"):
        text = _single(raw, field)
        try:
            _, address = parseaddr(text)
        except RecursionError:
            yield f"{field.replace('_', '-')} is nested too deep"
            continue
        # several, or "[": the index's Python finds none then, older ones find the first
        if not address or "[" in address or len(getaddresses([text])) > 1:
            continue
        try:
            validate_email(address, check_deliverability=False)
        except EmailNotValidError as error:
            yield f"{field.replace('_', '-')}: {address!r} is no e-mail address: {error}"


def _texts(raw: RawMetadata) -> Iterator[str]:
    if len(raw.get("summary", "")) > _SUMMARY_LIMIT:
        yield f"summary is longer than {_SUMMARY_LIMIT} characters"
    for classifier in raw.get("classifiers", ()):
        if classifier.startswith(_PRIVATE):
            yield f"classifier {classifier!r} says not to publish it"
    if "dynamic" in (name.lower() for name in raw.get("dynamic", ())):  # packaging lets it pass
        yield "'dynamic' is not a valid dynamic field"


def _remark_on_classifiers(raw: RawMetadata, named: Named, note: Callable[[Finding], None]) -> None:
    """Only how they begin is known here for sure: their list changes monthly."""
    odd = [name for name in _several(raw, "classifiers") if name.split(" :: ")[0] not in _TOPS]
    if odd:
        what = f"the index has no classifier that begins like {', '.join(map(repr, odd))}"
        hint = "Look for a misspelling; the index would refuse the upload, after signing."
        note(remark("unknown-classifier", what, hint=hint, file=named.filename))


def _licenses(raw: RawMetadata, contents: Contents, named: Named) -> Iterator[str]:
    if raw.get("license_expression") and raw.get("license"):
        yield "license is not allowed beside license-expression"
    between = "licenses/" if named.kind == "wheel" else ""
    for file in raw.get("license_files", ()):
        member = f"{contents.root}/{between}{file}"
        if member not in contents.names:
            yield f"license-file {file!r} does not exist in the archive at {member}"


def _compare(raw: RawMetadata, named: Named) -> None:
    name, version = raw["name"], Version(raw["version"])
    # 1.0 and 1.0.0 are equal, but the index wants an sdist to have the very version in its name
    same = version == named.version
    spelt = named.kind == "wheel" or str(version) == str(named.version)
    if canonicalize_name(name) == named.project and same and spelt:
        return
    raise MetadataMismatch(
        f"{named.filename} is the name of {named.project} {named.version}, "
        f"but its metadata says {name} {raw['version']}",
        facts={"file": named.filename, "name": name, "version": raw["version"]},
        hint="Don't rename distributions; build them again.",
    )


def _unrendered(raw: RawMetadata, found: Sequence[str]) -> list[str]:
    """Why the description can't be shown; not asked where its own type makes no sense."""
    text, content_type = raw.get("description", ""), raw.get("description_content_type")
    typed = not any("description-content-type" in problem for problem in found)
    return description.problems(text, content_type) if text and typed else []


def form(dist: Dist) -> tuple[tuple[str, str], ...]:
    """Return the fields of the legacy upload form, without ``:action`` and the content."""
    from twine.package import PackageFile, _safe_name
    from twine.repository import Repository

    raw = cast("RawMetadata", dist.metadata)

    class Package(PackageFile):
        """twine's package, but for the hashing of its constructor, which comes to 5 s/GB."""

        def __init__(self) -> None:
            self.metadata = raw
            self.safe_name = _safe_name(raw["name"])
            self.python_version = parse(dist.filename).python
            self.filetype = "sdist" if dist.kind == "sdist" else "bdist_wheel"
            self.sha2_digest = dist.sha256
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
