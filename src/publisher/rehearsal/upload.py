"""An index's legacy upload API: from the request to the rules, and how refusals look."""

from __future__ import annotations

import html
from collections.abc import Callable
from contextlib import ExitStack
from http import HTTPStatus

from publisher.rehearsal import multipart
from publisher.rehearsal.accept import preferred
from publisher.rehearsal.conditions import Settings
from publisher.rehearsal.messages import Reply, Request, Route, json_reply
from publisher.rehearsal.rules import AGAIN, Rules
from publisher.rehearsal.store import File, Store
from publisher.rehearsal.submission import RuleError, Upload

BODY_LIMIT = 64 * 1024**3
PAGE = """<html>
 <head>
  <title>{status}</title>
 </head>
 <body>
  <h1>{status}</h1>
  {body}
 </body>
</html>"""
EXPLANATION = {
    200: "",
    400: "The server could not comply with the request since it is either malformed or "
    "otherwise incorrect.",
    401: "This server could not verify that you are authorized to access the document you "
    "requested.",
    403: "Access was denied to this resource.",
    409: "There was a conflict when trying to complete your request.",
    410: "This resource is no longer available.  No forwarding address is given.",
    429: "The client has sent too many requests in a given amount of time.",
    500: "The server has either erred or is incapable of performing the requested operation.",
}
TITLE = {status: HTTPStatus(status).phrase for status in EXPLANATION}


class Uploads:
    """Takes files. Nothing is kept of an upload that any rule refuses."""

    def __init__(
        self, store: Store, settings: Settings, rules: Rules, wait: Callable[[], None]
    ) -> None:
        self._store = store
        self._settings = settings
        self._rules = rules
        self._wait = wait

    def routes(self) -> list[Route]:
        """``/legacy`` without its slash redirects, as the index does."""
        return [
            Route("POST", "/legacy/", self._take, limit=BODY_LIMIT),
            Route("POST", "/legacy", self._redirect, limit=BODY_LIMIT),
        ]

    def _redirect(self, request: Request) -> Reply:
        request.body.drain()
        text = "An upload was attempted to /legacy but the expected upload URL is /legacy/ "
        text += "(with a trailing slash)"
        headers = (("Location", f"{request.base}/legacy/"),)
        return Reply(308, text.encode(), "text/plain; charset=utf-8", headers, text)

    def _take(self, request: Request) -> Reply:
        form, kept = multipart.Form(), False
        try:
            content_type = request.headers.get("Content-Type", "")
            multipart.parse(request.body, content_type, self._store.new_path, form)
            self._judge(request, form)
            kept = True
        except multipart.MultipartError as error:
            return _page(request, 400, f"Invalid form: {error}")
        except RuleError as error:
            return _page(request, error.status, error.text)
        finally:
            for name, part in form.files.items():
                if not (kept and name == "content"):
                    part.path.unlink()
        return _page(request, 200, "")

    def _judge(self, request: Request, form: multipart.Form) -> None:
        with ExitStack() as stack:
            upload = Upload(
                form,
                self._store,
                self._settings,
                request.base,
                self._wait,
                request.headers.get("Authorization", ""),
                stack,
            )
            for rule in self._rules:
                rule(upload)
            self._keep(upload)

    def _keep(self, upload: Upload) -> None:
        part = upload.content
        file = File(
            filename=part.filename,
            path=part.path,
            size=part.size,
            sha256=part.sha256,
            blake2_256=part.blake2_256,
            version=upload.version,
            requires_python=upload.form.get("requires_python"),
            provenance=upload.provenance,
            metadata=upload.core_metadata,
        )
        with self._store.lock:
            for rule in self._rules:
                if rule in AGAIN:  # another request may have been faster
                    rule(upload)
            project = self._store.project(upload.name)
            first = project is None or project.known_release(upload.version) is None
            release = self._store.keep(upload.name, file)
            for label, (url, verified) in upload.urls.items():
                # Later files of a release can't change its URLs, but verify them.
                if first or (verified and release.urls.get(label, ("",))[0] == url):
                    release.urls[label] = (url, verified)


def _page(request: Request, status: int, text: str) -> Reply:
    """The answer in the format asked for; the text is the reason phrase too (RFC 9112, 4)."""
    reason = (text or TITLE[status]).split("\n")[0]
    reason = "".join(c if c.isprintable() else " " for c in reason)
    reason = reason.encode("latin-1", "replace").decode("latin-1")
    line = f"{status} {text or TITLE[status]}"
    message = "\n\n\n".join(filter(None, (EXPLANATION[status], text)))
    kind = preferred(request.headers.get("Accept"), ("text/html", "application/json"))
    if kind == "application/json":
        reply = json_reply(status, {"message": message, "code": line, "title": TITLE[status]})
    elif kind == "text/html":
        body = html.escape(message).replace("\n\n\n", "<br/><br/>\n")
        page = PAGE.format(status=html.escape(line), body=body)
        reply = Reply(status, page.encode(), "text/html; charset=utf-8")
    else:
        reply = Reply(status, f"{line}\n\n{message}".encode(), "text/plain; charset=utf-8")
    headers = (("WWW-Authenticate", 'Basic realm="pypi"'),) if status == 401 else ()
    return Reply(reply.status, reply.body, reply.content_type, headers, reason)
