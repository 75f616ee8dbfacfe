"""Send files to the index's legacy upload API: the first of each release alone, then in parallel.

The first file creates the release; sent at once, two files race to create it and the real index
answers some with 500. The sdist goes last, so that nobody builds from source what has a wheel
on its way.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass

from publisher.errors import UploadError, UploadFailed, UploadRefused
from publisher.http import Answer, Http, NetworkError
from publisher.models import Account, Attested, Dist, Mark
from publisher.publish import rejections
from publisher.publish.form import FileForm
from publisher.world import Index

HEAD = ((":action", "file_upload"), ("protocol_version", "1"))


@dataclass(frozen=True)
class Upload:
    """Everything that the uploads of one run to one index share.

    ``attested`` is by filename; a file without an entry goes without. At most ``jobs`` requests
    are in flight. ``mark`` is told of each file's end, ``tick`` how many bytes went out.
    """

    http: Http
    index: Index
    account: Account
    attested: Mapping[str, tuple[Attested, ...]]
    jobs: int
    mark: Mark
    tick: Callable[[int], None]

    def send_all(self, dists: Iterable[Dist]) -> None:
        """Upload every file with its attestation.

        Raises:
            UploadRefused: The index refused a file; files in flight were finished first.
            UploadFailed: The network failed, also after retries.
        """
        first, rest = in_order(dists)
        for dist in first:
            self._send(dist)
        pool = ThreadPoolExecutor(self.jobs)
        try:
            futures: list[Future[None]] = [pool.submit(self._send, dist) for dist in rest]
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:  # also when we are told to stop: what is in flight ends, the rest never begins
            pool.shutdown(cancel_futures=True)
        for future in futures:  # first in, first out: a cancelled one stands behind the failed
            future.result()

    def _send(self, dist: Dist) -> None:
        try:
            answer = self._post(dist)  # a yes may have any body: PyPI's is an HTML page
            if answer.status != 200 and (self.index.known or answer.status != 201):
                raise _refused(self.index, dist, answer)
        except UploadError as error:
            self.mark(dist, status="failed", error=error.message)
            raise
        except BaseException:
            self.mark(
                dist, status="failed", error="stopped while it was being sent; it may be there"
            )
            raise
        self.mark(dist, status="uploaded")

    def _post(self, dist: Dist) -> Answer:
        fields = (*HEAD, *dist.form)
        if dist.filename in self.attested:
            texts = ",".join(one.json for one in self.attested[dist.filename])
            fields = (*fields, ("attestations", f"[{texts}]"))
        with closing(FileForm(fields, "content", dist.path, dist.size, self.tick)) as form:
            try:
                return self.http.post_stream(self.index.upload_url, form, self.account)
            except (NetworkError, OSError) as error:
                reason = getattr(error, "reason", str(error))
                raise UploadFailed(
                    f"{dist.filename} could not be sent: {reason}",
                    facts={"index": self.index.name, "file": dist.filename, "reason": reason},
                    hint="Run the same command again: files that arrived are known by digest.",
                ) from error


def in_order(dists: Iterable[Dist]) -> tuple[Sequence[Dist], Sequence[Dist]]:
    """The file that opens each release, and the others: wheels before sdists, by name."""
    first: dict[str, Dist] = {}
    rest = []
    for dist in sorted(dists, key=lambda d: (d.kind == "sdist", d.filename)):
        if dist.project in first:
            rest.append(dist)
        else:
            first[dist.project] = dist
    return tuple(first.values()), rest


def _refused(index: Index, dist: Dist, answer: Answer) -> UploadRefused:
    reason = said(answer)
    return UploadRefused(
        f"{index.name} refuses {dist.filename}: {reason}",
        facts={
            "index": index.name,
            "file": dist.filename,
            "status": answer.status,
            "answer": reason,
        },
        hint=rejections.explain(answer.status, reason),
    )


def said(answer: Answer) -> str:
    """The index's reason, from the body: status lines are cut at the first line break."""
    try:
        message = answer.json_object().get("message")
    except ValueError:
        message = None
    if not isinstance(message, str):
        text = answer.body[:20_000].decode("utf-8", "replace")
        text = re.sub(r"(?s)<(script|style|title).*?</\1>|<[^>]+>", " ", text)
        message = " ".join(html.unescape(text).split())
    return answer.strike(message)[:600] or f"{answer.status} {answer.reason}"
