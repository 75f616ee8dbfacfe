"""A widget that turns text around."""


def turn(text: str) -> str:
    """Return ``text`` from its end to its beginning."""
    return text[::-1]
