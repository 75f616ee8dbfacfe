"""Verifiers of others believe a rehearsal's evidence, and nothing that was changed in it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from interop.conftest import Kept, program, run
from support.sandbox import PUBLISH, SLSA, WORKFLOW

IDENTITY = f"https://github.com/{WORKFLOW}"
KINDS = {PUBLISH: "", SLSA: ".slsa"}
# Majors that run on Node.js 20.
PACKAGES = ("@sigstore/verify@^3.1.1", "@sigstore/bundle@^4.0.0", "@sigstore/protobuf-specs@^0.5.2")
SCRIPT = """
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { bundleFromJSON } from '@sigstore/bundle'
import { TrustedRoot } from '@sigstore/protobuf-specs'
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify'
const [rootFile, bundleFile, file, identity] = process.argv.slice(2)
const json = (name) => JSON.parse(readFileSync(name, 'utf8'))
const bundle = bundleFromJSON(json(bundleFile))
const trust = toTrustMaterial(TrustedRoot.fromJSON(json(rootFile)))
const escaped = identity.replace(/[.*+?^${}()|[\\]\\\\]/g, '\\\\$&')
new Verifier(trust).verify(toSignedEntity(bundle), {
  subjectAlternativeName: `^${escaped}$`,
  extensions: { issuer: 'https://token.actions.githubusercontent.com' },
})
const statement = JSON.parse(bundle.content.dsseEnvelope.payload.toString())
const digest = createHash('sha256').update(readFileSync(file)).digest('hex')
if (statement.subject[0].digest.sha256 !== digest) throw new Error('another file')
console.log(statement.predicateType)
"""


def _flipped(path: Path, folder: Path) -> Path:
    """A copy with one bit changed in its middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    folder.mkdir()
    copy = folder / path.name
    copy.write_bytes(data)
    return copy


@pytest.mark.skipif(sys.platform != "linux", reason="XDG_CACHE_HOME is Linux's")
def test_pypi_attestations(kept: Kept, tmp_path: Path) -> None:
    """Its only way to another trust root is Sigstore's cache."""
    from sigstore._internal.tuf import DEFAULT_TUF_URL

    cache = tmp_path / "cache" / "sigstore-python" / "tuf" / quote(DEFAULT_TUF_URL, safe="")
    cache.mkdir(parents=True)
    shutil.copy(kept.folder / "trusted_root.json", cache)
    good = tmp_path / "good" / kept.wheel.name
    good.parent.mkdir()
    shutil.copy(kept.wheel, good)
    changed = _flipped(kept.wheel, tmp_path / "changed")
    for kind in ("publish", "slsa"):
        for path in (good, changed):
            beside = kept.folder / "attestations" / f"{path.name}.{kind}.attestation"
            shutil.copy(beside, path.parent / beside.name)
    command = [program("pypi-attestations"), "verify", "attestation", "--offline", "--identity"]
    for path, identity, code in (
        (good, IDENTITY, 0),
        (changed, IDENTITY, 1),
        (good, IDENTITY.replace("release", "other"), 1),
    ):
        xdg = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "XDG_DATA_HOME": str(tmp_path / "data")}
        done = run([*command, identity, str(path)], tmp_path, **xdg)
        assert done.returncode == code, done.stderr


@pytest.mark.online
def test_sigstore_js(kept: Kept, tmp_path: Path) -> None:
    """A third implementation of everything, beside sigstore-python and sigstore-go."""
    node, npm = program("node"), program("npm")
    (tmp_path / "package.json").write_text('{"private": true}')
    done = run([npm, "install", "--no-audit", "--no-fund", *PACKAGES], tmp_path)
    if done.returncode:
        pytest.skip(f"the registry does not give @sigstore/verify: {done.stderr[-300:]}")
    script = tmp_path / "verify.mjs"
    script.write_text(SCRIPT)
    root = str(kept.folder / "trusted_root.json")

    def verify(bundle: Path, file: Path, identity: str = IDENTITY) -> tuple[int, str]:
        done = run([node, str(script), root, str(bundle), str(file), identity], tmp_path)
        return done.returncode, done.stdout.strip() or done.stderr

    bundles = kept.folder / "attestations"
    for predicate, kind in KINDS.items():
        bundle = bundles / f"{kept.wheel.name}{kind}.sigstore.json"
        assert verify(bundle, kept.wheel) == (0, predicate)
        assert verify(bundle, kept.wheel, f"{IDENTITY}.1")[0] == 1
        assert verify(bundle, _flipped(kept.wheel, tmp_path / f"file{kind}"))[0] == 1
        for place, spoil in SPOILT.items():
            spoilt = tmp_path / f"{place}{kind}.json"
            spoilt.write_text(json.dumps(spoil(json.loads(bundle.read_text()))))
            assert verify(spoilt, kept.wheel)[0] == 1, place


def _swapped(*where: str | int) -> Callable[[dict[str, object]], dict[str, object]]:
    """Change one character of some base64."""

    def spoil(bundle: dict[str, object]) -> dict[str, object]:
        value: object = bundle
        for step in where[:-1]:
            value = value[step]  # type: ignore[index]  # JSON, as deep as the path
        text = value[where[-1]]  # type: ignore[index]  # as above
        middle = len(text) // 2
        changed = "A" if text[middle] != "A" else "B"
        value[where[-1]] = text[:middle] + changed + text[middle + 1 :]  # type: ignore[index]  # as above
        return bundle

    return spoil


ENTRY = ("verificationMaterial", "tlogEntries", 0)
SPOILT = {
    "payload": _swapped("dsseEnvelope", "payload"),
    "signature": _swapped("dsseEnvelope", "signatures", 0, "sig"),
    "certificate": _swapped("verificationMaterial", "certificate", "rawBytes"),
    "promise": _swapped(*ENTRY, "inclusionPromise", "signedEntryTimestamp"),
    "checkpoint": _swapped(*ENTRY, "inclusionProof", "checkpoint", "envelope"),
    "body": _swapped(*ENTRY, "canonicalizedBody"),
}
