"""What a CI must tell us. Everything special about one CI is in its own file beside this one."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar, NoReturn

from publisher import git
from publisher.errors import MintRefused, NotAttestable, PublisherError, TokenUnexpected
from publisher.models import Finding, Persona, Secret
from publisher.providers import habits
from publisher.providers.verdicts import Field, Support, Verdict

ISSUED = frozenset({"aud", "iat", "nbf", "exp", "jti"})
"""Claims that belong to one token and not to the job."""

NO_ISSUER = "unknown trusted publishing issuer"
SEVERAL_AUDIENCES = """\
The token's aud is a list. The index takes tokens for one audience, written as one string; a list
of one element is refused as well."""
UNNAMED = "If an environment is registered, the job must name it:"

Claims = Mapping[str, object]
Registered = Mapping[str, str | None]


class Provider(ABC):
    """One CI and its identity provider.

    Args:
        env: The environment of the process, read once by the command line.
        folder: Where the project is, for what a rehearsal takes from its git checkout.
        claims: Claims to play in a rehearsal, instead of the job's own.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    public_issuer: ClassVar[str]
    """``iss`` of the one instance whose tokens every index knows."""
    minted: ClassVar[tuple[str, ...]] = ()
    """Claims without which the index mints nothing, in the order in which it asks for them."""
    certified: ClassVar[tuple[str, ...]] = ()
    """Claims without which Fulcio gives no certificate."""
    form: ClassVar[Mapping[str, Field]] = {}
    """The index's form for a trusted publisher: the labels of ``register``, in their order."""
    visibility: ClassVar[tuple[str, str]] = ("", "")
    """The claims that say whether the source is public, and what it is called."""
    job: ClassVar[tuple[str, ...]] = ()
    """Where in this CI's YAML a job may name its environment, line by line."""

    def __init__(self, env: Mapping[str, str], folder: Path, claims: Claims | None = None) -> None:
        self.env, self.folder, self.claims = env, folder, claims

    @property
    def issuer(self) -> str:
        """What ``iss`` of the tokens must be."""
        return str(self.claims["iss"]) if self.claims else self.public_issuer

    @property
    def compared(self) -> Mapping[str, str]:
        """For each label of ``register``, the claim that the index compares the field with."""
        return {label: field.claim for label, field in self.form.items()}

    # Where we are

    @classmethod
    @abstractmethod
    def detects(cls, env: Mapping[str, str]) -> bool:
        """Whether this CI is around us. Cheap: nothing is asked over a network."""

    @classmethod
    def issues(cls, claims: Claims) -> bool:
        """Whether claims like these come from this provider, or from an instance of it."""
        return claims.get("iss") == cls.public_issuer

    @abstractmethod
    def preflight(self) -> None:
        """Raise, before any request, if this job can't get or use an identity."""

    def held(self) -> Mapping[str, Secret] | None:
        """ID tokens that the job was given at its start, by variable, the first to use first.

        ``None`` where tokens are asked for, one by one.
        """
        return None

    # What claims mean

    @abstractmethod
    def publisher(self, claims: Claims) -> Mapping[str, str | None]:
        """The PEP 740 publisher object that these claims prove."""

    @abstractmethod
    def register(self, claims: Claims) -> Mapping[str, str]:
        """The values to type into the index's form, by the form's own labels."""

    def guessed(self) -> Mapping[str, str]:
        """Labels of ``register`` whose values are made up without an ID token, and what is due."""
        return {}

    @abstractmethod
    def supports(self, index: str) -> Support:
        """Whether the named index mints tokens for, and takes attestations of, this CI."""

    def private(self, claims: Claims) -> str | None:
        """The name of a private repository that an attestation would make public for ever."""
        visibility, name = self.visibility
        return None if claims.get(visibility, "public") == "public" else str(claims.get(name))

    def risks(self, _claims: Claims) -> Iterator[PublisherError]:
        """Why nothing should be published from this run, although the index would take it."""
        yield from ()

    def hygiene(self, _claims: Claims) -> Iterator[Finding]:
        """Habits of this job that have cost others a release."""
        yield from habits.left_tokens(self.env)

    def warnings(self, _claims: Claims) -> tuple[str, ...]:
        """What is risky about this identity, although it will be accepted."""
        return ()

    # Verdicts before acts

    def mint_verdict(self, claims: Claims, registered: Registered | None = None) -> Verdict:
        """What the index will answer to a token with these claims. Nothing is sent.

        Args:
            claims: Of a token, or of a persona (then nothing of ``ISSUED`` is missed).
            registered: The trusted publisher; by default as ``register`` shows it. A PEP 740
                publisher object, with what else the index stores (``repository_owner_id``,
                ``sub``, ``issuer``).
        """
        if hint := self._stranger(claims):
            return Verdict(False, "invalid-payload", NO_ISSUER, hint)
        if not isinstance(claims.get("aud", ""), str):
            refusal = "malformed or invalid token"
            return Verdict(False, "invalid-token", refusal, SEVERAL_AUDIENCES)
        wanted = [name for name in self.minted if name != "jti" or "exp" in claims]
        reasons = (f"Missing claim {name!r}" for name in wanted if claims.get(name) is None)
        reason = next(reasons, None) or _first(self._mint_refusals(claims, registered))
        if reason is None:
            caveat = self._caveat(claims)
            return Verdict(True, None, f"the index gives {self._label(claims)} a token{caveat}")
        hint, cause = self._remedy(claims, reason)
        text = f"valid token, but no corresponding publisher ({reason})"
        return Verdict(False, "invalid-publisher", text, hint, cause or TokenUnexpected)

    def attest_verdict(
        self, claims: Claims, registered: Registered | None = None, *, public: bool = True
    ) -> Verdict:
        """What Sigstore, and then the index's attestation policy, will say of these claims.

        Whether the index mints for them is another question; each can refuse what the other
        takes. Arguments as for ``mint_verdict``; a Sigstore that is not the ``public`` one may know
        any issuer, but the index's policy is the same.
        """
        reason = _first(self._attest_refusals(claims, registered, public=public))
        if reason is None:
            who = self._label(claims)
            return Verdict(True, None, f"Sigstore certifies {who}, and the index's policy fits")
        hint, cause = self._remedy(claims, reason)
        return Verdict(False, None, reason, hint, cause or NotAttestable)

    def _stranger(self, claims: Claims) -> str:
        """What to tell the user whose issuer the index does not know; empty if it does."""
        known = claims.get("iss") == self.public_issuer
        return "" if known else f"The index takes tokens of {self.public_issuer} only."

    @abstractmethod
    def _mint_refusals(self, claims: Claims, registered: Registered | None) -> Iterator[str]:
        """The reasons of a known issuer's refused mint, in the index's order and words."""

    def _attest_refusals(
        self, claims: Claims, registered: Registered | None, *, public: bool
    ) -> Iterator[str]:
        issuer, known = str(claims.get("iss")), self.public_issuer
        if public and not self._certifies(issuer):
            yield f"Sigstore gives no certificate: it does not know the issuer {issuer}"
        for name in self.certified:
            if name not in claims:
                yield f"Sigstore gives no certificate: missing claim {name!r} in token"
        if issuer != known:
            yield f"Certificate's OIDCIssuerV2 does not match (got {issuer}, expected {known})"
        yield from self._policy_refusals(claims, registered or self.publisher(claims))

    def _certifies(self, issuer: str) -> bool:
        """Whether Sigstore's public instance knows this issuer."""
        return issuer == self.public_issuer

    @abstractmethod
    def _policy_refusals(self, claims: Claims, known: Registered) -> Iterator[str]:
        """Why the index's policy for ``known`` refuses the certificate of these claims."""

    def _remedy(self, _claims: Claims, _reason: str) -> tuple[str, type[PublisherError] | None]:
        """A hint, and the cause where it has a name of its own."""
        return "", None

    def _caveat(self, _claims: Claims) -> str:
        return ""

    def _label(self, claims: Claims) -> str:
        return ", ".join(v for k, v in self.publisher(claims).items() if v and k != "kind")

    def _text(self, claims: Claims, name: str) -> str:
        """A claim that must be there, and text."""
        value = claims.get(name)
        if not isinstance(value, str) or not value:
            raise TokenUnexpected(
                f"the ID token has no {name} claim",
                facts={"claims": sorted(claims)},
                hint=f"Is this an ID token of {self.title}?",
            )
        return value

    # Whom a rehearsal plays

    def persona(self) -> Persona:
        """The claims we were given, those of the job, or those of a job of this checkout."""
        claims = self.sample() if self.claims is None else self.claims
        played = {name: value for name, value in claims.items() if name not in ISSUED}
        return Persona(played, self.publisher(played))

    @abstractmethod
    def sample(self) -> Claims:
        """Claims from the job's plain variables; outside a job from the git checkout."""

    def knows_itself(self) -> bool:
        """Whether the project's name is known, and not made up for a rehearsal."""
        return self.claims is not None or self.detects(self.env) or any(self._remote)

    @cached_property
    def _remote(self) -> tuple[str, str]:
        """Host and path that the checkout's remote names, or nothing."""
        return git.remote(self.folder, env=self.env)

    def _checkout(self, forge: str, owner: str) -> str:
        """The project's path at ``forge``, or one of ``owner`` named after its folder."""
        host, path = self._remote
        if host == forge and (forge != "github.com" or path.count("/") == 1):
            return path
        folder = re.sub(r"[^A-Za-z0-9._-]+", "-", self.folder.resolve().name)
        return f"{owner}/{folder or 'project'}"

    def understudy(self) -> Provider:
        """Who plays this provider's part in a rehearsal; itself, if it can."""
        return self

    # How this CI speaks

    def tag(self) -> str | None:
        """The tag this job runs for."""
        return None

    def hint(self, error: PublisherError) -> str:
        """The next step in this CI's own words; by default what the error itself knows."""
        claims = error.facts.get("claims")
        if isinstance(error, MintRefused) and isinstance(claims, Mapping):
            more = self._mend(claims, str(error.facts["description"]))
            return "\n\n".join(filter(None, (error.hint, more)))
        return error.hint

    def _mend(self, claims: Claims, refusal: str) -> str:
        """What else may help where the index found no publisher for these claims."""
        if "no corresponding publisher" not in refusal:
            return ""
        remedy, _ = self._remedy(claims, refusal)
        unnamed = self.job and "matching claims" in refusal and not claims.get("environment")
        return remedy or (self._environment() if unnamed else "")

    def _environment(self) -> str:
        lines = [f"    {'  ' * depth}{line}" for depth, line in enumerate(self.job)]
        named = f"    {'  ' * len(lines)}environment: release    # add the registered name"
        return "\n".join((UNNAMED, "", *lines, named))


def no_number(name: str) -> NoReturn:
    """For ``json.loads``: NaN and the infinities are Python's own, and no claims."""
    raise ValueError(f"{name} is no number")


def _first(refusals: Iterator[str]) -> str | None:
    try:
        return next(refusals, None)
    except TokenUnexpected as error:
        return error.message
