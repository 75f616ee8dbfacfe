"""Foreign clients and foreign indexes, as their makers ship them."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from publisher import rehearsal
from publisher.models import Persona
from publisher.rehearsal.child import child
from support.archives import make_wheel
from support.sandbox import GITHUB, GITHUB_PUBLISHER, PUBLISH, SLSA, Sandbox, dump, form

BESIDE = Path(sys.executable).parent
PATIENCE = 60


def program(name: str) -> str:
    """A program of this environment, or of the machine; the test is skipped without it."""
    found = shutil.which(name, path=os.pathsep.join([str(BESIDE), os.environ.get("PATH", "")]))
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(command: Sequence[str], home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a foreign program, which sees nothing of our environment but what it needs."""
    env = {"PATH": os.environ.get("PATH", ""), "HOME": str(home), "NO_PROXY": "*", **more}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, cwd=home)


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox over HTTP."""
    folder = tmp_path_factory.mktemp("plain")
    with (
        child(folder, indexes=("pypi",), env=os.environ) as (url, _),
        requests.Session() as http,
    ):
        http.trust_env = False
        yield Sandbox(url, http)


@dataclass(frozen=True)
class Secure:
    """A sandbox over TLS, and the file with its root."""

    sandbox: Sandbox
    ca: str


@pytest.fixture(scope="session")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    """A sandbox over TLS."""
    folder = tmp_path_factory.mktemp("secure")
    with (
        child(folder, indexes=("pypi",), env=os.environ, tls=True) as (url, _),
        requests.Session() as http,
    ):
        http.trust_env = False
        sandbox = Sandbox(url, http)
        ca = folder / "ca.pem"
        ca.write_text(sandbox.info["ca"])
        http.verify = str(ca)
        yield Secure(sandbox, str(ca))


@dataclass(frozen=True)
class Kept:
    """What ``--keep`` leaves of a rehearsal, and the one wheel in it."""

    folder: Path
    wheel: Path


@pytest.fixture(scope="session")
def kept(plain: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """The evidence of a rehearsal that published one wheel with both attestations."""
    folder = tmp_path_factory.mktemp("kept")
    path = make_wheel(folder, "evidence")
    player = plain.persona()
    text = dump(*(plain.attest(player, path, kind) for kind in (PUBLISH, SLSA)))
    answer = plain.upload(plain.mint(player), path, form(path, attestations=text))
    assert answer.status_code == 200, answer.text
    persona = Persona(GITHUB, GITHUB_PUBLISHER)
    with rehearsal.open(persona, url=plain.control, env={}, keep=folder / "keep"):
        pass
    return Kept(folder / "keep", folder / "keep" / "dists" / path.name)


@dataclass(frozen=True)
class PasswordIndex:
    """A real index that wants a user and a password. ``url`` takes uploads."""

    kind: str
    url: str
    simple_url: str
    user: str
    password: str = field(repr=False)


@pytest.fixture(
    scope="session",
    params=[
        pytest.param("pypiserver", marks=pytest.mark.online),
        pytest.param("devpi", marks=pytest.mark.online),
        "sandbox",
    ],
)
def password_index(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PasswordIndex]:
    """pypiserver and devpi-server from their registry, and what the sandbox makes of them."""
    folder = tmp_path_factory.mktemp(request.param)
    with KINDS[request.param](folder, "alice", secrets.token_hex(12)) as index:
        yield index


def _installed(folder: Path, *packages: str) -> Path:
    """The programs of a new virtual environment."""
    uv = program("uv")
    python = folder / "venv" / "bin" / "python"
    made = subprocess.run(
        [uv, "venv", "-q", "--python", sys.executable, str(folder / "venv")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    done = subprocess.run(
        [uv, "pip", "install", "-q", "--python", str(python), *packages],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"the registry does not give {packages[0]}: {done.stderr.strip()[-300:]}")
    return python.parent


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def _serving(command: Sequence[str], url: str, folder: Path) -> Iterator[requests.Session]:
    """A server of somebody else's, from its first answer on; ended by its process."""
    with (folder / "log").open("wb") as log, requests.Session() as http:
        http.trust_env = False
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        try:
            while not _answers(http, url):
                assert process.poll() is None, (folder / "log").read_text()[-2000:]
            yield http
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _answers(http: requests.Session, url: str) -> bool:
    try:
        return http.get(url, timeout=PATIENCE).ok
    except requests.ConnectionError:
        return False


@contextmanager
def _pypiserver(folder: Path, user: str, password: str) -> Iterator[PasswordIndex]:
    programs = _installed(folder, "pypiserver", "passlib")
    code = "import sys; from passlib.apache import HtpasswdFile as F; f = F(sys.argv[1], new=True);"
    code += "f.set_password(sys.argv[2], sys.stdin.read()); f.save()"
    entered = [str(programs / "python"), "-c", code, str(folder / "htpasswd"), user]
    subprocess.run(entered, input=password, text=True, check=True)
    (folder / "packages").mkdir()
    url = f"http://127.0.0.1:{(port := _free_port())}/"
    command = [str(programs / "pypi-server"), "run", "-p", str(port), "-i", "127.0.0.1"]
    command += ["-P", str(folder / "htpasswd"), "-a", "update", "--disable-fallback"]
    with _serving([*command, str(folder / "packages")], url, folder):
        yield PasswordIndex("pypiserver", url, f"{url}simple/", user, password)


@contextmanager
def _devpi(folder: Path, user: str, password: str) -> Iterator[PasswordIndex]:
    programs = _installed(folder, "devpi-server")
    server = ["--serverdir", str(folder / "data")]
    subprocess.run(
        [str(programs / "devpi-init"), *server, "--no-root-pypi"],
        check=True,
        capture_output=True,
    )
    url = f"http://127.0.0.1:{(port := _free_port())}"
    command = [str(programs / "devpi-server"), *server, "--host", "127.0.0.1", "--port", str(port)]
    with _serving([*command, "--offline-mode"], f"{url}/+api", folder) as http:
        _put(http, f"{url}/{user}", {"password": password})
        given = http.post(f"{url}/+login", json={"user": user, "password": password}).json()
        http.auth = (user, given["result"]["password"])
        _put(http, f"{url}/{user}/dev", {"bases": [], "volatile": False})
        home = f"{url}/{user}/dev/"
        yield PasswordIndex("devpi", home, f"{home}+simple/", user, password)


def _put(http: requests.Session, url: str, value: Mapping[str, object]) -> None:
    answer = http.put(url, data=json.dumps(value), headers={"Content-Type": "application/json"})
    assert answer.ok, answer.text


@contextmanager
def _sandbox(folder: Path, user: str, password: str) -> Iterator[PasswordIndex]:
    with (
        child(folder, indexes=("own:static",), env=os.environ) as (url, _),
        requests.Session() as http,
    ):
        http.trust_env = False
        sandbox = Sandbox(url, http)
        sandbox.post("password", {"user": user, "password": password})
        base = sandbox.index
        yield PasswordIndex("sandbox", f"{base}/legacy/", f"{base}/simple/", user, password)


KINDS = {"pypiserver": _pypiserver, "devpi": _devpi, "sandbox": _sandbox}
