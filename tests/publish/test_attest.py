"""Signing in a rehearsal world whose services break in every way that networks have."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from sigstore.models import ClientTrustConfig

from publisher import transport
from publisher.errors import AttestationInvalid, AttestError, CertificateRefused, LogFailed
from publisher.http import Http
from publisher.models import Dist, Secret
from publisher.publish.attest import AUDIENCE, MARGIN, Renewed, certify, sign
from publisher.transport import PASSING
from publisher.verify import core
from publisher.verify.core import Verifier
from publisher.world import World
from support.archives import make_sdist, make_wheel
from support.play import asked, broken, dist, running, world_of
from support.sandbox import GITHUB, GITHUB_PUBLISHER, Sandbox
from support.signed import verify_all
from support.web import Say, Seen, serving

CERT, ENTRIES = "/api/v2/signingCert", "/api/v1/log/entries"
HTML = {"content_type": "text/html", "body": "<h1>Sign in to the guest network</h1>"}


@pytest.fixture
def trusted(world: World) -> ClientTrustConfig:
    return core.trust(world.trust_config)


@pytest.fixture
def signer(http: Http, trusted: ClientTrustConfig, world: World) -> Renewed:
    return Renewed(lambda: certify(http, trusted, world.tokens(AUDIENCE)))


@pytest.fixture
def wheel(tmp_path: Path) -> Dist:
    return dist(make_wheel(tmp_path))


def tree_size(sandbox: Sandbox) -> int:
    return int(sandbox.http.get(f"{sandbox.info['rekor']}/api/v1/log").json()["treeSize"])


def certificate(text: str) -> x509.Certificate:
    data = json.loads(text)["verification_material"]["certificate"]
    return x509.load_der_x509_certificate(base64.b64decode(data))


def nothing(_count: int) -> None:
    """Nobody watches."""


# All is well


def test_from_token_to_proof(
    http: Http, trusted: ClientTrustConfig, world: World, tmp_path: Path
) -> None:
    dists = [dist(make_wheel(tmp_path)), dist(make_sdist(tmp_path))]
    ticks: list[int] = []
    signed = sign(
        Renewed(lambda: certify(http, trusted, world.tokens(AUDIENCE))), iter(dists), ticks.append
    )
    assert [one for one, _ in signed] == dists
    assert ticks == [1, 1]
    proven = verify_all(Verifier(trusted), signed, GITHUB_PUBLISHER)
    assert [(one.dist, one.json) for one in proven] == list(signed)
    assert proven[0].log_index != proven[1].log_index
    assert {one.certificate.issuer for one in proven} == {GITHUB["iss"]}
    assert http.requests == 3


def test_one_certificate_for_all_in_parallel(
    sandbox: Sandbox, http: Http, world: World, tmp_path: Path
) -> None:
    """Something before the log lets nobody pass until all twelve are there."""
    dists = [dist(make_wheel(tmp_path, version=f"1.{n}")) for n in range(12)]
    together, certified = threading.Barrier(12), len(asked(sandbox, "fulcio"))
    log = f"{sandbox.info['rekor']}{ENTRIES}"

    def pass_on(seen: Seen) -> Say:
        together.wait(60)
        with requests.Session() as direct:
            direct.trust_env = False
            answer = direct.post(log, seen.body, headers={"Content-Type": "application/json"})
            return Say(answer.status_code, answer.content)

    config = json.loads(world.trust_config or "")
    with serving() as web:
        web.on(ENTRIES, pass_on)
        config["signingConfig"]["rekorTlogUrls"][0]["url"] = web.url
        trusted = core.trust(json.dumps(config))
        signed = sign(
            Renewed(lambda: certify(http, trusted, world.tokens(AUDIENCE))), dists, nothing
        )
        assert len(web.seen) == 12
    assert not together.broken
    assert len(asked(sandbox, "fulcio")) == certified + 1
    assert [one for one, _ in signed] == dists
    assert len({certificate(text).serial_number for _, text in signed}) == 1
    assert len(verify_all(Verifier(trusted), signed, GITHUB_PUBLISHER)) == 12


def test_more_dists_than_fit_in_flight(
    http: Http, signer: Renewed, sandbox: Sandbox, wheel: Dist
) -> None:
    dists = [replace(wheel, sha256=f"{n:064x}") for n in range(70)]
    before = tree_size(sandbox)
    assert [one for one, _ in sign(signer, dists, nothing)] == dists
    assert tree_size(sandbox) == before + 70


def test_nothing_to_sign(signer: Renewed, trusted: ClientTrustConfig) -> None:
    assert sign(signer, [], nothing) == ()
    assert verify_all(Verifier(trusted), [], GITHUB_PUBLISHER) == ()


# Fulcio


def refused(http: Http, trusted: ClientTrustConfig, token: Secret) -> CertificateRefused:
    with pytest.raises(CertificateRefused, match="gave no signing certificate: ") as caught:
        certify(http, trusted, token)
    error = caught.value
    assert token.reveal() not in f"{error.message} {error.facts}"
    assert str(error.facts["reason"]) in error.message
    assert str(error.facts["authority"]).startswith("http")
    assert "Nothing was signed" in error.hint
    return error


def test_fulcio_does_not_like_the_claims(
    sandbox: Sandbox, http: Http, trusted: ClientTrustConfig
) -> None:
    player = sandbox.persona(overrides={"run_id": None})
    error = refused(http, trusted, Secret(player.token(AUDIENCE)))
    assert error.facts["reason"] == "400: missing claim 'run_id' in token"


def test_fulcio_does_not_believe_the_token(
    http: Http, trusted: ClientTrustConfig, world: World
) -> None:
    head, payload, signature = world.tokens(AUDIENCE).reveal().split(".")
    other = "B" if signature.startswith("A") else "A"
    forged = Secret(f"{head}.{payload}.{other}{signature[1:]}")
    error = refused(http, trusted, forged)
    assert str(error.facts["reason"]).startswith("401: There was an error processing the cred")


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", ""])
def test_no_token_at_all(http: Http, trusted: ClientTrustConfig, token: str) -> None:
    with pytest.raises(CertificateRefused, match=r"gave no signing certificate: .") as caught:
        certify(http, trusted, Secret(token))
    assert caught.value.facts["reason"]
    assert http.requests == 0


@pytest.mark.parametrize(
    "overrides", [{"exp": 1}, {"aud": "pypi"}, {"nbf": 9_000_000_000}, {"sub": None}, {"iat": None}]
)
def test_a_token_that_sigstore_does_not_take(
    sandbox: Sandbox, http: Http, trusted: ClientTrustConfig, overrides: dict[str, Any]
) -> None:
    refused(http, trusted, Secret(sandbox.persona(overrides=overrides).token(AUDIENCE)))
    assert http.requests == 0


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"status": 400, "body": '{"message": "no way"}'}, "400: no way"),
        ({"status": 403, "body": '{"error": "no way"}'}, '403: {"error": "no way"}'),
        ({"status": 403, "body": "[]"}, "403: []"),
        ({"status": 403, **HTML}, "403: <h1>Sign in to the guest network</h1>"),
        ({"status": 500, "body": '{"message": "down"}'}, "500: down"),
        ({"status": 503, **HTML}, "503: <h1>Sign in to the guest network</h1>"),
        ({"status": 404, "body": ""}, "404: "),
        ({"status": 200, "body": "{}"}, "Fulcio response missing certificate chain"),
    ],
)
def test_fulcios_own_words(
    sandbox: Sandbox,
    http: Http,
    trusted: ClientTrustConfig,
    world: World,
    fault: dict[str, Any],
    reason: str,
) -> None:
    broken(sandbox, "fulcio", path=CERT, times=9, **fault)
    assert refused(http, trusted, world.tokens(AUDIENCE)).facts["reason"] == reason
    assert http.requests == (5 if fault["status"] in PASSING else 1)


CHAIN = '{"signedCertificateEmbeddedSct": {"chain": {"certificates": %s}}}'


@pytest.mark.parametrize(
    "body",
    [
        HTML["body"],
        "",
        "[]",
        "null",
        '"x"',
        '{"signedCertificateEmbeddedSct": null}',
        CHAIN % "null",
        CHAIN % "[]",
        CHAIN % '["x", "y"]',
        CHAIN % "[1, 2]",
        CHAIN % "{}",
        "[" * 100_000,
    ],
)
def test_something_else_answers_for_fulcio(
    sandbox: Sandbox, http: Http, trusted: ClientTrustConfig, world: World, body: str
) -> None:
    """The connection is fine, so nobody must be told to look at it."""
    broken(sandbox, "fulcio", path=CERT, status=200, body=body)
    error = refused(http, trusted, world.tokens(AUDIENCE))
    assert error.facts["reason"]
    assert "connection failed" not in error.message


def test_fulcio_sends_us_elsewhere(
    sandbox: Sandbox, http: Http, trusted: ClientTrustConfig, world: World
) -> None:
    elsewhere = f"{sandbox.index}/_/oidc/audience"
    broken(sandbox, "fulcio", path=CERT, status=307, headers={"Location": elsewhere})
    before = len(sandbox.log())
    refused(http, trusted, world.tokens(AUDIENCE))
    services = [line["service"] for line in sandbox.log()[before:]]
    assert services.count("fulcio") == 1
    assert "pypi" not in services


def test_fulcio_resets(
    sandbox: Sandbox, http: Http, trusted: ClientTrustConfig, world: World
) -> None:
    broken(sandbox, "fulcio", path=CERT, times=9, kind="reset")
    assert "the connection failed" in refused(http, trusted, world.tokens(AUDIENCE)).message


def test_fulcio_hangs(
    sandbox: Sandbox,
    http: Http,
    trusted: ClientTrustConfig,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "READ_TIMEOUT", 0.1)
    broken(sandbox, "fulcio", path=CERT, times=9, kind="hang")
    assert refused(http, trusted, world.tokens(AUDIENCE)).facts["reason"] == "no answer in time"


def test_fulcio_comes_back(
    sandbox: Sandbox,
    http: Http,
    trusted: ClientTrustConfig,
    world: World,
    wheel: Dist,
    notices: list[str],
) -> None:
    broken(sandbox, "fulcio", path=CERT, status=503)
    broken(sandbox, "fulcio", path=CERT, kind="reset", after=True)
    signer = Renewed(lambda: certify(http, trusted, world.tokens(AUDIENCE)))
    signed = sign(signer, [wheel], nothing)
    assert verify_all(Verifier(trusted), signed, GITHUB_PUBLISHER)[0].dist == wheel
    assert notices == [
        f"POST {CERT} answered 503; trying again",
        f"POST {CERT} lost the connection; trying again",
    ]


def test_a_certificate_from_nobody_we_trust(
    sandbox: Sandbox, http: Http, world: World, tmp_path: Path
) -> None:
    with running(tmp_path) as other:
        config = other.info["trust_config"]
        config["signingConfig"] = sandbox.info["trust_config"]["signingConfig"]
        trusted = core.trust(json.dumps(config))
    refused(http, trusted, world.tokens(AUDIENCE))


@pytest.mark.parametrize("tlogs", [[], [{"majorApiVersion": 2}], [{"majorApiVersion": 3}]])
def test_no_log_that_pep_740_can_use(
    sandbox: Sandbox, http: Http, world: World, tlogs: list[dict[str, Any]]
) -> None:
    config = json.loads(world.trust_config or "")
    logs = config["signingConfig"]["rekorTlogUrls"]
    config["signingConfig"]["rekorTlogUrls"] = [{**logs[0], **log} for log in tlogs]
    before = len(asked(sandbox, "fulcio"))
    with pytest.raises(AttestError) as caught:  # found at once, or when the log is to be used
        certify(http, core.trust(json.dumps(config)), world.tokens(AUDIENCE))
    assert caught.value.exit_code == 5
    assert len(asked(sandbox, "fulcio")) == before


def test_a_log_of_the_second_version(http: Http, world: World) -> None:
    """Had nobody asked for version 1, as ``core.trust`` does."""
    config = json.loads(world.trust_config or "")
    config["signingConfig"]["rekorTlogUrls"][0]["majorApiVersion"] = 2
    with pytest.raises(LogFailed, match="no Rekor v1 log is offered"):
        certify(http, ClientTrustConfig.from_json(json.dumps(config)), world.tokens(AUDIENCE))
    assert http.requests == 0


def test_no_authority(http: Http, world: World) -> None:
    config = json.loads(world.trust_config or "")
    config["signingConfig"]["caUrls"][0]["majorApiVersion"] = 9
    with pytest.raises(AttestError):
        certify(http, core.trust(json.dumps(config)), world.tokens(AUDIENCE))


# Rekor


def test_rekor_comes_back(
    sandbox: Sandbox, signer: Renewed, trusted: ClientTrustConfig, wheel: Dist, notices: list[str]
) -> None:
    broken(sandbox, "rekor", path=ENTRIES, times=2, status=503)
    before = tree_size(sandbox)
    signed = sign(signer, [wheel], nothing)
    assert verify_all(Verifier(trusted), signed, GITHUB_PUBLISHER)[0].log_index == before
    assert tree_size(sandbox) == before + 1
    assert notices == [f"POST {ENTRIES} answered 503; trying again"] * 2


@pytest.mark.parametrize(
    "fault", [{"kind": "reset"}, {"status": 500}, {"status": 504, **HTML}, {"kind": "hang"}]
)
def test_rekors_answer_is_lost(
    sandbox: Sandbox,
    signer: Renewed,
    trusted: ClientTrustConfig,
    wheel: Dist,
    monkeypatch: pytest.MonkeyPatch,
    fault: dict[str, Any],
) -> None:
    """The entry is in the log, the retry gets a 409, and the entry is fetched from there."""
    if fault.get("kind") == "hang":
        monkeypatch.setattr(transport, "READ_TIMEOUT", 1.5)
    broken(sandbox, "rekor", path=ENTRIES, after=True, **fault)
    before, log = tree_size(sandbox), len(sandbox.log())
    ((_, text),) = sign(signer, [wheel], nothing)
    (proof,) = verify_all(Verifier(trusted), [(wheel, text)], GITHUB_PUBLISHER)
    assert tree_size(sandbox) == before + 1
    assert proof.log_index == before
    lines = [f"{line['method']} {line['status']}" for line in sandbox.log()[log:]
             if line["service"] == "rekor" and line["path"].startswith(ENTRIES)]  # fmt: skip
    assert min(lines) == "GET 200"
    assert "POST 409" in lines


def test_rekors_answer_is_lost_for_some_of_many(
    sandbox: Sandbox, signer: Renewed, trusted: ClientTrustConfig, tmp_path: Path
) -> None:
    dists = [dist(make_wheel(tmp_path, version=f"2.{n}")) for n in range(8)]
    broken(sandbox, "rekor", path=ENTRIES, times=4, kind="reset", after=True)
    before = tree_size(sandbox)
    signed = sign(signer, dists, nothing)
    proofs = verify_all(Verifier(trusted), signed, GITHUB_PUBLISHER)
    assert tree_size(sandbox) == before + 8
    assert sorted(proof.log_index for proof in proofs) == list(range(before, before + 8))


def failed(signer: Renewed, *dists: Dist) -> LogFailed:
    with pytest.raises(LogFailed, match=r"took no entry for widget-1.0-py3-none-any.whl") as caught:
        sign(signer, dists, nothing)
    assert caught.value.facts["file"] == "widget-1.0-py3-none-any.whl"
    assert caught.value.facts["reason"]
    assert "Nothing was uploaded" in caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"status": 503}, "503"),
        ({"status": 400, "body": '{"message": "bad entry"}'}, "bad entry|400"),
        ({"status": 403, **HTML}, "403|guest network"),
        ({"kind": "reset"}, "the connection failed"),
        ({"status": 409}, "409|already|broken"),
        ({"status": 409, "headers": {"Location": ""}}, "409|already|broken"),
        ({"status": 409, "headers": {"Location": f"{ENTRIES}/{'0' * 80}"}}, "404|not found"),
    ],
)
def test_rekor_is_down(
    sandbox: Sandbox, signer: Renewed, wheel: Dist, fault: dict[str, Any], reason: str
) -> None:
    broken(sandbox, "rekor", path=ENTRIES, times=9, **fault)
    error = failed(signer, wheel)
    assert any(word in str(error.facts["reason"]) for word in reason.split("|"))


def test_rekor_hangs(
    sandbox: Sandbox, signer: Renewed, wheel: Dist, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "READ_TIMEOUT", 0.1)
    broken(sandbox, "rekor", path=ENTRIES, times=9, kind="hang")
    assert failed(signer, wheel).facts["reason"] == "no answer in time"


@pytest.mark.parametrize(
    "body",
    [
        HTML["body"],
        "",
        "[]",
        "null",
        '"x"',
        "{}",
        '{"uuid": null}',
        '{"uuid": []}',
        '{"uuid": {}}',
        '{"uuid": {"body": 1}}',
        '{"uuid": {"body": "e30="}}',
        '{"uuid": {"body": "x"}, "other": {}}',
        "[" * 100_000,
    ],
)
def test_something_else_answers_for_rekor(
    sandbox: Sandbox, signer: Renewed, wheel: Dist, body: str
) -> None:
    broken(sandbox, "rekor", path=ENTRIES, status=201, body=body)
    assert "connection failed" not in failed(signer, wheel).message


def test_rekor_answers_with_another_entry(
    sandbox: Sandbox, signer: Renewed, trusted: ClientTrustConfig, wheel: Dist
) -> None:
    """A log that lies does no more than fail our own verification."""
    sign(signer, [replace(wheel, sha256="ab" * 32)], nothing)
    other = sandbox.http.get(
        f"{sandbox.info['rekor']}{ENTRIES}", params={"logIndex": str(tree_size(sandbox) - 1)}
    )
    broken(sandbox, "rekor", path=ENTRIES, status=201, body=other.text)
    with pytest.raises(AttestError):
        verify_all(Verifier(trusted), sign(signer, [wheel], nothing), GITHUB_PUBLISHER)


def test_one_failure_among_many(sandbox: Sandbox, signer: Renewed, wheel: Dist) -> None:
    broken(sandbox, "rekor", path=ENTRIES, status=400)
    ticks: list[int] = []
    with pytest.raises(LogFailed):
        sign(signer, [replace(wheel, sha256=f"{n:064x}") for n in range(100, 110)], ticks.append)
    assert len(ticks) <= 9


@pytest.fixture
def lifetime(sandbox: Sandbox) -> Iterator[Callable[[int], None]]:
    """Sets how many seconds certificates are good for."""

    def change(seconds: int) -> None:
        assert sandbox.post("settings", {"certificate_seconds": seconds}).status_code == 200

    yield change
    change(600)


def test_a_certificate_that_is_about_to_end(
    sandbox: Sandbox, signer: Renewed, trusted: ClientTrustConfig, tmp_path: Path,
    lifetime: Callable[[int], None],
) -> None:  # fmt: skip
    """With the next file comes another certificate, with another key: one for all that is left."""
    dists = [dist(make_wheel(tmp_path, version=f"1.{n}")) for n in range(6)]
    lifetime(600)
    lasting = signer()
    assert signer() is lasting
    soon = MARGIN.seconds + 2
    lifetime(soon)
    ending = Renewed(signer._certify)
    ending()
    lifetime(600)
    time.sleep(3)
    before = len(asked(sandbox, "fulcio"))
    signed = sign(ending, dists, nothing)
    assert len(asked(sandbox, "fulcio")) == before + 1
    assert len({certificate(text).serial_number for _, text in signed}) == 1
    assert len(verify_all(Verifier(trusted), signed, GITHUB_PUBLISHER)) == 6


def test_certificates_too_short_to_renew(
    sandbox: Sandbox, signer: Renewed, trusted: ClientTrustConfig, tmp_path: Path,
    lifetime: Callable[[int], None],
) -> None:  # fmt: skip
    """Or with a clock that is wrong: one is asked for, not one for each file."""
    dists = [dist(make_wheel(tmp_path, version=f"1.{n}")) for n in range(6)]
    lifetime(MARGIN.seconds - 1)
    before = len(asked(sandbox, "fulcio"))
    signed = sign(signer, dists, nothing)
    assert len(asked(sandbox, "fulcio")) == before + 1
    assert len(verify_all(Verifier(trusted), signed, GITHUB_PUBLISHER)) == 6


def test_a_certificate_that_has_expired(
    signer: Renewed, wheel: Dist, lifetime: Callable[[int], None]
) -> None:
    lifetime(1)
    signer()
    time.sleep(2)
    failed(signer, wheel)


# Our own verification


def test_an_attestation_that_the_index_would_refuse(
    signer: Renewed, trusted: ClientTrustConfig, wheel: Dist
) -> None:
    signed = sign(signer, [wheel], nothing)
    other = {**GITHUB_PUBLISHER, "workflow": "other.yml"}
    with pytest.raises(AttestationInvalid, match="would be refused by the index") as caught:
        verify_all(Verifier(trusted), signed, other)
    assert caught.value.facts["file"] == wheel.filename
    assert caught.value.facts["publisher"] == other
    assert "Build Config URI" in str(caught.value.facts["reason"])
    assert "reusable workflows" in caught.value.hint


def test_over_tls(tmp_path: Path, wheel: Dist, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nothing.pem"))
    with running(tmp_path, tls=True) as sandbox, world_of(sandbox) as world:
        http = Http(ca=world.ca)
        trusted = core.trust(world.trust_config)
        signed = sign(
            Renewed(lambda: certify(http, trusted, world.tokens(AUDIENCE))), [wheel], nothing
        )
        http.close()
    assert verify_all(Verifier(trusted), signed, GITHUB_PUBLISHER)[0].dist == wheel
