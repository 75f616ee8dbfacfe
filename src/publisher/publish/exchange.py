"""Trade an ID token for an upload token at the index (Trusted Publishing), and give it back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from publisher.errors import AudienceMismatch, IndexAnswerMalformed, IndexUnreachable, MintRefused
from publisher.http import Answer, Http, NetworkError
from publisher.models import Identity, Secret, UploadToken
from publisher.publish import refusals
from publisher.world import Index

LATEST = 253402300799  # the last second of the year 9999
DISABLED = "functionality not enabled"
LONGEST = 2000  # characters of a refusal


def begin(http: Http, index: Index) -> None:
    """Ask the index already for its audience."""
    http.begin_get(index.audience_url())


def confirm_audience(http: Http, index: Index, identity: Identity) -> None:
    """Check that the index asks for the audience its profile pins.

    Raises:
        IndexUnreachable, IndexAnswerMalformed: No usable answer.
        MintRefused: Trusted publishing is switched off there.
        AudienceMismatch: It asks for tokens that other services would take.
    """
    answer = _reach(index, lambda: http.get(index.audience_url()))
    body = _object(answer, "an audience") if answer.status in {200, 403} else {}
    if answer.status == 403 and str(body.get("message")).endswith(DISABLED):
        raise _refused(index, {"code": "not-enabled", "description": body["message"]}, identity)
    asked = body.get("audience") if answer.status == 200 else None
    if not isinstance(asked, str):
        raise malformed(answer, "a JSON object with an audience")
    if asked != index.audience:
        raise AudienceMismatch(
            f"{index.name} asks for ID tokens with the audience {asked!r}; its profile pins "
            f"{index.audience!r}",
            facts={"index": index.name, "asked": asked, "pinned": index.audience},
            hint="Do not change the audience before you know why: a token for another service "
            "could be used there in your name.",
        )


def mint(http: Http, index: Index, id_token: Secret, identity: Identity) -> UploadToken:
    """Exchange a fresh ID token. Sent once: an ID token whose answer was lost is used up.

    Raises:
        IndexUnreachable, IndexAnswerMalformed: No usable answer.
        MintRefused: The index said no.
    """
    answer = _reach(index, lambda: http.post_json(index.mint_url(), {"token": id_token}))
    show = not 200 <= answer.status < 300  # what says yes may hold a token
    body = _object(answer, "a token", show=show) if answer.status in {200, 422} else {}
    if answer.status == 200:
        minted, expires = body.get("token"), body.get("expires")
        if isinstance(minted, str):
            token = UploadToken(Secret(minted), 0)
            if isinstance(expires, int | float) and body.get("success") is True:
                return replace(token, expires=int(max(0, min(expires, LATEST))))
            burn(http, index, token)  # the rest makes no sense, but this may be one
    errors = body.get("errors") if answer.status == 422 else None
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        raise _refused(index, errors[0], identity)
    raise malformed(answer, "an upload token or an error", show=show)


def _refused(index: Index, error: Mapping[str, object], identity: Identity) -> MintRefused:
    code, description = (str(error.get(key))[:LONGEST] for key in ("code", "description"))
    told = refusals.explain(code, description, index.name, identity)
    return MintRefused(
        f"{index.name} gives {identity.label} no upload token: {description}",
        facts={
            "index": index.name,
            "code": code,
            "description": description,
            **told.facts,
            "register": dict(identity.register),
            "claims": {k: v for k, v in identity.claims.items() if k not in {"jti", "aud"}},
        },
        hint=told.hint,
    )


def burn(http: Http, index: Index, token: UploadToken) -> bool:
    """Give the upload token back; ``False`` if the index did not confirm that it is dead."""
    try:
        answer = http.post_json(index.burn_url(), {"token": token.secret}, retry=True)
        return answer.status == 202
    except NetworkError:
        return False


def _reach(index: Index, ask: Callable[[], Answer]) -> Answer:
    try:
        return ask()
    except NetworkError as error:
        raise IndexUnreachable(
            f"{index.name} does not answer: {error.reason}",
            facts={"index": index.name, "url": error.url, "reason": error.reason},
            hint="Run the same command again; files that arrived are known by digest.",
        ) from error


def _object(answer: Answer, what: str, *, show: bool = True) -> dict[str, object]:
    try:
        return answer.json_object()
    except ValueError:  # its text may hold the answer's, so it is not chained
        raise malformed(answer, f"a JSON object with {what}", show=show) from None


def malformed(answer: Answer, expected: str, *, show: bool = True) -> IndexAnswerMalformed:
    """The answer is not the index's API; ``show=False`` where its text may hold a token."""
    facts = answer.facts()
    if not show:
        del facts["answer"]
    return IndexAnswerMalformed(
        f"the answer ({answer.status} {answer.reason}) is not {expected}",
        facts=facts,
        hint="Something between here and the index may have answered: a proxy, a login page.",
    )
