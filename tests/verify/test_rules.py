"""docs/drift.md and the rules: what the code can say, the page explains."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from publisher.verify.model import SEVERITIES
from publisher.verify.rules import ADVICE, TITLES, WORDS

PAGE = Path(__file__).parents[2] / "docs" / "drift.md"
TABLES = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text("utf-8").splitlines()
    if line.startswith("|")
]
ROWS = {cells[0]: cells for cells in TABLES if re.fullmatch(r"[DU]\d\d", cells[0])}
ASKS_A_FORGE = {"D17", "D23"}
"""Nobody finds these yet."""


def test_each_rule_has_a_row_a_title_and_advice() -> None:
    assert set(ROWS) == set(ADVICE) | ASKS_A_FORGE
    assert set(TITLES) == set(ADVICE)
    assert list(ROWS) == sorted(ROWS)


@pytest.mark.parametrize("rule", sorted(ADVICE))
def test_a_row_says_what_how_severe_and_what_to_do(rule: str) -> None:
    _, what, severity, *word, to_do = ROWS[rule]
    assert what
    assert to_do
    assert any(one in severity for one in SEVERITIES)
    assert word in ([], [WORDS.get(rule, "")])
