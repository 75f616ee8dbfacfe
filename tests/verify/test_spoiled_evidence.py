"""Evidence of a rehearsal, whose certificates say all that today's do, and what spoils it."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from packaging.utils import parse_wheel_filename
from pypi_attestations import Attestation
from sigstore.dsse import DigestSet, StatementBuilder, Subject
from sigstore.sign import Signer

from publisher.verify import core
from publisher.verify.core import Unproven, Verifier
from publisher.verify.whom import publisher
from support.mutations import MUTATIONS, OF_GITHUB, Case, mutated
from support.play import running
from support.sandbox import GITHUB_PUBLISHER, PUBLISH, Sandbox

KIWI, WIDGET = "kiwi-1.0-py3-none-any.whl", "widget-1.0-py3-none-any.whl"
KELVIN = "\u212aiwi-1.0-py3-none-any.whl"  # lowers to a k


def sealed(signer: Signer, case: Case, name: str) -> Case:
    """Evidence for the same bytes, whose statement has that name, whatever it is."""
    subject = Subject(name=name, digest=DigestSet(root={"sha256": case.sha256}))
    bundle = signer.sign_dsse(StatementBuilder([subject], PUBLISH, None).build())
    value = json.loads(Attestation.from_bundle(bundle).model_dump_json())
    wrapped = {"publisher": GITHUB_PUBLISHER, "attestations": [value]}
    return replace(case, body={"version": 1, "attestation_bundles": [wrapped]})


class Stand:
    """Signs as a job of GitHub, and verifies."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.verifier = Verifier(core.trust(json.dumps(sandbox.info["trust_config"])))
        self.player = sandbox.persona()

    def sign(self, name: str) -> Case:
        """Evidence for a file that nobody has; its digest is its name's."""
        digest = hashlib.sha256(name.encode()).hexdigest()
        return sealed(self.sandbox.signer(self.player), Case(name, digest, {}), name)

    def check(self, case: Case) -> None:
        self.verifier.provenance(case.body, case.filename, case.sha256)


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with running(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield Stand(sandbox)


@pytest.fixture(scope="module")
def kiwi(stand: Stand) -> Case:
    return stand.sign(KIWI)


@pytest.fixture(scope="module")
def widget(stand: Stand) -> Case:
    return stand.sign(WIDGET)


def test_unspoiled_it_verifies(stand: Stand, kiwi: Case, widget: Case) -> None:
    stand.check(kiwi)
    stand.check(widget)


@pytest.mark.parametrize("mutation", [*MUTATIONS, *OF_GITHUB])
def test_whatever_is_done_to_it_is_refused(
    stand: Stand, kiwi: Case, widget: Case, mutation: str
) -> None:
    change = {**MUTATIONS, **OF_GITHUB}[mutation]
    with pytest.raises(Unproven, match=r"\S"):
        stand.check(mutated(kiwi, change, widget))


def test_a_forged_environment(stand: Stand, kiwi: Case) -> None:
    """Pitfall 3: these certificates name it, so the index can't."""
    spoiled = mutated(kiwi, lambda case, _: case.bundle["publisher"].update(environment="x"), kiwi)
    with pytest.raises(Unproven, match="signed in the environment 'pypi', not 'x'"):
        stand.check(spoiled)
    for unsaid in ("", None):
        case = replace(kiwi, body=copy.deepcopy(kiwi.body))
        case.bundle["publisher"]["environment"] = unsaid
        (proof,) = stand.verifier.provenance(case.body, case.filename, case.sha256)
        assert publisher(proof.certificate).environment == "pypi"


def test_a_kelvin_sign_is_no_k(stand: Stand, kiwi: Case) -> None:
    """Pitfall 9: packaging takes the two names for one."""
    assert parse_wheel_filename(KELVIN) == parse_wheel_filename(KIWI)
    with pytest.raises(Unproven, match="is not a distribution's name"):
        stand.check(replace(kiwi, filename=KELVIN))
    with pytest.raises(Unproven, match=r"\S"):
        stand.check(sealed(stand.sandbox.signer(stand.player), kiwi, KELVIN))


def test_logged_after_the_certificate_ended(stand: Stand) -> None:
    """Pitfall 6: what counts is whether it was valid when the log took it."""
    case = Case(KIWI, "ab" * 32, {})
    try:
        stand.sandbox.post("settings", {"certificate_seconds": 3})
        signer = stand.sandbox.signer(stand.player)
        signer._signing_cert()
        stand.sandbox.post("settings", {"latency_ms": 4500})  # the log takes its time
        late = sealed(signer, case, KIWI)
    finally:
        stand.sandbox.post("settings", {"certificate_seconds": 600, "latency_ms": 0})
    with pytest.raises(Unproven, match="not valid at validation time"):
        stand.check(late)
