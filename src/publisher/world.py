"""Where a run publishes: indexes, Sigstore's trust root, the source of ID tokens.

A rehearsal is another ``World`` (``publisher.rehearsal.open``), never another path.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from publisher.models import Secret


@dataclass(frozen=True)
class Index:
    """A package index and the one audience its ID tokens may be for.

    ``upload_url`` takes the legacy upload API, ``simple_url`` (ending in ``/``) the simple API
    (PEP 503, 691), ``api_url`` (ending in ``/``) the OIDC and integrity APIs (PEP 740),
    ``web_url`` (ending in ``/``) is for people.
    """

    name: str
    upload_url: str
    simple_url: str
    api_url: str
    web_url: str
    audience: str

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
        """The simple API's page of a project (PEP 503 normalized name)."""
        return f"{self.simple_url}{quote(project)}/"

    def provenance_url(self, project: str, version: str, filename: str) -> str:
        """The integrity API's provenance object of a file (PEP 740)."""
        file = "/".join(quote(part) for part in (project, version, filename))
        return f"{self.api_url}integrity/{file}/provenance"

    def release_url(self, project: str, version: str) -> str:
        """The page of a release, for people."""
        return f"{self.web_url}project/{quote(project)}/{quote(version)}/"


class TokenSource(Protocol):
    """The one door to ID tokens."""

    def __call__(self, audience: str, *, spend: bool = True) -> Secret:
        """A token for ``audience``; with ``spend=False`` it is only looked at.

        Some CIs give a job a fixed number of tokens, each good for one use: a spent one is never
        given again. Elsewhere each call asks the identity provider anew.

        Raises:
            IdentityError: There is no such token.
        """
        ...


@dataclass(frozen=True)
class World:
    """Everything outside that a run talks to.

    ``tokens(audience)`` is the one door to ID tokens. ``trust_config`` is a Sigstore
    ClientTrustConfig as JSON, or ``None`` for the public good instance, whose root comes by TUF.
    ``ca`` is a PEM file with the TLS roots to use instead of the system's.
    ``build_into`` is where built dists
    go, ``None`` for the project's own packages-dir. ``foreign_proofs`` says whether attestations
    made before this run can verify here. ``rehearsal`` is for the report; no step reads it.
    """

    indexes: tuple[Index, ...]
    tokens: TokenSource = field(repr=False)
    trust_config: str | None = field(default=None, repr=False)
    ca: Path | None = None
    build_into: Path | None = None
    foreign_proofs: bool = True
    rehearsal: bool = False


def pypi() -> Index:
    """PyPI."""
    from twine import repository, utils

    web = repository.WAREHOUSE_WEB
    return Index("pypi", utils.DEFAULT_REPOSITORY, f"{web}simple/", web, web, "pypi")


def testpypi() -> Index:
    """TestPyPI, which serves everything from one host."""
    from twine import repository, utils

    web = repository.TEST_WAREHOUSE
    return Index("testpypi", utils.TEST_REPOSITORY, f"{web}simple/", web, web, "testpypi")


INDEXES: dict[str, Callable[[], Index]] = {"pypi": pypi, "testpypi": testpypi}
