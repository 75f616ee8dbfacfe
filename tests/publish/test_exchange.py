"""ID token for upload token, at a rehearsal's index and at indexes that answer strangely."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from publisher.errors import AudienceMismatch, IndexAnswerMalformed, IndexUnreachable, MintRefused
from publisher.http import Http
from publisher.models import Secret, UploadToken
from publisher.publish.exchange import LATEST, burn, confirm_audience, mint
from publisher.world import Index, World
from support.archives import make_wheel
from support.play import IDENTITY, asked, broken, index_at
from support.sandbox import Sandbox
from support.web import RESET, Say, Web, say_html, say_json

MINT = "/_/oidc/mint-token"
SECRET = "pypi-AgEIcHlwaS5vcmcCJDAwMDAwMDAw"
ID_TOKEN = Secret("e30.e30.c2ln")


def shown(error: Any) -> str:
    """Everything that a report would show of an error."""
    finding = error.finding()
    return f"{finding.message} {json.dumps(finding.facts)} {finding.hint} {error!r}"


# The audience


def test_the_audience_is_as_pinned(http: Http, index: Index) -> None:
    confirm_audience(http, index, IDENTITY)
    assert http.requests == 1


def test_another_audience(http: Http, index: Index) -> None:
    with pytest.raises(
        AudienceMismatch, match="audience 'pypi'; its profile pins 'other'"
    ) as caught:
        confirm_audience(http, replace(index, audience="other"), IDENTITY)
    assert caught.value.facts == {"index": "pypi", "asked": "pypi", "pinned": "other"}
    assert "another service" in caught.value.hint


def test_the_index_has_it_switched_off(sandbox: Sandbox, http: Http, index: Index) -> None:
    sandbox.post("settings", {"disabled": ["all"]})
    with pytest.raises(MintRefused, match="Trusted publishing functionality not en") as caught:
        confirm_audience(http, index, IDENTITY)
    assert caught.value.facts["code"] == "not-enabled"
    assert caught.value.hint.startswith("The index's administrators have switched trusted")


@pytest.mark.parametrize(
    "answer",
    [
        say_html("<h1>Login</h1>"),
        say_html("<h1>Bad gateway</h1>", 502),
        say_json({"audience": "pypi"}, 404),
        say_json({"message": "Blocked by rule 7"}, 403),
        say_json([], 403),
        say_html("<h1>Forbidden</h1>", 403),
        say_json({"audience": "pypi"}, 302, "/"),
        say_json({}),
        say_json([]),
        say_json({"audience": None}),
        say_json({"audience": ["pypi"]}),
        Say(200, b"\xff"),
        Say(204),
    ],
)
def test_no_audience(http: Http, web: Web, answer: Say) -> None:
    web.on("/_/oidc/audience", answer)
    with pytest.raises(IndexAnswerMalformed, match="with an audience") as caught:
        confirm_audience(http, index_at(web.url), IDENTITY)
    assert caught.value.facts["status"] == answer.status
    assert caught.value.facts["answer"] == answer.body.decode("utf-8", "replace")
    assert "proxy" in caught.value.hint


def test_the_audience_is_worth_a_retry(sandbox: Sandbox, http: Http, index: Index) -> None:
    broken(sandbox, "pypi", method="GET", path="/_/oidc/audience", times=2)
    confirm_audience(http, index, IDENTITY)
    assert http.requests == 3


def test_nobody_there_to_ask(http: Http, web: Web) -> None:
    web.on("/_/oidc/audience", RESET)
    with pytest.raises(IndexUnreachable, match="does not answer: the connection failed") as caught:
        confirm_audience(http, index_at(web.url), IDENTITY)
    assert caught.value.facts["url"] == f"{web.url}/_/oidc/audience"


# Minting


def test_mint_and_burn(
    sandbox: Sandbox, http: Http, world: World, index: Index, tmp_path: Path
) -> None:
    token = mint(http, index, world.tokens("pypi"), IDENTITY)
    assert token.secret.reveal().startswith("pypi-")
    assert token.expires > 1_700_000_000
    assert token.secret.reveal() not in repr(token)
    wheel = make_wheel(tmp_path)
    assert sandbox.upload(token.secret.reveal(), wheel).status_code == 200
    assert burn(http, index, token) is True
    assert sandbox.upload(token.secret.reveal(), wheel).status_code == 403


def refused(http: Http, index: Index, token: Secret) -> MintRefused:
    with pytest.raises(MintRefused) as caught:
        mint(http, index, token, IDENTITY)
    assert token.reveal() not in shown(caught.value)
    return caught.value


def test_each_id_token_works_once(http: Http, index: Index, world: World) -> None:
    token = world.tokens("pypi")
    mint(http, index, token, IDENTITY)
    error = refused(http, index, token)
    assert error.facts["code"] == "invalid-reuse-token"
    assert "Run the job again" in error.hint


def test_no_such_publisher(sandbox: Sandbox, http: Http, index: Index) -> None:
    stranger = sandbox.persona(claims={"repository": "octo-org/gadget"})
    error = refused(http, index, Secret(stranger.token("pypi")))
    assert error.facts["code"] == "invalid-publisher"
    assert error.message.startswith(
        "pypi gives octo-org/widget, release.yml, pypi no upload token: valid token, but no"
    )
    assert error.facts["register"] == IDENTITY.register
    claims = error.facts["claims"]
    assert isinstance(claims, dict)
    assert claims["repository"] == "octo-org/widget"
    assert not {"jti", "aud"} & set(claims)
    file = "octo-org/widget/.github/workflows/release.yml@refs/tags/v1.0"
    assert error.hint.partition("settings on pypi:\n\n")[2].splitlines() == [
        "    field on the index  must be        the token's claim",
        "    Owner               octo-org       repository_owner = octo-org",
        "    Repository name     widget         repository = octo-org/widget",
        f"    Workflow name       release.yml    job_workflow_ref = {file}",
        "    Environment name    (leave empty)  environment = pypi",
    ]


def test_an_id_token_for_somebody_else(http: Http, index: Index, world: World) -> None:
    error = refused(http, index, world.tokens("sigstore"))
    assert (error.facts["code"], error.facts["index"]) == ("invalid-token", "pypi")
    assert "clock" in error.hint


def test_no_id_token_at_all(http: Http, index: Index) -> None:
    error = refused(http, index, Secret("nonsense"))
    assert error.facts["code"] == "invalid-payload"
    assert error.hint.startswith("What was sent is no ID token.")
    assert "malformed JWT" in error.message


def test_switched_off(sandbox: Sandbox, http: Http, index: Index, world: World) -> None:
    sandbox.post("settings", {"disabled": ["github"]})
    error = refused(http, index, world.tokens("pypi"))
    assert error.facts["code"] == "not-enabled"
    assert "github trusted publishing functionality not enabled" in error.message
    assert "status page" in error.hint


@pytest.mark.parametrize("fault", [{"kind": "reset"}, {"status": 503}, {"status": 500}])
@pytest.mark.parametrize("after", [True, False])
def test_minting_is_never_repeated(
    sandbox: Sandbox, http: Http, index: Index, world: World, fault: dict[str, Any], after: bool
) -> None:
    """Its answer may be lost after the ID token was used up: a second try proves nothing."""
    token, before = world.tokens("pypi"), len(asked(sandbox, "pypi"))
    broken(sandbox, "pypi", path=MINT, after=after, **fault)
    with pytest.raises((IndexUnreachable, IndexAnswerMalformed)) as caught:
        mint(http, index, token, IDENTITY)
    assert len(asked(sandbox, "pypi")) == before + 1
    assert http.requests == 1
    assert token.reveal() not in shown(caught.value)
    if after:
        assert refused(http, index, token).facts["code"] == "invalid-reuse-token"
    else:
        assert mint(http, index, token, IDENTITY).expires


@pytest.mark.parametrize(
    "answer",
    [
        say_json({"success": True, "token": SECRET}),
        say_json({"success": True, "token": SECRET, "expires": None}),
        say_json({"success": True, "token": SECRET, "expires": "soon"}),
        say_json({"success": False, "token": SECRET, "expires": 1}),
        say_json({"token": SECRET, "expires": 1}),
        say_json({"success": True, "tokens": [SECRET], "expires": 1}),
        say_json({"success": True, "token": [SECRET], "expires": 1}),
        say_json([{"success": True, "token": SECRET, "expires": 1}]),
        say_json(SECRET),
        say_json({"success": True, "token": SECRET, "errors": "x"}),
        say_json({"success": True, "token": SECRET, "errors": []}),
        say_json({"success": True, "token": SECRET, "errors": [SECRET]}),
        say_json({"token": SECRET, "errors": [{"code": "x", "description": SECRET}]}),
        Say(200, f'{{"success": true, "token": "{SECRET}", "expires": 1'.encode()),
        Say(200, f'{{"success": true, "token": "{SECRET}"}} <!-- served by a proxy -->'.encode()),
        Say(200, f"<html>{SECRET}</html>".encode(), {"Content-Type": "text/html"}),
        say_json({"success": True, "token": SECRET, "expires": 1}, 201),
        say_json({"success": True, "token": SECRET, "expires": 1}, 202),
    ],
)
def test_a_token_in_a_malformed_answer_is_not_shown(http: Http, web: Web, answer: Say) -> None:
    web.on(MINT, answer)
    with pytest.raises(IndexAnswerMalformed) as caught:
        mint(http, index_at(web.url), ID_TOKEN, IDENTITY)
    assert SECRET not in shown(caught.value)
    assert SECRET not in str(caught.value.__cause__)
    assert caught.value.facts["status"] == answer.status
    assert [seen.path for seen in web.seen].count(MINT) == 1


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (say_html("<h1>Login</h1>", 403), "403 Forbidden"),
        (say_html("<h1>Bad gateway</h1>", 502), "502 Bad Gateway"),
        (say_html("<h1>Strange</h1>", 422), "422 Unprocessable"),
        (say_json([], 422), "422 Unprocessable"),
        (say_json({"errors": []}, 422), "422 Unprocessable"),
        (say_json({"errors": ["x"]}, 422), "422 Unprocessable"),
        (say_json({"errors": {"code": "x"}}, 422), "422 Unprocessable"),
        (say_json({"errors": [{"code": "x"}]}, 400), "400 Bad Request"),
        (say_json({}, 308, "/elsewhere"), "308 Permanent Redirect"),
    ],
)
def test_refusals_that_are_none(http: Http, web: Web, answer: Say, text: str) -> None:
    web.on(MINT, answer)
    with pytest.raises(IndexAnswerMalformed, match=text) as caught:
        mint(http, index_at(web.url), ID_TOKEN, IDENTITY)
    assert caught.value.facts["answer"] == answer.body.decode()
    assert len(web.seen) == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ({"code": "invalid-future", "description": "Because."}, "no upload token: Because."),
        ({"code": "invalid-future"}, "no upload token: None"),
        ({}, "no upload token: None"),
    ],
)
def test_a_code_of_the_future(http: Http, web: Web, error: dict[str, str], said: str) -> None:
    web.on(MINT, say_json({"message": "Token request failed", "errors": [error]}, 422))
    caught = refused(http, index_at(web.url), ID_TOKEN)
    assert caught.message.endswith(said)
    assert caught.hint.startswith("This program does not know that refusal")


def test_an_id_token_that_is_sent_back_is_not_shown(http: Http, web: Web) -> None:
    description = f"Cannot read {ID_TOKEN.reveal()}"
    errors = [{"code": "invalid-payload", "description": description}]
    web.on(MINT, say_json({"errors": errors}, 422))
    assert "Cannot read <secret>" in refused(http, index_at(web.url), ID_TOKEN).message


def test_no_id_token_leaves_over_http(http: Http) -> None:
    with pytest.raises(IndexUnreachable, match="a secret is only sent over https"):
        mint(http, index_at("http://index.example"), ID_TOKEN, IDENTITY)
    assert http.requests == 0


# Burning


@pytest.mark.parametrize(
    "answer", [say_json({}), say_json({}, 404), say_html("x", 500), RESET, say_json({}, 302)]
)
def test_an_unconfirmed_burn(http: Http, web: Web, answer: Say) -> None:
    web.on("/_/oidc/burn-token", answer)
    assert burn(http, index_at(web.url), UploadToken(Secret(SECRET), 1)) is False
    tries = 5 if answer is RESET or answer.status == 500 else 1
    assert [json.loads(seen.body) for seen in web.seen] == [{"token": SECRET}] * tries


def test_a_token_without_a_time_is_burned_at_once(http: Http, web: Web) -> None:
    web.on(MINT, say_json({"success": True, "token": SECRET, "expires": "soon"}))
    web.on("/_/oidc/burn-token", say_json({}, 202))
    with pytest.raises(IndexAnswerMalformed):
        mint(http, index_at(web.url), ID_TOKEN, IDENTITY)
    assert [seen.path for seen in web.seen] == [MINT, "/_/oidc/burn-token"]
    assert json.loads(web.seen[1].body) == {"token": SECRET}


@pytest.mark.parametrize(("said", "kept"), [(1.9, 1), (10**30, LATEST), (-5, 0)])
def test_odd_times(http: Http, web: Web, said: float, kept: int) -> None:
    web.on(MINT, say_json({"success": True, "token": SECRET, "expires": said}))
    assert mint(http, index_at(web.url), ID_TOKEN, IDENTITY).expires == kept
