"""What a rehearsal leaves behind with ``--keep``: files that other tools can check."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from publisher.errors import CannotWrite, SandboxUnusable
from publisher.rehearsal import loopback
from publisher.world import Index, World

SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
SUFFIXES = {"https://slsa.dev/provenance/v1": "slsa"}
PUBLISH = "publish"
STATIC = "static"


def write(keep: Path, world: World, sandbox: Mapping[str, Any]) -> None:
    """Write roots, dists, attestations, provenance, pages and the request log into ``keep``.

    Raises:
        SandboxUnusable: The sandbox doesn't answer any more, or names files that are none.
        OSError: The folder can't be written.
    """
    config = sandbox["trust_config"]
    # gh reads trusted roots as JSON lines, and skips one that has no line's end.
    _put(keep, "trusted_root.json", json.dumps(config["trustedRoot"]).encode() + b"\n")
    _put(keep, "client_trust_config.json", json.dumps(config).encode() + b"\n")
    kinds = {index["name"]: index.get("kind") for index in sandbox["indexes"]}
    for index in world.indexes:
        collector = _Collector(keep, index, sandbox["ca"])
        if kinds[index.name] == STATIC:
            collector.collect_html()
        else:
            collector.collect()
    log = loopback.call("GET", f"{sandbox['control']}/log")
    _put(keep, "requests.json", log.body)


class _Collector:
    """Reads an index through its public API, as anybody could."""

    def __init__(self, keep: Path, index: Index, ca: str | None) -> None:
        self._keep = keep
        self._name = index.name
        self._simple = f"{index.api_url}simple/"  # the run itself may not know it
        self._ca = ca

    def collect(self) -> None:
        for project in self._page(self._simple, "simple")["projects"]:
            name = _plain(project["name"])
            listing = self._page(f"{self._simple}{name}/", f"simple/{name}")
            for file in listing["files"]:
                self._file(file)

    def collect_html(self) -> None:
        """The same of an index that knows no JSON, hence no provenance."""
        for url in self._links(self._simple, "simple"):
            name = _plain(url.rstrip("/").rpartition("/")[2])
            for file in self._links(f"{self._simple}{name}/", f"simple/{name}"):
                filename = _plain(unquote(file.rpartition("/")[2]))
                _put(self._keep, f"dists/{filename}", self._get(file, "*/*").body)

    def _links(self, url: str, folder: str) -> list[str]:
        page = self._get(url, "text/html").body
        _put(self._keep, f"index/{_plain(self._name)}/{folder}/index.html", page)
        return re.findall(r'href="([^"#]+)', page.decode())

    def _page(self, url: str, folder: str) -> Any:
        """Keep a page in both forms, and return the JSON one."""
        where = f"index/{_plain(self._name)}/{folder}"
        page = self._get(url, SIMPLE_JSON)
        _put(self._keep, f"{where}/index.json", page.body)
        _put(self._keep, f"{where}/index.html", self._get(url, "text/html").body)
        return page.json(url)

    def _file(self, file: Mapping[str, Any]) -> None:
        filename = _plain(file["filename"])
        _put(self._keep, f"dists/{filename}", self._get(file["url"], "*/*").body)
        if file["provenance"] is None:
            return
        answer = self._get(file["provenance"], "application/json")
        _put(self._keep, f"provenance/{_plain(self._name)}/{filename}.json", answer.body)
        for bundle in answer.json(file["provenance"])["attestation_bundles"]:
            for attestation in bundle["attestations"]:
                self._attestation(filename, attestation)

    def _attestation(self, filename: str, value: Mapping[str, Any]) -> None:
        """Keep it as PEP 740 object, and as the Sigstore bundle that other verifiers read."""
        from pypi_attestations import Attestation

        attestation = Attestation.model_validate(value)
        kind = SUFFIXES.get(attestation.statement["predicateType"], PUBLISH)
        short = filename if kind == PUBLISH else f"{filename}.{kind}"
        text = attestation.model_dump_json()
        _put(self._keep, f"attestations/{filename}.{kind}.attestation", text.encode())
        bundle = attestation.to_bundle().to_json()
        _put(self._keep, f"attestations/{short}.sigstore.json", bundle.encode())

    def _get(self, url: str, accept: str) -> loopback.Answer:
        return loopback.call("GET", url, ca=self._ca, headers={"Accept": accept})


def _plain(name: str) -> str:
    """A name that stays in its folder.

    Raises:
        SandboxUnusable: It would not.
    """
    if name in {"", ".", ".."} or any(sign in name for sign in "/\\:\0"):
        raise SandboxUnusable("the sandbox names a file that is none", facts={"name": name})
    return name


def _put(keep: Path, where: str, data: bytes) -> None:
    path = keep / where
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise CannotWrite(
            f"the evidence can't be written: {error.strerror}",
            facts={"path": str(path)},
            hint="Name a folder of yours with --keep.",
        ) from error
