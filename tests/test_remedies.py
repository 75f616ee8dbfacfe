"""What users of each CI read: as in tests/golden, and docs/errors.md says the same."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from publisher.providers import google
from support.goldens import ACCOUNT, CASES, FOLDER, block
from support.play import running
from support.sandbox import Sandbox
from support.yaml_lines import documents, problems
from test_contract import sections

CIS = ("GitHub Actions", "GitLab CI", "Google Cloud Build")
AGAIN = "run: PYTHONPATH=tests python -m support.goldens"
YAML = re.compile(r"(?ms)^```yaml\n(.*?)^```$")
INDENTED = re.compile(r"(?m)^ {4,}(\S.*)$")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A world of this module's own, where nobody else has registered a publisher."""
    with running(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


def somebody_is_called_metadata() -> bool:
    try:
        return bool(socket.getaddrinfo("metadata", 80))
    except OSError:
        return False


@pytest.mark.parametrize("name", CASES)
def test_the_error_as_it_is_printed(name: str, sandbox: Sandbox, tmp_path: Path) -> None:
    if name == "token-request-failed.google" and somebody_is_called_metadata():
        pytest.skip("on this network a metadata server could answer")
    golden = (FOLDER / f"{name}.txt").read_text("utf-8")
    assert block(name, sandbox, tmp_path) == golden, AGAIN


def test_every_golden_file_is_compared() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{name}.txt" for name in CASES}, AGAIN


# docs/errors.md


def essential(hint: str) -> list[str]:
    """The lines that a user would copy: YAML and commands, without remarks and tables."""
    lines = (re.sub(r"\s+#.*|^#.*", "", line) for line in INDENTED.findall(hint))
    return [line for line in lines if line and "  " not in line]


def copied(section: str) -> set[str]:
    """The lines of a section's code, as ``essential`` has them."""
    lines = (line.strip().removeprefix("$ ") for line in section.splitlines())
    return {re.sub(r"\s+#.*", "", line) for line in lines}


ROLE = google.ROLE.format(account=ACCOUNT)  # for what only Google's own services answer


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        *((name.partition(".")[0], (FOLDER / f"{name}.txt").read_text("utf-8")) for name in CASES),
        ("token-request-failed", ROLE),
    ],
    ids=[*CASES, "token-request-failed.google.role"],
)
def test_the_document_says_what_the_hint_says(code: str, hint: str) -> None:
    assert [
        line for line in essential(hint) if line not in copied(sections("errors.md")[code])
    ] == []


def test_hints_have_lines_to_copy() -> None:
    assert essential(ROLE)[0] == "gcloud services enable iamcredentials.googleapis.com"
    with_lines = {name for name in CASES if essential((FOLDER / f"{name}.txt").read_text("utf-8"))}
    assert len(with_lines) > len(CASES) / 2


@pytest.mark.parametrize("code", sections("errors.md"))
def test_each_ci_has_its_part_or_none_has(code: str) -> None:
    parts = re.findall(r"(?m)^\*\*(.+?)\.\*\*", sections("errors.md")[code])
    named = [part for part in parts if part in CIS]
    assert named in ([], [*CIS]), "in this order"


BLOCKS = [
    (code, text) for code, part in sections("errors.md").items() for text in YAML.findall(part)
]


@pytest.mark.parametrize(("code", "text"), BLOCKS)
def test_yaml_can_be_read(code: str, text: str) -> None:
    assert problems(text) == []


def test_the_reader_of_yaml_sees_mistakes() -> None:
    assert problems("a:\n  b: 1\n  - c") == ["3: a list and keys side by side"]
    assert problems("a: 1\n  b: 2") == ["2: deeper, but the line before opens nothing"]
    assert problems("a:\n   b: 2") == ["2: indented by no multiple of two"]
    assert problems("a:\n\tb: 2") == ["2: a tab"]
    assert problems("a: 1\na: 2") == ["2: a again"]
    assert problems("a: [1, 2") == ["1: a bracket is open"]
    assert problems("a: b: c") == ["1: a colon in a value"]
    assert problems("plain words") == ["1: neither a key nor an item"]
    assert problems("- a: 1\n  b: [x, {c: d}]\n- a: 2\n# why\nrun: |\n  any: thing: here") == [
        "5: a list and keys side by side"
    ]
    assert len(documents("# before, here\na: 1\n\n# after\na: 2\n")) == 2
