"""Who this run is: ID tokens, fetched at the moment of use and checked locally."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from publisher.ahead import ahead
from publisher.errors import (
    IdTokenMissing,
    InvalidValue,
    MissingPermission,
    TokenRequestFailed,
    TokenUnexpected,
)
from publisher.models import Identity, Secret
from publisher.providers.base import Provider, no_number
from publisher.world import TokenSource, asked

LEEWAY = 30  # seconds, as the index allows
TRIES = 3


def ambient(provider: Provider) -> TokenSource:
    """The way to ID tokens inside the job of ``provider``: held ones, or through ``id``.

    Held tokens are used once each, in their order. Others are asked for; ``id`` looks for GitHub
    first and for Google next, and stops there.
    """
    spent: set[str] = set()
    ask = asked(partial(_ask, provider))

    def fetch(audience: str, *, spend: bool = True) -> Secret:
        held = provider.held()
        if held is None:
            provider.preflight()
            return ask(audience, spend=spend)
        token = _choose(held, provider.issuer, audience, spent)
        if spend:
            spent.add(token.reveal())
        return token

    return fetch


def masked(tokens: TokenSource, mask: Callable[[Secret], None]) -> TokenSource:
    """The same door to ID tokens; ``mask`` is told once of each before anybody gets it."""
    told: set[str] = set()

    def fetch(audience: str, *, spend: bool = True) -> Secret:
        token = tokens(audience, spend=spend)
        if token.reveal() not in told:
            mask(token)
            told.add(token.reveal())
        return token

    return fetch


def from_file(path: Path) -> TokenSource:
    """The way to ID tokens that somebody else fetched: JSON, a token (or several) by audience.

    The file is read anew at each call, for who keeps it fresh. Each token is used once.
    """
    spent: set[str] = set()

    def fetch(audience: str, *, spend: bool = True) -> Secret:
        held = _read(path)
        for token in held.get(audience, ()):
            if token.reveal() not in spent:
                if spend:
                    spent.add(token.reveal())
                return token
        used = ": those it has are used up" if audience in held else ""
        raise IdTokenMissing(
            f"{path.name} holds no ID token for {audience!r}{used}",
            facts={"file": str(path), "audience": audience, "audiences": sorted(held)},
            hint=f'Put one there: {{"{audience}": "TOKEN"}}, or a list of them if the run needs '
            "several.",
        )

    return fetch


def any_claims(path: Path) -> Mapping[str, object]:
    """The claims of a token in such a file, to learn whose they are.

    Raises:
        InvalidValue: There are none in it.
        TokenUnexpected: It is not a JWT.
    """
    claims = claims_of(next(token for tokens in _read(path).values() for token in tokens))
    if not isinstance(claims.get("iss"), str):
        raise TokenUnexpected("an ID token without an issuer (iss)", facts={"file": str(path)})
    return claims


def _read(path: Path) -> dict[str, list[Secret]]:
    try:
        value = json.loads(path.read_text("utf-8"))
        held = {
            audience: [Secret(one) for one in ([given] if isinstance(given, str) else given)]
            for audience, given in value.items()
            if given and all(isinstance(one, str) for one in given)
        }
    except (OSError, ValueError, RecursionError, AttributeError, TypeError) as error:
        problem = getattr(error, "strerror", None) or "it is no JSON object of tokens"
    else:
        if held:
            return held
        problem = "it is empty"
    raise InvalidValue(  # its text may hold a token, so what json said of it is not chained
        f"--id-token-file: there are no ID tokens in {path}",
        facts={"file": str(path), "problem": problem},
        hint='Give a JSON object, a token by its audience: {"pypi": "TOKEN", "sigstore": "TOKEN"}',
    ) from None


def _ask(provider: Provider, audience: str) -> Secret:
    import id as ambient_id
    from urllib3.exceptions import HTTPError

    reason = "the CI answered with no token"
    for pause in range(TRIES):
        time.sleep(pause)
        try:
            token = ambient_id.detect_credential(audience)
        except ambient_id.GitHubOidcPermissionCredentialError as error:
            raise MissingPermission(str(error)) from error
        except (ambient_id.IdentityError, HTTPError, ValueError) as error:
            reason = str(error).partition(", body=")[0]  # the answer may hold a token
            continue
        if token:
            return Secret(token)
    raise TokenRequestFailed(
        "the identity provider gave no ID token",
        facts={"provider": provider.name, "audience": audience, "reason": reason[:400]},
        hint="Run the job again; if it stays, look at your CI's status page.",
    )


def _choose(held: Mapping[str, Secret], issuer: str, audience: str, spent: set[str]) -> Secret:
    """The first token that is for ``audience`` alone and was not used.

    Raises:
        IdTokenMissing: There is none; the facts name every variable and what was in it.
    """
    audiences: dict[str, object] = {}
    ignored: dict[str, str] = {}
    for name, token in held.items():
        try:
            claims = claims_of(token)
        except TokenUnexpected:
            ignored[name] = "not a JWT" if token.reveal() else "empty"
            continue
        if claims.get("iss") != issuer:
            ignored[name] = f"issued by {claims.get('iss')!r}, not by {issuer!r}"
            continue
        audiences[name] = claims.get("aud")
        if audiences[name] == audience and token.reveal() not in spent:
            return token
    facts = {"audience": audience, "variables": audiences, "ignored": ignored}
    raise IdTokenMissing(_why(audience, audiences, ignored), facts=facts)


def _why(audience: str, audiences: Mapping[str, object], ignored: Mapping[str, str]) -> str:
    if used := [name for name, found in audiences.items() if found == audience]:
        return f"the job's ID tokens for {audience!r} are used up ({', '.join(used)})"
    for name, found in audiences.items():
        if isinstance(found, list) and audience in found:
            return f"{name} is for a list of audiences; one for {audience!r} alone is needed"
    found_ones = [f"{name} is for {found!r}" for name, found in audiences.items()]
    found_ones += [f"{name} is {problem}" for name, problem in ignored.items()]
    seen = "; ".join(found_ones) or "it holds none at all"
    return f"this job holds no ID token for {audience!r}: {seen}"


def claims_of(token: Secret) -> dict[str, object]:
    """The payload of a JWT (RFC 7519), unverified: the receivers verify the signature.

    Raises:
        TokenUnexpected: It is not a JWT.
    """
    try:
        payload = token.reveal().split(".")[1]
        text = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        claims = json.loads(text, parse_constant=no_number)
        if not isinstance(claims, dict):
            raise ValueError("its payload is not an object")
    except (IndexError, ValueError, RecursionError) as error:
        raise TokenUnexpected("what the identity provider gave is not a JWT") from error
    return claims


def fetch(
    tokens: TokenSource, audience: str, issuer: str, *, now: float, spend: bool = True
) -> tuple[Secret, Mapping[str, object]]:
    """An ID token for ``audience`` and its claims, checked; ``now`` in epoch seconds.

    With ``spend=False`` the token is only to be looked at: where a job has a fixed number of
    tokens, it stays for use.

    Raises:
        TokenUnexpected: ``iss``, ``aud`` or ``exp`` is not what it must be.
    """
    token = tokens(audience, spend=spend)
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
    tokens: TokenSource,
    provider: Provider,
    audience: str,
    *,
    now: float,
    also: Sequence[str] = (),
) -> Identity:
    """Learn early who this run is, with a token that is only looked at.

    Args:
        tokens: The door to ID tokens.
        provider: Whose they must be.
        audience: The index's.
        now: Seconds since the epoch.
        also: Further audiences that this run will need, so that a missing token shows now.

    Raises:
        IdentityError: There is no identity, or it is not the provider's.
    """
    look = partial(fetch, tokens, issuer=provider.issuer, now=now, spend=False)
    begun = [ahead(partial(look, one)) for one in (audience, *also)]
    (_, claims), *_ = [token.result() for token in begun]
    return Identity(
        provider=provider.name,
        issuer=provider.issuer,
        claims=claims,
        publisher=provider.publisher(claims),
        register=provider.register(claims),
        compared=provider.compared,
    )
