"""What a release asks of the network: how often, over how many connections, how much in a row."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from publisher import cli
from support.archives import make_sdist, make_wheel
from support.play import running
from support.projects import make_hostile_project
from support.sandbox import Sandbox

LATENCY = 0.5  # seconds; far more than threads need to begin together
LISTING, PROVENANCE = "GET simple", "GET integrity"
ONE_FILE = {
    "issuer GET token": 2,  # for the index and for Sigstore
    "pypi GET _": 1,  # its audience
    "pypi GET simple": 2,  # before, and on arrival
    "pypi POST _": 2,  # mint and burn
    "fulcio POST api": 1,
    "rekor POST api": 1,
    "pypi POST legacy": 1,
    "pypi GET integrity": 1,
}


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox that nobody else uses."""
    folder = tmp_path / "sandbox"
    folder.mkdir()
    with running(folder) as sandbox:
        yield sandbox


def publish(sandbox: Sandbox, env: dict[str, str], *arguments: object) -> list[dict[str, Any]]:
    """The requests of one run, without those to the sandbox itself."""
    assert cli.run(["--sandbox", sandbox.control, *map(str, arguments)], env) == 0
    return [line for line in sandbox.log() if line["service"] != "control"]


def kinds(log: Sequence[dict[str, Any]]) -> Counter[str]:
    return Counter(f"{x['service']} {x['method']} {x['path'].split('/')[1]}" for x in log)


def in_a_row(log: Sequence[dict[str, Any]]) -> list[str]:
    """The most requests of which each began after the one before had ended."""
    spans = [(datetime.fromisoformat(line["time"]).timestamp(), line) for line in log]
    row: list[str] = []
    free = 0.0
    for end, line in sorted(spans, key=lambda span: span[0]):
        if end - line["seconds"] >= free:
            row.append(f"{line['method']} {line['path'].split('/')[-1] or line['path']}")
            free = end - 0.01  # the log's times are cut to milliseconds
    return row


def test_one_file(alone: Sandbox, clean_env: dict[str, str], tmp_path: Path) -> None:
    assert kinds(publish(alone, clean_env, make_wheel(tmp_path))) == ONE_FILE
    stats = alone.http.get(f"{alone.control}/stats").json()["services"]
    connections = {name: of["connections"] for name, of in stats.items() if name != "control"}
    # audience and listing are asked side by side, tokens too; everything later finds them open
    assert connections == {"issuer": 2, "fulcio": 1, "rekor": 1, "pypi": 2}


def test_many_files(alone: Sandbox, clean_env: dict[str, str], tmp_path: Path) -> None:
    """Each further file costs an entry, an upload and a look; nothing else grows."""
    wheels = [make_wheel(tmp_path, tag=f"cp3{n}-cp3{n}-win32") for n in range(1, 41)]
    log = publish(alone, clean_env, *wheels)
    more = {"rekor POST api": 40, "pypi POST legacy": 40, "pypi GET integrity": 40}
    assert kinds(log) == {**ONE_FILE, **more}
    stats = alone.http.get(f"{alone.control}/stats").json()["services"]
    assert stats["rekor"]["connections"] <= 32
    assert stats["pypi"]["connections"] <= 2 + 16
    assert stats["fulcio"]["connections"] == 1


def test_what_waits_for_what(alone: Sandbox, clean_env: dict[str, str], tmp_path: Path) -> None:
    """docs/design.md lists these; none can go, as each needs something of the one before."""
    alone.post("settings", {"latency_ms": 1000 * LATENCY})
    make_wheel(tmp_path)
    make_sdist(tmp_path)
    log = publish(alone, clean_env, tmp_path)
    alone.post("settings", {"latency_ms": 0})
    row = in_a_row(log)
    assert row[1:] == [
        "POST mint-token",
        "POST signingCert",
        "POST entries",
        "POST /legacy/",  # the wheel, which makes the release
        "POST /legacy/",
        "POST burn-token",
        "GET /simple/widget/",
        "GET provenance",
    ]


def test_several_projects(alone: Sandbox, clean_env: dict[str, str], tmp_path: Path) -> None:
    """Their releases are begun side by side."""
    alone.post("settings", {"latency_ms": 1000 * LATENCY})
    for name in ("widget", "gadget", "gizmo"):
        make_wheel(tmp_path, name)
    log = publish(alone, clean_env, tmp_path, "--wait", "0")
    alone.post("settings", {"latency_ms": 0})
    assert len(in_a_row(log)) == 6
    assert json.dumps(log).count('"/legacy/"') == 3


def test_what_the_index_has_is_asked_after_the_build(
    alone: Sandbox, clean_env: dict[str, str], tmp_path: Path
) -> None:
    """A build may take minutes, in which somebody else publishes."""
    seen = tmp_path / "seen"
    project = make_hostile_project(tmp_path / "widget", "return 0")
    log = publish(alone, {**clean_env, "SEEN": str(seen)}, project)
    began = [
        datetime.fromisoformat(line["time"]).timestamp() - line["seconds"]
        for line in log
        if line["path"] == "/simple/widget/"
    ]
    assert len(began) == 2
    assert min(began) > seen.stat().st_mtime - 0.01
