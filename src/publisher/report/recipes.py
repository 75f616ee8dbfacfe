"""How anybody can check a release for themselves: commands to copy, for a POSIX shell."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from publisher.models import Dist, Run
from publisher.report.summary import placed
from publisher.report.text import https, plain

FORGES = {"GitHub": "https://github.com", "GitLab": "https://gitlab.com"}


def recipes(run: Run) -> Iterator[tuple[str, str]]:
    """What is checked, as a question, and the commands that answer it."""
    if run.dists:
        lines = "\n".join(sha256sums(run))
        what = "The bytes: are the files that you have those of this run?"
        yield what, f"sha256sum --check <<'END'\n{lines}\nEND"
    who = _expected(run)
    if run.rehearsal or not who:
        return
    proven = {target.name: dists for target in run.targets if (dists := _proven(run, target.name))}
    for index in ["pypi"] if "pypi" in proven else proven:
        what = f"The origin: does {index} show proof that this identity published them?"
        check = _by_name if index == "pypi" else _by_file
        commands = check(run, index, who, proven[index])
        yield what, "\n".join(["python -m pip install pypi-attestations", *commands])


def sha256sums(run: Run) -> list[str]:
    """A line for each file, as ``sha256sum`` writes and reads them."""
    return [f"{dist.sha256}  {plain(dist.filename)}" for dist in run.dists]


def _expected(run: Run) -> str:
    """The publisher as an option of ``pypi-attestations``."""
    known = run.identity.publisher if run.identity else {}
    if known.get("kind") in FORGES:
        url = f"{FORGES[str(known['kind'])]}/{known.get('repository')}"
        return f"--repository {shlex.quote(plain(url))}"
    if known.get("kind") == "Google":
        return f"--gcp-service-account {shlex.quote(plain(str(known.get('email'))))}"
    return ""


def _proven(run: Run, index: str) -> list[Dist]:
    """The files that an index shows with provenance."""
    return [dist for dist in run.dists if https(placed(run, index, dist).provenance_url)]


def _by_name(_run: Run, _index: str, who: str, dists: list[Dist]) -> Iterator[str]:
    """The tool finds the files of this one index, and their provenance, by itself."""
    names = " \\\n".join(f"    {shlex.quote(plain(dist.filename))}" for dist in dists)
    yield f"for file in \\\n{names}"
    yield f'do pypi-attestations verify pypi {who} "pypi:$file"; done'


def _by_file(run: Run, index: str, who: str, dists: list[Dist]) -> Iterator[str]:
    for dist in dists:
        place = placed(run, index, dist)
        file = shlex.quote(plain(dist.filename))
        proof = shlex.quote(f"{plain(dist.filename)}.provenance")
        yield f"curl -fsS -o {file} {shlex.quote(https(place.url))}"
        yield f"curl -fsS -o {proof} {shlex.quote(https(place.provenance_url))}"
        yield f"pypi-attestations verify pypi {who} --provenance-file {proof} {file}"
