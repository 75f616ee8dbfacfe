"""Everything that a run leaves behind when it is over."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from publisher.errors import PublisherError
from publisher.models import Run
from publisher.report import faces, html, plain, record


def behind(
    run: Run,
    links: Sequence[str],
    env: Mapping[str, str],
    *,
    shown: bool,
    report: Path | None,
    page: Path | None,
) -> Iterator[PublisherError]:
    """Write it, piece by piece; one that fails is yielded and keeps no other from being written.

    Args:
        run: What happened. Errors that are added to it while this goes on reach the CI.
        links: The pages of the releases, for people.
        env: The environment, which says what CI this is.
        shown: Whether the report goes to standard output.
        report: The file for the report.
        page: The file for the HTML page.
    """
    pieces: list[Callable[[], None]] = []
    if shown:
        pieces.append(lambda: plain.show(record.as_json(run), sys.stdout))
    if report:
        pieces.append(partial(record.write, run, report))
    if page:
        pieces.append(partial(html.write, run, links, page))
    pieces.append(partial(faces.for_env(env).leave, run, links, report))
    for piece in pieces:
        try:
            piece()
        except PublisherError as error:
            yield error
