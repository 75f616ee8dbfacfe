"""Google Cloud, as far as one gets without a metadata server; and ActiveState."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from publisher.errors import NoIdentityProvider, TokenRequestFailed, TokenUnexpected
from publisher.providers.activestate import WHY, ActiveState
from publisher.providers.google import (
    DEFAULT,
    EMAIL,
    METADATA,
    OTHERS,
    ROLE,
    SHADOWED,
    Google,
)
from publisher.providers.verdicts import Support
from publisher.publish.identity import ambient
from publisher.rehearsal.publishers import KINDS, find, register
from publisher.rehearsal.subjects import subject
from support.sandbox import ACTIVESTATE, GOOGLE, GOOGLE_PUBLISHER

ACCOUNT = "pypi-publisher@my-project.iam.gserviceaccount.com"
IMPERSONATE = {"GOOGLE_SERVICE_ACCOUNT_NAME": ACCOUNT}


def google(**env: str) -> Google:
    return Google(env, Path())


def test_ready() -> None:
    google().preflight()
    assert google().issuer == "https://accounts.google.com"
    assert google().held() is None
    assert google().tag() is None
    assert google().supports("pypi") == Support(mint=True, attest=True)


def test_github_would_be_asked_first() -> None:
    with pytest.raises(TokenRequestFailed, match="GITHUB_ACTIONS is set") as caught:
        google(GITHUB_ACTIONS="true", **IMPERSONATE).preflight()
    assert caught.value.facts == {"variable": "GITHUB_ACTIONS"}
    assert google().hint(caught.value) == SHADOWED
    assert "env -u GITHUB_ACTIONS" in SHADOWED


def test_publisher_and_register() -> None:
    assert google().publisher(GOOGLE) == GOOGLE_PUBLISHER
    assert google().register(GOOGLE) == {"Email": GOOGLE["email"], "Subject": GOOGLE["sub"]}
    with pytest.raises(TokenUnexpected, match="no email claim") as caught:
        google().publisher({"sub": "1"})
    assert google(**IMPERSONATE).hint(caught.value) == EMAIL.format(account=ACCOUNT)
    other = TokenUnexpected("it has expired", hint="Check the clock.")
    assert google().hint(other) == "Check the clock."


@pytest.mark.parametrize(
    ("email", "default"),
    [
        ("123456789012-compute@developer.gserviceaccount.com", True),
        ("123456789012@cloudbuild.gserviceaccount.com", True),
        ("my-project@appspot.gserviceaccount.com", True),
        (ACCOUNT, False),
        ("me@example.org", False),
    ],
)
def test_default_accounts_are_everybodys(email: str, default: bool) -> None:
    said = google().warnings({**GOOGLE, "email": email})
    assert said == ((DEFAULT.format(email=email),) if default else ())
    assert google().mint_verdict({**GOOGLE, "email": email}).accepted


# In its own words


NO_SERVER = """\
No metadata server answered, or it knows no such account. Run the step in Cloud Build or on a
machine of Google Cloud, as a service account of your own:

    # cloudbuild.yaml
    serviceAccount: projects/PROJECT_ID/serviceAccounts/pypi-publisher@PROJECT_ID.iam.gserviceaccount.com
    options:
      logging: CLOUD_LOGGING_ONLY"""  # noqa: E501 - an account has a long name
NO_ROLE = """\
Let the account that runs the build make ID tokens as pypi-publisher@my-project.iam.gserviceaccount.com:

    gcloud services enable iamcredentials.googleapis.com
    gcloud iam service-accounts add-iam-policy-binding pypi-publisher@my-project.iam.gserviceaccount.com \\
      --member="serviceAccount:ACCOUNT_OF_THE_BUILD" \\
      --role=roles/iam.serviceAccountOpenIdTokenCreator"""  # noqa: E501 - an account has a long name


def failed(reason: str) -> TokenRequestFailed:
    return TokenRequestFailed("no token", facts={"reason": reason}, hint="Run the job again.")


def test_hints() -> None:
    assert google().hint(failed("GCP: OIDC token request timed out")) == NO_SERVER
    denied = failed("GCP: OIDC token request failed (code=403, body='iam.serviceAccounts')")
    assert google(**IMPERSONATE).hint(denied) == NO_ROLE
    assert METADATA != ROLE


@pytest.fixture
def no_metadata_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real library, on a machine where the name means nothing."""
    try:
        socket.getaddrinfo("metadata", 80)
    except OSError:
        pass
    else:
        pytest.skip("on this network somebody is called metadata")
    monkeypatch.setattr(time, "sleep", lambda _: None)
    for name in OTHERS:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("no_metadata_server")
def test_no_metadata_server_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_NAME", ACCOUNT)
    provider = google(**IMPERSONATE)
    with pytest.raises(TokenRequestFailed, match="gave no ID token") as caught:
        ambient(provider)("pypi", spend=False)
    assert caught.value.facts == {
        "provider": "google",
        "audience": "pypi",
        "reason": "GCP: access token request timed out",
    }
    assert provider.hint(caught.value) == METADATA.format(account=ACCOUNT)


# Whom a rehearsal plays


@pytest.mark.parametrize(
    ("folder", "env", "email"),
    [
        ("My Project!", {}, "my-project@my-project.iam.gserviceaccount.com"),
        ("x_y.z", {}, "x-y-z@my-project.iam.gserviceaccount.com"),
        ("!", {}, "project@my-project.iam.gserviceaccount.com"),
        ("x", IMPERSONATE, ACCOUNT),
    ],
)
def test_persona(tmp_path: Path, folder: str, env: dict[str, str], email: str) -> None:
    provider = Google(env, tmp_path / folder)
    persona = provider.persona()
    assert persona.claims["email"] == email
    trusted = register(persona.publisher, persona.claims, None)
    assert find(KINDS["Google"], [trusted], persona.claims, fresh=True) == trusted
    assert subject(persona.claims).text[8] == persona.issuer == provider.issuer
    assert provider.mint_verdict(persona.claims).accepted
    assert provider.attest_verdict(persona.claims).accepted


# ActiveState: reviewed and rehearsed, never met


def test_activestate(tmp_path: Path) -> None:
    provider = ActiveState({}, tmp_path)
    assert not ActiveState.detects({"CI": "true"})
    with pytest.raises(NoIdentityProvider, match="to its own builder only"):
        provider.preflight()
    assert provider.supports("pypi") == Support(mint=True, attest=False, why=WHY)
    assert provider.register({**ACTIVESTATE, "actor": "jane"}) == {
        "Organization": "octo",
        "ActiveState Project name": "widget",
        "Actor Username": "jane",
    }
    persona = provider.persona()
    trusted = register(persona.publisher, persona.claims, None)
    assert find(KINDS["ActiveState"], [trusted], persona.claims, fresh=True) == trusted
    assert provider.mint_verdict(persona.claims).accepted
    assert not provider.attest_verdict(persona.claims).accepted
    assert persona.publisher["project"] == tmp_path.name
