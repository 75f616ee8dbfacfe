"""What a checkout says of the job that publishes it, where no job of GitHub is around.

The workflow files are read line by line, as people write them (see ``workflow``).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from publisher import git
from publisher.providers import workflow

LONGEST = 1 << 20  # bytes of a file that are read
PUBLISHES = re.compile(
    r"""(?m)^\s*(?:- +)?uses:\s*["']?(?:[\w.-]+/publisher|pypa/gh-action-pypi-publish)@"""
)
PERMITTED = re.compile(r"(?m)^\s*id-token:\s*write\b")
HEAD = re.compile(r"""(?m)^( +)["']?([\w-]+)["']?:[ \t]*(?:#.*)?$""")
VERSION = re.compile(r"[\w.!+-]+", re.ASCII)


class Job(NamedTuple):
    """The job that publishes: its workflow's file, and its environment, empty if it has none.

    What can't be known is ``None``; ``files`` and ``environments`` are then what it may be.
    ``branch`` is empty if the job runs for a tag.
    """

    file: str | None
    environment: str | None
    files: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    event: str = "release"
    branch: str = ""

    def guessed(self) -> dict[str, str]:
        """What of it can't be known, by the labels of the index's form, and what is due there."""
        unknown = {}
        if self.file is None:
            one = f"one of {', '.join(self.files)}" if self.files else "such as release.yml"
            unknown["Workflow name"] = f"unknown: the file of your workflow, {one}"
        if self.environment is None:
            named = [name for name in self.environments if name]
            one = f", one of {', '.join(named)}" if named else ""
            unknown["Environment name"] = f"unknown: the environment: of your job{one}"
        return unknown


def publishing(folder: Path, env: Mapping[str, str]) -> Job:
    """The one job that publishes: that uses an action for it, else that may get ID tokens."""
    root = git.run(folder, "rev-parse", "--show-toplevel", env=env)
    files = dict(_files(Path(root) if root else folder))
    for sign in (PUBLISHES, PERMITTED):
        found = [(name, job) for name, text in files.items() for job in _jobs(text, sign)]
        names = tuple(dict.fromkeys(name for name, _ in found))
        environments = dict.fromkeys(_environment(job) for _, job in found)
        environment = next(iter(environments)) if len(environments) == 1 else None
        if len(names) == 1:
            event, branch = workflow.trigger(files[names[0]])
            return Job(names[0], environment, names, _known(environments), event, branch)
        if names:
            return Job(None, environment, names, _known(environments))
    return Job(None, None, tuple(files))


def _known(environments: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(name for name in environments if name is not None)


def _files(root: Path) -> Iterator[tuple[str, str]]:
    try:
        for path in sorted((root / ".github" / "workflows").iterdir()):
            if path.suffix in {".yml", ".yaml"} and path.is_file():
                with path.open("rb") as file:
                    yield path.name, file.read(LONGEST).decode("utf-8", "replace")
    except OSError:
        return


def _jobs(text: str, sign: re.Pattern[str]) -> Iterator[str]:
    """The jobs that show a sign, or all if it stands above them."""
    head, _, jobs = f"\n{text}".partition("\njobs:")
    heads = HEAD.findall(jobs)
    for indent, name in heads:
        lines = workflow.job(text, name) if indent == heads[0][0] else ""
        if sign.search(lines) or (lines and sign.search(head)):
            yield lines


def _environment(job: str) -> str | None:
    """What ``environment:`` of a job says; empty without one, ``None`` if it is no plain name."""
    first = re.search(r"(?m)^( +)[\w-]+:", job)
    indent = first[1] if first else " "
    found = re.search(rf"(?m)^{indent}environment:(.*)$", job)
    if not found:
        return ""
    value = _plain(found[1])
    for line in job[found.end() :].splitlines()[1:] if not value else ():
        if line.strip() and not line.startswith(f"{indent} "):
            break
        if line.strip().startswith("name:"):
            value = _plain(line.partition(":")[2])
    return None if not value or "${{" in value or value[0] in "{&*|>" else value


def _plain(scalar: str) -> str:
    return re.sub(r"(^|\s)#.*", "", scalar).strip().strip("\"'")


def number(name: str) -> str:
    """An invented id, the same for the same name, and another for each."""
    return str(100_000_000 + int(sha256(name.encode()).hexdigest(), 16) % 900_000_000)


def release_tag(folder: Path, env: Mapping[str, str]) -> str:
    """The tag that a release of this checkout has, or would have: invented from its version."""
    if tag := git.tag(folder, env=env):
        return tag
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
        version = str(project["version"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        version = ""
    return f"v{version if VERSION.fullmatch(version) else '1.0'}"


def claims(
    env: Mapping[str, str], repository: str, sha: str, job: Job, tag: str
) -> dict[str, object]:
    """What an ID token would say, but for ``iss``; what is not known is invented."""
    owner, _, name = repository.partition("/")
    invented = f"refs/heads/{job.branch}" if job.branch else f"refs/tags/{tag}"
    ref = env.get("GITHUB_REF") or env.get("GITHUB_WORKFLOW_REF", "").partition("@")[2] or invented
    kind = "tag" if ref.startswith("refs/tags/") else "branch"
    file = f"{repository}/.github/workflows/{job.file or 'release.yml'}@{ref}"
    workflow_ref = env.get("GITHUB_WORKFLOW_REF") or file
    owner_id = env.get("GITHUB_REPOSITORY_OWNER_ID") or number(owner)
    repository_id = env.get("GITHUB_REPOSITORY_ID") or number(repository)
    workflow_sha = env.get("GITHUB_WORKFLOW_SHA") or sha
    context = f"environment:{job.environment}" if job.environment else f"ref:{ref}"
    return {
        "sub": f"repo:{owner}@{owner_id}/{name}@{repository_id}:{context}",
        "repository": repository,
        "repository_id": repository_id,
        "repository_owner": owner,
        "repository_owner_id": owner_id,
        "repository_visibility": "public",
        "ref": ref,
        "ref_type": env.get("GITHUB_REF_TYPE") or kind,
        "ref_protected": env.get("GITHUB_REF_PROTECTED") or "false",
        "sha": sha,
        "event_name": env.get("GITHUB_EVENT_NAME") or job.event,
        "workflow": env.get("GITHUB_WORKFLOW") or "Release",
        "workflow_ref": workflow_ref,
        "workflow_sha": workflow_sha,
        "job_workflow_ref": workflow_ref,
        "job_workflow_sha": workflow_sha,
        "run_id": env.get("GITHUB_RUN_ID") or "1",
        "run_number": env.get("GITHUB_RUN_NUMBER") or "1",
        "run_attempt": env.get("GITHUB_RUN_ATTEMPT") or "1",
        "runner_environment": env.get("RUNNER_ENVIRONMENT") or "github-hosted",
        "actor": env.get("GITHUB_ACTOR") or owner,
        "actor_id": env.get("GITHUB_ACTOR_ID") or owner_id,
        **({"environment": job.environment} if job.environment else {}),
    }
