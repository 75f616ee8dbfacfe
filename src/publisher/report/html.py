"""A page about a run, in one file: to attach to a release, to keep, to print.

It loads nothing and runs nothing, and its Content-Security-Policy says so to the browser. All
text of others is escaped, and only https URLs become links.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from importlib import resources
from pathlib import Path
from string import Template

from publisher.models import Attested, Dist, Finding, Placed, Run
from publisher.report import files
from publisher.report import summary as words
from publisher.report.recipes import recipes
from publisher.report.text import fact, https, paragraphs, plain, size, telling, utc, visible
from publisher.report.timeline import timeline

CLAIMS = {
    "source_repository_uri": "source",
    "source_repository_digest": "commit",
    "source_repository_ref": "ref",
    "build_config_uri": "workflow",
    "build_trigger": "started by",
    "runner_environment": "runner",
    "deployment_environment": "environment",
    "run_invocation_uri": "run",
}
"""What a certificate says that people ask about, in their words."""
PLAYED = (
    "No. A rehearsal plays this identity, under a trust root of its own. What it can't know, such "
    "as the run, it makes up."
)
PROVES = (
    "Whoever made this release acted as the identity above: Sigstore gave it a certificate for "
    "a few minutes, for a key that existed in one run only.",
    "The attested files are these bytes. One changed bit, and verification fails.",
    "A public log has held every attestation since the time it shows. It can't be taken back "
    "or made in secret.",
)
PROVES_NOT = (
    "That the code is good, safe or reviewed.",
    "That nobody took the repository over: a workflow that was taken over attests what it is "
    "told to.",
    "How the files were built. A publish attestation names who published them; only build "
    "provenance tells more.",
)


def write(run: Run, links: Sequence[str], path: Path) -> None:
    """Write the page at once, as ``files.write`` does. Raises ``CannotWrite``."""
    files.write(page(run, links), path, "page")


def page(run: Run, links: Sequence[str] = ()) -> str:
    """The whole page; ``links`` are the pages of the releases on their indexes."""
    style = _resource("page.css")
    names = [" ".join(release) for release in words.releases(run)]
    heading = [f"{_text(name)} <span>{_text(v)}</span>" for name, v in words.releases(run)]
    mood = "rehearsal" if run.rehearsal else "good"
    return Template(_resource("page.html")).substitute(
        style=style,
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        title=_text(", ".join(names) or "A run without a release"),
        eyebrow="Rehearsal of a release" if run.rehearsal else "Release record",
        heading="<br>".join(heading) or "No release",
        mood="failed" if run.exit_code else mood,
        verdict=_text(words.last_word(run)[0]),
        numbers=_numbers(run),
        sections="\n".join(_sections(run, links)),
        started=_text(f"Made by attested-publisher, started {_when(run.started)}"),
    )


def _sections(run: Run, links: Sequence[str]) -> Iterator[str]:
    stops = [found for found in run.findings if found.severity in {"critical", "error"}]
    others = [found for found in run.findings if found not in stops]
    yield from _section("What went wrong", "".join(map(_finding, stops)))
    yield from _section("Files", _card("".join(_file(run, dist) for dist in run.dists)))
    steps = [_text(step) for step in words.next_steps(run)]
    steps += [f"See {_link(_text(url), url)}" for url in links]
    yield from _section("Next", f'<ul class="next">{_items(steps)}</ul>' if steps else "")
    yield from _section("How it went", _card(timeline(run)))
    yield from _section("Identity", _card(_who(run)))
    yield from _section("Check it yourself", _recipes(run))
    if run.attested and not run.rehearsal:
        proves = f"<div class=card><h3>It proves</h3><ul>{_items(PROVES)}</ul></div>"
        not_so = f"<div class=card><h3>It does not prove</h3><ul>{_items(PROVES_NOT)}</ul></div>"
        title = "What an attestation proves"
        yield from _section(title, f'<div class="two">{proves}{not_so}</div>')
    yield from _section("Remarks", "".join(map(_finding, others)))


def _section(title: str, body: str) -> Iterator[str]:
    if body:
        yield f"<section><h2>{title}</h2>\n{body}</section>"


def _card(body: str) -> str:
    return f'<div class="card">{body}</div>' if body else ""


def _numbers(run: Run) -> str:
    if not run.dists:
        return ""
    took = (run.finished - run.started).total_seconds() if run.finished else None
    values = {
        "Files": str(len(run.dists)),
        "Together": size(sum(dist.size for dist in run.dists)),
        "Attestations": str(sum(map(len, run.attested.values()))),
        "Index": ", ".join(target.name for target in run.targets),
        "Tag": run.tag,
        "Took": took and f"{took:.1f} s",
    }
    cells = [(name, _text(value)) for name, value in values.items() if value]
    return "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in cells)


def _file(run: Run, dist: Dist) -> str:
    places = (_place(run, t.name, words.placed(run, t.name, dist)) for t in run.targets)
    proofs = (_proof(run, one) for one in run.attested.get(dist.filename, ()))
    facts = "".join([*places, *proofs])
    return (
        f'<div class="file"><h3><code>{_text(dist.filename)}</code> '
        f"<small>{dist.kind}, {size(dist.size)}</small></h3>"
        f'<code class="digest">sha256:{_text(dist.sha256)}</code><ul>{facts}</ul></div>'
    )


def _place(run: Run, index: str, place: Placed) -> str:
    look = "tick" if place.arrival in {"verified", "not-checked"} else "late"
    if place.status not in {"uploaded", "already-there"} or place.arrival == "different":
        look = "cross"
    shown = _text(f"{index}: {words.fate(place)}")
    if place.error:
        shown += f": {_text(place.error)}"
    if not run.rehearsal:
        shown = _link(shown, place.url)
        if https(place.provenance_url):
            shown += f", {_link('provenance', place.provenance_url)}"
    return f'<li class="{look}">{shown}</li>'


def _proof(run: Run, one: Attested) -> str:
    kind = "build provenance" if "slsa" in one.predicate_type else "attestation"
    entry = _link(f"log entry {one.log_index}", words.log_url(run, one))
    time = f"<time>{_when(datetime.fromtimestamp(one.integrated_time, UTC))}</time>"
    return f'<li class="tick">{kind}: {entry}, {time}</li>'


def _who(run: Run) -> str:
    rows = [("real?", PLAYED)] if run.rehearsal and (run.identity or run.attested) else []
    if run.identity:
        rows.append(("publisher", _text(run.identity.label)))
        rows.append(("vouched for by", _text(run.identity.issuer)))
    for one in (one for them in run.attested.values() for one in them):
        san, claims = one.certificate.san, one.certificate.claims
        rows.append(("certificate", f"<code>{_text(san)}</code>"))
        for claim, label in CLAIMS.items():
            value = claims.get(claim)
            if value and value != san:
                shown = _text(value) if run.rehearsal else _link(_text(value), value)
                rows.append((label, f"<code>{shown}</code>"))
    return _list("who", dict.fromkeys(rows))


def _recipes(run: Run) -> str:
    parts = [
        f'<h3>{_text(what)}</h3><pre class="copy">{escape(visible(commands))}</pre>'
        for what, commands in recipes(run)
    ]
    if not parts:
        return ""
    return f'<p class="soft pointer">One click on a block selects all of it.</p>{"".join(parts)}'


def _finding(finding: Finding) -> str:
    told = telling(finding.facts).items()
    facts = [(_text(name), _text(fact(value, 600))) for name, value in told]
    return (
        f'<div class="card finding {finding.severity}">'
        f"<h3>{finding.severity} <code>{_text(finding.code)}</code></h3>"
        f"<p>{_text(finding.message)}</p>{_list('facts', facts)}{_hint(finding.hint)}</div>"
    )


def _hint(hint: str) -> str:
    parts = paragraphs(hint)
    return "".join(
        f"<{'pre' if code else 'p'}>{escape(part)}</{'pre' if code else 'p'}>"
        for part, code in parts
    )


def _list(kind: str, rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)
    return f'<dl class="{kind}">{cells}</dl>' if cells else ""


def _items(texts: Iterable[str]) -> str:
    return "".join(f"<li>{text}</li>" for text in texts)


def _link(label: str, url: str | None) -> str:
    """``label`` is HTML; without a URL that one may link, it stands alone."""
    target = https(url)
    return f'<a rel="noreferrer" href="{escape(target)}">{label}</a>' if target else label


def _text(foreign: str) -> str:
    return escape(plain(foreign))


def _when(moment: datetime) -> str:
    return utc(moment).strftime("%Y-%m-%d %H:%M:%S UTC")


def _resource(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")
