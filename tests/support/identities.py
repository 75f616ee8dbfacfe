"""Publishers, files and releases for the tests of what is remembered."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from publisher.verify.model import Memory, Observed, Publisher, Release
from publisher.verify.remember import remember

START = datetime(2025, 1, 1, 12, tzinfo=UTC)

GITHUB = Publisher(
    kind="github",
    issuer="https://token.actions.githubusercontent.com",
    repository="octo-org/widget",
    repository_id="1",
    owner="octo-org",
    owner_id="10",
    workflow="release.yml",
    ref="tag",
    trigger="release",
    runner="github-hosted",
    environment="pypi",
    visibility="public",
)
GITLAB = Publisher(
    kind="gitlab",
    issuer="https://gitlab.com",
    repository="group/sub/widget",
    repository_id="5",
    owner="group/sub",
    owner_id="50",
    workflow=".gitlab-ci.yml",
    ref="tag",
    trigger="push",
    runner="gitlab-hosted",
)
GOOGLE = Publisher("google", "https://accounts.google.com", email="build@widget.example")


def files(version: str, *, days: float = 0, by: Publisher | None = GITHUB) -> tuple[Observed, ...]:
    """A wheel and an sdist, uploaded so many days after ``START``."""
    found = []
    uploaded = START + timedelta(days=days)
    for name in (f"widget-{version}-py3-none-any.whl", f"widget-{version}.tar.gz"):
        file = Observed("widget", version, name, _digest(name), "unattested", uploaded=uploaded)
        if by:
            file = replace(
                file,
                status="verified",
                publishers=(by,),
                statement_sha256=_digest(f"statement of {name}"),
                logged=uploaded - timedelta(minutes=1),
                run=f"https://forge.example/runs/{version}/attempts/1",
                urls={"Source": f"https://github.com/{by.repository}"},
            )
        found.append(file)
    return tuple(found)


def release(version: str, *, days: float = 0, by: Publisher | None = GITHUB) -> Release:
    """A release of widget, with both files by one publisher, or none."""
    uploaded = START + timedelta(days=days)
    return Release("widget", version, files(version, days=days, by=by), uploaded)


def history(count: int = 10, *, by: Publisher | None = GITHUB) -> list[Release]:
    """Releases 1.0, 1.1, ... a week apart."""
    return [release(f"1.{number}", days=7 * number, by=by) for number in range(count)]


def known(*, by: Publisher | None = GITHUB) -> Memory:
    """What ten releases taught."""
    return remember(None, history(by=by))


def one(release: Release, number: int = 0, **changes: Any) -> Release:
    """The release with one file changed: 0 is the wheel, 1 the sdist."""
    changed = list(release.files)
    changed[number] = replace(changed[number], **changes)
    return replace(release, files=tuple(changed))


def every(release: Release, **changes: Any) -> Release:
    """The release with all files changed."""
    return replace(release, files=tuple(replace(file, **changes) for file in release.files))


def rules(found: Iterable[Any]) -> list[tuple[str, str]]:
    """Rule and severity of each."""
    return [(change.rule, change.severity) for change in found]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
