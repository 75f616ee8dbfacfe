"""Whatever an ID token says, a provider has a verdict or an error of ours."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from publisher.errors import MintRefused, PublisherError, TokenUnexpected
from publisher.models import Secret
from publisher.providers import from_claims, read_claims
from publisher.providers.base import Provider
from publisher.publish.identity import claims_of, fetch
from publisher.rehearsal.publishers import KINDS, ClaimsError, find, register
from support.sandbox import ACTIVESTATE, CONFIG, GITHUB, GITLAB, GOOGLE, WORKFLOW
from support.strange import JSON, WORDS, mutated

BASES = {"GitHub": GITHUB, "GitLab": GITLAB, "Google": GOOGLE, "ActiveState": ACTIVESTATE}
ONCE = {"jti": "once", "aud": "pypi", "exp": 1}
KIND = st.sampled_from(sorted(BASES))
# Texts that resemble those of the samples: in other places, in another case, a little longer.
TEXTS = sorted({text for base in BASES.values() for text in base.values() if text is not True})
ALIKE = st.sampled_from(
    [
        *(text for one in TEXTS for text in (one, one.upper(), f"{one}x", f"x{one}")),
        *("", WORKFLOW.partition("@")[0], CONFIG.partition("@")[0], "pull_request_target"),
        f"{WORKFLOW}.yml@x",
        None,
    ]
)


def provider_of(claims: Mapping[str, object]) -> Provider:
    return from_claims(claims, {}, Path("/nowhere"))


@given(st.data(), KIND, st.booleans())
def test_a_verdict_or_an_error_of_ours(data: st.DataObject, kind: str, own: bool) -> None:
    base = {**BASES[kind], **ONCE}
    claims = data.draw(mutated(base, JSON))
    provider = provider_of(base)
    registered = None if own else provider.publisher(base)
    for ask in (provider.mint_verdict, provider.attest_verdict):
        with suppress(PublisherError):
            verdict = ask(claims, registered)
            assert verdict.why
            if not verdict.accepted:
                shown = provider.hint(verdict.error(claims=claims))
                assert isinstance(shown, str)
    for tell in (provider.publisher, provider.register, provider.warnings, provider.private):
        with suppress(PublisherError):
            tell(claims)


@given(st.data(), KIND, WORDS)
def test_a_remedy_whatever_the_index_said(data: st.DataObject, kind: str, said: str) -> None:
    claims = data.draw(mutated(BASES[kind], JSON))
    text = f"valid token, but no corresponding publisher (matching claims {said})"
    for description in (said, text):
        facts = {"claims": claims, "description": description, "code": said, "index": "pypi"}
        assert isinstance(provider_of(BASES[kind]).hint(MintRefused("no", facts=facts)), str)


@given(st.data(), KIND)
def test_the_mint_verdict_is_the_rehearsals(data: st.DataObject, kind: str) -> None:
    """Two programs by two readings of the index's source; both know one publisher."""
    base = {**BASES[kind], **ONCE}
    claims = data.draw(mutated(base, ALIKE))
    claims |= {name: base[name] for name in ("iss", "aud", "exp")}
    known = provider_of(base).publisher(base)
    whole = {**known, "repository_owner_id": base.get("repository_owner_id"), "sub": base["sub"]}
    try:
        find(KINDS[kind], [register(whole, base, None)], claims, fresh=True)
        theirs = ""
    except ClaimsError as error:
        theirs = f"valid token, but no corresponding publisher ({error})"
    ours = provider_of(base).mint_verdict(claims, {**whole, "issuer": base["iss"]})
    assert ("" if ours.accepted else ours.why) == theirs


@given(st.data(), KIND)
def test_a_stranger_is_never_attested(data: st.DataObject, kind: str) -> None:
    """What is accepted has the very texts that the certificate is compared by."""
    base = BASES[kind]
    claims = data.draw(mutated(base, ALIKE))
    known = provider_of(base).publisher(base)
    verdict = provider_of(base).attest_verdict(claims, known)
    if verdict.accepted:
        assert claims["iss"] == base["iss"]
        for name in ("repository", "project_path", "email"):
            assert claims.get(name) == base.get(name) or name not in base
        file = {"GitHub": "workflow_ref", "GitLab": "ci_config_ref_uri"}.get(kind)
        if file:
            assert claims[file].partition("@")[0] == base[file].partition("@")[0]


@given(st.data(), KIND)
def test_a_verdict_reads_no_claim_that_it_does_not_know(data: st.DataObject, kind: str) -> None:
    base = {**BASES[kind], **ONCE}
    more = data.draw(st.dictionaries(WORDS.map(lambda text: f"x-{text}"), JSON, max_size=3))
    provider = provider_of(base)
    assert provider.mint_verdict({**more, **base}) == provider.mint_verdict(base)
    assert provider.attest_verdict({**more, **base}) == provider.attest_verdict(base)


def jwt(payload: bytes) -> str:
    return f"e30.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.c2ln"


@given(WORDS | st.binary(max_size=60).map(jwt) | JSON.map(lambda v: jwt(json.dumps(v).encode())))
def test_a_token_is_claims_or_unexpected(text: str) -> None:
    with suppress(TokenUnexpected):
        assert isinstance(claims_of(Secret(text)), dict)


@given(
    mutated({"iss": "https://gitlab.com", "aud": "pypi", "exp": 200, "nbf": 90, "iat": 90}, JSON)
)
def test_a_token_is_taken_only_in_its_time(claims: dict[str, Any]) -> None:
    token = Secret(jwt(json.dumps(claims).encode()))
    with suppress(TokenUnexpected):
        fetch(lambda _, *, spend=True: token, "pypi", "https://gitlab.com", now=100.0)
        assert (claims["iss"], claims["aud"]) == ("https://gitlab.com", "pypi")
        assert claims["exp"] > 70
        assert claims["nbf" if "nbf" in claims else "iat"] <= 130


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_a_file_of_claims_is_read_or_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "claims.json"
    file.write_bytes(content)
    with suppress(PublisherError):
        claims = read_claims(file)
        assert provider_of(claims).persona().issuer == claims["iss"]
