"""What became of a release, by the index's and the log's own state: not by what a run said."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cryptography import x509

from faults.matrix import TRAP, Case
from faults.play import Ended, Play
from publisher import errors
from publisher.verify.core import Verifier, trust
from support.sandbox import GITHUB_PUBLISHER, Sandbox

CODES = {
    cls.exit_code
    for cls in vars(errors).values()
    if isinstance(cls, type) and issubclass(cls, errors.PublisherError) and "exit_code" in dir(cls)
} - {errors.InternalError.exit_code}
KILLED = -9


@dataclass(frozen=True)
class Before:
    """How much there was when a case began; the sandbox has seen others."""

    log: int
    entries: int
    secrets: dict[str, int]

    @classmethod
    def of(cls, sandbox: Sandbox) -> Before:
        """Count."""
        secrets = {kind: len(them) for kind, them in _get(sandbox, "secrets").items()}
        return cls(len(sandbox.log()), _entries(sandbox), secrets)


def _get(sandbox: Sandbox, what: str) -> Any:
    return sandbox.http.get(f"{sandbox.control}/{what}").json()


def _entries(sandbox: Sandbox) -> int:
    return int(sandbox.http.get(f"{sandbox.info['rekor']}/api/v1/log").json()["treeSize"])


class Judge:
    """Looks at what a case has left."""

    def __init__(self, here: Play, files: Sequence[Path], before: Before) -> None:
        self.here, self.sandbox, self.files, self.before = here, here.sandbox, files, before

    def problems(self, case: Case, runs: Sequence[Ended]) -> Iterator[str]:
        """Everything that is not as it must be; ``runs`` are the disturbed ones and the last."""
        log = self.sandbox.log()[self.before.log :]
        yield from self._ends(case, runs)
        yield from self._index()
        yield from self._sent(case, log)
        yield from self._announced()
        yield from self._tokens(case, runs, log)
        yield from self._spilled()
        if any(line["path"].startswith(TRAP) for line in log):
            yield "a redirect was followed"

    def _ends(self, case: Case, runs: Sequence[Ended]) -> Iterator[str]:
        *disturbed, last = runs
        if last.code != 0:
            yield f"the last run ended with {last.code}"
        for scene, run in zip(case.rounds, disturbed, strict=True):
            wanted = {KILLED} if scene.kill else CODES if not case.goes_on else set()
            if run.code not in wanted and (scene.kill or run.code != 0):
                yield f"a disturbed run ended with {run.code}"
        for run in runs:
            if "Traceback" in run.output or "internal-error" in run.output:
                yield "a run did not understand its own error"

    def _index(self) -> Iterator[str]:
        """Every file is there once, with its bytes and a provenance that verifies."""
        listed = self.sandbox.listing(self.here.name).json()["files"]
        if sorted(file["filename"] for file in listed) != sorted(f.name for f in self.files):
            yield f"the index lists {[file['filename'] for file in listed]}"
            return
        digests = {file["filename"]: file["hashes"]["sha256"] for file in listed}
        verifier = Verifier(trust(json.dumps(self.sandbox.info["trust_config"])))
        for path in self.files:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            if digests[path.name] != digest:
                yield f"{path.name} has other bytes on the index"
            url = f"{self.sandbox.index}/integrity/{self.here.name}/1.0/{path.name}/provenance"
            answer = self.sandbox.http.get(url)
            if answer.status_code != 200:
                yield f"{path.name} is not attested"
            else:
                verifier.provenance(answer.json(), path.name, digest, GITHUB_PUBLISHER)

    def _sent(self, case: Case, log: Sequence[Any]) -> Iterator[str]:
        """Each file was taken once, also where the run never learned of it."""
        files = [line for line in log if (line["method"], line["path"]) == ("POST", "/legacy/")]
        taken = sum(line.get("done", line["status"]) == 200 for line in files)
        if taken != len(self.files) and not (case.twice and taken > len(self.files)):
            yield f"{taken} uploads were taken, of {len(self.files)} files"

    def _announced(self) -> Iterator[str]:
        """The journal knew of each log entry before the log did."""
        journal = (self.here.left / "state" / "journal.jsonl").read_text().splitlines()
        lines = [json.loads(line) for line in journal]
        known = {
            (line["statement_sha256"], line["certificate_serial"])
            for line in lines
            if line["event"] == "signing"
        }
        for number in range(self.before.entries, _entries(self.sandbox)):
            url = f"{self.sandbox.info['rekor']}/api/v1/log/entries?logIndex={number}"
            ((_, entry),) = self.sandbox.http.get(url).json().items()
            spec = json.loads(base64.b64decode(entry["body"]))["spec"]
            pem = base64.b64decode(spec["signatures"][0]["verifier"])
            serial = f"{x509.load_pem_x509_certificate(pem).serial_number:x}"
            if (spec["payloadHash"]["value"], serial) not in known:
                yield f"log entry {number} was never announced"

    def _tokens(self, case: Case, runs: Sequence[Ended], log: Sequence[Any]) -> Iterator[str]:
        """No upload token is left, but where nobody could know of it, or give it back."""
        alive = len(_get(self.sandbox, "secrets")["alive"]) - self.before.secrets["alive"]
        excuses = sum(run.code == KILLED for run in runs)
        for line in log:
            path, kept = line["path"].rpartition("/")[2], line.get("fault")
            lost = path == "mint-token" and kept != "label" and line.get("done") == 200
            unburned = path == "burn-token" and kept and line["done"] != 202
            excuses += bool(lost or unburned)
        faults = [fault for scene in case.rounds for fault in scene.faults]
        gone = any(fault.get("kind") in {"refuse", "expire"} for fault in faults)
        if alive > excuses + gone:
            yield f"{alive} upload tokens are alive"

    def _spilled(self) -> Iterator[str]:
        """No secret is in anything that a run wrote or printed."""
        spelt = {form for secret in self._secrets() for form in spellings(secret)}
        for path in self.here.left.rglob("*"):
            if path.is_file():
                data = path.read_text("utf-8", "surrogateescape")
                if any(form in data for form in spelt):
                    yield f"there is a secret in {path.name}"

    def _secrets(self) -> Iterator[str]:
        for kind, them in _get(self.sandbox, "secrets").items():
            if kind != "alive":
                yield from them[self.before.secrets[kind] :]


def spellings(secret: str) -> Iterator[str]:
    """How a secret could look: plain, its parts (JWT), as a login, in base64, URLs and JSON."""
    login = f"__token__:{secret}"
    yield from (secret, quote(secret, safe=""), json.dumps(secret)[1:-1])
    for text in (secret, login):
        yield base64.b64encode(text.encode()).decode()
        yield base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    if secret.count(".") == 2:
        yield from secret.split(".")[1:]  # the first part, the header, is no secret
