"""Content negotiation by the ``Accept`` header (RFC 9110, section 12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence


def preferred(accept: str | None, offers: Sequence[str]) -> str | None:
    """The offer a client likes best, or ``None`` if it takes none; the first offer wins a tie."""
    if not accept:
        return offers[0]
    wishes = [_wish(part) for part in accept.split(",")]
    ranked = [(_quality(offer, wishes), -place, offer) for place, offer in enumerate(offers)]
    quality, _, best = max(ranked)
    return best if quality > 0 else None


def _wish(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip() for piece in part.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return name.lower(), float(parameter[2:])
            except ValueError:
                return name.lower(), 0.0
    return name.lower(), 1.0


def _quality(offer: str, wishes: Sequence[tuple[str, float]]) -> float:
    for name in (offer, f"{offer.partition('/')[0]}/*", "*/*"):
        found = [quality for wish, quality in wishes if wish == name]
        if found:
            return max(found)
    return 0.0
