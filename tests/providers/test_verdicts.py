"""What index and Sigstore will say, said beforehand: on every sample, beside what they do say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import TypeAdapter
from pypi_attestations import Publisher
from sigstore._internal.fulcio.client import FulcioClientError
from sigstore.errors import VerificationError
from sigstore.oidc import IdentityError
from sigstore.verify import Verifier

from publisher.errors import (
    EventNotSupported,
    InvalidValue,
    NoIdentityProvider,
    NotAttestable,
    ReusableWorkflow,
    TokenUnexpected,
)
from publisher.providers import from_claims, read_claims
from publisher.providers.base import ISSUED
from publisher.providers.github import ENTERPRISE, GitHub
from publisher.providers.gitlab import FORK, GitLab
from publisher.providers.google import Google
from publisher.providers.verdicts import Verdict
from publisher.providers.workflow import EVENT
from publisher.rehearsal.publishers import (
    KINDS,
    ClaimsError,
    TrustedPublisher,
    find,
    register,
)
from publisher.rehearsal.subjects import subject
from support.play import running
from support.sandbox import (
    ACTIVESTATE,
    CONFIG,
    GITHUB,
    GITLAB,
    GOOGLE,
    SHA,
    Player,
    Sandbox,
    dump,
    form,
    project_of,
    wheel,
)

SAMPLES = Path(__file__).resolve().parents[2].parent / "shared" / "facts" / "claims"
with_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"no samples at {SAMPLES}")
NAMES = sorted(path.stem for path in SAMPLES.glob("*.json"))

# Who else is registered decides these, and not the claims alone: a verdict needs ``registered``.
BY_REGISTRATION = {
    "github-adv-resurrected-owner": "repository_owner_id is another owner's",
    "gitlab-adv-env-case": "the environment is registered in another case",
    "google-adv-recreated-sa": "sub is another account's",
}
# Fulcio takes them and pypi-attestations has a policy, but the index has no such publisher.
NO_INDEX_KNOWS = {"circleci"}
# Fulcio's templates of these issuers are not in the rehearsal.
NOT_REHEARSED = {"buddy", "buildkite", "circleci", "circleci-adv-org-issuer"}
PREFIX = "valid token, but no corresponding publisher "
SHOWN = {"kind", "repository", "workflow", "workflow_filepath", "environment", "email"}
FIELDS = {
    "owner_id": "repository_owner_id",
    "path": "repository",
    "env": "environment",
    "org": "organization",
}


class Sample(NamedTuple):
    """Claims, what somebody registered, and what then happens."""

    claims: dict[str, Any]
    registered: dict[str, str | None] | None
    mint: str
    certified: bool
    policy: str


def sample(name: str) -> Sample:
    value = json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))
    expected, registered = value["expected"], value["expected"]["pypi_publisher"]
    if registered:
        registered = {FIELDS.get(key, key): text for key, text in registered.items()}
        if registered["kind"] == "GitHub":
            owner, repo = registered.pop("owner"), registered.pop("repo")
            registered["repository"] = f"{owner}/{repo}"
        if registered["kind"] == "GitLab":
            registered["workflow_filepath"] = registered.pop("workflow")
    return Sample(
        value["claims"],
        registered,
        expected["pypi_mint"],
        expected["fulcio_public_good"]["accepted"],
        expected["pypi_attestations_0_0_30_policy"],
    )


def verdicts(one: Sample, *, own: bool = False) -> tuple[Verdict, Verdict]:
    provider = from_claims(one.claims, {}, Path())
    registered = None if own else one.registered
    return (
        provider.mint_verdict(one.claims, registered),
        provider.attest_verdict(one.claims, registered),
    )


# As the samples say


@with_samples
@pytest.mark.parametrize("name", NAMES)
def test_what_the_sample_expects(name: str) -> None:
    one = sample(name)
    mint, attest = verdicts(one)
    assert mint.accepted is (one.mint == "200 token")
    assert mint.accepted or mint.code is not None
    assert mint.accepted or f"422 {mint.code}" in one.mint
    passes = one.certified and one.policy == "policy passes" and name not in NO_INDEX_KNOWS
    assert attest.accepted is passes, attest
    assert attest.code is None
    if not one.certified and name != "google-adv-no-email" and one.registered:
        assert "does not know the issuer" in attest.why


@with_samples
@pytest.mark.parametrize("name", NAMES)
def test_what_is_registered_as_shown(name: str) -> None:
    """Only a comparison with somebody else's registration can change a verdict."""
    one = sample(name)
    own, given = verdicts(one, own=True), verdicts(one)
    changed = [a.accepted != b.accepted for a, b in zip(own, given, strict=True)]
    assert changed == [name in BY_REGISTRATION, False]


# As the rehearsal does


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


def played(world: Sandbox, one: Sample) -> Player:
    claims = {name: value for name, value in one.claims.items() if name not in ISSUED}
    # A publisher of Google's makes no other issuer known: it stands for "nothing is registered".
    asked = {"claims": claims, "publisher": one.registered or {"kind": "Google"}, "projects": None}
    answer = world.post("persona", asked)
    assert answer.status_code == 200, answer.text
    return Player(answer.json()["request_url"], answer.json()["request_token"], world.http)


@with_samples
@pytest.mark.parametrize("name", NAMES)
def test_what_the_rehearsals_index_answers(world: Sandbox, name: str) -> None:
    one = sample(name)
    player = played(world, one)
    answer = world.exchange(player.token("pypi"))
    mint, _ = verdicts(one)
    # The rehearsal restamps the token, so its aud is a string and it has a jti.
    assert mint.accepted is (answer.status_code == 200), answer.text
    if not mint.accepted:
        assert answer.json()["errors"] == [{"code": mint.code, "description": mint.why}]


@with_samples
@pytest.mark.parametrize("name", [name for name in NAMES if name not in NOT_REHEARSED])
def test_what_the_rehearsals_fulcio_and_the_policy_say(
    world: Sandbox, tmp_path: Path, name: str
) -> None:
    one = sample(name)
    player, file = played(world, one), wheel(tmp_path, project_of(tmp_path))
    mint, attest = verdicts(one)
    try:
        attestation = world.attest(player, file)
    except (FulcioClientError, IdentityError):
        assert not one.certified
        assert not attest.accepted
        assert attest.why.startswith(("Sigstore gives no certificate", "issuer unknown"))
        return
    assert one.certified
    if not one.registered:  # people have certificates too, but the index no publisher for them
        assert not attest.accepted
        return
    shown = {key: text for key, text in one.registered.items() if key in SHOWN}
    policy = TypeAdapter(Publisher).validate_python(shown)._as_policy()
    refused = ""
    try:
        verifier = Verifier(trusted_root=world.trust().trusted_root)
        verifier.verify_dsse(attestation.to_bundle(), policy)
    except VerificationError as error:
        refused = str(error)
    assert attest.accepted is not bool(refused)
    assert attest.accepted or attest.why.partition(" (")[0] in refused
    if mint.accepted:
        fields = form(file, attestations=dump(attestation))
        answer = world.upload(world.mint(player), file, fields)
        assert attest.accepted is (answer.status_code == 200), answer.text


# Without a sample: one claim changed


BASES = {"GitHub": GITHUB, "GitLab": GITLAB, "Google": GOOGLE, "ActiveState": ACTIVESTATE}
PULL = "pull_request_target"
OTHER = "octo-org/widget/.github/workflows/other.yml@refs/tags/v1.0"
SHARED = "octo-org/shared/.github/workflows/x.yml@refs/heads/main"
BY_SHA = f"octo-org/widget/.github/workflows/release.yml@{SHA}"
ELSEWHERE = "octo-org/widget/.github/workflows/release.yml@refs/heads/main"
MINTS: list[tuple[str, dict[str, Any], str]] = [
    ("GitHub", {}, ""),
    *(("GitHub", {name: ...}, f"Missing claim {name!r}") for name in GitHub.minted),
    ("GitHub", {"job_workflow_ref": BY_SHA, "workflow_ref": BY_SHA}, ""),
    ("GitHub", {"ref": ""}, "The job_workflow_ref claim does not match"),
    ("GitHub", {"job_workflow_ref": BY_SHA, "ref": ""}, ""),
    ("GitHub", {"job_workflow_ref": BY_SHA, "sha": ""}, "The job_workflow_ref claim does not"),
    ("GitHub", {"ref": "", "sha": ""}, "The ref and sha claims are empty"),
    ("GitHub", {"job_workflow_ref": ""}, "Could not job extract workflow filename"),
    ("GitHub", {"job_workflow_ref": "a/b"}, "Could not job extract workflow filename"),
    ("GitHub", {"job_workflow_ref": OTHER}, ""),
    ("GitHub", {"job_workflow_ref": SHARED}, "Publisher with matching claims was not found"),
    ("GitHub", {"job_workflow_ref": ELSEWHERE}, "The job_workflow_ref claim does not match"),
    ("GitHub", {"repository_owner": "Octo-Org"}, "Check failed for required claim 'repository_o"),
    ("GitHub", {"event_name": PULL}, f"Publishing from a workflow invoked via {PULL!r} is not"),
    ("GitHub", {"event_name": ""}, ""),
    ("GitHub", {"event_name": None}, "Missing claim 'event_name'"),
    ("GitHub", {"environment": "PyPI"}, ""),
    ("GitHub", {"environment": ...}, ""),
    ("GitHub", {"sub": "anything"}, ""),
    ("GitLab", {}, ""),
    *(("GitLab", {name: ...}, f"Missing claim {name!r}") for name in GitLab.minted),
    ("GitLab", {"ci_config_ref_uri": ""}, "Could not extract workflow filename"),
    ("GitLab", {"ci_config_ref_uri": CONFIG.replace("refs/tags/v1.0", SHA)}, ""),
    ("GitLab", {"ci_config_ref_uri": CONFIG.upper()}, "Could not extract workflow filename"),
    ("GitLab", {"ci_config_ref_uri": CONFIG.replace("my-g", "My-g")}, "The ci_config_ref_uri cla"),
    ("GitLab", {"project_path": "My-Group/widget", "ci_config_ref_uri": CONFIG}, "The ci_config"),
    ("GitLab", {"sub": "project_id:20:ref_type:tag"}, "Check failed for required claim 'sub'"),
    ("GitLab", {"sub": "project_path:my-group/widget-2:x"}, "Check failed for required claim 's"),
    ("GitLab", {"sub": "project_path:my-group/widget"}, ""),
    ("GitLab", {"sub": "PROJECT_PATH:My-Group/Widget:x"}, ""),
    ("GitLab", {"ref_path": ""}, "The ref_path and sha claims are empty"),
    ("GitLab", {"sha": ""}, "The ref_path and sha claims are empty"),
    ("GitLab", {"environment": ...}, ""),
    ("Google", {}, ""),
    ("Google", {"email": ...}, "Missing claim 'email'"),
    ("Google", {"email_verified": ...}, "Missing claim 'email_verified'"),
    ("Google", {"email_verified": False}, "Check failed for required claim 'email_verified'"),
    ("Google", {"email_verified": "true"}, "Check failed for required claim 'email_verified'"),
    ("ActiveState", {}, ""),
    ("ActiveState", {"builder": ...}, "Missing claim 'builder'"),
    ("ActiveState", {"builder": "x"}, "Check failed for required claim 'builder'"),
    ("ActiveState", {"sub": ""}, "Missing 'subject' claim"),
    ("ActiveState", {"sub": "x"}, "Invalid 'subject' claim. Wrong format"),
    ("ActiveState", {"sub": "org:octo:project:other"}, "Invalid 'subject' claim"),
]


def changed(kind: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Claims of a whole token; ``...`` leaves one out."""
    claims = {**BASES[kind], "jti": "once", "aud": "pypi", "exp": 1, **changes}
    return {name: value for name, value in claims.items() if value is not ...}


def answered(kind: str, trusted: TrustedPublisher, claims: Mapping[str, Any]) -> str:
    """What the rehearsal's index says, which has this one publisher; empty if it mints."""
    try:
        find(KINDS[kind], [trusted], claims, fresh=True)
    except ClaimsError as error:
        return f"{PREFIX}({error})"
    return ""


@pytest.mark.parametrize(("kind", "changes", "reason"), MINTS)
def test_mint(kind: str, changes: dict[str, Any], reason: str) -> None:
    """In the words, and for the registration, that the rehearsal's index would have."""
    claims = changed(kind, changes)
    provider = from_claims(claims, {}, Path())
    said = provider.mint_verdict(claims)
    assert said.accepted is not bool(reason)
    assert said.accepted or said.why.startswith(f"{PREFIX}({reason}")
    assert said.code == (None if said.accepted else "invalid-publisher")
    known = {**(provider.publisher(BASES[kind])), "issuer": claims["iss"]}
    with suppress(TokenUnexpected):
        known = dict(provider.publisher(claims))
    trusted = register(known, {**BASES[kind], **claims}, None)
    theirs = answered(kind, trusted, claims)
    assert theirs == ("" if said.accepted else said.why)


@pytest.mark.parametrize(
    ("kind", "registered"),
    [
        ("GitHub", {"environment": "pypi"}),
        ("GitHub", {"environment": "PyPI"}),
        ("GitHub", {"environment": None}),
        ("GitHub", {"environment": "other"}),
        ("GitHub", {"repository": "octo-org/other"}),
        ("GitHub", {"repository": "Octo-Org/widget"}),
        ("GitHub", {"repository_owner_id": "1"}),
        ("GitHub", {"workflow": "other.yml"}),
        ("GitLab", {"environment": "production"}),
        ("GitLab", {"environment": "Production"}),
        ("GitLab", {"environment": None}),
        ("GitLab", {"repository": "other/widget"}),
        ("GitLab", {"workflow_filepath": "other.yml"}),
        ("Google", {"email": "other@example.org"}),
        ("Google", {"sub": "1"}),
        ("Google", {"sub": ""}),
        ("ActiveState", {"actor_id": "2"}),
        ("ActiveState", {"organization": "other"}),
    ],
)
def test_other_registrations(kind: str, registered: dict[str, str | None]) -> None:
    claims = changed(kind, {})
    provider = from_claims(claims, {}, Path())
    known = {**provider.publisher(claims), **registered}
    said = provider.mint_verdict(claims, known)
    theirs = answered(kind, register(known, claims, None), claims)
    assert theirs == ("" if said.accepted else said.why)


@pytest.mark.parametrize("kind", ["GitHub", "GitLab", "Google"])
def test_what_fulcio_writes_must_be_there(kind: str) -> None:
    claims = changed(kind, {})
    provider = from_claims(claims, {}, Path())
    assert provider.attest_verdict(claims).accepted
    assert subject(claims)
    needed = []
    for name in set(claims) - {"iss"}:
        less = {key: value for key, value in claims.items() if key != name}
        try:
            subject(less)
        except KeyError:
            needed.append(name)
            said = provider.attest_verdict(less)
            assert said.why == f"Sigstore gives no certificate: missing claim {name!r} in token"
        else:
            assert provider.attest_verdict(less).accepted
    assert set(needed) == set(provider.certified)


@pytest.mark.parametrize(
    ("kind", "changes", "why"),
    [
        ("GitHub", {"workflow_ref": OTHER}, "Certificate's Build Config URI (https://github.com/"),
        ("GitHub", {"workflow_ref": BY_SHA}, ""),
        ("GitHub", {"job_workflow_ref": SHARED}, ""),
        ("GitHub", {"job_workflow_ref": "x", "workflow_ref": "x"}, "the ID token's workflow_ref"),
        ("GitHub", {"repository": 7}, "the ID token has no repository claim"),
        ("GitLab", {"ref": "other"}, "Certificate's Build Config URI (https://gitlab.com/"),
        ("GitLab", {"ref": "other", "sha": "x"}, "Certificate's Build Config URI"),
        ("GitLab", {"ci_config_ref_uri": "x"}, "the ID token's ci_config_ref_uri names no"),
        ("GitLab", {"iss": "https://dev.gitlab.org"}, "Certificate's OIDCIssuerV2 does not match"),
        ("GitLab", {"iss": "https://git.example"}, "Sigstore gives no certificate: it does not"),
        ("Google", {"email_verified": "true"}, "Sigstore gives no certificate: email_verified"),
        ("ActiveState", {}, "Sigstore gives no certificate: it does not know the issuer"),
    ],
)
def test_attest(kind: str, changes: dict[str, Any], why: str) -> None:
    claims = changed(kind, changes)
    said = from_claims(claims, {}, Path()).attest_verdict(claims)
    assert said.accepted is not bool(why)
    assert said.accepted or said.why.startswith(why)
    assert said.accepted or issubclass(said.cause, NotAttestable | ReusableWorkflow)


def test_a_certificate_for_somebody_elses_project() -> None:
    for kind, changes, text in (
        ("GitHub", {"repository": "octo-org/other"}, "OIDCSourceRepositoryURI does not match"),
        ("GitLab", {"repository": "other/widget"}, "OIDCSourceRepositoryURI does not match"),
        ("Google", {"email": "a@example.org"}, "SANs do not match a@example.org"),
    ):
        provider = from_claims(BASES[kind], {}, Path())
        known = {**provider.publisher(BASES[kind]), **changes}
        assert text in provider.attest_verdict(BASES[kind], known).why


def test_claims_of_a_persona_have_no_jti_yet() -> None:
    for claims in (GITHUB, GITLAB):
        assert from_claims(claims, {}, Path()).mint_verdict(claims).accepted


@pytest.mark.parametrize("audience", [["pypi"], ["pypi", "sigstore"], None, 1])
def test_an_audience_is_one_string(audience: object) -> None:
    said = from_claims(GITHUB, {}, Path()).mint_verdict({**GITHUB, "aud": audience})
    assert (said.code, said.why) == ("invalid-token", "malformed or invalid token")
    assert "one string" in said.hint


# What to do then


def test_reusable_workflows() -> None:
    called = {**GITHUB, "workflow_ref": OTHER}
    said = from_claims(called, {}, Path()).attest_verdict(called)
    assert said.cause is ReusableWorkflow
    assert said.hint == REUSABLE_TEXT
    shared = {**GITHUB, "job_workflow_ref": SHARED}
    provider = from_claims(shared, {}, Path())
    refused = provider.mint_verdict(shared)
    assert refused.cause is ReusableWorkflow
    assert f"uses: {SHARED}    # remove" in refused.hint
    assert provider.attest_verdict(shared).accepted
    error = refused.error(repository="octo-org/widget")
    assert (type(error), error.message) == (ReusableWorkflow, refused.why)
    assert (error.facts, error.hint) == ({"repository": "octo-org/widget"}, refused.hint)
    # Called by itself, at another ref: neither side takes it.
    moved = {**GITHUB, "job_workflow_ref": ELSEWHERE}
    assert provider.mint_verdict(moved).cause is ReusableWorkflow


def test_remedies() -> None:
    pull = {**GITHUB, "event_name": PULL}
    said = from_claims(pull, {}, Path()).mint_verdict(pull)
    assert (said.hint, said.cause) == (EVENT, EventNotSupported)
    slug = {**GITHUB, "iss": f"{GITHUB['iss']}/octocorp"}
    provider = from_claims(slug, {}, Path())
    for verdict in (provider.mint_verdict(slug), provider.attest_verdict(slug)):
        assert verdict.hint == ENTERPRISE
    plain = {name: value for name, value in GITHUB.items() if name != "job_workflow_ref"}
    said = provider.attest_verdict({**plain, "iss": GITHUB["iss"]})
    assert (said.hint, said.cause) == ("", NotAttestable)
    hardened = {**GITLAB, "sub": "project_id:20"}
    said = from_claims(hardened, {}, Path()).mint_verdict(hardened)
    assert said.cause is TokenUnexpected
    assert said.hint == SUBJECT_TEXT
    fork = {**GITLAB, "project_path": "evil/widget", "job_project_path": "my-group/widget"}
    fork["sub"] = "project_path:evil/widget:ref_type:branch:ref:x"
    assert from_claims(fork, {}, Path()).mint_verdict(fork).hint == FORK
    own = {**GITLAB, "iss": "https://git.example", "ci_config_ref_uri": f"git.example{CONFIG[10:]}"}
    managed = from_claims(own, {}, Path())
    assert managed.mint_verdict(own).why == (
        "the index gives my-group/widget, .gitlab-ci.yml, production a token, "
        "if its organization has registered https://git.example there"
    )
    assert managed.attest_verdict(own).hint.endswith("can be attested. Publish without.")
    nobody = {name: value for name, value in GOOGLE.items() if not name.startswith("email")}
    google = from_claims(nobody, {}, Path())
    assert "--include-email" in google.mint_verdict(nobody).hint
    assert "--impersonate-service-account=SERVICE_ACCOUNT" in google.attest_verdict(nobody).hint
    other = google.mint_verdict(GOOGLE, {"email": GOOGLE["email"], "sub": "1"})
    assert (other.accepted, other.hint) == (False, "")


REUSABLE_TEXT = """\
The job that publishes stands in a reusable workflow:

    started: octo-org/widget/.github/workflows/other.yml@refs/tags/v1.0
    job in:  octo-org/widget/.github/workflows/release.yml@refs/tags/v1.0

The index compares one of them when it gives a token and the other when it reads an attestation.
Put the job into the workflow that is started, and register that one:

    jobs:
      publish:
        uses: ./.github/workflows/release.yml    # remove this line, and put here instead:
        runs-on: ubuntu-latest
        permissions:
          id-token: write
        steps: [...]    # the steps of the reusable workflow"""
SUBJECT_TEXT = """\
The index wants the token's sub to begin with project_path:my-group/widget. This project's setting
ci_id_token_sub_claim_components makes it 'project_id:20'. Set it back:

    glab api --method PUT "projects/:id" \\
      -f "ci_id_token_sub_claim_components[]=project_path" \\
      -f "ci_id_token_sub_claim_components[]=ref_type" \\
      -f "ci_id_token_sub_claim_components[]=ref\""""


# Private sources, and identities that are too wide


@pytest.mark.parametrize("visibility", ["private", "internal"])
def test_private(visibility: str) -> None:
    hub = {**GITHUB, "repository_visibility": visibility}
    lab = {**GITLAB, "project_visibility": visibility}
    assert from_claims(hub, {}, Path()).private(hub) == "octo-org/widget"
    assert from_claims(lab, {}, Path()).private(lab) == "my-group/widget"
    for claims in (GITHUB, GITLAB, GOOGLE, ACTIVESTATE):
        assert from_claims(claims, {}, Path()).private(claims) is None
        assert from_claims(claims, {}, Path()).warnings(claims) == ()
    assert from_claims(hub, {}, Path()).private({}) is None


# Whose claims they are


@with_samples
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("github", "github"),
        ("github-ghes", "github"),
        ("github-ghe-com", "github"),
        ("github-ghec-enterprise-issuer", "github"),
        ("gitlab", "gitlab"),
        ("gitlab-self-managed", "gitlab"),
        ("google-gce-full", "google"),
        ("activestate", "activestate"),
        ("forgejo-codeberg", "unknown"),
        ("circleci", "unknown"),
        ("sigstore-email", "unknown"),
        ("cirrus", "unknown"),
    ],
)
def test_from_claims(name: str, kind: str) -> None:
    claims = read_claims(SAMPLES / f"{name}.json")
    provider = from_claims(claims, {}, Path("x"))
    assert (provider.name, provider.issuer) == (kind, claims["iss"])
    assert (provider.env, provider.folder) == ({}, Path("x"))
    assert provider.understudy() is provider
    if kind == "unknown":
        for verdict in (provider.mint_verdict(claims), provider.attest_verdict(claims)):
            text = verdict.hint if verdict.code else verdict.why
            assert text.startswith(f"issuer unknown to the index: {claims['iss']}. ")
        with pytest.raises(NoIdentityProvider, match="issuer unknown to the index"):
            provider.persona()
        assert not provider.supports("pypi").mint
        assert not type(provider).detects({})
    else:
        persona = provider.persona()
        assert persona.claims == {k: v for k, v in claims.items() if k not in ISSUED}
        assert persona.publisher == provider.publisher(claims)


@with_samples
def test_googles_claims_without_an_address_play_nobody() -> None:
    claims = sample("google-adv-no-email").claims
    provider = from_claims(claims, {}, Path())
    assert type(provider) is Google
    with pytest.raises(TokenUnexpected, match="no email claim"):
        provider.persona()


# Files of claims


def test_read_claims(tmp_path: Path) -> None:
    bare, nested = tmp_path / "bare.json", tmp_path / "nested.json"
    bare.write_text(json.dumps(GITHUB))
    nested.write_text(json.dumps({"claims": GITHUB, "name": "x"}))
    assert read_claims(bare) == read_claims(nested) == GITHUB


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "it is not JSON"),
        (b"eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "it is not JSON"),
        (b"\xff", "it is not JSON"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b"[]", "it is JSON, but no object"),
        (b"null", "it is JSON, but no object"),
        (b"{}", "the claims have no iss, which is text"),
        (b'{"iss": 1}', "the claims have no iss"),
        (b'{"iss": ""}', "the claims have no iss"),
        (b'{"claims": {}}', "the claims have no iss"),
        (b'{"claims": []}', "the claims have no iss"),
        (None, "No such file or directory"),
    ],
)
def test_no_claims_in_the_file(tmp_path: Path, text: bytes | None, problem: str) -> None:
    path = tmp_path / "claims.json"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(InvalidValue, match="there are no claims in") as caught:
        read_claims(path)
    assert caught.value.facts["file"] == str(path)
    assert str(caught.value.facts["problem"]).startswith(problem)
    assert caught.value.exit_code == 2
