"""Real evidence, as published: it verifies offline, and nothing that is done to it does."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from publisher.verify.core import Unproven, Verifier
from publisher.verify.drift import compare
from publisher.verify.model import Observed, Release
from publisher.verify.remember import remember
from publisher.verify.whom import publisher
from support.mutations import MUTATIONS, OF_GITHUB, Case, mutated
from support.trust import production_config

VECTORS = Path(__file__).parents[2].parent / "shared" / "vectors"
SAMPLE, ABI3INFO = "sampleproject-4.0.0.tar.gz", "abi3info-2024.10.8.tar.gz"
SERVICE_ACCOUNT = "919436158236-compute@developer.gserviceaccount.com"


@pytest.fixture(scope="module")
def production() -> Verifier:
    return Verifier(production_config())


def case_of(file: str) -> Case:
    """A provenance object and what its statement is about; a bare attestation is wrapped."""
    if not VECTORS.is_dir():
        pytest.skip("the public vectors are not beside the checkout")
    bare = VECTORS / f"{file}.publish.attestation"
    if bare.exists():
        who = {"kind": "Google", "email": SERVICE_ACCOUNT}
        bundle = {"publisher": who, "attestations": [json.loads(bare.read_text("utf-8"))]}
        body = {"version": 1, "attestation_bundles": [bundle]}
    else:
        body = json.loads((VECTORS / f"{file}.provenance").read_text("utf-8"))
    case = Case(file, "", body)
    statement = json.loads(base64.b64decode(case.attestation["envelope"]["statement"]))
    return Case(file, statement["subject"][0]["digest"]["sha256"], body)


def check(verifier: Verifier, case: Case) -> None:
    verifier.provenance(case.body, case.filename, case.sha256)


FILES = (SAMPLE, ABI3INFO, "abi3info-2024.10.3-py3-none-any.whl", "sampleproject-3.0.0.tar.gz")


@pytest.mark.parametrize("file", FILES)
def test_as_published_it_verifies(production: Verifier, file: str) -> None:
    """Pitfall 6: the certificates have been expired for long, as they should be."""
    check(production, case_of(file))


@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize("file", FILES)
def test_whatever_is_done_to_it_is_refused(production: Verifier, file: str, mutation: str) -> None:
    """Pitfalls 1, 6, 7, 8, 9 and 12; a reason comes out, and no other exception."""
    case, other = case_of(file), case_of(ABI3INFO if "sample" in file else SAMPLE)
    spoiled = mutated(case, MUTATIONS[mutation], other)
    assert spoiled != case
    with pytest.raises(Unproven, match=r"\S"):
        check(production, spoiled)


@pytest.mark.parametrize("mutation", OF_GITHUB)
def test_the_index_can_not_name_somebody_else(production: Verifier, mutation: str) -> None:
    """Pitfalls 2 and 18: its word is compared with the certificate, field by field."""
    case = case_of(SAMPLE)
    with pytest.raises(Unproven, match=r"OIDCSourceRepositoryURI|Build Config URI"):
        check(production, mutated(case, OF_GITHUB[mutation], case))


def test_an_environment_that_only_the_index_claims_is_nobodys(production: Verifier) -> None:
    """Pitfall 3: these certificates are older than the extension that names it."""
    case = case_of(SAMPLE)
    for claimed in ("production", "", None):
        case.bundle["publisher"]["environment"] = claimed
        (proof,) = production.provenance(case.body, case.filename, case.sha256)
        assert publisher(proof.certificate).environment == ""


def test_names_are_equal_if_they_parse_equal_and_the_digest_is_the_key(
    production: Verifier,
) -> None:
    """Pitfall 8."""
    case = case_of(SAMPLE)
    for same in ("sampleproject-4.0.tar.gz", "SampleProject-4.0.0.0.tar.gz"):
        check(production, Case(same, case.sha256, case.body))
    for other in ("sampleproject-4.0.0.zip", "sampleproject-4.0.1.tar.gz", "sample-4.0.0.tar.gz"):
        with pytest.raises(Unproven, match="it is about"):
            check(production, Case(other, case.sha256, case.body))
    with pytest.raises(Unproven, match="other content"):
        check(production, Case(case.filename, "0" * 64, case.body))


def test_who_published(production: Verifier) -> None:
    """From the certificate, with numbers that outlive names."""
    (proof,) = production.provenance(case_of(SAMPLE).body, SAMPLE, case_of(SAMPLE).sha256)
    who = publisher(proof.certificate)
    assert (who.kind, who.repository, who.repository_id) == (
        "github", "pypa/sampleproject", "14899596",
    )  # fmt: skip
    assert (who.owner, who.owner_id, who.workflow) == ("pypa", "647025", "release.yml")
    assert (who.ref, who.trigger, who.runner) == ("branch:main", "push", "github-hosted")
    old = case_of("sampleproject-3.0.0.tar.gz")
    (proof,) = production.provenance(old.body, old.filename, old.sha256)
    who = publisher(proof.certificate)
    assert (who.kind, who.email, who.repository) == ("google", SERVICE_ACCOUNT, "")


def observed(verifier: Verifier, file: str, project: str, version: str) -> Release:
    """The release of one file, as it is seen now."""
    case = case_of(file)
    (proof,) = verifier.provenance(case.body, file, case.sha256)
    logged = datetime.fromtimestamp(proof.integrated_time, UTC)
    seen = Observed(
        project,
        version,
        file,
        case.sha256,
        "verified",
        publishers=(publisher(proof.certificate),),
        log_index=proof.log_index,
        logged=logged,
        uploaded=logged,
    )
    return Release(project, version, (seen,), logged)


def test_a_real_change_of_identity_is_told(production: Verifier) -> None:
    """From a service account of Google's to a workflow on GitHub."""
    before = observed(production, "sampleproject-3.0.0.tar.gz", "sampleproject", "3.0.0")
    after = observed(production, SAMPLE, "sampleproject", "4.0.0")
    memory = remember(None, [before])
    assert compare(memory, before) == ()
    (change,) = compare(memory, after)
    assert (change.rule, change.severity, change.word) == ("D04", "error", "changed-provenance")
    assert SERVICE_ACCOUNT in change.message
    assert "pypa/sampleproject" in change.message


def test_the_same_identity_stays_silent(production: Verifier) -> None:
    wheel = "abi3info-2024.10.3-py3-none-any.whl"
    before = observed(production, wheel, "abi3info", "2024.10.3")
    after = observed(production, ABI3INFO, "abi3info", "2024.10.8")
    assert compare(remember(None, [before]), after) == ()


def test_spelling_of_a_name_is_no_change(production: Verifier) -> None:
    """Pitfall 10: forges don't tell capitals apart."""
    before = observed(production, ABI3INFO, "abi3info", "2024.10.8")
    (file,) = before.files
    (who,) = file.publishers
    louder = replace(who, repository=who.repository.upper(), owner=who.owner.upper())
    after = replace(before, files=(replace(file, publishers=(louder,)),))
    assert compare(remember(None, [before]), after) == ()
