"""The transparency log: Rekor's v1 API (openapi.yaml) over a real Merkle tree.

PEP 740 objects have no room for RFC 3161 timestamps, so attestations need what only v1 entries
have: an integrated time under a signed promise (the SET).
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Mapping
from typing import Any

import rfc8785
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from publisher.rehearsal.clock import Seconds
from publisher.rehearsal.merkle import MerkleTree, leaf_hash
from publisher.rehearsal.messages import Reply, ReplyError, Request, Route, json_reply
from publisher.rehearsal.server import HOST
from publisher.rehearsal.trust import Key, key_id, sign, spki

# As of the public instance, its host: sigstore-js looks for a log with this name in its URL.
ORIGIN = HOST
TREE_ID = 8_050_909_264_565_447_525
ENTRIES = "/api/v1/log/entries"


class Rekor:
    """A log that verifies what it records and proves that it recorded it."""

    def __init__(self, key: Key, clock: Seconds = time.time) -> None:
        self._key = key
        self._clock = clock
        self._tree = MerkleTree()
        self._entries: list[tuple[bytes, int]] = []
        self._by_leaf: dict[bytes, int] = {}
        self._lock = threading.Lock()

    def routes(self) -> list[Route]:
        """Log info, the key, and entries."""
        return [
            Route("POST", ENTRIES, self._create),
            Route("GET", ENTRIES, self._by_index),
            Route("GET", ENTRIES + "/([0-9a-f]+)", self._by_uuid),
            Route("POST", ENTRIES + "/retrieve/?", self._retrieve),
            Route("GET", "/api/v1/log", self._info),
            Route("GET", "/api/v1/log/proof", self._proof),
            Route("GET", "/api/v1/log/publicKey", self._public_key),
        ]

    def _create(self, request: Request) -> Reply:
        body = canonical_entry(request.json())
        with self._lock:
            index = self._by_leaf.get(leaf_hash(body))
            if index is not None:
                uuid = self._uuid(index)
                text = "an equivalent entry already exists in the transparency log with UUID "
                error = {"code": 409, "message": text + uuid}
                return json_reply(409, error, ("Location", f"{ENTRIES}/{uuid}"))
            index = self._tree.append(body)
            self._by_leaf[leaf_hash(body)] = index
            self._entries.append((body, int(self._clock())))
            entry = self._entry(index)
        return json_reply(201, entry, ("Location", f"{ENTRIES}/{next(iter(entry))}"))

    def _by_index(self, request: Request) -> Reply:
        text = request.query.get("logIndex", "")
        with self._lock:
            if not text.isdecimal() or int(text) >= len(self._entries):
                raise _refused(404, "requested log index not found")
            return json_reply(200, self._entry(int(text)))

    def _by_uuid(self, request: Request) -> Reply:
        with self._lock:
            index = self._find(request.args[0])
            if index is None:
                raise _refused(404, "requested entry not found")
            return json_reply(200, self._entry(index))

    def _retrieve(self, request: Request) -> Reply:
        asked = request.json()
        if not isinstance(asked, dict):
            raise _refused(400, "error processing entry: not an object")
        leaves = [leaf_hash(canonical_entry(entry)) for entry in asked.get("entries") or []]
        with self._lock:
            found = [self._by_leaf.get(leaf) for leaf in leaves]
            found += [self._find(str(uuid)) for uuid in asked.get("entryUUIDs") or []]
            found += [i for i in asked.get("logIndexes") or [] if i in range(len(self._entries))]
            return json_reply(200, [self._entry(index) for index in found if index is not None])

    def _info(self, _request: Request) -> Reply:
        with self._lock:
            info = {
                "rootHash": self._tree.root().hex(),
                "treeSize": len(self._tree),
                "signedTreeHead": self._checkpoint(),
                "treeID": str(TREE_ID),
                "inactiveShards": [],
            }
        return json_reply(200, info)

    def _proof(self, request: Request) -> Reply:
        first, last = request.query.get("firstSize", "1"), request.query.get("lastSize", "")
        with self._lock:
            if not (first.isdecimal() and last.isdecimal()):
                raise _refused(400, "firstSize and lastSize are numbers")
            if not 0 < int(first) <= int(last) <= len(self._tree):
                raise _refused(400, "firstSize and lastSize must be in the log, in this order")
            proof = [node.hex() for node in self._tree.consistency(int(first), int(last))]
            root = self._tree.root(int(last)).hex()
        return json_reply(200, {"hashes": proof, "rootHash": root})

    def _public_key(self, _request: Request) -> Reply:
        text = base64.encodebytes(spki(self._key)).decode()
        body = f"-----BEGIN PUBLIC KEY-----\n{text}-----END PUBLIC KEY-----\n"
        return Reply(200, body.encode(), "application/x-pem-file")

    def _uuid(self, index: int) -> str:
        return f"{TREE_ID:016x}{self._tree.leaf(index).hex()}"

    def _find(self, uuid: str) -> int | None:
        """An entry by its UUID, with or without the tree's id before the leaf hash."""
        try:
            return self._by_leaf.get(bytes.fromhex(uuid[-64:]))
        except ValueError:
            return None

    def _entry(self, index: int) -> dict[str, Any]:
        body, integrated_time = self._entries[index]
        entry: dict[str, Any] = {
            "body": base64.b64encode(body).decode(),
            "integratedTime": integrated_time,
            "logID": key_id(self._key).hex(),
            "logIndex": index,
        }
        promise = sign(self._key, rfc8785.dumps(entry))
        entry["verification"] = {
            "inclusionProof": {
                "checkpoint": self._checkpoint(),
                "hashes": [node.hex() for node in self._tree.inclusion(index)],
                "logIndex": index,
                "rootHash": self._tree.root().hex(),
                "treeSize": len(self._tree),
            },
            "signedEntryTimestamp": base64.b64encode(promise).decode(),
        }
        return {self._uuid(index): entry}

    def _checkpoint(self) -> str:
        """The tree head as a signed note; v1 hints at the key by the hash of its SPKI alone."""
        root = base64.b64encode(self._tree.root()).decode()
        note = f"{ORIGIN} - {TREE_ID}\n{len(self._tree)}\n{root}\n"
        signature = key_id(self._key)[:4] + sign(self._key, note.encode())
        return f"{note}\n\N{EM DASH} {ORIGIN} {base64.b64encode(signature).decode()}\n"


def _refused(status: int, message: str) -> ReplyError:
    return ReplyError(json_reply(status, {"code": status, "message": message}))


def canonical_entry(proposed: Any) -> bytes:
    """What the log records of a proposed entry, in canonical JSON (RFC 8785).

    Raises:
        ReplyError: 400 for an unknown type, a malformed entry or a signature that is none.
    """
    try:
        kind = proposed["kind"], proposed["apiVersion"]
        if kind not in _TYPES:
            raise _refused(400, f"error processing entry: entry kind '{kind[0]}' is not supported")
        spec = _TYPES[kind](proposed["spec"])
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise _refused(400, f"error processing entry: {type(error).__name__}: {error}") from error
    except InvalidSignature as error:
        raise _refused(400, "error processing entry: could not verify signature") from error
    return rfc8785.dumps({"apiVersion": kind[1], "kind": kind[0], "spec": spec})


def _dsse(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Dsse 0.0.1: an envelope (DSSE v1) whose one signature verifies with the one verifier."""
    text = spec["proposedContent"]["envelope"]
    (verifier,) = spec["proposedContent"]["verifiers"]
    envelope = json.loads(text)
    payload = base64.b64decode(envelope["payload"], validate=True)
    (signature,) = (item["sig"] for item in envelope["signatures"])
    kind = envelope["payloadType"].encode()
    pae = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    _public_key(verifier).verify(
        base64.b64decode(signature, validate=True), pae, ec.ECDSA(hashes.SHA256())
    )
    return {
        "envelopeHash": _sha256(text.encode()),
        "payloadHash": _sha256(payload),
        "signatures": [{"signature": signature, "verifier": verifier}],
    }


def _hashedrekord(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Hashedrekord 0.0.1: a signature over a SHA-256 digest."""
    digest, signature = spec["data"]["hash"], spec["signature"]
    if digest["algorithm"] != "sha256":
        raise ValueError("only sha256 is supported")
    verifier = signature["publicKey"]["content"]
    _public_key(verifier).verify(
        base64.b64decode(signature["content"], validate=True),
        bytes.fromhex(digest["value"]),
        ec.ECDSA(utils.Prehashed(hashes.SHA256())),
    )
    return {
        "data": {"hash": {"algorithm": "sha256", "value": digest["value"]}},
        "signature": {"content": signature["content"], "publicKey": {"content": verifier}},
    }


_TYPES = {("dsse", "0.0.1"): _dsse, ("hashedrekord", "0.0.1"): _hashedrekord}


def _public_key(verifier: str) -> ec.EllipticCurvePublicKey:
    key = x509.load_pem_x509_certificate(base64.b64decode(verifier, validate=True)).public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ValueError("the verifier's key is not ECDSA")
    return key


def _sha256(data: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}
