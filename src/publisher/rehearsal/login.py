"""A person's login, as Sigstore's own (Dex) offers it: OAuth 2.0 with PKCE (RFC 6749, 7636).

Nobody looks at a page here: whoever ``sits`` before the browser is logged in at once. The code goes
to a redirect address on this machine, or is shown to be typed (out of band).
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

from publisher.rehearsal.issuer import Issuer, Player
from publisher.rehearsal.messages import Reply, ReplyError, Request, Route, json_reply, text_reply
from publisher.rehearsal.subjects import SIGSTORE

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"


class Login:
    """Codes for whoever sits before the browser, and ID tokens for codes."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._person: Player | None = None
        self._codes: dict[str, tuple[Player, Mapping[str, str]]] = {}

    def sit(self, email: str, connector: str, *, verified: bool = True) -> None:
        """Let a person use the browser, who is known to the service ``connector``."""
        claims = {
            "iss": SIGSTORE,
            "sub": base64.urlsafe_b64encode(email.encode()).decode(),
            "email": email,
            "email_verified": verified,
            "federated_claims": {"connector_id": connector},
        }
        self._person = self._issuer.add(claims)

    def routes(self) -> list[Route]:
        """The authorization and the token endpoint."""
        return [Route("GET", "/auth", self._authorize), Route("POST", "/token", self._exchange)]

    def _authorize(self, request: Request) -> Reply:
        asked = request.query
        if self._person is None:
            return text_reply(403, "Nobody sits before the browser (POST /login of the control)")
        where = asked.get("redirect_uri", "")
        here = urlsplit(where).hostname in {"localhost", "127.0.0.1"}
        right = (
            asked.get("response_type") == "code" and asked.get("code_challenge_method") == "S256"
        )
        if not right or not (here or where == OUT_OF_BAND):
            return text_reply(
                400, "Bad Request: no code flow with S256 to an address of this machine"
            )
        code = secrets.token_urlsafe(20)
        self._codes[code] = self._person, asked
        if where == OUT_OF_BAND:
            return text_reply(200, code)
        query = urlencode({"code": code, "state": asked.get("state", "")})
        return Reply(302, b"", headers=(("Location", f"{where}?{query}"),))

    def _exchange(self, request: Request) -> Reply:
        given = dict(parse_qsl(request.body.read_all().decode()))
        person, asked = self._codes.pop(given.get("code", ""), (None, {}))
        challenge = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        if (
            person is None
            or given.get("grant_type") != "authorization_code"
            or given.get("redirect_uri") != asked.get("redirect_uri")
            or _unpadded(challenge) != asked.get("code_challenge")
        ):
            raise _refused("invalid_grant")
        if _client(request) != asked.get("client_id"):
            raise _refused("invalid_client")
        token = self._issuer.token(person, asked["client_id"])
        return json_reply(200, {"access_token": token, "id_token": token, "token_type": "bearer"})


def _client(request: Request) -> str:
    """Who asks, by basic authentication; a public client has no password."""
    _, _, login = request.headers.get("Authorization", "").partition(" ")
    return base64.b64decode(login).decode().partition(":")[0]


def _unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _refused(error: str) -> ReplyError:
    return ReplyError(json_reply(400, {"error": error}))
