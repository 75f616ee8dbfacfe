"""What a job of GitHub Actions can know of its own workflow: the event, and the file.

Neither is in the ID token. The file is there only if an earlier step has checked the repository
out, and it is read line by line, as people write it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from publisher import git
from publisher.models import Finding
from publisher.remarks import remark

Claims = Mapping[str, object]
Env = Mapping[str, str]

EVENT = """\
Publish from an event of your own repository, for example:

    on:
      release:
        types: [published]"""
STRANGER = f"""\
{EVENT}

If nothing that a stranger wrote reaches this run, accept it: --allow untrusted-trigger"""

ANYBODY = frozenset(
    {"discussion", "discussion_comment", "fork", "issue_comment", "issues", "watch"}
)
"""Events that anybody with an account can cause, in a run that has the repository's rights."""
FILE = re.compile(r"\.github/workflows/[^/@]+\.ya?ml(?=@)")
COMMIT = re.compile(r"[0-9a-f]{40}")
PINNED = re.compile(r"\./.*|.*@([0-9a-f]{40}|sha256:[0-9a-f]{64})")
USES = re.compile(r"""(?m)^\s*(?:- +)?uses:\s*["']?([^\s"'#]+)""")
CACHE = re.compile(r"(?m)^\s*(?:cache|enable-cache):[ \t]*(?!false\b)[^\s#]")
ON = re.compile(r"""(?m)^["']?on["']?:(.*)\n?((?:(?:[ #-].*)?(?:\n|\Z))*)""")
RESTORES = re.compile(r"actions/cache(/restore)?@.*")


def cause(claims: Claims, env: Env) -> str:
    """Why somebody without any right may have caused this run; empty if nobody could.

    https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows
    """
    event = claims.get("event_name")
    if event in ANYBODY:
        return f"anybody can cause the event {event}"
    if event != "workflow_run":
        return ""
    before = _payload(env).get("workflow_run")
    before = before if isinstance(before, dict) else {}
    home = before.get("head_repository")
    whose = home.get("full_name") if isinstance(home, dict) else None
    first = before.get("event")
    if whose != claims.get("repository"):
        return f"it follows a run for {whose or 'a repository that is not known here'}"
    if first == "workflow_run":
        return "it follows a run that followed another, and nobody tells what began that one"
    if first in ANYBODY or str(first).startswith("pull_request"):
        return f"it follows a run that the event {first} started"
    return ""


def _payload(env: Env) -> dict[str, object]:
    """The event as GitHub tells it, a file beside the job."""
    try:
        value = json.loads(Path(env.get("GITHUB_EVENT_PATH", "")).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def findings(claims: Claims, env: Env) -> Iterator[Finding]:
    """What this job's steps bring in that its workflow's commit does not fix."""
    steps = job(_file(claims, env), env.get("GITHUB_JOB", ""))
    used = list(dict.fromkeys(USES.findall(steps)))
    if loose := [name for name in used if not PINNED.fullmatch(name)]:
        what = f"actions that are not pinned to a commit: {', '.join(loose)}"
        yield remark("unpinned-action", what)
    if CACHE.search(steps) or any(RESTORES.fullmatch(name) for name in used):
        yield remark("cache-in-job", "this job restores a cache, which other jobs have filled")


def _file(claims: Claims, env: Env) -> str:
    """The workflow file of this run's very commit, if the workspace is a checkout that has it."""
    where, commit = FILE.search(str(claims.get("job_workflow_ref"))), claims.get("job_workflow_sha")
    workspace = env.get("GITHUB_WORKSPACE")
    if not (where and workspace and COMMIT.fullmatch(str(commit))):
        return ""
    return git.run(Path(workspace), "cat-file", "blob", f"{commit}:{where[0]}", env=env) or ""


def trigger(text: str) -> tuple[str, str]:
    """The event that a workflow file publishes on, and the branch, empty for a tag; pure.

    A release if it can start the workflow, or nothing else is clear: that is what releases do.
    """
    found = ON.search(text)
    if not found:
        return "release", ""
    line = re.sub(r"(^|\s)#.*", "", found[1]).strip()
    first = re.search(r"(?m)^ +", found[2])
    block = f"(?m)^{first[0] if first else ''}(?:- +)?"
    names = re.findall(r"\w+", line) if line[:1] != "{" else []
    names = names or re.findall(rf"{block}(\w+)", found[2])
    if "release" in names or not {"push", "workflow_dispatch"} & set(names):
        return "release", ""
    if "push" not in names:
        return "workflow_dispatch", "main"
    pushes = re.search(rf"{block}push:(.*(?:\n(?:{first[0]} .*)?)*)", found[2]) if first else None
    filters = pushes[1] if pushes else ""
    if "branches:" not in filters or "tags:" in filters:
        return "push", ""
    branch = re.search(r"""branches:[\s\["'-]*([\w./-]+)""", filters)
    return "push", (branch[1].strip("/.") if branch else "") or "main"


def job(text: str, name: str) -> str:
    """The lines of one job of a workflow file; pure."""
    _, _, jobs = f"\n{text}".partition("\njobs:")
    head = re.search(rf"""(?m)^( +)["']?{re.escape(name)}["']?:[ \t]*(#.*)?$""", jobs)
    if not head:
        return ""
    rest = jobs[head.end() :]
    end = re.search(rf"(?m)^ {{0,{len(head[1])}}}[^ #\n]", rest)
    return rest[: end.start()] if end else rest
