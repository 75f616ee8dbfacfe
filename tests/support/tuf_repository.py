"""A small TUF repository on a web server: whatever it publishes, it signs."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from publisher.verify.roots import Repository
from support.web import Say, Web

DAY = timedelta(days=1)


class TufRepository:
    """Root, timestamp, snapshot and targets, each with a key; and the targets' files.

    ``publish`` makes a new version of all but the root and shows it; ``rotate`` makes a new root.
    """

    def __init__(self, web: Web, targets: dict[str, bytes], *, lasts: timedelta = DAY) -> None:
        self.web, self.lasts = web, lasts
        self.keys = {name: CryptoSigner.generate_ed25519() for name in Root().roles}
        self.root = Root(expires=self.end(), consistent_snapshot=True)
        for role, key in self.keys.items():
            self.root.add_key(key.public_key, role)
        self.version = 0
        self.files: dict[str, bytes] = {}
        self._show_root([self.keys["root"]])
        self.publish(targets)

    def end(self) -> datetime:
        return (datetime.now(UTC) + self.lasts).replace(microsecond=0)

    def at(self, folder: Path) -> Repository:
        """As a client knows it: by its URL and its first root."""
        folder.mkdir(exist_ok=True)
        first = folder / "first-root.json"
        first.write_bytes(self.files["/1.root.json"])
        return Repository(self.web.url, first)

    def publish(self, targets: dict[str, bytes], /, **signers: CryptoSigner) -> None:
        """A new version of timestamp, snapshot and targets; ``signers`` sign instead of a role."""
        self.version += 1
        ends: Any = {"version": self.version, "expires": self.end()}
        files = {name: TargetFile.from_data(name, data) for name, data in targets.items()}
        for name, data in targets.items():
            (digest,) = files[name].hashes.values()
            self._show(f"/targets/{digest}.{name}", data)
        listed = {"targets.json": MetaFile(self.version)}
        signed = {
            f"/{self.version}.targets.json": Targets(targets=files, **ends),
            f"/{self.version}.snapshot.json": Snapshot(meta=listed, **ends),
            "/timestamp.json": Timestamp(snapshot_meta=MetaFile(self.version), **ends),
        }
        for path, content in signed.items():
            self._show(path, self.sealed(content, signers.get(content.type)))

    def sealed(self, content: Any, signer: CryptoSigner | None = None) -> bytes:
        """Signed by its role's key, or by another one."""
        made = Metadata(copy.deepcopy(content))
        made.sign(signer or self.keys[content.type])
        return made.to_bytes()

    def rotate(self, role: str, *, signed_by: list[CryptoSigner] | None = None) -> None:
        """A new root, in which ``role`` has another key; old and new root key sign it."""
        before = self.keys["root"]
        old = self.keys[role]
        self.keys[role] = CryptoSigner.generate_ed25519()
        self.root.revoke_key(old.public_key.keyid, role)
        self.root.add_key(self.keys[role].public_key, role)
        self.root.version += 1
        self.root.expires = self.end()
        self._show_root([before, self.keys["root"]] if signed_by is None else signed_by)

    def _show_root(self, signers: list[CryptoSigner]) -> None:
        made = Metadata(copy.deepcopy(self.root))
        for signer in signers:
            made.sign(signer, append=True)
        self._show(f"/{self.root.version}.root.json", made.to_bytes())

    def _show(self, path: str, data: bytes) -> None:
        self.files[path] = data
        self.web.on(path, Say(body=data))

    def show_again(self, files: dict[str, bytes]) -> None:
        """Show what was shown before: a rollback."""
        for path, data in files.items():
            self._show(path, data)
