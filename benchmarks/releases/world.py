"""The sandbox that all ways publish into, and the surroundings of a job in it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from publisher.rehearsal.child import child
from publisher.rehearsal.loopback import call

INDEXES = {"ours": "pypi", "incumbent": "first", "uv": "second"}
"""Each way publishes into an index of its own, so that all can send the same bytes."""
SERVICES = ("issuer", "fulcio", "rekor")
GOOD = {200, 201, 202, 404}
"""404 is how an index says that a project is new."""
SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
AUDIENCE = "packages.example"
SHA = "714a629c0b401fdce83e847fc9589983fc6f46bc"
WORKFLOW = "octo-org/widget/.github/workflows/release.yml@refs/tags/v1.0"
PUBLISHER = {
    "kind": "GitHub",
    "repository": "octo-org/widget",
    "workflow": "release.yml",
    "environment": "pypi",
}
CLAIMS = {
    "iss": "https://token.actions.githubusercontent.com",
    "sub": "repo:octo-org/widget:environment:pypi",
    "environment": "pypi",
    "event_name": "push",
    "job_workflow_ref": WORKFLOW,
    "job_workflow_sha": SHA,
    "ref": "refs/tags/v1.0",
    "repository": "octo-org/widget",
    "repository_id": "456789",
    "repository_owner": "octo-org",
    "repository_owner_id": "65432",
    "repository_visibility": "public",
    "run_attempt": "1",
    "run_id": "9876543210",
    "runner_environment": "github-hosted",
    "sha": SHA,
    "workflow": "Release",
    "workflow_ref": WORKFLOW,
    "workflow_sha": SHA,
}


class BenchmarkError(Exception):
    """Somebody did not do what is measured, so there is no number."""


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox; ``urls`` are its indexes' by the way that publishes there."""

    control: str
    folder: Path
    urls: Mapping[str, str]
    ca: str | None

    def ask(self, where: str, body: Mapping[str, Any] | None = None) -> Any:
        """Read or change its state."""
        url = f"{self.control}/{where}"
        return call("GET" if body is None else "POST", url, body=body).json(url)

    def slow(self, latency: Mapping[str, float], bytes_per_second: int | None = None) -> None:
        """Set what each request costs, in ms by service (``index``: all of them), and the pipe."""
        by_service = {name: latency.get(name, 0) for name in SERVICES}
        by_service |= dict.fromkeys(INDEXES.values(), latency.get("index", 0))
        self.ask("settings", {"latency_ms": by_service, "bytes_per_second": bytes_per_second})

    def cpu(self) -> float:
        """CPU seconds that it has taken until now."""
        taken: float = self.ask("stats")["cpu_seconds"]
        return taken

    def job(self) -> dict[str, str]:
        """The environment of a job at GitHub, with no more of ours than PATH."""
        player = self.ask("persona", {"claims": CLAIMS, "publisher": PUBLISHER, "projects": None})
        beside = [str(Path(sys.executable).parent), os.environ["PATH"]]
        env = {
            "PATH": os.pathsep.join(beside),
            "HOME": str(self.folder),
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": player["request_url"],
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": player["request_token"],
        }
        if self.ca:
            path = self.folder / "ca.pem"
            env |= dict.fromkeys(("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"), str(path))
        return env

    @property
    def trust(self) -> Path:
        """The ClientTrustConfig of its Sigstore."""
        return self.folder / "trust.json"

    def check(self, way: str, project: str, files: int) -> None:
        """Make sure that a way did the whole work, and that nothing had to be done twice.

        Raises:
            BenchmarkError: It did not.
        """
        url = f"{self.urls[way]}/simple/{project}/"
        page = call("GET", url, ca=self.ca, headers={"Accept": SIMPLE_JSON})
        listed = page.json(url)["files"] if page.status == 200 else []
        attested = sum(1 for file in listed if file["provenance"])
        if attested != files:
            raise BenchmarkError(f"{way}: {attested} of {files} files arrived with provenance")
        broken = [line for line in self.ask("log") if line["status"] not in GOOD]
        if broken:
            raise BenchmarkError(f"{way}: the sandbox failed or was let down: {broken[0]}")


@contextmanager
def running(folder: Path, *, tls: bool = False) -> Iterator[Sandbox]:
    """A sandbox in a process of its own, with an index for each way."""
    folder.mkdir()
    indexes = [f"{name}@{AUDIENCE}" for name in INDEXES.values()]
    with child(folder, indexes=indexes, env=os.environ, tls=tls) as (control, _):
        said = call("GET", control).json(control)
        urls = {index["name"]: index["url"] for index in said["indexes"]}
        urls = {way: urls[name] for way, name in INDEXES.items()}
        (folder / "trust.json").write_text(json.dumps(said["trust_config"]))
        (folder / "ca.pem").write_text(said["ca"] or "")
        (folder / "claims.json").write_text(json.dumps(CLAIMS))
        yield Sandbox(control, folder, urls, said["ca"])
