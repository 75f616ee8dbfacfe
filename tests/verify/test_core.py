"""The strict verifier: what is proven passes, and every forgery is refused with a reason."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pypi_attestations import Attestation, AttestationType
from sigstore._internal.tuf import DEFAULT_TUF_URL
from sigstore._utils import read_embedded
from sigstore.dsse import DigestSet, Statement, StatementBuilder, Subject
from sigstore.models import ClientTrustConfig

from publisher.errors import TrustRootUnavailable
from publisher.http import Http
from publisher.models import Proof, Secret
from publisher.publish.attest import certify
from publisher.verify import core
from publisher.verify.core import Unproven, Verifier, describe
from support.play import running
from support.sandbox import GITHUB, GITHUB_PUBLISHER, SHA, Sandbox

if TYPE_CHECKING:
    from sigstore.sign import Signer

VECTORS = Path(__file__).parents[2].parent / "shared" / "vectors"
PUBLISH = AttestationType.PYPI_PUBLISH_V1.value
SLSA = AttestationType.SLSA_PROVENANCE_V1.value
ANY = r"\S"  # some reason
NAME, DIGEST = "widget-1.0-py3-none-any.whl", "ab" * 32
PLAIN = {**GITHUB_PUBLISHER, "environment": None}
Json = dict[str, Any]


# The public vectors


@pytest.fixture(scope="module")
def production() -> Verifier:
    """Sigstore's production root as sigstore embeds it: no network."""
    config = {
        "mediaType": ClientTrustConfig.ClientTrustConfigType.CONFIG_0_1.value,
        "trustedRoot": json.loads(read_embedded("trusted_root.json", DEFAULT_TUF_URL)),
        "signingConfig": json.loads(read_embedded("signing_config.v0.2.json", DEFAULT_TUF_URL)),
    }
    return Verifier(core.trust(json.dumps(config)))


def vector(name: str) -> Json:
    if not VECTORS.is_dir():
        pytest.skip("the public vectors are not beside the checkout")
    value: Json = json.loads((VECTORS / name).read_text("utf-8"))
    return value


def statement(attestation: Json) -> Json:
    value: Json = json.loads(base64.b64decode(attestation["envelope"]["statement"]))
    return value


ABI3INFO = {"kind": "GitHub", "repository": "woodruffw/abi3info", "workflow": "release.yml"}
SAMPLE = {"kind": "GitHub", "repository": "pypa/sampleproject", "workflow": "release.yml"}


@pytest.mark.parametrize(
    ("file", "publisher", "log_index", "ref", "commit"),
    [
        ("abi3info-2024.10.3-py3-none-any.whl", ABI3INFO, 136619283, "refs/tags/v2024.10.03",
         "0f40f4f357b9141ec3472771d4cb904e229b0de2"),
        ("abi3info-2024.10.8-py3-none-any.whl", ABI3INFO, 138157179, "refs/tags/v2024.10.08",
         "c1b8afd3d6ca038dc2bb512503c619fcab489d2b"),
        ("abi3info-2024.10.8.tar.gz", ABI3INFO, 138157177, "refs/tags/v2024.10.08",
         "c1b8afd3d6ca038dc2bb512503c619fcab489d2b"),
        ("sampleproject-4.0.0.tar.gz", SAMPLE, 147137139, "refs/heads/main",
         "621e4974ca25ce531773def586ba3ed8e736b3fc"),
    ],
)  # fmt: skip
def test_public_provenance(
    production: Verifier, file: str, publisher: Json, log_index: int, ref: str, commit: str
) -> None:
    body = vector(f"{file}.provenance")
    (subject,) = statement(body["attestation_bundles"][0]["attestations"][0])["subject"]
    assert subject["name"] == file
    (proof,) = production.provenance(body, file, subject["digest"]["sha256"], publisher)
    assert (proof.predicate_type, proof.log_index) == (PUBLISH, log_index)
    workflow = f"https://github.com/{publisher['repository']}/.github/workflows/release.yml@{ref}"
    assert proof.certificate.san == workflow
    assert proof.certificate.claims["source_repository_digest"] == commit
    begins, ends = proof.certificate.not_before, proof.certificate.not_after
    assert begins < ends < "2025"  # long expired: what counts is the time in the log
    assert datetime.fromisoformat(begins).timestamp() <= proof.integrated_time
    assert proof.integrated_time < datetime.fromisoformat(ends).timestamp()


def test_public_attestation_of_a_service_account(production: Verifier) -> None:
    name = "sampleproject-3.0.0.tar.gz"
    text = json.dumps(vector(f"{name}.publish.attestation"))
    sha256 = "117ed88e5db073bb92969a7545745fd977ee85b7019706dd256a64058f70963d"
    email = "919436158236-compute@developer.gserviceaccount.com"
    proof = production.attestation(text, name, sha256, {"kind": "Google", "email": email})
    assert proof.certificate.san == email
    assert proof.certificate.claims == {"issuer": "https://accounts.google.com"}
    with pytest.raises(Unproven, match="SANs do not match"):
        production.attestation(text, name, sha256, {"kind": "Google", "email": f"x{email}"})
    with pytest.raises(Unproven, match=r"OIDCIssuerV2 not found|OIDCIssuerV2"):
        production.attestation(text, name, sha256, SAMPLE)


def test_a_public_provenance_is_nobody_elses(production: Verifier) -> None:
    body = vector("sampleproject-4.0.0.tar.gz.provenance")
    (subject,) = statement(body["attestation_bundles"][0]["attestations"][0])["subject"]
    name, sha256 = subject["name"], subject["digest"]["sha256"]
    with pytest.raises(Unproven, match="names repository 'pypa/sampleproject'"):
        production.provenance(body, name, sha256, {**SAMPLE, "repository": "pypa/other"})
    body["attestation_bundles"][0]["publisher"]["repository"] = "pypa/other"
    with pytest.raises(Unproven, match="OIDCSourceRepositoryURI does not match"):
        production.provenance(body, name, sha256, {**SAMPLE, "repository": "pypa/other"})


# Attestations that the rehearsal signs


class Stand:
    """A sandbox's signing, and a verifier of what it signs."""

    def __init__(self, sandbox: Sandbox, http: Http) -> None:
        self.sandbox, self.http = sandbox, http
        self.config = json.dumps(sandbox.info["trust_config"])
        self.trusted = core.trust(self.config)
        self.verifier = Verifier(self.trusted)
        self.signer = self.signer_as()

    def signer_as(self, **claims: object) -> Signer:
        """A signer with a certificate for these claims; ``None`` leaves one out."""
        changed = {k: v for k, v in {**GITHUB, **claims}.items() if v is not None}
        asked = {"claims": changed, "publisher": PLAIN}
        given = self.sandbox.post("persona", asked).json()
        bearer = {"Authorization": f"bearer {given['request_token']}"}
        url = f"{given['request_url']}&audience=sigstore"
        token = Secret(self.sandbox.http.get(url, headers=bearer).json()["value"])
        return certify(self.http, self.trusted, token)

    def sign(
        self,
        name: str = NAME,
        sha256: str = DIGEST,
        *,
        kind: str = PUBLISH,
        predicate: Json | None = None,
        more: tuple[str, ...] = (),
        signer: Signer | None = None,
    ) -> Json:
        """A PEP 740 attestation that holds, of a statement that need not."""
        subjects = [
            Subject(name=one, digest=DigestSet(root={"sha256": sha256})) for one in (name, *more)
        ]
        return self.seal(StatementBuilder(subjects, kind, predicate).build(), signer)

    def seal(self, made: Statement, signer: Signer | None = None) -> Json:
        bundle = (signer or self.signer).sign_dsse(made)
        value: Json = json.loads(Attestation.from_bundle(bundle).model_dump_json())
        return value

    def seal_bytes(self, payload: bytes) -> Json:
        """Sign bytes that no builder would make."""
        made = Statement.__new__(Statement)
        made._contents = payload
        return self.seal(made)

    def check(
        self,
        attestation: Json | str,
        name: str = NAME,
        sha256: str = DIGEST,
        publisher: Json = GITHUB_PUBLISHER,
    ) -> Proof:
        text = attestation if isinstance(attestation, str) else json.dumps(attestation)
        return self.verifier.attestation(text, name, sha256, publisher)

    def provenance(self, body: Json, publisher: Json = GITHUB_PUBLISHER) -> tuple[Proof, ...]:
        return self.verifier.provenance(body, NAME, DIGEST, publisher)


@pytest.fixture(scope="module")
def http() -> Iterator[Http]:
    http = Http()
    yield http
    http.close()


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory, http: Http) -> Iterator[Stand]:
    with running(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield Stand(sandbox, http)


@pytest.fixture(scope="module")
def made(stand: Stand) -> Json:
    return stand.sign()


@pytest.fixture
def good(made: Json) -> Json:
    """An attestation that holds; tests spoil it."""
    return copy.deepcopy(made)


def wrapped(*attestations: Json, publisher: Json = GITHUB_PUBLISHER) -> Json:
    return {
        "version": 1,
        "attestation_bundles": [{"publisher": publisher, "attestations": list(attestations)}],
    }


def entry(attestation: Json) -> Json:
    (only,) = attestation["verification_material"]["transparency_entries"]
    value: Json = only
    return value


def flipped(text: str) -> str:
    data = bytearray(base64.b64decode(text))
    data[-1] ^= 1
    return base64.b64encode(data).decode()


def test_an_attestation_that_holds(stand: Stand, good: Json) -> None:
    proof = stand.check(good)
    assert proof.predicate_type == PUBLISH
    assert proof.log_index == int(entry(good)["logIndex"])
    assert proof.integrated_time == int(entry(good)["integratedTime"])
    assert proof.certificate.san == f"https://github.com/{GITHUB['workflow_ref']}"
    assert proof.certificate.issuer == GITHUB["iss"]
    assert stand.provenance(wrapped(good)) == (proof,)


def test_slsa_beside_publish_holds(stand: Stand, good: Json) -> None:
    slsa = stand.sign(kind=SLSA, predicate={"buildDefinition": {}})
    proofs = stand.provenance(wrapped(good, slsa))
    assert [proof.predicate_type for proof in proofs] == [PUBLISH, SLSA]


def test_several_bundles_of_one_publisher_hold(stand: Stand, good: Json) -> None:
    body = wrapped(good)
    body["attestation_bundles"] += wrapped(stand.sign(kind=SLSA))["attestation_bundles"]
    assert len(stand.provenance(body)) == 2


def test_an_empty_predicate_is_none(stand: Stand) -> None:
    assert stand.check(stand.sign(predicate={})).predicate_type == PUBLISH


def test_names_are_compared_as_parsed(stand: Stand) -> None:
    assert stand.check(stand.sign("Widget-1.0.0-py3-none-any.whl")).predicate_type == PUBLISH


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "{}", "null", '{"version": 1}', "[" * 9999])
def test_malformed_attestation(stand: Stand, text: str) -> None:
    with pytest.raises(Unproven, match=ANY):
        stand.check(text)


def spoil_signature(value: Json) -> None:
    value["envelope"]["signature"] = flipped(value["envelope"]["signature"])


def spoil_certificate(value: Json) -> None:
    material = value["verification_material"]
    material["certificate"] = flipped(material["certificate"])


def spoil_statement(value: Json) -> None:
    said = statement(value)
    said["subject"][0]["digest"]["sha256"] = "cd" * 32
    value["envelope"]["statement"] = base64.b64encode(json.dumps(said).encode()).decode()


def two_entries(value: Json) -> None:
    entries = value["verification_material"]["transparency_entries"]
    entries.append(copy.deepcopy(entries[0]))


def no_entry(value: Json) -> None:
    value["verification_material"]["transparency_entries"] = []


def no_promise(value: Json) -> None:
    del entry(value)["inclusionPromise"]


def spoil_promise(value: Json) -> None:
    promise = entry(value)["inclusionPromise"]
    promise["signedEntryTimestamp"] = flipped(promise["signedEntryTimestamp"])


def no_proof(value: Json) -> None:
    del entry(value)["inclusionProof"]


def no_checkpoint(value: Json) -> None:
    del entry(value)["inclusionProof"]["checkpoint"]


def spoil_root(value: Json) -> None:
    proof = entry(value)["inclusionProof"]
    proof["rootHash"] = flipped(proof["rootHash"])


def later(value: Json) -> None:
    entry(value)["integratedTime"] = str(int(entry(value)["integratedTime"]) + 1)


def no_time(value: Json) -> None:
    entry(value)["integratedTime"] = "0"


def wrong_version(value: Json) -> None:
    value["version"] = 2


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (spoil_signature, "signature"),
        (spoil_certificate, ANY),
        (spoil_statement, "signature|other content"),
        (two_entries, "exactly one transparency log entry"),
        (no_entry, "transparency_entries"),
        (no_promise, "promise|time"),
        (spoil_promise, "SET|promise|signature"),
        (no_proof, "transparency log entry"),
        (no_checkpoint, ANY),
        (spoil_root, ANY),
        (later, ANY),
        (no_time, ANY),
        (wrong_version, "version"),
    ],
)
def test_spoilt(stand: Stand, good: Json, spoil: Callable[[Json], None], reason: str) -> None:
    spoil(good)
    with pytest.raises(Unproven, match=reason) as caught:
        stand.check(good)
    assert "\n" not in str(caught.value)
    with pytest.raises(Unproven):
        stand.provenance(wrapped(good))


def test_another_entry_of_the_same_log(stand: Stand, good: Json) -> None:
    other = stand.sign("gadget-1.0-py3-none-any.whl")
    good["verification_material"]["transparency_entries"] = [entry(other)]
    with pytest.raises(Unproven, match=ANY):
        stand.check(good)


@pytest.mark.parametrize(
    ("name", "sha256", "reason"),
    [
        (NAME, "cd" * 32, "about other content: sha256 abab.*, expected cdcd"),
        ("gadget-1.0-py3-none-any.whl", DIGEST, "it is about 'widget-1.0-py3-none-any.whl', not"),
        ("widget-1.1-py3-none-any.whl", DIGEST, "it is about"),
        ("widget-1.0-1-py3-none-any.whl", DIGEST, "it is about"),
        ("widget-1.0-py2-none-any.whl", DIGEST, "it is about"),
        ("widget-1.0.tar.gz", DIGEST, "it is about"),
        (NAME, DIGEST.upper(), "about other content"),
        ("widget.txt", DIGEST, "'widget.txt' is not a distribution's name"),
        ("", DIGEST, "'' is not a distribution's name"),
    ],
)
def test_another_file(stand: Stand, good: Json, name: str, sha256: str, reason: str) -> None:
    with pytest.raises(Unproven, match=reason):
        stand.check(good, name, sha256)


def test_upper_case_digest_in_the_statement(stand: Stand) -> None:
    with pytest.raises(Unproven, match="about other content"):
        stand.check(stand.sign(sha256=DIGEST.upper()))


def test_zip_is_not_tar_gz(stand: Stand) -> None:
    zipped = stand.sign("widget-1.0.zip")
    assert stand.check(zipped, "widget-1.0.zip").predicate_type == PUBLISH
    with pytest.raises(Unproven, match=r"about 'widget-1\.0\.zip', not 'widget-1\.0\.tar\.gz'"):
        stand.check(zipped, "widget-1.0.tar.gz")


@pytest.mark.parametrize(
    ("signed", "asked"),
    [
        ("\N{KELVIN SIGN}ivy-1.0-py3-none-any.whl", "kivy-1.0-py3-none-any.whl"),
        ("\N{KELVIN SIGN}ivy-1.0.tar.gz", "kivy-1.0.tar.gz"),
        ("kivy\N{ZERO WIDTH SPACE}-1.0.tar.gz", "kivy-1.0.tar.gz"),
        ("widget-\N{FULLWIDTH DIGIT ONE}.0.tar.gz", "widget-1.0.tar.gz"),
    ],
)
def test_names_are_ascii(stand: Stand, signed: str, asked: str) -> None:
    with pytest.raises(Unproven, match="is not a distribution's name"):
        stand.check(stand.sign(signed), asked)
    with pytest.raises(Unproven, match="is not a distribution's name"):
        stand.check(stand.sign(asked), signed)


def test_two_subjects(stand: Stand) -> None:
    two = stand.sign(more=("gadget-1.0-py3-none-any.whl",))
    with pytest.raises(Unproven, match="has 2 subjects, not one"):
        stand.check(two)


def test_unknown_predicate_type(stand: Stand) -> None:
    with pytest.raises(Unproven, match=r"'https://example\.org/v1' is not known"):
        stand.check(stand.sign(kind="https://example.org/v1"))


def test_publish_with_a_predicate(stand: Stand) -> None:
    with pytest.raises(Unproven, match="has no predicate, this one has"):
        stand.check(stand.sign(predicate={"note": "not looked at"}))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"no JSON",
        b"\xff",
        b"null",
        b"[]",
        b"{}",
        b'{"subject": {}}',
        b'{"subject": {"name": 1}}',
        b'{"subject": "x"}',
        b'{"subject": [null]}',
        b'{"subject": ["x"]}',
        b'{"subject": [{"name": "x", "digest": null}]}',
        b'{"subject": [{"name": "x", "digest": "x"}]}',
        b'{"subject": [{"name": 1, "digest": {"sha256": "%s"}}]}' % DIGEST.encode(),
        b'{"subject": [{"name": "%s", "digest": {"sha256": "%s"}}], "predicateType": []}'
        % (NAME.encode(), DIGEST.encode()),
    ],
)
def test_signed_nonsense(stand: Stand, payload: bytes) -> None:
    """Who owns the identity can sign anything: it must end in a reason, not in a traceback."""
    sealed = stand.seal_bytes(payload)
    with pytest.raises(Unproven, match=ANY):
        stand.check(sealed)


# Who signed


@pytest.mark.parametrize(
    ("publisher", "reason"),
    [
        ({**GITHUB_PUBLISHER, "repository": "octo-org/gadget"}, "OIDCSourceRepositoryURI"),
        ({**GITHUB_PUBLISHER, "repository": "Octo-Org/widget"}, "OIDCSourceRepositoryURI"),
        ({**GITHUB_PUBLISHER, "workflow": "other.yml"}, "Build Config URI"),
        ({**GITHUB_PUBLISHER, "environment": "prod"}, "in the environment 'pypi', not 'prod'"),
        ({"kind": "GitLab", "repository": "octo-org/widget", "workflow_filepath": "release.yml"},
         "OIDCIssuerV2"),
        ({"kind": "Google", "email": "a@example.org"}, ANY),
        ({"kind": "CircleCI", "project_id": "1", "pipeline_definition_id": "2"}, "OIDCIssuerV2"),
        ({"kind": "Jenkins", "repository": "octo-org/widget"}, ANY),
        ({"kind": "GitHub"}, ANY),
        ({}, ANY),
    ],
)  # fmt: skip
def test_another_publisher(stand: Stand, good: Json, publisher: Json, reason: str) -> None:
    with pytest.raises(Unproven, match=reason) as caught:
        stand.check(good, publisher=publisher)
    assert "<Extension" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "claims",
    [
        {"repository": "octo-org/gadget"},
        {"workflow_ref": f"octo-org/widget/.github/workflows/other.yml@{GITHUB['ref']}"},
        {"workflow_ref": "octo-org/widget/.github/workflows/release.yml@refs/heads/evil"},
        {"iss": f"{GITHUB['iss']}/octo-enterprise"},
    ],
)
def test_signed_by_somebody_else(stand: Stand, claims: Json) -> None:
    other = stand.sign(signer=stand.signer_as(**claims))
    with pytest.raises(Unproven, match=r"OIDC|Build Config"):
        stand.check(other)


def test_a_reusable_workflow_signs_for_its_caller(stand: Stand) -> None:
    ref = "octo-org/shared/.github/workflows/publish.yml@refs/heads/main"
    proof = stand.check(stand.sign(signer=stand.signer_as(job_workflow_ref=ref)))
    assert proof.certificate.san == f"https://github.com/{ref}"
    assert proof.certificate.claims["build_config_uri"].endswith("/release.yml@refs/tags/v1.0")


def test_environment_of_the_certificate(stand: Stand, good: Json) -> None:
    for environment in ("pypi", "PyPI", None, ""):
        publisher = {**GITHUB_PUBLISHER, "environment": environment}
        assert stand.check(good, publisher=publisher).predicate_type == PUBLISH
    silent = stand.sign(signer=stand.signer_as(environment=None))
    assert "deployment_environment" not in stand.check(silent).certificate.claims


def test_environment_that_only_the_index_claims_is_not_proven(stand: Stand, good: Json) -> None:
    forged = {**GITHUB_PUBLISHER, "environment": "production"}
    with pytest.raises(Unproven, match="environment"):
        stand.provenance(wrapped(good, publisher=forged))


def test_an_index_may_have_registered_no_environment(stand: Stand, good: Json) -> None:
    for environment in (None, "", "PYPI"):
        body = wrapped(good, publisher={**GITHUB_PUBLISHER, "environment": environment})
        assert len(stand.provenance(body)) == 1


def test_another_trust_root(stand: Stand, good: Json, tmp_path: Path) -> None:
    with running(tmp_path) as other:
        verifier = Verifier(core.trust(json.dumps(other.info["trust_config"])))
        with pytest.raises(Unproven, match=ANY):
            verifier.attestation(json.dumps(good), NAME, DIGEST, GITHUB_PUBLISHER)


def test_production_does_not_believe_a_rehearsal(production: Verifier, good: Json) -> None:
    with pytest.raises(Unproven, match=ANY):
        production.attestation(json.dumps(good), NAME, DIGEST, GITHUB_PUBLISHER)


# Provenance objects


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "malformed"),
        ({"attestation_bundles": None}, "malformed"),
        ({"attestation_bundles": [{}]}, "malformed"),
        ({"version": 2, "attestation_bundles": []}, "malformed"),
        ({"version": 1, "attestation_bundles": []}, "no publish attestation"),
        (wrapped(), "no publish attestation"),
        (wrapped(publisher={"kind": "Jenkins"}), "kind 'Jenkins', new to us"),
        (wrapped({}), "malformed"),
        ([], "malformed"),
    ],
)
def test_no_evidence_never_passes(stand: Stand, body: Json, reason: str) -> None:
    with pytest.raises(Unproven, match=reason):
        stand.provenance(body)


def test_duplicated_attestation(stand: Stand, good: Json) -> None:
    with pytest.raises(Unproven, match="two attestations of one predicate type"):
        stand.provenance(wrapped(good, good))
    with pytest.raises(Unproven, match="two attestations of one predicate type"):
        stand.provenance(wrapped(good, stand.sign()))
    twice = wrapped(good)
    twice["attestation_bundles"] *= 2
    with pytest.raises(Unproven, match="two attestations of one predicate type"):
        stand.provenance(twice)


def test_slsa_alone(stand: Stand) -> None:
    with pytest.raises(Unproven, match="no publish attestation"):
        stand.provenance(wrapped(stand.sign(kind=SLSA)))


def test_one_bad_attestation_beside_a_good_one(stand: Stand, good: Json) -> None:
    bad = stand.sign("gadget-1.0-py3-none-any.whl", kind=SLSA)
    with pytest.raises(Unproven, match="it is about 'gadget"):
        stand.provenance(wrapped(good, bad))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"repository": "octo-org/gadget"}, "the index names repository 'octo-org/gadget'"),
        ({"workflow": "other.yml"}, "the index names workflow 'other.yml'"),
        ({"kind": "GitLab", "workflow_filepath": "x.yml"}, "the index names kind 'GitLab'"),
    ],
)
def test_the_index_names_somebody_else(
    stand: Stand, good: Json, changed: Json, reason: str
) -> None:
    with pytest.raises(Unproven, match=reason):
        stand.provenance(wrapped(good, publisher={**GITHUB_PUBLISHER, **changed}))


def test_a_bundle_of_another_project(stand: Stand, good: Json) -> None:
    body = wrapped(good)
    other = {**GITHUB_PUBLISHER, "repository": "octo-org/gadget"}
    signed = stand.sign(kind=SLSA, signer=stand.signer_as(repository="octo-org/gadget"))
    body["attestation_bundles"] += wrapped(signed, publisher=other)["attestation_bundles"]
    with pytest.raises(Unproven, match="the index names repository"):
        stand.provenance(body)


# Whatever is changed, nothing but a reason comes out


JUNK: tuple[object, ...] = (None, "", "x", "AAAA", "-1", -1, 10**30, 1.5, True, [], {}, ["x"])


def leaves(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    inner: Iterable[tuple[str | int, object]] = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    for key, child in inner:
        yield from leaves(child, (*path, key))


def replaced(value: Json, path: tuple[str | int, ...], junk: object) -> Json:
    changed = copy.deepcopy(value)
    place: Any = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = junk
    return changed


def test_no_replaced_value_gets_through(stand: Stand, good: Json) -> None:
    proof, wrong, tried = stand.check(good), [], 0
    body = wrapped(good)
    for path in leaves(body):
        for junk in JUNK if path else ():
            tried += 1
            try:
                # What still verifies must prove the very same
                if stand.provenance(replaced(body, path, junk)) != (proof,):
                    wrong.append((path, junk, "another proof"))
            except Unproven:
                continue
            except Exception as error:  # noqa: BLE001 - collects what should have been Unproven
                wrong.append((path, junk, f"{type(error).__name__}: {error}"[:120]))
    assert tried > 300
    assert wrong == []


def test_no_flipped_certificate_bit_gets_through(stand: Stand, good: Json) -> None:
    material = good["verification_material"]
    original = base64.b64decode(material["certificate"])
    wrong = []
    for place in range(0, len(original), 4):
        data = bytearray(original)
        data[place] ^= 1 << place // 4 % 8
        material["certificate"] = base64.b64encode(data).decode()
        try:
            stand.check(good)
            wrong.append((place, "verifies"))
        except Unproven:
            continue
        except Exception as error:  # noqa: BLE001 - collects what should have been Unproven
            wrong.append((place, f"{type(error).__name__}: {error}"[:120]))
    assert wrong == []


def self_signed(*extensions: tuple[int, bytes]) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    start = datetime(2026, 1, 1, tzinfo=UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .serial_number(0xABC)
        .public_key(key.public_key())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(minutes=10))
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier("https://x.example/")]),
            critical=True,
        )
    )
    for number, value in extensions:
        oid = x509.ObjectIdentifier(f"1.3.6.1.4.1.57264.1.{number}")
        builder = builder.add_extension(x509.UnrecognizedExtension(oid, value), critical=False)
    return builder.sign(key, hashes.SHA256())


@pytest.mark.parametrize("value", [b"", b"\x0c", b"\x0c\x7fx", b"\xff" * 9, b"\x0c\x01\xff"])
def test_a_forged_certificate_with_broken_extensions(
    stand: Stand, good: Json, value: bytes
) -> None:
    """It is read before it is verified: anybody can send one."""
    forged = self_signed((8, value)).public_bytes(serialization.Encoding.DER)
    good["verification_material"]["certificate"] = base64.b64encode(forged).decode()
    with pytest.raises(Unproven, match=ANY):
        stand.check(good)


# Certificates, described


def test_describe_names_all_claims(stand: Stand, good: Json) -> None:
    der = base64.b64decode(good["verification_material"]["certificate"])
    certificate = x509.load_der_x509_certificate(der)
    said = describe(certificate)
    url = "https://github.com/octo-org/widget"
    workflow = f"https://github.com/{GITHUB['workflow_ref']}"
    assert asdict(said) == {
        "san": workflow,
        "issuer": GITHUB["iss"],
        "serial": f"{certificate.serial_number:x}",
        "not_before": certificate.not_valid_before_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "not_after": certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "claims": {
            "issuer": GITHUB["iss"],
            "build_signer_uri": workflow,
            "build_signer_digest": SHA,
            "runner_environment": "github-hosted",
            "source_repository_uri": url,
            "source_repository_digest": SHA,
            "source_repository_ref": "refs/tags/v1.0",
            "source_repository_identifier": "456789",
            "source_repository_owner_uri": "https://github.com/octo-org",
            "source_repository_owner_identifier": "65432",
            "build_config_uri": workflow,
            "build_config_digest": SHA,
            "build_trigger": "push",
            "run_invocation_uri": f"{url}/actions/runs/9876543210/attempts/1",
            "source_repository_visibility": "public",
            "deployment_environment": "pypi",
        },
    }
    assert set(said.claims) == set(core.CLAIMS.values())


def test_describe_a_certificate_without_claims() -> None:
    said = describe(self_signed((99, b"\x0c\x01x")))
    assert (said.san, said.issuer, said.claims) == ("https://x.example/", "", {})
    assert (said.serial, said.not_before) == ("abc", "2026-01-01T00:00:00Z")


# Trust


def test_trust_asks_for_the_log_that_pep_740_can_use(stand: Stand) -> None:
    trusted = core.trust(stand.config)
    assert trusted.force_tlog_version == 1
    (log,) = trusted.signing_config.get_tlogs()
    assert type(log).__name__ == "RekorClient"


def without(config: str, *keys: str) -> str:
    value = json.loads(config)
    place = value
    for key in keys[:-1]:
        place = place[key]
    del place[keys[-1]]
    return json.dumps(value)


@pytest.mark.parametrize("config", ["", "no JSON", "[]", "{}", "null", "1", '"x"'])
def test_a_trust_config_that_is_none(config: str) -> None:
    with pytest.raises(TrustRootUnavailable, match="could not be obtained") as caught:
        core.trust(config)
    assert caught.value.facts["reason"]


@pytest.mark.parametrize(
    "keys",
    [
        ("trustedRoot",),
        ("signingConfig",),
        ("mediaType",),
        ("trustedRoot", "mediaType"),
        ("signingConfig", "mediaType"),
        ("signingConfig", "caUrls"),
    ],
)
def test_a_trust_config_with_a_hole(stand: Stand, keys: tuple[str, ...]) -> None:
    with pytest.raises(TrustRootUnavailable):
        core.trust(without(stand.config, *keys))


def test_no_way_to_the_public_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is behind the only way out: the proxy's port is closed."""
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(TrustRootUnavailable) as caught:
        core.trust(None)
    assert caught.value.exit_code == 5
    assert "TUF" in caught.value.hint
