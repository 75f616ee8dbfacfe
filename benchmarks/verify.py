"""How long `publisher verify` takes for a lock, beside `pypi-attestations verify` per file.

    PYTHONPATH=tests python benchmarks/verify.py --json verify.json   # a minute

Projects with one attested wheel each are published into a sandbox. Then a requirements.txt of all
of them is verified in a new process: cold (empty cache), warm (each answer in the cache is asked
whether it still holds) and offline. Wall and CPU seconds are of the whole process, imports and all;
requests and bytes of bodies are the index's own count. The peer verifies files and attestations
that lie beside it already, one process a file as scripts do, and fetches nothing; `faster` is its
mean times the number of files, divided by ours. The verifier alone is one process with one shared
verifier, milliseconds an attestation. Each must say that it verified all, or there is no result.
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
HEAD = "| | wall s | CPU s | requests | bytes of bodies | faster than the peer |"
Row = dict[str, float]


def main() -> int:
    """Publish, verify in every way, print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--projects", type=int, default=150, metavar="N")
    parser.add_argument("--peers", type=int, default=10, metavar="N", help="files for the peer")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as temporary:
        folder = Path(temporary)
        (folder / "box").mkdir()
        with running(folder / "box") as sandbox:
            wheels = publish(sandbox, folder, options.projects)
            rows = ours(sandbox, folder, len(wheels))
            one = peer(sandbox, folder, wheels[: options.peers])
            each = alone(sandbox, wheels)
    for row in rows.values():
        row["faster"] = round(one["wall"] * len(wheels) / row["wall"], 1)
    result = {
        "projects": len(wheels),
        "ours": rows,
        "peer_per_file": one,
        "each_ms": each,
    }
    show(result)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    return 0


def show(result: Mapping[str, Any]) -> None:
    """The result as a table."""
    print(f"{HEAD}\n|---|---|---|---|---|---|")
    for name, row in result["ours"].items():
        print(
            f"| ours, {name} | {row['wall']:.2f} | {row['cpu']:.2f} | {row['requests']:.0f} "
            f"| {row['bytes']:.0f} | {row['faster']:.0f} x |"
        )
    one, each = result["peer_per_file"], result["each_ms"]
    print(f"| pypi-attestations, one file, nothing fetched | {one['wall']:.2f} | {one['cpu']:.2f} "
          "| 0 | 0 | |")  # fmt: skip
    print(f"\nThe verifier alone: {each['wall']:.1f} ms an attestation, {each['cpu']:.1f} ms CPU.")


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


def ours(sandbox: Sandbox, folder: Path, count: int) -> dict[str, Row]:
    """Cold, warm, offline."""
    words = ["verify", "--index", f"{sandbox.index}/simple/", "--trust-config", "trust.json"]
    rows = {}
    for name, more in (("cold", []), ("warm", []), ("offline", ["--offline"])):
        before = len(sandbox.log())
        said, row = run([*words, "--quiet", *more, "requirements.txt"], folder)
        lines = [one for one in sandbox.log()[before:] if one["service"] == "pypi"]
        row |= {"requests": len(lines), "bytes": sum(one["sent"] for one in lines)}
        if f"{count} of {count} files verified" not in said or (name != "cold" and row["bytes"]):
            raise SystemExit(f"{name}: {row}\n{said}")
        rows[name] = row
    return rows


def peer(sandbox: Sandbox, folder: Path, wheels: Sequence[Path]) -> Row:
    """One process a file, offline; its only way to another trust root is Sigstore's cache."""
    from sigstore._internal.tuf import DEFAULT_TUF_URL

    cache = folder / "xdg" / "sigstore-python" / "tuf" / quote(DEFAULT_TUF_URL, safe="")
    cache.mkdir(parents=True)
    root = json.dumps(sandbox.info["trust_config"]["trustedRoot"])
    (cache / "trusted_root.json").write_text(root)
    program = Path(sys.executable).with_name("pypi-attestations")
    identity = f"https://github.com/{WORKFLOW}"
    rows = []
    for wheel in wheels:
        beside = wheel.with_name(f"{wheel.name}.publish.attestation")
        beside.write_text(json.dumps(attestation(sandbox, wheel)))
        words = [str(program), "verify", "attestation", "--offline", "--identity", identity]
        env = {"XDG_CACHE_HOME": str(folder / "xdg")}
        said, row = timed([*words, str(wheel)], folder, env)
        if f"OK: {beside}" not in said:
            raise SystemExit(f"the peer did not verify {wheel.name}:\n{said}")
        rows.append(row)
    return {key: statistics.mean(row[key] for row in rows) for key in ("wall", "cpu")}


def alone(sandbox: Sandbox, wheels: Sequence[Path]) -> Row:
    """The verifier, shared by all files: milliseconds each."""
    verifier = Verifier(roots.load(json.dumps(sandbox.info["trust_config"])).config)
    given = [(wheel.name, *provenance(sandbox, wheel)) for wheel in wheels]
    began, busy = time.perf_counter(), time.process_time()
    for name, sha256, body in given:
        verifier.provenance(body, name, sha256)
    wall, cpu = time.perf_counter() - began, time.process_time() - busy
    return {"wall": 1000 * wall / len(given), "cpu": 1000 * cpu / len(given)}


def provenance(sandbox: Sandbox, wheel: Path) -> tuple[str, dict[str, Any]]:
    """Digest and provenance object of a wheel, as the index shows them."""
    name = wheel.name.split("-")[0].replace("_", "-")
    (file,) = sandbox.listing(name).json()["files"]
    return file["hashes"]["sha256"], sandbox.http.get(file["provenance"]).json()


def attestation(sandbox: Sandbox, wheel: Path) -> object:
    """Its one attestation."""
    return provenance(sandbox, wheel)[1]["attestation_bundles"][0]["attestations"][0]


def run(words: Sequence[str], folder: Path) -> tuple[str, Row]:
    """Run our program; what it said, wall and CPU seconds."""
    return timed([sys.executable, "-m", "publisher", *words], folder, {})


def timed(command: Sequence[str], folder: Path, env: Mapping[str, str]) -> tuple[str, Row]:
    """Run a program that must succeed; what it said, wall and CPU seconds."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    surroundings = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), **env}
    done = subprocess.run(command, cwd=folder, env=surroundings, capture_output=True, check=False)
    wall = time.perf_counter() - began
    said = done.stdout.decode() + done.stderr.decode()
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:4])}... ended with {done.returncode}\n{said}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return said, {"wall": wall, "cpu": cpu}


if __name__ == "__main__":
    sys.exit(main())
