"""An index's trusted publishing endpoints: audience, mint and burn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jwt

from publisher.rehearsal import names
from publisher.rehearsal.conditions import Settings
from publisher.rehearsal.issuer import Issuer
from publisher.rehearsal.messages import Reply, ReplyError, Request, Route, json_reply
from publisher.rehearsal.publishers import (
    KINDS,
    ClaimsError,
    Kind,
    TrustedPublisher,
    UsedTokenError,
    find,
)
from publisher.rehearsal.store import Store

LEEWAY = 30


class Exchange:
    """Turns ID tokens into upload tokens, as the index at hand would."""

    def __init__(self, audience: str, issuer: Issuer, store: Store, settings: Settings) -> None:
        self._audience = audience
        self._issuer = issuer
        self._store = store
        self._settings = settings
        self._publishers: list[TrustedPublisher] = []
        self._pending: list[TrustedPublisher] = []
        self.disabled: frozenset[str] = frozenset()
        """Providers that the index's administrators switched off, or ``all``."""

    def register(self, publisher: TrustedPublisher) -> None:
        """Trust a publisher, beside the ones registered before."""
        self._publishers.append(publisher)

    def expect(self, publisher: TrustedPublisher) -> None:
        """Trust a publisher with a project that it is to make: a pending publisher."""
        self._pending.append(publisher)

    def routes(self) -> list[Route]:
        """The endpoints; the provider-specific mint is an old name of the general one."""
        return [
            Route("GET", "/_/oidc/audience", self._give_audience),
            Route("POST", "/_/oidc/(?:github/)?mint-token", self._mint),
            Route("POST", "/_/oidc/burn-token", self._burn),
        ]

    def _give_audience(self, _request: Request) -> Reply:
        if "all" in self.disabled:
            return json_reply(403, {"message": "Trusted publishing functionality not enabled"})
        return json_reply(200, {"audience": self._audience})

    def _burn(self, request: Request) -> Reply:
        self._store.burn(_payload(request))
        return json_reply(202, {})

    def _mint(self, request: Request) -> Reply:
        token = _payload(request)
        kind = self._kind(token)
        if self.disabled & {kind.label, "all"}:
            text = f"{kind.label} trusted publishing functionality not enabled"
            raise _refused("not-enabled", text)
        claims = self._verified(token)
        self._make_project(kind, claims, request.base)
        publisher = self._find(kind, claims)
        jti = claims.get("jti")
        if jti is not None and not self._store.use(claims["iss"], str(jti)):
            raise _refused("invalid-reuse-token", "invalid token: already used")
        grant = self._store.grant(self._projects(publisher), publisher)
        answer = {"success": True, "token": grant.token, "expires": grant.expires}
        return json_reply(200, answer)

    def _make_project(self, kind: Kind, claims: Mapping[str, Any], base: str) -> None:
        """The first mint of a pending publisher makes its project."""
        try:
            pending = find(kind, self._pending, claims, fresh=self._fresh(claims))
        except ClaimsError:
            return  # nobody's, or a registered publisher's
        except UsedTokenError as error:  # which nobody catches
            raise ReplyError(Reply(500, b"500 Internal Server Error", "text/plain")) from error
        (project,) = pending.projects or ("",)
        with self._store.lock:
            if self._store.project(project) is not None:
                self._pending.remove(pending)
                text = "valid token, but project already exists"
                raise _refused("invalid-pending-publisher", text)
            try:
                names.check(project, self._store, self._settings, base)
            except names.NameRefusedError as error:
                raise _refused("invalid-payload", str(error)) from error
            self._store.make(project)
            self._pending.remove(pending)
            self._publishers.append(pending)

    def _projects(self, publisher: TrustedPublisher) -> frozenset[str] | None:
        """All projects that list this publisher, however often it was registered."""
        same = [p.projects for p in self._publishers if p.fields == publisher.fields]
        return None if None in same else frozenset().union(*(p or () for p in same))

    def _kind(self, token: str) -> Kind:
        """The provider, by a look at ``iss`` before anything is verified."""
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
            issuer = str(claims["iss"])
        except (jwt.PyJWTError, KeyError) as error:
            raise _refused("invalid-payload", "malformed JWT") from error
        kinds = {kind.issuer: kind for kind in KINDS.values()}
        # An organization's own issuers. Only GitLab's publishers are looked up by issuer too.
        known = (*self._publishers, *self._pending)
        own = {p.issuer: "GitLab" for p in known if p.kind == "GitLab"} | self._settings.issuers
        kinds = {**{issuer: KINDS[kind] for issuer, kind in own.items()}, **kinds}
        if issuer not in kinds:
            raise _refused("invalid-payload", "unknown trusted publishing issuer")
        return kinds[issuer]

    def _verified(self, token: str) -> Mapping[str, Any]:
        try:
            unverified = jwt.decode(token, options={"verify_signature": False})
            key = self._issuer.key(unverified["iss"], jwt.get_unverified_header(token).get("kid"))
            if key is None:
                raise jwt.InvalidKeyError("the provider has no such key")
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=self._audience,
                leeway=LEEWAY,
                options={"require": ["iss", "iat", "exp", "aud"], "strict_aud": True},
            )
        except jwt.PyJWTError as error:
            raise _refused("invalid-token", "malformed or invalid token") from error
        return claims

    def _find(self, kind: Kind, claims: Mapping[str, Any]) -> TrustedPublisher:
        try:
            return find(kind, self._publishers, claims, fresh=self._fresh(claims))
        except UsedTokenError as error:
            raise _refused("invalid-reuse-token", "invalid token: already used") from error
        except ClaimsError as error:
            text = f"valid token, but no corresponding publisher ({error})"
            raise _refused("invalid-publisher", text) from error

    def _fresh(self, claims: Mapping[str, Any]) -> bool:
        return not self._store.used(claims["iss"], str(claims.get("jti")))


def _payload(request: Request) -> str:
    """The ``token`` of the body, or the refusal in pydantic's words."""
    from pydantic import BaseModel, StrictStr, ValidationError

    class TokenPayload(BaseModel):
        token: StrictStr

    try:
        return TokenPayload.model_validate_json(request.body.read_all()).token
    except ValidationError as error:
        raise _refused("invalid-payload", str(error)) from error


def _refused(code: str, description: str) -> ReplyError:
    errors = [{"code": code, "description": description}]
    return ReplyError(json_reply(422, {"message": "Token request failed", "errors": errors}))
