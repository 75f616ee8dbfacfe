"""A build of Cloud Build on a machine of Google's, as far as one machine can play them.

``unshare -Urmn python -m support.cloud_build FOLDER`` runs it in a network of its own, where
Google's fixed addresses lead to this process. FOLDER has ``ask.json`` (an ``Ask``) and gets
``told.json``: the exit code, the log, what Google was asked, and the index's pages.
"""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from publisher.rehearsal.child import child
from support.mirror import mirror_of
from support.sandbox import Player, Sandbox

IAM = "iamcredentials.googleapis.com"
METADATA = "/computeMetadata/v1/instance/service-accounts/default"
ACCESS = "the build's access token"


@dataclass(frozen=True)
class Ask:
    """``build``: the parsed YAML; ``real``: publish for real to the sandbox's services."""

    build: dict[str, Any]
    substitutions: dict[str, str]
    wheels: str
    workspace: str
    real: bool
    allowed: bool = True

    def steps(self) -> list[dict[str, Any]]:
        """The steps with what their variables are; the scripts stay as they are."""
        values = {"TAG_NAME": "", **self.build["substitutions"], **self.substitutions}

        def put(text: str) -> str:
            return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda m: values[m[1] or m[2]], text)

        return [{**step, "env": [put(e) for e in step["env"]]} for step in self.build["steps"]]


def ask(ask: Ask, folder: Path) -> dict[str, Any]:
    """Run the build; the answer."""
    (folder / "ask.json").write_text(json.dumps(asdict(ask)), encoding="utf-8")
    command = ["unshare", "-Urmn", sys.executable, "-m", "support.cloud_build", str(folder)]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(command, env=env, check=True)
    told: dict[str, Any] = json.loads((folder / "told.json").read_text("utf-8"))
    return told


def main(folder: Path) -> None:
    asked = Ask(**json.loads((folder / "ask.json").read_text("utf-8")))
    become_google(folder)
    links = folder / "links"
    links.mkdir()
    with (
        child(folder, indexes=("pypi",), env=os.environ) as (url, _),
        requests.Session() as http,
        mirror_of(Path(asked.wheels), links) as mirror,
    ):
        sandbox = Sandbox(url, http)
        Google.player, Google.allowed = sandbox.persona("google"), asked.allowed
        with google(folder):
            env = {"PIP_INDEX_URL": mirror.url, "SSL_CERT_FILE": str(folder / "ca.pem")}
            code, log = run(asked, {**env, **(services(sandbox, folder) if asked.real else {})})
        page = http.get(f"{sandbox.index}/simple/widget/")
    told = {"code": code, "log": log, "seen": Google.seen, "published": page.status_code == 200}
    (folder / "told.json").write_text(json.dumps(told), encoding="utf-8")


def become_google(folder: Path) -> None:
    """In this namespace alone: names, what kind of machine this is, and the loopback."""
    (folder / "hosts").write_text(f"127.0.0.1 localhost metadata {IAM}\n", encoding="utf-8")
    machine = folder / "sys" / "class" / "dmi" / "id"
    machine.mkdir(parents=True)
    (machine / "product_name").write_text("Google Compute Engine\n", encoding="utf-8")
    for mine, theirs in ((folder / "hosts", "/etc/hosts"), (folder / "sys", "/sys")):
        subprocess.run(["mount", "--bind", str(mine), theirs], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def services(sandbox: Sandbox, folder: Path) -> dict[str, str]:
    """Variables for a real run against services of one's own."""
    trust = folder / "trust.json"
    trust.write_text(json.dumps(sandbox.info["trust_config"]), encoding="utf-8")
    return {
        "PUBLISHER_REPOSITORY_URL": f"{sandbox.index}/legacy/",
        "PUBLISHER_CHECK_URL": f"{sandbox.index}/simple",
        "PUBLISHER_AUDIENCE": "pypi",
        "PUBLISHER_TRUST_CONFIG": str(trust),
    }


def run(asked: Ask, env: Mapping[str, str]) -> tuple[int, str]:
    """Each step in the workspace, until one fails."""
    log = ""
    for step in asked.steps():
        script = Path(asked.workspace).parent / f"{step['id']}.sh"
        script.write_text(step["script"], encoding="utf-8")
        script.chmod(0o755)
        path = f"{Path(sys.executable).parent}:/usr/bin:/bin:/usr/sbin"
        own = dict(item.split("=", 1) for item in step["env"])
        done = subprocess.run(
            [str(script)],
            env={"PATH": path, "HOME": str(script.parent), **env, **own},
            cwd=asked.workspace,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        log += done.stdout
        if done.returncode:
            return done.returncode, log
    return 0, log


class Google(BaseHTTPRequestHandler):
    """The metadata server and IAM Credentials."""

    player: ClassVar[Player]
    allowed: ClassVar[bool]
    seen: ClassVar[list[str]] = []
    """Who was asked for a token for what."""

    def do_GET(self) -> None:
        at = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(at.query).items()}
        if self.headers["Metadata-Flavor"] != "Google":
            self.answer(403, "Missing Metadata-Flavor:Google header")
        elif at.path == f"{METADATA}/identity" and query.get("format") == "full":
            self.seen.append(f"metadata {query['audience']}")
            self.answer(200, self.player.token(query["audience"]))
        elif at.path == f"{METADATA}/token":
            self.answer(200, json.dumps({"access_token": ACCESS}))
        else:
            self.answer(404, "not found")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        account = re.fullmatch(r"/v1/projects/-/serviceAccounts/(.+):generateIdToken", self.path)
        known = self.headers["Authorization"] == f"Bearer {ACCESS}"
        if account and known and self.allowed:
            self.seen.append(f"{account[1]} {body['audience']} {body['includeEmail']}")
            self.answer(200, json.dumps({"token": self.player.token(body["audience"])}))
        else:
            self.answer(403, json.dumps({"error": {"status": "PERMISSION_DENIED"}}))

    def answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_about: Any) -> None:
        """What counts is in ``seen``."""


@contextmanager
def google(folder: Path) -> Iterator[None]:
    """Serve both, where ``id`` looks for them."""
    servers = [ThreadingHTTPServer(("127.0.0.1", port), Google) for port in (80, 443)]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(folder))
    servers[1].socket = context.wrap_socket(servers[1].socket, server_side=True)
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def certificate(folder: Path) -> Path:
    """A certificate for IAM Credentials that is its own root, with its key; and ca.pem."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, IAM)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(IAM)]), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "ca.pem").write_bytes(made)
    (folder / "iam.pem").write_bytes(made + private)
    return folder / "iam.pem"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
