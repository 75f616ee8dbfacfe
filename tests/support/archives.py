"""Valid distributions made with zipfile and tarfile, to be published or to be broken."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import random
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from packaging.utils import canonicalize_name

DESCRIPTION = "# Widget\n\nIt turns.\n"


def core_metadata(
    name: str = "widget",
    version: str = "1.0",
    *,
    metadata_version: str = "2.4",
    extra_metadata: str = "",
    description: str = DESCRIPTION,
) -> str:
    """The text of METADATA or PKG-INFO; ``extra_metadata`` is further header lines."""
    lines = [
        f"Metadata-Version: {metadata_version}",
        f"Name: {name}",
        f"Version: {version}",
        "Summary: A thing that turns",
        *([] if "Description-Content-Type" in extra_metadata or not description
          else ["Description-Content-Type: text/markdown"]),
        *extra_metadata.strip("\n").splitlines(),
    ]  # fmt: skip
    return "\n".join(lines) + "\n\n" + description


def make_wheel(
    folder: Path,
    name: str = "widget",
    version: str = "1.0",
    *,
    tag: str = "py3-none-any",
    metadata_version: str = "2.4",
    extra_metadata: str = "",
    description: str = DESCRIPTION,
    size: int = 0,
    members: Mapping[str, str | bytes] | None = None,
) -> Path:
    """Write a wheel; the same arguments make the same bytes.

    ``size`` is that many incompressible bytes of payload, ``members`` are further files.
    """
    stem = canonicalize_name(name).replace("-", "_")
    info = f"{stem}-{version}.dist-info"
    meta = core_metadata(
        name,
        version,
        metadata_version=metadata_version,
        extra_metadata=extra_metadata,
        description=description,
    )
    wheel = f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n"
    files: dict[str, str | bytes] = {f"{stem}/__init__.py": "", **_payload(stem, size)}
    files |= {**(members or {}), f"{info}/METADATA": meta, f"{info}/WHEEL": wheel}
    files[f"{info}/RECORD"] = _record(files, info)
    return write_zip(folder / f"{stem}-{version}-{tag}.whl", files)


def make_sdist(
    folder: Path,
    name: str = "widget",
    version: str = "1.0",
    *,
    metadata_version: str = "2.4",
    extra_metadata: str = "",
    description: str = DESCRIPTION,
    size: int = 0,
    members: Mapping[str, str | bytes] | None = None,
) -> Path:
    """Write an sdist; the arguments are those of ``make_wheel``."""
    stem = canonicalize_name(name).replace("-", "_")
    top = f"{stem}-{version}"
    meta = core_metadata(
        name,
        version,
        metadata_version=metadata_version,
        extra_metadata=extra_metadata,
        description=description,
    )
    files: dict[str, str | bytes] = {
        f"{top}/PKG-INFO": meta,
        f"{top}/pyproject.toml": "[build-system]\nrequires = []\n",
        **_payload(f"{top}/{stem}", size),
        **{f"{top}/{member}": data for member, data in (members or {}).items()},
    }
    return write_tar(folder / f"{top}.tar.gz", files)


def write_zip(path: Path, members: Mapping[str, str | bytes]) -> Path:
    """Write a zip with these members and nothing else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return path


def write_tar(path: Path, members: Mapping[str, str | bytes | tarfile.TarInfo]) -> Path:
    """Write a .tar.gz with these members and nothing else; a TarInfo is an entry without data."""
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, data in members.items():
            if isinstance(data, tarfile.TarInfo):
                archive.addfile(data)
                continue
            content = data.encode() if isinstance(data, str) else data
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    path.write_bytes(gzip.compress(plain.getvalue(), compresslevel=1, mtime=0))
    return path


def _payload(folder: str, size: int) -> dict[str, str | bytes]:
    return {f"{folder}/payload.bin": random.Random(size).randbytes(size)} if size else {}


def _record(files: Mapping[str, str | bytes], info: str) -> str:
    lines = []
    for name, data in files.items():
        content = data.encode() if isinstance(data, str) else data
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
        lines.append(f"{name},sha256={digest.decode()},{len(content)}\n")
    return "".join(lines) + f"{info}/RECORD,,\n"
