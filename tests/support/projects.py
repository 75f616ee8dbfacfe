"""A project with a build backend of its own, which needs no network to build."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent

BACKEND = """\
import io, os, tarfile, zipfile

NAME, VERSION = {name!r}, {version!r}
STEM = NAME.replace("-", "_")
META = f"Metadata-Version: 2.1\\nName: {{NAME}}\\nVersion: {{VERSION}}\\n"

def build_sdist(folder, settings=None):
    top = f"{{STEM}}-{{VERSION}}"
    with tarfile.open(os.path.join(folder, top + ".tar.gz"), "w:gz") as tar:
        for name in ("pyproject.toml", "backend.py"):
            tar.add(name, f"{{top}}/{{name}}")
        info = tarfile.TarInfo(f"{{top}}/PKG-INFO")
        info.size = len(META)
        tar.addfile(info, io.BytesIO(META.encode()))
    return top + ".tar.gz"

def build_wheel(folder, settings=None, metadata=None):
    top = f"{{STEM}}-{{VERSION}}"
    name = f"{{top}}-py3-none-any.whl"
    files = {{"METADATA": META, "RECORD": "", "WHEEL": "Wheel-Version: 1.0\\n"}}
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr(f"{{STEM}}.py", "")
        for member, text in files.items():
            wheel.writestr(f"{{top}}.dist-info/{{member}}", text)
    return name
"""


HOSTILE = """

import json, os, socket, subprocess, sys

def attack():
{code}

honest = build_wheel

def build_wheel(folder, settings=None, metadata=None):
    with open(os.environ["SEEN"], "w") as file:
        json.dump(attack(), file)
    return honest(folder)
"""


def make_hostile_project(folder: Path, code: str) -> Path:
    """One whose backend runs ``code`` before it makes the wheel, and writes what it returns."""
    project = make_project(folder)
    with (project / "backend.py").open("a", encoding="utf-8") as file:
        file.write(HOSTILE.format(code=indent(dedent(code), "    ")))
    return project


def make_project(folder: Path, name: str = "widget", version: str = "1.0") -> Path:
    """Write the project into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        f'[project]\nname = "{name}"\nversion = "{version}"\n',
        encoding="utf-8",
    )
    (folder / "backend.py").write_text(BACKEND.format(name=name, version=version), encoding="utf-8")
    return folder
