"""What a job of GitLab leaves for later jobs and for people."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from publisher.report.gitlab import DOTENV_CAP, GitLab, dotenv
from publisher.settings import foreign_settings, resolve
from support import sample_run
from support.hostile import TEXTS

DOCUMENT = Path(__file__).parents[2] / "docs" / "outputs.md"
LINKS = ["https://index.example/project/widget/1.4.0/"]
REPORT = Path("publisher.json")


def read(text: str) -> dict[str, str]:
    """As GitLab does: a name and a value on each line, and nothing else."""
    return dict(re.findall(r"(?m)^([A-Z_]+)=(.*)$", text))


def test_the_variables() -> None:
    assert dotenv(sample_run.done(), LINKS, REPORT) == (
        "RELEASE_REPORT=publisher.json\n"
        "RELEASE_PROJECTS=widget\n"
        "RELEASE_VERSION=1.4.0\n"
        "RELEASE_URLS=https://index.example/project/widget/1.4.0/\n"
    )


def test_the_document_lists_the_variables() -> None:
    names = list(read(dotenv(sample_run.done(), LINKS, REPORT)))
    assert re.findall(r"(?m)^\| `([A-Z]\w+)` \|", DOCUMENT.read_text("utf-8")) == names


def test_files_stand_beside_the_report(tmp_path: Path) -> None:
    GitLab().leave(sample_run.failed(), LINKS, tmp_path / "publisher.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "publisher.env",
        "publisher.summary.md",
    ]
    assert "RELEASE_VERSION=1.4.0" in (tmp_path / "publisher.env").read_text()
    assert (tmp_path / "publisher.summary.md").read_text().startswith("## The step 'upload' failed")


@pytest.mark.parametrize("report", [None, Path("publisher.env"), Path("stdout")])
def test_without_a_report_nothing_is_left(
    report: Path | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    GitLab().leave(sample_run.done(), LINKS, report)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", [*TEXTS, "$CI_JOB_TOKEN", "a$b", "x\nEVIL=1", "größe"])
def test_a_value_is_one_plain_line_or_left_out(text: str) -> None:
    made = dotenv(sample_run.done(), [f"https://index.example/{text}"], Path(text))
    values = read(made)
    assert made.count("\n") == len(values)
    assert set(values) <= {"RELEASE_REPORT", "RELEASE_PROJECTS", "RELEASE_VERSION", "RELEASE_URLS"}
    assert values["RELEASE_VERSION"] == "1.4.0"
    assert not re.search(r"[$`\\\"']", made)
    assert made.isascii()


def test_what_would_be_too_long_is_left_out() -> None:
    made = dotenv(sample_run.done(), LINKS * 200, REPORT)
    assert "RELEASE_URLS" not in made
    assert "RELEASE_VERSION=1.4.0" in made
    assert len(made) <= DOTENV_CAP


def test_a_later_publisher_does_not_take_them_for_settings() -> None:
    env = read(dotenv(sample_run.done(), LINKS, REPORT))
    resolve([], env, Path("nowhere.toml"))
    assert foreign_settings(env) == []
