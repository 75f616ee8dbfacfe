"""What the rehearsal's tests share: claims, distributions, and a hand on a sandbox."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pypi_attestations import Attestation, AttestationType, Distribution
from sigstore.dsse import DigestSet, StatementBuilder, Subject
from sigstore.models import ClientTrustConfig
from sigstore.oidc import IdentityToken
from sigstore.sign import Signer, SigningContext

from publisher.models import Account, Secret
from publisher.world import Index

if TYPE_CHECKING:
    import requests

SHA = "714a629c0b401fdce83e847fc9589983fc6f46bc"
WORKFLOW = "octo-org/widget/.github/workflows/release.yml@refs/tags/v1.0"
GITHUB: dict[str, Any] = {
    "iss": "https://token.actions.githubusercontent.com",
    "sub": "repo:octo-org@65432/widget@456789:environment:pypi",
    "environment": "pypi",
    "event_name": "push",
    "job_workflow_ref": WORKFLOW,
    "job_workflow_sha": SHA,
    "ref": "refs/tags/v1.0",
    "repository": "octo-org/widget",
    "repository_id": "456789",
    "repository_owner": "octo-org",
    "repository_owner_id": "65432",
    "repository_visibility": "public",
    "run_attempt": "1",
    "run_id": "9876543210",
    "runner_environment": "github-hosted",
    "sha": SHA,
    "workflow": "Release",
    "workflow_ref": WORKFLOW,
    "workflow_sha": SHA,
}
GITHUB_PUBLISHER: dict[str, Any] = {
    "kind": "GitHub",
    "repository": "octo-org/widget",
    "workflow": "release.yml",
    "environment": "pypi",
}
CONFIG = "gitlab.com/my-group/widget//.gitlab-ci.yml@refs/tags/v1.0"
GITLAB: dict[str, Any] = {
    "iss": "https://gitlab.com",
    "sub": "project_path:my-group/widget:ref_type:tag:ref:v1.0",
    "project_id": "20",
    "project_path": "my-group/widget",
    "namespace_id": "72",
    "namespace_path": "my-group",
    "pipeline_source": "push",
    "job_id": "302",
    "ref": "v1.0",
    "ref_type": "tag",
    "ref_path": "refs/tags/v1.0",
    "environment": "production",
    "runner_environment": "gitlab-hosted",
    "sha": SHA,
    "project_visibility": "public",
    "ci_config_ref_uri": CONFIG,
    "ci_config_sha": SHA,
}
GITLAB_PUBLISHER: dict[str, Any] = {
    "kind": "GitLab",
    "repository": "my-group/widget",
    "workflow_filepath": ".gitlab-ci.yml",
    "environment": "production",
}
GOOGLE: dict[str, Any] = {
    "iss": "https://accounts.google.com",
    "sub": "104857600000000000001",
    "email": "publisher@my-project.iam.gserviceaccount.com",
    "email_verified": True,
}
GOOGLE_PUBLISHER: dict[str, Any] = {"kind": "Google", "email": GOOGLE["email"]}
ACTIVESTATE: dict[str, Any] = {
    "iss": "https://platform.activestate.com/api/v1/oauth/oidc",
    "sub": "org:octo:project:widget",
    "organization": "octo",
    "project": "widget",
    "actor_id": "1",
    "builder": "pypi-publisher",
}
ACTIVESTATE_PUBLISHER: dict[str, Any] = {"kind": "ActiveState"}
PERSONAS = {
    "github": (GITHUB, GITHUB_PUBLISHER),
    "gitlab": (GITLAB, GITLAB_PUBLISHER),
    "google": (GOOGLE, GOOGLE_PUBLISHER),
    "activestate": (ACTIVESTATE, ACTIVESTATE_PUBLISHER),
}
SLSA = "https://slsa.dev/provenance/v1"
PUBLISH = AttestationType.PYPI_PUBLISH_V1.value
SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"


def wheel(
    folder: Path,
    name: str = "widget",
    version: str = "1.0",
    *,
    tag: str = "py3-none-any",
    leave_out: str = "",
    more: Mapping[str, str] | None = None,
) -> Path:
    """A small wheel, with something unique in it: the folder's name."""
    path = folder / f"{name}-{version}-{tag}.whl"
    info = f"{name}-{version}.dist-info"
    files = {
        f"{info}/METADATA": f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{info}/RECORD": f"{folder.name},,\n",
        **(more or {}),
    }
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            if file.rpartition("/")[2] != leave_out:
                archive.writestr(file, text)
    return path


def sdist(
    folder: Path, name: str = "widget", version: str = "1.0", *, inside: str = "PKG-INFO"
) -> Path:
    """A small source distribution."""
    path = folder / f"{name}-{version}.tar.gz"
    data = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{folder.name}".encode()
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo(f"{name}-{version}/{inside}")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
        archive.addfile(tarfile.TarInfo(f"{name}-{version}/pyproject.toml"))
    return path


def project_of(folder: Path) -> str:
    """A project name that only this folder has."""
    return "p" + hashlib.sha256(str(folder).encode()).hexdigest()[:12]


def form(path: Path, **changes: str | list[str] | None) -> dict[str, str | list[str]]:
    """The fields that go with a distribution; ``None`` leaves one out."""
    name, version = path.name.removesuffix(".tar.gz").split("-")[:2]
    is_wheel = path.suffix == ".whl"
    values: dict[str, str | list[str] | None] = {
        ":action": "file_upload",
        "protocol_version": "1",
        "metadata_version": "2.4",
        "name": name,
        "version": version,
        "filetype": "bdist_wheel" if is_wheel else "sdist",
        "pyversion": "py3" if is_wheel else "source",
        "sha256_digest": hashlib.sha256(path.read_bytes()).hexdigest(),
        **{key.replace("action", ":action"): value for key, value in changes.items()},
    }
    return {key: value for key, value in values.items() if value is not None}


@dataclass
class Player:
    """A persona's way to tokens."""

    url: str
    bearer: str
    http: requests.Session

    def ask(self, audience: str | None = None, scheme: str = "bearer") -> requests.Response:
        query = "" if audience is None else f"&audience={audience}"
        headers = {"Authorization": f"{scheme} {self.bearer}"}
        return self.http.get(self.url + query, headers=headers)

    def token(self, audience: str) -> str:
        return str(self.ask(audience).json()["value"])


class Sandbox:
    """A running sandbox, seen from outside."""

    def __init__(self, control: str, http: requests.Session) -> None:
        self.control = control
        self.http = http
        self.info: dict[str, Any] = http.get(control).json()
        self.index: str = self.info["indexes"][0]["url"]

    def post(self, where: str, value: object) -> requests.Response:
        return self.http.post(f"{self.control}/{where}", json=value)

    def stats(self) -> dict[str, dict[str, int]]:
        value: dict[str, dict[str, int]] = self.http.get(f"{self.control}/stats").json()["services"]
        return value

    def log(self) -> list[dict[str, Any]]:
        value: list[dict[str, Any]] = self.http.get(f"{self.control}/log").json()
        return value

    def persona(
        self,
        kind: str = "github",
        *,
        claims: Mapping[str, Any] | None = None,
        publisher: Mapping[str, Any] | None = None,
        projects: Sequence[str] | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> Player:
        base, registered = PERSONAS[kind]
        asked = {
            "claims": {**base, **(claims or {})},
            "publisher": {**registered, **(publisher or {})},
            "projects": projects,
            "overrides": overrides,
        }
        answer = self.post("persona", asked)
        assert answer.status_code == 200, answer.text
        return Player(answer.json()["request_url"], answer.json()["request_token"], self.http)

    def exchange(self, token: object) -> requests.Response:
        return self.http.post(f"{self.index}/_/oidc/mint-token", json={"token": token})

    def mint(self, player: Player) -> str:
        answer = self.exchange(player.token("pypi"))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["token"])

    def upload(
        self,
        token: str,
        path: Path,
        fields: Mapping[str, str | list[str]] | None = None,
        *,
        accept: str = "*/*",
        files: Mapping[str, tuple[str, bytes]] | None = None,
    ) -> requests.Response:
        return self.http.post(
            f"{self.index}/legacy/",
            data=form(path) if fields is None else fields,
            files={"content": (path.name, path.read_bytes()), **(files or {})},
            auth=("__token__", token),
            headers={"Accept": accept},
        )

    def listing(self, project: str) -> requests.Response:
        return self.http.get(f"{self.index}/simple/{project}/", headers={"Accept": SIMPLE_JSON})

    def provenance(self, path: Path, **headers: str) -> requests.Response:
        name, version = path.name.removesuffix(".tar.gz").split("-")[:2]
        url = f"{self.index}/integrity/{name}/{version}/{path.name}/provenance"
        return self.http.get(url, headers=headers)

    def trust(self) -> ClientTrustConfig:
        config = ClientTrustConfig.from_json(json.dumps(self.info["trust_config"]))
        config.force_tlog_version = 1
        return config

    def signer(self, player: Player) -> Signer:
        context = SigningContext.from_trust_config(self.trust())
        return Signer(IdentityToken(player.token("sigstore")), context)

    def attest(self, player: Player, path: Path, predicate: str = PUBLISH) -> Attestation:
        signer = self.signer(player)
        if predicate == PUBLISH:
            return Attestation.sign(signer, Distribution.from_file(path))
        subject = Subject(
            name=path.name,
            digest=DigestSet(root={"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}),
        )
        statement = StatementBuilder([subject], predicate, {}).build()
        return Attestation.from_bundle(signer.sign_dsse(statement))


def index(name: str, *, password: bool = False) -> Index:
    """An index of that name to ask a rehearsal for; with a ``password``, one that has no OIDC."""
    account = Account("nobody", Secret("a real one")) if password else None
    url = f"https://{name}.example/"
    return Index(
        name,
        f"{url}legacy/",
        f"{url}simple/",
        url,
        url,
        audience=name,
        known=not password,
        account=account,
    )


def dump(*attestations: Attestation) -> str:
    """The ``attestations`` field."""
    return json.dumps([json.loads(one.model_dump_json()) for one in attestations])
