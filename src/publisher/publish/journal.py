"""What a run is about to do and has done, on disk before it goes on.

A journal makes a later run faster and tells whoever watches the transparency log which entries
are ours. It is a hint and never the truth: an index decides what it has, and an attestation that
was kept is verified like any other. It holds no secret.

Its folder may lie in a checkout, and so hold what a stranger committed: no link is followed, only
so much is read, and a line that is none is passed over.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from errno import EINVAL, ELOOP, ENOSPC
from pathlib import Path
from typing import IO

from publisher.files import sync, write_whole, writing
from publisher.models import Attested, Dist, Finding
from publisher.remarks import remark

SCHEMA, RECEIPT = "publisher.journal/1", "publisher.receipt/1"
JOURNAL, RECEIPTS = "journal.jsonl", "receipts.jsonl"
LONGEST = 1 << 20  # bytes of a line that is read
RECENT = 16 << 20  # bytes of a file that are read, the last ones: some 50,000 lines
PUBLISH = ".publish.attestation"
# They let no link be followed and no pipe hang; Windows lacks the first two, others the last.
CAREFULLY = ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY")


class Journal:
    """The state folder of a project.

    ``journal.jsonl`` has a line before and after each act, ``receipts.jsonl`` one for each
    signature (``publisher.receipt/1``), ``attestations`` what was signed, by trust root. Lines are
    only ever added, and each at once: two runs can share a folder. Thread-safe.

    Args:
        folder: Made if need be, with a .gitignore of its own; ``None``: nothing is kept.

    Raises:
        OSError: It can't be written, or is a link.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        if folder:
            _make(folder)
            self._append(JOURNAL)

    def write(self, event: str, **facts: object) -> None:
        """Add a line; on disk when this returns.

        ``event`` is ``planned``, ``signing``, ``uploading``, ``uploaded``, ``failed`` or
        ``arrived``; what ends in -ing is written before the act.

        Raises:
            OSError: It can't be written.
        """
        self._append(JOURNAL, {"schema": SCHEMA, "event": event, **facts})

    def announce(self, **facts: object) -> None:
        """Write ``signing``, without which nothing may be signed.

        Raises:
            CannotWrite: Neither can this be written.
        """
        hint = "Nothing was uploaded. Make room, or name another place: --state DIR."
        problem = "nothing is signed that can't be announced in the journal first"
        with writing(self.folder or Path(), problem, hint):
            self.write("signing", **facts)

    def _append(self, name: str, *lines: Mapping[str, object]) -> None:
        if self.folder is None:
            return
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        data = "".join(f"{json.dumps({**line, 'time': time})}\n" for line in lines).encode()
        handle = self._open(name, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        try:
            with self._lock:
                new = _add(handle, data)
            os.fsync(handle)  # outside the lock: the system does many of them at once
        finally:
            os.close(handle)
        if new:
            sync(self.folder)

    def _open(self, name: str, flags: int) -> int:
        """A regular file of the folder itself. Raises ``OSError``."""
        path = (self.folder or Path()) / name
        _refuse_link(path)
        flags |= sum(getattr(os, name, 0) for name in CAREFULLY)
        handle = os.open(path, flags, 0o600)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise OSError(EINVAL, f"{name} is no file")
        return handle

    def earlier(self) -> Iterator[Mapping[str, object]]:
        """The lines that can be read, oldest first; whatever else is in the file is passed over."""
        return self._lines(JOURNAL, SCHEMA)

    def _lines(self, name: str, schema: str) -> Iterator[Mapping[str, object]]:
        if self.folder is None:
            return
        with suppress(OSError), os.fdopen(self._open(name, os.O_RDONLY), "rb") as file:
            for data in _whole_lines(file):
                with suppress(ValueError, RecursionError):
                    line = json.loads(data)
                    if isinstance(line, dict) and line.get("schema") == schema:
                        yield line

    def uploaded(self, index_url: str, dists: Iterable[Dist]) -> tuple[int, int]:
        """Of how many of these files an earlier run says that it sent them there, or began to."""
        last: dict[tuple[str, str], object] = dict.fromkeys((d.filename, d.sha256) for d in dists)
        for line in self.earlier():
            key = str(line.get("file")), str(line.get("sha256"))
            upload = line.get("event") in ("uploading", "uploaded", "failed")
            if upload and line.get("index") == index_url and key in last:
                last[key] = line["event"]
        events = list(last.values())
        return events.count("uploaded"), events.count("uploading")

    # Signatures

    def place(self, root: str, dist: Dist) -> Path | None:
        """Where the publish attestation of a file is kept, made under the trust root ``root``.

        ``None``: nowhere.
        """
        if self.folder is None:
            return None
        kept = self.folder / "attestations"
        linked = any(part.is_symlink() for part in (self.folder, kept, kept / root[:16]))
        return None if linked else kept / root[:16] / f"{dist.filename}{PUBLISH}"

    def keep(self, root: str, dist: Dist, text: str) -> None:
        """Keep an attestation for a later run; on disk when this returns. Raises ``OSError``."""
        if place := self.place(root, dist):
            _refuse_link(place)
            write_whole(place, text.encode(), lasting=True)

    def receipts(self, made: Iterable[Attested], root: str) -> None:
        """Add a receipt for each signature that has none yet; ``root`` says whose log it is in.

        Raises:
            OSError: It can't be written.
        """
        known = {_entry(line) for line in self._lines(RECEIPTS, RECEIPT)}
        lines = [line for one in made if _entry(line := receipt(one, root)) not in known]
        if lines:
            self._append(RECEIPTS, *lines)


def receipt(one: Attested, root: str) -> dict[str, object]:
    """A signature as whoever watches the log can know it."""
    certificate = one.certificate
    return {
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
    }


def _entry(line: Mapping[str, object]) -> tuple[str, ...]:
    """Which log entry a receipt is about; another log counts from 0, too."""
    return tuple(str(line.get(name)) for name in ("root", "log_index", "certificate_serial"))


def opened(folder: Path | None) -> tuple[Journal, Finding | None]:
    """The journal in a folder; a place that can't be written is no reason not to publish."""
    try:
        return Journal(folder), None
    except OSError as error:
        return Journal(None), missing(folder, error)


def missing(folder: Path | None, error: OSError) -> Finding:
    """The remark that a journal is not kept, or not all of it."""
    return remark(
        "no-journal",
        f"the journal in {folder} can't be written ({error.strerror}); the run goes on without it",
        hint="Another run finds what is missing from the index alone. --state names a place.",
    )


def _make(folder: Path) -> None:
    _refuse_link(folder)
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync(folder.parent)
    if not any(folder.iterdir()):  # in a folder of somebody's own it would hide their files
        write_whole(folder / ".gitignore", b"*\n")


def _refuse_link(path: Path) -> None:
    if path.is_symlink():
        raise OSError(ELOOP, f"{path.name} is a link, which may lead anywhere")


def _add(handle: int, data: bytes) -> bool:
    """Append, on a line of its own even if a crash cut the one before; whether the file is new."""
    size = os.lseek(handle, 0, os.SEEK_END)
    if size:
        os.lseek(handle, size - 1, os.SEEK_SET)
        if os.read(handle, 1) != b"\n":
            data = b"\n" + data
    if os.write(handle, data) < len(data):
        raise OSError(ENOSPC, "the disk is full")
    return size == 0


def _whole_lines(file: IO[bytes]) -> Iterator[bytes]:
    """The last lines of a file; what is too long, or was cut off, is left out."""
    start = max(0, file.seek(0, os.SEEK_END) - RECENT)
    file.seek(start)
    within = start > 0
    while data := file.readline(LONGEST):
        ends = data.endswith(b"\n")
        if ends and not within:
            yield data
        within = not ends


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
