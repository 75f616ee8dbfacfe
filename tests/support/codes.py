"""Every error that there is."""

from __future__ import annotations

from publisher.errors import PublisherError


def all_errors(base: type[PublisherError] = PublisherError) -> dict[str, type[PublisherError]]:
    """Every cause by its code: the classes that no other class derives from."""
    families = base.__subclasses__()
    if not families:
        return {base.code: base}
    return {code: cls for family in families for code, cls in all_errors(family).items()}
