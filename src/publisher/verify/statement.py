"""What a verified attestation states (in-toto): about which file, and in which sense."""

from __future__ import annotations

import json

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"


class Unproven(Exception):
    """The evidence does not prove what it should; the text says why."""


def check(payload: bytes, filename: str, sha256: str) -> str:
    """Check subject, name, digest and predicate; return the predicate type.

    Raises:
        Unproven: It states something else.
    """
    from pypi_attestations import AttestationType

    statement = json.loads(payload)
    if statement.get("_type") != STATEMENT_TYPE:
        raise Unproven(f"it is no in-toto v1 statement: {statement.get('_type')!r}")
    subjects = statement.get("subject") or []
    if len(subjects) != 1:
        raise Unproven(f"the statement has {len(subjects)} subjects, not one")
    name, digest = subjects[0].get("name") or "", subjects[0].get("digest", {}).get("sha256")
    if digest != sha256:
        raise Unproven(f"it is about other content: sha256 {digest}, expected {sha256}")
    if _parsed(name) != _parsed(filename):
        raise Unproven(f"it is about {name!r}, not {filename!r}")
    kind = statement.get("predicateType")
    if kind not in {known.value for known in AttestationType}:
        raise Unproven(f"its predicate type {kind!r} is not known")
    if kind == AttestationType.PYPI_PUBLISH_V1 and statement.get("predicate") not in (None, {}):
        raise Unproven("a publish attestation has no predicate, this one has")
    return str(kind)


def _parsed(filename: str) -> object:
    """A distribution's filename as packaging understands it; ASCII only."""
    from packaging.utils import parse_sdist_filename, parse_wheel_filename

    try:
        if not filename.isascii():
            raise ValueError("not ASCII")
        if filename.endswith(".whl"):
            return parse_wheel_filename(filename)
        return filename.endswith(".zip"), parse_sdist_filename(filename)
    except ValueError as error:
        raise Unproven(f"{filename!r} is not a distribution's name") from error
