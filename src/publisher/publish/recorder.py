"""Keep the record of a run while it goes on: steps, remarks, and what became of each file."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from publisher.errors import PublisherError
from publisher.http import Http
from publisher.models import Dist, Finding, Mark, Placed, Run, Step
from publisher.publish import journal
from publisher.publish.journal import Journal
from publisher.reporter import Reporter
from publisher.world import Index

ON_ITS_WAY = "stopped while it was being sent; it may be there"
"""What a file is marked with before it is sent, should nothing follow."""


@dataclass(frozen=True)
class Recorder:
    """Tells the reporter, and writes the same into the run."""

    run: Run
    reporter: Reporter
    http: Http
    stopped: Callable[[], PublisherError | None] = lambda: None
    state: Path | None = None
    _told: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def journal(self) -> Journal:
        """The journal in ``state``; its folder is made when somebody first asks."""
        kept, problem = journal.opened(self.state)
        if problem:
            self.note(problem)
        return kept

    @contextmanager
    def step(self, name: str, doing: str) -> Iterator[None]:
        """Announce, time and record one step, whatever becomes of it.

        A signal's exception can get lost in a library; ``stopped`` still knows of it.
        """
        if name != "burn" and (stop := self.stopped()):
            raise stop
        at = (datetime.now(UTC) - self.run.started).total_seconds()
        begun, before = time.monotonic(), self.http.requests
        done = False
        try:
            with self.reporter.step(name, doing):
                yield
            done = True
        finally:
            seconds, sent = time.monotonic() - begun, self.http.requests - before
            status: Literal["done", "failed"] = "done" if done else "failed"
            self.run.steps.append(Step(name, status, seconds, sent, at))

    def skip(self, *names: str) -> None:
        """Record steps that there was no need for."""
        self.run.steps.extend(Step(name, "skipped", 0.0, 0) for name in names)

    def note(self, finding: Finding) -> None:
        """Record and tell a remark."""
        self.run.findings.append(finding)
        self.reporter.finding(finding)

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """Around what is kept for a later run: without it the run goes on, and says so once."""
        try:
            yield
        except OSError as error:
            if self._told.acquire(blocking=False):
                self.note(journal.missing(self.journal.folder, error))

    def tell(self, event: str, **facts: object) -> None:
        """Write a line into the journal, if that can be done."""
        with self.keeping():
            self.journal.write(event, **facts)

    def begin(self, index: str, dist: Dist, *, there: bool) -> None:
        """Record what the plan says of a file on an index."""
        placed = self.run.placed.setdefault(index, {})
        placed[dist.filename] = Placed("already-there" if there else "not-tried")

    def marker(self, index: Index) -> Mark:
        """The callable that records what becomes of the files of one index."""
        placed = self.run.placed[index.name]

        def mark(dist: Dist, **changes: Any) -> None:
            status, error = changes.get("status"), changes.get("error")
            if status:
                event = "uploading" if error == ON_ITS_WAY else status
                about = {"index": index.upload_url, "file": dist.filename, "sha256": dist.sha256}
                said = {"error": error} if event == "failed" else {}
                self.tell(event, **about, **said)
            placed[dist.filename] = replace(placed[dist.filename], **changes)

        return mark
