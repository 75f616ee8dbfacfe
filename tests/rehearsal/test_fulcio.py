from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from sigstore._internal.fulcio.client import FulcioClient

from publisher.rehearsal.ctlog import der
from support.sandbox import GITHUB, SHA, WORKFLOW, Player, Sandbox

PREFIX = "1.3.6.1.4.1.57264.1."
GITHUB_URL = "https://github.com/octo-org/widget"
EXPECTED: dict[str, dict[int, str]] = {
    "github": {
        1: GITHUB["iss"],
        2: "push",
        3: SHA,
        4: "Release",
        5: "octo-org/widget",
        6: "refs/tags/v1.0",
        8: GITHUB["iss"],
        9: f"https://github.com/{WORKFLOW}",
        10: SHA,
        11: "github-hosted",
        12: GITHUB_URL,
        13: SHA,
        14: "refs/tags/v1.0",
        15: "456789",
        16: "https://github.com/octo-org",
        17: "65432",
        18: f"https://github.com/{WORKFLOW}",
        19: SHA,
        20: "push",
        21: f"{GITHUB_URL}/actions/runs/9876543210/attempts/1",
        22: "public",
        23: "pypi",
        24: GITHUB["sub"],
    },
    "gitlab": {
        1: "https://gitlab.com",
        8: "https://gitlab.com",
        9: "https://gitlab.com/my-group/widget//.gitlab-ci.yml@refs/tags/v1.0",
        10: SHA,
        11: "gitlab-hosted",
        12: "https://gitlab.com/my-group/widget",
        13: SHA,
        14: "refs/tags/v1.0",
        15: "20",
        16: "https://gitlab.com/my-group",
        17: "72",
        18: "https://gitlab.com/my-group/widget//.gitlab-ci.yml@refs/tags/v1.0",
        19: SHA,
        20: "push",
        21: "https://gitlab.com/my-group/widget/-/jobs/302",
        22: "public",
        23: "production",
        24: "project_path:my-group/widget:ref_type:tag:ref:v1.0",
    },
    "google": {
        1: "https://accounts.google.com",
        8: "https://accounts.google.com",
        24: "104857600000000000001",
    },
}


def _ask(sandbox: Sandbox, token: str, body: Any = None, **headers: str) -> Any:
    url = f"{sandbox.info['fulcio']}/api/v2/signingCert"
    body = {"certificateSigningRequest": _csr()} if body is None else body
    return sandbox.http.post(
        url, json=body, headers={"Authorization": f"Bearer {token}", **headers}
    )


def _csr(key: Any = None, *, spoil: bool = False) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    request = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    data = request.public_bytes(serialization.Encoding.DER)
    if spoil:
        data = data[:-1] + bytes([data[-1] ^ 1])
    text = base64.encodebytes(data).decode()
    pem = f"-----BEGIN CERTIFICATE REQUEST-----\n{text}-----END CERTIFICATE REQUEST-----\n"
    return base64.b64encode(pem.encode()).decode()


def _leaf(answer: Any) -> x509.Certificate:
    assert answer.status_code == 200, answer.text
    chain = answer.json()["signedCertificateEmbeddedSct"]["chain"]["certificates"]
    leaf, intermediate, root = (x509.load_pem_x509_certificate(c.encode()) for c in chain)
    leaf.verify_directly_issued_by(intermediate)
    intermediate.verify_directly_issued_by(root)
    return leaf


def _fulcio_extensions(leaf: x509.Certificate) -> dict[int, str]:
    found = {}
    for extension in leaf.extensions:
        if isinstance(extension.value, x509.UnrecognizedExtension):
            number = int(extension.oid.dotted_string.removeprefix(PREFIX))
            value = extension.value.value
            if number >= 8:
                assert value[0] == 0x0C
                assert value[1] == len(value) - 2 if value[1] < 128 else value[2] == len(value) - 3
            found[number] = value[2 if number >= 8 and value[1] < 128 else 0 :].decode("latin-1")
            if number >= 8 and value[1] >= 128:
                found[number] = value[3:].decode()
    return found


@pytest.mark.parametrize("kind", EXPECTED)
def test_certificates(shared: Sandbox, kind: str) -> None:
    leaf = _leaf(_ask(shared, shared.persona(kind).token("sigstore")))
    assert _fulcio_extensions(leaf) == EXPECTED[kind]
    get = leaf.extensions.get_extension_for_class
    san = get(x509.SubjectAlternativeName)
    assert san.critical
    (name,) = san.value
    wanted = EXPECTED[kind].get(9, "publisher@my-project.iam.gserviceaccount.com")
    assert name.value == wanted
    assert leaf.subject == x509.Name([])
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(minutes=10)
    assert leaf.not_valid_before_utc <= datetime.now(UTC)
    assert get(x509.KeyUsage).critical
    assert get(x509.KeyUsage).value.digital_signature
    assert len(get(x509.PrecertificateSignedCertificateTimestamps).value) == 1


def test_claims_that_may_be_absent(shared: Sandbox) -> None:
    player = shared.persona(overrides={"environment": None})
    assert 23 not in _fulcio_extensions(_leaf(_ask(shared, player.token("sigstore"))))


def test_an_enterprise_issuer(shared: Sandbox) -> None:
    issuer = f"{GITHUB['iss']}/octo"
    leaf = _leaf(_ask(shared, shared.persona(claims={"iss": issuer}).token("sigstore")))
    assert _fulcio_extensions(leaf)[8] == issuer


def test_a_person(shared: Sandbox) -> None:
    claims = {
        "iss": "https://oauth2.sigstore.dev/auth",
        "federated_claims": {"connector_id": "https://github.com/login/oauth"},
    }
    leaf = _leaf(_ask(shared, shared.persona("google", claims=claims).token("sigstore")))
    assert _fulcio_extensions(leaf)[8] == "https://github.com/login/oauth"


def test_the_token_may_be_in_the_body(shared: Sandbox) -> None:
    token = shared.persona().token("sigstore")
    body = {"certificateSigningRequest": _csr(), "credentials": {"oidcIdentityToken": token}}
    _leaf(_ask(shared, "", body, Authorization="none"))


def _refusal(answer: Any) -> tuple[int, int, str]:
    value = answer.json()
    assert value["details"] == []
    return answer.status_code, value["code"], value["message"]


@pytest.mark.parametrize(
    "overrides", [{"aud": "pypi"}, {"exp": 1}, {"sub": None}, {"iss": "https://evil.example"}]
)
def test_bad_tokens(shared: Sandbox, overrides: dict[str, Any]) -> None:
    token = shared.persona(overrides=overrides).token("sigstore")
    status, code, message = _refusal(_ask(shared, token))
    assert (status, code) == (401, 16)
    assert message.startswith("There was an error processing the credentials for this request")
    assert _refusal(_ask(shared, "no token"))[:2] == (401, 16)


@pytest.mark.parametrize(
    ("kind", "overrides", "text"),
    [
        ("github", {"workflow_sha": None}, "missing claim 'workflow_sha' in token"),
        ("google", {"email_verified": False}, "email_verified claim was false"),
    ],
)
def test_claims_without_certificate(
    shared: Sandbox, kind: str, overrides: dict[str, Any], text: str
) -> None:
    token = shared.persona(kind, overrides=overrides).token("sigstore")
    assert _refusal(_ask(shared, token)) == (400, 3, text)


def test_issuers_without_certificate(shared: Sandbox) -> None:
    player = shared.persona("gitlab", claims={"iss": "https://gitlab.example.org"})
    status, code, message = _refusal(_ask(shared, player.token("sigstore")))
    assert (status, code) == (400, 3)
    assert message == "unsupported issuer: https://gitlab.example.org"


@pytest.fixture
def player(shared: Sandbox) -> Player:
    return shared.persona()


def test_signing_requests(shared: Sandbox, player: Player) -> None:
    token = player.token("sigstore")
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for body, text in [
        ({}, "The certificate signing request could not be parsed"),
        ([], "The certificate signing request could not be parsed"),
        ({"certificateSigningRequest": "AAAA"}, "The certificate signing request could not be"),
        ({"certificateSigningRequest": _csr(spoil=True)}, "The signature supplied in the request"),
        ({"certificateSigningRequest": _csr(rsa_key)}, "The public key supplied in the request is"),
    ]:
        status, code, message = _refusal(_ask(shared, token, body))
        assert (status, code) == (400, 3)
        assert message.startswith(text)
    url = f"{shared.info['fulcio']}/api/v2/signingCert"
    assert shared.http.post(url, data=b"{").status_code == 400


def test_trust_bundle(shared: Sandbox) -> None:
    client = FulcioClient(shared.info["fulcio"])
    (chain,) = client.trust_bundle.get().trust_bundle
    listed = shared.info["trust_config"]["trustedRoot"]["certificateAuthorities"][0]["certChain"]
    served = [base64.b64encode(c.public_bytes(serialization.Encoding.DER)).decode() for c in chain]
    assert served == [certificate["rawBytes"] for certificate in listed["certificates"]]


@pytest.mark.parametrize("length", [0, 127, 128, 255, 256, 70_000])
def test_der_lengths(length: int) -> None:
    value = der(0x0C, b"x" * length)
    head = len(value) - length
    assert head == {0: 2, 127: 2, 128: 3, 255: 3, 256: 4, 70_000: 5}[length]
    if head > 2:
        assert value[1] == 0x80 + head - 2
    assert int.from_bytes(value[2:head] or value[1:2], "big") == length


def test_a_long_extension(shared: Sandbox) -> None:
    """Values over 127 bytes need the long form of DER."""
    sub = "repo:" + "x" * 150
    token = shared.persona(overrides={"sub": sub}).token("sigstore")
    assert _fulcio_extensions(_leaf(_ask(shared, token)))[24] == sub


def test_the_configuration_is_json_as_sigstore_reads_it(shared: Sandbox) -> None:
    config = shared.trust()
    assert json.loads(json.dumps(shared.info["trust_config"]))
    assert len(config.trusted_root.get_fulcio_certs()) == 2
