"""Who this run is: ID tokens, fetched at the moment of use and checked locally."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping

from publisher.errors import MissingPermission, TokenRequestFailed, TokenUnexpected
from publisher.models import Identity, Secret
from publisher.providers.base import Provider

LEEWAY = 30  # seconds, as the index allows
TRIES = 3


def ambient(provider: Provider) -> Callable[[str], Secret]:
    """The way to ID tokens inside the job of ``provider``: each call asks anew, through ``id``.

    ``id`` looks for GitHub first and stops there, so no other CI is asked by accident.
    """

    def fetch(audience: str) -> Secret:
        import id as ambient_id
        from urllib3.exceptions import HTTPError

        provider.preflight()
        reason = "the CI answered with no token"
        for pause in range(TRIES):
            time.sleep(pause)
            try:
                token = ambient_id.detect_credential(audience)
            except ambient_id.GitHubOidcPermissionCredentialError as error:
                raise MissingPermission(str(error)) from error
            except (ambient_id.IdentityError, HTTPError, ValueError) as error:
                reason = str(error)
                continue
            if token:
                return Secret(token)
        raise TokenRequestFailed(
            "the identity provider gave no ID token",
            facts={"provider": provider.name, "audience": audience, "reason": reason[:400]},
            hint="Run the job again; if it stays, look at your CI's status page.",
        )

    return fetch


def claims_of(token: Secret) -> dict[str, object]:
    """The payload of a JWT (RFC 7519), unverified: the receivers verify the signature.

    Raises:
        TokenUnexpected: It is not a JWT.
    """
    try:
        payload = token.reveal().split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        if not isinstance(claims, dict):
            raise ValueError("its payload is not an object")
    except (IndexError, ValueError) as error:
        raise TokenUnexpected("what the identity provider gave is not a JWT") from error
    return claims


def fetch(
    tokens: Callable[[str], Secret], audience: str, issuer: str, *, now: float
) -> tuple[Secret, Mapping[str, object]]:
    """A fresh ID token for ``audience`` and its claims, checked; ``now`` in epoch seconds.

    Raises:
        TokenUnexpected: ``iss``, ``aud`` or ``exp`` is not what it must be.
    """
    token = tokens(audience)
    claims = claims_of(token)
    expires, begins = claims.get("exp"), claims.get("nbf", claims.get("iat"))
    problems = []
    if claims.get("iss") != issuer:
        problems.append(f"iss is {claims.get('iss')!r}, expected {issuer!r}")
    if claims.get("aud") != audience:
        problems.append(f"aud is {claims.get('aud')!r}, expected exactly {audience!r}")
    if not isinstance(expires, int | float) or expires <= now - LEEWAY:
        problems.append(f"exp is {expires!r}: it has expired (now {int(now)})")
    if not isinstance(begins, int | float) or begins > now + LEEWAY:
        problems.append(f"it begins at {begins!r}, in the future (now {int(now)})")
    if problems:
        raise TokenUnexpected(
            "the ID token is not what was asked for: " + "; ".join(problems),
            facts={"problems": problems},
            hint="If the times are off, check the clock of the runner.",
        )
    return token, claims


def probe(
    tokens: Callable[[str], Secret], provider: Provider, audience: str, *, now: float
) -> Identity:
    """Learn early, with a token that is then thrown away, who this run is.

    Raises:
        IdentityError: There is no identity, or it is not the provider's.
    """
    _, claims = fetch(tokens, audience, provider.issuer, now=now)
    return Identity(
        provider=provider.name,
        issuer=provider.issuer,
        claims=claims,
        publisher=provider.publisher(claims),
        register=provider.register(claims),
    )
