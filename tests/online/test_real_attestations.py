"""The attestations that pypi-attestations has in its sdist, and what is done to them.

They are real ones, of every kind of publisher, most with the file that they are about.
"""

from __future__ import annotations

import base64
import hashlib
import json
import tarfile
from pathlib import Path

import pytest
from sigstore._internal.tuf import DEFAULT_TUF_URL, STAGING_TUF_URL

from publisher.models import Proof
from publisher.verify.core import Unproven, Verifier
from publisher.verify.whom import publisher
from support.mutations import MUTATIONS, Case, Json, mutated
from support.registry import Registry
from support.trust import production_config

pytestmark = pytest.mark.online

PERSON = ("email", "william@yossarian.net")
# Name of the attestation's or provenance object's file: of which root, published by whom
EVIDENCE = {
    "circleci_sign_publish_example-0.0.1.dev137-py3-none-any.whl.publish.attestation":
        (DEFAULT_TUF_URL, ("circleci", "CircleCI-Public/sign-and-publish-examples")),
    "circleci_sign_publish_example-0.0.1.dev137-py3-none-any.whl.provenance":
        (DEFAULT_TUF_URL, ("circleci", "CircleCI-Public/sign-and-publish-examples")),
    "gcb_attestation_test-0.0.0.tar.gz.provenance":
        (DEFAULT_TUF_URL, ("google", "919436158236-compute@developer.gserviceaccount.com")),
    "gitlab_oidc_project-0.0.3.tar.gz.publish.attestation":
        (DEFAULT_TUF_URL, ("gitlab", "facutuesca/gitlab-oidc-project")),
    "pypi_attestation_models-0.0.4a2.tar.gz.attestation":
        (DEFAULT_TUF_URL, ("github", "trailofbits/pypi-attestation-models")),
    "pypi_attestations-0.0.19.tar.gz.publish.attestation":
        (DEFAULT_TUF_URL, ("github", "trailofbits/pypi-attestations")),
    "pypi_attestations-0.0.19.tar.gz.slsa.attestation":
        (DEFAULT_TUF_URL, ("github", "trailofbits/pypi-attestations")),
    "pypi_attestations-0.0.19.tar.gz.provenance":
        (DEFAULT_TUF_URL, ("github", "trailofbits/pypi-attestations")),
    "rfc8785-0.1.2-py3-none-any.whl.attestation": (STAGING_TUF_URL, PERSON),
    "rfc8785-0.1.2-py3-none-any.whl.publish.attestation": (STAGING_TUF_URL, PERSON),
    "spt3g-1.0-cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64.whl.publish.attestation":
        (STAGING_TUF_URL, PERSON),
}  # fmt: skip
ENDS = (".publish.attestation", ".slsa.attestation", ".attestation", ".provenance")


@pytest.fixture(scope="module")
def assets(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("attestations")
    files = registry.files("pypi-attestations", "0.0.30")
    name = next(name for name in files if name.endswith(".tar.gz"))
    with tarfile.open(registry.fetch(*files[name], into / name)) as archive:
        for member in archive:
            if "/test/assets/" in member.name and member.isfile():
                content = archive.extractfile(member)
                assert content
                (into / Path(member.name).name).write_bytes(content.read())
    return into


@pytest.fixture(scope="module")
def verifiers() -> dict[str, Verifier]:
    return {url: Verifier(production_config(url)) for url in (DEFAULT_TUF_URL, STAGING_TUF_URL)}


def case_of(assets: Path, name: str) -> Case:
    """The evidence, wrapped if it is bare; the digest of the file, if that is there."""
    filename = next(name.removesuffix(end) for end in ENDS if name.endswith(end))
    body: Json = json.loads((assets / name).read_text("utf-8"))
    if "attestation_bundles" not in body:
        body = {"attestation_bundles": [{"publisher": {}, "attestations": [body]}]}
    case = Case(filename, "", body)
    said = json.loads(base64.b64decode(case.attestation["envelope"]["statement"]))
    digest = said["subject"][0]["digest"]["sha256"]
    if (assets / filename).exists():
        digest = hashlib.sha256((assets / filename).read_bytes()).hexdigest()
    return Case(filename, digest, body)


def prove(verifier: Verifier, case: Case) -> Proof:
    """Provenance as an index shows it; or one attestation, of whomever."""
    if case.bundle["publisher"]:
        return verifier.provenance(case.body, case.filename, case.sha256)[0]
    (attestation,) = case.bundle["attestations"]
    return verifier.attestation(json.dumps(attestation), case.filename, case.sha256, None)


def test_none_is_forgotten(assets: Path) -> None:
    assert {path.name for path in assets.iterdir() if path.name.endswith(ENDS)} == set(EVIDENCE)


@pytest.mark.parametrize("name", EVIDENCE)
def test_it_verifies_under_its_own_root(
    assets: Path, verifiers: dict[str, Verifier], name: str
) -> None:
    root, who = EVIDENCE[name]
    case = case_of(assets, name)
    proof = prove(verifiers[root], case)
    found = publisher(proof.certificate)
    assert (found.kind, found.repository or found.email) == who
    assert found.runner in {"", "github-hosted", "gitlab-hosted"}  # pitfall 11
    other = next(url for url in verifiers if url != root)
    with pytest.raises(Unproven, match=r"\S"):
        prove(verifiers[other], case)


@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize("name", [name for name in EVIDENCE if name.endswith(".provenance")])
def test_whatever_is_done_to_it_is_refused(
    assets: Path, verifiers: dict[str, Verifier], name: str, mutation: str
) -> None:
    others = [one for one in EVIDENCE if one.endswith(".provenance") and one != name]
    case, other = case_of(assets, name), case_of(assets, others[0])
    spoiled = mutated(case, MUTATIONS[mutation], other)
    with pytest.raises(Unproven, match=r"\S"):
        verifiers[DEFAULT_TUF_URL].provenance(spoiled.body, spoiled.filename, spoiled.sha256)


def test_a_person_by_name(assets: Path, verifiers: dict[str, Verifier]) -> None:
    """An e-mail identity, as a publisher that is expected."""
    name = "rfc8785-0.1.2-py3-none-any.whl.publish.attestation"
    case, verifier = case_of(assets, name), verifiers[STAGING_TUF_URL]
    text = json.dumps(case.attestation)
    person = {"kind": "Email", "email": PERSON[1], "issuer": "https://github.com/login/oauth"}
    assert verifier.attestation(text, case.filename, case.sha256, person)
    for change in ({"email": "x@person.example"}, {"issuer": "https://accounts.google.com"}):
        with pytest.raises(Unproven, match=r"SANs|OIDCIssuer"):
            verifier.attestation(text, case.filename, case.sha256, {**person, **change})
