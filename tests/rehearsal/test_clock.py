"""A world that is some days behind: what is signed, logged and uploaded there is old."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from publisher.rehearsal.clock import DAY
from support.sandbox import Sandbox, dump, form, project_of, wheel


@pytest.fixture
def past(shared: Sandbox) -> Iterator[Sandbox]:
    """The shared sandbox, a year ago."""
    assert shared.post("clock", {"days_ago": 365}).status_code == 200
    yield shared
    assert shared.post("clock", {"days_ago": 0}).status_code == 200


def days_since(seconds: float) -> int:
    return round((time.time() - seconds) / DAY)


def test_signed_logged_and_uploaded_a_year_ago(past: Sandbox, tmp_path: Path) -> None:
    player, path = past.persona(), wheel(tmp_path, project_of(tmp_path))
    attestation = past.attest(player, path)
    fields = form(path, attestations=dump(attestation))
    answer = past.upload(past.mint(player), path, fields)
    assert answer.status_code == 200, answer.text  # the index has verified it
    (entry,) = attestation.verification_material.transparency_entries
    assert days_since(int(entry["integratedTime"])) == 365
    (listed,) = past.listing(project_of(tmp_path)).json()["files"]
    uploaded = datetime.fromisoformat(listed["upload-time"])
    assert uploaded.tzinfo == UTC
    assert days_since(uploaded.timestamp()) == 365


@pytest.mark.parametrize(("days_ago", "status"), [(352, 200), (350, 400), (0, 400)])
def test_a_release_of_then_ages(past: Sandbox, tmp_path: Path, days_ago: int, status: int) -> None:
    name = project_of(tmp_path)
    token = past.mint(past.persona())
    assert past.upload(token, wheel(tmp_path, name)).status_code == 200
    past.post("clock", {"days_ago": days_ago})
    late = wheel(tmp_path, name, tag="py3-none-win32")
    assert past.upload(token, late).status_code == status


@pytest.mark.parametrize("days", [-1, 1001, "1", True, None, [1]])
def test_times_that_are_none(shared: Sandbox, days: object) -> None:
    answer = shared.post("clock", {"days_ago": days})
    assert answer.status_code == 400
    assert answer.json()["message"] == "days_ago is a number from 0 to 1000"
