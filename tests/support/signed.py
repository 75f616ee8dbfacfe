"""What several tests do with attestations that were just made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from publisher.models import Attested, Dist
from publisher.publish.attest import verify
from publisher.verify.core import Verifier


def verify_all(
    verifier: Verifier, signed: Iterable[tuple[Dist, str]], publisher: Mapping[str, str | None]
) -> tuple[Attested, ...]:
    return tuple(verify(verifier, publisher, dist, text) for dist, text in signed)
