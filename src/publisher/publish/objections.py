"""Why an identity would be refused later on, by the index or by Sigstore; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from publisher.errors import PrivateRepoInPublicLog, PublisherError
from publisher.models import Identity
from publisher.providers.base import Provider
from publisher.publish import refusals
from publisher.world import Index


def to_start(provider: Provider, who: Identity, allow: Collection[str]) -> Iterator[PublisherError]:
    """Why nothing should be published from this run, unless ``allow`` accepts it."""
    yield from (risk for risk in provider.risks(who.claims) if risk.code not in allow)


def to_mint(
    provider: Provider, who: Identity, indexes: Sequence[Index]
) -> Iterator[PublisherError]:
    """What the first of these indexes that we know will say, with the help that a mint gives."""
    verdict = provider.mint_verdict(who.claims)
    known = next((index for index in indexes if index.known), None)
    if known and not verdict.accepted:
        told = refusals.explain(str(verdict.code), verdict.why, known.name, who)
        helped = replace(verdict, hint=verdict.hint or told.hint)
        yield helped.error(register=dict(who.register), **told.facts)


def to_attest(
    provider: Provider, who: Identity, allow: Collection[str], *, public: bool
) -> Iterator[PublisherError]:
    """What Sigstore, and then the index's policy, will say; and what can't be taken back.

    A private repository's name goes into a ``public`` log only if ``allow`` says so.
    """
    verdict = provider.attest_verdict(who.claims, public=public)
    if not verdict.accepted:
        yield verdict.error(publisher=dict(who.publisher))
        return
    private = provider.private(who.claims)
    if public and private and PrivateRepoInPublicLog.code not in allow:
        yield PrivateRepoInPublicLog(
            f"attesting writes the name {private} into a public log, for ever",
            facts={"repository": private},
            hint="If that is fine: --allow private-repo-in-public-log. If it is not: "
            "--attestations off.",
        )
