"""What happened to others, replayed: what would have been said on that day, and where not a word.

The projects are invented; docs/incidents.md tells whose stories these are. Each has ten releases by
its own job, as somebody has pinned it, or never attested. Silence is asserted as strictly as words.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.reading import Reader

TRUE_JOB = "github octo-org/widget release.yml"


@pytest.fixture
def pinned(reader: Reader, project_name: str) -> Reader:
    """Ten releases by the project's own job, one a week; the last is locked and pinned."""
    for minor in range(10):
        reader.back(90 - 7 * minor)
        reader.publish(project_name, f"1.{minor}")
    reader.back(0)
    assert reader.run("pin", reader.requirements(f"{project_name}==1.9"))[0] == 0
    return reader


@pytest.fixture
def unattested(reader: Reader, project_name: str) -> Reader:
    """Two releases by a token, pinned, beside a project that attests."""
    for days, version in ((40, "1.0"), (20, "1.1")):
        reader.back(days)
        reader.publish(project_name, version, attested=False)
    reader.back(0)
    if not reader.known("quiet-one"):
        reader.publish("quiet-one", "1.0")
    assert reader.run("pin", reader.requirements(f"{project_name}==1.1", "quiet-one==1.0"))[0] == 0
    return reader


def findings(reader: Reader, *argv: str) -> list[tuple[str, str]]:
    """Rules and severities of a locked ``verify``, notes too."""
    results = reader.json("verify", "--locked", *argv)["results"]
    return [(one["rule"], one["severity"]) for result in results for one in result["findings"]]


def silent(reader: Reader, lock: str) -> None:
    """Not a word, in no format, however much one wants to hear."""
    assert findings(reader, lock) == []
    assert reader.run("verify", "--locked", lock, "--fail-on", "note")[0] == 0
    (log,) = json.loads(reader.run("verify", lock, "--format", "sarif")[1])["runs"]
    assert log["results"] == []
    assert "::" not in reader.run("verify", lock, "--format", "github")[1]
    assert "nothing else to say" in reader.run("verify", "--locked", lock)[1]


def lost(reader: Reader, lock: str, since: str) -> None:
    """D01, in every format, and nothing is learned from it."""
    assert findings(reader, lock) == [("D01", "error")]
    code, out = reader.run("verify", "--locked", lock)
    text = " ".join(out.split())
    assert code == 10
    assert "error D01 lost-provenance" in text
    assert f"until now {TRUE_JOB}, {since}" in text
    assert "A stolen or leftover token does this; so does a broken release job." in text
    assert "Do not install it until the maintainers answer." in text
    (log,) = json.loads(reader.run("verify", lock, "--format", "sarif")[1])["runs"]
    assert [(one["ruleId"], one["level"]) for one in log["results"]] == [("D01", "error")]
    before = reader.remembered()
    assert reader.run("pin", lock)[0] == 10
    assert reader.remembered() == before


def take_away(reader: Reader, *wheels: Path) -> None:
    """The index deletes files, as it does with malware."""
    for wheel in wheels:
        name = wheel.name.partition("-")[0].replace("_", "-")
        gone = {"projects": {name: {"deleted": [wheel.name]}}}
        assert reader.sandbox.post("index", gone).status_code == 200


# Ultralytics 8.3.41 to 8.3.46, 2024: a poisoned cache, then a leftover token


def test_ultralytics_first_wave(pinned: Reader, project_name: str) -> None:
    """The cache of the job that built was poisoned: its own job signed, as always. Silence."""
    bad = pinned.publish(project_name, "2.41")
    lock = pinned.requirements(f"{project_name}==2.41")
    silent(pinned, lock)
    assert pinned.run("pin", lock)[0] == 0
    assert f"{project_name} rel 2.41 1/1 id=1" in pinned.remembered()
    # once the index has taken it away, nobody can say any more who published it
    take_away(pinned, bad)
    code, out = pinned.run("verify", "--locked", lock)
    assert code == 12
    assert f"the index has no files of {project_name} 2.41" in " ".join(out.split())


def test_ultralytics_second_wave(pinned: Reader, project_name: str) -> None:
    """A token that nobody had deleted uploaded past the job: no attestation. Words."""
    pinned.publish(project_name, "2.45", attested=False)
    lost(pinned, pinned.requirements(f"{project_name}==2.45"), "10 releases since 1.0")
    # so they should be taken away, one after the other; the good one is as it was
    assert pinned.run("verify", "--locked", pinned.requirements(f"{project_name}==1.9"))[0] == 0


def test_ultralytics_for_who_never_pinned(pinned: Reader, project_name: str) -> None:
    """Without a memory ``verify`` has nothing to compare with. The first ``pin`` reads history."""
    pinned.publish(project_name, "2.45", attested=False)
    (pinned.folder / "identities.lock").unlink()
    lock = pinned.requirements(f"{project_name}==2.45")
    code, out = pinned.run("verify", lock)
    assert code == 12
    assert "nothing was verified: none of it is attested" in out
    assert "error D01" not in out
    code, out = pinned.run("pin", lock)
    assert code == 10
    assert "no attestations in its newest release, but in 9 of 10 releases" in out
    assert "error D01 lost-provenance" in out
    assert f"{project_name} rel 2.45" not in pinned.remembered()
    assert pinned.run("verify", "--locked", lock)[0] == 10


# LiteLLM and telnyx: stolen tokens, where nothing was ever attested


def test_litellm_and_telnyx(unattested: Reader, project_name: str) -> None:
    """One release without attestations looks like the other. Silence, until the quarantine."""
    unattested.publish(project_name, "1.2", attested=False)
    lock = unattested.requirements("quiet-one==1.0", f"{project_name}==1.2")
    assert findings(unattested, lock) == [("D00", "note")]
    code, out = unattested.run("verify", "--locked", lock)
    assert (code, "1 has no attestation." in out) == (0, True)
    assert unattested.run("verify", f"{project_name}==1.2")[0] == 12  # alone: nothing verified
    assert unattested.run("pin", lock)[0] == 0
    assert f"{project_name} rel 1.2 0/1" in unattested.remembered()

    status = {"projects": {project_name: {"status": "quarantined"}}}
    assert unattested.sandbox.post("index", status).status_code == 200
    assert ("D26", "critical") in findings(unattested, lock)
    code, out = unattested.run("verify", "--locked", lock)
    assert code == 10
    assert "The project is quarantined." in out
    before = unattested.remembered()
    assert unattested.run("pin", lock)[0] == 10
    assert unattested.run("pin", "--accept", f"{project_name}==1.2", "--reason", "x")[0] == 2
    assert unattested.remembered() == before


def test_litellm_had_it_attested(pinned: Reader, project_name: str) -> None:
    """The same theft from a project whose releases come from its job. Words."""
    pinned.publish(project_name, "1.82", attested=False)
    lost(pinned, pinned.requirements(f"{project_name}==1.82"), "10 releases since 1.0")


# TanStack, May 2026: an ID token, read in the project's own job


def test_tanstack(pinned: Reader, project_name: str) -> None:
    """Malware with valid attestations of the true identity, in several releases. Silence."""
    for version in ("2.0", "2.1"):
        pinned.publish(project_name, version)
        lock = pinned.requirements(f"{project_name}=={version}")
        silent(pinned, lock)
        assert pinned.run("pin", lock)[0] == 0
    (pinned.folder / "identities.lock").unlink()
    code, out = pinned.run("pin", lock)
    assert code == 0
    assert "the same in 10 of 10 releases" in out
