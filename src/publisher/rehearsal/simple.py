"""What an index shows: the simple API (PEP 503, 691, 700), integrity API (PEP 740), files."""

from __future__ import annotations

import html
import json
import mimetypes
from typing import Any
from urllib.parse import quote

from packaging.utils import canonicalize_name, canonicalize_version

from publisher.rehearsal.accept import preferred
from publisher.rehearsal.messages import Reply, ReplyError, Request, Route, json_reply, text_reply
from publisher.rehearsal.store import File, Project, Store

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"
LATEST = "application/vnd.pypi.simple.latest+json"
INTEGRITY = "application/vnd.pypi.integrity.v1+json"
META = {"api-version": "1.4", "_last-serial": 0}


class Pages:
    """Read-only views of a store. URLs carry the host that was asked."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        """Index, project pages, provenance and files."""
        return [
            Route("GET", "/simple/", self._index),
            Route("GET", "/simple/([^/]+)/?", self._project),
            Route("GET", "/integrity/([^/]+)/([^/]+)/([^/]+)/provenance", self._provenance),
            Route("GET", "/files/([0-9a-f]{64})/([^/]+)", self._file),
        ]

    def _index(self, request: Request) -> Reply:
        names = sorted(self._store.projects)
        value = {"meta": META, "projects": [{"name": name} for name in names]}
        links = [f'<a href="/simple/{name}/">{name}</a>' for name in names]
        return _negotiate(request, value, "Simple index", links)

    def _project(self, request: Request) -> Reply:
        name = canonicalize_name(request.args[0])
        project = self._store.project(name)
        if project is None:
            return text_reply(404, "404 Not Found")
        if request.path != f"/simple/{name}/":
            return Reply(301, headers=(("Location", f"{request.base}/simple/{name}/"),))
        files = [_listed(request.base, name, file) for file in project.files.values()]
        versions = list(dict.fromkeys(file.version for file in project.files.values()))
        value = {
            "meta": META,
            "name": name,
            "project-status": {"status": "active"},
            "alternate-locations": [],
            "versions": versions,
            "files": files,
        }
        links = [_anchor(file) for file in files]
        return _negotiate(request, value, f"Links for {name}", links)

    def _provenance(self, request: Request) -> Reply:
        kind = preferred(request.headers.get("Accept"), (INTEGRITY, "application/json"))
        if kind is None:
            return json_reply(406, {"message": "Request not acceptable"})
        name, version, filename = request.args
        file = _find(self._store.project(name), filename)
        if canonicalize_version(file.version) != canonicalize_version(version):
            return text_reply(404, "404 Not Found")
        if file.provenance is None:
            return json_reply(404, {"message": f"No provenance available for {filename}"})
        headers = (("Access-Control-Allow-Origin", "*"), ("Cache-Control", "max-age=600, public"))
        return Reply(200, json.dumps(file.provenance).encode(), kind, headers)

    def _file(self, request: Request) -> Reply:
        sha256, filename = request.args
        for project in list(self._store.projects.values()):
            file = project.files.get(filename)
            if file and file.sha256 == sha256:
                kind = mimetypes.guess_type(filename)[0] or "application/octet-stream"
                return Reply(200, file.path, kind)
        return text_reply(404, "404 Not Found")


def _find(project: Project | None, filename: str) -> File:
    file = project.files.get(filename) if project else None
    if file is None:
        raise ReplyError(text_reply(404, "404 Not Found"))
    return file


def _listed(base: str, project: str, file: File) -> dict[str, Any]:
    """A file's entry in the JSON form."""
    where = f"{quote(project)}/{quote(file.version)}/{quote(file.filename)}/provenance"
    return {
        "filename": file.filename,
        "url": f"{base}/files/{file.sha256}/{quote(file.filename)}",
        "hashes": {"sha256": file.sha256},
        "requires-python": file.requires_python or None,
        "size": file.size,
        "upload-time": file.uploaded,
        "yanked": False,
        "core-metadata": False,
        "data-dist-info-metadata": False,
        "provenance": f"{base}/integrity/{where}" if file.provenance else None,
    }


def _anchor(file: dict[str, Any]) -> str:
    """A file's link in the HTML form."""
    attributes = {
        "href": f"{file['url']}#sha256={file['hashes']['sha256']}",
        "data-requires-python": file["requires-python"],
        "data-provenance": file["provenance"],
    }
    text = " ".join(f'{k}="{html.escape(v)}"' for k, v in attributes.items() if v)
    return f"<a {text}>{html.escape(file['filename'])}</a><br />"


def _negotiate(request: Request, value: dict[str, Any], title: str, links: list[str]) -> Reply:
    offers = ("text/html", HTML, JSON, LATEST)
    kind = preferred(request.headers.get("Accept"), offers)
    if kind is None:
        return text_reply(406, "406 Not Acceptable")
    if kind in {JSON, LATEST}:
        return Reply(200, json.dumps(value).encode(), JSON)
    lines = [
        "<!DOCTYPE html>",
        "<html>",
        '<head><meta name="pypi:repository-version" content="1.4">',
        f"<title>{title}</title></head>",
        f"<body><h1>{title}</h1>",
        *links,
        "</body>",
        "</html>",
    ]
    return text_reply(200, "\n".join(lines), f"{kind}; charset=utf-8")
