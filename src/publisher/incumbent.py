"""What became of those inputs of gh-action-pypi-publish that are no options here. A leaf.

Its other inputs are options of the same name, so that a new ``uses:`` line is the whole move.
"""

from __future__ import annotations

from collections.abc import Mapping

REPLACED: Mapping[str, str] = {
    "PUBLISHER_VERIFY_METADATA": "metadata is always checked, before anything is signed",
    "PUBLISHER_PRINT_HASH": "SHA-256 digests are always shown, and stand in full in the report",
}
"""The variables of these inputs, and what is done in their place."""


def replaced(env: Mapping[str, str]) -> dict[str, str]:
    """Those that are set, and what is done in their place."""
    return {name: instead for name, instead in REPLACED.items() if env.get(name, "").strip()}
