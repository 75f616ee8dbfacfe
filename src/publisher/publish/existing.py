"""Attestations that somebody put beside a dist, such as a build job its SLSA provenance.

They are used if they verify for these bytes and for the identity of this run (repository,
workflow, commit, ref), and refused otherwise: left out in silence, a release would lack what its
authors made for it.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from publisher.errors import ExistingAttestationRefused
from publisher.models import Attested, Certificate, Dist, Identity
from publisher.verify.core import Unproven, Verifier

PUBLISH, SLSA = ".publish.attestation", ".slsa.attestation"
# The verifier lets exactly one type of each end through.
ENDS = {PUBLISH: "/publish/v1", SLSA: "/provenance/v1"}
CAP = 1 << 20  # bytes
_KINDS = {stat.S_IFDIR: "it is a folder", stat.S_IFLNK: "it is a link; put the file itself there"}
_OTHER_SHAPES = {
    "mediaType": "it is a Sigstore bundle and not a PEP 740 attestation; "
    "`pypi-attestations convert` makes one of it",
    "attestation_bundles": "it is a provenance object, which holds attestations and is none",
}

Existing = Mapping[str, tuple[Attested, ...]]


def beside(dists: Iterable[Dist]) -> dict[str, tuple[Path, ...]]:
    """The attestations that lie beside these dists, by the dist's filename; only looks at names.

    Raises:
        ExistingAttestationRefused: Something beside a dist is named like an attestation of it, but
            not like one of the two kinds there are.
    """
    dists = tuple(dists)
    names = {folder: _attestations(folder) for folder in {dist.path.parent for dist in dists}}
    found: dict[str, tuple[Path, ...]] = {}
    refusals = []
    for dist in dists:
        folder = dist.path.parent
        ours = [name for name in names[folder] if name.startswith(f"{dist.filename}.")]
        for name in ours:
            if name.removeprefix(dist.filename) not in ENDS:
                accepted = " and ".join(f"{dist.filename}{suffix}" for suffix in ENDS)
                what = f"only {accepted} are known"
                refusals.append(_refused(dist, folder / name, what))
        if ours:
            found[dist.filename] = tuple(folder / name for name in ours)  # publish before slsa
    _raise(refusals)
    return found


def _attestations(folder: Path) -> list[str]:
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError as error:
        raise ExistingAttestationRefused(
            f"{folder} can't be searched for attestations: {error.strerror}",
            facts={"folder": str(folder)},
        ) from error
    return sorted(name for name in names if name.lower().endswith(".attestation"))


def load(verifier: Verifier, dists: Iterable[Dist], identity: Identity) -> Existing:
    """Read and verify what lies beside these dists.

    Returns:
        By filename, at most one attestation of each predicate, the publish attestation first;
        only files that have any.

    Raises:
        ExistingAttestationRefused: One does not hold; the fact ``also`` has the other refusals.
    """
    dists = tuple(dists)
    paths = beside(dists)
    found: dict[str, tuple[Attested, ...]] = {}
    refusals = []
    for dist in dists:
        proven = []
        for path in paths.get(dist.filename, ()):
            try:
                proven.append(_verified(verifier, dist, path, identity))
            except Unproven as error:
                refusals.append(_refused(dist, path, str(error), identity))
        if proven:
            found[dist.filename] = tuple(proven)
    _raise(refusals)
    return found


def kept(
    verifier: Verifier,
    dists: Iterable[Dist],
    identity: Identity,
    place: Callable[[Dist], Path | None],
) -> tuple[Attested, ...]:
    """What an earlier run made for these bytes and this identity, and kept in some ``place``.

    It is a hint: what does not verify is passed over, and made again.
    """
    found = []
    for dist in dists:
        if path := place(dist):
            with suppress(Unproven):
                found.append(_verified(verifier, dist, path, identity))
    return tuple(found)


def _verified(verifier: Verifier, dist: Dist, path: Path, identity: Identity) -> Attested:
    text = _read(path)
    proof = verifier.attestation(text, dist.filename, dist.sha256, identity.publisher)
    suffix = path.name.removeprefix(dist.filename)
    if not proof.predicate_type.endswith(ENDS[suffix]):
        other = next(name for name in ENDS if name != suffix)
        raise Unproven(f"what it holds belongs into {dist.filename}{other}")
    _check_commit(proof.certificate, identity.claims)
    return Attested(**vars(proof), dist=dist, json=text)


def _read(path: Path) -> str:
    """The attestation as it will be verified and sent: parsed and written anew, on one line."""
    try:
        status = path.lstat()
        kind = stat.S_IFMT(status.st_mode)
        if kind != stat.S_IFREG:  # a link could lead to any file, a pipe could hang
            raise Unproven(_KINDS.get(kind, "it is not a file"))
        with path.open("rb") as file:
            data = file.read(CAP + 1)
    except OSError as error:
        raise Unproven(f"it can't be read: {error.strerror}") from error
    if len(data) > CAP:
        raise Unproven(f"it is larger than {CAP >> 20} MiB")
    try:
        value = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Unproven("it is not text in UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise Unproven(f"it is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Unproven("it is not a JSON object")
    for key, what in _OTHER_SHAPES.items():
        if key in value:
            raise Unproven(what)
    return json.dumps(value, separators=(",", ":"))


def _check_commit(certificate: Certificate, claims: Mapping[str, object]) -> None:
    """The certificate must name this run's commit and ref, where this run's token does.

    GitLab's ``ref`` is a short name, its ``ref_path`` what the certificate has.
    """
    expected = {
        "source_repository_digest": ("commit", claims.get("sha")),
        "source_repository_ref": ("ref", claims.get("ref_path") or claims.get("ref")),
    }
    for name, (word, ours) in expected.items():
        signed = certificate.claims.get(name)
        if ours and signed != ours:
            raise Unproven(f"it was made for the {word} {signed}, and this run is for {ours}")


def missing(dists: Iterable[Dist], existing: Existing) -> tuple[Dist, ...]:
    """The dists that still need a publish attestation from this run."""
    has = {name for name, found in existing.items() if any(map(_is_publish, found))}
    return tuple(dist for dist in dists if dist.filename not in has)


def together(existing: Existing, made: Iterable[Attested]) -> dict[str, tuple[Attested, ...]]:
    """All attestations by filename, those that this run made first."""
    all_of: dict[str, tuple[Attested, ...]] = {one.dist.filename: (one,) for one in made}
    for name, found in existing.items():
        all_of[name] = (*all_of.get(name, ()), *found)
    return all_of


def end_of(attested: Attested) -> str:
    """What the name of its file ends in, after the dist's own name."""
    return next(end for end, kind in ENDS.items() if attested.predicate_type.endswith(kind))


def _is_publish(attested: Attested) -> bool:
    return end_of(attested) == PUBLISH


def _refused(
    dist: Dist, path: Path, reason: str, identity: Identity | None = None
) -> ExistingAttestationRefused:
    facts: dict[str, object] = {"file": dist.filename, "attestation": str(path), "reason": reason}
    if identity:
        facts["publisher"] = dict(identity.publisher)
    return ExistingAttestationRefused(
        f"{path}, an attestation beside {dist.filename}, can't be used: {reason}",
        facts=facts,
        hint=f"Nothing was signed or uploaded. Either remove {path.name}; this run makes a "
        "publish attestation of its own. Or make it in this very run: from these bytes, in the "
        "workflow that publishes, for the same commit and ref.",
    )


def _raise(refusals: Sequence[ExistingAttestationRefused]) -> None:
    if refusals:
        first, *rest = refusals
        if rest:
            first.facts = {**first.facts, "also": [error.message for error in rest]}
        raise first
