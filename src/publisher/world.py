"""Where a run publishes: indexes, Sigstore's trust root, the source of ID tokens.

A rehearsal is another ``World`` (``publisher.rehearsal.open``), never another path.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlencode, urlsplit

from publisher.models import Account, Secret


@dataclass(frozen=True)
class Index:
    """A package index and the one audience its ID tokens may be for.

    ``upload_url`` takes the legacy upload API, ``simple_url`` (ending in ``/``) the simple API
    (PEP 503, 691), ``api_url`` (ending in ``/``) the OIDC and integrity APIs (PEP 740),
    ``web_url`` (ending in ``/``) is for people. Of an index that we do not ``know``, nobody can
    say beforehand whom it trusts; its simple API and pages may be unknown, too. With an
    ``account`` there is no trusted publishing: the password goes up with each file.
    """

    name: str
    upload_url: str
    simple_url: str | None
    api_url: str
    web_url: str | None
    audience: str
    known: bool = True
    account: Account | None = field(default=None, repr=False)

    def audience_url(self) -> str:
        """Where the index says which audience it wants."""
        return f"{self.api_url}_/oidc/audience"

    def mint_url(self) -> str:
        """Where an ID token is exchanged for an upload token."""
        return f"{self.api_url}_/oidc/mint-token"

    def burn_url(self) -> str:
        """Where an upload token is given back."""
        return f"{self.api_url}_/oidc/burn-token"

    def listing_url(self, project: str) -> str:
        """The simple API's page of a project (PEP 503 normalized name), where there is one."""
        return f"{self.simple_url}{quote(project)}/"

    def provenance_url(self, project: str, version: str, filename: str) -> str:
        """The integrity API's provenance object of a file (PEP 740)."""
        file = "/".join(quote(part) for part in (project, version, filename))
        return f"{self.api_url}integrity/{file}/provenance"

    def reader(self) -> Account | None:
        """Who may read the simple API: the uploader, if files come from where they went."""
        ours, theirs = urlsplit(self.upload_url), urlsplit(self.simple_url or "")
        return self.account if ours[:2] == theirs[:2] else None

    def release_url(self, project: str, version: str) -> str | None:
        """The page of a release, for people."""
        page = f"project/{quote(project)}/{quote(version)}/"
        return f"{self.web_url}{page}" if self.web_url else None

    def publishing_url(self, project: str | None, form: Mapping[str, str]) -> str | None:
        """The form for a trusted publisher, filled in.

        Args:
            project: One that exists; ``None`` for a pending publisher.
            form: The form's own parameters.
        """
        page = f"project/{quote(project)}/settings" if project else "account"
        query = urlencode({name: value for name, value in form.items() if value})
        return f"{self.web_url}manage/{page}/publishing/?{query}" if self.web_url else None


SOON = 60.0  # seconds


class TokenSource(Protocol):
    """The one door to ID tokens."""

    def __call__(self, audience: str, *, spend: bool = True) -> Secret:
        """A token for ``audience``; with ``spend=False`` it is only looked at.

        Some CIs give a job a fixed number of tokens, each good for one use: a spent one is never
        given again. Elsewhere the identity provider is asked, and what was only looked at is
        given next, if that is soon.

        Raises:
            IdentityError: There is no such token.
        """
        ...


def asked(ask: Callable[[str], Secret]) -> TokenSource:
    """The door to ID tokens where each is asked for.

    One that was only looked at is spent next, instead of another, if it is younger than ``SOON``.
    """
    seen: dict[str, tuple[float, Secret]] = {}

    def token(audience: str, *, spend: bool = True) -> Secret:
        now = time.monotonic()
        since, known = seen.pop(audience, (now - SOON, None))
        if known is None or now - since >= SOON:
            since, known = now, ask(audience)
        if not spend:
            seen[audience] = since, known
        return known

    return token


@dataclass(frozen=True)
class World:
    """Everything outside that a run talks to.

    ``tokens(audience)`` is the one door to ID tokens, and ``vouched`` says whether it opens.
    ``trust_config`` is a Sigstore ClientTrustConfig as JSON, or ``None`` for the public good
    instance, whose root comes by TUF; ``public_log`` says whether its log is, or plays, the public
    one. ``ca`` is a PEM file with the TLS roots to use instead of the system's. ``build_into`` is
    where built dists go, ``None`` for the project's own packages-dir; ``attest_into`` is where
    ``attest`` puts attestations, ``None`` for beside their dists. ``state`` is where a run keeps
    its journal, ``None`` for nowhere. ``foreign_proofs`` says whether attestations made before this
    run can verify here. ``real`` says whether the job around us is the one that publishes: its
    habits are worth a word then, and somebody out there would take a token that a build has
    stolen. ``rehearsal`` is for the report; no step reads it.
    """

    indexes: tuple[Index, ...]
    tokens: TokenSource = field(repr=False)
    trust_config: str | None = field(default=None, repr=False)
    public_log: bool = True
    ca: Path | None = None
    build_into: Path | None = None
    attest_into: Path | None = None
    state: Path | None = None
    vouched: bool = True
    foreign_proofs: bool = True
    real: bool = True
    rehearsal: bool = False


def pypi() -> Index:
    """PyPI."""
    from twine.utils import DEFAULT_REPOSITORY

    return _warehouse("pypi", DEFAULT_REPOSITORY)


def testpypi() -> Index:
    """TestPyPI, which serves everything from one host."""
    from twine.utils import TEST_REPOSITORY

    return _warehouse("testpypi", TEST_REPOSITORY)


def _warehouse(name: str, upload_url: str) -> Index:
    """An index whose pages are where its uploads go, or beside that, without ``upload.``.

    twine has the pages' address, too, in a module that takes long to import; a test compares.
    """
    host = urlsplit(upload_url).netloc.removeprefix("upload.")
    web = f"https://{host}/"
    return Index(name, upload_url, f"{web}simple/", web, web, name)


RESERVED = frozenset({"pypi", "testpypi", "sigstore"})
"""Audiences of tokens that somebody else would take: no other index may ask for them."""
INDEXES: dict[str, Callable[[], Index]] = {"pypi": pypi, "testpypi": testpypi}


def custom(upload_url: str, check_url: str | None = None, audience: str | None = None) -> Index:
    """Any other index, named after its host.

    Args:
        upload_url: Where files go.
        check_url: Its simple API, if it has one.
        audience: What its ID tokens are for; by default its host.
    """
    url = urlsplit(upload_url)
    simple = f"{check_url.rstrip('/')}/" if check_url else None
    api = f"{url.scheme}://{url.netloc}/"
    host = url.hostname or url.netloc
    name = re.sub(r"[^a-z0-9.-]", "-", host).strip("-.")  # an IPv6 address is no name
    name = name if "." in name else f"index-{name}".strip("-")  # short ones are ours: pypi, rekor
    return Index(name, upload_url, simple, api, None, audience or host, known=False)
