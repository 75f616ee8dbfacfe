"""Uploads to a rehearsal's index, and to one that watches how they come in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

from publisher import transport
from publisher.errors import UploadFailed, UploadRefused
from publisher.http import Answer, Http
from publisher.models import Account, Attested, Dist, Secret
from publisher.publish.access import Password
from publisher.publish.attest import Renewed, certify, sign
from publisher.publish.metadata import form
from publisher.publish.upload import Upload, in_order, said
from publisher.verify import core
from publisher.verify.core import Verifier
from publisher.world import Index, World
from support.archives import make_sdist, make_wheel
from support.play import Marks, asked, broken, dist, index_at
from support.sandbox import GITHUB_PUBLISHER, Sandbox
from support.signed import verify_all
from support.web import RESET, Say, Seen, Web, say_html, say_json

LEGACY = "/legacy/"
TOKEN = Account("__token__", Secret("pypi-AgEIcHlwaS5vcmcCJDAwMDAwMDAw"))


@pytest.fixture
def web(web: Web) -> Web:
    """The scripted server, which takes uploads."""
    web.on(LEGACY, say_json({}))
    return web


@pytest.fixture
def marks() -> Marks:
    return Marks()


@pytest.fixture
def ticks() -> list[int]:
    return []


Sending = Callable[..., Upload]


@pytest.fixture
def sending(http: Http, marks: Marks, ticks: list[int]) -> Sending:
    def make(
        index: Index,
        token: Account = TOKEN,
        attested: dict[str, tuple[Attested, ...]] | None = None,
        jobs: int = 4,
    ) -> Upload:
        return Upload(http, index, Password(token), attested or {}, jobs, marks, ticks.append)

    return make


@pytest.fixture
def token(sandbox: Sandbox, world: World) -> Account:
    return Account("__token__", Secret(sandbox.mint(sandbox.persona())))


def release(folder: Path, name: str, count: int = 4) -> list[Dist]:
    """An sdist and wheels, the sdist first; all have another content."""
    wheels = [
        make_wheel(folder, name, tag=f"py3-none-any{n}".replace("any0", "any")) if n == 0
        else make_wheel(folder, name, tag=f"cp31{n}-cp31{n}-win32")
        for n in range(count - 1)
    ]  # fmt: skip
    return [dist(path) for path in (make_sdist(folder, name), *wheels)]


def parts(seen: Seen) -> dict[str, Any]:
    head = f"Content-Type: {seen.headers['Content-Type']}\r\n\r\n".encode()
    message = BytesParser(policy=policy.HTTP).parsebytes(head + seen.body)
    found: dict[str, Any] = {}
    for part in message.iter_parts():
        found[str(part.get_param("name", header="Content-Disposition"))] = part.get_payload(
            decode=True
        )
        found["filename"] = part.get_filename()  # the last part is the file
    return found


def name_in(seen: Seen) -> str:
    return str(parts(seen)["filename"])


# To a rehearsal


def test_a_release_with_attestations(
    sandbox: Sandbox, world: World, http: Http, sending: Sending, marks: Marks,
    ticks: list[int], token: Account, tmp_path: Path,
) -> None:  # fmt: skip
    dists = release(tmp_path, "attested")
    trusted = core.trust(world.trust_config)
    signed = sign(
        Renewed(lambda: certify(http, trusted, world.tokens("sigstore"))), dists[:3], lambda _: None
    )
    proven = verify_all(Verifier(trusted), signed, GITHUB_PUBLISHER)
    sending(world.indexes[0], token, {one.dist.filename: (one,) for one in proven}).send_all(dists)
    assert {name for name, _ in marks.said} == {one.filename for one in dists}
    assert all(changes == {"status": "uploaded"} for _, changes in marks.said)
    assert sum(ticks) == sum(one.size for one in dists)
    listed = {f["filename"]: f for f in sandbox.listing("attested").json()["files"]}
    for one in dists:
        assert listed[one.filename]["hashes"] == {"sha256": one.sha256}
        assert bool(listed[one.filename]["provenance"]) is (one in dists[:3])


def test_what_is_sent(web: Web, sending: Sending, tmp_path: Path) -> None:
    wheel = dist(make_wheel(tmp_path))
    sending(index_at(web.url)).send_all([wheel])
    (seen,) = web.seen
    sent = parts(seen)
    assert sent[":action"] == b"file_upload"
    assert sent["protocol_version"] == b"1"
    assert sent["name"] == b"widget"
    assert sent["content"] == wheel.path.read_bytes()
    assert sent["filename"] == wheel.filename
    assert "attestations" not in sent
    for name, value in form(wheel):
        assert name in sent, value


def test_nothing_to_send(web: Web, sending: Sending) -> None:
    sending(index_at(web.url)).send_all([])
    assert web.seen == []


# In which order


def test_in_order(tmp_path: Path) -> None:
    a = release(tmp_path, "aaa", 3)
    b = release(tmp_path, "bbb", 2)
    lone = dist(make_sdist(tmp_path, "ccc"))
    first, wheels, sdists = in_order([*a, lone, *b])
    assert list(first) == [a[2], b[1], lone]
    assert list(wheels) == [a[1]]
    assert list(sdists) == [a[0], b[0]]
    assert in_order([]) == ((), [], [])


def test_the_first_alone_then_wheels_then_the_sdist(
    sandbox: Sandbox, world: World, sending: Sending, marks: Marks, token: Account,
    tmp_path: Path,
) -> None:  # fmt: skip
    dists = release(tmp_path, "ordered")
    before = len(asked(sandbox, "pypi"))
    sending(world.indexes[0], token, jobs=1).send_all(dists)
    assert [name for name, _ in marks.said] == [
        "ordered-1.0-cp311-cp311-win32.whl",
        "ordered-1.0-cp312-cp312-win32.whl",
        "ordered-1.0-py3-none-any.whl",
        "ordered-1.0.tar.gz",
    ]
    sizes = {one.filename: one.size for one in dists}
    lines = [line for line in asked(sandbox, "pypi")[before:] if line["path"] == LEGACY]
    assert [line["status"] for line in lines] == [200] * 4
    sent = sorted(sizes[name] for name, _ in marks.said)
    assert all(line["received"] > size for line, size in zip(
        sorted(lines, key=lambda line: int(line["received"])), sent, strict=True))  # fmt: skip


def test_first_one_alone_then_wheels_in_parallel_then_the_sdist(
    web: Web, sending: Sending, tmp_path: Path
) -> None:
    dists = release(tmp_path, "widget", 6)
    together = threading.Barrier(4)
    another = threading.Event()
    alone: list[bool] = []
    wheels: list[str] = []
    before_the_sdist: list[int] = []

    def answer(seen: Seen) -> Say:
        name = name_in(seen)
        if "cp311" in name:
            alone.append(not another.wait(0.2))
        elif name.endswith(".tar.gz"):
            before_the_sdist.append(len(wheels))
        else:
            another.set()
            together.wait(30)  # only all four at once get past
            wheels.append(name)
        return say_json({})

    web.on(LEGACY, answer)
    sending(index_at(web.url), jobs=4).send_all(dists)
    assert alone == [True]
    assert not together.broken
    assert before_the_sdist == [4]
    assert len(web.seen) == 6


def test_no_more_than_jobs_at_once(web: Web, sending: Sending, tmp_path: Path) -> None:
    inside, most, lock = [0], [0], threading.Lock()

    def answer(_seen: Seen) -> Say:
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        threading.Event().wait(0.01)
        with lock:
            inside[0] -= 1
        return say_json({})

    web.on(LEGACY, answer)
    sending(index_at(web.url), jobs=2).send_all(release(tmp_path, "widget", 9))
    assert most[0] <= 2
    assert len(web.seen) == 9


# Refusals


def test_a_token_that_does_not_count(
    world: World, sending: Sending, marks: Marks, tmp_path: Path
) -> None:
    dists = release(tmp_path, "stranger", 2)
    with pytest.raises(UploadRefused) as caught:
        sending(world.indexes[0]).send_all(dists)
    assert caught.value.message.startswith(
        "pypi refuses stranger-1.0-py3-none-any.whl: Access was denied"
    )
    assert "Invalid or non-existent authentication information" in caught.value.message
    assert caught.value.facts["status"] == 403
    assert TOKEN.password.reveal() not in str(caught.value.finding())
    assert marks.said == [
        ("stranger-1.0-py3-none-any.whl", {"status": "failed", "error": caught.value.message})
    ]


def test_content_that_is_taken(
    world: World, sending: Sending, token: Account, tmp_path: Path
) -> None:
    wheel = dist(make_wheel(tmp_path, "taken"))
    sending(world.indexes[0], token).send_all([wheel])
    other = dist(make_wheel(tmp_path / "other", "taken", members={"x": "y"}))
    with pytest.raises(UploadRefused, match="File already exists") as caught:
        sending(world.indexes[0], token).send_all([other])
    assert caught.value.facts["status"] == 400
    sending(world.indexes[0], token).send_all([wheel])  # the very same is no problem


def test_no_token_leaves_over_http(sending: Sending, tmp_path: Path) -> None:
    with pytest.raises(UploadFailed, match="a secret is only sent over https"):
        sending(index_at("http://index.example")).send_all([dist(make_wheel(tmp_path))])


@pytest.mark.parametrize("status", [201, 204, 301, 308, 400, 401, 403, 410, 413])
def test_only_200_is_uploaded(
    web: Web, sending: Sending, marks: Marks, tmp_path: Path, status: int
) -> None:
    body = b"" if status == 204 else b"because"
    web.on(LEGACY, Say(status, body, {"Location": "/elsewhere/"}))
    with pytest.raises(UploadRefused) as caught:
        sending(index_at(web.url)).send_all([dist(make_wheel(tmp_path))])
    assert caught.value.facts["status"] == status
    assert marks.of("widget-1.0-py3-none-any.whl")["status"] == "failed"
    assert len(web.seen) == 1


def test_one_refused_file_leaves_the_others(
    web: Web, sending: Sending, marks: Marks, tmp_path: Path
) -> None:
    dists = release(tmp_path, "widget", 6)
    bad = "widget-1.0-cp312-cp312-win32.whl"
    together = threading.Barrier(4)

    def answer(seen: Seen) -> Say:
        name = name_in(seen)
        if "cp311" not in name:
            together.wait(30)
        return say_json({"message": "Not this one"}, 400) if name == bad else say_json({})

    web.on(LEGACY, answer)
    with pytest.raises(UploadRefused, match=f"refuses {bad}: Not this one") as caught:
        sending(index_at(web.url), jobs=4).send_all(dists)
    assert marks.of(bad) == {"status": "failed", "error": caught.value.message}
    sdist, *wheels = dists
    assert marks.of(sdist.filename) == {}, "it waits for all wheels"
    for one in wheels:
        if one.filename != bad:
            assert marks.of(one.filename) == {"status": "uploaded"}


def test_after_a_refusal_nothing_new_begins(
    web: Web, sending: Sending, marks: Marks, tmp_path: Path
) -> None:
    dists = release(tmp_path, "widget", 9)
    refusing = threading.Event()

    def answer(seen: Seen) -> Say:
        if "cp311" in name_in(seen):
            return say_json({})
        refusing.set()
        return say_json({"message": "No"}, 400)

    web.on(LEGACY, answer)
    with pytest.raises(UploadRefused, match="cp312"):
        sending(index_at(web.url), jobs=1).send_all(dists)
    assert refusing.is_set()
    assert marks.of("widget-1.0-cp311-cp311-win32.whl") == {"status": "uploaded"}
    assert marks.of("widget-1.0.tar.gz") == {}
    assert len(web.seen) < len(dists)


def test_a_refused_first_file_ends_it(
    web: Web, sending: Sending, marks: Marks, tmp_path: Path
) -> None:
    web.on(LEGACY, say_json({"message": "No"}, 400))
    with pytest.raises(UploadRefused, match="cp311"):
        sending(index_at(web.url)).send_all(release(tmp_path, "widget"))
    assert len(marks.said) == len(web.seen) == 1


# What is no answer of the index

PORTAL = (
    "\n<!DOCTYPE html><html><head><title>Sign in</title></head><body>Who are you?</body></html>"
)
STATUS_PAGE = "<html>\n <head>\n  <title>200 OK</title></head><body><h1>200 OK</h1></body></html>"


def test_a_web_page_is_no_yes(
    web: Web, sending: Sending, marks: Marks, ticks: list[int], notices: list[str], tmp_path: Path
) -> None:
    """A login page, say: the file is sent again, since the index does not show it, and given up."""
    wheel = dist(make_wheel(tmp_path))
    web.on(LEGACY, say_html(PORTAL))
    web.on("/simple/widget/", say_json({}, 404))
    with pytest.raises(UploadFailed, match="a web page came back") as caught:
        sending(index_at(web.url)).send_all([wheel])
    assert caught.value.facts["answer"] == "Who are you?"
    assert "proxy" in caught.value.hint
    assert marks.of(wheel.filename)["status"] == "failed"
    assert notices == [f"{wheel.filename}: pypi answered with a web page; sending it again"] * 4
    assert sum(ticks) == 0


def test_a_web_page_that_goes_away(
    web: Web, sending: Sending, marks: Marks, tmp_path: Path
) -> None:
    wheel = dist(make_wheel(tmp_path))
    web.on(LEGACY, say_html(PORTAL), say_json({}))
    web.on("/simple/widget/", say_json({}, 404))
    sending(index_at(web.url)).send_all([wheel])
    assert marks.said == [(wheel.filename, {"status": "uploaded"})]
    assert web.paths() == [f"POST {LEGACY}", "GET /simple/widget/", f"POST {LEGACY}"]


def test_a_web_page_after_which_the_file_is_there(
    sandbox: Sandbox, world: World, sending: Sending, marks: Marks, token: Account, tmp_path: Path
) -> None:
    wheel = dist(make_wheel(tmp_path, "page-after"))
    page = {"status": 200, "content_type": "text/html", "body": PORTAL}
    before = len(asked(sandbox, "pypi"))
    broken(sandbox, "pypi", path=LEGACY, times=1, after=True, **page)
    sending(world.indexes[0], token).send_all([wheel])
    assert marks.said == [(wheel.filename, {"status": "uploaded"})]
    assert len(asked(sandbox, "pypi")) - before == 1


@pytest.mark.parametrize(
    "yes",
    [
        say_html(STATUS_PAGE),  # PyPI's, asked for HTML
        say_json({"message": "", "code": "200 OK", "title": "OK"}),
        say_html(""),  # devpi, pypiserver
        say_html("OK"),
        say_json({"message": "201 Created"}, 201),  # GitLab
        Say(201),  # Gitea, Forgejo
        say_json({"task": "/pulp/api/v3/tasks/1/"}, 202),  # Pulp
        Say(200, b"<response>taken</response>", {"Content-Type": "application/xml"}),
    ],
)
def test_what_indexes_say(web: Web, sending: Sending, tmp_path: Path, yes: Say) -> None:
    web.on(LEGACY, yes)
    sending(replace(index_at(web.url), known=False)).send_all([dist(make_wheel(tmp_path))])
    assert web.paths() == [f"POST {LEGACY}"]


def test_a_web_page_is_believed_where_nothing_can_be_looked_at(
    web: Web, sending: Sending, marks: Marks, tmp_path: Path
) -> None:
    wheel = dist(make_wheel(tmp_path))
    web.on(LEGACY, say_html(PORTAL))
    sending(replace(index_at(web.url), simple_url=None)).send_all([wheel])
    assert marks.said == [(wheel.filename, {"status": "uploaded"})]


# Networks


@pytest.mark.parametrize("after", [True, False])
def test_a_lost_answer(
    sandbox: Sandbox, world: World, sending: Sending, marks: Marks, token: Account,
    notices: list[str], tmp_path: Path, after: bool,
) -> None:  # fmt: skip
    """Nothing that has arrived is sent again; the index is asked."""
    wheel = dist(make_wheel(tmp_path, f"reset-{after}".lower()))
    before = len(asked(sandbox, "pypi"))
    broken(sandbox, "pypi", path=LEGACY, times=1, kind="reset", after=after)
    sending(world.indexes[0], token).send_all([wheel])
    assert marks.said == [(wheel.filename, {"status": "uploaded"})]
    again = [f"{wheel.filename}: pypi lost the connection; sending it again"]
    assert notices == ([] if after else again)
    assert len(asked(sandbox, "pypi")) - before == (1 if after else 2)
    (listed,) = sandbox.listing(wheel.project).json()["files"]
    assert listed["hashes"]["sha256"] == wheel.sha256


def test_what_passes_is_waited_for(
    sandbox: Sandbox, world: World, sending: Sending, marks: Marks, token: Account,
    ticks: list[int], tmp_path: Path,
) -> None:  # fmt: skip
    wheel = dist(make_wheel(tmp_path, "patient"))
    broken(sandbox, "pypi", path=LEGACY, times=3, status=503)
    sending(world.indexes[0], token).send_all([wheel])
    assert marks.of(wheel.filename) == {"status": "uploaded"}
    assert sum(ticks) == wheel.size  # progress went back with each retry


def test_a_storm_of_500s(
    sandbox: Sandbox, world: World, sending: Sending, marks: Marks, token: Account,
    notices: list[str], tmp_path: Path,
) -> None:  # fmt: skip
    wheel = dist(make_wheel(tmp_path, "storm"))
    broken(sandbox, "pypi", path=LEGACY, times=99, status=500, body="oh no")
    with pytest.raises(UploadRefused, match=r"pypi refuses storm-1.0-py3-none-any.whl: oh no") as e:
        sending(world.indexes[0], token).send_all([wheel])
    assert e.value.facts == {
        "index": "pypi", "file": wheel.filename, "status": 500, "answer": "oh no"
    }  # fmt: skip
    assert len(notices) == 4
    assert marks.of(wheel.filename)["status"] == "failed"


def test_a_storm_of_resets(web: Web, sending: Sending, marks: Marks, tmp_path: Path) -> None:
    web.on(LEGACY, RESET)
    with pytest.raises(UploadFailed, match="could not be sent: the connection failed") as caught:
        sending(index_at(web.url)).send_all([dist(make_wheel(tmp_path))])
    assert caught.value.facts["index"] == "pypi"
    assert "known by digest" in caught.value.hint
    assert marks.said == [
        ("widget-1.0-py3-none-any.whl", {"status": "failed", "error": caught.value.message})
    ]
    assert sum(seen.path == LEGACY for seen in web.seen) == 5


def test_too_much_for_the_index(web: Web, sending: Sending, marks: Marks, tmp_path: Path) -> None:
    """After a 429 the files go on by twos instead of fours, then by threes, and by fours again."""
    dists = release(tmp_path, "widget", count=14)
    taken, together, most, lock = 0, 0, [0, 0, 0, 0], threading.Lock()
    full = threading.Barrier(4)
    groups = [threading.Barrier(2)] * 2 + [threading.Barrier(3)] * 3 + [full] * 4
    web.on(f"/simple/{dists[0].project}/", Say(404))

    def busy(_seen: Seen) -> Say:
        full.wait(10)
        return Say(429, headers={"Retry-After": "0"})

    def take(_seen: Seen) -> Say:
        nonlocal together, taken
        with lock:
            group = groups[taken] if taken < len(groups) else None
            taken += 1
            together += 1
            if group:
                most[group.parties - 1] = max(most[group.parties - 1], together)
        if group:
            group.wait(10)  # only all of them at once get past
        with lock:
            together -= 1
        return say_json({})

    web.on(LEGACY, say_json({}), *[busy] * 4, take)
    sending(index_at(web.url), jobs=4).send_all(dists)
    assert [marks.of(one.filename) for one in dists] == [{"status": "uploaded"}] * 14
    assert most == [0, 2, 3, 4]


def test_nobody_rests_when_all_is_over(
    web: Web, sending: Sending, marks: Marks, tmp_path: Path
) -> None:
    _, *wheels = release(tmp_path, "widget", count=4)
    answered = threading.Event()

    def later(_seen: Seen) -> Say:
        answered.set()
        return Say(503, headers={"Retry-After": "60"})

    def refuse(_seen: Seen) -> Say:
        answered.wait(10)
        return say_json({"message": "No"}, 400)

    web.on(LEGACY, say_json({}), later, refuse, say_json({}))
    with pytest.raises(UploadRefused):
        sending(index_at(web.url)).send_all(wheels)
    states = sorted(str(marks.of(one.filename)["status"]) for one in wheels)
    assert states == ["failed", "failed", "uploaded"]


def test_the_index_hangs(
    sandbox: Sandbox, world: World, sending: Sending, token: Account, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(transport, "READ_TIMEOUT", 0.1)
    broken(sandbox, "pypi", path=LEGACY, times=9, kind="hang")
    with pytest.raises(UploadFailed, match="no answer in time"):
        sending(world.indexes[0], token).send_all([dist(make_wheel(tmp_path, "hanging"))])


# Files that change under our hands


@pytest.mark.parametrize("left", [None, 0, 100])
def test_a_file_that_shrinks_or_goes(
    web: Web, sending: Sending, marks: Marks, tmp_path: Path, left: int | None
) -> None:
    wheel = dist(make_wheel(tmp_path))
    if left is None:
        wheel.path.unlink()
    else:
        wheel.path.write_bytes(wheel.path.read_bytes()[:left])
    with pytest.raises(UploadFailed, match=r"became shorter|No such file") as caught:
        sending(index_at(web.url)).send_all([wheel])
    assert marks.of(wheel.filename) == {"status": "failed", "error": caught.value.message}


# The index's own words


def answer(say: Say) -> Answer:
    return Answer("u", say.status, say.reason or "Bad Request", say.headers, say.body)


@pytest.mark.parametrize(
    ("say", "text"),
    [
        (say_json({"message": "Because\n\n\nof that"}, 400), "Because\n\n\nof that"),
        (say_json({"message": ""}, 400), "400 Bad Request"),
        (say_json({"message": None}, 400), '{"message": null}'),
        (say_json({"error": "x"}, 400), '{"error": "x"}'),
        (say_json([1], 400), "[1]"),
        (Say(400, b""), "400 Bad Request"),
        (Say(400, b"plain\n text"), "plain text"),
        (Say(400, b"\xff"), "\N{REPLACEMENT CHARACTER}"),
        (Say(400, b"x" * 900), "x" * 600),
        (say_html("<html><head><title>403</title></head><body><h1>Denied</h1>\n <p>by rule 7</p>"
                  "</body></html>", 400), "Denied by rule 7"),
        (say_html("<script>alert(1)</script><style>p {}</style><p class='x'>Really", 400),
         "Really"),
        (say_html("<head><style>" + "p { color: red }\n" * 400 + "</style></head><p>Denied</p>",
                  400), "Denied"),
        (say_html("<h1>Name &#x27;widget&#x27; isn&apos;t allowed &amp; never was</h1>", 400),
         "Name 'widget' isn't allowed & never was"),
        (say_html(f"&#{'9' * 5000};", 400), f"&#{'9' * 598}"),
    ],
)  # fmt: skip
def test_said(say: Say, text: str) -> None:
    assert said(answer(say)) == text


def test_an_html_refusal(
    sandbox: Sandbox, world: World, sending: Sending, token: Account, tmp_path: Path
) -> None:
    page = "<html><head><title>403 x</title></head><body><h1>403 x</h1>Access denied</body></html>"
    broken(sandbox, "pypi", path=LEGACY, status=403, body=page, content_type="text/html")
    with pytest.raises(UploadRefused, match=r"refuses page-1.0-py3-none-any.whl: 403 x Access den"):
        sending(world.indexes[0], token).send_all([dist(make_wheel(tmp_path, "page"))])
