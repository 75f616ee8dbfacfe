"""Counting, breaking and slowing requests. What slowing costs is read from the log."""

from __future__ import annotations

import socket
import struct
import threading
from pathlib import Path
from typing import Any

import pytest
import requests

from publisher.rehearsal.traffic import Throttle, Traffic
from support.sandbox import Sandbox, form, wheel


def test_stats_and_log(fresh: Sandbox, tmp_path: Path) -> None:
    player = fresh.persona()
    before = fresh.stats()
    token = fresh.mint(player)
    path = wheel(tmp_path)
    assert fresh.upload(token, path).status_code == 200
    after = fresh.stats()
    assert set(after) == {"control", "issuer", "fulcio", "rekor", "pypi", "testpypi"}
    assert after["pypi"] == {"requests": 2, "connections": 1}
    assert after["issuer"]["requests"] - before["issuer"]["requests"] == 1
    assert after["testpypi"] == {"requests": 0, "connections": 0}
    log = fresh.log()
    (line,) = [line for line in log if line["path"] == "/legacy/"]
    assert (line["service"], line["method"], line["status"]) == ("pypi", "POST", 200)
    assert line["received"] > path.stat().st_size
    assert line["sent"] > 0
    text = str(log)
    assert player.bearer not in text
    assert token not in text
    assert "?" not in text


def test_faults(fresh: Sandbox) -> None:
    faults = [
        {"service": "pypi", "path": "/legacy", "times": 5},
        {
            "service": "pypi",
            "path": "/_/oidc/mint",
            "times": 2,
            "status": 429,
            "body": "slowly",
            "headers": {"Retry-After": "1"},
        },
    ]
    assert fresh.post("faults", faults).status_code == 200
    token = fresh.persona().token("pypi")
    for _ in range(2):
        answer = fresh.exchange(token)
        assert (answer.status_code, answer.text) == (429, "slowly")
        assert answer.headers["Retry-After"] == "1"
    assert fresh.exchange(token).status_code == 200
    assert fresh.http.post(f"{fresh.index}/legacy/", data=b"x" * 10**6).status_code == 503
    assert fresh.http.delete(f"{fresh.control}/faults").status_code == 200
    assert fresh.http.post(f"{fresh.index}/legacy/", data=b"x").status_code == 400


def test_a_lost_answer(fresh: Sandbox) -> None:
    """The mint happened, so the same token is used up."""
    fresh.post("faults", [{"service": "pypi", "path": "/_/oidc/mint-token", "after": True}])
    token = fresh.persona().token("pypi")
    assert fresh.exchange(token).status_code == 503
    assert fresh.exchange(token).json()["errors"][0]["code"] == "invalid-reuse-token"


def test_resets(fresh: Sandbox, tmp_path: Path) -> None:
    fresh.post(
        "faults",
        [
            {"service": "pypi", "path": "/legacy/", "kind": "reset"},
            {"service": "pypi", "path": "/legacy/", "kind": "reset", "after": True},
        ],
    )
    token = fresh.mint(fresh.persona())
    path = wheel(tmp_path)
    for stored in (404, 200):
        with pytest.raises(requests.ConnectionError):
            fresh.upload(token, path)
        assert fresh.listing("widget").status_code == stored
    assert [line["status"] for line in fresh.log() if line["path"] == "/legacy/"] == [None, None]


def test_hangs(fresh: Sandbox) -> None:
    fault = {"service": "rekor", "method": "GET", "kind": "hang", "times": 2}
    fresh.post("faults", [fault])
    url = f"{fresh.info['rekor']}/api/v1/log"
    with pytest.raises(requests.ReadTimeout):
        requests.get(url, timeout=0.2)
    errors: list[Exception] = []

    def wait() -> None:
        try:
            fresh_http.get(url)
        except requests.ConnectionError as error:
            errors.append(error)

    with requests.Session() as fresh_http:
        thread = threading.Thread(target=wait)
        thread.start()
        while fresh.http.get(f"{fresh.control}/faults").json():
            pass
        fresh.http.delete(f"{fresh.control}/faults")
        thread.join()
    assert len(errors) == 1


@pytest.mark.parametrize(
    "faults",
    [
        {},
        [1],
        [{}],
        [{"service": "pypi", "kind": "earthquake"}],
        [{"service": "pypi", "colour": 1}],
    ],
)
def test_faults_that_are_none(shared: Sandbox, faults: Any) -> None:
    assert shared.post("faults", faults).status_code == 400


def test_latency(fresh: Sandbox) -> None:
    url = f"{fresh.info['rekor']}/api/v1/log"
    fresh.post("settings", {"latency_ms": {"rekor": 60}})
    fresh.http.get(url)
    fresh.post("settings", {"latency_ms": 70})
    fresh.http.get(url)
    fresh.post("settings", {"latency_ms": 0})
    first, second = (line["seconds"] for line in fresh.log() if line["service"] == "rekor")
    assert first >= 0.06
    assert second >= 0.07
    assert fresh.stats()["control"]["requests"] > 0


def test_bandwidth(fresh: Sandbox, tmp_path: Path) -> None:
    token = fresh.mint(fresh.persona())
    path = wheel(tmp_path, more={"data": "x" * 150_000})
    fresh.post("settings", {"bytes_per_second": 1_000_000})
    assert fresh.upload(token, path, form(path)).status_code == 200
    (file,) = fresh.listing("widget").json()["files"]
    assert fresh.http.get(file["url"]).content == path.read_bytes()
    slow = [line["seconds"] for line in fresh.log() if line["path"].startswith(("/leg", "/files"))]
    assert len(slow) == 2
    assert min(slow) >= 0.1


def test_unknown_settings(shared: Sandbox) -> None:
    answer = shared.post("settings", {"colour": "red"})
    assert (answer.status_code, answer.json()) == (400, {"message": "unknown settings: colour"})


def test_a_pipe_is_shared() -> None:
    throttle = Throttle()
    throttle.take(10**9)
    throttle.rate = 10**9
    throttle.take(1)
    assert throttle._free > 0
    assert Traffic().throttle("a") is not throttle


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "", "localhost"])
def test_other_hosts_are_refused(shared: Sandbox, host: str) -> None:
    """A page in a browser may resolve its own name to 127.0.0.1 (DNS rebinding)."""
    urls = [shared.control, *(shared.info[name] for name in ("issuer", "fulcio", "rekor"))]
    for url in [*urls, shared.index]:
        assert shared.http.get(f"{url}/", headers={"Host": host}).status_code == 403
    port = shared.control.rpartition(":")[2]
    local = shared.http.get(shared.control, headers={"Host": f"localhost:{port}"})
    assert local.status_code == 200


def test_requests_that_are_too_much(shared: Sandbox) -> None:
    url = f"{shared.index}/_/oidc/mint-token"
    assert shared.http.post(url, data=b"x" * 9_000_000).status_code == 413
    assert shared.http.post(url, data=iter([b"x"])).status_code == 411
    assert shared.http.get(url).status_code == 405


def test_a_bug_is_a_500(shared: Sandbox) -> None:
    answer = shared.post("settings", {"disabled": 1})
    assert answer.status_code == 500


def test_noise_is_no_event(shared: Sandbox) -> None:
    host, _, port = shared.control.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"no HTTP\r\n\r\n")
        assert connection.recv(100)
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"POST /persona HTTP/1.1\r\nContent-Length: 100\r\n")
    assert shared.http.get(shared.control).status_code == 200


def test_a_client_that_goes_away(fresh: Sandbox, tmp_path: Path) -> None:
    """Half an upload leaves a line in the log and nothing on disk."""
    host, _, port = fresh.index.removeprefix("http://").partition(":")
    request = f"POST /legacy/ HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 9000000\r\n"
    request += "Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
    request += 'Content-Disposition: form-data; name="content"; filename="a"\r\n\r\n'
    linger = struct.pack("ii", 1, 0)
    for reset in (False, True):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(request.encode() + b"x" * 1_000_000)
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    while len([line for line in fresh.log() if line["path"] == "/legacy/"]) < 2:
        pass
    (folder,) = (tmp_path / "fresh").glob("files-*/pypi")
    assert not list(folder.iterdir())
