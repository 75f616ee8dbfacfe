"""The index's exchange, row by row of its contract."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from support.sandbox import CONFIG, GITHUB, PERSONAS, Sandbox

NOW = int(time.time())


def _error(answer: Any) -> tuple[str, str]:
    assert answer.status_code == 422
    assert answer.json()["message"] == "Token request failed"
    (error,) = answer.json()["errors"]
    return error["code"], error["description"]


@pytest.mark.parametrize("kind", PERSONAS)
def test_every_provider_mints(shared: Sandbox, kind: str) -> None:
    answer = shared.exchange(shared.persona(kind).token("pypi"))
    assert answer.status_code == 200
    value = answer.json()
    assert value["success"] is True
    assert value["token"].startswith("pypi-")
    assert 890 <= value["expires"] - time.time() <= 910


def test_audience(shared: Sandbox) -> None:
    url = f"{shared.index}/_/oidc/audience"
    assert shared.http.get(url).json() == {"audience": "pypi"}


def test_the_old_route_and_other_methods(shared: Sandbox) -> None:
    url = f"{shared.index}/_/oidc/github/mint-token"
    token = shared.persona("google").token("pypi")
    assert shared.http.post(url, json={"token": token, "extra": 1}).status_code == 200
    assert shared.http.get(url).status_code == 405


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "1 validation error for TokenPayload"),
        (b"{}", "1 validation error for TokenPayload\ntoken\n  Field required"),
        (b'{"token": 1}', "1 validation error for TokenPayload"),
        (b'{"token": "no.jwt"}', "malformed JWT"),
    ],
)
def test_payloads(shared: Sandbox, body: bytes, text: str) -> None:
    answer = shared.http.post(f"{shared.index}/_/oidc/mint-token", data=body)
    code, description = _error(answer)
    assert code == "invalid-payload"
    assert description.startswith(text)


def test_issuers(shared: Sandbox) -> None:
    code, text = _error(shared.exchange(jwt.encode({"sub": "x"}, "k" * 32, "HS256")))
    assert (code, text) == ("invalid-payload", "malformed JWT")
    dex = shared.persona(claims={"iss": "https://oauth2.sigstore.dev/auth"})
    code, text = _error(shared.exchange(dex.token("pypi")))
    assert (code, text) == ("invalid-payload", "unknown trusted publishing issuer")


@pytest.mark.parametrize(
    "overrides",
    [
        {"aud": "testpypi"},
        {"aud": ["pypi"]},
        {"aud": None},
        {"iat": None},
        {"exp": None},
        {"exp": NOW - 3600},
        {"iat": NOW + 3600},
        {"nbf": NOW + 3600},
    ],
)
def test_tokens_that_do_not_verify(shared: Sandbox, overrides: dict[str, Any]) -> None:
    player = shared.persona(overrides=overrides)
    code, text = _error(shared.exchange(player.token("pypi")))
    assert (code, text) == ("invalid-token", "malformed or invalid token")


@pytest.mark.parametrize("stolen_kid", [True, False])
def test_a_forged_token(shared: Sandbox, stolen_kid: bool) -> None:
    real = shared.persona().token("pypi")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    claims = jwt.decode(real, options={"verify_signature": False})
    headers = {"kid": jwt.get_unverified_header(real)["kid"]} if stolen_kid else {}
    forged = jwt.encode(claims, key, "RS256", headers=headers)
    assert _error(shared.exchange(forged))[0] == "invalid-token"


def test_thirty_seconds_of_leeway(shared: Sandbox) -> None:
    now = int(time.time())
    player = shared.persona(overrides={"exp": now - 5, "nbf": now + 20})
    assert shared.exchange(player.token("pypi")).status_code == 200


@pytest.mark.parametrize("kind", ["github", "google"])
def test_a_token_mints_once(shared: Sandbox, kind: str) -> None:
    """Google's tokens have a ``jti`` here, which then counts like GitHub's."""
    token = shared.persona(kind).token("pypi")
    assert shared.exchange(token).status_code == 200
    code, text = _error(shared.exchange(token))
    assert (code, text) == ("invalid-reuse-token", "invalid token: already used")


def test_a_refused_mint_does_not_use_the_token_up(shared: Sandbox) -> None:
    changes = {"repository_owner_id": "771"}
    token = shared.persona(claims=changes, publisher={"repository_owner_id": "772"}).token("pypi")
    assert _error(shared.exchange(token))[0] == "invalid-publisher"
    shared.persona(claims=changes)
    assert shared.exchange(token).status_code == 200


NOT_FOUND = "Publisher with matching claims was not found"


@pytest.mark.parametrize(
    ("kind", "overrides", "text"),
    [
        ("github", {"event_name": None}, "Missing claim 'event_name'"),
        ("github", {"jti": None}, "Missing claim 'jti'"),
        ("github", {"sha": None}, "Missing claim 'sha'"),
        ("github", {"repository": "octo-org/other"}, NOT_FOUND),
        ("github", {"repository": "Octo-Org/widget"}, NOT_FOUND),
        ("github", {"repository_owner_id": "1"}, NOT_FOUND),
        ("github", {"environment": "staging"}, NOT_FOUND),
        ("github", {"environment": None}, NOT_FOUND),
        ("github", {"job_workflow_ref": ""}, "Could not job extract workflow filename"),
        ("github", {"job_workflow_ref": "o/r/release.json@x"}, "Could not job extract"),
        ("github", {"repository_owner": "other"}, "Check failed for required claim 'repository_o"),
        ("github", {"ref": "", "sha": ""}, "The ref and sha claims are empty"),
        (
            "github",
            {"job_workflow_ref": "x/y/.github/workflows/release.yml@main", "ref": "main"},
            "The job_workflow_ref claim does not match, expecting one of "
            "['octo-org/widget/.github/workflows/release.yml@main', ",
        ),
        (
            "github",
            {"event_name": "pull_request_target"},
            "Publishing from a workflow invoked via 'pull_request_target' is not supported.",
        ),
        ("gitlab", {"sub": None}, "Missing claim 'sub'"),
        ("gitlab", {"sub": "project_path:a/b:ref"}, "Check failed for required claim 'sub'"),
        ("gitlab", {"project_path": "my-group/other"}, NOT_FOUND),
        ("gitlab", {"environment": "Production"}, NOT_FOUND),
        ("gitlab", {"ci_config_ref_uri": ""}, "Could not extract workflow filename"),
        ("gitlab", {"ref_path": ""}, "The ref_path and sha claims are empty"),
        (
            "gitlab",
            {"ci_config_ref_uri": "gitlab.com/My-Group/widget//.gitlab-ci.yml@refs/tags/v1.0"},
            "The ci_config_ref_uri claim does not match, expecting one of ['gitlab.com/my-group",
        ),
        ("google", {"email": "other@example.org"}, NOT_FOUND),
        ("google", {"sub": "1"}, NOT_FOUND),
        ("google", {"email_verified": False}, "Check failed for required claim 'email_verified'"),
        ("activestate", {"sub": ""}, "Missing 'subject' claim"),
        ("activestate", {"sub": "user:1"}, "Invalid 'subject' claim. Wrong format"),
        ("activestate", {"sub": "org:octo:project:x"}, "Invalid 'subject' claim)"),
        ("activestate", {"builder": "x"}, "Check failed for required claim 'builder'"),
        ("activestate", {"actor_id": "x"}, NOT_FOUND),
    ],
)
def test_claims(shared: Sandbox, kind: str, overrides: dict[str, Any], text: str) -> None:
    player = shared.persona(kind, overrides=overrides)
    code, description = _error(shared.exchange(player.token("pypi")))
    assert code == "invalid-publisher"
    assert description.startswith(f"valid token, but no corresponding publisher ({text}")


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("github", {"environment": "PyPI"}),
        ("gitlab", {"project_path": "My-Group/Widget", "sub": "project_path:My-Group/WIDGET:x"}),
        (
            "gitlab",
            {"ci_config_ref_uri": "gitlab.com/my-group/widget//.gitlab-ci.yml@x", "sha": "x"},
        ),
    ],
)
def test_what_case_does_not_matter_for(shared: Sandbox, kind: str, changes: dict[str, str]) -> None:
    player = shared.persona(kind, overrides=changes)
    assert shared.exchange(player.token("pypi")).status_code == 200


def test_a_publisher_without_environment_takes_any(shared: Sandbox) -> None:
    path = "octo-org/any/.github/workflows/release.yml@refs/tags/v1.0"
    player = shared.persona(
        claims={"repository": "octo-org/any", "job_workflow_ref": path, "environment": "whatever"},
        publisher={"repository": "octo-org/any", "environment": None},
    )
    assert shared.exchange(player.token("pypi")).status_code == 200


def test_a_google_publisher_without_subject_takes_any(shared: Sandbox) -> None:
    mail = {"email": "any@example.org"}
    player = shared.persona("google", claims=mail, publisher={**mail, "sub": ""})
    assert shared.exchange(player.token("pypi")).status_code == 200


def test_self_managed_gitlab_mints(shared: Sandbox) -> None:
    player = shared.persona(
        "gitlab",
        claims={
            "iss": "https://gitlab.example.org",
            "ci_config_ref_uri": CONFIG.replace("gitlab.com", "gitlab.example.org"),
        },
    )
    assert shared.exchange(player.token("pypi")).status_code == 200


def test_switches(fresh: Sandbox) -> None:
    fresh.post("settings", {"disabled": ["github"]})
    player = fresh.persona()
    code, text = _error(fresh.exchange(player.token("pypi")))
    assert (code, text) == ("not-enabled", "github trusted publishing functionality not enabled")
    fresh.post("settings", {"disabled": ["all"]})
    assert _error(fresh.exchange(fresh.persona("google").token("pypi")))[0] == "not-enabled"
    answer = fresh.http.get(f"{fresh.index}/_/oidc/audience")
    assert answer.status_code == 403
    assert answer.json() == {"message": "Trusted publishing functionality not enabled"}


def test_burning(shared: Sandbox) -> None:
    url = f"{shared.index}/_/oidc/burn-token"
    assert shared.http.post(url, json={"token": shared.mint(shared.persona())}).status_code == 202
    assert shared.http.post(url, json={"token": "pypi-unknown"}).status_code == 202
    assert _error(shared.http.post(url, json={}))[0] == "invalid-payload"


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"claims": GITHUB},
        {"claims": {}, "publisher": {}},
        {"claims": GITHUB, "publisher": {"kind": "Jenkins"}},
        {"claims": GITHUB, "publisher": {"kind": "GitLab"}},
    ],
)
def test_personas_that_are_none(shared: Sandbox, body: object) -> None:
    assert shared.post("persona", body).status_code == 400
