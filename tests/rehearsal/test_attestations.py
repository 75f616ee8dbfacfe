"""PEP 740 through the real clients: sigstore, pypi-attestations, twine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pypi_attestations import (
    Attestation,
    GitHubPublisher,
    GitLabPublisher,
    GooglePublisher,
    Provenance,
)
from sigstore.verify import Verifier

from support.sandbox import (
    ACTIVESTATE,
    GITHUB_PUBLISHER,
    GITLAB_PUBLISHER,
    GOOGLE_PUBLISHER,
    PUBLISH,
    SLSA,
    Sandbox,
    dump,
    form,
    project_of,
    wheel,
)

PUBLISHERS = {
    "github": (GitHubPublisher(**GITHUB_PUBLISHER), GITHUB_PUBLISHER),
    "gitlab": (GitLabPublisher(**GITLAB_PUBLISHER), GITLAB_PUBLISHER),
    "google": (GooglePublisher(**GOOGLE_PUBLISHER), GOOGLE_PUBLISHER),
}
PREFIX = "Invalid attestations supplied during upload: "
UNVERIFIED = (
    "Could not verify the uploaded artifact using the included attestation: Verification failed: "
)


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return wheel(tmp_path, project_of(tmp_path))


@pytest.mark.parametrize("kind", PUBLISHERS)
def test_signed_verified_uploaded_read_back(shared: Sandbox, new: Path, kind: str) -> None:
    player = shared.persona(kind)
    attestation = shared.attest(player, new)
    publisher, registered = PUBLISHERS[kind]
    verifier = Verifier(trusted_root=shared.trust().trusted_root)
    type_, payload = verifier.verify_dsse(attestation.to_bundle(), publisher._as_policy())
    assert type_ == "application/vnd.in-toto+json"
    assert json.loads(payload)["predicateType"] == PUBLISH

    fields = form(new, attestations=dump(attestation))
    assert shared.upload(shared.mint(player), new, fields).status_code == 200
    answer = shared.provenance(new)
    assert answer.headers["Content-Type"] == "application/vnd.pypi.integrity.v1+json"
    provenance = Provenance.model_validate_json(answer.content)
    (bundle,) = provenance.attestation_bundles
    assert bundle.publisher == publisher
    assert answer.json()["attestation_bundles"][0]["publisher"] == registered
    assert bundle.attestations == [attestation]
    (file,) = shared.listing(new.name.split("-")[0]).json()["files"]
    assert shared.http.get(file["provenance"]).json() == answer.json()


def test_two_predicates(shared: Sandbox, new: Path) -> None:
    player = shared.persona()
    both = [shared.attest(player, new), shared.attest(player, new, SLSA)]
    fields = form(new, attestations=dump(*both))
    assert shared.upload(shared.mint(player), new, fields).status_code == 200
    (bundle,) = shared.provenance(new).json()["attestation_bundles"]
    assert len(bundle["attestations"]) == 2


def test_an_identical_upload_drops_its_attestations(shared: Sandbox, new: Path) -> None:
    player = shared.persona()
    token = shared.mint(player)
    assert shared.upload(token, new).status_code == 200
    fields = form(new, attestations=dump(shared.attest(player, new)))
    assert shared.upload(token, new, fields).status_code == 200
    answer = shared.provenance(new)
    assert answer.status_code == 404
    assert answer.json() == {"message": f"No provenance available for {new.name}"}


def test_only_under_trusted_publishing(shared: Sandbox, new: Path) -> None:
    fields = form(new, attestations=dump(shared.attest(shared.persona(), new)))
    user = shared.post("api-token", {}).json()["tokens"]["pypi"]
    answer = shared.upload(user, new, fields)
    text = "Attestations are only supported when using Trusted Publishing"
    assert (answer.status_code, answer.reason) == (400, PREFIX + text)
    activestate = shared.mint(shared.persona("activestate", claims=ACTIVESTATE))
    answer = shared.upload(activestate, new, fields)
    text = "Attestations are not currently supported with ActiveState publishers"
    assert answer.reason == PREFIX + text
    assert shared.upload(activestate, new).status_code == 200


def test_a_switched_off_index_ignores_them(fresh: Sandbox, new: Path) -> None:
    fresh.post("settings", {"attestations": False})
    token = fresh.mint(fresh.persona())
    assert fresh.upload(token, new, form(new, attestations="[]")).status_code == 200
    answer = fresh.provenance(new)
    assert answer.status_code == 403
    assert answer.json() == {"message": "Attestations temporarily disabled"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("no json", "Malformed attestations: 1 validation error for list[Attestation]"),
        ("{}", "Malformed attestations: 1 validation error"),
        ("[{}]", "Malformed attestations: 3 validation errors"),
        ("[]", "Malformed attestations: an empty attestation set is not permitted"),
    ],
)
def test_malformed(shared: Sandbox, new: Path, text: str, wanted: str) -> None:
    token = shared.mint(shared.persona())
    answer = shared.upload(token, new, form(new, attestations=text), accept="application/json")
    assert answer.status_code == 400
    assert answer.reason.startswith(PREFIX + wanted)
    assert PREFIX + wanted in answer.json()["message"]
    assert shared.listing(new.name.split("-")[0]).status_code == 404


def _change(attestation: Attestation, where: list[str | int], value: Any) -> Attestation:
    data = json.loads(attestation.model_dump_json())
    inner = data
    for step in where[:-1]:
        inner = inner[step]
    inner[where[-1]] = value
    return Attestation.model_validate(data)


ENTRY: list[str | int] = ["verification_material", "transparency_entries", 0]


@pytest.mark.parametrize(
    ("where", "value", "wanted"),
    [
        (["envelope", "signature"], "AAAA", UNVERIFIED + "DSSE: invalid signature"),
        (
            [*ENTRY, "inclusionPromise", "signedEntryTimestamp"],
            "AAAA",
            UNVERIFIED + "invalid log entry: SET: invalid inclusion promise",
        ),
        (
            [*ENTRY, "inclusionProof", "hashes"],
            ["AAAA"] * 60,
            UNVERIFIED + "invalid log entry: inclusion proof has wrong size",
        ),
        (
            [*ENTRY, "integratedTime"],
            "1",
            UNVERIFIED + "failed to build timestamp certificate chain",
        ),
        ([*ENTRY, "inclusionPromise"], None, "Unknown error while trying to verify"),
        ([*ENTRY, "inclusionProof"], {}, "Unknown error while trying to verify"),
    ],
)
def test_spoiled(
    shared: Sandbox, new: Path, where: list[str | int], value: Any, wanted: str
) -> None:
    player = shared.persona()
    spoiled = _change(shared.attest(player, new), where, value)
    answer = shared.upload(shared.mint(player), new, form(new, attestations=dump(spoiled)))
    assert answer.status_code == 400
    assert answer.reason.startswith(PREFIX + wanted)


def test_of_another_file(shared: Sandbox, new: Path, tmp_path: Path) -> None:
    player = shared.persona()
    token = shared.mint(player)
    (tmp_path / "other").mkdir()
    same_name = wheel(tmp_path / "other", new.name.split("-")[0])
    same_data = tmp_path / "other" / "elsewhere-1.0-py3-none-any.whl"
    same_data.write_bytes(new.read_bytes())
    for path, wanted in [
        (same_name, "subject does not match distribution digest"),
        (same_data, f"subject does not match distribution name: {same_data.name} != {new.name}"),
    ]:
        fields = form(new, attestations=dump(shared.attest(player, path)))
        assert shared.upload(token, new, fields).reason == PREFIX + UNVERIFIED + wanted


def test_of_an_unknown_type(shared: Sandbox, new: Path) -> None:
    player = shared.persona()
    unknown = shared.attest(player, new, "https://example.org/predicate")
    answer = shared.upload(shared.mint(player), new, form(new, attestations=dump(unknown)))
    assert answer.reason.endswith("unknown attestation type: https://example.org/predicate")


def test_too_many_and_doubles(shared: Sandbox, new: Path) -> None:
    player = shared.persona()
    token, one = shared.mint(player), shared.attest(player, new)
    answer = shared.upload(token, new, form(new, attestations=dump(one, one, one)))
    assert answer.reason == PREFIX + "A maximum of 2 attestations per file are supported"
    answer = shared.upload(token, new, form(new, attestations=dump(one, one)))
    assert answer.reason == PREFIX + (
        "Multiple attestations for the same file with the same predicate type "
        f"({PUBLISH}) are not supported"
    )


@pytest.mark.parametrize(
    ("overrides", "wanted"),
    [
        (
            {"repository": "octo-org/other"},
            "Certificate's OIDCSourceRepositoryURI does not match "
            "(got https://github.com/octo-org/other, expected https://github.com/octo-org/widget)",
        ),
        (
            {"workflow_ref": "octo-org/widget/.github/workflows/ci.yml@refs/tags/v1.0"},
            "Certificate's Build Config URI (",
        ),
        (
            {"iss": "https://gitlab.com"},
            "Certificate's OIDCIssuerV2 does not match (got https://gitlab.com, expected ",
        ),
    ],
)
def test_of_another_identity(
    shared: Sandbox, new: Path, overrides: dict[str, Any], wanted: str
) -> None:
    """A reusable workflow of the same repository mints, but its build config is the caller's."""
    shared.persona()
    other = shared.persona("gitlab" if "iss" in overrides else "github", overrides=overrides)
    fields = form(new, attestations=dump(shared.attest(other, new)))
    answer = shared.upload(shared.mint(shared.persona()), new, fields)
    assert answer.reason.startswith(PREFIX + UNVERIFIED + wanted)


def test_self_managed_gitlab_cannot_attest(shared: Sandbox, new: Path) -> None:
    config = "gitlab.example.org/my-group/widget//.gitlab-ci.yml@refs/tags/v1.0"
    claims = {"iss": "https://gitlab.example.org", "ci_config_ref_uri": config}
    own = shared.persona("gitlab", claims=claims)
    fields = form(new, attestations=dump(shared.attest(shared.persona(), new)))
    answer = shared.upload(shared.mint(own), new, fields)
    assert "expected https://gitlab.com)" in answer.reason
    assert shared.upload(shared.mint(own), new).status_code == 200
