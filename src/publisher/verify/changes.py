"""Rules D04 to D16: what differs between two identities. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from publisher.verify.model import Publisher, Severity

DANGEROUS = {"pull_request_target", "issue_comment", "workflow_run"}
"""GitHub's triggers that run with a repository's rights and may act on strangers' content."""

SSH_RERUN = "ssh-rerun"
"""CircleCI's word for a job that was run again with SSH; Fulcio's docs say not to trust it."""


class Difference(NamedTuple):
    """One rule that two identities meet, in a sentence, with the values that differ."""

    rule: str
    severity: Severity
    happened: str
    before: str
    now: str


def name(publisher: Publisher) -> str:
    """An identity in a few words: ``github octo/widget release.yml``."""
    words = (publisher.kind, publisher.repository or publisher.email, publisher.workflow)
    return " ".join(word for word in words if word)


def differences(before: Publisher, now: Publisher) -> tuple[Difference, ...]:
    """All rules that the step from one identity to another meets; none: it is the same.

    What an older certificate did not say is no difference: Fulcio learns new extensions. The names
    of forges ignore case.
    """
    found = [*_who(before, now)]
    if not {"D04", "D09"} & {difference.rule for difference in found}:
        # of another repository nothing else is comparable
        for rule in (_workflow, _environment, _ref, _trigger, _runner, _signer, _visibility):
            found.extend(rule(before, now))
    return tuple(found)


def _same(before: str, now: str) -> bool:
    return before.casefold() == now.casefold()


def _who(before: Publisher, now: Publisher) -> Iterator[Difference]:
    """Issuer and repository."""

    def differs(rule: str, severity: Severity, happened: str) -> Difference:
        old, new = (f"{name(who)} {_ids(who)}".strip() for who in (before, now))
        return Difference(rule, severity, happened, old, new)

    if (before.kind, before.issuer) != (now.kind, now.issuer):
        yield differs("D04", "error", f"it was published by {name(before)}, now by {name(now)}")
        return
    renamed = not _same(before.repository, now.repository)
    reowned = bool(before.owner_id and now.owner_id and before.owner_id != now.owner_id)
    if _same(_owner(before), _owner(now)) and reowned:
        yield differs("D06", "critical", f"the account {_owner(now)} is not the one it was")
    if before.repository_id and before.repository_id == now.repository_id:
        stayed = before.owner_id == now.owner_id != "" or _same(_owner(before), _owner(now))
        moved = f"the repository {before.repository}"
        if renamed and stayed and not reowned:
            yield differs("D07", "note", f"{moved} is called {now.repository} now")
        elif not stayed:
            yield differs("D08", "warning", f"{moved} is {now.repository} now")
    elif renamed or not _same(before.email, now.email):
        yield differs("D09", "error", f"it was published by {name(before)}, now by {name(now)}")
    elif before.repository_id and now.repository_id:
        yield differs("D05", "critical", f"the repository {now.repository} is not the one it was")
    elif before.repository_id:
        yield differs("D09", "error", "its certificate no longer says which repository it is")


def _ids(who: Publisher) -> str:
    ids = (("repository ID", who.repository_id), ("owner ID", who.owner_id))
    return f"({', '.join(f'{what} {number}' for what, number in ids if number)})".replace("()", "")


def _owner(who: Publisher) -> str:
    return who.owner or who.repository.rpartition("/")[0]


def _workflow(before: Publisher, now: Publisher) -> Iterator[Difference]:
    if before.workflow and before.workflow != now.workflow:
        happened = (
            f"it was published by the workflow {before.workflow}, now by {now.workflow or '-'}"
        )
        yield Difference("D10", "error", happened, before.workflow, now.workflow)


def _environment(before: Publisher, now: Publisher) -> Iterator[Difference]:
    old, new = before.environment, now.environment
    if not _same(old, new):
        severity: Severity = "note" if not old else "warning" if new else "error"
        happened = (
            f"it was published in the environment {old}, now in {new or 'none'}"
            if old
            else f"it is published in the environment {new} now"
        )
        yield Difference("D11", severity, happened, old, new)


def _ref(before: Publisher, now: Publisher) -> Iterator[Difference]:
    old, new = before.ref.strip("-"), now.ref.strip("-")
    if old and old != new:
        severity: Severity = "note" if new == "tag" else "critical" if new == "pull" else "warning"
        happened = f"it was published from {_place(old)}, now from {_place(new)}"
        yield Difference("D12", severity, happened, before.ref, now.ref)


def _place(ref: str) -> str:
    kind, _, branch = ref.partition(":")
    places = {"tag": "a tag", "pull": "a pull request", "branch": f"the branch {branch}"}
    return places.get(kind, "nothing that its certificate names")


def _trigger(before: Publisher, now: Publisher) -> Iterator[Difference]:
    if before.trigger and before.trigger != now.trigger:
        severity: Severity = "error" if now.trigger in DANGEROUS else "warning"
        happened = f"its job was started by {before.trigger}, now by {now.trigger or '-'}"
        yield Difference("D13", severity, happened, before.trigger, now.trigger)


def _runner(before: Publisher, now: Publisher) -> Iterator[Difference]:
    if before.runner and before.runner != now.runner:
        severity: Severity = "error" if now.runner in {"", "self-hosted"} else "note"
        severity = "critical" if now.runner == SSH_RERUN else severity
        happened = f"its runner was {before.runner}, now it is {now.runner or 'not told'}"
        yield Difference("D14", severity, happened, before.runner, now.runner)


def _signer(before: Publisher, now: Publisher) -> Iterator[Difference]:
    if before.signer != now.signer:
        old, new = before.signer or "its own workflow", now.signer or "its own workflow"
        yield Difference("D15", "warning", f"it was signed by {old}, now by {new}", old, new)


def _visibility(before: Publisher, now: Publisher) -> Iterator[Difference]:
    if (before.visibility, now.visibility) == ("public", "private"):
        happened = "its repository was public, and is private now"
        yield Difference("D16", "warning", happened, "public", "private")
