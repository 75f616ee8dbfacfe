"""Whatever a command line, an environment and a pyproject.toml say: options, or why not."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.errors import UsageError
from publisher.options import Options, rows
from publisher.settings import report_path, resolve
from support.strange import JSON, NUMBERS, WORDS

ROWS = [row for row in rows() if row.variable]
NAMES = st.sampled_from([row.name for row in ROWS])
FLAGS = st.sampled_from([row.flag for row in rows()])
ARGUMENTS = st.lists(
    st.sampled_from(["publish", "doctor", "build", "attest", "sandbox", "--", "-", "-v", "pubish"])
    | FLAGS
    | st.builds("{}={}".format, FLAGS, WORDS)
    | WORDS,
    max_size=6,
)
VARIABLES = st.dictionaries(
    st.sampled_from([str(row.variable) for row in ROWS]) | WORDS.map("PUBLISHER_{}".format),
    WORDS | st.sampled_from(["true", "1", "9" * 5000]),
    max_size=4,
)
HUGE = f"0x{'f' * 5000}"  # TOML reads it, but Python does not write it as a decimal
# JSON's texts and numbers are TOML's too; null is not, and what TOML can't read is refused.
VALUES = (
    st.sampled_from([HUGE, f"[{HUGE}]", "1979-05-27", "inf", "{a.b = 1}", "[" * 2000, "true", "1"])
    | NUMBERS.map(json.dumps)
    | JSON.map(json.dumps)
)
KEYS = NAMES | st.builds("{}.{}".format, NAMES, st.just(".".join("a" * 2000)))
LINES = st.builds("{} = {}\n".format, KEYS, VALUES)
DOCUMENTS = st.lists(LINES, max_size=2).map(lambda lines: f"[tool.publisher]\n{''.join(lines)}")


@given(ARGUMENTS, VARIABLES, DOCUMENTS | WORDS)
def test_options_or_a_usage_error(
    tmp_path: Path, argv: list[str], env: dict[str, str], document: str
) -> None:
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_bytes(document.encode("utf-8", "surrogatepass"))
    with suppress(UsageError):
        resolve(argv, env, pyproject)
    report_path(argv, env)


@given(st.sampled_from([row.name for row in ROWS if row.decisive]), VALUES)
def test_no_checkout_decides_what_is_trusted(tmp_path: Path, name: str, value: str) -> None:
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text(f"[tool.publisher]\n{name} = {value}\n", "utf-8")
    with pytest.raises(UsageError):
        resolve([], {}, pyproject)


@given(st.integers(1, 64), st.integers(1, 64), st.integers(1, 64), st.data())
def test_the_line_beats_the_environment_beats_the_file(
    tmp_path: Path, line: int, variable: int, key: int, data: st.DataObject
) -> None:
    given_by = data.draw(st.sets(st.sampled_from(["line", "variable", "key"])))
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text(f"[tool.publisher]\njobs = {key}\n" if "key" in given_by else "", "utf-8")
    argv = ["--jobs", str(line)] if "line" in given_by else []
    env = {"PUBLISHER_JOBS": str(variable)} if "variable" in given_by else {}
    _, options = resolve(argv, env, pyproject)
    _, default = resolve([], {}, tmp_path / "none.toml")
    assert isinstance(options, Options)
    assert isinstance(default, Options)
    places = (("line", line), ("variable", variable), ("key", key))
    assert options.jobs == next((n for place, n in places if place in given_by), default.jobs)
