"""What can be done to good evidence; whatever it is, none of it may pass for good.

``MUTATIONS`` change a provenance object of one file with one attestation, its filename or its
digest; ``other`` is good evidence of another project.
"""

from __future__ import annotations

import base64
import copy
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A file, by name and digest, and the provenance object that an index shows for it."""

    filename: str
    sha256: str
    body: Json

    @property
    def bundle(self) -> Json:
        value: Json = self.body["attestation_bundles"][0]
        return value

    @property
    def attestation(self) -> Json:
        value: Json = self.bundle["attestations"][0]
        return value

    @property
    def material(self) -> Json:
        value: Json = self.attestation["verification_material"]
        return value

    @property
    def entry(self) -> Json:
        value: Json = self.material["transparency_entries"][0]
        return value


def flipped(text: str) -> str:
    """Base64 of the same bytes but for one bit."""
    data = bytearray(base64.b64decode(text))
    data[len(data) // 2] ^= 1
    return base64.b64encode(data).decode()


def _set(place: Place, key: str, make: Callable[[Any], Any]) -> Mutation:
    def change(case: Case, _other: Case) -> None:
        place(case)[key] = make(place(case).get(key))

    return change


def _drop(place: Place, key: str) -> Mutation:
    def change(case: Case, _other: Case) -> None:
        del place(case)[key]

    return change


def _take(place: Place, key: str) -> Mutation:
    """What another project's evidence has there."""

    def change(case: Case, other: Case) -> None:
        place(case)[key] = place(other)[key]

    return change


def _file(**changes: Callable[[str], str]) -> Mutation:
    def change(case: Case, _other: Case) -> Case:
        values: Json = {name: make(getattr(case, name)) for name, make in changes.items()}
        return replace(case, **values)

    return change


Place = Callable[[Case], Json]
Mutation = Callable[[Case, Case], Case | None]
BODY: Place = attrgetter("body")
BUNDLE: Place = attrgetter("bundle")
MATERIAL: Place = attrgetter("material")
ENTRY: Place = attrgetter("entry")


def ENVELOPE(case: Case) -> Json:  # noqa: N802 - a place, as those above
    value: Json = case.attestation["envelope"]
    return value


def PROOF(case: Case) -> Json:  # noqa: N802 - as above
    value: Json = case.entry["inclusionProof"]
    return value


def WHO(case: Case) -> Json:  # noqa: N802 - as above
    value: Json = case.bundle["publisher"]
    return value


MUTATIONS: dict[str, Mutation] = {
    "signature flipped": _set(ENVELOPE, "signature", flipped),
    "signature of another": _take(ENVELOPE, "signature"),
    "statement flipped": _set(ENVELOPE, "statement", flipped),
    "statement of another": _take(ENVELOPE, "statement"),
    "attestation of another project": _take(BUNDLE, "attestations"),
    "bundles of another project": _take(BODY, "attestation_bundles"),
    "other bytes": _file(sha256=lambda digest: digest[::-1]),
    "digest in capitals": _file(sha256=str.upper),
    "other name": _file(filename=lambda name: f"x{name}"),
    "other version": _file(filename=lambda name: re.sub(r"-(?=\d)", "-1", name, count=1)),
    "name with a Kelvin sign": _file(filename=lambda name: f"\u212a{name[1:]}"),
    "name with an invisible sign": _file(filename=lambda name: f"{name[:2]}\u200b{name[2:]}"),
    "no bundles": _set(BODY, "attestation_bundles", lambda _: []),
    "no attestations": _set(BUNDLE, "attestations", lambda _: []),
    "attestation twice": _set(BUNDLE, "attestations", lambda them: them * 2),
    "bundle twice": _set(BODY, "attestation_bundles", lambda them: them * 2),
    "another version of the object": _set(BODY, "version", lambda _: 2),
    "no promise (SET)": _drop(ENTRY, "inclusionPromise"),
    "promise flipped": _set(
        ENTRY,
        "inclusionPromise",
        lambda it: {"signedEntryTimestamp": flipped(it["signedEntryTimestamp"])},
    ),
    "promise of another": _take(ENTRY, "inclusionPromise"),
    "no inclusion proof": _drop(ENTRY, "inclusionProof"),
    "proof of another": _take(ENTRY, "inclusionProof"),
    "no checkpoint": _drop(PROOF, "checkpoint"),
    "root hash flipped": _set(PROOF, "rootHash", flipped),
    "no log entry": _set(MATERIAL, "transparency_entries", lambda _: []),
    "log entry twice": _set(MATERIAL, "transparency_entries", lambda them: them * 2),
    "log entry of another": _take(MATERIAL, "transparency_entries"),
    "logged later": _set(ENTRY, "integratedTime", lambda at: str(int(at) + 1)),
    "logged after the certificate": _set(ENTRY, "integratedTime", lambda at: str(int(at) + 9999)),
    "entry flipped": _set(ENTRY, "canonicalizedBody", flipped),
    "certificate flipped": _set(MATERIAL, "certificate", flipped),
    "certificate of another": _take(MATERIAL, "certificate"),
    "publisher of an unknown kind": _set(WHO, "kind", lambda _: "Jenkins"),
    "publisher of another kind": _set(BUNDLE, "publisher", lambda _: {
        "kind": "GitLab", "repository": "pypa/sampleproject", "workflow_filepath": "release.yml",
    }),
    "publisher is a person": _set(BUNDLE, "publisher", lambda _: {
        "kind": "Email", "email": "me@person.example", "issuer": "https://accounts.google.com",
    }),
}  # fmt: skip
# Where the publisher is a repository's workflow
OF_GITHUB: dict[str, Mutation] = {
    "repository of another": _set(WHO, "repository", lambda name: f"{name}-evil"),
    "repository as a pattern": _set(WHO, "repository", lambda name: f"{name[:-1]}."),
    "repository's beginning": _set(WHO, "repository", lambda name: name[:-1]),
    "workflow of another": _set(WHO, "workflow", lambda name: f"x{name}"),
    "workflow as a pattern": _set(WHO, "workflow", lambda _: ".*"),
}


def mutated(case: Case, mutation: Mutation, other: Case) -> Case:
    """The evidence after that; the case itself stays as it is."""
    spoiled = replace(case, body=copy.deepcopy(case.body))
    return mutation(spoiled, other) or spoiled
