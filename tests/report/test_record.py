"""publisher.report/1: complete, valid, atomic, without secrets."""

from __future__ import annotations

import json
import os
import stat
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from publisher.errors import CannotWrite, InternalError
from publisher.models import Finding, Run, Secret
from publisher.report import record
from support import sample_run


def validate(report: object) -> None:
    Draft202012Validator(record.schema()).validate(report)


def test_a_whole_report() -> None:
    assert record.as_report(sample_run.done()) == {
        "schema": "publisher.report/1",
        "dry_run": False,
        "exit_code": 0,
        "started": "2026-03-01T12:00:00.123Z",
        "finished": "2026-03-01T12:00:12.123Z",
        "provider": {
            "name": "github",
            "issuer": "https://token.actions.githubusercontent.com",
            "publisher": {
                "kind": "GitHub",
                "repository": "octo-org/widget",
                "workflow": "release.yml",
                "environment": None,
            },
            "register": {"owner": "octo-org", "repository": "widget", "workflow": "release.yml"},
        },
        "indexes": [
            {
                "name": "pypi",
                "upload_url": "https://upload.example/legacy/",
                "attestations": "required",
                "why": "by default",
            }
        ],
        "releases": [{"project": "widget", "version": "1.4.0", "tag": "v1.4.0"}],
        "files": [
            {
                "filename": "widget-1.4.0-py3-none-any.whl",
                "project": "widget",
                "kind": "wheel",
                "size": 12345,
                "sha256": "a" * 64,
                "blake2b_256": None,
                "attestations": [
                    {
                        "predicate_type": "https://predicate.example/publish/v1",
                        "log_index": 123456789,
                        "integrated_time": "2026-03-01T12:00:03.000Z",
                        "certificate": {
                            "san": sample_run.SAN,
                            "issuer": "https://token.actions.githubusercontent.com",
                            "serial": "0a1b",
                            "not_before": "2026-03-01T12:00:02.000Z",
                            "claims": {
                                "source_repository_uri": "https://github.com/octo-org/widget"
                            },
                        },
                        "path": None,
                    }
                ],
                "indexes": {
                    "pypi": {
                        "status": "uploaded",
                        "url": "https://files.example/widget-1.4.0-py3-none-any.whl",
                        "provenance_url": "https://index.example/integrity/"
                        "widget-1.4.0-py3-none-any.whl",
                        "arrival": "verified",
                        "error": None,
                    }
                },
            },
            {
                "filename": "widget-1.4.0.tar.gz",
                "project": "widget",
                "kind": "sdist",
                "size": 987,
                "sha256": "b" * 64,
                "blake2b_256": None,
                "attestations": [],
                "indexes": {
                    "pypi": {
                        "status": "already-there",
                        "url": "https://files.example/widget-1.4.0.tar.gz",
                        "provenance_url": None,
                        "arrival": "verified",
                        "error": None,
                    }
                },
            },
        ],
        "steps": [
            {"name": "identity", "status": "done", "seconds": 0.312, "requests": 2},
            {"name": "upload", "status": "done", "seconds": 1.5, "requests": 1},
        ],
        "findings": [
            {
                "code": "attestations-off",
                "severity": "note",
                "message": "No.",
                "facts": {"n": 1, "deep": [{"x": None}]},
                "hint": "",
                "docs": "docs/errors.md#attestations-off",
            }
        ],
    }


def test_an_interrupted_run_has_the_same_keys() -> None:
    report = record.as_report(sample_run.interrupted())
    validate(report)
    assert list(report) == list(record.as_report(sample_run.done()))
    assert report["finished"] is None
    assert report["exit_code"] == 130
    assert report["provider"] == {
        "name": "gitlab",
        "issuer": None,
        "publisher": None,
        "register": None,
    }


def test_what_was_not_reached_is_not_tried() -> None:
    run = sample_run.changed(sample_run.done(), placed={}, attested={})
    places = [file["indexes"]["pypi"] for file in record.as_report(run)["files"]]
    assert {place["status"] for place in places} == {"not-tried"}
    assert {place["arrival"] for place in places} == {"not-checked"}


@pytest.mark.parametrize("make", [sample_run.done, sample_run.failed, sample_run.interrupted])
def test_every_ending_is_valid(make: Any) -> None:
    validate(record.as_report(make()))


def test_the_schema_is_one_and_strict() -> None:
    schema = record.schema()
    Draft202012Validator.check_schema(schema)
    report = record.as_report(sample_run.done())
    for broken in (
        {**report, "more": 1},
        {key: value for key, value in report.items() if key != "steps"},
        {**report, "started": "2026-03-01T12:00:00+02:00"},
        {**report, "files": [{**report["files"][0], "blake2b_256": "ab"}]},
        {**report, "findings": [{**report["findings"][0], "severity": "fatal"}]},
    ):
        assert not Draft202012Validator(schema).is_valid(broken)


def test_every_object_of_the_schema_is_closed() -> None:
    open_ones = []

    def walk(node: object, path: str) -> None:
        if isinstance(node, dict):
            if "properties" in node:
                assert node["required"] == list(node["properties"]), path
                if node["additionalProperties"] is not False:
                    open_ones.append(path)
            for key, value in node.items():
                walk(value, f"{path}/{key}")

    walk(record.schema(), "")
    assert open_ones == []


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Secret("hunter2"), "Secret"),
        (Path("hunter2"), "PosixPath"),
        (b"hunter2", "bytes"),
        ({1: "hunter2"}, "dict"),
        (float("nan"), "float"),
        (float("-inf"), "float"),
        ({"hunter2"}, "set"),
    ],
)
def test_what_is_no_json_value_fails_loudly(value: object, name: str) -> None:
    run = sample_run.done()
    run.findings.append(Finding("upload-refused", "error", "No.", {"server": [value]}))
    with pytest.raises(InternalError) as caught:
        record.as_report(run)
    # Path's concrete class depends on the system.
    name = type(value).__name__ if isinstance(value, Path) else name
    where = "findings[1].facts.server[0]"
    assert caught.value.message == f"the report's {where} is no JSON value: {name}"
    assert "hunter2" not in str(caught.value) + str(caught.value.facts)


def test_tuples_and_finite_floats_are_json_values() -> None:
    run = sample_run.done()
    run.findings.append(Finding("x", "note", "", {"t": (1.5, True, "a")}))
    assert record.as_report(run)["findings"][1]["facts"] == {"t": [1.5, True, "a"]}


def test_a_time_without_zone_is_utc() -> None:
    run = sample_run.changed(sample_run.done(), started=datetime(2026, 3, 1, 12))
    assert record.as_report(run)["started"] == "2026-03-01T12:00:00.000Z"


def test_write(tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.json"
    record.write(sample_run.failed(), path)
    record.write(sample_run.done(), path)
    assert json.loads(path.read_text()) == record.as_report(sample_run.done())
    assert path.read_text().endswith("}\n")
    assert list(path.parent.iterdir()) == [path]
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


def test_text_is_ascii() -> None:
    run = sample_run.changed(sample_run.done(), tag="\udcff größe")
    assert record.as_json(run).isascii()
    assert json.loads(record.as_json(run)) == record.as_report(run)


def test_a_report_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    record.write(sample_run.done(), path)
    before = path.read_text()
    run: Run = sample_run.done()
    run.findings.append(Finding("x", "note", "", {"token": Secret("hunter2")}))
    with pytest.raises(InternalError):
        record.write(run, path)
    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_draft_is_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_self: Path, _target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(CannotWrite) as caught:
        record.write(sample_run.done(), tmp_path / "report.json")
    assert caught.value.message == "the report can't be written: No space left on device"
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "report.json"):
        with pytest.raises(CannotWrite) as caught:
            record.write(sample_run.done(), path)
        assert caught.value.facts == {"path": str(path)}
        assert caught.value.exit_code == 2


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    """A checkout may hold a link that leads to a file of the user's."""
    target, link = tmp_path / "target", tmp_path / "report.json"
    target.write_text("precious")
    link.symlink_to(target)
    record.write(sample_run.done(), link)
    assert target.read_text() == "precious"
    assert not link.is_symlink()
    validate(json.loads(link.read_text()))
