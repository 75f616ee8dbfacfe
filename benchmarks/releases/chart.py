"""Results as a chart: bars per case, one per way; readable on light and on dark pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

CASES = {
    "project-250ms": "sdist + wheel, 250 ms per request",
    "10x250ms": "10 wheels, 250 ms",
    "60x50ms": "60 wheels, 50 ms",
    "60x250ms": "60 wheels, 250 ms",
    "200x250ms": "200 wheels, 250 ms",
    "60-slow-services": "60 wheels, services on a bad day",
    "1GB-http": "one wheel of 1 GB, no latency",
}
"""Those that are drawn, if they were measured."""
WAYS = {"ours": "publisher", "incumbent": "twine + signing loop", "uv": "uv + signing loop"}
LEFT, WIDTH, RIGHT, BAR, GAP, TOP = 250, 420, 70, 13, 16, 56
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.small { font-size: 11px }
.ours { fill: #0969da } .incumbent { fill: #a0a7b0 } .uv { fill: #c9a227 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .ours { fill: #58a6ff } .incumbent { fill: #7d8590 } .uv { fill: #d8b13a }
}
"""


def chart(results: Sequence[dict[str, Any]]) -> str:
    """An SVG; bars of one case share a scale of their own, since seconds differ a lot."""
    measured = {result["case"]: result for result in results}
    drawn = [name for name in CASES if measured.get(name, {}).get("peers_s")]
    parts, y = [_legend()], TOP
    for name in drawn:
        seconds = {"ours": measured[name]["ours_s"], **measured[name]["peers_s"]}
        parts.append(_group(CASES[name], seconds, y))
        y += len(seconds) * BAR + GAP
    title = "Seconds to publish a release with attestations; shorter is better"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + RIGHT}" height="{y}" '
            f'role="img" aria-label="{title}">',
            f"<style>{STYLE}</style>",
            f'<text x="0" y="16">{title}</text>',
            *parts,
            "</svg>\n",
        ]
    )


def _legend() -> str:
    parts, x = [], 0
    for way, label in WAYS.items():
        parts.append(f'<rect class="{way}" x="{x}" y="29" width="11" height="11"/>')
        parts.append(f'<text class="small" x="{x + 16}" y="39">{label}</text>')
        x += 34 + 6 * len(label)
    return "\n".join(parts)


def _group(label: str, seconds: Mapping[str, float], top: int) -> str:
    """The bars of one case: the longest takes all the width."""
    scale, middle = WIDTH / max(seconds.values()), top + len(seconds) * BAR / 2
    parts = [f'<text x="{LEFT - 10}" y="{middle + 4}" text-anchor="end">{label}</text>']
    for number, (way, value) in enumerate(seconds.items()):
        y, length = top + number * BAR, max(1.0, value * scale)
        parts.append(
            f'<rect class="{way}" x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR - 2}"/>'
            f'<text class="small" x="{LEFT + length + 5:.1f}" y="{y + 10}">{value:.1f} s</text>'
        )
    return "\n".join(parts)
