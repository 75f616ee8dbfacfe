"""What an index checks of the project and release in an upload; ``rules.RULES`` has the order."""

from __future__ import annotations

import functools
import time
from email.message import Message

from packaging.utils import canonicalize_name

from publisher.rehearsal import names
from publisher.rehearsal.store import RaceError
from publisher.rehearsal.submission import RuleError, Upload
from publisher.rehearsal.urls import is_verified

DESCRIPTIONS = {"", "text/x-rst"}


def new_project(upload: Upload) -> None:
    """Only users make projects; a publisher that may publish anything has one, as far as it knows.

    On the real index, its pending publisher would have made it.
    """
    grant, settings = upload.grant, upload.settings
    if upload.store.project(upload.name) is not None:
        return
    if grant.publisher is not None:
        if grant.projects is not None and upload.name not in _normal(grant.projects):
            raise RuleError(400, _no_new_projects(upload.base))
        return
    if settings.new_projects == 0:
        raise RuleError(429, "Too many new projects created")
    try:
        names.check(upload.form.get("name"), upload.store, settings, upload.base)
    except names.NameRefusedError as error:
        raise RuleError(error.status, str(error)) from error


def _no_new_projects(base: str) -> str:
    text = "Non-user identities cannot create new projects. This was probably caused by "
    text += "successfully using a pending publisher but specifying the project name "
    text += "incorrectly (either in the publisher or in your project's metadata). "
    return f"{text}Please ensure that both match. See: {base}/help/"


def permission(upload: Upload) -> None:
    """The token must still be valid, for this project, and the project must take files."""
    grant, name = upload.grant, upload.form.get("name")
    if grant.expires < time.time():
        expired = ", ".join(["token is expired"] * 2)
        raise RuleError(403, f"Invalid API Token: {expired}")
    if grant.projects is not None and upload.name not in _normal(grant.projects):
        caveats = (
            f"OIDC scoped token is not valid for project {name!r}",
            f"project-scoped token is not valid for project: {name!r}",
        )
        wrong = caveats if grant.publisher is not None else caveats[1:]
        raise RuleError(403, f"Invalid API Token: {', '.join(wrong * 2)}")
    project = upload.store.project(upload.name)
    if project is not None and project.status != "active":
        who = "The given token" if grant.publisher is not None else "The user 'rehearsal'"
        text = f"{who} isn't allowed to upload to project {name!r}. "
        raise RuleError(403, f"{text}See {upload.base}/help/#project-name for more information.")


def _normal(projects: frozenset[str]) -> set[str]:
    return {canonicalize_name(project) for project in projects}


def organization(upload: Upload) -> None:
    """The organization that owns the project is in good standing."""
    project = upload.store.project(upload.name)
    if project is not None and not project.organization_active:
        text = "Organization account owning this project is inactive. This may be due to inactive "
        text += "billing for Company Organizations, or administrator intervention for Community "
        raise RuleError(400, f"{text}Organizations. Please contact support.")


def description(upload: Upload) -> None:
    """A text that the index can render. A Markdown text always can be, unless it is empty."""
    text, kind = upload.core.description or "", upload.core.description_content_type or ""
    if not text or _renders(text, _media_type(kind)):
        return
    message = "The description failed to render in the default format of reStructuredText."
    message = f"The description failed to render for {kind!r}." if kind else message
    about = f"{upload.base}/help/#description-content-type"
    raise RuleError(400, f"{message} See {about} for more information.")


def _media_type(kind: str) -> str:
    message = Message()
    message["Content-Type"] = kind
    return message.get_content_type() if kind else ""


@functools.lru_cache(maxsize=16)
def _renders(text: str, kind: str) -> bool:
    """All files of a release have the same description, which takes a while to render."""
    if kind not in DESCRIPTIONS:
        return kind != "text/markdown" or bool(text.strip())
    from readme_renderer import rst

    return rst.render(text) is not None


def urls(upload: Upload) -> None:
    """Which of the release's URLs are known to belong to the project or its publisher."""
    core = upload.core
    given = {**(core.project_urls or {}), "Homepage": core.home_page, "Download": core.download_url}
    upload.urls = {
        label: (url, is_verified(url, upload.grant.publisher, upload.name, upload.base))
        for label, url in given.items()
        if url
    }


def release(upload: Upload) -> None:
    """Two requests that make the same release at once: one of them fails, and may be repeated."""
    project = upload.store.project(upload.name)
    seconds = upload.settings.new_release_ms / 1000
    if not seconds or (project and project.known_release(upload.version)):
        return
    try:
        upload.stack.enter_context(upload.store.making(upload.name, upload.version, seconds))
    except RaceError as error:
        raise RuleError(500) from error
