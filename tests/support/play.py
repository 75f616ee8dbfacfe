"""A rehearsal world for one step of a run, and a hand on its faults."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from publisher import rehearsal
from publisher.models import Dist, Identity, Mark, Persona
from publisher.providers.github import GitHub
from publisher.publish.dists import read
from publisher.rehearsal.child import child
from publisher.world import Index, World
from support.sandbox import GITHUB, GITHUB_PUBLISHER, Sandbox

PERSONA = Persona(GITHUB, GITHUB_PUBLISHER)
IDENTITY = Identity(
    provider="github",
    issuer=PERSONA.issuer,
    claims={**GITHUB, "jti": "once", "aud": "pypi"},
    publisher=GITHUB_PUBLISHER,
    register={
        "Owner": "octo-org",
        "Repository name": "widget",
        "Workflow name": "release.yml",
        "Environment name": "",
    },
    compared=GitHub({}, Path()).compared,
)


@contextmanager
def running(
    folder: Path, *, indexes: tuple[str, ...] = ("pypi",), tls: bool = False
) -> Iterator[Sandbox]:
    """A rehearsal in a process of its own."""
    with (
        child(folder, indexes=indexes, env=os.environ, tls=tls) as (url, _),
        requests.Session() as http,
    ):
        http.trust_env = False
        yield Sandbox(url, http)


@contextmanager
def world_of(sandbox: Sandbox, persona: Persona = PERSONA) -> Iterator[World]:
    """The running sandbox as the world that a run publishes into."""
    with rehearsal.open(persona, url=sandbox.control, env={}) as world:
        yield world


def own_sigstore(sandbox: Sandbox, folder: Path) -> list[str]:
    """Options for a real ``attest`` with the sandbox's Sigstore."""
    player = sandbox.persona()
    tokens, trust = folder / "tokens.json", folder / "trust.json"
    tokens.write_text(json.dumps({"sigstore": [player.token("sigstore") for _ in range(2)]}))
    trust.write_text(json.dumps(sandbox.info["trust_config"]))
    return ["--id-token-file", str(tokens), "--trust-config", str(trust)]


def broken(sandbox: Sandbox, service: str, **fault: Any) -> None:
    """Break requests of a service; the fields are those of ``rehearsal.traffic.Fault``."""
    answer = sandbox.post("faults", [{"service": service, **fault}])
    assert answer.status_code == 200, answer.text


def asked(sandbox: Sandbox, service: str, method: str = "POST") -> list[dict[str, Any]]:
    """The requests of this method that a service has got."""
    return [
        line for line in sandbox.log() if (line["service"], line["method"]) == (service, method)
    ]


def index_at(url: str) -> Index:
    """The scriptable server as an index."""
    return Index("pypi", f"{url}/legacy/", f"{url}/simple/", f"{url}/", f"{url}/", "pypi")


def dist(path: Path) -> Dist:
    """A distribution as a run reads it."""
    return read(path, lambda _: None)


class Marks(Mark):
    """What a step said of each file, in order; not that it was begun with."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, object]]] = []

    def __call__(self, dist: Dist, **changes: object) -> None:
        if changes.get("error", "") is None:
            del changes["error"]
        if not str(changes.get("error")).startswith("stopped while"):
            self.said.append((dist.filename, changes))

    def of(self, name: str) -> dict[str, object]:
        """All that was said of a file."""
        merged: dict[str, object] = {}
        for filename, changes in self.said:
            if filename == name:
                merged |= changes
        return merged
