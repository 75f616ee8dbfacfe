"""Which URLs an index takes, and which it marks as verified: its own page, and the publisher's.

Comparisons are the index's own (Warehouse, ``warehouse/oidc/urls.py`` and the publishers' models).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import rfc3986  # type: ignore[import-untyped]  # comes with twine, has no types
from rfc3986.exceptions import ValidationError  # type: ignore[import-untyped]  # as above
from rfc3986.validators import Validator  # type: ignore[import-untyped]  # as above

from publisher import world
from publisher.rehearsal.publishers import TrustedPublisher

ACTIVESTATE = "https://platform.activestate.com"
OLD_INDEX = "https://python.org/pypi/"


def is_url(url: str) -> bool:
    """Whether it is an http(s) URL, with or without a host (RFC 3986)."""
    validator = Validator().allow_schemes("http", "https").require_presence_of("scheme")
    validator.check_validity_of("scheme", "host", "port", "path", "query")
    try:
        validator.validate(_normal(url))
    except ValidationError:
        return False
    return True


def is_verified(url: str, publisher: TrustedPublisher | None, name: str, base: str) -> bool:
    """Whether this URL belongs to the project ``name`` of the index at ``base``."""
    if "\\" in url:
        return False
    if _normal(url) in {_normal(page) for page in _own_pages(name, base)}:
        return True
    return publisher is not None and any(
        _below(reference, candidate) for reference, candidate in _publishers(publisher, url)
    )


def _own_pages(name: str, base: str) -> Iterator[str]:
    starts = [f"{site}/{page}/" for site in (base, _real_index()) for page in ("project", "p")]
    for start in (*starts, OLD_INDEX):
        yield f"{start}{name}"
        yield f"{start}{name}/"


def _real_index() -> str:
    """A rehearsal stands for the real index, whose URLs projects have in their metadata."""
    return str(world.pypi().web_url).rstrip("/")


def _publishers(publisher: TrustedPublisher, url: str) -> Iterator[tuple[str, str]]:
    """References, each with the URL as it is to be compared with it."""
    fields = publisher.fields
    if publisher.kind == "GitHub":
        owner, _, repository = fields["repository"].lower().partition("/")
        docs = f"https://{owner}.github.io/{repository}"
        base = f"https://github.com/{owner}/{repository}"
        url = _folded(url, base, docs)
        yield base, _plain(url)
        yield docs, url
    elif publisher.kind == "GitLab":
        base = f"{publisher.issuer}/{fields['project_path']}".lower()
        url = _folded(url, base)
        yield base, _plain(url)
        owner, _, rest = fields["project_path"].partition("/")
        yield f"https://{owner}.gitlab.io/{'' if rest == f'{owner}.gitlab.io' else rest}", url
    elif publisher.kind == "ActiveState":
        yield f"{ACTIVESTATE}/{fields['organization']}/{fields['project']}", url


def _folded(url: str, *prefixes: str) -> str:
    """Forges don't care about the case of owners and repositories, but of what follows."""
    for prefix in prefixes:
        if url.lower().startswith(prefix):
            return prefix + url[len(prefix) :]
    return url


def _plain(url: str) -> str:
    return url.removesuffix("/").removesuffix(".git")


def _normal(url: str) -> Any:
    return rfc3986.uri_reference(url).normalize()


def _below(reference: str, url: str) -> bool:
    """Scheme and authority are equal, the path is equal or below."""
    if "%2e" in url.lower():
        return False
    wanted, given = _normal(reference), _normal(url)
    if (wanted.scheme, wanted.authority) != (given.scheme, given.authority):
        return False
    wanted_path, path = (wanted.path or "").rstrip("/"), given.path or ""
    return bool(path == wanted_path or path.startswith(f"{wanted_path}/"))
