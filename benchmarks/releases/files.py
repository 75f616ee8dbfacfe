"""Valid wheels and sdists of any size, written in blocks: this process must stay small.

The kernel counts the memory of the process that starts a child as the child's own peak.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

BLOCK = 1 << 20
MEMBER = 256 * BLOCK  # well below what would need zip64
METADATA = """Metadata-Version: 2.4
Name: {name}
Version: 1.0
Summary: A thing that turns
Description-Content-Type: text/markdown

# Widget

It turns.
"""


def make(folder: Path, name: str, files: int, size: int, *, sdist: bool = False) -> None:
    """Write a release: so many wheels of about ``size`` bytes, one per platform, or an sdist too.

    Every wheel has random bytes of its own, which are stored as they are.
    """
    folder.mkdir(parents=True)
    if sdist:
        _sdist(folder, name, size)
    for number in range(files - int(sdist)):
        _wheel(folder, name, f"py3-none-manylinux_2_{number + 17}_x86_64", size)


def _wheel(folder: Path, name: str, tag: str, size: int) -> None:
    info = f"{name}-1.0.dist-info"
    texts = {
        f"{info}/METADATA": METADATA.format(name=name),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n",
    }
    record = []
    with zipfile.ZipFile(folder / f"{name}-1.0-{tag}.whl", "w") as wheel:
        for number, start in enumerate(range(0, size, MEMBER)):
            member = f"{name}/payload-{number}.bin"
            sha256 = hashlib.sha256()
            with wheel.open(member, "w") as file:
                for block in _random(min(MEMBER, size - start)):
                    sha256.update(block)
                    file.write(block)
            record.append(_line(member, sha256.digest(), min(MEMBER, size - start)))
        for member, text in texts.items():
            wheel.writestr(member, text)
            record.append(_line(member, hashlib.sha256(text.encode()).digest(), len(text)))
        wheel.writestr(f"{info}/RECORD", "".join(record) + f"{info}/RECORD,,\n")


def _sdist(folder: Path, name: str, size: int) -> None:
    members = {
        "PKG-INFO": METADATA.format(name=name).encode(),
        "pyproject.toml": b"[build-system]\nrequires = []\n",
        "payload.bin": b"".join(_random(size)),
    }
    with tarfile.open(folder / f"{name}-1.0.tar.gz", "w:gz") as archive:
        for member, data in members.items():
            entry = tarfile.TarInfo(f"{name}-1.0/{member}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


def _random(size: int) -> Iterator[bytes]:
    for start in range(0, size, BLOCK):
        yield os.urandom(min(BLOCK, size - start))


def _line(member: str, digest: bytes, size: int) -> str:
    return f"{member},sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()},{size}\n"
