"""Every error that there is."""

from __future__ import annotations

from publisher.errors import PublisherError


def all_errors(base: type[PublisherError] = PublisherError) -> dict[str, type[PublisherError]]:
    """Every cause by its code: all classes but the families, which only group others."""
    found: dict[str, type[PublisherError]] = {}
    for cls in base.__subclasses__():
        family = base is PublisherError and cls.__subclasses__()
        found |= all_errors(cls) | ({} if family else {cls.code: cls})
    return found
