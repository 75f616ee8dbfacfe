"""What one row of the table of options is; the table itself is ``publisher.options``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, NoReturn, TypeVar, get_args, get_type_hints

from publisher.basics import Secret

Kind = Literal["bool", "choice", "path", "integer", "seconds", "text", "secret"]
Group = Literal["What", "Where and as whom", "How", "The world", "What you see"]
"""The titles of the help, in their order."""
WHERE: Group = "Where and as whom"
"""All of this group decides what is trusted."""

T = TypeVar("T")

FACES = frozenset({"github", "gitlab"})
NO_FACE: frozenset[str] = frozenset()
GITHUB_FACE = frozenset({"github"})

_KINDS: Mapping[object, Kind] = {
    bool: "bool",
    int: "integer",
    float: "seconds",
    Path: "path",
    str: "text",
    Secret: "secret",
}


class Row(NamedTuple):
    """One option as all its readers see it.

    ``name`` is the word itself (``dry-run``), ``attribute`` the field of the table. A
    ``decisive`` option decides what is trusted or whether anything is published, so it is never
    read from pyproject.toml; nor are ``lenient`` choices, which let more pass. ``faces`` offer it
    as an input; ``line_only`` options exist on the command line only. A secret is read from its
    variable and from nowhere else. ``aliases`` are other spellings of a choice, matched in any
    case. In a choice such as ``code=VERSION``, the user writes a text in place of the word after
    ``=``.
    """

    group: Group
    help: str
    decisive: bool = False
    lenient: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    aliases: Mapping[str, str] = {}
    metavar: str = ""
    short: str = ""
    repeatable: bool = False
    positional: bool = False
    bounds: tuple[float, float] = (0, float("inf"))
    commands: tuple[str, ...] = ("publish",)
    faces: frozenset[str] = FACES
    line_only: bool = False
    attribute: str = ""
    section: str = ""
    kind: Kind = "text"
    default: object = None

    @property
    def name(self) -> str:
        """The option's word: ``dry-run``."""
        return self.attribute.replace("_", "-")

    @property
    def key(self) -> str:
        """As in ``[tool.publisher]``: ``packages-dir``, ``verify.fail-on``."""
        return f"{self.section}{self.name}"

    @property
    def flag(self) -> str:
        """As on the command line: ``--dry-run``; ``PATH`` for the positional one."""
        if self.kind == "secret":
            return f"{self.variable}"
        return self.metavar if self.positional else f"--{self.name}"

    @property
    def variable(self) -> str | None:
        """As in the environment: ``PUBLISHER_DRY_RUN``; ``None`` where there is none."""
        return None if self.line_only else f"PUBLISHER_{self.attribute.upper()}"

    @property
    def switch(self) -> bool:
        """Whether the flag stands alone: booleans that are false unless asked for."""
        return self.kind == "bool" and self.default is False

    @property
    def accepted(self) -> str:
        """What values are read, in words."""
        low, high = self.bounds
        if self.kind == "choice":
            return ", ".join((*self.choices, *self.aliases))
        if self.kind == "integer":
            return f"a whole number from {low:.0f} to {high:.0f}"
        words = {
            "bool": "true, false, yes, no, 1, 0",
            "path": "a path",
            "seconds": f"a number of seconds, at least {low:g}",
            "text": "a text that is not empty",
            "secret": "a secret",
        }
        return words[self.kind]


class Table:
    """Values of the options that a subclass has as fields. They don't change.

    Not a dataclass: this is read for ``--version``, too, and ``dataclasses`` brings ``inspect``,
    which took a fifth of the time until its answer.
    """

    SECTION = ""

    def __init__(self, **given: object) -> None:
        values = {name: row.default for name, row in _made(type(self)).items()}
        if unknown := given.keys() - values:
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}")
        vars(self).update(values | given)

    def __setattr__(self, name: str, _value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen, and so is its {name}")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # how Python says: equal by value, no hash

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"


def option(default: T, group: Group, help: str, **columns: Any) -> T:  # noqa: A002 - a column
    """A field of a ``Table``; its annotation gives the kind, and a Literal the choices.

    Args:
        default: The option's value if nobody gives one.
        group: The title of the help that it stands under.
        help: What it does, in a few words.
        columns: The other columns of ``Row``; an option of ``WHERE`` is decisive unless it says
            otherwise.
    """
    columns.setdefault("decisive", group == WHERE)
    if columns.get("line_only"):
        columns.setdefault("faces", NO_FACE)
    row: Any = Row(group, help, default=default, **columns)
    return row  # type: ignore[no-any-return]  # an instance has a T in its place


def rows_of(table: type[Table]) -> tuple[Row, ...]:
    """The rows of a table, in the order of its fields."""
    hints = get_type_hints(table)
    return tuple(
        _typed(row._replace(attribute=name, section=table.SECTION), hints[name])
        for name, row in _made(table).items()
    )


def _made(table: type[Table]) -> dict[str, Row]:
    """What ``option`` made, by its name in the class."""
    return {name: row for name, row in vars(table).items() if isinstance(row, Row)}


def _typed(row: Row, hint: object) -> Row:
    """Fill in what the annotation says: ``X | None`` and ``tuple[X, ...]`` are about ``X``."""
    parts = [part for part in get_args(hint) if part not in (type(None), Ellipsis)]
    if len(parts) == 1:
        return _typed(row, parts[0])
    choices = row.choices or tuple(str(part) for part in parts)
    if choices:
        metavar = row.metavar or "|".join(choices)
        return row._replace(kind="choice", choices=choices, metavar=metavar)
    kind = _KINDS[hint]
    return row._replace(kind=kind, metavar=row.metavar or ("BOOL" if kind == "bool" else "TEXT"))
