"""What an index shows afterwards: as sent, later, or something else."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from publisher.errors import ArrivalDifferent, ArrivalUnattested, ArrivalUnproven
from publisher.http import Http
from publisher.models import Account, Attested, Dist, Finding, Listed, Secret
from publisher.publish.access import Password
from publisher.publish.arrival import Inspection, wait_for
from publisher.publish.attest import Renewed, certify, sign
from publisher.publish.simple import INTEGRITY_JSON
from publisher.publish.upload import Upload
from publisher.verify import core
from publisher.verify.core import Verifier
from publisher.world import Index, World
from support.archives import make_sdist, make_wheel
from support.play import Marks, broken, dist, index_at
from support.sandbox import GITHUB_PUBLISHER, Sandbox
from support.signed import verify_all
from support.web import RESET, Say, Web, say_html, say_json

if TYPE_CHECKING:
    from sigstore.models import ClientTrustConfig

NAMES = iter(f"arrival{n}" for n in range(10_000))


@pytest.fixture
def trusted(world: World) -> ClientTrustConfig:
    return core.trust(world.trust_config)


@pytest.fixture
def marks() -> Marks:
    return Marks()


@pytest.fixture
def notes() -> list[Finding]:
    return []


@pytest.fixture
def dists(tmp_path: Path) -> list[Dist]:
    """A release that nobody else has."""
    name = next(NAMES)
    return [dist(make_wheel(tmp_path, name)), dist(make_sdist(tmp_path, name))]


Publish = Callable[..., tuple[Attested, ...]]


@pytest.fixture
def publish(
    sandbox: Sandbox, world: World, http: Http, trusted: ClientTrustConfig, marks: Marks
) -> Publish:
    """Upload, with attestations for all or none."""

    def send(dists: list[Dist], *, attest: bool = True) -> tuple[Attested, ...]:
        token = Account("__token__", Secret(sandbox.mint(sandbox.persona())))
        proven: tuple[Attested, ...] = ()
        if attest:
            signer = Renewed(lambda: certify(http, trusted, world.tokens("sigstore")))
            signed = sign(signer, dists, lambda _: None)
            proven = verify_all(Verifier(trusted), signed, GITHUB_PUBLISHER)
        attested = {one.dist.filename: (one,) for one in proven}
        Upload(
            http, world.indexes[0], Password(token), attested, 4, Marks(), lambda _: None
        ).send_all(dists)
        return proven

    return send


Inspect = Callable[..., Inspection]


@pytest.fixture
def inspect(http: Http, trusted: ClientTrustConfig, marks: Marks, notes: list[Finding]) -> Inspect:
    def make(
        index: Index, dists: list[Dist], *, verified: bool = True, **changes: Any
    ) -> Inspection:
        verifier = Verifier(trusted) if verified else None
        names = {one.filename for one in dists} if verified else set()
        made = Inspection(http, index, names, GITHUB_PUBLISHER, verifier, 0.0, marks, notes.append)
        return replace(made, **changes)

    return make


def seen_as(dists: list[Dist], url: str, **changes: Any) -> dict[str, Listed]:
    return {
        one.filename: replace(
            Listed(one.filename, f"{url}/{one.filename}", one.sha256, f"{url}/p"), **changes
        )
        for one in dists
    }


# Waiting


def test_all_is_there_at_once(
    http: Http, index: Index, publish: Publish, dists: list[Dist]
) -> None:
    publish(dists, attest=False)
    before = http.requests
    seen = wait_for(http, index, dists, wait=60)
    assert {name: listed.sha256 for name, listed in seen.items()} == {
        one.filename: one.sha256 for one in dists
    }
    assert http.requests == before + 1


def test_not_there_and_no_time_to_wait(http: Http, index: Index, dists: list[Dist]) -> None:
    pauses: list[int] = []
    assert wait_for(http, index, dists, wait=0, on_pause=pauses.append) == {}
    assert (http.requests, pauses) == (1, [])


def test_nothing_to_wait_for(http: Http, index: Index) -> None:
    assert wait_for(http, index, [], wait=60) == {}
    assert http.requests == 0


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now, self.naps = 1000.0, list[float]()

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.naps.append(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("publisher.publish.arrival.time", clock)
    return clock


def page(*dists: Dist) -> Say:
    return say_json({"files": [
        {"filename": one.filename, "url": "/x", "hashes": {"sha256": one.sha256}} for one in dists
    ]})  # fmt: skip


def test_files_appear_one_by_one(http: Http, web: Web, dists: list[Dist], clock: Clock) -> None:
    wheel, sdist = dists
    stranger = replace(wheel, path=Path("stranger-1.0.tar.gz"))
    path = f"/simple/{wheel.project}/"
    web.on(path, Say(404), page(stranger), page(wheel, stranger), page(sdist, stranger))
    pauses: list[int] = []
    seen = wait_for(http, index_at(web.url), dists, wait=600, on_pause=pauses.append)
    assert set(seen) == {
        wheel.filename,
        sdist.filename,
    }  # seen once is seen, strangers are not ours
    assert pauses == [2, 2, 1]
    assert clock.naps == [0.25, 0.5, 1.0]
    assert len(web.seen) == 4


def test_pauses_have_a_limit(http: Http, web: Web, dists: list[Dist], clock: Clock) -> None:
    web.on(f"/simple/{dists[0].project}/", *[Say(404)] * 8, page(*dists))
    assert len(wait_for(http, index_at(web.url), dists, wait=600)) == 2
    assert clock.naps == [0.25, 0.5, 1, 2, 4, 5, 5, 5]


def test_waiting_ends(http: Http, web: Web, dists: list[Dist], clock: Clock) -> None:
    web.on(f"/simple/{dists[0].project}/", page(dists[0]))
    pauses: list[int] = []
    seen = wait_for(http, index_at(web.url), dists, wait=3, on_pause=pauses.append)
    assert set(seen) == {dists[0].filename}
    assert clock.naps == [0.25, 0.5, 1, 1.25]
    assert pauses == [1] * 4
    assert len(web.seen) == 5


@pytest.mark.usefixtures("clock")
def test_only_what_is_missing_is_asked_for(http: Http, web: Web, tmp_path: Path) -> None:
    here, late = dist(make_wheel(tmp_path, "here")), dist(make_wheel(tmp_path, "late"))
    web.on("/simple/here/", page(here))
    web.on("/simple/late/", Say(404), page(late))
    assert len(wait_for(http, index_at(web.url), [late, here], wait=60)) == 2
    assert web.paths() == ["GET /simple/here/", "GET /simple/late/", "GET /simple/late/"]


@pytest.mark.parametrize(
    "answer", [RESET, say_html("<h1>Bad gateway</h1>", 502), Say(503), say_html("<h1>Login</h1>")]
)
def test_everything_is_uploaded_so_not_seeing_it_is_no_failure(
    http: Http, web: Web, dists: list[Dist], answer: Say
) -> None:
    web.on(f"/simple/{dists[0].project}/", *[answer] * 5, page(*dists))
    assert len(wait_for(http, index_at(web.url), dists, wait=60)) == 2
    web.on(f"/simple/{dists[0].project}/", answer)
    assert wait_for(http, index_at(web.url), dists, wait=0) == {}


# Looking


def test_arrived_and_verified(
    http: Http, index: Index, publish: Publish, inspect: Inspect, marks: Marks,
    notes: list[Finding], dists: list[Dist],
) -> None:  # fmt: skip
    publish(dists)
    inspect(index, dists).look(dists, wait_for(http, index, dists, wait=60))
    for one in dists:
        placed = marks.of(one.filename)
        assert placed["arrival"] == "verified"
        assert str(placed["url"]).endswith(one.filename)
        assert str(placed["provenance_url"]).endswith("/provenance")
        assert "error" not in placed
    assert notes == []


def test_not_visible_yet(index: Index, inspect: Inspect, marks: Marks, dists: list[Dist]) -> None:
    inspect(index, dists).look(dists, {})
    assert marks.said.count((dists[0].filename, {"arrival": "not-visible-yet"})) == 1
    assert len(marks.said) == 2


def test_without_attestations(
    http: Http, index: Index, publish: Publish, inspect: Inspect, marks: Marks, dists: list[Dist]
) -> None:
    publish(dists, attest=False)
    seen = wait_for(http, index, dists, wait=60)
    before = http.requests
    inspect(index, dists, verified=False).look(dists, seen)
    assert {marks.of(one.filename)["arrival"] for one in dists} == {"unattested"}
    assert marks.of(dists[0].filename)["provenance_url"] is None
    assert http.requests == before


def test_provenance_that_nobody_checks(
    index: Index, inspect: Inspect, marks: Marks, dists: list[Dist]
) -> None:
    inspect(index, dists, verified=False).look(dists, seen_as(dists, "https://index.example"))
    assert {marks.of(one.filename)["arrival"] for one in dists} == {"not-checked"}


def test_sent_with_attestations_and_shown_without(
    http: Http, index: Index, publish: Publish, inspect: Inspect, marks: Marks, dists: list[Dist]
) -> None:
    publish(dists, attest=False)
    with pytest.raises(ArrivalUnattested, match="without its attestation") as caught:
        inspect(index, dists, attested={dists[1].filename}).look(
            dists, wait_for(http, index, dists, wait=60)
        )
    assert caught.value.facts == {"index": "pypi", "file": dists[1].filename}
    assert caught.value.exit_code == 8
    assert marks.of(dists[0].filename)["arrival"] == "unattested"
    assert "error" not in marks.of(dists[0].filename)
    assert marks.of(dists[1].filename)["arrival"] == "unattested"
    assert marks.of(dists[1].filename)["error"] == caught.value.message


def test_another_digest(
    http: Http, index: Index, publish: Publish, inspect: Inspect, marks: Marks, dists: list[Dist]
) -> None:
    shown = "0" * 64
    publish(dists)
    seen = wait_for(http, index, dists, wait=60)
    seen[dists[0].filename] = replace(seen[dists[0].filename], sha256=shown)
    with pytest.raises(ArrivalDifferent, match=f"another {dists[0].filename} than") as caught:
        inspect(index, dists).look(dists, seen)
    assert caught.value.facts == {
        "file": dists[0].filename, "sent": dists[0].sha256, "shown": shown
    }  # fmt: skip
    assert "incident" in caught.value.hint
    assert marks.of(dists[0].filename)["arrival"] == "different"
    assert marks.of(dists[1].filename)["arrival"] == "verified"  # all are looked at


def forge_signature(body: Any) -> None:
    envelope = body["attestation_bundles"][0]["attestations"][0]["envelope"]
    envelope["signature"] = envelope["signature"][::-1]


def forge_publisher(body: Any) -> None:
    body["attestation_bundles"][0]["publisher"]["repository"] = "evil/widget"


def take_away(body: Any) -> None:
    body["attestation_bundles"] = []


def take_attestations_away(body: Any) -> None:
    body["attestation_bundles"][0]["attestations"] = []


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (forge_signature, "."),
        (forge_publisher, "names repository 'evil/widget'"),
        (take_away, "no publish attestation"),
        (take_attestations_away, "no publish attestation"),
    ],
)
def test_forged_provenance(
    sandbox: Sandbox, http: Http, index: Index, publish: Publish, inspect: Inspect, marks: Marks,
    dists: list[Dist], forge: Callable[[Any], None], reason: str,
) -> None:  # fmt: skip
    wheel = dists[:1]
    publish(wheel)
    body = copy.deepcopy(sandbox.provenance(wheel[0].path).json())
    forge(body)
    broken(sandbox, "pypi", method="GET", path="/integrity/", status=200,
           body=json.dumps(body), content_type=INTEGRITY_JSON)  # fmt: skip
    with pytest.raises(
        ArrivalUnproven, match=f"shows provenance of .* that fails: .*{reason}"
    ) as e:
        inspect(index, wheel).look(wheel, wait_for(http, index, wheel, wait=60))
    assert e.value.facts["file"] == wheel[0].filename
    assert str(e.value.facts["url"]).endswith("/provenance")
    assert "incident" in e.value.hint
    assert marks.of(wheel[0].filename)["arrival"] == "different"
    assert marks.of(wheel[0].filename)["error"] == e.value.message


def test_somebody_else_published(
    http: Http, index: Index, publish: Publish, inspect: Inspect, dists: list[Dist]
) -> None:
    publish(dists)
    other = {**GITHUB_PUBLISHER, "repository": "octo-org/gadget"}
    with pytest.raises(ArrivalUnproven, match="names repository 'octo-org/widget'"):
        inspect(index, dists, publisher=other).look(dists, wait_for(http, index, dists, wait=60))


def test_the_provenance_of_another_file(
    sandbox: Sandbox, http: Http, index: Index, publish: Publish, inspect: Inspect,
    dists: list[Dist],
) -> None:  # fmt: skip
    publish(dists)
    broken(sandbox, "pypi", method="GET", path="/integrity/", times=2, status=200,
           body=sandbox.provenance(dists[1].path).text, content_type=INTEGRITY_JSON)  # fmt: skip
    broken_in = [dists[0]]
    with pytest.raises(ArrivalUnproven, match="other content"):
        inspect(index, broken_in).look(broken_in, wait_for(http, index, broken_in, wait=60))


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"status": 404, "body": '{"message": "No provenance"}'}, "answered 404"),
        ({"status": 404, "body": "<h1>Not found</h1>", "content_type": "text/html"}, "404"),
        ({"status": 200, "body": "<h1>Login</h1>", "content_type": "text/html"}, "Expecting value"),
        ({"status": 200, "body": "[]"}, "not a JSON object"),
        ({"status": 500}, "answered 500"),
        ({"status": 302, "headers": {"Location": "/"}}, "answered 302"),
        ({"kind": "reset"}, "the connection failed"),
    ],
)
def test_provenance_that_can_not_be_read(
    sandbox: Sandbox, http: Http, index: Index, publish: Publish, inspect: Inspect, marks: Marks,
    notes: list[Finding], dists: list[Dist], fault: dict[str, Any], reason: str,
) -> None:  # fmt: skip
    publish(dists)
    seen = wait_for(http, index, dists, wait=60)
    where = f"/integrity/{dists[0].project}/1.0/{dists[0].filename}/"
    broken(sandbox, "pypi", method="GET", path=where, times=9, **fault)
    inspect(index, dists).look(dists, seen)
    assert marks.of(dists[0].filename)["arrival"] == "not-visible-yet"
    assert marks.of(dists[1].filename)["arrival"] == "verified"
    (note,) = notes
    assert (note.code, note.severity) == ("not-visible-yet", "warning")
    assert "was not verified" in note.message
    assert reason in str(note.facts["reason"])
    assert "/provenance" in note.hint


def test_provenance_that_comes_late(
    sandbox: Sandbox, http: Http, index: Index, publish: Publish, inspect: Inspect, marks: Marks,
    notes: list[Finding], dists: list[Dist],
) -> None:  # fmt: skip
    """The list of files may be there before the provenance that it names."""
    publish(dists)
    seen = wait_for(http, index, dists, wait=60)
    where = f"/integrity/{dists[0].project}/1.0/{dists[0].filename}/"
    broken(sandbox, "pypi", method="GET", path=where, times=2, status=404)
    inspect(index, dists, until=time.monotonic() + 60).look(dists, seen)
    assert marks.of(dists[0].filename)["arrival"] == "verified"
    assert notes == []


def test_provenance_is_asked_for_as_such(
    http: Http, web: Web, inspect: Inspect, dists: list[Dist], notes: list[Finding]
) -> None:
    index = index_at(web.url)
    inspect(index, dists).look(dists, seen_as(dists, web.url))
    assert {seen.headers["Accept"] for seen in web.seen} == {INTEGRITY_JSON}
    assert {seen.path for seen in web.seen} == {
        f"/integrity/{one.project}/1.0/{one.filename}/provenance" for one in dists
    }
    assert len(notes) == 2


def test_the_first_error_in_order_is_raised(
    index: Index, inspect: Inspect, marks: Marks, dists: list[Dist]
) -> None:
    seen = seen_as(dists, "https://index.example", sha256="0" * 64)
    for order in (dists, dists[::-1]):
        with pytest.raises(ArrivalDifferent) as caught:
            inspect(index, dists).look(order, seen)
        assert caught.value.facts["file"] == order[0].filename
    assert [changes.get("arrival") for _, changes in marks.said].count("different") == 4


def test_nothing_to_look_at(index: Index, inspect: Inspect, marks: Marks) -> None:
    inspect(index, []).look([], {})
    assert marks.said == []
