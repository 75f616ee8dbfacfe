"""The package registry that pip would ask, for tests that are marked ``online``."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from urllib.parse import urljoin

import requests

from publisher import world

LINK = re.compile(r'href="([^"#]+)#sha256=([0-9a-f]{64})"')


class Registry:
    """The registry's simple pages and files, by name."""

    def __init__(self, http: requests.Session) -> None:
        self.http = http

    def files(self, project: str, version: str) -> dict[str, tuple[str, str]]:
        """URL and sha256 of the files of one release, by filename."""
        url = f"{world.pypi().simple_url}{project}/"
        page = self.http.get(url, headers={"Accept": "text/html"}, timeout=60)
        page.raise_for_status()
        release = re.compile(rf"[^/]*-{re.escape(version)}(-[^/]+\.whl|\.tar\.gz)$")
        found = {
            link.rpartition("/")[2]: (link, digest) for link, digest in LINK.findall(page.text)
        }
        return {
            name: (urljoin(url, link), digest)
            for name, (link, digest) in found.items()
            if release.match(name)
        }

    def fetch(self, url: str, digest: str, into: Path) -> Path:
        content = self.http.get(url, timeout=120).content
        assert hashlib.sha256(content).hexdigest() == digest
        into.write_bytes(content)
        return into
