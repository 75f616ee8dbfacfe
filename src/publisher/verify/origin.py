"""Rules U01 to U05: do a project's links lead to where it was published from? Pure.

A link is good by the index's own rule (warehouse's ``verify_url``), from the certificate's
repository. The links are each file's own, from its core metadata.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from publisher.verify import recall
from publisher.verify.model import Change, Memory, Publisher, Release, Severity
from publisher.verify.rules import RANK, change

SOURCES = {"source", "sourcecode", "code", "repository", "repo"}
"""Labels of links to a project's source, as the index reads them: letters only."""
LABELS = {
    *SOURCES,
    *("github", "gitlab", "git"),
    *("homepage", "home", "issues", "issue", "issuetracker", "tracker", "bugtracker", "bugs"),
    *("bugreports",),
}
"""... and of those to what surrounds it; a home page may be anywhere."""
FORGES = {"github": "github.com", "gitlab": "gitlab.com"}
PAGES = {"github": "github.io", "gitlab": "gitlab.io"}
NO_OWNERS = {"about", "apps", "features", "login", "marketplace", "orgs", "sponsors", "topics"}
"""First words of paths on a forge that are no account's name."""


class _Place(NamedTuple):
    """A URL in the form that RFC 3986 calls normal."""

    host: str
    path: str
    scheme: str = "https"

    def under(self, base: _Place) -> bool:
        """Whether it is that place, or below."""
        same = (self.scheme, self.host) == (base.scheme, base.host)
        return same and (self.path == base.path or self.path.startswith(f"{base.path}/"))


def verified(url: str, publisher: Publisher) -> bool:
    """Whether the index would call this link verified for a file of this publisher."""
    place = _place(url)
    if place is None or not publisher.repository:
        return False
    if any(place.under(base) for base in _pages(publisher)):
        return True
    forge = home(publisher)
    if not forge:
        return False
    path = re.sub(r"\.git$", "", place.path.removesuffix("/"))
    base = _Place(forge, f"/{publisher.repository}".casefold())
    return place._replace(path=path.casefold()).under(base)


def targets(release: Release) -> tuple[str, ...]:
    """Where a release says that its source is, each place once, in a form that compares."""
    found = {
        link
        for file in release.files
        for label, url in file.urls.items()
        if is_source(label) and (link := _target(url))
    }
    return tuple(sorted(found))


def compare(memory: Memory, release: Release) -> tuple[Change, ...]:
    """U01 to U05: what the links of a release say beside who published it, worst first.

    A remembered link is silent: that a project moved, and its links did not, is told by the rules
    of drift. So on first use, when nothing is remembered, no link is an error. Without a verified
    publisher only U04 speaks: there is nothing to hold links against.
    """
    found = {change.message: change for change in _links(memory, release)}
    links = targets(release)
    publishers = recall.publishers(release)
    known = publishers and all(recall.find(memory.identities, who) for who in publishers)
    before = tuple(sorted(memory.links))
    own = all(any(verified(link, who) for who in publishers) for link in set(links) - set(before))
    if known and before and not own:
        happened = f"its links lead to {', '.join(links)}; they led to {', '.join(before)}"
        moved = change("U05", "warning", release, happened, before=list(before), now=list(links))
        found[moved.message] = moved
    if release.files and not links:
        silent = change("U04", "note", release, "none of its links is called source or homepage")
        found[silent.message] = silent
    return tuple(sorted(found.values(), key=lambda one: (-RANK[one.severity], one.rule)))


def _links(memory: Memory, release: Release) -> Iterator[Change]:
    """U01, U02, U03: each link that is new, beside the file's publisher."""
    first = memory == Memory(memory.project)
    for file in recall.attested(release.files):
        publisher = file.publishers[0]
        for label, url in file.urls.items():
            good = any(verified(url, who) for who in file.publishers)
            if not good and is_source(label) and _target(url) not in memory.links:
                yield from _elsewhere(release, publisher, label, url, first=first)


def _elsewhere(
    release: Release, publisher: Publisher, label: str, url: str, *, first: bool
) -> Iterator[Change]:
    place, forge = _place(url), home(publisher)
    if not forge:
        return  # Google and e-mail: nothing to compare with
    facts = {"before": f"{forge}/{publisher.repository}", "now": url, "label": label}
    words = place.path.strip("/").casefold().split("/") if place else []
    owner = publisher.repository.casefold().split("/")[0]
    if place is None or place.host != forge:
        happened = f"its link {label!r} leads to {place.host if place else repr(url)}"
        yield change("U03", "note", release, happened, **facts)
    elif len(words) < 2 or words[0] in NO_OWNERS:
        if words[0] != owner:
            happened = f"its link {label!r} leads to {forge}, but to no repository"
            yield change("U03", "note", release, happened, **facts)
    else:
        borrowed = words[0] != owner
        where = f"{forge}/{'/'.join(words[:2])}, but {publisher.repository} published it"
        happened = f"its link {label!r} leads to {where}"
        severity: Severity = "error" if borrowed and not first else "warning"
        yield change("U01" if borrowed else "U02", severity, release, happened, **facts)


def is_source(label: str, among: Collection[str] = LABELS) -> bool:
    """Whether a link with this label leads to where a project lives."""
    return re.sub(r"[^a-z]", "", label.casefold()) in among


def home(publisher: Publisher) -> str:
    """The host where a publisher's repository lives; empty if it has none."""
    if publisher.kind == "gitlab" and publisher.repository:
        return urlsplit(publisher.issuer).netloc.lower() or FORGES["gitlab"]
    return FORGES.get(publisher.kind, "") if publisher.repository else ""


def _pages(publisher: Publisher) -> Iterator[_Place]:
    """GitHub's and GitLab's pages of a repository, which the index takes for its own."""
    if publisher.kind not in PAGES:
        return
    owner, _, rest = publisher.repository.partition("/")
    host = f"{owner.lower()}.{PAGES[publisher.kind]}"
    if publisher.kind == "gitlab" and publisher.repository.rpartition("/")[2].lower() == host:
        yield _Place(host, "")
    yield _Place(host, f"/{rest}")


def _target(url: str) -> str:
    """The repository that a link on a known forge leads to, else the whole URL."""
    place = _place(url)
    if place is None:
        return ""
    if place.host in FORGES.values():
        words = place.path.casefold().strip("/").split("/-/")[0].split("/")
        words = words[:2] if place.host == FORGES["github"] else words
        return f"https://{place.host}/{'/'.join(words)}".removesuffix(".git").rstrip("/")
    return f"{place.scheme}://{place.host}{place.path}".rstrip("/")


def _place(url: str) -> _Place | None:
    """A URL, normalized; None if it is none, or one that readers read differently."""
    if "\\" in url or "%2e" in url.lower():
        return None
    try:
        parts: SplitResult = urlsplit(url.strip())
    except ValueError:
        return None
    if parts.scheme.lower() not in {"http", "https"} or not parts.netloc:
        return None
    path = posixpath.normpath(parts.path).replace("//", "/") if parts.path else ""
    path = re.sub(r"%[0-9a-fA-F]{2}", lambda match: match[0].upper(), path)
    slash = "/" if parts.path.endswith("/") and path != "/" else ""
    return _Place(parts.netloc.lower(), path + slash, parts.scheme.lower())
