"""How a release is published: by us, as the incumbent does it, and with uv."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from releases.world import AUDIENCE, BenchmarkError, Sandbox

HERE = Path(__file__).parent
MIB = 1024  # ru_maxrss is in KiB on Linux


@dataclass(frozen=True)
class Ran:
    """A child that is done: how long it took, its peak memory, what it printed.

    ``sandbox`` is how many CPU seconds the sandbox took meanwhile.
    """

    seconds: float
    peak_mb: float
    out: str
    sandbox: float = 0


def run(command: Sequence[str], env: Mapping[str, str], *, code: int = 0) -> Ran:
    """Run a child and wait for it.

    Raises:
        BenchmarkError: It failed. A peer that does not do its work is not measured.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begun = time.monotonic()
        process = subprocess.Popen(command, env=env, cwd=env["HOME"], stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        said, wrong = out.read().decode(), err.read().decode()
    if process.returncode != code:
        name = " ".join(command[:4])
        raise BenchmarkError(
            f"{name} ended with {process.returncode}:\n{said[-2000:]}{wrong[-2000:]}"
        )
    return Ran(seconds, usage.ru_maxrss / MIB, said)


def ours(sandbox: Sandbox, dists: Path, *, jobs: int, wait: float = 0) -> Ran:
    """One process that does it all, and that verifies each attestation before it uploads.

    Over TLS as a rehearsal: a real run believes no root but the system's on this machine.
    """
    index, folder = sandbox.urls["ours"], sandbox.folder
    command = [sys.executable, "-m", "publisher", "publish", "--quiet", "--build", "never"]
    command += ["--jobs", str(jobs), "--wait", str(wait), "--attestations", "required", str(dists)]
    if sandbox.ca:
        command += ["--sandbox", sandbox.control, "--provider-claims", str(folder / "claims.json")]
    else:
        command += ["--repository-url", f"{index}/legacy/", "--check-url", f"{index}/simple/"]
        command += ["--audience", AUDIENCE, "--trust-config", str(sandbox.trust)]
    return run(command, sandbox.job())


def peers(sandbox: Sandbox, dists: Path) -> dict[str, Ran]:
    """The incumbent's chain, and uv after the same signing: what each takes as a whole."""
    copy = dists.with_name(f"{dists.name}-signed")
    shutil.copytree(dists, copy, copy_function=os.link)
    job = sandbox.job()
    files = sorted(map(str, copy.iterdir()))
    check = run([sys.executable, "-m", "twine", "check", *files], job)
    sign = run([sys.executable, "-P", str(HERE / "sign.py"), str(sandbox.trust), str(copy)], job)
    files = sorted(map(str, copy.iterdir()))
    return {
        "incumbent": _sum(check, sign, *_twine(sandbox, job, files)),
        "uv": _sum(sign, *_uv(sandbox, job, files)),
    }


def _twine(sandbox: Sandbox, job: Mapping[str, str], files: Sequence[str]) -> tuple[Ran, Ran]:
    index = sandbox.urls["incumbent"]
    mint = _mint(index, job)
    command = [sys.executable, "-m", "twine", "upload", "--non-interactive", "--attestations"]
    command += ["--disable-progress-bar", "--repository-url", f"{index}/legacy/", *files]
    login = {"TWINE_USERNAME": "__token__", "TWINE_PASSWORD": mint.out.strip()}
    return mint, run(command, {**job, **login})


def _uv(sandbox: Sandbox, job: Mapping[str, str], files: Sequence[str]) -> tuple[Ran, Ran]:
    index = sandbox.urls["uv"]
    mint = _mint(index, job)
    command = [program("uv"), "publish", "--no-config", "--trusted-publishing", "never"]
    command += ["--publish-url", f"{index}/legacy/", *files]
    return mint, run(command, {**job, "UV_PUBLISH_TOKEN": mint.out.strip()})


def _mint(index: str, job: Mapping[str, str]) -> Ran:
    return run([sys.executable, "-P", str(HERE / "mint.py"), index], job)


def _sum(*parts: Ran) -> Ran:
    """One after the other."""
    return Ran(sum(part.seconds for part in parts), max(part.peak_mb for part in parts), "")


def program(name: str) -> str:
    """A program of this environment or of the machine.

    Raises:
        BenchmarkError: There is none.
    """
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    found = shutil.which(name, path=beside)
    if found is None:
        raise BenchmarkError(f"{name} is not installed, and it is one of those to compare with")
    return found
