"""publisher.report/1 and publisher.doctor/1: the run as JSON, for machines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from publisher.errors import InternalError
from publisher.models import Attested, Dist, Finding, Run
from publisher.outlook import Review
from publisher.report import doctor, files
from publisher.report.summary import placed, releases
from publisher.report.text import utc

SCHEMA = "publisher.report/1"


def as_report(run: Run) -> dict[str, Any]:
    """The report of a run, as far as the run came; ``publisher.doctor/1`` of a review.

    Times are ISO 8601 in UTC, durations seconds to the millisecond. ``blake2b_256`` is null:
    files are hashed once, with SHA-256.

    Raises:
        InternalError: Something in it is no JSON value, a ``Secret`` above all.
    """
    reviewed = run.review or run.command == "doctor"
    report = doctor.as_value(run, run.review or Review()) if reviewed else _published(run)
    report["findings"] = [described(finding) for finding in run.findings]
    return {key: plain_value(value, key) for key, value in report.items()}


def _published(run: Run) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "dry_run": run.rehearsal,
        "exit_code": run.exit_code,
        "started": _time(run.started),
        "finished": _time(run.finished) if run.finished else None,
        "provider": _provider(run),
        "indexes": [
            {
                "name": target.name,
                "upload_url": target.upload_url,
                "attestations": target.attestations,
                "why": target.why,
            }
            for target in run.targets
        ],
        "releases": [
            {"project": project, "version": version, "tag": run.tag}
            for project, version in releases(run)
        ],
        "files": [_file(run, dist) for dist in run.dists],
        "steps": [
            {
                "name": step.name,
                "status": step.status,
                "seconds": round(step.seconds, 3),
                "requests": step.requests,
            }
            for step in run.steps
        ],
    }


def as_json(run: Run) -> str:
    """``as_report`` as text, in ASCII: it fits every stream."""
    text = json.dumps(as_report(run), indent=2) + "\n"
    return text.replace("##[", "#\\u0023[")  # a CI's runner takes ##[ anywhere for an order


def write(run: Run, path: Path) -> None:
    """Write the report at once: a reader sees the old file or the whole new one.

    Raises:
        CannotWrite: The file can't be written.
        InternalError: As ``as_report``.
    """
    files.write(as_json(run), path, "report")


def schema(name: str = SCHEMA) -> dict[str, Any]:
    """The JSON Schema (2020-12) of the report, or of ``publisher.doctor/1``."""
    file = resources.files(__package__).joinpath(f"{name.replace('/', '-')}.schema.json")
    text = file.read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


def _provider(run: Run) -> dict[str, object]:
    """All but the name is null when the run failed before it knew who it was."""
    name, who = run.provider, run.identity
    if who is None:
        return {"name": name, "issuer": None, "publisher": None, "register": None}
    known = {label: value for label, value in who.register.items() if label not in run.guessed}
    return {"name": name, "issuer": who.issuer, "publisher": who.publisher, "register": known}


def _file(run: Run, dist: Dist) -> dict[str, object]:
    attested = run.attested.get(dist.filename, ())
    return {
        "filename": dist.filename,
        "project": dist.project,
        "kind": dist.kind,
        "size": dist.size,
        "sha256": dist.sha256,
        "blake2b_256": None,
        "attestations": [_attestation(one) for one in attested],
        "indexes": {target.name: _place(run, target.name, dist) for target in run.targets},
    }


def _place(run: Run, index: str, dist: Dist) -> dict[str, object]:
    place = placed(run, index, dist)
    return {
        "status": place.status,
        "url": place.url,
        "provenance_url": place.provenance_url,
        "arrival": place.arrival,
        "error": place.error,
    }


def _attestation(attested: Attested) -> dict[str, object]:
    certificate = attested.certificate
    return {
        "predicate_type": attested.predicate_type,
        "log_index": attested.log_index,
        "integrated_time": _time(datetime.fromtimestamp(attested.integrated_time, UTC)),
        "certificate": {
            "san": certificate.san,
            "issuer": certificate.issuer,
            "serial": certificate.serial,
            "not_before": _time(datetime.fromisoformat(certificate.not_before)),
            "claims": certificate.claims,
        },
        "path": None,
    }


def described(finding: Finding) -> dict[str, object]:
    """A finding as every report has it."""
    return {
        "code": finding.code,
        "severity": finding.severity,
        "message": finding.message,
        "facts": finding.facts,
        "hint": finding.hint,
        "docs": finding.docs,
    }


def _time(moment: datetime) -> str:
    return utc(moment).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain_value(value: object, where: str) -> object:
    """A copy made of JSON values only; the error names the place and type, never the value."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float) and value - value == 0:  # neither infinite nor NaN
        return value
    if isinstance(value, list | tuple):
        return [plain_value(item, f"{where}[{at}]") for at, item in enumerate(value)]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: plain_value(item, f"{where}.{key}") for key, item in value.items()}
    name = type(value).__name__
    raise InternalError(f"the report's {where} is no JSON value: {name}", facts={"type": name})
