"""When what happened in a run, as rows of bars: a description list with inline SVG.

Positions are percentages, so the bars fit every width and need no style of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from html import escape

from publisher.models import Attested, Run, Step
from publisher.report.text import plain, several, utc

HAIR = 0.7
"""Percent; the shortest bar that can be seen."""
WHOLE_SECONDS = (
    "Certificates and the log tell time in whole seconds; what this run signed is shown at its "
    "place within the second."
)


def timeline(run: Run) -> str:
    """The steps of a run, the life of its tokens, its certificates and log entries."""
    if not run.steps:
        return ""
    scale = _Scale(run)
    rows = [_step(step, scale) for step in run.steps]
    more = [*_tokens(run, scale), *_proofs(run, scale)]
    if more:
        more[0] = more[0].replace("<div>", '<div class="apart">', 1)
    begin = _clock(run.started)
    axis = f'<p class="axis"><span>{begin}</span><span>+{scale.seconds:.1f} s</span></p>'
    if run.attested:
        axis += f'<p class="soft small">{WHOLE_SECONDS}</p>'
    return f'<dl class="time">{"".join([*rows, *more])}</dl>{axis}'


class _Scale:
    """Seconds after the begin of a run as percentages of all of it."""

    def __init__(self, run: Run) -> None:
        self.begin = utc(run.started).timestamp()
        end = run.finished and utc(run.finished).timestamp() - self.begin
        self.seconds = max([0.1, end or 0, *(step.at + step.seconds for step in run.steps)])
        self.signed = [s for s in run.steps if s.name == "sign" and s.status == "done"]

    def at(self, seconds: float) -> float:
        return 100 * min(max(seconds / self.seconds, 0), 1)

    def moment(self, epoch: float) -> float:
        """Of a whole second; the step that may have signed in it says where in it."""
        seconds = epoch - self.begin
        for step in self.signed:
            if seconds < step.at + step.seconds and step.at < seconds + 1:
                return self.at(max(seconds, step.at))
        return self.at(seconds)


def _row(label: str, bars: str, took: str) -> str:
    svg = f'<svg aria-hidden="true"><rect class="track" y="6" width="100%" height="2"/>{bars}</svg>'
    took = f'<dd class="took">{took}</dd>'
    return f'<div><dt>{escape(plain(label))}</dt><dd class="bar">{svg}</dd>{took}</div>'


def _step(step: Step, scale: _Scale) -> str:
    if step.status == "skipped":
        return _row(step.name, "", "not needed")
    width = max(scale.at(step.seconds), HAIR)
    left = min(scale.at(step.at), 100 - width)
    look = "done" if step.status == "done" else "failed-bar"
    bar = f'<rect class="{look}" x="{left:.2f}%" width="{width:.2f}%" y="1" height="12" rx="3"/>'
    failed = "" if step.status == "done" else "failed, "
    return _row(step.name, bar, f"{failed}{_seconds(step.seconds)}")


def _tokens(run: Run, scale: _Scale) -> Iterator[str]:
    """From the end of each mint to the end of the burn that follows it."""
    doubt = any(found.code == "token-not-burned" for found in run.findings)
    minted: Step | None = None
    for step in run.steps:
        if step.name == "mint" and step.status == "done":
            minted = step
        elif step.name == "burn" and step.status != "skipped" and minted:
            begin, end = minted.at + minted.seconds, step.at + step.seconds
            left, right = scale.at(begin), scale.at(end)
            line = (
                f'<line class="alive" x1="{left:.2f}%" x2="{right:.2f}%" y1="7" y2="7"/>'
                f'<circle class="dot" cx="{left:.2f}%" cy="7" r="3.5"/>'
                f'<circle class="dot" cx="{right:.2f}%" cy="7" r="3.5"/>'
            )
            took = "may live on" if doubt else f"lived {_seconds(end - begin)}"
            yield _row("upload token", line, took)
            minted = None


def _proofs(run: Run, scale: _Scale) -> Iterator[str]:
    proofs = [one for them in run.attested.values() for one in them]
    certificates = {one.certificate.serial: one.certificate for one in proofs}
    for certificate in certificates.values():
        begin, end = map(datetime.fromisoformat, (certificate.not_before, certificate.not_after))
        left, right = (scale.moment(utc(moment).timestamp()) for moment in (begin, end))
        if right > left:  # others were signed before this run
            line = f'<line class="certified" x1="{left:.2f}%" x2="{right:.2f}%" y1="7" y2="7"/>'
            yield _row("certificate", line, f"for {(end - begin).total_seconds() / 60:.0f} min")
    if proofs:
        dots = "".join(_entry(one, scale) for one in proofs)
        yield _row("public log", dots, several(len(proofs), "entry").replace("entrys", "entries"))


def _entry(proof: Attested, scale: _Scale) -> str:
    return f'<circle class="entry" cx="{scale.moment(proof.integrated_time):.2f}%" cy="7" r="5"/>'


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s"


def _clock(moment: datetime) -> str:
    return utc(moment).strftime("%H:%M:%S UTC")
