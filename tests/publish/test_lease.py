"""Upload tokens that end, are refused, or are lost on their way."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from errno import ENOSPC
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from publisher.ahead import ahead
from publisher.errors import IndexUnreachable, Interrupted, MintRefused, UploadTokenEnds
from publisher.http import Http
from publisher.models import Run
from publisher.publish.identity import from_file
from publisher.publish.lease import Lease, upload_token
from publisher.publish.recorder import Recorder
from publisher.report.console import Console
from publisher.world import World
from support.play import IDENTITY, asked, broken
from support.sample_run import STARTED
from support.sandbox import Sandbox

MINT, BURN = "/_/oidc/mint-token", "/_/oidc/burn-token"


@pytest.fixture
def lifetime(sandbox: Sandbox) -> Iterator[Callable[[int], None]]:
    """Sets how many seconds upload tokens live."""

    def change(seconds: int) -> None:
        assert sandbox.post("settings", {"token_seconds": seconds}).status_code == 200

    yield change
    change(900)


@pytest.fixture
def record(http: Http) -> Recorder:
    return Recorder(Run("github", rehearsal=True, started=STARTED), Console(io.StringIO()), http)


@pytest.fixture
def told_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The signal's exception comes between the request for the first token and its answer."""
    take = Lease.take

    def interrupted(self: Lease) -> None:
        ahead(partial(take, self))
        threading.Event().wait(0.1)
        raise Interrupted("now")

    monkeypatch.setattr(Lease, "take", interrupted)


Leasing = Callable[..., Any]


@pytest.fixture
def leasing(world: World, record: Recorder, http: Http) -> Leasing:
    def make(place: World = world) -> Any:
        return upload_token(place, record, http, place.indexes[0], IDENTITY)

    return make


@pytest.fixture
def calls(sandbox: Sandbox) -> Callable[[], list[tuple[str, int | None]]]:
    """Mints and burns since now, with the index's answers."""
    before = len(asked(sandbox, "pypi"))
    return lambda: [(str(line["path"]), line["status"]) for line in asked(sandbox, "pypi")[before:]]


def held(world: World, sandbox: Sandbox, folder: Path, count: int) -> World:
    """The same world for a job with so many ID tokens for the index."""
    player = sandbox.persona()
    path = folder / "tokens.json"
    path.write_text(json.dumps({"pypi": [player.token("pypi") for _ in range(count)]}))
    return replace(world, tokens=from_file(path))


def codes(record: Recorder) -> list[str]:
    return [finding.code for finding in record.run.findings]


def test_one_token_for_a_short_release(leasing: Leasing, calls: Callable[[], Any]) -> None:
    with leasing() as lease:
        first = lease.account()
        assert all(lease.account() == first for _ in range(20))
    assert calls() == [(MINT, 200), (BURN, 202)]


def test_another_before_it_ends(
    leasing: Leasing, calls: Callable[[], Any], lifetime: Callable[[int], None]
) -> None:
    lifetime(1)
    with leasing() as lease:
        first = lease.account()
        lifetime(900)
        threading.Event().wait(0.9)
        second = lease.account()
        assert second != first
        assert lease.account() == second
    assert calls() == [(MINT, 200), (MINT, 200), (BURN, 202), (BURN, 202)]


def test_a_job_without_a_further_id_token(
    leasing: Leasing, calls: Callable[[], Any], lifetime: Callable[[int], None],
    world: World, sandbox: Sandbox, tmp_path: Path,
) -> None:  # fmt: skip
    """It goes on with the one it has, and stops before that ends."""
    lifetime(6)
    with leasing(held(world, sandbox, tmp_path, 1)) as lease:
        first = lease.account()
        for _ in range(3):
            threading.Event().wait(0.9)
            assert lease.account() == first
        threading.Event().wait(2)
        with pytest.raises(UploadTokenEnds, match="there is no further one") as caught:
            lease.account()
    assert "used up" in str(caught.value.facts["reason"])
    assert "Run the same command again" in caught.value.hint
    assert calls() == [(MINT, 200), (BURN, 202)]


def test_a_second_pair_of_a_job(
    leasing: Leasing, calls: Callable[[], Any], lifetime: Callable[[int], None],
    world: World, sandbox: Sandbox, tmp_path: Path,
) -> None:  # fmt: skip
    lifetime(1)
    with leasing(held(world, sandbox, tmp_path, 2)) as lease:
        lifetime(900)
        threading.Event().wait(0.9)
        lease.account()
    assert [status for _, status in calls()] == [200, 200, 202, 202]


def test_the_index_says_that_it_has_expired(leasing: Leasing, calls: Callable[[], Any]) -> None:
    """Whatever our clock says. Many threads hear so at once; one new token is for all of them."""
    with leasing() as lease:
        first = lease.account()
        assert lease.refused(first)
        assert lease.account() != first
        assert all(lease.refused(first) for _ in range(7))
    assert [path for path, _ in calls()] == [MINT, MINT, BURN, BURN]


def test_no_token_instead_of_the_expired(
    leasing: Leasing, world: World, sandbox: Sandbox, tmp_path: Path
) -> None:
    with leasing(held(world, sandbox, tmp_path, 1)) as lease:
        assert not lease.refused(lease.account())


@pytest.mark.parametrize("fault", [{"kind": "reset", "after": True}, {"status": 503}])
def test_a_lost_answer_takes_another_id_token(
    leasing: Leasing, sandbox: Sandbox, record: Recorder, fault: dict[str, Any]
) -> None:
    broken(sandbox, "pypi", path=MINT, times=1, **fault)
    with leasing() as lease:
        assert lease.account().password.reveal().startswith("pypi-")
    assert "mint-repeated" in codes(record)


def test_a_lost_answer_and_no_other_id_token(
    leasing: Leasing, sandbox: Sandbox, world: World, tmp_path: Path, calls: Callable[[], Any]
) -> None:
    """What was spent is never sent again."""
    broken(sandbox, "pypi", path=MINT, times=1, kind="reset", after=True)
    with pytest.raises(IndexUnreachable), leasing(held(world, sandbox, tmp_path, 1)):
        pass
    assert len(calls()) == 1


def test_a_refusal_is_not_repeated(
    leasing: Leasing, sandbox: Sandbox, calls: Callable[[], Any]
) -> None:
    said = {
        "message": "Token request failed",
        "errors": [{"code": "not-enabled", "description": "-"}],
    }
    broken(sandbox, "pypi", path=MINT, times=9, status=422, body=json.dumps(said))
    with pytest.raises(MintRefused), leasing():
        pass
    assert len(calls()) == 1
    sandbox.http.delete(f"{sandbox.control}/faults")


@pytest.mark.usefixtures("told_to_stop")
def test_told_to_stop_while_a_token_is_on_its_way(
    leasing: Leasing, sandbox: Sandbox, calls: Callable[[], Any]
) -> None:
    """The token is burned."""
    sandbox.post("settings", {"latency_ms": {"pypi": 500}})
    with pytest.raises(Interrupted), leasing():
        pass
    sandbox.post("settings", {"latency_ms": 0})
    assert calls() == [(MINT, 200), (BURN, 202)]


def test_an_index_that_does_not_answer_the_burn(
    leasing: Leasing, sandbox: Sandbox, record: Recorder
) -> None:
    broken(sandbox, "pypi", path=BURN, times=9, kind="reset")
    with leasing():
        pass
    sandbox.http.delete(f"{sandbox.control}/faults")
    assert codes(record) == ["token-not-burned"]


def test_burned_even_if_nothing_can_be_said_of_it(
    world: World, http: Http, calls: Callable[[], Any]
) -> None:
    class Full(Console):
        """Its disk is full when the step begins."""

        @contextmanager
        def step(self, name: str, doing: str) -> Iterator[None]:
            if name == "burn":
                raise OSError(ENOSPC, "No space left on device")
            with super().step(name, doing):
                yield

    run = Run("github", rehearsal=True, started=STARTED)
    record = Recorder(run, Full(io.StringIO()), http)
    with (
        pytest.raises(OSError, match="No space left"),
        upload_token(world, record, http, world.indexes[0], IDENTITY),
    ):
        pass
    assert calls() == [(MINT, 200), (BURN, 202)]


def test_in_a_hurry_nobody_waits_for_a_slow_burn(
    leasing: Leasing,
    sandbox: Sandbox,
    record: Recorder,
    calls: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("publisher.publish.lease.HURRY", 0.2)

    def stop() -> None:
        with leasing():
            broken(sandbox, "pypi", path=BURN, times=1, kind="hang")
            raise Interrupted("now")

    with pytest.raises(Interrupted):
        stop()
    sandbox.http.delete(f"{sandbox.control}/faults")
    assert codes(record) == ["token-not-burned"]
    for _ in range(100):  # it comes all the same, and must not count in the next test
        if BURN in [path for path, _ in calls()]:
            break
        threading.Event().wait(0.05)


def test_nothing_is_minted_after_the_end(leasing: Leasing, calls: Callable[[], Any]) -> None:
    """A worker that was left behind finds the lease closed."""
    with leasing() as lease:
        account = lease.account()
    with pytest.raises(UploadTokenEnds, match="given back"):
        lease.account()
    assert not lease.refused(account)
    assert [path for path, _ in calls()] == [MINT, BURN]


def test_a_renewal_that_is_under_way_at_the_end(
    leasing: Leasing, sandbox: Sandbox, calls: Callable[[], Any]
) -> None:
    sandbox.post("settings", {"latency_ms": {"pypi": 300}})
    with leasing() as lease:
        worker = ahead(partial(lease.refused, lease.account()))
        threading.Event().wait(0.1)
    assert not worker.result(30)
    sandbox.post("settings", {"latency_ms": 0})
    assert sorted(path for path, _ in calls()) == [BURN, BURN, MINT, MINT]


@pytest.mark.usefixtures("told_to_stop")
def test_a_mint_that_ends_when_nobody_waits_any_more(
    leasing: Leasing, sandbox: Sandbox, record: Recorder, calls: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Its own thread burns what it got, and the run says that it might not."""
    monkeypatch.setattr("publisher.publish.lease.HURRY", 0.1)
    sandbox.post("settings", {"latency_ms": {"pypi": 600}})
    with pytest.raises(Interrupted), leasing():
        pass
    assert codes(record) == ["token-not-burned"]
    for _ in range(50):
        threading.Event().wait(0.1)
        if len(calls()) == 2:
            break
    sandbox.post("settings", {"latency_ms": 0})
    assert [path for path, _ in calls()] == [MINT, BURN]


@pytest.mark.parametrize("expires", [900, 0])
def test_an_index_with_another_clock(
    leasing: Leasing, sandbox: Sandbox, calls: Callable[[], Any], expires: int
) -> None:
    """What it says of the end makes no sense: the token is used until the index says otherwise."""
    body = json.dumps({"success": True, "token": "pypi-x", "expires": expires})
    broken(sandbox, "pypi", path=MINT, times=1, status=200, body=body)
    with leasing() as lease:
        assert len({lease.account().password.reveal() for _ in range(20)}) == 1
    assert [path for path, _ in calls()] == [MINT, BURN]
