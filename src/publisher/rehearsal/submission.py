"""An upload on its way through an index's rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from publisher.rehearsal.conditions import Settings
from publisher.rehearsal.multipart import FilePart, Form
from publisher.rehearsal.store import Grant, Store

if TYPE_CHECKING:
    from packaging.metadata import Metadata


class RuleError(Exception):
    """The upload ends here; with status 200 because there is nothing left to do."""

    def __init__(self, status: int, text: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass
class Upload:
    """An upload on its way through the rules, which fill in what they find out.

    ``authorization`` is the header, ``stack`` ends with the upload, however it ends.
    """

    form: Form
    store: Store
    settings: Settings
    base: str
    wait: Callable[[], None]
    authorization: str
    stack: ExitStack
    grant: Grant = field(default_factory=lambda: Grant("", 0, frozenset()))
    metadata: Metadata | None = None
    urls: dict[str, tuple[str, bool]] = field(default_factory=dict)
    core_metadata: bytes | None = None
    provenance: Mapping[str, Any] | None = None

    @property
    def core(self) -> Metadata:
        """The core metadata; a rule made sure that it is valid."""
        assert self.metadata is not None  # noqa: S101 - for the type checker
        return self.metadata

    @property
    def content(self) -> FilePart:
        """The file; a rule made sure that there is one."""
        return self.form.files["content"]

    @property
    def name(self) -> str:
        """The project's normalized name (PEP 503)."""
        return canonicalize_name(self.form.get("name"))

    @property
    def version(self) -> str:
        """The version as the form has it."""
        return self.form.get("version")

    def refuse_known_file(self) -> None:
        """Identical: 200 and nothing more; same name or same content alone: 400."""
        part = self.content
        project = self.store.project(self.name)
        same_name = project.files.get(part.filename) if project else None
        if same_name and same_name.sha256 == part.sha256:
            raise RuleError(200)
        if same_name or self.store.same_content(part.blake2_256):
            text = f"File already exists ({part.filename!r}, with blake2_256 hash "
            text += f"{part.blake2_256!r}). See {self.base}/help/#file-name-reuse"
            raise RuleError(400, f"{text} for more information.")
