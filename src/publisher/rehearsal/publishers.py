"""Trusted publishers: which claims an index demands of each identity provider, and whom it finds.

Texts, order and comparisons are the index's own (Warehouse, ``warehouse/oidc/models``); a new
provider is one row of ``KINDS``.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from publisher.rehearsal.subjects import GITHUB, GITLAB, GOOGLE

ACTIVESTATE = "https://platform.activestate.com/api/v1/oauth/oidc"

Claims = Mapping[str, Any]


class ClaimsError(Exception):
    """Why these claims are nobody's; the text goes into ``invalid-publisher``."""


class UsedTokenError(Exception):
    """The token's ``jti`` was seen before."""


@dataclass(frozen=True)
class TrustedPublisher:
    """A registration: ``fields`` as typed into the index's form, ``projects`` or ``None``: any."""

    kind: str
    issuer: str
    fields: Mapping[str, str]
    projects: frozenset[str] | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def identity(self) -> dict[str, str | None] | None:
        """The PEP 740 publisher object, or ``None`` where the index takes no attestations."""
        names = KINDS[self.kind].identity
        if not names:
            return None
        values = {name: self.fields.get(name) or None for name in names}
        return {"kind": self.kind, **values}


Check = Callable[[TrustedPublisher, Claims], bool]


@dataclass(frozen=True)
class Kind:
    """How an index treats one provider.

    ``checked`` claims must exist and pass, ``required`` ones must exist. ``key`` gives the
    fields that a registration must have, from claims; ``choose`` picks from those that do.
    """

    label: str
    issuer: str
    form: tuple[str, ...]
    identity: tuple[str, ...]
    checked: Mapping[str, Check]
    required: tuple[str, ...]
    key: Callable[[Claims], Mapping[str, str]]
    choose: Callable[[Sequence[TrustedPublisher], Claims], TrustedPublisher | None]
    self_managed: bool = False


def register(
    publisher: Mapping[str, Any], claims: Claims, projects: Iterable[str] | None
) -> TrustedPublisher:
    """Register a PEP 740 publisher object; what it leaves out is taken from the claims.

    Raises:
        ValueError: Nobody can register a publisher of this kind.
    """
    kind = KINDS.get(str(publisher.get("kind")))
    if kind is None:
        raise ValueError(f"no trusted publisher of kind {publisher.get('kind')!r}")
    values = {name: publisher.get(name, claims.get(name)) for name in kind.form}
    if "environment" in values:
        environment = publisher.get("environment") or ""  # the claim is not the registration
        values["environment"] = environment.lower() if kind.label == "github" else environment
    if "project_path" in values:
        values["project_path"] = publisher["repository"]
    fields = {name: str(value) for name, value in values.items() if value is not None}
    wanted = None if projects is None else frozenset(projects)
    return TrustedPublisher(str(publisher["kind"]), str(claims["iss"]), fields, wanted)


def find(
    kind: Kind, registered: Iterable[TrustedPublisher], claims: Claims, *, fresh: bool
) -> TrustedPublisher:
    """The publisher that these claims prove.

    Raises:
        ClaimsError: They prove nobody; a claim is missing or wrong.
        UsedTokenError: ``jti`` is a checked claim of this provider, and it is not ``fresh``.
    """
    if claims["iss"] != kind.issuer and not kind.self_managed:
        text = f"does not match expected issuer {kind.issuer!r}"
        raise ClaimsError(f"JWT issuer {claims['iss']!r} {text}")
    for name in (*kind.checked, *kind.required):
        if claims.get(name) is None:
            raise ClaimsError(f"Missing claim {name!r}")
    key = {"issuer": claims["iss"], **kind.key(claims)}
    candidates = [one for one in registered if KINDS[one.kind] is kind and _has(one, key)]
    publisher = kind.choose(candidates, claims)
    if publisher is None:
        raise ClaimsError("Publisher with matching claims was not found")
    for name, check in kind.checked.items():
        if name == "jti" and not fresh:
            raise UsedTokenError
        if not check(publisher, claims):
            raise ClaimsError(f"Check failed for required claim {name!r}")
    return publisher


def _has(publisher: TrustedPublisher, key: Mapping[str, str]) -> bool:
    """GitLab's project paths are looked up in lower case; everything else as it is."""
    fields = {"issuer": publisher.issuer, **publisher.fields}
    folds = {"project_path": str.lower}
    return all(folds.get(k, str)(fields.get(k, "")) == folds.get(k, str)(key[k]) for k in key)


def _same(name: str) -> Check:
    return lambda publisher, claims: publisher.fields.get(name) == str(claims[name])


def _anything(_publisher: TrustedPublisher, _claims: Claims) -> bool:
    return True


def _github_key(claims: Claims) -> Mapping[str, str]:
    found = re.search(r"([^/]+\.(?:yml|yaml))(?=@)", claims["job_workflow_ref"])
    if not found:
        raise ClaimsError("Could not job extract workflow filename from OIDC claims")
    return {
        "repository": claims["repository"],
        "repository_owner_id": claims["repository_owner_id"],
        "workflow": found[0],
    }


def _github_repository(publisher: TrustedPublisher, claims: Claims) -> bool:
    return publisher.fields["repository"].lower() == str(claims["repository"]).lower()


def _github_owner(publisher: TrustedPublisher, claims: Claims) -> bool:
    return publisher.fields["repository"].partition("/")[0] == str(claims["repository_owner"])


def _github_workflow(publisher: TrustedPublisher, claims: Claims) -> bool:
    suffixes = [claims[name] for name in ("ref", "sha") if claims[name]]
    if not suffixes:
        raise ClaimsError("The ref and sha claims are empty")
    path = "{repository}/.github/workflows/{workflow}".format_map(publisher.fields)
    expected = [f"{path}@{suffix}" for suffix in suffixes]
    return _one_of("job_workflow_ref", claims["job_workflow_ref"], expected)


def _github_event(_publisher: TrustedPublisher, claims: Claims) -> bool:
    if (event := claims["event_name"]) == "pull_request_target":
        raise ClaimsError(f"Publishing from a workflow invoked via {event!r} is not supported.")
    return True


def _one_of(claim: str, value: str, expected: list[str]) -> bool:
    if value not in expected:
        text = f"The {claim} claim does not match, expecting one of {expected!r}, got {value!r}"
        raise ClaimsError(text)
    return True


def _by_environment(fold: Callable[[str], str]) -> Callable[..., TrustedPublisher | None]:
    """With the token's environment first, else the one that doesn't ask for any."""

    def choose(candidates: Sequence[TrustedPublisher], claims: Claims) -> TrustedPublisher | None:
        wishes = dict.fromkeys((fold(str(claims.get("environment") or "")), ""))
        for wish in wishes:
            for publisher in candidates:
                if publisher.fields.get("environment", "") == wish:
                    return publisher
        return None

    return choose


def _gitlab_key(claims: Claims) -> Mapping[str, str]:
    found = re.search(r"//(.+\.(?:yml|yaml))@", claims["ci_config_ref_uri"])
    if not found:
        raise ClaimsError("Could not extract workflow filename from OIDC claims")
    return {"project_path": claims["project_path"], "workflow_filepath": found[1]}


def _gitlab_sub(publisher: TrustedPublisher, claims: Claims) -> bool:
    wanted = f"project_path:{publisher.fields['project_path']}".lower()
    return ":".join(claims["sub"].split(":")[:2]).lower() == wanted


def _gitlab_config(publisher: TrustedPublisher, claims: Claims) -> bool:
    if not (claims["ref_path"] and claims["sha"]):
        raise ClaimsError("The ref_path and sha claims are empty")
    host = publisher.issuer.removeprefix("https://")
    path = f"{host}/{publisher.fields['project_path']}//{publisher.fields['workflow_filepath']}"
    expected = [f"{path}@{claims['ref_path']}", f"{path}@{claims['sha']}"]
    return _one_of("ci_config_ref_uri", claims["ci_config_ref_uri"], expected)


def _by_subject(candidates: Sequence[TrustedPublisher], claims: Claims) -> TrustedPublisher | None:
    for wish in (claims.get("sub"), ""):
        for publisher in candidates:
            if publisher.fields.get("sub", "") == wish:
                return publisher
    return None


def _first(candidates: Sequence[TrustedPublisher], _claims: Claims) -> TrustedPublisher | None:
    return next(iter(candidates), None)


def _activestate_sub(publisher: TrustedPublisher, claims: Claims) -> bool:
    wanted = "org:{organization}:project:{project}".format_map(publisher.fields)
    if not claims["sub"]:
        raise ClaimsError("Missing 'subject' claim")
    if not re.match(r"org:[^:]+:project:[^:]+", claims["sub"]):
        raise ClaimsError("Invalid 'subject' claim. Wrong format")
    if ":".join(claims["sub"].split(":")[:4]) != wanted:
        raise ClaimsError("Invalid 'subject' claim")
    return True


KINDS: dict[str, Kind] = {
    "GitHub": Kind(
        label="github",
        issuer=GITHUB,
        form=("repository", "repository_owner_id", "workflow", "environment"),
        identity=("repository", "workflow", "environment"),
        checked={
            "repository": _github_repository,
            "repository_owner": _github_owner,
            "repository_owner_id": _same("repository_owner_id"),
            "job_workflow_ref": _github_workflow,
            "jti": _anything,
            "event_name": _github_event,
        },
        required=("ref", "sha"),
        key=_github_key,
        choose=_by_environment(str.lower),
    ),
    "GitLab": Kind(
        label="gitlab",
        issuer=GITLAB,
        form=("repository", "project_path", "workflow_filepath", "environment"),
        identity=("repository", "workflow_filepath", "environment"),
        checked={
            "sub": _gitlab_sub,
            "project_path": _anything,  # the lookup compared it, in lower case
            "ci_config_ref_uri": _gitlab_config,
            "jti": _anything,
        },
        required=("ref_path", "sha"),
        key=_gitlab_key,
        choose=_by_environment(str),
        self_managed=True,
    ),
    "Google": Kind(
        label="google",
        issuer=GOOGLE,
        form=("email", "sub"),
        identity=("email",),
        checked={
            "email": _same("email"),
            "email_verified": lambda _publisher, claims: claims["email_verified"] is True,
        },
        required=(),
        key=lambda claims: {"email": claims["email"]},
        choose=_by_subject,
    ),
    "ActiveState": Kind(
        label="activestate",
        issuer=ACTIVESTATE,
        form=("organization", "project", "actor_id"),
        identity=(),
        checked={
            "sub": _activestate_sub,
            "organization": _same("organization"),
            "project": _same("project"),
            "actor_id": _same("actor_id"),
            "builder": lambda _publisher, claims: claims["builder"] == "pypi-publisher",
        },
        required=(),
        key=lambda claims: {name: claims[name] for name in ("organization", "project", "actor_id")},
        choose=_first,
    ),
}
