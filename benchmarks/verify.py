"""How long `publisher verify` takes for a lock, beside `pypi-attestations verify` per file.

    PYTHONPATH=tests python benchmarks/verify.py [--projects N] [--peers N]

Projects with one attested wheel each are published into a sandbox. Then a requirements.txt of all
of them is verified in a new process: cold (empty cache), warm (each answer in the cache is asked
whether it still holds) and offline. Wall and CPU seconds are of the whole process, imports and all;
requests and bytes of bodies are the index's own count. The peer verifies files and attestations
that lie beside it already, one process a file as scripts do, and fetches nothing. The last line is
the verifier alone: one process, one shared verifier, milliseconds an attestation.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from publisher.verify import roots
from publisher.verify.core import Verifier
from support.archives import make_wheel
from support.play import running
from support.sandbox import GITHUB, WORKFLOW, Sandbox

LINK = "Project-URL: Source, https://github.com/octo-org/widget"


def main() -> int:
    """Publish, verify in every way, print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--projects", type=int, default=150, metavar="N")
    parser.add_argument("--peers", type=int, default=10, metavar="N", help="files for the peer")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as temporary:
        folder = Path(temporary)
        (folder / "box").mkdir()
        with running(folder / "box") as sandbox:
            wheels = publish(sandbox, folder, options.projects)
            print("| | wall s | CPU s | requests | bytes of bodies |\n|---|---|---|---|---|")
            ours(sandbox, folder)
            peer(sandbox, folder, wheels[: options.peers])
            alone(sandbox, wheels)
    return 0


def publish(sandbox: Sandbox, folder: Path, count: int) -> list[Path]:
    """One run of our own that publishes all projects, and the lock that names them."""
    dists = folder / "dists"
    dists.mkdir()
    wheels = [make_wheel(dists, f"dep-{n}", extra_metadata=LINK) for n in range(count)]
    claims = folder / "claims.json"
    claims.write_text(json.dumps(GITHUB))
    who = ["--provider-claims", str(claims), "--tag", "none"]
    run(["--sandbox", sandbox.control, *who, str(dists)], folder)
    lines = []
    for n in range(count):
        (file,) = sandbox.listing(f"dep-{n}").json()["files"]
        lines.append(f"dep-{n}==1.0 --hash=sha256:{file['hashes']['sha256']}\n")
    (folder / "requirements.txt").write_text("".join(lines))
    (folder / "trust.json").write_text(json.dumps(sandbox.info["trust_config"]))
    return wheels


def ours(sandbox: Sandbox, folder: Path) -> None:
    """Cold, warm, offline."""
    words = ["verify", "--index", f"{sandbox.index}/simple/", "--trust-config", "trust.json"]
    for name, more in (("cold", []), ("warm", []), ("offline", ["--offline"])):
        before = len(sandbox.log())
        wall, cpu = run([*words, "--quiet", *more, "requirements.txt"], folder)
        lines = [one for one in sandbox.log()[before:] if one["service"] == "pypi"]
        sent = sum(one["sent"] for one in lines)
        print(f"| ours, {name} | {wall:.2f} | {cpu:.2f} | {len(lines)} | {sent} |")


def peer(sandbox: Sandbox, folder: Path, wheels: Sequence[Path]) -> None:
    """One process a file, offline; its only way to another trust root is Sigstore's cache."""
    from sigstore._internal.tuf import DEFAULT_TUF_URL

    cache = folder / "xdg" / "sigstore-python" / "tuf" / quote(DEFAULT_TUF_URL, safe="")
    cache.mkdir(parents=True)
    root = json.dumps(sandbox.info["trust_config"]["trustedRoot"])
    (cache / "trusted_root.json").write_text(root)
    program = Path(sys.executable).with_name("pypi-attestations")
    identity = f"https://github.com/{WORKFLOW}"
    times = []
    for wheel in wheels:
        beside = wheel.with_name(f"{wheel.name}.publish.attestation")
        beside.write_text(json.dumps(attestation(sandbox, wheel)))
        words = [str(program), "verify", "attestation", "--offline", "--identity", identity]
        times.append(timed([*words, str(wheel)], folder, {"XDG_CACHE_HOME": str(folder / "xdg")}))
    wall, cpu = (statistics.mean(column) for column in zip(*times, strict=True))
    print(f"| pypi-attestations, one file, nothing fetched | {wall:.2f} | {cpu:.2f} | 0 | 0 |")


def alone(sandbox: Sandbox, wheels: Sequence[Path]) -> None:
    """The verifier, shared by all files."""
    verifier = Verifier(roots.load(json.dumps(sandbox.info["trust_config"])).config)
    given = [(wheel.name, *provenance(sandbox, wheel)) for wheel in wheels]
    began, busy = time.perf_counter(), time.process_time()
    for name, sha256, body in given:
        verifier.provenance(body, name, sha256)
    wall, cpu = time.perf_counter() - began, time.process_time() - busy
    each = len(given) / 1000
    print(
        f"\nThe verifier alone: {wall / each:.1f} ms wall, {cpu / each:.1f} ms CPU per attestation."
    )


def provenance(sandbox: Sandbox, wheel: Path) -> tuple[str, dict[str, Any]]:
    """Digest and provenance object of a wheel, as the index shows them."""
    name = wheel.name.split("-")[0].replace("_", "-")
    (file,) = sandbox.listing(name).json()["files"]
    return file["hashes"]["sha256"], sandbox.http.get(file["provenance"]).json()


def attestation(sandbox: Sandbox, wheel: Path) -> object:
    """Its one attestation."""
    return provenance(sandbox, wheel)[1]["attestation_bundles"][0]["attestations"][0]


def run(words: Sequence[str], folder: Path) -> tuple[float, float]:
    """Run our program; wall and CPU seconds."""
    return timed([sys.executable, "-m", "publisher", *words], folder, {})


def timed(command: Sequence[str], folder: Path, env: Mapping[str, str]) -> tuple[float, float]:
    """Run a program that must succeed; wall and CPU seconds."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    surroundings = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), **env}
    done = subprocess.run(command, cwd=folder, env=surroundings, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout.decode() + done.stderr.decode())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, cpu


if __name__ == "__main__":
    sys.exit(main())
