from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from sigstore._internal.rekor.client import RekorClient
from sigstore.hashes import Hashed
from sigstore.verify import Verifier, policy
from sigstore_models.common.v1 import HashAlgorithm

from publisher.rehearsal.merkle import node_hash
from support.sandbox import Sandbox, wheel


def _certificate(key: Any) -> str:
    name = x509.Name([])
    from datetime import UTC, datetime, timedelta

    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(hours=1))
    ).sign(key, hashes.SHA256())
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.PEM)).decode()


class Entry:
    """A proposed entry, made without any client."""

    def __init__(self, payload: bytes = b"{}", key: Any = None) -> None:
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        pae = b"DSSEv1 4 type %d %s" % (len(payload), payload)
        self.signature = self.sign(pae)
        self.envelope: dict[str, Any] = {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": "type",
            "signatures": [{"sig": self.signature}],
        }
        self.verifiers = [_certificate(self.key)]

    def sign(self, data: bytes) -> str:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return "AAAA"
        return base64.b64encode(self.key.sign(data, ec.ECDSA(hashes.SHA256()))).decode()

    def proposed(self) -> dict[str, Any]:
        content = {"envelope": json.dumps(self.envelope), "verifiers": self.verifiers}
        return {"kind": "dsse", "apiVersion": "0.0.1", "spec": {"proposedContent": content}}


def _post(sandbox: Sandbox, value: object, where: str = "") -> Any:
    return sandbox.http.post(f"{sandbox.info['rekor']}/api/v1/log/entries{where}", json=value)


def _get(sandbox: Sandbox, where: str) -> Any:
    return sandbox.http.get(f"{sandbox.info['rekor']}/api/v1/log{where}")


def test_an_entry_and_its_double(shared: Sandbox) -> None:
    proposed = Entry().proposed()
    first = _post(shared, proposed)
    assert first.status_code == 201
    ((uuid, entry),) = first.json().items()
    assert first.headers["Location"] == f"/api/v1/log/entries/{uuid}"
    body = json.loads(base64.b64decode(entry["body"]))
    assert sorted(body["spec"]) == ["envelopeHash", "payloadHash", "signatures"]
    envelope = proposed["spec"]["proposedContent"]["envelope"]
    assert body["spec"]["envelopeHash"]["value"] == hashlib.sha256(envelope.encode()).hexdigest()

    again = _post(shared, proposed)
    assert again.status_code == 409
    assert again.json() == {
        "code": 409,
        "message": f"an equivalent entry already exists in the transparency log with UUID {uuid}",
    }
    there = shared.http.get(shared.info["rekor"] + again.headers["Location"]).json()
    assert there[uuid]["body"] == entry["body"]
    assert there[uuid]["integratedTime"] == entry["integratedTime"]


def test_lookups(shared: Sandbox) -> None:
    proposed = Entry(b"lookups").proposed()
    ((uuid, entry),) = _post(shared, proposed).json().items()
    index = entry["logIndex"]
    assert list(_get(shared, f"/entries?logIndex={index}").json()) == [uuid]
    assert list(_get(shared, f"/entries/{uuid[16:]}").json()) == [uuid]
    for asked in ({"entries": [proposed]}, {"entryUUIDs": [uuid]}, {"logIndexes": [index]}):
        (found,) = _post(shared, asked, "/retrieve/").json()
        assert list(found) == [uuid]
    nothing = {"entries": [Entry().proposed()], "entryUUIDs": ["zz"], "logIndexes": [10**6]}
    assert _post(shared, nothing, "/retrieve").json() == []
    assert _post(shared, [], "/retrieve").status_code == 400
    assert _get(shared, "/entries/00ff").status_code == 404
    assert _get(shared, "/entries?logIndex=1000000").status_code == 404
    assert _get(shared, "/entries?logIndex=x").status_code == 404
    assert _get(shared, "/entries").json()["code"] == 404


def test_sigstores_own_client(shared: Sandbox) -> None:
    _post(shared, Entry(b"first").proposed())
    client = RekorClient(shared.info["rekor"])
    before = client.log.get()
    assert before.tree_size >= 1
    ((uuid, entry),) = _post(shared, Entry(b"client").proposed()).json().items()
    found = client.log.entries.get(uuid=uuid)
    assert found._inner.log_index == entry["logIndex"]
    found._verify(shared.trust().trusted_root.rekor_keyring(_purpose()))
    client._session.close()


def _purpose() -> Any:
    from sigstore._internal.trust import KeyringPurpose

    return KeyringPurpose.VERIFY


def test_old_proofs_stay_true(shared: Sandbox) -> None:
    """What RFC 6962 promises: a later tree contains the earlier one."""
    _post(shared, Entry().proposed())
    old = _get(shared, "").json()
    for number in range(3):
        _post(shared, Entry(b"%d" % number).proposed())
    new = _get(shared, "").json()
    sizes = f"firstSize={old['treeSize']}&lastSize={new['treeSize']}"
    proof = _get(shared, f"/proof?{sizes}").json()
    assert proof["rootHash"] == new["rootHash"]
    assert proof["hashes"]
    same = _get(shared, "/proof?firstSize=1&lastSize=2").json()
    first, second = (
        bytes.fromhex(next(iter(_get(shared, f"/entries?logIndex={index}").json()))[16:])
        for index in range(2)
    )
    assert same == {"hashes": [second.hex()], "rootHash": node_hash(first, second).hex()}
    for bad in ("", "?lastSize=x", "?lastSize=1000000", "?firstSize=2&lastSize=1"):
        assert _get(shared, f"/proof{bad}").status_code == 400


def test_public_key(shared: Sandbox) -> None:
    key = serialization.load_pem_public_key(_get(shared, "/publicKey").content)
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (log,) = shared.info["trust_config"]["trustedRoot"]["tlogs"]
    assert log["publicKey"]["rawBytes"] == base64.b64encode(der).decode()
    assert log["logId"]["keyId"] == base64.b64encode(hashlib.sha256(der).digest()).decode()


def _wrong_signature(entry: Entry) -> None:
    entry.envelope["signatures"] = [{"sig": entry.sign(b"something else")}]


def _two_signatures(entry: Entry) -> None:
    entry.envelope["signatures"] *= 2


def _no_verifier(entry: Entry) -> None:
    entry.verifiers = []


def _no_certificate(entry: Entry) -> None:
    entry.verifiers = [base64.b64encode(b"not PEM").decode()]


def _no_base64(entry: Entry) -> None:
    entry.envelope["payload"] = "not base64!"


def _no_type(entry: Entry) -> None:
    del entry.envelope["payloadType"]


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (_wrong_signature, "could not verify signature"),
        (_two_signatures, "ValueError"),
        (_no_verifier, "ValueError"),
        (_no_certificate, "ValueError"),
        (_no_base64, "Error"),
        (_no_type, "KeyError"),
    ],
)
def test_entries_that_do_not_verify(shared: Sandbox, spoil: Any, text: str) -> None:
    entry = Entry()
    spoil(entry)
    answer = _post(shared, entry.proposed())
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("error processing entry: ")
    assert text in answer.json()["message"]


def test_other_kinds_and_keys(shared: Sandbox) -> None:
    proposed = Entry().proposed()
    answer = _post(shared, {**proposed, "kind": "intoto"})
    assert "entry kind 'intoto' is not supported" in answer.json()["message"]
    assert _post(shared, []).status_code == 400
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert "not ECDSA" in _post(shared, Entry(key=rsa_key).proposed()).json()["message"]


def test_hashedrekord(shared: Sandbox, tmp_path: Path) -> None:
    """Not for PEP 740, but what signing a plain file needs."""
    data = wheel(tmp_path).read_bytes()
    bundle = shared.signer(shared.persona()).sign_artifact(data)
    verifier = Verifier(trusted_root=shared.trust().trusted_root)
    verifier.verify_artifact(data, bundle, policy.UnsafeNoOp())
    digest = hashlib.sha256(data).digest()
    hashed = Hashed(algorithm=HashAlgorithm.SHA2_256, digest=digest)
    verifier.verify_artifact(hashed, bundle, policy.UnsafeNoOp())


def test_hashedrekord_by_hand(shared: Sandbox) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    digest = hashlib.sha256(b"data").digest()
    signature = key.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    spec: dict[str, Any] = {
        "data": {"hash": {"algorithm": "sha512", "value": digest.hex()}},
        "signature": {
            "content": base64.b64encode(signature).decode(),
            "publicKey": {"content": _certificate(key)},
        },
    }
    entry = {"kind": "hashedrekord", "apiVersion": "0.0.1", "spec": spec}
    assert "only sha256" in _post(shared, entry).json()["message"]
    spec["data"]["hash"]["algorithm"] = "sha256"
    assert _post(shared, entry).status_code == 201
