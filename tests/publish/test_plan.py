"""New, identical or in conflict: asked of a rehearsal's index and of strange ones."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from publisher.errors import (
    AlreadyPublished,
    IndexAnswerMalformed,
    IndexUnreachable,
    ReleaseClosed,
    ReleaseConflict,
)
from publisher.http import Http
from publisher.models import OPEN_FOR, Dist, Listed, Plan, Planned
from publisher.publish import plan as module
from publisher.publish.plan import barred, decide, plan, release_of
from publisher.publish.simple import SIMPLE_JSON, listing
from publisher.world import Index
from support.archives import make_sdist, make_wheel
from support.play import dist, index_at, world_of
from support.sandbox import Sandbox
from support.web import RESET, Say, Web, say_html, say_json

WHEEL, SDIST = "widget-1.0-py3-none-any.whl", "widget-1.0.tar.gz"


@pytest.fixture
def dists(tmp_path: Path) -> tuple[Dist, Dist]:
    return dist(make_wheel(tmp_path)), dist(make_sdist(tmp_path))


def page(web: Web, *files: dict[str, Any]) -> Index:
    web.on("/simple/widget/", say_json({"files": list(files)}))
    return index_at(web.url)


def file(made: Dist, **changes: object) -> dict[str, Any]:
    hashes = {"sha256": made.sha256}
    return {"filename": made.filename, "url": f"../../{made.filename}", "hashes": hashes, **changes}


# Against a rehearsal's index


def test_a_project_that_is_new(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    made = dist(make_wheel(tmp_path, "brandnew"))
    with world_of(sandbox) as world:
        made_plan = plan(http, world.indexes[0], [made], skip_existing=True)
        assert made_plan == Plan((Planned(made, "new"),), ("brandnew",))


def test_new_identical_and_conflict(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    token = sandbox.mint(sandbox.persona())
    wheel = make_wheel(tmp_path, members={"a.py": "one"})
    assert sandbox.upload(token, wheel).status_code == 200
    ours, sdist = dist(wheel), dist(make_sdist(tmp_path))
    changed = dist(make_wheel(tmp_path / "other", members={"a.py": "two"}))
    with world_of(sandbox) as world:
        (index,) = world.indexes
        new, there = plan(http, index, iter([sdist, ours]), skip_existing=True).files
        assert new == Planned(sdist, "new")
        assert (there.state, there.dist) == ("identical", ours)
        assert there.listed is not None
        assert there.listed.uploaded is not None
        assert there.listed.sha256 == ours.sha256
        assert sandbox.http.get(there.listed.url).content == wheel.read_bytes()

        with pytest.raises(AlreadyPublished, match="pypi has 1 of these files already") as caught:
            plan(http, index, [sdist, ours], skip_existing=False)
        assert caught.value.facts == {"index": "pypi", "files": [WHEEL]}
        lone = plan(http, index, [sdist], skip_existing=False)
        assert lone == Plan((new,), closing={("widget", "1.0"): there.listed.uploaded + OPEN_FOR})

        with pytest.raises(ReleaseConflict) as conflict:
            plan(http, index, [sdist, changed], skip_existing=True)
    difference = "a.py, widget-1.0.dist-info/RECORD differ"
    assert conflict.value.message == f"pypi already has another {WHEEL}: {difference}"
    assert conflict.value.facts == {
        "index": "pypi",
        "files": {WHEEL: {"yours": changed.sha256, "index": ours.sha256, "difference": difference}},
    }
    assert "new version" in conflict.value.hint


# Against others


def test_each_project_is_asked_once(web: Web, http: Http, tmp_path: Path) -> None:
    web.on("/simple/gadget/", say_json({"files": []}))
    dists = [
        dist(make(tmp_path, n)) for n in ("widget", "gadget") for make in (make_wheel, make_sdist)
    ]
    planned = plan(http, page(web), dists, skip_existing=True).files
    assert [p.dist for p in planned] == dists
    assert {p.state for p in planned} == {"new"}
    assert sorted(web.paths()) == ["GET /simple/gadget/", "GET /simple/widget/"]
    assert {seen.headers["Accept"] for seen in web.seen} == {SIMPLE_JSON}


def test_no_project_is_none(web: Web, http: Http) -> None:
    web.on("/simple/widget/", say_html("<h1>Not found</h1>", 404))
    assert listing(http, index_at(web.url), "widget") is None


def test_what_is_listed(web: Web, http: Http) -> None:
    index = page(
        web,
        {"filename": "a", "url": "../../files/a", "hashes": {"sha256": "AB" * 32}, "more": 1},
        {"filename": "b", "url": "https://files.example/b", "hashes": {}, "provenance": "../../p"},
        {"filename": "c", "url": "/c", "hashes": {"md5": "x"}, "provenance": None},
        {"filename": "d", "url": "d"},
    )
    assert listing(http, index, "widget") == {
        "a": Listed("a", f"{web.url}/files/a", "ab" * 32, None),
        "b": Listed("b", "https://files.example/b", None, f"{web.url}/p"),
        "c": Listed("c", f"{web.url}/c", None, None),
        "d": Listed("d", f"{web.url}/simple/widget/d", None, None),
    }


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (say_html("<title>Login</title>"), 200),
        (say_html("<h1>Down</h1>", 500), 500),
        (say_html("<h1>Bad gateway</h1>", 502), 502),
        (say_json({"files": []}, 403), 403),
        (say_json({"files": []}, 301, "/other"), 301),
        (say_json([]), 200),
        (say_json({}), 200),
        (say_json({"files": None}), 200),
        (say_json({"files": {}}), 200),
        (say_json({"files": "abc"}), 200),
        (say_json({"files": [None]}), 200),
        (say_json({"files": ["x"]}), 200),
        (say_json({"files": [[]]}), 200),
        (say_json({"files": [{}]}), 200),
        (say_json({"files": [{"filename": "x"}]}), 200),
        (say_json({"files": [{"url": "x"}]}), 200),
        (say_json({"files": [{"filename": "x", "url": "x", "hashes": "sha256"}]}), 200),
        (say_json({"files": [{"filename": "x", "url": "x", "hashes": [1]}]}), 200),
        (say_json({"files": [{"filename": "x", "url": "http://[oops"}]}), 200),
        (Say(200, b'{"files": ['), 200),
        (Say(200, b"\xff\xfe"), 200),
        (Say(200, b"[" * 100_000), 200),
        (Say(204), 204),
    ],
)
def test_answers_that_are_no_list(
    web: Web, http: Http, dists: tuple[Dist, Dist], answer: Say, status: int
) -> None:
    web.on("/simple/widget/", answer)
    with pytest.raises(IndexAnswerMalformed, match=f"pypi answers {status}, not its") as caught:
        plan(http, index_at(web.url), dists, skip_existing=True)
    assert caught.value.facts["status"] == status
    assert caught.value.facts["url"] == f"{web.url}/simple/widget/"
    assert caught.value.facts["answer"] == answer.body[:600].decode("utf-8", "replace")
    assert "proxy" in caught.value.hint


@pytest.mark.parametrize("answer", [RESET, Say(200, b'{"files": [', kind="cut")])
def test_no_answer(web: Web, http: Http, dists: tuple[Dist, Dist], answer: Say) -> None:
    web.on("/simple/widget/", answer)
    with pytest.raises(IndexUnreachable, match="pypi does not answer: the connection") as caught:
        plan(http, index_at(web.url), dists, skip_existing=True)
    assert caught.value.facts["index"] == "pypi"
    assert caught.value.facts["url"] == f"{web.url}/simple/widget/"
    assert caught.value.facts["reason"]


def test_without_a_listed_sha256_the_file_itself_is_asked(
    web: Web, http: Http, dists: tuple[Dist, Dist]
) -> None:
    wheel, sdist = dists
    index = page(web, file(wheel, hashes={"md5": "x"}), file(sdist, hashes={}))
    web.on(f"/{WHEEL}", Say(200, wheel.path.read_bytes()))
    web.on(f"/{sdist.filename}", Say(200, b"other"))
    with pytest.raises(ReleaseConflict) as caught:
        plan(http, index, dists, skip_existing=True)
    files: Any = caught.value.facts["files"]
    assert list(files) == [sdist.filename]
    assert files[sdist.filename]["index"] == hashlib.sha256(b"other").hexdigest()


def test_a_file_that_can_not_be_had_is_neither(
    web: Web, http: Http, dists: tuple[Dist, Dist]
) -> None:
    wheel, _ = dists
    index = page(web, file(wheel, hashes={}))
    web.on(f"/{WHEEL}", Say(404, b""))
    with pytest.raises(ReleaseClosed, match="can't be fetched to compare"):
        plan(http, index, [wheel], skip_existing=True)


def test_upper_case_digests_are_the_same(web: Web, http: Http, dists: tuple[Dist, Dist]) -> None:
    wheel, _ = dists
    index = page(web, file(wheel, hashes={"sha256": wheel.sha256.upper()}))
    (planned,) = plan(http, index, [wheel], skip_existing=True).files
    assert planned.state == "identical"


def test_all_conflicts_are_named(web: Web, http: Http, dists: tuple[Dist, Dist]) -> None:
    wheel, sdist = dists
    other = {"hashes": {"sha256": hashlib.sha256(b"other").hexdigest()}}
    index = page(web, file(wheel, **other), file(sdist, **other))
    web.on(f"/{WHEEL}", Say(200, b"no zip"))
    with pytest.raises(ReleaseConflict) as caught:
        plan(http, index, dists, skip_existing=False)
    files: Any = caught.value.facts["files"]
    assert files[WHEEL]["difference"].startswith("the archives can't be compared")
    assert files[SDIST]["difference"] == (
        "the index's file could not be fetched to compare (answered 404)"
    )
    assert files[SDIST]["yours"] == sdist.sha256
    assert caught.value.message.startswith(f"pypi already has another {WHEEL}: the archives can't")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (say_html("Gone", 410), "answered 410"),
        (RESET, "the connection failed"),
        (Say(200, b"x", kind="cut"), "the connection failed"),
        (Say(200, b"x" * 2000), "larger than 1000 bytes"),
    ],
)
def test_a_conflict_whose_file_cant_be_fetched(
    web: Web,
    http: Http,
    dists: tuple[Dist, Dist],
    monkeypatch: pytest.MonkeyPatch,
    answer: Say,
    reason: str,
) -> None:
    monkeypatch.setattr(module, "COMPARE_CAP", 1000)
    wheel, _ = dists
    index = page(web, file(wheel, hashes={"sha256": "0" * 64}))
    web.on(f"/{WHEEL}", answer)
    with pytest.raises(ReleaseConflict, match=f"could not be fetched to compare .*{reason}"):
        plan(http, index, [wheel], skip_existing=True)


@pytest.mark.parametrize("url", ["ftp://files.example/x", "https://files.example:99999/x"])
def test_a_conflict_whose_file_is_nowhere(
    web: Web, http: Http, dists: tuple[Dist, Dist], url: str
) -> None:
    wheel, _ = dists
    index = page(web, file(wheel, hashes={"sha256": "0" * 64}, url=url))
    with pytest.raises(ReleaseConflict, match="could not be fetched to compare"):
        plan(http, index, [wheel], skip_existing=True)


def test_decide_is_pure(dists: tuple[Dist, Dist]) -> None:
    wheel, _ = dists
    same = Listed(WHEEL, "u", wheel.sha256, None)
    other = Listed(WHEEL, "u", "00", None)
    unknown = Listed(WHEEL, "u", None, None)
    assert decide(wheel, None) == Planned(wheel, "new")
    assert decide(wheel, same) == Planned(wheel, "identical", same)
    assert decide(wheel, other) == Planned(wheel, "conflict", other)
    assert decide(wheel, unknown).state == "refused"


NOW = datetime(2026, 11, 22, tzinfo=UTC)
DIST = Dist(Path("widget-1.0.tar.gz"), "widget", "1.0", "sdist", 1, "00")


@pytest.mark.parametrize(
    ("listed", "days", "why"),
    [
        ("widget-1.0.zip", 0, "has an sdist already, widget-1.0.zip"),
        ("Widget-1.0.0.tar.gz", 0, "has an sdist already"),
        ("widget-1.0-py3-none-any.whl", 15, "begun on 2026-11-07"),
        ("widget-1.0-py3-none-any.whl", 13, None),
        ("widget-1.0-py3-none-any.whl", None, None),
        ("widget-1.1.tar.gz", 99, None),
        ("widget-1.0.exe", 99, None),
        ("widget-1.0-x.whl", 99, None),
    ],
)
def test_releases_that_take_no_more(listed: str, days: int | None, why: str | None) -> None:
    when = None if days is None else NOW - timedelta(days=days)
    page = {listed: Listed(listed, "u", None, None, when)}
    said = barred(DIST, release_of(page, DIST.version), NOW)
    assert said is None if why is None else said is not None and why in said


def test_a_wheel_may_join_an_sdist() -> None:
    wheel = Dist(Path("widget-1.0-py3-none-any.whl"), "widget", "1.0", "wheel", 1, "00")
    assert barred(wheel, {DIST.filename: NOW}, NOW) is None
