"""What an index shows: simple API (PEP 503, 658, 691, 700, 792), integrity API (PEP 740), files.

A page for people says which URLs of a release are verified.
"""

from __future__ import annotations

import hashlib
import html
import json
import mimetypes
from typing import Any
from urllib.parse import quote

from packaging.utils import canonicalize_name, canonicalize_version

from publisher.rehearsal.accept import preferred
from publisher.rehearsal.conditions import Settings
from publisher.rehearsal.messages import Reply, ReplyError, Request, Route, json_reply, text_reply
from publisher.rehearsal.store import File, Project, Store

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"
INTEGRITY = "application/vnd.pypi.integrity.v1+json"
META = {"api-version": "1.4", "_last-serial": 0}


class Pages:
    """Read-only views of a store. URLs carry the host that was asked."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    def routes(self, *, integrity: bool = True) -> list[Route]:
        """Index, project pages and files; provenance where there can be any."""
        routes = [
            Route("GET", "/simple/", self._index),
            Route("GET", "/simple/([^/]+)/?", self._project),
            Route("GET", "/project/([^/]+)/([^/]+)/", self._release),
            Route("GET", r"/files/([0-9a-f]{64})/([^/]+?)(\.metadata)?", self._file),
        ]
        where = "/integrity/([^/]+)/([^/]+)/([^/]+)/provenance"
        return [*routes, Route("GET", where, self._provenance)] if integrity else routes

    def _index(self, request: Request) -> Reply:
        projects = list(self._store.projects.values())
        names = sorted(project.name for project in projects if project.status != "quarantined")
        value = {"meta": META, "projects": [{"name": name} for name in names]}
        links = [f'<a href="/simple/{name}/">{name}</a>' for name in names]
        return self._negotiate(request, value, "Simple index", links)

    def _project(self, request: Request) -> Reply:
        name = canonicalize_name(request.args[0])
        project = self._store.project(name)
        if project is None:
            return text_reply(404, "404 Not Found")
        if request.path != f"/simple/{name}/":
            return Reply(301, headers=(("Location", f"{request.base}/simple/{name}/"),))
        files = list(project.files.values()) if project.status != "quarantined" else []
        listed = [_listed(request.base, project, file) for file in files]
        value = {
            "meta": META,
            "name": name,
            "project-status": {"status": project.status},
            "alternate-locations": [],
            "versions": list(dict.fromkeys(file.version for file in files)),
            "files": listed,
        }
        links = [_anchor(file) for file in listed]
        return self._negotiate(request, value, f"Links for {name}", links)

    def _release(self, request: Request) -> Reply:
        """What a visitor is told about the origin of a release's URLs."""
        name, version = request.args
        project = self._store.project(name)
        release = project.known_release(version) if project else None
        if release is None:
            return text_reply(404, "404 Not Found")
        lines = [f"{html.escape(name)} {html.escape(release.version)}"]
        for title, wanted in (("Verified details", True), ("Unverified details", False)):
            links = [
                f"<li>{html.escape(label)}: {html.escape(url)}</li>"
                for label, (url, verified) in release.urls.items()
                if verified is wanted
            ]
            lines.append(f"<h2>{title}</h2><ul>{''.join(links)}</ul>")
        return text_reply(200, "\n".join(lines), "text/html; charset=utf-8")

    def _provenance(self, request: Request) -> Reply:
        kind = preferred(request.headers.get("Accept"), (INTEGRITY, "application/json"))
        if kind is None:
            return json_reply(406, {"message": "Request not acceptable"})
        if not self._settings.attestations:
            return json_reply(403, {"message": "Attestations temporarily disabled"})
        name, version, filename = request.args
        file = _find(self._store.project(name), filename)
        if canonicalize_version(file.version) != canonicalize_version(version):
            return text_reply(404, "404 Not Found")
        if file.provenance is None:
            return json_reply(404, {"message": f"No provenance available for {filename}"})
        headers = (("Access-Control-Allow-Origin", "*"), ("Cache-Control", "max-age=600, public"))
        return Reply(200, json.dumps(file.provenance).encode(), kind, headers)

    def _file(self, request: Request) -> Reply:
        sha256, filename, metadata = request.args
        for project in list(self._store.projects.values()):
            file = project.files.get(filename)
            if file and file.sha256 == sha256 and metadata and file.metadata is not None:
                return Reply(200, file.metadata, "application/octet-stream")
            if file and file.sha256 == sha256 and not metadata:
                kind = mimetypes.guess_type(filename)[0] or "application/octet-stream"
                return Reply(200, file.path, kind)
        return text_reply(404, "404 Not Found")

    def _negotiate(
        self, request: Request, value: dict[str, Any], title: str, links: list[str]
    ) -> Reply:
        offers = ("text/html", HTML, JSON) if self._settings.json else ("text/html",)
        kind = preferred(request.headers.get("Accept"), offers) or offers[0]
        if kind == JSON:
            return Reply(200, json.dumps(value).encode(), JSON)
        status = value.get("project-status", {}).get("status")
        lines = [
            "<!DOCTYPE html>",
            "<html>",
            '<head><meta name="pypi:repository-version" content="1.4">',
            f'<meta name="pypi:project-status" content="{status}">' if status else "",
            f"<title>{title}</title></head>",
            f"<body><h1>{title}</h1>",
            *links,
            "</body>",
            "</html>",
        ]
        return text_reply(200, "\n".join(lines), f"{kind}; charset=utf-8")


def _find(project: Project | None, filename: str) -> File:
    file = project.files.get(filename) if project else None
    if file is None:
        raise ReplyError(text_reply(404, "404 Not Found"))
    return file


def _listed(base: str, project: Project, file: File) -> dict[str, Any]:
    """A file's entry in the JSON form."""
    release = project.known_release(file.version)
    digest = hashlib.sha256(file.metadata).hexdigest() if file.metadata is not None else None
    metadata = {"sha256": digest} if digest else False
    where = f"{quote(project.name)}/{quote(file.version)}/{quote(file.filename)}/provenance"
    return {
        "filename": file.filename,
        "url": f"{base}/files/{file.sha256}/{quote(file.filename)}",
        "hashes": {"sha256": file.sha256},
        "requires-python": file.requires_python or None,
        "size": file.size,
        "upload-time": file.uploaded,
        "yanked": release.yanked if release else False,
        "core-metadata": metadata,
        "data-dist-info-metadata": metadata,
        "provenance": f"{base}/integrity/{where}" if file.provenance else None,
    }


def _anchor(file: dict[str, Any]) -> str:
    """A file's link in the HTML form."""
    metadata, yanked = file["core-metadata"], file["yanked"]
    attributes = {
        "href": f"{file['url']}#sha256={file['hashes']['sha256']}",
        "data-requires-python": file["requires-python"],
        "data-core-metadata": metadata and f"sha256={metadata['sha256']}",
        "data-dist-info-metadata": metadata and f"sha256={metadata['sha256']}",
        "data-provenance": file["provenance"],
    }
    text = " ".join(f'{k}="{html.escape(v)}"' for k, v in attributes.items() if v)
    if yanked:
        text += f' data-yanked="{html.escape(yanked if isinstance(yanked, str) else "")}"'
    return f"<a {text}>{html.escape(file['filename'])}</a><br />"
