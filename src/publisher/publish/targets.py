"""How attestations are handled on each index of a run."""

from __future__ import annotations

from publisher.errors import InvalidValue
from publisher.models import AttestationMode, Target
from publisher.providers.base import Provider
from publisher.world import Index

NO_ORIGIN = "a password proves no origin; {name} takes attestations with trusted publishing only"
OTHER_ROOT = (
    "{name} verifies attestations under the root of Sigstore's public instance; with another "
    "--trust-config, none could be taken"
)


def target(
    index: Index, provider: Provider, wanted: AttestationMode | None, *, public: bool
) -> Target:
    """Whether an index gets attestations, and why.

    Args:
        index: Where files go.
        provider: Whose identity attests.
        wanted: What the user asked for, if anything.
        public: Whether the Sigstore of this run is the public instance.

    Raises:
        InvalidValue: They are required, and can't be had.
    """
    obstacle = _obstacle(index, public=public)
    if obstacle and wanted == "required":
        raise InvalidValue(
            f"--attestations required can't be had: {obstacle}",
            facts={"index": index.name},
            hint="Leave out one of the two.",
        )
    if wanted and not obstacle:
        return Target(index.name, index.upload_url, wanted, f"--attestations {wanted}")
    support = provider.supports(index.name)
    why = obstacle or (support.why if not support.attest else "")
    taken = f"{index.name} takes attestations from {provider.name}"
    return Target(index.name, index.upload_url, "off" if why else "required", why or taken)


def _obstacle(index: Index, *, public: bool) -> str:
    """What in the options stands against attestations there; empty if nothing does."""
    if index.account:
        return NO_ORIGIN.format(name=index.name)
    if index.known and not public:
        return OTHER_ROOT.format(name=index.name)
    return ""
