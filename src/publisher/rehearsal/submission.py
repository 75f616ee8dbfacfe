"""An upload on its way through an index's rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from packaging.utils import canonicalize_name

from publisher.rehearsal import archives
from publisher.rehearsal.multipart import FilePart, Form
from publisher.rehearsal.store import Grant, Store


class RuleError(Exception):
    """The upload ends here; with status 200 because there is nothing left to do."""

    def __init__(self, status: int, text: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass
class Settings:
    """What administrators of an index set: its file size limit in bytes, and its switches."""

    file_limit: int | None = None
    attestations: bool = True


@dataclass
class Upload:
    """An upload on its way through the rules."""

    form: Form
    grant: Grant
    store: Store
    settings: Settings
    base: str
    wait: Callable[[], None]
    provenance: Mapping[str, Any] | None = None
    parsed: archives.Filename | None = None

    @property
    def content(self) -> FilePart:
        """The file; a rule made sure that there is one."""
        return self.form.files["content"]

    @property
    def name(self) -> str:
        """The project's normalized name (PEP 503)."""
        return canonicalize_name(self.form.get("name"))

    def refuse_known_file(self) -> None:
        """Identical: 200 and nothing more; same name or same content alone: 400."""
        part = self.content
        project = self.store.project(self.name)
        same_name = project.files.get(part.filename) if project else None
        same_content = self.store.same_content(part.blake2_256)
        if same_name and same_name.sha256 == part.sha256:
            raise RuleError(200)
        if known := same_name or same_content:
            text = f"File already exists ({known.filename!r}, with blake2_256 hash "
            text += f"{known.blake2_256!r}). See {self.base}/help/#file-name-reuse"
            raise RuleError(400, f"{text} for more information.")
