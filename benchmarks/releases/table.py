"""Results as a table in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

PEERS = ("incumbent", "ratio", "uv + signing", "ratio")
HEADS = ("case", "ours", "bound", *PEERS, "peak MB", "sandbox CPU")


def table(results: Sequence[dict[str, Any]]) -> str:
    """Seconds, and how many times as long the others take; the sandbox's CPU is for ours."""
    rows = [HEADS, *map(_row, results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    lines = [_line(row, widths) for row in rows]
    rule = "|".join(["", "-" * (widths[0] + 2), *("-" * (w + 1) + ":" for w in widths[1:]), ""])
    return "\n".join([lines[0], rule, *lines[1:]])


def _row(result: dict[str, Any]) -> tuple[str, ...]:
    ours, peers = result["ours_s"], result["peers_s"]
    cells = [result["case"], _seconds(ours), _seconds(result["bound_s"])]
    for way in ("incumbent", "uv"):
        cells += [_seconds(peers.get(way)), f"{peers[way] / ours:.1f}" if way in peers else ""]
    peak = result["peak_mb"]
    cells.append("" if peak is None else f"{peak:.0f}")
    return (*cells, _seconds(result.get("sandbox_cpu_s")))


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first = row[0].ljust(widths[0])
    rest = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
    return f"| {' | '.join([first, *rest])} |"
