"""What ``doctor`` found: ``publisher.doctor/1``, and the same in words."""

from __future__ import annotations

from collections.abc import Iterator

from publisher.models import Run
from publisher.outlook import Opinion, Review
from publisher.report.text import flat, several, table

SCHEMA = "publisher.doctor/1"
Line = tuple[str, str]


def as_value(run: Run, review: Review) -> dict[str, object]:
    """``publisher.doctor/1``, but for the findings; what could not be found out is null."""
    who = run.identity
    return {
        "schema": SCHEMA,
        "exit_code": run.exit_code,
        "provider": {
            "name": run.provider,
            "issuer": who.issuer if who else None,
            "publisher": dict(who.publisher) or None if who else None,
            "register": dict(who.register) or None if who else None,
            "claims": {k: v for k, v in who.claims.items() if k != "jti"} if who else None,
            "invented": review.played,
        },
        "forms": [{"index": f.index, "project": f.project, "url": f.url} for f in review.forms],
        "mint": _opinion(review.mint),
        "attest": _opinion(review.attest, code=False),
        "plan": [dict(vars(one)) for one in review.plan],
    }


def _opinion(opinion: Opinion | None, *, code: bool = True) -> dict[str, object] | None:
    if opinion is None:
        return None
    said = {"code": opinion.code} if code else {}
    return {"accepted": opinion.accepted, **said, "why": opinion.why}


def lines(run: Run) -> Iterator[Line]:
    """As whom, what to register, what would be said of it, and what would be uploaded."""
    review = run.review or Review()
    if run.identity:
        yield "", ""
        verb = "Would be" if review.played else "This is"
        who = flat(run.identity.label) or "an unknown publisher"
        if review.played and run.invented:
            yield f"Not known: as whom. {who} is invented, since no git remote names it.", "bold"
            yield "So it is not known what the index and Sigstore would say.", ""
        else:
            yield f"{verb} {who}, identified by {flat(run.identity.issuer)}.", "bold"
        if review.played and not run.invented:
            yield "No CI is around: check the names below, which are taken from the checkout.", ""
    yield from _forms(review)
    unknown = _unknown(run)
    asked = "The index, asked for an upload token once that is registered"
    yield from _said(asked, review.mint, unknown)
    yield from _said("Sigstore and the index, of an attestation", review.attest, unknown)
    if review.plan:
        yield "", ""
        rows = [["file", "index", "what will happen", ""]]
        rows += [[flat(one.filename), one.index, one.state, flat(one.why)] for one in review.plan]
        yield from table(rows)


def _forms(review: Review) -> Iterator[Line]:
    for form in review.forms:
        yield "", ""
        project = f" for {flat(form.project)}" if form.project else ""
        yield f"The trusted publisher to register on {form.index}{project}:", "bold"
        for label, value in form.fields.items():
            yield f"  {label + ':':<30}{flat(value) or '(leave empty)'}", ""
        if form.url:
            yield f"  {flat(form.url)}", ""


def _said(who: str, opinion: Opinion | None, unknown: str) -> Iterator[Line]:
    if opinion:
        verdict = "yes, " if opinion.accepted else "NO, "
        said = f"{verdict}{flat(opinion.why)}" if opinion.sure else f"{opinion.why}; {unknown}"
        yield "", ""
        yield f"{who}: {said}", "" if opinion.accepted else "red"


def _unknown(run: Run) -> str:
    """``not known: which workflow``, if that is guessed."""
    names = (f"which {label.lower().removesuffix(' name')}" for label in run.guessed)
    return f"not known: {', '.join(names)}" if run.guessed else ""


def last_word(run: Run) -> Line:
    """Whether ``publish`` would go through, as far as can be seen."""
    problems = [one for one in run.findings if one.severity in {"error", "critical"}]
    if problems:
        what = ", ".join(dict.fromkeys(one.code for one in problems))
        return f"Publishing would fail: {several(len(problems), 'problem')} ({what}).", "bold red"
    review = run.review or Review()
    if any(one.code == "nothing-here" for one in run.findings):
        return (
            "There is nothing to publish here. Nothing else is wrong, as far as can be seen.",
            "bold",
        )
    if review.played and run.invented:
        return (
            "Nothing is wrong with what is here. Not known: as whom it would be published.",
            "bold",
        )
    if unknown := _unknown(run):
        return f"Nothing here stands against publishing, as far as can be told; {unknown}.", "bold"
    if review.played:
        return "Nothing here stands against publishing, once it runs in a CI.", "bold green"
    return "Nothing stands against publishing, as far as can be seen from here.", "bold green"
