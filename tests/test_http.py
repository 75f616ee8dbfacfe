"""One way to the network, over real connections: to a server that misbehaves as it is told."""

from __future__ import annotations

import gzip
import io
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest
import requests

from publisher import deadline, transport
from publisher import http as module
from publisher.addresses import carries_secrets, is_loopback, is_public
from publisher.http import Answer, Http, NetworkError, answer_in
from publisher.models import Account, Secret
from publisher.publish.form import FileForm
from publisher.transport import explain
from support.play import running
from support.sandbox import Sandbox
from support.web import HANG, RESET, Answering, Say, Seen, Web, say_html, say_json, serving

SECRET = Secret("pypi-AgEIcHlwaS5vcmcCJDAwMDAwMDAw")
LOGIN = Account("__token__", SECRET)
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as web:
        yield web


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def http(said: list[str]) -> Iterator[Http]:
    http = Http(notice=said.append)
    yield http
    http.close()


@pytest.fixture(autouse=True)
def calm_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause between retries, and nothing of the machine's own proxies."""
    monkeypatch.setattr(transport, "BACKOFF", 0.0)
    for name in (*PROXIES, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def file(tmp_path: Path) -> FileForm:
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(range(256)) * 8)
    return FileForm((("name", "value"),), "content", path, 2048)


def busy(status: int = 503, retry_after: str | None = None) -> Say:
    return Say(status, b"busy", {"Retry-After": retry_after} if retry_after else {})


# Answers


def test_get(web: Web, http: Http, said: list[str]) -> None:
    web.on("/a", say_json({"x": 1}, location="/here"))
    answer = http.get(f"{web.url}/a?q=1", accept="text/x")
    assert (answer.url, answer.status, answer.reason) == (f"{web.url}/a?q=1", 200, "OK")
    assert (answer.json_object(), answer.headers["location"]) == ({"x": 1}, "/here")
    (seen,) = web.seen
    assert (seen.method, seen.path, seen.body) == ("GET", "/a?q=1", b"")
    assert seen.headers["Accept"] == "text/x"
    assert seen.headers["User-Agent"].startswith("attested-publisher/")
    assert "Authorization" not in seen.headers
    assert (http.requests, said) == (1, [])


@pytest.mark.parametrize("fresh", [10.0, 0.0])
def test_what_was_asked_ahead_grows_old(
    web: Web, http: Http, monkeypatch: pytest.MonkeyPatch, fresh: float
) -> None:
    """Then it is asked anew."""
    monkeypatch.setattr(module, "FRESH", fresh)
    web.on("/list", Say(200, b"before"), Say(200, b"after"))
    http.begin_get(f"{web.url}/list")
    assert http.get(f"{web.url}/list").body == (b"before" if fresh else b"after")
    assert http.get(f"{web.url}/list").body == b"after"  # only one answer was kept


@pytest.mark.parametrize(
    "body", [b"", b"no JSON", b"[]", b"null", b"\xff", b'"x"', b"[" * 100_000, b'{"a":' * 100_000]
)
def test_a_body_that_is_no_json_object(body: bytes) -> None:
    answer = Answer("http://x.example/", 200, "OK", {}, body)
    with pytest.raises(ValueError, match=r"."):
        answer.json_object()


def test_facts_show_what_came(web: Web, http: Http) -> None:
    web.on("/", say_html("<h1>Login</h1>\N{BULLET}" + "x" * 900, 502), say_html("", 418))
    assert http.get(f"{web.url}/").facts() == {
        "url": f"{web.url}/",
        "status": 418,
        "content_type": "text/html; charset=utf-8",
        "answer": "",
    }
    facts = Answer("u", 200, "OK", {}, b"\xff" + b"x" * 900).facts()
    assert (facts["content_type"], facts["answer"]) == ("", "\N{REPLACEMENT CHARACTER}" + "x" * 599)


def test_the_answer_in_a_librarys_error(web: Web, http: Http) -> None:
    web.on("/", say_json({"message": "no"}, 400))
    response = http.session(web.url).get(f"{web.url}/")
    with pytest.raises(requests.HTTPError) as caught:
        response.raise_for_status()
    answer = answer_in(caught.value)
    assert answer is not None
    assert (answer.status, answer.json_object()) == (400, {"message": "no"})
    assert answer_in(requests.HTTPError("without one")) is None
    assert answer_in(ValueError()) is None
    assert answer_in(None) is None


# Retries


def test_what_passes_is_waited_for(web: Web, http: Http, said: list[str]) -> None:
    web.on("/a", busy(), busy(), say_json({}))
    assert http.get(f"{web.url}/a?token=x").status == 200
    assert http.requests == len(web.seen) == 3
    assert said == ["GET /a answered 503; trying again"] * 2


def test_a_service_that_is_busy_is_told_once_for_each_try(
    web: Web, http: Http, said: list[str]
) -> None:
    for path in ("/a", "/b", "/c"):
        web.on(path, busy(), busy(), say_json({}))
        assert http.get(f"{web.url}{path}").status == 200
    assert said == ["GET /a answered 503; trying again"] * 2
    assert http.requests == len(web.seen) == 9


@pytest.mark.parametrize("status", sorted(transport.PASSING))
def test_patience_ends_with_the_last_answer(
    web: Web, http: Http, said: list[str], status: int
) -> None:
    web.on("/", busy(status))
    answer = http.get(f"{web.url}/")
    assert (answer.status, answer.body) == (status, b"busy")
    assert http.requests == len(web.seen) == 5
    assert len(said) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 501])
def test_what_stays_is_not_asked_again(web: Web, http: Http, status: int) -> None:
    web.on("/", busy(status))
    assert http.get(f"{web.url}/").status == status
    assert http.requests == len(web.seen) == 1


def test_retry_after_is_honoured(web: Web, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []
    monkeypatch.setattr(time, "sleep", naps.append)
    web.on("/", busy(429, "7"), busy(503, "3600"), say_json({}))
    assert http.get(f"{web.url}/").status == 200
    assert naps == [7, 60]


def test_without_retry_after_pauses_grow(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    naps: list[float] = []
    monkeypatch.setattr(time, "sleep", naps.append)
    web.on("/", busy())
    with closing(Http()) as http:
        assert http.get(f"{web.url}/").status == 503
    assert len(naps) == 3  # urllib3 tries the first time again at once
    assert all(low <= nap <= low + 0.5 for low, nap in zip((1, 2, 4), naps, strict=True))


def test_a_lost_connection_is_tried_again(web: Web, http: Http, said: list[str]) -> None:
    web.on("/", RESET, RESET, say_json({}))
    assert http.get(f"{web.url}/").status == 200
    assert http.requests == len(web.seen) == 3
    assert said == ["GET / lost the connection; trying again"] * 2


def test_a_connection_that_stays_lost(web: Web, http: Http, said: list[str]) -> None:
    web.on("/", RESET)
    with pytest.raises(NetworkError, match="the connection failed") as caught:
        http.get(f"{web.url}/")
    assert caught.value.url == f"{web.url}/"
    assert "reset" in caught.value.reason
    assert len(web.seen) == 5
    assert len(said) == 4
    assert caught.value.__cause__ is not None


def test_requests_that_were_lost_count_too(web: Web, http: Http) -> None:
    web.on("/", RESET)
    with pytest.raises(NetworkError):
        http.get(f"{web.url}/")
    assert http.requests == len(web.seen)


def test_nobody_listens(http: Http) -> None:
    with serving() as web:
        url = web.url
    with pytest.raises(NetworkError, match=r"the connection failed: .*refused"):
        http.get(url)


@pytest.mark.parametrize("answer", [busy(), busy(429, "0"), busy(500)])
def test_post_json_is_sent_once(web: Web, http: Http, answer: Say, said: list[str]) -> None:
    web.on("/", answer, say_json({}))
    assert http.post_json(f"{web.url}/", {"token": SECRET}).status == answer.status
    assert http.requests == len(web.seen) == 1
    assert said == []


def test_post_json_whose_answer_is_lost_is_not_repeated(web: Web, http: Http) -> None:
    web.on("/", RESET, say_json({}))
    with pytest.raises(NetworkError, match="the connection failed"):
        http.post_json(f"{web.url}/", {"token": SECRET})
    assert len(web.seen) == 1
    assert web.seen[0].body == b'{"token": "%s"}' % SECRET.reveal().encode()
    assert web.seen[0].headers["Content-Type"] == "application/json"


def test_post_stream_is_sent_once_and_whole(web: Web, http: Http, file: FileForm) -> None:
    url = f"{web.url}/legacy/"
    web.on("/legacy/", RESET, busy(), say_json({}))
    with pytest.raises(NetworkError, match="the connection failed") as caught:
        http.post_stream(url, file, LOGIN)
    assert caught.value.passing
    assert http.post_stream(url, file, LOGIN).status == 503
    assert http.post_stream(url, file, LOGIN).status == 200
    first, second, third = web.seen
    assert first.body == second.body == third.body
    assert len(first.body) == len(file)
    login = "Basic " + b64encode(f"__token__:{SECRET.reveal()}".encode()).decode()
    for seen in web.seen:
        assert seen.headers["Authorization"] == login
        assert seen.headers["Content-Type"] == file.content_type
        assert seen.headers["Content-Length"] == str(len(file))
        assert "Transfer-Encoding" not in seen.headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(web: Web, http: Http, file: FileForm, status: int) -> None:
    web.on("/", Say(status, headers={"Location": f"{web.url}/other"}))
    web.on("/other", say_json({}))
    assert http.get(f"{web.url}/").status == status
    assert http.post_json(f"{web.url}/", {"token": SECRET}).status == status
    assert http.post_stream(f"{web.url}/", file, LOGIN).status == status
    with pytest.raises(NetworkError, match=f"answered {status}"):
        http.download(f"{web.url}/", io.BytesIO(), 10, listed_at=web.url)
    assert {seen.path for seen in web.seen} == {"/"}


def test_redirects_stop_librarys_sessions(web: Web, http: Http) -> None:
    web.on("/", Say(308, headers={"Location": f"{web.url}/other"}))
    with suppress(requests.TooManyRedirects):
        http.session(web.url).post(web.url, json={})
    assert web.paths() == ["POST /"]


# Answers that never come, or come broken


def test_no_answer_in_time(web: Web, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "READ_TIMEOUT", 0.05)
    web.on("/", HANG)
    with pytest.raises(NetworkError) as caught:
        http.get(f"{web.url}/")
    assert caught.value.reason == "no answer in time"


def test_no_answer_in_time_to_what_is_sent_once(
    web: Web, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "READ_TIMEOUT", 0.05)
    web.on("/", HANG)
    with pytest.raises(NetworkError) as caught:
        http.post_json(f"{web.url}/", {"token": SECRET})
    assert caught.value.reason == "no answer in time"
    assert len(web.seen) == 1


def test_an_answer_that_stops(web: Web, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "READ_TIMEOUT", 0.05)
    web.on("/", Say(200, b"half", kind="stall"))
    with pytest.raises(NetworkError, match="no answer in time"):
        http.get(f"{web.url}/")


def test_nobody_answers_the_connection() -> None:
    """A connect timeout can't be had on loopback; its text is made from the real error."""
    assert explain(requests.ConnectTimeout("x")) == "no answer in time"


CUT = Say(200, b"half", kind="cut")


def test_a_body_that_is_cut_off(web: Web, http: Http) -> None:
    web.on("/", CUT)
    with pytest.raises(NetworkError, match="the connection failed") as caught:
        http.get(f"{web.url}/")
    assert caught.value.passing
    assert len(web.seen) == http.requests == 1 + transport.TRIES


def test_a_body_that_is_whole_the_next_time(
    web: Web, http: Http, said: list[str], tmp_path: Path
) -> None:
    """It is asked for as after a lost connection, by us, by libraries, and for a file."""
    gets: list[Callable[[], bytes | None]] = [
        lambda: http.get(f"{web.url}/").body,
        lambda: http.post_json(f"{web.url}/", {"token": SECRET}, retry=True).body,
        lambda: http.session(web.url).get(f"{web.url}/").content,
        lambda: downloaded(http, web, tmp_path),
    ]
    for get in gets:
        web.on("/", CUT, Say(200, b"all"))
        assert get() == b"all"
    assert len(web.seen) == http.requests == 8
    methods = ("GET", "POST", "GET", "GET")
    assert said == [f"{method} / lost the connection; trying again" for method in methods]


def downloaded(http: Http, web: Web, folder: Path) -> bytes:
    with (folder / "got").open("wb") as into:
        http.download(f"{web.url}/", into, 10, listed_at=web.url)
    return (folder / "got").read_bytes()


def test_all_tries_are_of_one_budget(web: Web, http: Http, tmp_path: Path) -> None:
    """Whatever fails: what is left after passing answers is what a broken body has."""
    gets: list[Callable[[], bytes | None]] = [
        lambda: http.get(f"{web.url}/").body,
        lambda: http.session(web.url).get(f"{web.url}/").content,
        lambda: downloaded(http, web, tmp_path),
    ]
    for get in gets:
        web.seen.clear()
        web.on("/", *([busy(), busy(), CUT] * 5))
        with suppress(NetworkError, requests.RequestException):
            get()
        assert len(web.seen) == 1 + transport.TRIES


def test_a_body_that_is_cut_off_from_what_is_sent_once(
    web: Web, http: Http, file: FileForm
) -> None:
    web.on("/", CUT)
    with pytest.raises(NetworkError, match="the connection failed"):
        http.post_json(f"{web.url}/", {"token": SECRET})
    with pytest.raises(NetworkError, match="the connection failed"):
        http.post_stream(f"{web.url}/", file, LOGIN)
    assert len(web.seen) == 2


def test_a_body_that_is_not_what_its_encoding_says(web: Web, http: Http) -> None:
    web.on("/", Say(200, b"not gzip", {"Content-Encoding": "gzip"}))
    with pytest.raises(NetworkError, match="decompress"):
        http.get(f"{web.url}/")
    assert len(web.seen) == 1


def test_no_http_at_all(web: Web, http: Http) -> None:
    web.on("/", Say(body=b"SSH-2.0-OpenSSH_9.6\r\n", kind="raw"))
    with pytest.raises(NetworkError, match=r"the connection failed: .*SSH-2"):
        http.get(f"{web.url}/")


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/", "http://", "no url", "http://127.0.0.1:99999/", "https://[oops/"]
)
def test_urls_that_lead_nowhere(http: Http, url: str) -> None:
    with pytest.raises(NetworkError):
        http.get(url)


def test_answers_are_capped(web: Web, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "ANSWER_CAP", 1000)
    web.on("/fits", Say(200, b"x" * 1000))
    web.on("/big", Say(200, b"x" * 1001))
    web.on("/bomb", Say(200, gzip.compress(b"x" * 1001), {"Content-Encoding": "gzip"}))
    assert len(http.get(f"{web.url}/fits").body) == 1000
    for path in ("big", "bomb"):
        with pytest.raises(NetworkError, match="larger than 1000 bytes"):
            http.get(f"{web.url}/{path}")


def test_answers_to_a_library_are_capped_too(
    web: Web, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "ANSWER_CAP", 1000)
    web.on("/fits", Say(200, b"x" * 1000))
    web.on("/big", Say(200, b"x" * 1001))
    web.on("/bomb", Say(200, gzip.compress(b"x" * 1001), {"Content-Encoding": "gzip"}))
    session = http.session(web.url)
    assert session.get(f"{web.url}/fits").content == b"x" * 1000
    for path in ("big", "bomb"):
        with pytest.raises(requests.RequestException) as raised:
            session.get(f"{web.url}/{path}")
        assert explain(raised.value) == "the answer is larger than 1000 bytes"


def test_a_library_does_not_wait_for_ever(
    sandbox: Sandbox, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadline, "PATIENCE", 0.2)
    fault = {"service": "rekor", "method": "GET", "kind": "drip", "status": 200}
    sandbox.post("faults", [fault])
    with pytest.raises(requests.RequestException) as raised:
        http.session(sandbox.info["rekor"]).get(f"{sandbox.info['rekor']}/api/v1/log")
    assert explain(raised.value) == "the answer is slower than 100000 bytes per second"


DRIPS = (
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
)


@pytest.mark.parametrize("start", DRIPS)
@pytest.mark.parametrize("proxied", [False, True])
def test_an_answer_that_drips_is_too_slow(
    web: Web, http: Http, monkeypatch: pytest.MonkeyPatch, start: bytes, proxied: bool
) -> None:
    """In its headers, the size of a chunk, or its body; each byte comes in time."""
    monkeypatch.setattr(deadline, "PATIENCE", 0.3)
    url = "http://index.example/" if proxied else f"{web.url}/"
    web.on(url if proxied else "/", Say(body=start, kind="drip"))
    if proxied:
        monkeypatch.setenv("HTTP_PROXY", web.url)
    with pytest.raises(NetworkError, match="slower than 100000 bytes") as caught:
        http.get(url)
    assert not caught.value.passing
    assert len(web.seen) == 1


def test_download(web: Web, http: Http, tmp_path: Path) -> None:
    data = bytes(range(256)) * 20_000
    web.on("/file", busy(), Say(200, data))
    with (tmp_path / "got").open("wb") as into:
        http.download(f"{web.url}/file", into, len(data), listed_at=web.url)
    assert (tmp_path / "got").read_bytes() == data
    assert web.seen[0].headers["Accept"] == "*/*"
    assert http.requests == 2
    with pytest.raises(NetworkError, match=f"larger than {len(data) - 1} bytes"):
        http.download(f"{web.url}/file", io.BytesIO(), len(data) - 1, listed_at=web.url)
    with pytest.raises(NetworkError, match="answered 404"):
        http.download(f"{web.url}/other", io.BytesIO(), 10, listed_at=web.url)
    web.on("/file", Say(200, b"half", kind="cut"))
    with pytest.raises(NetworkError, match="the connection failed"):
        http.download(f"{web.url}/file", io.BytesIO(), len(data), listed_at=web.url)


# Secrets


DOUBTFUL = [
    "https://127.0.0.1\\@index.example/",  # one host to urlsplit, another one to urllib3
    "https://index.example\\@127.0.0.1/",
    "https://index.example\\/",
    "https://me@index.example/",
    "https://index.example/\n",
    "https://index\t.example/",
    " https://index.example/",
    "https://2130706433/",  # 127.0.0.1 to the system, as all of these
    "https://0x7f000001/",
    "https://127.1/",
    "https://127.0.0.1./",
    "https://127.0.0.0x1/",
    "https://0177.0.0.1/",
    "https://\uff11\uff12\uff17.0.0.1/",
    "https:///",
    "//index.example/",
]


@pytest.mark.parametrize(
    ("url", "loopback", "secrets"),
    [
        ("https://index.example/", False, True),
        ("http://index.example/", False, False),
        ("HTTPS://index.example/", False, True),
        ("http://127.0.0.1:1/", True, True),
        ("http://127.9.9.9/", True, True),
        ("http://[::1]:8000/", True, True),
        ("http://localhost/", True, True),
        ("http://LOCALHOST/", True, True),
        ("http://localhost.evil.example/", False, False),
        ("http://127.0.0.1.evil.example/", False, False),
        ("http://127.0.0.1@evil.example/", False, False),
        ("http://evil.example/#127.0.0.1", False, False),
        ("http://0.0.0.0/", False, False),
        ("ftp://index.example/", False, False),
        ("no url", False, False),
        ("", False, False),
        ("http://[oops", False, False),
        *((url, False, False) for url in DOUBTFUL),
    ],
)
def test_where_secrets_may_go(url: str, loopback: bool, secrets: bool) -> None:
    assert (is_loopback(url), carries_secrets(url)) == (loopback, secrets)


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://files.example/a@1.whl", True),
        ("https://files.example./a b.whl", True),
        ("https://bücher.example/", True),
        ("https://1.1.1.1/", True),
        ("https://[2606:4700::1111]/", True),
        ("http://files.example/", False),
        ("https://10.0.0.1/", False),
        ("https://127.0.0.1/", False),
        ("https://[::1]/", False),
        ("https://[::ffff:127.0.0.1]/", False),
        ("https://[fe80::1%25eth0]/", False),
        ("https://localhost/", False),
        ("https://localhost./", False),
        ("https://files.localhost/", False),
        *((url, False) for url in DOUBTFUL),
    ],
)
def test_what_is_public(url: str, public: bool) -> None:
    assert is_public(url) == public


def test_no_secret_leaves_over_http(http: Http, file: FileForm) -> None:
    for url in ("http://index.example/", "http://127.0.0.1.evil.example/"):
        with pytest.raises(NetworkError, match="a secret is only sent over https"):
            http.post_json(url, {"token": SECRET})
        with pytest.raises(NetworkError, match="a secret is only sent over https"):
            http.post_stream(url, file, LOGIN)
    assert http.requests == 0


def echo(seen: Seen) -> Say:
    return say_html(f"You sent {seen.body!r} {seen.headers}", 400)


def test_secrets_that_come_back_are_struck_out(web: Web, http: Http) -> None:
    web.on("/", echo)
    answer = http.post_json(f"{web.url}/", {"token": SECRET, "other": Secret("s3cr3t")})
    assert b"You sent" in answer.body
    assert answer.body.count(b"<secret>") == 2
    assert SECRET.reveal() not in repr(answer)


def test_a_login_that_comes_back_is_struck_out(web: Web, http: Http, file: FileForm) -> None:
    web.on("/", echo)
    answer = http.post_stream(f"{web.url}/", file, LOGIN)
    assert b"Authorization" in answer.body
    assert b64encode(f"__token__:{SECRET.reveal()}".encode()) not in answer.body


def test_secrets_in_the_status_line_and_headers_are_struck_out(web: Web, http: Http) -> None:
    web.on("/", Say(400, reason=f"no {SECRET.reveal()}", headers={"Content-Type": SECRET.reveal()}))
    answer = http.post_json(f"{web.url}/", {"token": SECRET})
    assert SECRET.reveal() not in answer.reason
    assert SECRET.reveal() not in str(answer.facts())


def test_headers_have_any_case_also_where_secrets_were_struck_out(web: Web, http: Http) -> None:
    web.on("/", Say(403, b"x", {"content-type": "text/html", "x-way": f"to {SECRET.reveal()}"}))
    answer = http.post_json(f"{web.url}/", {"token": SECRET})
    assert answer.headers["X-Way"] == "to <secret>"
    assert answer.facts()["content_type"] == "text/html"


def test_netrc_is_never_read(
    web: Web, http: Http, file: FileForm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "".join(
        f"machine {host} login thief password s3cr3t\n"
        for host in ("127.0.0.1", "localhost", "index.example")
    )
    for name in (".netrc", "_netrc"):
        (tmp_path / name).write_text(lines)
        (tmp_path / name).chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HTTP_PROXY", web.url)
    assert requests.utils.get_netrc_auth(web.url) == ("thief", "s3cr3t")
    web.on("/", say_json({}))
    web.on("http://index.example/", say_json({}))
    http.get(f"{web.url}/")
    http.post_json(f"{web.url}/", {"token": SECRET})
    http.session(web.url).get(f"{web.url}/")
    http.get("http://index.example/")
    assert len(web.seen) == 4
    assert all("Authorization" not in seen.headers for seen in web.seen)
    http.post_stream(f"{web.url}/", file, LOGIN)
    assert web.seen[-1].headers.get_all("Authorization") == [
        "Basic " + b64encode(f"__token__:{SECRET.reveal()}".encode()).decode()
    ]


# Proxies and certificates


@pytest.mark.parametrize("upper", [True, False])
def test_this_machine_is_never_asked_through_a_proxy(
    web: Web, http: Http, monkeypatch: pytest.MonkeyPatch, upper: bool
) -> None:
    with serving() as proxy:
        for name in PROXIES[:3]:
            monkeypatch.setenv(name if upper else name.lower(), proxy.url)
        web.on("/", say_json({}))
        assert http.get(f"{web.url}/").status == 200
        assert http.get(f"{web.url.replace('127.0.0.1', 'localhost')}/").status == 200
        assert http.post_json(f"{web.url}/", {"token": SECRET}).status == 200
        assert proxy.seen == []
    assert len(web.seen) == 3


def test_others_are_asked_through_the_proxy(
    web: Web, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", web.url)
    web.on("http://index.example/simple/", say_json({}))
    assert http.get("http://index.example/simple/").status == 200
    assert web.paths() == ["GET http://index.example/simple/"]


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Path]]:
    folder = tmp_path_factory.mktemp("secure")
    with running(folder, tls=True) as sandbox:
        ca = folder / "ca.pem"
        ca.write_text(sandbox.info["ca"])
        yield sandbox, ca


@pytest.mark.parametrize("bundle", [None, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_rehearsals_ca(
    secure: tuple[Sandbox, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    bundle: str | None,
) -> None:
    sandbox, ca = secure
    if bundle:
        with running(tmp_path, tls=True) as other:
            (tmp_path / "other.pem").write_text(other.info["ca"])
        monkeypatch.setenv(bundle, str(tmp_path / "other.pem"))
    http = Http(ca=ca)
    url = f"{sandbox.index}/_/oidc/audience"
    assert url.startswith("https://")
    assert http.get(url).json_object() == {"audience": "pypi"}
    assert http.post_json(f"{sandbox.index}/_/oidc/burn-token", {"token": SECRET}).status == 202
    assert http.session(url).get(url).status_code == 200
    http.close()


def test_a_certificate_that_does_not_verify(
    secure: tuple[Sandbox, Path], http: Http, tmp_path: Path
) -> None:
    sandbox, _ = secure
    url = f"{sandbox.index}/_/oidc/audience"
    with pytest.raises(NetworkError, match=r"TLS could not be verified: .*CERTIFICATE") as caught:
        http.get(url)
    assert caught.value.url == url
    assert http.requests == 1, "bad TLS stays bad: it is not tried again"
    with pytest.raises(NetworkError, match="TLS could not be verified"):
        http.post_json(url, {"token": SECRET})
    with running(tmp_path, tls=True) as other:
        (tmp_path / "other.pem").write_text(other.info["ca"])
    stranger = Http(ca=tmp_path / "other.pem")
    with pytest.raises(NetworkError, match="TLS could not be verified"):
        stranger.get(url)
    stranger.close()


def test_a_connection_lost_over_tls_is_tried_again(
    secure: tuple[Sandbox, Path], impatient: None
) -> None:
    sandbox, ca = secure
    path = "/_/oidc/audience"
    fault = {"service": "pypi", "method": "GET", "path": path, "kind": "reset", "times": 2}
    assert sandbox.post("faults", [fault]).status_code == 200
    patient = Http(ca=ca)
    assert patient.get(f"{sandbox.index}{path}").status == 200
    assert patient.requests == 3
    patient.close()


def test_a_certificate_for_another_name(secure: tuple[Sandbox, Path]) -> None:
    sandbox, ca = secure
    http = Http(ca=ca)
    with pytest.raises(NetworkError, match="TLS could not be verified"):
        http.get(f"{sandbox.index.replace('127.0.0.1', '127.1')}/")
    http.close()


def test_plain_text_where_tls_is_spoken(web: Web, http: Http) -> None:
    with pytest.raises(NetworkError):
        http.get(f"{web.url.replace('http', 'https')}/")


# Threads


def test_many_threads(web: Web, http: Http, said: list[str]) -> None:
    flaky: list[Answering] = [busy(), say_json({"x": 1})]
    for n in range(40):
        web.on(f"/{n}", *flaky)
    together = threading.Barrier(8)
    sessions = set()

    def ask(n: int) -> Answer:
        if n < 8:
            together.wait(30)
        sessions.add(id(http.session(web.url)))
        return http.get(f"{web.url}/{n}")

    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(ask, range(40)))
    finally:
        sys.setswitchinterval(switch)
    assert [a.url for a in answers] == [f"{web.url}/{n}" for n in range(40)]
    assert all(a.json_object() == {"x": 1} for a in answers)
    assert http.requests == len(web.seen) == 80
    assert len(said) == 1  # one word for all of them
    assert len(sessions) == 8


def test_sessions_are_kept_and_told_apart(web: Web, http: Http) -> None:
    assert http.session(web.url) is http.session(f"{web.url}/other")
    assert http.session(web.url) is not http.session(web.url, retry=False)
    assert http.session(web.url) is not http.session("https://index.example/")


# Small print


def test_a_librarys_own_timeout_is_kept(web: Web, http: Http) -> None:
    web.on("/", HANG)
    with pytest.raises(requests.RequestException) as caught:
        http.session(web.url, retry=False).get(f"{web.url}/", timeout=0.05)
    assert explain(caught.value) == "no answer in time"


def test_an_error_without_words() -> None:
    assert explain(ConnectionAbortedError()).startswith("the connection failed")
