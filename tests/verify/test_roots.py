"""The trust root: by TUF online and offline, and nothing that only lies in a cache."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from sigstore._internal.tuf import DEFAULT_TUF_URL, STAGING_TUF_URL
from sigstore._utils import read_embedded
from tuf.api.metadata import Metadata

from publisher.errors import TrustRootUnavailable
from publisher.verify import roots
from publisher.verify.roots import SIGNING_CONFIG, TRUSTED_ROOT, Repository, load
from support.tuf_repository import TufRepository
from support.web import Web, serving

PRODUCTION = read_embedded(TRUSTED_ROOT, DEFAULT_TUF_URL)
STAGING = read_embedded(TRUSTED_ROOT, STAGING_TUF_URL)
SIGNING = read_embedded(SIGNING_CONFIG, DEFAULT_TUF_URL)
TARGETS = {TRUSTED_ROOT: PRODUCTION, SIGNING_CONFIG: SIGNING}
OTHERS = {TRUSTED_ROOT: STAGING, SIGNING_CONFIG: SIGNING}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as web:
        yield web


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own."""
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def published(web: Web) -> TufRepository:
    return TufRepository(web, TARGETS)


@pytest.fixture
def repository(published: TufRepository, tmp_path: Path) -> Repository:
    return published.at(tmp_path)


def refused(repository: Repository, reason: str, *, offline: bool = True) -> None:
    with pytest.raises(TrustRootUnavailable) as caught:
        load(offline=offline, repository=repository)
    chain = repr([caught.value.facts["reason"], caught.value.__cause__.__cause__])  # type: ignore[union-attr]  # it has one
    assert reason in chain, chain


# As it should be


def test_online_and_then_offline(
    web: Web, published: TufRepository, repository: Repository
) -> None:
    online = load(repository=repository)
    asked = len(web.seen)
    offline = load(offline=True, repository=repository)
    assert len(web.seen) == asked > 0
    assert online.sha256 == offline.sha256 == digest(PRODUCTION)
    assert online.until == offline.until
    assert offline.until is not None
    assert abs(offline.until - published.end()) < timedelta(minutes=1)
    assert offline.config.force_tlog_version == 1
    assert offline.config.trusted_root.get_fulcio_certs()


def test_what_is_new_is_taken_over(published: TufRepository, repository: Repository) -> None:
    load(repository=repository)
    published.publish(OTHERS)
    assert load(offline=True, repository=repository).sha256 == digest(PRODUCTION)
    assert load(repository=repository).sha256 == digest(STAGING)
    assert load(offline=True, repository=repository).sha256 == digest(STAGING)


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets"])
def test_keys_are_rotated(published: TufRepository, repository: Repository, role: str) -> None:
    load(repository=repository)
    published.rotate(role)
    published.rotate("root")
    published.publish(OTHERS)
    assert load(repository=repository).sha256 == digest(STAGING)
    assert load(offline=True, repository=repository).sha256 == digest(STAGING)


def test_the_public_root_without_cache_and_network(cache: Path) -> None:
    found = load(offline=True)
    assert found.sha256 == digest(PRODUCTION)
    root = json.loads(read_embedded("root.json", DEFAULT_TUF_URL))["signed"]
    assert found.until == datetime.fromisoformat(root["expires"])
    assert not cache.exists()


def test_a_file_of_the_user_has_no_age() -> None:
    whole = {
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": json.loads(PRODUCTION),
        "signingConfig": json.loads(SIGNING),
    }
    found = load(json.dumps(whole), offline=True)
    assert found.until is None
    later = datetime.now(UTC) + timedelta(days=9999)
    assert not found.too_old(later)


# How old it is


def test_age(published: TufRepository, repository: Repository) -> None:
    """Pitfall 5: an expired timestamp still serves offline, and says for how long it is so."""
    published.lasts = timedelta(seconds=2)
    published.publish(TARGETS)
    found = load(repository=repository)
    end = found.until
    assert end is not None
    for late, too_old in (
        (timedelta(), False),
        (timedelta(days=3), False),
        (roots.GRACE, False),
        (roots.GRACE + timedelta(seconds=1), True),
    ):
        assert found.overdue(end + late) == late
        assert found.too_old(end + late) is too_old
    assert found.overdue(end - timedelta(days=1)) == timedelta()


def test_what_is_expired_is_stale_offline_and_refused_online(
    published: TufRepository, repository: Repository
) -> None:
    """A server that shows the same for ever (freeze) can't keep its clients."""
    load(repository=repository)
    published.lasts = timedelta(days=-40)
    published.publish(TARGETS)
    metadata, _ = repository.folders()
    for name in ("timestamp", "snapshot", "targets"):
        path = f"/{name}.json" if name == "timestamp" else f"/2.{name}.json"
        (metadata / f"{name}.json").write_bytes(published.files[path])
    found = load(offline=True, repository=repository)
    now = datetime.now(UTC)
    assert timedelta(days=39) < found.overdue(now) < timedelta(days=41)
    assert found.too_old(now)
    refused(repository, "expired", offline=False)


# What is refused


def test_the_server_goes_back(published: TufRepository, repository: Repository) -> None:
    before = dict(published.files)
    published.publish(OTHERS)
    load(repository=repository)
    published.show_again(before)
    refused(repository, "New timestamp version 1 must be >= 2", offline=False)
    assert load(offline=True, repository=repository).sha256 == digest(STAGING)


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
@pytest.mark.parametrize("offline", [True, False])
def test_a_key_that_has_no_say(
    published: TufRepository, repository: Repository, role: str, offline: bool
) -> None:
    load(repository=repository)
    stranger = CryptoSigner.generate_ed25519()
    published.publish(OTHERS, **{role: stranger})
    metadata, _ = repository.folders()
    for name in ("timestamp", "snapshot", "targets") if offline else ():
        path = f"/{name}.json" if name == "timestamp" else f"/2.{name}.json"
        (metadata / f"{name}.json").write_bytes(published.files[path])
    refused(repository, f"{role} was signed by 0/1 keys", offline=offline)


def test_a_root_that_the_old_one_did_not_sign(
    published: TufRepository, repository: Repository
) -> None:
    load(repository=repository)
    thief = CryptoSigner.generate_ed25519()
    published.keys["root"] = thief
    published.rotate("timestamp", signed_by=[thief])
    published.publish(OTHERS)
    refused(repository, "root was signed by", offline=False)
    metadata, _ = repository.folders()
    (metadata / "root_history" / "2.root.json").write_bytes(published.files["/2.root.json"])
    refused(repository, "root was signed by 0/1 keys")


def swap(name: str, data: bytes) -> Callable[[Path, Path], None]:
    def harm(_metadata: Path, targets: Path) -> None:
        (targets / name).write_bytes(data)

    return harm


def drop(name: str) -> Callable[[Path, Path], None]:
    return lambda metadata, _targets: (metadata / name).unlink()


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (swap(TRUSTED_ROOT, STAGING), "length"),
        (swap(TRUSTED_ROOT, PRODUCTION.replace(b"2022", b"2021", 1)), "hash"),
        (swap(SIGNING_CONFIG, SIGNING.replace(b"rekor", b"rekir", 1)), "hash"),
        (drop("snapshot.json"), "FileNotFoundError"),
        (drop("targets.json"), "FileNotFoundError"),
    ],
)  # fmt: skip
def test_a_swapped_root_in_the_cache(
    repository: Repository, harm: Callable[[Path, Path], None], reason: str
) -> None:
    """Pitfall 4: sigstore's own offline mode takes what lies there."""
    load(repository=repository)
    harm(*repository.folders())
    refused(repository, reason)


def test_a_swapped_root_is_put_right_online(repository: Repository) -> None:
    load(repository=repository)
    swap(TRUSTED_ROOT, STAGING)(*repository.folders())
    assert load(repository=repository).sha256 == digest(PRODUCTION)


def test_a_lone_root_in_the_cache_is_not_believed(cache: Path) -> None:
    """Pitfall 4, as it was measured: the root alone, and no metadata that could vouch for it."""
    metadata, targets = Repository(DEFAULT_TUF_URL).folders()
    assert metadata.is_relative_to(cache)
    targets.mkdir(parents=True)
    (targets / TRUSTED_ROOT).write_bytes(STAGING)
    (targets / SIGNING_CONFIG).write_bytes(SIGNING)
    assert load(offline=True).sha256 == digest(PRODUCTION)


def test_metadata_of_another_repository_in_the_cache(
    published: TufRepository, repository: Repository
) -> None:
    """Whole and consistent, but not signed by whom the embedded root names."""
    load(repository=repository)
    public = Repository(DEFAULT_TUF_URL)
    for source, target in zip(repository.folders(), public.folders(), strict=True):
        shutil.copytree(source, target, dirs_exist_ok=True)
    refused(public, "timestamp was signed by 0/1 keys")


def test_one_role_in_the_place_of_another(published: TufRepository, repository: Repository) -> None:
    load(repository=repository)
    metadata, _ = repository.folders()
    published.keys["timestamp"] = published.keys["snapshot"]
    (metadata / "timestamp.json").write_bytes(published.files["/1.snapshot.json"])
    refused(repository, "snapshot metadata in the place of timestamp")


def test_metadata_that_are_none(repository: Repository) -> None:
    load(repository=repository)
    metadata, _ = repository.folders()
    for junk in (b"", b"[]", b"{}", b'{"signed": 1, "signatures": []}', b"\xff"):
        (metadata / "timestamp.json").write_bytes(junk)
        refused(repository, "DeserializationError")


def test_a_repository_without_the_root(web: Web, tmp_path: Path) -> None:
    bare = TufRepository(web, {SIGNING_CONFIG: SIGNING})
    refused(bare.at(tmp_path), "no trusted root", offline=False)


def test_nothing_to_begin_with(repository: Repository) -> None:
    """Of a repository that sigstore does not embed, nothing is known offline."""
    refused(repository, "FileNotFoundError")


def test_other_versions_than_those_that_are_listed(
    published: TufRepository, repository: Repository
) -> None:
    """The lists of this repository have no hashes, so it is the version that tells."""
    load(repository=repository)
    metadata, _ = repository.folders()
    published.publish(OTHERS)
    old = Metadata.from_bytes((metadata / "timestamp.json").read_bytes())
    assert old.signed.version == 1
    (metadata / "snapshot.json").write_bytes(published.files["/2.snapshot.json"])
    refused(repository, "snapshot is version 2")
