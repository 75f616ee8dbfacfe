"""ID tokens: through the real ``id`` library from a rehearsal's issuer, and checked locally."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from publisher.errors import (
    IdentityError,
    IdTokenMissing,
    MissingPermission,
    TokenRequestFailed,
    TokenUnexpected,
)
from publisher.models import Secret
from publisher.providers.github import GitHub
from publisher.providers.gitlab import GitLab
from publisher.publish.identity import ambient, claims_of, fetch, probe
from publisher.world import TokenSource
from support.play import PERSONA, broken, running, world_of
from support.sandbox import GITHUB, GITHUB_PUBLISHER, Player, Sandbox
from support.web import RESET, Say, Web, say_html, say_json, serving

TOKEN, URL = "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL"
NOW = 1_800_000_000
ISSUER = PERSONA.issuer
GOOD = {"iss": ISSUER, "aud": "pypi", "exp": NOW + 300, "nbf": NOW - 600, "iat": NOW}


@pytest.fixture(scope="module")
def issuing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as web:
        yield web


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between tries, which nobody takes."""
    naps: list[float] = []
    monkeypatch.setattr(time, "sleep", naps.append)
    return naps


@pytest.fixture
def player(issuing: Sandbox) -> Player:
    return issuing.persona()


class Job:
    """A job of GitHub Actions: ``id`` reads the real environment, providers their copy of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self._monkeypatch, self._folder = monkeypatch, folder
        self.env: dict[str, str] = {}

    def __call__(self, url: str, bearer: str = "s3cr3t") -> GitHub:
        self.env |= {"GITHUB_ACTIONS": "true", URL: url, TOKEN: bearer}
        for name, value in self.env.items():
            self._monkeypatch.setenv(name, value)
        return GitHub(self.env, self._folder)


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Job:
    return Job(monkeypatch, tmp_path)


def token(payload: object) -> Secret:
    """A JWT of this payload; nobody here looks at its signature."""
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Secret(f"e30.{base64.urlsafe_b64encode(data).rstrip(b'=').decode()}.c2ln")


# From the CI


def test_a_fresh_token_each_time(job: Job, player: Player, naps: list[float]) -> None:
    tokens = ambient(job(player.url, player.bearer))
    first, second, other = tokens("pypi"), tokens("pypi"), tokens("sigstore & more")
    claims = [claims_of(one) for one in (first, second, other)]
    assert [one["aud"] for one in claims] == ["pypi", "pypi", "sigstore & more"]
    assert len({one["jti"] for one in claims}) == 3
    assert claims[0]["repository"] == "octo-org/widget"
    assert set(naps) == {0}


def test_nothing_is_asked_before_it_is_needed(job: Job, web: Web) -> None:
    assert callable(ambient(job(f"{web.url}/token")))
    assert web.seen == []


@pytest.mark.parametrize("missing", [TOKEN, URL])
def test_no_permission(job: Job, web: Web, missing: str) -> None:
    provider = job(f"{web.url}/token")
    del job.env[missing]
    with pytest.raises(MissingPermission) as caught:
        ambient(provider)("pypi")
    assert caught.value.facts["missing"] == [missing]
    assert "id-token: write" in caught.value.hint
    assert web.seen == []


@pytest.mark.parametrize("missing", [TOKEN, URL])
def test_no_permission_seen_by_the_library(
    job: Job, web: Web, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """What the provider was told and what the process has may differ."""
    provider = job(f"{web.url}/token")
    monkeypatch.delenv(missing)
    with pytest.raises(MissingPermission, match=missing):
        ambient(provider)("pypi")
    assert web.seen == []


@pytest.mark.parametrize("url", ["http://evil.example/token", "http://127.0.0.1.evil.example/"])
def test_no_bearer_over_http(job: Job, url: str) -> None:
    with pytest.raises(TokenRequestFailed, match="not https") as caught:
        ambient(job(url))("pypi")
    assert "GITHUB_ENV" in caught.value.hint


def test_what_passes_is_waited_for(
    issuing: Sandbox, job: Job, player: Player, naps: list[float]
) -> None:
    broken(issuing, "issuer", method="GET", path="/token", times=2, status=500)
    got = ambient(job(player.url, player.bearer))("pypi")
    assert claims_of(got)["aud"] == "pypi"
    assert naps == [0, 1, 2]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Say(500, b"oops"), "code=500"),
        (Say(401, b"bad bearer"), "code=401"),
        (Say(500, b"\xff\xfe"), "codec can't decode"),
        (RESET, "timed out"),
        (say_html("<h1>Login</h1>"), "malformed or incomplete JSON"),
        (say_json({}), "malformed or incomplete JSON"),
        (say_json([]), "malformed or incomplete JSON"),
        (say_json({"value": None}), "malformed or incomplete JSON"),
        (say_json({"value": 1}), "malformed or incomplete JSON"),
        (say_json({"value": ""}), "Malformed token"),
        (say_json({"value": "a.W10.c"}), "not a JSON object"),
        (say_json({"value": "a.eyJhdWQiOiJvdGhlciJ9.c"}), "audience claim mismatch"),
    ],
)
def test_no_token_comes(job: Job, web: Web, naps: list[float], answer: Say, reason: str) -> None:
    web.on("/token", answer)
    provider = job(f"{web.url}/token?api-version=2.0")
    with pytest.raises(TokenRequestFailed, match="gave no ID token") as caught:
        ambient(provider)("pypi")
    facts = caught.value.facts
    assert (facts["provider"], facts["audience"]) == ("github", "pypi")
    assert reason in str(facts["reason"])
    assert naps == [0, 1, 2]
    assert "s3cr3t" not in str(caught.value.finding())
    assert {seen.headers["Authorization"] for seen in web.seen} == {"bearer s3cr3t"}
    assert {seen.path for seen in web.seen} == {"/token?api-version=2.0&audience=pypi"}


def test_a_bearer_that_is_not_the_jobs(job: Job, player: Player, naps: list[float]) -> None:
    with pytest.raises(TokenRequestFailed) as caught:
        ambient(job(player.url, "wrong"))("pypi")
    assert "code=401" in str(caught.value.facts["reason"])
    assert len(naps) == 3


def test_the_answer_of_a_refusal_is_not_shown(job: Job, web: Web, naps: list[float]) -> None:
    """Something in between may echo the request, and with it the job's own secret."""
    web.on("/token", lambda seen: Say(403, f"you sent {seen.headers['Authorization']}".encode()))
    with pytest.raises(TokenRequestFailed) as caught:
        ambient(job(f"{web.url}/token"))("pypi")
    assert "code=403" in str(caught.value.facts["reason"])
    assert "s3cr3t" not in str(caught.value.finding())
    assert naps


def test_a_process_that_is_in_no_ci(
    job: Job, web: Web, naps: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    product = Path("/sys/class/dmi/id/product_name")
    if product.is_file() and "Google" in product.read_text():
        pytest.skip("on this machine there is another identity provider to ask")
    provider = job(f"{web.url}/token")
    for name in (
        "GITHUB_ACTIONS",
        "GOOGLE_SERVICE_ACCOUNT_NAME",
        "BUILDKITE",
        "GITLAB_CI",
        "CIRCLECI",
    ):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(TokenRequestFailed) as caught:
        ambient(provider)("pypi")
    assert caught.value.facts["reason"] == "the CI answered with no token"
    assert len(naps) == 3
    assert web.seen == []


# Checked locally


@pytest.mark.parametrize(
    "text",
    ["", "sesame", "a.b", "a..c", "a.!.c", "a.\N{SNOWMAN}.c", "a.W10.c", "a.bnVsbA.c"],
)
def test_no_jwt(text: str) -> None:
    with pytest.raises(TokenUnexpected, match="is not a JWT") as caught:
        claims_of(Secret(text))
    assert caught.value.facts == {}
    assert "sesame" not in str(caught.value.finding())


@pytest.mark.parametrize("payload", [[], None, 1, "x", b"\xff", b"{", b'{"a": 1', b"[" * 100_000])
def test_no_claims(payload: object) -> None:
    with pytest.raises(TokenUnexpected, match="is not a JWT"):
        claims_of(token(payload))


def test_claims_with_any_padding() -> None:
    for n in range(6):
        assert claims_of(token({"x": "\N{SNOWMAN}" * n})) == {"x": "\N{SNOWMAN}" * n}


def test_fetch_gives_token_and_claims() -> None:
    asked = []

    def tokens(audience: str, *, spend: bool = True) -> Secret:
        asked.append((audience, spend))
        return token(GOOD)

    got, claims = fetch(tokens, "pypi", ISSUER, now=NOW)
    assert (claims, asked) == (GOOD, [("pypi", True)])
    assert claims_of(got) == GOOD
    fetch(tokens, "pypi", ISSUER, now=NOW, spend=False)
    assert asked[-1] == ("pypi", False)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"iss": "https://evil.example"}, "iss is 'https://evil.example', expected"),
        ({"iss": f"{ISSUER}/"}, "iss is"),
        ({"iss": None}, "iss is None"),
        ({"aud": "sigstore"}, "aud is 'sigstore', expected exactly 'pypi'"),
        ({"aud": ["pypi"]}, r"aud is \['pypi'\], expected exactly 'pypi'"),
        ({"aud": "PyPI"}, "aud is 'PyPI'"),
        ({"aud": None}, "aud is None"),
        ({"exp": NOW - 30}, "it has expired"),
        ({"exp": 0}, "it has expired"),
        ({"exp": None}, "exp is None"),
        ({"exp": str(NOW + 300)}, "exp is '"),
        ({"nbf": NOW + 31}, "in the future"),
        ({"nbf": None, "iat": NOW + 31}, "in the future"),
        ({"nbf": None, "iat": None}, "begins at None"),
        ({"nbf": "soon"}, "begins at 'soon'"),
    ],
)
def test_a_token_that_was_not_asked_for(changed: dict[str, Any], problem: str) -> None:
    claims = {k: v for k, v in {**GOOD, **changed}.items() if v is not None}
    with pytest.raises(TokenUnexpected, match=problem) as caught:
        fetch(lambda _, spend=True: token(claims), "pypi", ISSUER, now=NOW)
    problems = caught.value.facts["problems"]
    assert isinstance(problems, list)
    assert len(problems) == 1


@pytest.mark.parametrize(
    "changed", [{"exp": NOW - 29}, {"nbf": NOW + 30}, {"nbf": None}, {"exp": NOW + 0.5}]
)
def test_a_clock_may_be_a_little_off(changed: dict[str, Any]) -> None:
    claims = {k: v for k, v in {**GOOD, **changed}.items() if v is not None}
    assert fetch(lambda _, spend=True: token(claims), "pypi", ISSUER, now=NOW)[1] == claims


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(TokenUnexpected) as caught:
        fetch(lambda _, spend=True: token({}), "pypi", ISSUER, now=NOW)
    problems = caught.value.facts["problems"]
    assert isinstance(problems, list)
    assert len(problems) == 4
    assert all(str(problem) in caught.value.message for problem in problems)


# Who this run is


def test_probe(issuing: Sandbox, tmp_path: Path) -> None:
    with world_of(issuing) as world:
        identity = probe(world.tokens, GitHub({}, tmp_path), "pypi", now=time.time())
    assert (identity.provider, identity.issuer) == ("github", ISSUER)
    assert identity.publisher == GITHUB_PUBLISHER
    assert identity.register == {
        "Owner": "octo-org",
        "Repository name": "widget",
        "Workflow name": "release.yml",
        "Environment name": "pypi",
    }
    assert identity.label == "octo-org/widget, release.yml, pypi"
    assert {k: identity.claims[k] for k in GITHUB} == GITHUB
    assert identity.claims["aud"] == "pypi"


def test_probe_of_a_token_without_a_repository(tmp_path: Path) -> None:
    with pytest.raises(TokenUnexpected, match="no repository claim"):
        probe(lambda _, spend=True: token(GOOD), GitHub({}, tmp_path), "pypi", now=NOW)


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [({"exp": 1}, "it has expired"), ({"iss": "x"}, "iss is 'x'"), ({"nbf": 9e9}, "in the future")],
)
def test_probe_of_a_spoilt_token(
    issuing: Sandbox, job: Job, overrides: dict[str, Any], problem: str
) -> None:
    player = issuing.persona(overrides=overrides)
    provider = job(player.url, player.bearer)
    with pytest.raises(TokenUnexpected, match=problem):
        probe(ambient(provider), provider, "pypi", now=time.time())


# From variables that a job was given at its start


class Pipeline:
    """A GitLab job whose variables hold real tokens of a rehearsal's issuer."""

    def __init__(self, sandbox: Sandbox, player: Player) -> None:
        self._sandbox, self._player = sandbox, player

    def job(self, **audiences: object) -> tuple[GitLab, TokenSource]:
        """A job with a token for each audience; bytes are put in as they are."""
        env = {}
        for name, audience in audiences.items():
            if isinstance(audience, bytes):
                env[name] = audience.decode()
            else:
                env[name] = self.token(audience)
        provider = GitLab(env, Path())
        return provider, ambient(provider)

    def token(self, audience: object, **changes: object) -> str:
        if isinstance(audience, str) and not changes:
            return self._player.token(audience)
        return self._sandbox.persona("gitlab", overrides={"aud": audience, **changes}).token("x")


@pytest.fixture
def pipeline(issuing: Sandbox) -> Pipeline:
    return Pipeline(issuing, issuing.persona("gitlab"))


def missing(tokens: TokenSource, audience: str) -> IdentityError:
    with pytest.raises(IdTokenMissing) as caught:
        tokens(audience)
    assert caught.value.exit_code == 3
    return caught.value


def test_held_tokens_are_used_once_each(issuing: Sandbox, pipeline: Pipeline) -> None:
    provider, tokens = pipeline.job(
        PYPI_ID_TOKEN_2="pypi", PYPI_ID_TOKEN="pypi", SIGSTORE_ID_TOKEN="sigstore"
    )
    looked = [tokens("pypi", spend=False) for _ in range(3)]
    first, second = tokens("pypi"), tokens("pypi")
    assert {one.reveal() for one in looked} == {first.reveal()}
    assert first.reveal() == provider.env["PYPI_ID_TOKEN"]
    assert second.reveal() == provider.env["PYPI_ID_TOKEN_2"]
    assert [issuing.exchange(one.reveal()).status_code for one in (first, second)] == [200, 200]
    assert issuing.exchange(first.reveal()).json()["errors"][0]["code"] == "invalid-reuse-token"
    for spend in (True, False):
        with pytest.raises(IdTokenMissing, match="used up") as caught:
            tokens("pypi", spend=spend)
    assert caught.value.message == (
        "the job's ID tokens for 'pypi' are used up (PYPI_ID_TOKEN, PYPI_ID_TOKEN_2)"
    )
    assert "PYPI_ID_TOKEN_2:\n        aud: pypi" in provider.hint(caught.value)
    assert claims_of(tokens("sigstore"))["aud"] == "sigstore"


def test_one_token_in_two_variables_is_one_token(pipeline: Pipeline) -> None:
    provider, _ = pipeline.job(PYPI_ID_TOKEN="pypi")
    copied = GitLab({**provider.env, "COPY_ID_TOKEN": provider.env["PYPI_ID_TOKEN"]}, Path())
    tokens = ambient(copied)
    tokens("pypi")
    assert "used up (COPY_ID_TOKEN, PYPI_ID_TOKEN)" in missing(tokens, "pypi").message


def test_any_name_will_do(pipeline: Pipeline) -> None:
    _, tokens = pipeline.job(WHATEVER_ID_TOKEN_7="pypi", PYPI_ID_TOKEN="sigstore")
    assert claims_of(tokens("pypi"))["aud"] == "pypi"
    assert claims_of(tokens("sigstore"))["aud"] == "sigstore"


def test_what_is_no_token_is_skipped_and_named(pipeline: Pipeline) -> None:
    _, tokens = pipeline.job(
        A_ID_TOKEN=b"hunter2",
        B_ID_TOKEN=b"",
        C_ID_TOKEN=pipeline.token("pypi", iss="https://git.example").encode(),
        D_ID_TOKEN="sigstore",
    )
    error = missing(tokens, "pypi")
    assert error.facts == {
        "audience": "pypi",
        "variables": {"D_ID_TOKEN": "sigstore"},
        "ignored": {
            "A_ID_TOKEN": "not a JWT",
            "B_ID_TOKEN": "empty",
            "C_ID_TOKEN": "issued by 'https://git.example', not by 'https://gitlab.com'",
        },
    }
    assert error.message == (
        "this job holds no ID token for 'pypi': D_ID_TOKEN is for 'sigstore'; A_ID_TOKEN is not "
        "a JWT; B_ID_TOKEN is empty; C_ID_TOKEN is issued by 'https://git.example', not by "
        "'https://gitlab.com'"
    )
    assert "hunter2" not in str(error.finding())
    assert claims_of(tokens("sigstore"))["aud"] == "sigstore"


@pytest.mark.parametrize("audience", [["pypi"], ["pypi", "sigstore"]])
def test_a_list_of_audiences_is_refused(
    issuing: Sandbox, pipeline: Pipeline, audience: list[str]
) -> None:
    text = pipeline.token(audience)
    provider, tokens = pipeline.job(PYPI_ID_TOKEN=text.encode())
    error = missing(tokens, "pypi")
    assert error.message == (
        "PYPI_ID_TOKEN is for a list of audiences; one for 'pypi' alone is needed"
    )
    assert error.facts["variables"] == {"PYPI_ID_TOKEN": audience}
    assert "each aud one string and exactly so" in provider.hint(error)
    assert text not in str(error.finding(provider.hint(error)))
    assert issuing.exchange(text).json()["errors"][0]["code"] == "invalid-token"


def test_the_wrong_audience(pipeline: Pipeline) -> None:
    provider, tokens = pipeline.job(PYPI_ID_TOKEN="PyPI")
    error = missing(tokens, "pypi")
    assert error.message == ("this job holds no ID token for 'pypi': PYPI_ID_TOKEN is for 'PyPI'")
    assert "PYPI_ID_TOKEN:\n        aud: PyPI\n\nto this" in provider.hint(error)


def test_no_token_at_all() -> None:
    provider = GitLab({"GITLAB_CI": "true"}, Path())
    error = missing(ambient(provider), "testpypi")
    assert error.message == "this job holds no ID token for 'testpypi': it holds none at all"
    assert provider.hint(error).startswith("Add this to the job")


def test_a_probe_uses_no_token_up(pipeline: Pipeline) -> None:
    provider, tokens = pipeline.job(PYPI_ID_TOKEN="pypi", SIGSTORE_ID_TOKEN="sigstore")
    who = probe(tokens, provider, "pypi", now=time.time(), also=["sigstore"])
    assert (who.provider, who.issuer) == ("gitlab", "https://gitlab.com")
    assert who.label == "my-group/widget, .gitlab-ci.yml, production"
    for audience in ("pypi", "sigstore"):
        token, claims = fetch(tokens, audience, who.issuer, now=time.time())
        assert claims["aud"] == claims_of(token)["aud"] == audience


def test_a_probe_finds_early_what_will_be_missing(pipeline: Pipeline) -> None:
    provider, tokens = pipeline.job(PYPI_ID_TOKEN="pypi")
    with pytest.raises(IdTokenMissing, match="no ID token for 'sigstore'"):
        probe(tokens, provider, "pypi", now=time.time(), also=["sigstore"])
