"""Both sides of ``verify``: maintainers who publish into a sandbox, and somebody who reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from publisher import cli
from support.archives import make_wheel
from support.sandbox import GITHUB, Sandbox

LINKS = {"Source": "https://github.com/octo-org/widget"}
Claims = dict[str, Any]


def job(repository: str = "octo-org/widget", **changes: Any) -> Claims:
    """The claims of a GitHub job that publishes a tag of this repository."""
    workflow = changes.pop("workflow_file", "release.yml")
    ref = changes.get("ref", "refs/tags/v1.0")
    where = f"{repository}/.github/workflows/{workflow}@{ref}"
    owner, _, name = repository.partition("/")
    numbers = {**GITHUB, **changes}
    sub = f"repo:{owner}@{numbers['repository_owner_id']}/{name}@{numbers['repository_id']}"
    return {
        **GITHUB,
        "sub": f"{sub}:environment:pypi",
        "repository": repository,
        "repository_owner": owner,
        "workflow_ref": where,
        "job_workflow_ref": where,
        **changes,
    }


@dataclass
class Reader:
    """Somebody with a folder of their own, whose index and Sigstore are the sandbox's."""

    sandbox: Sandbox
    folder: Path
    env: dict[str, str]
    capsys: pytest.CaptureFixture[str]
    made: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        config = json.dumps(self.sandbox.info["trust_config"])
        (self.folder / "trust.json").write_text(config, "utf-8")

    # Those who publish

    def back(self, days: float) -> None:
        """For those who publish, it is that many days ago from now on."""
        assert self.sandbox.post("clock", {"days_ago": days}).status_code == 200

    def publish(
        self,
        name: str,
        version: str,
        claims: Claims | None = None,
        *,
        attested: bool = True,
        links: Mapping[str, str] = LINKS,
        tag: str = "py3-none-any",
    ) -> Path:
        """Publish a wheel with our own pipeline, as the job with these claims."""
        into = self.folder / "made" / f"{name}-{version}-{tag}"
        into.mkdir(parents=True, exist_ok=True)
        urls = "\n".join(f"Project-URL: {label}, {url}" for label, url in links.items())
        wheel = make_wheel(into, name, version, tag=tag, extra_metadata=urls)
        who = into / "claims.json"
        who.write_text(json.dumps(claims or job()), "utf-8")
        argv = ["--sandbox", self.sandbox.control, "--provider-claims", str(who), "--tag", "none"]
        argv += ["--allow", f"changed-provenance={version}"]  # verify is to tell it, and later
        argv += [] if attested else ["--attestations", "off"]
        code = cli.run([*argv, str(wheel)], self.env)
        said = self.capsys.readouterr()
        assert code == 0, said.out + said.err
        self.made[f"{name} {version}"] = wheel
        return wheel

    # Those who read

    def run(self, command: str, *argv: str | Path) -> tuple[int, str]:
        """Run ``verify`` or ``pin``; the exit code and standard output."""
        where = ["--index", f"{self.sandbox.index}/simple/"]
        trust = ["--trust-config", str(self.folder / "trust.json")]
        remembered = ["--lock", str(self.folder / "identities.lock")]
        self.capsys.readouterr()
        code = cli.run([command, *where, *trust, *remembered, *map(str, argv)], self.env)
        said = self.capsys.readouterr()
        self.err = said.err
        return code, said.out

    def json(self, command: str, *argv: str | Path) -> dict[str, Any]:
        """The report of a run."""
        code, out = self.run(command, *argv, "--format", "json")
        value: dict[str, Any] = json.loads(out)
        assert value["exit_code"] == code
        return value

    def rules(self, *argv: str | Path) -> dict[str, str]:
        """The rules that ``verify`` finds and their severities, without notes."""
        found = [
            one for result in self.json("verify", *argv)["results"] for one in result["findings"]
        ]
        return {one["rule"]: one["severity"] for one in found if one["severity"] != "note"}

    def known(self, name: str) -> bool:
        """Whether the index has a project of that name."""
        return self.sandbox.listing(name).status_code == 200

    def remembered(self) -> str:
        """identities.lock."""
        return (self.folder / "identities.lock").read_text("utf-8")

    def requirements(self, *pins: str) -> str:
        """A requirements.txt with the digests that the index lists; its name."""
        lines = []
        for pin in pins:
            name, _, version = pin.partition("==")
            listed = self.sandbox.listing(name).json()["files"]
            files = [one for one in listed if one["filename"].split("-")[1] == version]
            hashes = [f"--hash=sha256:{one['hashes']['sha256']}" for one in files]
            lines.append(" ".join([pin, *hashes]))
        path = self.folder / "requirements.txt"
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return path.name
