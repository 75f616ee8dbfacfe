"""What a run is about to do and has done, on disk before it goes on.

A journal makes a later run faster and tells whoever watches the transparency log which entries
are ours. It is a hint and never the truth: an index decides what it has, and an attestation that
was kept is verified like any other. It holds no secret.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from publisher.files import write_whole
from publisher.models import Attested, Dist, Finding
from publisher.remarks import remark

SCHEMA, RECEIPT = "publisher.journal/1", "publisher.receipt/1"
LONGEST = 1 << 20  # bytes of a line that is read
PUBLISH = ".publish.attestation"


class Journal:
    """The state folder of a project.

    ``journal.jsonl`` has a line before and after each act, ``receipts.jsonl`` one for each
    signature (``publisher.receipt/1``), ``attestations`` what was signed, by trust root and
    digest. Lines are only ever added. Thread-safe.

    Args:
        folder: Made if need be, with a .gitignore of its own; ``None``: nothing is kept.

    Raises:
        OSError: It can't be written.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            if not (folder / ".gitignore").exists():
                write_whole(folder / ".gitignore", b"*\n")
            self._add("journal.jsonl", {})

    @property
    def keeps(self) -> bool:
        """Whether anything is kept at all."""
        return self._folder is not None

    def write(self, event: str, **facts: object) -> None:
        """Add a line; on disk when this returns.

        ``event`` is ``planned``, ``signing``, ``signed``, ``uploading``, ``uploaded``, ``failed``
        or ``arrived``; the first of each pair is written before the act.

        Raises:
            OSError: It can't be written; then the act must not be done.
        """
        self._add("journal.jsonl", {"schema": SCHEMA, "event": event, **facts})

    def _add(self, name: str, line: Mapping[str, object]) -> None:
        if self._folder is None:
            return
        stamped = {**line, "time": datetime.now(UTC).isoformat(timespec="milliseconds")}
        data = f"{json.dumps(stamped)}\n".encode() if line else b""
        with self._lock, (self._folder / name).open("ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def earlier(self) -> Iterator[Mapping[str, object]]:
        """The lines that can be read, oldest first; whatever else is in the file is passed over."""
        return self._lines("journal.jsonl", SCHEMA)

    def _lines(self, name: str, schema: str) -> Iterator[Mapping[str, object]]:
        if self._folder is None:
            return
        try:
            with (self._folder / name).open("rb") as file:
                while data := file.readline(LONGEST):
                    try:
                        line = json.loads(data)
                    except (ValueError, RecursionError):
                        continue
                    if isinstance(line, dict) and line.get("schema") == schema:
                        yield line
        except OSError:
            return

    def uploaded(self, index_url: str, dists: Iterable[Dist]) -> tuple[int, int]:
        """Of how many of these files an earlier run says that it sent them there, or began to."""
        ours = {(dist.filename, dist.sha256) for dist in dists}
        seen: dict[str, set[tuple[object, object]]] = {"uploading": set(), "uploaded": set()}
        for line in self.earlier():
            event = line.get("event")
            if isinstance(event, str) and event in seen and line.get("index") == index_url:
                key = (line.get("file"), line.get("sha256"))
                if all(isinstance(part, str) for part in key):
                    seen[event].add(key)
        done = seen["uploaded"] & ours
        return len(done), len((seen["uploading"] & ours) - done)

    # Signatures

    def place(self, root: str, dist: Dist) -> Path | None:
        """Where the publish attestation of a file is kept, made under the trust root ``root``."""
        if self._folder is None:
            return None
        return self._folder / "attestations" / root[:16] / dist.sha256 / f"{dist.filename}{PUBLISH}"

    def keep(self, root: str, dist: Dist, text: str) -> None:
        """Keep an attestation for a later run. Raises ``OSError``."""
        if place := self.place(root, dist):
            write_whole(place, text.encode())

    def receipts(self, made: Iterable[Attested], root: str) -> None:
        """Add a receipt for each signature that has none yet; ``root`` says whose log it is in.

        Raises:
            OSError: It can't be written.
        """
        known = {line.get("log_index") for line in self._lines("receipts.jsonl", RECEIPT)}
        for one in made:
            if one.log_index in known:
                continue
            certificate = one.certificate
            self._add(
                "receipts.jsonl",
                {
                    "schema": RECEIPT,
                    "file": one.dist.filename,
                    "sha256": one.dist.sha256,
                    **hashes(one.json),
                    "certificate_serial": certificate.serial,
                    "identity": certificate.san,
                    "run": certificate.claims.get("run_invocation_uri"),
                    "root": root,
                    "log_index": one.log_index,
                    "integrated_time": one.integrated_time,
                },
            )


def opened(folder: Path | None) -> tuple[Journal, Finding | None]:
    """The journal in a folder; a place that can't be written is no reason not to publish."""
    try:
        return Journal(folder), None
    except OSError as error:
        what = f"nothing can be written to {folder} ({error.strerror}), so no journal is kept"
        hint = "Another run finds what is missing from the index alone. --state names a place."
        return Journal(None), remark("no-journal", what, hint=hint)


def hashes(attestation: str) -> dict[str, str]:
    """Of a PEP 740 attestation: SHA-256 of its statement, and of what was signed (DSSE's PAE)."""
    statement = base64.b64decode(json.loads(attestation)["envelope"]["statement"])
    return statement_hashes(statement)


def statement_hashes(statement: bytes) -> dict[str, str]:
    """SHA-256, in hex, of an in-toto statement, and of its pre-authentication encoding (DSSE)."""
    kind = b"application/vnd.in-toto+json"
    pae = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(statement), statement)
    return {
        "statement_sha256": hashlib.sha256(statement).hexdigest(),
        "pae_sha256": hashlib.sha256(pae).hexdigest(),
    }
