from __future__ import annotations

import jwt
import pytest

from support.sandbox import GITHUB, Sandbox


def test_tokens_verify_by_discovery(shared: Sandbox) -> None:
    player = shared.persona()
    issuer = shared.info["issuer"]
    document = shared.http.get(f"{issuer}/.well-known/openid-configuration").json()
    assert document["issuer"] == issuer
    keys = jwt.PyJWKSet.from_dict(shared.http.get(document["jwks_uri"]).json())
    token = player.token("sigstore")
    header = jwt.get_unverified_header(token)
    key = next(key for key in keys.keys if key.key_id == header["kid"])
    claims = jwt.decode(token, key, algorithms=["RS256"], audience="sigstore")
    assert header["alg"] == "RS256"
    assert {name: claims[name] for name in GITHUB} == GITHUB
    assert claims["nbf"] < claims["iat"] < claims["exp"] == claims["iat"] + 300


def test_each_token_is_new(shared: Sandbox) -> None:
    player = shared.persona()
    options: jwt.types.Options = {"verify_signature": False}
    answers = [player.ask("pypi").json() for _ in range(2)]
    first, second = (jwt.decode(answer["value"], options=options) for answer in answers)
    assert first["jti"] != second["jti"]
    assert answers[0]["count"] == len(answers[0]["value"])


def test_the_default_audience_is_the_owner(shared: Sandbox) -> None:
    token = shared.persona().ask(scheme="BEARER").json()["value"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["aud"] == "https://github.com/octo-org"


@pytest.mark.parametrize(
    ("bearer", "scheme", "path"),
    [("wrong", "bearer", ""), (None, "Basic", ""), (None, "bearer", "/token/nobody?x=1")],
)
def test_strangers_get_nothing(shared: Sandbox, bearer: str | None, scheme: str, path: str) -> None:
    player = shared.persona()
    player.bearer = bearer or player.bearer
    player.url = shared.info["issuer"] + path if path else player.url
    answer = player.ask("pypi", scheme)
    assert answer.status_code == 401
    assert "message" in answer.json()
