"""Answers of an index, kept between runs so that what has not changed is not sent again.

Of evidence nothing in here is believed: an attestation is verified again each time it is read, and
what is named by its digest is compared with it. The list of files is believed as long as the index
says that it has not changed (ETag): whoever can write into the folder can hide files, when they
came and that they were yanked. To ask for each list whole would cost a large lock most of its time;
so don't share the folder with others.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from publisher.addresses import is_public
from publisher.files import write_whole
from publisher.http import Answer, Http, NetworkError

MEANS = {
    403: "it shows this to nobody, or not to us",
    404: "it has no such thing, or not yet: what is new can take a day to show",
}
"""What the index means by a status that is no answer; it says nothing of the project."""


class NotHere(Exception):
    """There is no usable answer; the text says why."""


@dataclass(frozen=True)
class Shelf:
    """The way to an index, with a memory.

    ``folder`` is where answers are kept, ``None`` for nowhere. ``offline`` asks nobody.
    """

    http: Http
    folder: Path | None
    offline: bool

    def current(self, url: str, accept: str) -> bytes:
        """What the index answers now; one that it gave before is only asked whether it holds.

        Raises:
            NotHere: No answer, or one that is not 200.
        """
        etag, body = self._kept(url, accept)
        if self.offline:
            if body is None:
                raise NotHere(f"it is not in the cache, and --offline asks nobody: {url}")
            return body
        answer = self._get(url, accept, etag if body is not None else "")
        if answer.status == 304 and body is not None:
            return body
        if answer.status != 200:
            means = MEANS.get(answer.status, "it is out of order")
            raise NotHere(f"the index answers {answer.status}, {means} ({url})")
        self._keep(url, accept, answer)
        return answer.body

    def named(self, url: str, accept: str, sha256: str) -> bytes:
        """What has this digest; it is asked for once and never again.

        Raises:
            NotHere: No answer, or something else.
        """
        _, body = self._kept(url, accept)
        if body is None or hashlib.sha256(body).hexdigest() != sha256:
            body = self.current(url, accept)
        if hashlib.sha256(body).hexdigest() != sha256:
            raise NotHere(f"the index answers something else than it lists: {url}")
        return body

    def _get(self, url: str, accept: str, etag: str) -> Answer:
        try:
            return self.http.get(url, accept=accept, etag=etag)
        except NetworkError as error:
            raise NotHere(str(error)) from error

    def _kept(self, url: str, accept: str) -> tuple[str, bytes | None]:
        path = self._path(url, accept)
        try:
            head, _, body = path.read_bytes().partition(b"\n") if path else (b"", b"", b"")
            return (str(json.loads(head)["etag"]), body) if head else ("", None)
        except (OSError, ValueError, KeyError, TypeError):
            return "", None

    def _keep(self, url: str, accept: str, answer: Answer) -> None:
        path = self._path(url, accept)
        head = json.dumps({"url": url, "etag": answer.headers.get("ETag", "")})
        if path:
            with suppress(OSError):  # without a cache everything is only slower
                write_whole(path, head.encode() + b"\n" + answer.body)

    def _path(self, url: str, accept: str) -> Path | None:
        name = hashlib.sha256(f"{accept} {url}".encode()).hexdigest()
        return self.folder / name[:2] / name if self.folder else None


def check_link(url: str, listed_at: str) -> str:
    """A link of an index's page; one from elsewhere into a private network is not followed.

    Raises:
        NotHere: It leads there.
    """
    same = urlsplit(url)[:2] == urlsplit(listed_at)[:2]
    if not same and not (is_public(url) and is_public(listed_at)):
        raise NotHere(f"a link of {listed_at} leads to {url}")
    return url
