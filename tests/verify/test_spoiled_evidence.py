"""Evidence of a rehearsal, whose certificates say all that today's do, and what spoils it."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from packaging.utils import parse_wheel_filename
from pypi_attestations import Attestation
from sigstore._internal.tuf import DEFAULT_TUF_URL
from sigstore.dsse import DigestSet, StatementBuilder, Subject
from sigstore.sign import Signer
from sigstore.verify import Verifier as SigstoreVerifier
from sigstore.verify.policy import UnsafeNoOp

from publisher import cli
from publisher.verify import core
from publisher.verify.core import Unproven, Verifier
from publisher.verify.roots import SIGNING_CONFIG, TRUSTED_ROOT, Repository
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


# Through the command line


@dataclass
class Bench:
    """A folder with a file, what an index shows for it, and a Sigstore."""

    folder: Path
    stand: Stand
    env: dict[str, str]
    given: bool = True
    """Whether the root is given on the command line, or is to be found."""

    def verify(self, case: Case, content: str) -> int:
        """Offline, so that nothing but what lies here counts."""
        file = self.folder / case.filename
        file.write_text(content)
        provenance = self.folder / "provenance.json"
        provenance.write_text(json.dumps(case.body))
        return cli.run(["verify", str(file), "--provenance", str(provenance), *self.root],
                       self.env)  # fmt: skip

    @property
    def root(self) -> list[str]:
        trust = self.folder / "trust.json"
        trust.write_text(json.dumps(self.stand.sandbox.info["trust_config"]))
        return ["--offline", *(["--trust-config", str(trust)] if self.given else [])]


@pytest.fixture
def bench(tmp_path: Path, stand: Stand, clean_env: dict[str, str]) -> Bench:
    return Bench(tmp_path, stand, clean_env)


def test_the_command_says_0_only_to_what_is_as_it_was(bench: Bench, kiwi: Case) -> None:
    assert bench.verify(kiwi, KIWI) == 0


@pytest.mark.parametrize(
    "mutation", [one for one in (*MUTATIONS, *OF_GITHUB) if one != "digest in capitals"]
)
def test_the_command_never_says_0(
    bench: Bench, kiwi: Case, widget: Case, mutation: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """11: it does not prove what it should. 12: nobody here can judge it."""
    spoiled = mutated(kiwi, {**MUTATIONS, **OF_GITHUB}[mutation], widget)
    content = KIWI if spoiled.sha256 == kiwi.sha256 else "other bytes"
    unusual = {"publisher of an unknown kind": (12, "evidence-incomplete")}
    code, error = unusual.get(mutation, (11, "evidence-fails"))
    assert bench.verify(spoiled, content) == code
    assert f"error {error}" in capsys.readouterr().out


def test_the_command_and_a_statement_with_a_kelvin_sign(bench: Bench, kiwi: Case) -> None:
    signer = bench.stand.sandbox.signer(bench.stand.player)
    assert bench.verify(sealed(signer, kiwi, KELVIN), KIWI) == 11


def test_the_command_and_a_forged_environment(bench: Bench, kiwi: Case) -> None:
    case = replace(kiwi, body=copy.deepcopy(kiwi.body))
    case.bundle["publisher"]["environment"] = "production"
    assert bench.verify(case, KIWI) == 11


def test_the_command_and_a_lone_root_in_the_cache(
    bench: Bench, kiwi: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pitfall 4: sigstore's own offline mode would take this root for the public one."""
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(bench.folder / name))
    metadata, targets = Repository(DEFAULT_TUF_URL).folders()
    config = bench.stand.sandbox.info["trust_config"]
    targets.mkdir(parents=True)
    (targets / TRUSTED_ROOT).write_text(json.dumps(config["trustedRoot"]))
    (targets / SIGNING_CONFIG).write_text(json.dumps(config["signingConfig"]))
    believed = SigstoreVerifier.production(offline=True)
    bundle = Attestation.model_validate(kiwi.attestation).to_bundle()
    believed.verify_dsse(bundle, UnsafeNoOp())  # so it is

    bench.given = False
    assert bench.verify(kiwi, KIWI) in {11, 12}  # 12 when the installed sigstore has grown old
    capsys.readouterr()

    metadata.mkdir(parents=True)
    (metadata / "timestamp.json").write_text("{}")
    assert bench.verify(kiwi, KIWI) == 12
    assert "Somebody may have changed Sigstore's cache" in capsys.readouterr().out
