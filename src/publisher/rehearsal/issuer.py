"""The identity provider: ID tokens with the claims of a persona (OpenID Connect Core 1.0).

It speaks the request endpoint of GitHub Actions, whatever CI the persona is from. Tokens carry
the real provider's ``iss``, because policies name it; the certificate authority and the indexes
know that this issuer's keys are here.
"""

from __future__ import annotations

import base64
import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from publisher.rehearsal.messages import Reply, Request, Route, json_reply

LIFETIME = 300
BACKDATED = 600


@dataclass(frozen=True)
class Player:
    """A persona on stage: its claims, and the bearer that gets tokens with them.

    ``overrides`` spoils tokens for tests: it replaces any claim, ``None`` leaves it out.
    """

    claims: Mapping[str, Any]
    overrides: Mapping[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    bearer: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)


class Issuer:
    """Issues tokens, and is the issuer-to-keys map of everybody who verifies them."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.kid = uuid.uuid4().hex
        self._players: dict[str, Player] = {}
        self.issued: list[str] = []
        """Every token that was given out."""

    def add(self, claims: Mapping[str, Any], overrides: Mapping[str, Any] | None = None) -> Player:
        """Let a persona ask for tokens."""
        player = Player(dict(claims), dict(overrides or {}))
        self._players[player.id] = player
        return player

    def bearers(self) -> list[str]:
        """The bearers of all personas, in the order of their coming."""
        return [player.bearer for player in self._players.values()]

    def key(self, issuer: str, kid: object) -> rsa.RSAPublicKey | None:
        """The key ``kid`` of the provider that calls itself ``issuer``, if it plays here."""
        playing = any(player.claims.get("iss") == issuer for player in self._players.values())
        return self._key.public_key() if playing and kid == self.kid else None

    def token(self, player: Player, audience: str) -> str:
        """A new ID token: RS256, five minutes, a ``jti`` of its own."""
        now = int(time.time())
        times = {"iat": now, "nbf": now - BACKDATED, "exp": now + LIFETIME}
        claims = {**player.claims, "aud": audience, **times, "jti": str(uuid.uuid4())}
        claims |= player.overrides
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self.kid})

    def routes(self) -> list[Route]:
        """Token requests (GitHub's shape), discovery and keys."""
        return [
            Route("GET", r"/token/([^/]+)", self._give),
            Route("GET", r"/\.well-known/openid-configuration", self._discover),
            Route("GET", r"/\.well-known/jwks", self._keys),
        ]

    def _give(self, request: Request) -> Reply:
        player = self._players.get(request.args[0])
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        known = player and secrets.compare_digest(bearer.encode(), player.bearer.encode())
        if player is None or not known or scheme.lower() != "bearer":
            return json_reply(401, {"message": "Not authorized: the bearer is not this job's"})
        owner = f"https://github.com/{player.claims.get('repository_owner', '')}"
        token = self.token(player, request.query.get("audience", owner))
        self.issued.append(token)
        return json_reply(200, {"count": len(token), "value": token})

    def _discover(self, request: Request) -> Reply:
        document = {
            "issuer": request.base,
            "jwks_uri": f"{request.base}/.well-known/jwks",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        return json_reply(200, document)

    def _keys(self, _request: Request) -> Reply:
        numbers = self._key.public_key().public_numbers()
        key = {
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "kid": self.kid,
            "n": _number(numbers.n),
            "e": _number(numbers.e),
        }
        return json_reply(200, {"keys": [key]})


def _number(value: int) -> str:
    data = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
