"""Send files to the index's legacy upload API: the first of each release alone, then in parallel.

The first file creates the release; sent at once, two files race to create it and the real index
answers some with 500. The sdist goes when all wheels are there, so that nobody builds from source
what has a wheel on its way. A request that got no answer, a passing one, or a web page of somebody
else's, is sent again after a look at the index; one that is too busy gets half as many at a
time, and slowly more again.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from publisher.errors import (
    IndexAnswerMalformed,
    IndexUnreachable,
    UploadError,
    UploadFailed,
    UploadRefused,
)
from publisher.http import Answer, Http, NetworkError
from publisher.models import Account, Attested, Dist, Mark
from publisher.publish import metadata, rejections
from publisher.publish.access import Access
from publisher.publish.crew import together
from publisher.publish.form import FileChanged, FileForm
from publisher.publish.pace import NoTurn, Pace
from publisher.publish.recorder import ON_ITS_WAY
from publisher.publish.simple import listing
from publisher.transport import PASSING, TRIES, pause
from publisher.world import Index

EXPIRED = "token is expired"
FORBIDDEN = 403
BUSY = frozenset({429, 503})
TAKEN = frozenset({200, 201, 202})  # GitLab and Gitea answer 201, Pulp 202
AGAIN = "Run the same command again: files that arrived are known by digest."
INSTEAD = f"""\
Something answers in the index's place: a login page, a proxy, a firewall. Let this machine through
to the index. {AGAIN}"""
HEAD = ((":action", "file_upload"), ("protocol_version", "1"))


@dataclass(frozen=True)
class Upload:
    """Everything that the uploads of one run to one index share.

    ``access`` knows as whom to upload. ``attested`` is by filename; a file without an entry goes
    without. At most ``jobs`` requests are in flight. ``mark`` is told of each file, ``tick`` how
    many bytes went out.
    """

    http: Http
    index: Index
    access: Access
    attested: Mapping[str, tuple[Attested, ...]]
    jobs: int
    mark: Mark
    tick: Callable[[int], None]

    def send_all(self, dists: Iterable[Dist]) -> None:
        """Upload every file with its attestation.

        Raises:
            UploadRefused: The index refused a file; files in flight were finished first.
            UploadFailed: The network failed, also after retries.
            UploadTokenEnds: There was no token for the rest.
        """
        for group in in_order(dists):
            self._send_together(group)

    def _send_together(self, dists: Sequence[Dist]) -> None:
        pace = Pace(self.jobs)
        try:
            together(partial(self._send, pace=pace), dists, self.jobs)
        finally:
            pace.stop()

    def _send(self, dist: Dist, pace: Pace) -> None:
        try:
            self._deliver(dist, pace)
        except NoTurn as end:
            raise self._failed(dist, "the run ended before its turn") from end
        except UploadError as error:
            pace.stop()
            self.mark(dist, status="failed", error=error.message)
            raise
        self.mark(dist, status="uploaded", error=None)

    def _deliver(self, dist: Dist, pace: Pace) -> None:
        """Send a file until the index has it or refuses it."""
        tries, renewed = 0, False
        while True:
            asked = None
            try:
                with pace.turn() as setbacks:
                    account = self.access.account()
                    self.mark(dist, status="failed", error=ON_ITS_WAY)
                    answer = self._post(dist, account)
            except NetworkError as error:
                if not error.passing:
                    raise self._failed(dist, error.reason) from error
                problem: UploadError = self._failed(dist, error.reason)
                why = "lost the connection"
            else:
                expired = answer.status == FORBIDDEN and EXPIRED in said(answer)
                if expired and not renewed and self.access.refused(account):
                    renewed = True
                    continue
                if self._is_final(answer):
                    self._judge(dist, answer)
                    pace.faster()
                    return
                problem, why = self._problem(dist, answer)
                asked = answer.headers.get("Retry-After")
                if answer.status in BUSY:
                    pace.slower(setbacks)
            tries += 1
            if tries > TRIES or not pace.rest(pause(tries, asked)):
                raise problem
            if self._arrived(dist):
                return
            self.http.notice(f"{dist.filename}: {self.index.name} {why}; sending it again")

    def _post(self, dist: Dist, account: Account) -> Answer:
        fields = (*HEAD, *metadata.form(dist))
        if dist.filename in self.attested:
            texts = ",".join(one.json for one in self.attested[dist.filename])
            fields = (*fields, ("attestations", f"[{texts}]"))
        form = FileForm(fields, "content", dist.path, dist.size, self.tick)
        try:
            answer = self.http.post_stream(self.index.upload_url, form, account)
        except FileChanged as error:
            raise self._failed(dist, str(error)) from error
        except NetworkError:
            form.take_back()
            raise
        if not self._is_final(answer):
            form.take_back()
        return answer

    def _is_final(self, answer: Answer) -> bool:
        """Whether to believe it: neither what passes, nor a yes that the index did not give."""
        foreign = answer.status in TAKEN and self.index.simple_url and is_foreign_page(answer)
        return answer.status not in PASSING and not foreign

    def _arrived(self, dist: Dist) -> bool:
        """Whether the index has the file already: it may be that only its answer was lost."""
        try:
            page = listing(self.http, self.index, dist.project) if self.index.simple_url else None
        except (IndexUnreachable, IndexAnswerMalformed):
            return False
        listed = (page or {}).get(dist.filename)
        return listed is not None and listed.sha256 == dist.sha256

    def _judge(self, dist: Dist, answer: Answer) -> None:
        if answer.status not in TAKEN or (self.index.known and answer.status != 200):
            raise self._refused(dist, answer)

    def _problem(self, dist: Dist, answer: Answer) -> tuple[UploadError, str]:
        """What to say of an answer that is not final, if it stays so, and while it is tried."""
        if answer.status in PASSING:
            return self._refused(dist, answer), f"answered {answer.status}"
        reason = "a web page came back, which is no answer of an index"
        problem = self._failed(dist, reason, INSTEAD, answer=said(answer))
        return problem, "answered with a web page"

    def _refused(self, dist: Dist, answer: Answer) -> UploadRefused:
        name, reason = self.index.name, said(answer)
        return UploadRefused(
            f"{name} refuses {dist.filename}: {reason}",
            facts={
                "index": name,
                "file": dist.filename,
                "status": answer.status,
                "answer": reason,
            },
            hint=rejections.explain(answer.status, reason),
        )

    def _failed(self, dist: Dist, reason: str, hint: str = AGAIN, **facts: object) -> UploadFailed:
        about = {"index": self.index.name, "file": dist.filename, "reason": reason}
        message = f"{dist.filename} could not be sent: {reason}"
        return UploadFailed(message, facts={**about, **facts}, hint=hint)


def in_order(dists: Iterable[Dist]) -> tuple[Sequence[Dist], ...]:
    """What goes up together: the file that opens each release, other wheels, other sdists."""
    first: dict[str, Dist] = {}
    rest: dict[str, list[Dist]] = {"wheel": [], "sdist": []}
    for dist in sorted(dists, key=lambda d: (d.kind == "sdist", d.filename)):
        if first.setdefault(dist.project, dist) is not dist:
            rest[dist.kind].append(dist)
    return tuple(first.values()), rest["wheel"], rest["sdist"]


def is_foreign_page(answer: Answer) -> bool:
    """Whether a web page came that does not even say its own status, as PyPI's "200 OK" does.

    Other indexes answer with JSON, a word, or nothing: devpi, GitLab, Gitea, Pulp, pypiserver.
    """
    text = answer.body[:20_000].decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    is_page = text.startswith("<") and re.search("(?i)<html|<!doctype html", text)
    return bool(is_page) and not re.search(rf"(?i)<title[^>]*>\s*{answer.status}\b", text)


def said(answer: Answer) -> str:
    """The index's reason, from the body: status lines are cut at the first line break."""
    try:
        message = answer.json_object().get("message")
    except ValueError:
        message = None
    if not isinstance(message, str):
        text = answer.body[:20_000].decode("utf-8", "replace")
        text = re.sub(r"(?s)<(script|style|title).*?</\1>|<[^>]+>", " ", text)
        with suppress(ValueError):  # a character's number has more digits than Python reads
            text = html.unescape(text)
        message = " ".join(text.split())
    return answer.strike(message)[:600] or f"{answer.status} {answer.reason}"
