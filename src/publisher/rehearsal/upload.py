"""An index's legacy upload API: who sends, what is in the form, and how refusals look."""

from __future__ import annotations

import base64
import html
import time
from collections.abc import Callable
from http import HTTPStatus

from publisher.rehearsal import multipart
from publisher.rehearsal.accept import preferred
from publisher.rehearsal.messages import Reply, Request, Route, json_reply
from publisher.rehearsal.rules import RULES
from publisher.rehearsal.store import File, Grant, Store
from publisher.rehearsal.submission import RuleError, Settings, Upload

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
    403: "Access was denied to this resource.",
    410: "This resource is no longer available.  No forwarding address is given.",
}
TITLE = {status: HTTPStatus(status).phrase for status in EXPLANATION}


class Uploads:
    """Takes files. Nothing is kept of an upload that any rule refuses."""

    def __init__(self, store: Store, wait: Callable[[], None]) -> None:
        self._store = store
        self._wait = wait
        self.settings = Settings()

    def routes(self) -> list[Route]:
        """``/legacy`` without its slash redirects, as the index does."""
        return [
            Route("POST", "/legacy/", self._take, limit=BODY_LIMIT),
            Route("POST", "/legacy", self._redirect, limit=BODY_LIMIT),
        ]

    def _redirect(self, request: Request) -> Reply:
        request.body.drain()
        return Reply(308, headers=(("Location", f"{request.base}/legacy/"),))

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
        grant = self._grant(request)
        upload = Upload(form, grant, self._store, self.settings, request.base, self._wait)
        for rule in RULES:
            rule(upload)
        part = upload.content
        file = File(
            filename=part.filename,
            path=part.path,
            size=part.size,
            sha256=part.sha256,
            blake2_256=part.blake2_256,
            version=form.get("version"),
            requires_python=form.get("requires_python"),
            provenance=upload.provenance,
        )
        with self._store.lock:
            upload.refuse_known_file()  # again: another request may have been faster
            self._store.keep(upload.name, file)

    def _grant(self, request: Request) -> Grant:
        """The token's grant; its expiry is judged now that the request is here in full."""
        grant = self._store.granted(_token(request.headers.get("Authorization", "")))
        if grant is None:
            text = "Invalid or non-existent authentication information. See "
            raise RuleError(403, f"{text}{request.base}/help/#invalid-auth for more information.")
        if grant.expires < time.time():
            expired = ", ".join(["token is expired"] * 2)
            raise RuleError(403, f"Invalid API Token: {expired}")
        return grant


def _token(authorization: str) -> str:
    """The token of ``Basic __token__:TOKEN`` (RFC 7617), ``Bearer TOKEN`` or ``token TOKEN``."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() in {"bearer", "token"}:
        return value.strip()
    try:
        user, _, password = base64.b64decode(value).decode().partition(":")
    except ValueError:
        return ""
    return password if scheme.lower() == "basic" and user == "__token__" else ""


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
    return Reply(reply.status, reply.body, reply.content_type, reason=reason)
