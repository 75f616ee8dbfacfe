"""Attestations beside a dist, signed in a rehearsal world: used if they hold, refused otherwise."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from publisher.errors import ExistingAttestationRefused
from publisher.models import Attested, Dist, Identity
from publisher.publish import metadata
from publisher.publish.existing import beside, load, missing, together
from publisher.verify.core import Verifier
from support.archives import make_sdist, make_wheel
from support.play import IDENTITY, dist, running
from support.sandbox import (
    GITHUB,
    GITLAB,
    GITLAB_PUBLISHER,
    GOOGLE,
    GOOGLE_PUBLISHER,
    PUBLISH,
    SHA,
    SLSA,
    Sandbox,
    form,
)

OTHER = "0" * 39 + "1"
IDENTITIES = {
    "github": IDENTITY,
    "gitlab": Identity("gitlab", GITLAB["iss"], GITLAB, GITLAB_PUBLISHER, {}),
    "google": Identity("google", GOOGLE["iss"], GOOGLE, GOOGLE_PUBLISHER, {}),
}
SUFFIXES = {PUBLISH: ".publish.attestation", SLSA: ".slsa.attestation"}


@pytest.fixture
def verifier(sandbox: Sandbox) -> Verifier:
    return Verifier(sandbox.trust())


@pytest.fixture
def wheel(tmp_path: Path, project_name: str) -> Dist:
    return dist(make_wheel(tmp_path / "dist", project_name))


def put(
    sandbox: Sandbox,
    one: Dist,
    predicate: str = PUBLISH,
    *,
    suffix: str | None = None,
    of: Path | None = None,
    kind: str = "github",
    **claims: object,
) -> Path:
    """Sign as the persona of these claims and put the attestation beside the dist."""
    player = sandbox.persona(kind, claims=claims)
    text = sandbox.attest(player, of or one.path, predicate).model_dump_json()
    path = sidecar(one, suffix or SUFFIXES[predicate])
    path.write_text(text, "utf-8")
    return path


def sidecar(one: Dist, suffix: str = ".publish.attestation") -> Path:
    return one.path.with_name(f"{one.filename}{suffix}")


def refused(
    verifier: Verifier, one: Dist, reason: str, identity: Identity = IDENTITY
) -> ExistingAttestationRefused:
    with pytest.raises(ExistingAttestationRefused) as caught:
        load(verifier, [one], identity)
    error = caught.value
    assert (error.code, error.exit_code) == ("existing-attestation-refused", 5)
    assert reason in str(error.facts["reason"])
    assert str(error.facts["reason"]) in error.message
    assert error.facts["file"] == one.filename
    path = Path(str(error.facts["attestation"]))
    assert error.message.startswith(f"{path}, an attestation beside {one.filename}, can't be used")
    assert f"remove {path.name}" in error.hint
    assert "in this very run" in error.hint
    json.dumps(error.finding().facts)
    return error


# They hold


def test_nothing_beside(verifier: Verifier, wheel: Dist) -> None:
    for name in (f"{wheel.filename}.asc", f"{wheel.filename}.sigstore.json", "other.attestation"):
        (wheel.path.parent / name).touch()
    assert beside([wheel]) == {}
    assert load(verifier, [wheel], IDENTITY) == {}
    assert missing([wheel], {}) == (wheel,)
    assert beside([]) == {}


@pytest.mark.parametrize("kind", IDENTITIES)
def test_both_kinds(sandbox: Sandbox, verifier: Verifier, wheel: Dist, kind: str) -> None:
    paths = (put(sandbox, wheel, kind=kind), put(sandbox, wheel, SLSA, kind=kind))
    sdist = dist(make_sdist(wheel.path.parent))
    assert beside([sdist, wheel]) == {wheel.filename: paths}
    found = load(verifier, [sdist, wheel], IDENTITIES[kind])
    assert list(found) == [wheel.filename]
    publish, slsa = found[wheel.filename]
    assert (publish.predicate_type, slsa.predicate_type) == (PUBLISH, SLSA)
    assert publish.dist == slsa.dist == wheel
    assert publish.log_index != slsa.log_index
    assert [json.loads(one.json) for one in (publish, slsa)] == [
        json.loads(path.read_bytes()) for path in paths
    ]
    assert missing([sdist, wheel], found) == (sdist,)


def test_written_by_other_hands(sandbox: Sandbox, verifier: Verifier, wheel: Dist) -> None:
    """Indented, with a BOM and CRLF; what is sent is one line."""
    path = put(sandbox, wheel)
    value = json.loads(path.read_bytes())
    path.write_bytes(json.dumps(value, indent=4).replace("\n", "\r\n").encode("utf-8-sig"))
    ((attested,),) = load(verifier, [wheel], IDENTITY).values()
    assert attested.json == json.dumps(value, separators=(",", ":"))


def test_with_our_own_to_the_index(sandbox: Sandbox, verifier: Verifier, wheel: Dist) -> None:
    """A build job's provenance and this run's publish attestation go up together."""
    put(sandbox, wheel, SLSA)
    found = load(verifier, [wheel], IDENTITY)
    assert missing([wheel], found) == (wheel,)
    player = sandbox.persona()
    made = sandbox.attest(player, wheel.path).model_dump_json()
    proof = verifier.attestation(made, wheel.filename, wheel.sha256, IDENTITY.publisher)
    ours = Attested(**vars(proof), dist=wheel, json=made)
    both = together(found, [ours])
    assert both == {wheel.filename: (ours, *found[wheel.filename])}
    texts = f"[{','.join(one.json for one in both[wheel.filename])}]"
    fields = form(wheel.path, **{**dict(metadata.form(wheel)), "attestations": texts})
    answer = sandbox.upload(sandbox.mint(player), wheel.path, fields)
    assert answer.status_code == 200, answer.text
    (bundle,) = sandbox.http.get(
        f"{sandbox.index}/integrity/{wheel.project}/{wheel.version}/{wheel.filename}/provenance"
    ).json()["attestation_bundles"]
    assert len(bundle["attestations"]) == 2


def test_together(sandbox: Sandbox, verifier: Verifier, wheel: Dist) -> None:
    put(sandbox, wheel)
    found = load(verifier, [wheel], IDENTITY)
    (attested,) = found[wheel.filename]
    other = replace(attested, dist=replace(wheel, path=Path("other.whl")))
    assert together(found, []) == found
    assert together({}, [attested]) == found
    assert together(found, [other]) == {"other.whl": (other,), **found}


def test_dists_in_several_folders(sandbox: Sandbox, verifier: Verifier, tmp_path: Path) -> None:
    wheel, sdist = dist(make_wheel(tmp_path / "a")), dist(make_sdist(tmp_path / "b"))
    put(sandbox, sdist, SLSA)
    elsewhere = tmp_path / "b" / f"{wheel.filename}.publish.attestation"
    elsewhere.write_text("not beside the wheel", "utf-8")
    found = load(verifier, [wheel, sdist], IDENTITY)
    assert list(found) == [sdist.filename]


def test_a_folder_that_has_gone(wheel: Dist, tmp_path: Path) -> None:
    gone = replace(wheel, path=tmp_path / "gone" / wheel.filename)
    with pytest.raises(ExistingAttestationRefused, match="gone can't be searched") as caught:
        beside([gone])
    assert caught.value.facts == {"folder": str(tmp_path / "gone")}


# Not for these bytes


def test_of_another_build(
    sandbox: Sandbox, verifier: Verifier, wheel: Dist, tmp_path: Path, project_name: str
) -> None:
    rebuilt = make_wheel(tmp_path / "again", project_name, size=9)
    put(sandbox, wheel, of=rebuilt)
    refused(verifier, wheel, "it is about other content: sha256 ")


def test_of_another_name(sandbox: Sandbox, verifier: Verifier, wheel: Dist, tmp_path: Path) -> None:
    renamed = tmp_path / "other-1.0-py3-none-any.whl"
    renamed.write_bytes(wheel.path.read_bytes())
    put(sandbox, wheel, of=renamed)
    refused(verifier, wheel, "it is about 'other-1.0-py3-none-any.whl', not")


def test_tampered_with(sandbox: Sandbox, verifier: Verifier, wheel: Dist) -> None:
    path = put(sandbox, wheel)
    value = json.loads(path.read_bytes())
    signature = value["envelope"]["signature"]
    value["envelope"]["signature"] = f"{signature[:9]}{'AB'[signature[9] == 'A']}{signature[10:]}"
    path.write_text(json.dumps(value), "utf-8")
    refused(verifier, wheel, "")


def test_from_a_world_that_we_do_not_trust(
    sandbox: Sandbox, verifier: Verifier, wheel: Dist, tmp_path: Path
) -> None:
    with running(tmp_path) as other:
        put(other, wheel)
    refused(verifier, wheel, "certificate")


# Not of this identity


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"sha": OTHER}, f"it was made for the commit {OTHER}, and this run is for {SHA}"),
        (
            {"ref": "refs/heads/main", "workflow_ref": GITHUB["workflow_ref"].replace(
                "refs/tags/v1.0", "refs/heads/main")},
            "it was made for the ref refs/heads/main, and this run is for refs/tags/v1.0",
        ),
        ({"repository": "octo-org/gadget"}, "OIDCSourceRepositoryURI"),
        ({"workflow_ref": GITHUB["workflow_ref"].replace("release", "build")}, "Build Config URI"),
        ({"environment": "staging"}, "it was signed in the environment 'staging', not 'pypi'"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("predicate", SUFFIXES)
def test_another_run(
    sandbox: Sandbox,
    verifier: Verifier,
    wheel: Dist,
    claims: dict[str, Any],
    reason: str,
    predicate: str,
) -> None:
    put(sandbox, wheel, predicate, **claims)
    error = refused(verifier, wheel, reason)
    assert error.facts["publisher"] == IDENTITY.publisher


def test_a_build_job_needs_no_environment(
    sandbox: Sandbox, verifier: Verifier, wheel: Dist
) -> None:
    put(sandbox, wheel, SLSA, environment="", run_id="1", event_name="workflow_dispatch")
    assert load(verifier, [wheel], IDENTITY)


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"sha": OTHER}, f"for the commit {OTHER}, and this run is for {SHA}"),
        (
            {"ref": "v2.0", "ci_config_ref_uri": GITLAB["ci_config_ref_uri"].replace("v1", "v2")},
            "for the ref refs/tags/v2.0, and this run is for refs/tags/v1.0",
        ),
        ({"project_path": "my-group/gadget"}, "OIDCSourceRepositoryURI"),
    ],
)
def test_another_pipeline(
    sandbox: Sandbox, verifier: Verifier, wheel: Dist, claims: dict[str, Any], reason: str
) -> None:
    put(sandbox, wheel, kind="gitlab", **claims)
    refused(verifier, wheel, reason, IDENTITIES["gitlab"])


def test_another_provider(sandbox: Sandbox, verifier: Verifier, wheel: Dist) -> None:
    put(sandbox, wheel, kind="gitlab")
    refused(verifier, wheel, "OIDCIssuerV2")


def test_a_run_that_knows_its_commit_takes_none_without(
    sandbox: Sandbox, verifier: Verifier, wheel: Dist
) -> None:
    """A service account's certificate names no commit."""
    put(sandbox, wheel, kind="google")
    known = replace(IDENTITIES["google"], claims={**GOOGLE, "sha": SHA})
    refused(verifier, wheel, "it was made for the commit None", known)


def test_an_identity_that_indexes_take_no_attestations_of(
    sandbox: Sandbox, verifier: Verifier, wheel: Dist
) -> None:
    put(sandbox, wheel)
    refused(verifier, wheel, "", replace(IDENTITY, publisher={"kind": "ActiveState"}))


# Not what its name says


@pytest.mark.parametrize(("predicate", "other"), [(PUBLISH, SLSA), (SLSA, PUBLISH)])
def test_the_wrong_name(
    sandbox: Sandbox, verifier: Verifier, wheel: Dist, predicate: str, other: str
) -> None:
    put(sandbox, wheel, predicate, suffix=SUFFIXES[other])
    right = f"{wheel.filename}{SUFFIXES[predicate]}"
    refused(verifier, wheel, f"what it holds belongs into {right}")


def test_an_unknown_predicate(sandbox: Sandbox, verifier: Verifier, wheel: Dist) -> None:
    put(sandbox, wheel, "https://example.com/provenance/v1", suffix=".slsa.attestation")
    refused(verifier, wheel, "its predicate type 'https://example.com/provenance/v1' is not known")


@pytest.mark.parametrize(
    "suffix", [".attestation", ".build.attestation", ".Publish.attestation", ".slsa.ATTESTATION"]
)
def test_unknown_suffixes(verifier: Verifier, wheel: Dist, suffix: str) -> None:
    sidecar(wheel, suffix).touch()
    name = wheel.filename
    error = refused(verifier, wheel, f"{name}.publish.attestation and {name}.slsa.attestation are")
    with pytest.raises(ExistingAttestationRefused, match="can't be used") as caught:
        beside([wheel])
    assert caught.value.message == error.message


# No attestation at all

SECRET = b'{"password": "hunter2"}'


def folder(path: Path) -> None:
    path.mkdir()


def link(path: Path) -> None:
    target = path.parent.parent / "elsewhere"
    target.write_bytes(SECRET)
    path.symlink_to(target)


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (folder, "it is a folder"),
        (link, "it is a link"),
        (dangling, "it is a link"),
        (os.mkfifo, "it is not a file"),
    ],
)
def test_no_file(
    verifier: Verifier, wheel: Dist, make: Callable[[Path], None], reason: str
) -> None:
    make(sidecar(wheel))
    assert "hunter2" not in str(vars(refused(verifier, wheel, reason)))


def test_a_file_that_goes_while_we_look(
    sandbox: Sandbox, verifier: Verifier, wheel: Dist, tmp_path: Path
) -> None:
    """The first file is verified meanwhile: somebody who removes the second is played by it."""
    first, second = wheel, dist(make_sdist(wheel.path.parent))
    gone = sidecar(second)
    gone.touch()

    class Removing(Verifier):
        def attestation(self, *args: Any) -> Any:
            gone.unlink()
            return super().attestation(*args)

    put(sandbox, first)
    with pytest.raises(ExistingAttestationRefused, match="it can't be read: No such file"):
        load(Removing(sandbox.trust()), [first, second], IDENTITY)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is not JSON: Expecting value"),
        (b"\xff\xfe{\0}\0", "it is not text in UTF-8"),
        (b"x" * ((1 << 20) + 1), "it is larger than 1 MiB"),
        (b"[" * (1 << 20), "it is not JSON: "),
        (b'{"a": %s}' % (b"9" * 5000), "it is not JSON: "),
        (b"[]", "it is not a JSON object"),
        (b"null", "it is not a JSON object"),
        (b"{}", "version"),
        (b'{"version": 1, "verification_material": "\\ud800"}', ""),
        (b'{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}',
         "it is a Sigstore bundle and not a PEP 740 attestation; `pypi-attestations convert`"),
        (b'{"version": 1, "attestation_bundles": []}', "it is a provenance object"),
        (SECRET + b"\n" + SECRET, "it is not JSON: Extra data"),
    ],
)  # fmt: skip
def test_no_attestation(verifier: Verifier, wheel: Dist, content: bytes, reason: str) -> None:
    sidecar(wheel, ".slsa.attestation").write_bytes(content)
    refused(verifier, wheel, reason)


def test_a_sigstore_bundle_and_its_conversion(
    sandbox: Sandbox, verifier: Verifier, wheel: Dist, tmp_path: Path
) -> None:
    """What the reason advises works."""
    attestation = sandbox.attest(sandbox.persona(), wheel.path, SLSA)
    path, bundle = sidecar(wheel, ".slsa.attestation"), tmp_path / "bundle.json"
    for place in (path, bundle):
        place.write_text(attestation.to_bundle().to_json(), "utf-8")
    refused(verifier, wheel, "it is a Sigstore bundle")
    path.unlink()
    convert = [sys.executable, "-m", "pypi_attestations", "convert", "--output-file", str(path)]
    subprocess.run([*convert, str(bundle)], check=True)
    assert load(verifier, [wheel], IDENTITY)


# Several


def test_all_refusals_are_told(sandbox: Sandbox, verifier: Verifier, wheel: Dist) -> None:
    sdist = dist(make_sdist(wheel.path.parent))
    put(sandbox, wheel)
    sidecar(wheel, ".slsa.attestation").touch()
    sidecar(sdist, ".slsa.attestation").mkdir()
    error = refused_of(verifier, wheel, sdist)
    assert error.facts["file"] == wheel.filename
    (also,) = cast("list[str]", error.facts["also"])
    assert "it is a folder" in also
    sidecar(wheel, ".attestation").touch()
    sidecar(sdist, ".sigstore.attestation").touch()
    error = refused_of(verifier, wheel, sdist)
    assert str(error.facts["attestation"]).endswith(".whl.attestation")
    assert ".tar.gz.sigstore.attestation" in str(error.facts["also"])


def refused_of(verifier: Verifier, *dists: Dist) -> ExistingAttestationRefused:
    with pytest.raises(ExistingAttestationRefused) as caught:
        load(verifier, dists, IDENTITY)
    return caught.value
