"""What an index shows of releases, fetched in parallel and verified: who published each file."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.parser import HeaderParser
from typing import Any
from urllib.parse import urlsplit

from publisher.ahead import Workers
from publisher.models import Proof
from publisher.verify.core import UnknownPublisher, Unproven, Verifier
from publisher.verify.model import Observed, Release
from publisher.verify.origin import FORGES, SOURCES, is_source
from publisher.verify.pages import File, Page
from publisher.verify.shelf import NotHere, Shelf, check_link
from publisher.verify.whom import publisher

INTEGRITY_JSON = "application/vnd.pypi.integrity.v1+json"
PUBLISH, SLSA = "/publish/v1", "/provenance/v1"
PARALLEL = 16


class Evidence:
    """All that can be found out about files. Thread-safe.

    Args:
        shelf: The way to the index.
        verifier: Gives the one verifier; asked when there is something to verify.
    """

    def __init__(self, shelf: Shelf, verifier: Callable[[], Verifier]) -> None:
        self.shelf, self.verifier = shelf, verifier
        self.releases, self._files = Workers(PARALLEL), Workers(PARALLEL)
        """Those who look at releases, and those who look at the files of them all."""

    def close(self) -> None:
        """Let the workers go."""
        self.releases.close()
        self._files.close()

    def release(self, page: Page, version: str, *, sample: bool = False) -> Release:
        """Observe the files of a release.

        Args:
            page: The project's page.
            version: Which release.
            sample: Of those that have provenance, one is enough.
        """
        files = page.release(version)
        if sample:
            proven = [file for file in files if file.provenance]
            files = tuple(file for file in files if not file.provenance or file in proven[:1])
        observed = _at_home(tuple(self._files.each(lambda file: self.file(page, file), files)))
        times = [file.uploaded for file in observed if file.uploaded]
        return Release(page.project, version, observed, min(times, default=None), page.status)

    def file(self, page: Page, file: File) -> Observed:
        """Observe one file of a page."""
        seen = Observed(
            page.project,
            str(file.version),
            file.filename,
            file.sha256,
            "unattested",
            uploaded=file.uploaded,
            yanked=file.yanked,
            urls=self._urls(page, file),
        )
        if file.why:
            return replace(seen, status="incomplete", why=file.why)
        if not file.attestable:
            return replace(seen, status="cannot-attest-here", why="the index has no attestations")
        if not file.provenance:
            return seen
        try:
            link = check_link(file.provenance, page.url)
            return self.provenance(seen, self.shelf.current(link, INTEGRITY_JSON))
        except NotHere as error:
            return replace(seen, status="incomplete", why=str(error))

    def provenance(self, seen: Observed, text: bytes | str) -> Observed:
        """The same, with what a provenance object (PEP 740) proves about it."""
        try:
            body = json.loads(text)
            if not isinstance(body, dict):
                raise TypeError
        except (ValueError, TypeError, RecursionError):
            return replace(seen, status="incomplete", why="the answer is no provenance object")
        try:
            proofs = self.verifier().provenance(body, seen.filename, seen.sha256)
        except UnknownPublisher as error:
            return replace(seen, status="incomplete", why=str(error))
        except Unproven as error:
            return replace(seen, status="failed", why=str(error))
        return shown(seen, proofs, _statement(body))

    def attested(self, seen: Observed, text: str) -> Observed:
        """The same, with what a single attestation proves about it, whoever signed."""
        try:
            proof = self.verifier().attestation(text, seen.filename, seen.sha256, None)
            if not proof.predicate_type.endswith(PUBLISH):
                raise Unproven(f"it is no publish attestation but {proof.predicate_type}")
        except Unproven as error:
            return replace(seen, status="failed", why=str(error))
        return shown(seen, (proof,), _digest(json.loads(text)))

    def _urls(self, page: Page, file: File) -> Mapping[str, str]:
        """The project URLs of a file's own metadata; wheels of a release often share it."""
        if not file.metadata:
            return {}
        try:
            link = check_link(f"{file.url}.metadata", page.url)
            return project_urls(self.shelf.named(link, "*/*", file.metadata))
        except NotHere:
            return {}


def _at_home(files: tuple[Observed, ...]) -> tuple[Observed, ...]:
    """The files of a release; one whose source is where no job could attest is not blamed."""
    urls = [pair for file in files for pair in file.urls.items()]
    links = [link for label, link in urls if is_source(label, SOURCES)]
    homes = {host for link in links if (host := _host(link))}
    if (
        not homes
        or homes & {*FORGES.values()}
        or any(file.status != "unattested" for file in files)
    ):
        return files
    why = f"its source is at {', '.join(sorted(homes))}, whose jobs the index does not know"
    return tuple(replace(file, status="cannot-attest-here", why=why) for file in files)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def shown(seen: Observed, proofs: tuple[Proof, ...], statement: str) -> Observed:
    """What was seen, with what verified attestations say about it."""
    published = [proof for proof in proofs if proof.predicate_type.endswith(PUBLISH)]
    first = published[0]
    return replace(
        seen,
        status="verified",
        publishers=tuple(dict.fromkeys(publisher(proof.certificate) for proof in published)),
        slsa=any(proof.predicate_type.endswith(SLSA) for proof in proofs),
        statement_sha256=statement,
        log_index=first.log_index,
        logged=datetime.fromtimestamp(first.integrated_time, UTC),
        san=first.certificate.san,
        run=first.certificate.claims.get("run_invocation_uri", ""),
    )


def _statement(body: Mapping[str, Any]) -> str:
    """A digest over all statements of a provenance object: it is not immutable."""
    bundles = body["attestation_bundles"]
    each = sorted(_digest(one) for bundle in bundles for one in bundle["attestations"])
    return each[0] if len(each) == 1 else hashlib.sha256(" ".join(each).encode()).hexdigest()


def _digest(attestation: Mapping[str, Any]) -> str:
    return hashlib.sha256(base64.b64decode(attestation["envelope"]["statement"])).hexdigest()


def project_urls(metadata: bytes) -> dict[str, str]:
    """The URLs of core metadata by label; the old Home-page field is one of them."""
    message = HeaderParser().parsestr(metadata.decode("utf-8", "replace"))
    pairs = [text.partition(",")[::2] for text in message.get_all("Project-URL", [])]
    found = {label.strip(): url.strip() for label, url in pairs}
    home = message.get("Home-page", "").strip()
    return found | ({"Homepage": home} if home and home != "UNKNOWN" else {})
