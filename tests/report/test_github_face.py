"""Orders to GitHub's runner: masks, annotations, outputs, the job's summary."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from publisher.errors import CannotWrite
from publisher.models import Finding, Secret
from publisher.report import faces, github
from publisher.report.github import GitHub
from publisher.report.gitlab import GitLab
from support import sample_run
from support.hostile import TEXTS

COMMAND = re.compile(r"::([a-z-]+)(?: ([^:]*))?::(.*)")
DOCUMENT = Path(__file__).parents[2] / "docs" / "outputs.md"
LINKS = ["https://index.example/project/widget/1.4.0/"]


def obeyed(line: str) -> tuple[str, dict[str, str], str]:
    """What the runner makes of a line: command, properties, data.

    https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
    """
    found = COMMAND.fullmatch(line)
    assert found, line
    properties = dict(part.split("=", 1) for part in (found[2] or "").split(",") if part)
    return found[1], {k: decoded(v) for k, v in properties.items()}, decoded(found[3])


def decoded(text: str) -> str:
    for code, char in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(code, char)
    return text


def stored(text: str) -> dict[str, str]:
    """What the runner makes of the file behind ``$GITHUB_OUTPUT``."""
    values, lines = {}, iter(text.split("\n"))
    for line in lines:
        if line:
            name, end = line.split("<<")
            values[name] = "\n".join(iter(lines.__next__, end))
    return values


def test_which_face() -> None:
    assert isinstance(faces.for_env({"GITHUB_ACTIONS": "true"}), GitHub)
    assert isinstance(faces.for_env({"GITLAB_CI": "true"}), GitLab)
    for env in ({}, {"GITHUB_ACTIONS": "false"}, {"CI": "true"}):
        assert isinstance(faces.for_env(env), faces.Nobody)


# Masks


def test_a_secret_is_masked_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    GitHub({}).mask(Secret("pypi-AgE%0A"))
    out, err = capsys.readouterr()
    assert (out, err) == ("", "::add-mask::pypi-AgE%250A\n")
    assert obeyed(err.rstrip()) == ("add-mask", {}, "pypi-AgE%0A")


def test_every_line_of_a_secret_is_masked() -> None:
    lines = list(github.masks(Secret("line\r\n\n  \n }\nlong line\n::stop-commands::x")))
    assert [obeyed(line) for line in lines] == [
        ("add-mask", {}, "line"),
        ("add-mask", {}, "long line"),
        ("add-mask", {}, "::stop-commands::x"),
    ]


def test_no_secret_is_written_into_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log.txt"
    with path.open("w") as log:
        monkeypatch.setattr(sys, "stderr", log)
        GitHub({}).mask(Secret("hunter2"))
    assert path.read_text() == ""


def test_without_a_stream_nothing_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    GitHub({}).mask(Secret("hunter2"))


@pytest.mark.parametrize("face", [GitLab(), faces.Nobody()])
def test_others_can_not_mask(face: faces.Face, capsys: pytest.CaptureFixture[str]) -> None:
    face.mask(Secret("hunter2"))
    assert capsys.readouterr() == ("", "")


# Annotations


def test_annotations_of_a_failure() -> None:
    run = sample_run.failed()
    run.findings.append(Finding("not-visible-yet", "warning", "Later: 100%, or so."))
    assert [obeyed(line) for line in github.commands(run)] == [
        (
            "error",
            {"title": "upload-refused"},
            "The index refused a file.\nAsk.\n"
            "The step 'upload' failed (exit code 7). pypi has 1 of 2 files.",
        ),
        ("warning", {"title": "not-visible-yet"}, "Later: 100%, or so."),
    ]


def test_the_notice_of_a_release() -> None:
    (line,) = github.commands(sample_run.done())
    assert obeyed(line) == (
        "notice",
        {"title": "widget 1.4.0"},
        "Published widget 1.4.0 on pypi.",
    )


@pytest.mark.parametrize("text", [*TEXTS, "x\n::error::y", "x\r::error::y", "a::b,c=d%0A"])
def test_an_annotation_stays_one_line(text: str) -> None:
    run = sample_run.failed()
    run.findings = [Finding(text, "error", text, hint=text)]
    (line,) = github.commands(run)
    command, properties, data = obeyed(line)
    assert (command, list(properties)) == ("error", ["title"])
    assert line.isprintable()
    assert data.count("\n") >= 2


# Outputs


def test_the_outputs() -> None:
    values = stored(github.outputs(sample_run.done(), LINKS, Path("r.json")))
    assert json.loads(values.pop("attestations")) == [
        {
            "filename": "widget-1.4.0-py3-none-any.whl",
            "sha256": "a" * 64,
            "predicate_type": "https://predicate.example/publish/v1",
            "log_index": 123456789,
        }
    ]
    assert values == {
        "report": str(Path.cwd() / "r.json"),
        "projects": "widget",
        "version": "1.4.0",
        "urls": LINKS[0],
        "sha256sums": f"{'a' * 64}  widget-1.4.0-py3-none-any.whl\n{'b' * 64}  widget-1.4.0.tar.gz",
    }


def test_the_document_lists_the_outputs() -> None:
    names = list(stored(github.outputs(sample_run.done(), LINKS, None)))
    assert re.findall(r"(?m)^\| `([a-z]\w+)` \|", DOCUMENT.read_text("utf-8")) == names


def test_outputs_of_nothing_are_empty() -> None:
    values = stored(github.outputs(sample_run.interrupted(), [], None))
    assert values.pop("attestations") == "[]"
    assert set(values.values()) == {""}


def test_two_versions_are_no_version() -> None:
    run = sample_run.done()
    run.dists = (run.dists[0], sample_run.dist("gadget-2.0.tar.gz", 1, "c"))
    values = stored(github.outputs(run, [], None))
    assert (values["projects"], values["version"]) == ("widget gadget", "")


def test_no_value_can_set_another_output() -> None:
    evil = ["https://index.example/\nreport<<EOF\nevil\nEOF"]
    first, second = (github.outputs(sample_run.done(), evil, None) for _ in range(2))
    assert stored(first)["report"] == ""
    assert stored(first)["urls"] == "https://index.example/ report<<EOF evil EOF"
    ends = [re.findall(r"(?m)^\w+<<(\w{32})$", text) for text in (first, second)]
    assert len({*ends[0], *ends[1]}) == 12, "each delimiter is a new one"


# Files


def test_what_is_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output, summary = tmp_path / "output", tmp_path / "summary"
    output.write_text("earlier=1\n")
    face = GitHub({"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)})
    face.leave(sample_run.done(), LINKS, None)
    assert output.read_text().startswith("earlier=1\nreport<<")
    assert summary.read_text().startswith("## Published widget 1.4.0 on pypi.\n")
    out, err = capsys.readouterr()
    assert out == "", "standard output may be the report's"
    assert err.startswith("::notice title=widget 1.4.0::")


def test_a_runner_without_files(capsys: pytest.CaptureFixture[str]) -> None:
    GitHub({}).leave(sample_run.failed(), [], None)
    assert capsys.readouterr().err.startswith("::error title=upload-refused::")


def test_the_summary_keeps_to_what_is_left_of_a_mebibyte(tmp_path: Path) -> None:
    summary = tmp_path / "summary"
    summary.write_bytes(b" " * (github.SUMMARY_CAP - 400))
    GitHub({"GITHUB_STEP_SUMMARY": str(summary)}).leave(sample_run.done(), LINKS, None)
    assert github.SUMMARY_CAP - 400 < summary.stat().st_size <= github.SUMMARY_CAP
    assert "There is no room for the rest here" in summary.read_text()


@pytest.mark.parametrize("name", ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"])
def test_a_place_that_can_not_be_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(CannotWrite) as caught:
        GitHub({name: str(tmp_path)}).leave(sample_run.done(), LINKS, None)
    assert caught.value.facts == {"path": str(tmp_path)}
