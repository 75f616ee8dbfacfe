"""Read the options: command line beats environment beats pyproject.toml beats default."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from publisher.commands import COMMANDS
from publisher.errors import (
    InvalidOption,
    InvalidValue,
    SettingNotAllowedHere,
    UnknownSetting,
    UsageError,
)
from publisher.incumbent import REPLACED
from publisher.options import Options
from publisher.reading import Reading
from publisher.rows import Row
from publisher.tables import made, rows
from publisher.usage import Parser
from publisher.values import read, spelt

PREFIX = "PUBLISHER_"
FOREIGN = ("TWINE_", "UV_PUBLISH_")


class Setting(NamedTuple):
    """The texts that one source gives to one option."""

    row: Row
    source: str
    texts: tuple[str, ...]


def resolve(
    argv: Sequence[str], env: Mapping[str, str], pyproject: Path
) -> tuple[str, Options | Reading]:
    """Return the command and its options.

    With ``--help`` or ``--version`` nothing else is read: the options say only that.

    Args:
        argv: The arguments, without the program.
        env: The environment; an empty variable counts as unset.
        pyproject: The pyproject.toml of the current folder, which need not exist.

    Raises:
        InvalidOption: The command line has an option or command that we don't have.
        UnknownSetting: The environment or pyproject.toml has a setting that we don't have.
        SettingNotAllowedHere: A decisive option stands in pyproject.toml.
        InvalidValue: A value, or pyproject.toml itself, can't be read.
    """
    command, line = _command_line(argv, pyproject.parent)
    asked: dict[str, Any] = {
        s.row.attribute: True for s in line if s.row.attribute in ("help", "version")
    }
    if asked:
        return command, made(command, **asked)
    table = _tool_table(pyproject)
    _refuse_unknown(env, table)
    _refuse_decisive(table)
    settings = [*_from_table(table), *_from_environment(env), *line]
    latest = {s.row.attribute: s for s in settings if command in s.row.commands}
    _refuse_to_act(command, settings)
    return command, made(command, **_values(latest.values(), pyproject.parent))


def report_path(argv: Sequence[str], env: Mapping[str, str]) -> Path | None:
    """Where a report was asked for, found also in settings that can't be understood."""
    words = [*argv, ""]
    for word, following in pairwise(words):
        name, _, value = word.partition("=")
        if name == "--report" and (value or following):
            return Path(value or following)
    return Path(env["PUBLISHER_REPORT"]) if env.get("PUBLISHER_REPORT") else None


def foreign_settings(env: Mapping[str, str]) -> list[str]:
    """The names of other publishing tools' variables, which we never read."""
    return sorted(name for name, value in env.items() if value and name.startswith(FOREIGN))


def _command_line(argv: Sequence[str], folder: Path) -> tuple[str, list[Setting]]:
    head, paths = _split(argv)
    given, rest = Parser.of_all().parse_known_args(head)
    unknown = [word for word in rest if word.startswith("-") and word != "-"]
    words = [word for word in rest if word not in unknown]
    helped = words[:1] == ["help"] and not (folder / "help").exists()
    words = words[helped:]
    named = bool(words) and words[0] in COMMANDS
    command = words.pop(0) if named else "publish"
    texts: dict[str, Any] = vars(given) | ({"help": ["true"]} if helped else {})
    if words or paths:
        texts["paths"] = [*words, *paths]
    ranked = sorted(rows(), key=lambda row: command in row.commands)
    known = {row.attribute: row for row in ranked}  # of the command's own table, if it is there
    settings = [Setting(known[a], known[a].flag, tuple(t)) for a, t in texts.items()]
    _refuse_options(command, unknown, settings)
    if words and not named:
        _refuse_misspelt_command(words[0], folder)
    return command, settings


def _split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """What stands before and after ``--``: after it, all are paths."""
    words = list(argv)
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at + 1 :]


def _refuse_options(command: str, unknown: list[str], settings: list[Setting]) -> None:
    flags = [row.flag for row in rows() if command in row.commands and not row.positional]
    problems = {}
    for word in unknown:
        flag = word.partition("=")[0]
        problems[flag] = f"`publisher {command}` has no option {flag}{_nearest(flag, flags)}"
    for setting in settings:
        if command not in setting.row.commands:
            *homes, last = (f"`publisher {name}`" for name in setting.row.commands)
            where = f"{', '.join(homes)} and {last}" if homes else last
            flag = setting.row.flag
            problems[flag] = f"`publisher {command}` takes no {flag}; it belongs to {where}"
    _raise_all(InvalidOption, "options are not known here", problems, "`publisher --help`")


def _refuse_misspelt_command(word: str, folder: Path) -> None:
    nearest = _nearest(word, COMMANDS)
    if nearest and word.isalpha() and not (folder / word).exists():
        problem = f"there is no command {word!r}, and no path either{nearest}"
        _raise_all(InvalidOption, "", {word: problem}, "`publisher --help`")


def _refuse_to_act(command: str, settings: Iterable[Setting]) -> None:
    """A rehearsal that was asked for everywhere is not left out in silence."""
    for row, source, texts in settings:
        asked = row.attribute == "sandbox" or (row.attribute == "dry_run" and read(row, texts[-1]))
        if asked and command not in (*row.commands, "sandbox"):
            raise InvalidValue(
                f"{source} asks for a rehearsal, and `publisher {command}` has none",
                hint=f"Take {source} away for this command.",
            )


def _tool_table(pyproject: Path) -> Mapping[str, object]:
    import tomllib

    try:
        document: Any = tomllib.loads(pyproject.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as e:
        line = re.search(r"at line (\d+)", str(e))
        where = f"line {line[1]}" if line else "the end"
        message = f"{pyproject.name} is not valid TOML, at {where}: {e}"
        raise InvalidValue(message, facts={"path": str(pyproject), "line": where}) from e
    except (OSError, ValueError, RecursionError) as e:
        message = f"{pyproject.name} can't be read: {e}"
        raise InvalidValue(message, facts={"path": str(pyproject)}) from e
    for key in ("tool", "publisher"):
        document = document.get(key, {})
        if not isinstance(document, dict):
            message = f"{pyproject.name}: [tool.publisher] must be a table"
            raise InvalidValue(message, facts={"path": str(pyproject)})
    inner = document.get("verify")
    if isinstance(inner, dict):
        own = {f"verify.{key}": value for key, value in inner.items()}
        return {key: value for key, value in document.items() if key != "verify"} | own
    return dict(document)


def _refuse_unknown(env: Mapping[str, str], table: Mapping[str, object]) -> None:
    variables = [row.variable for row in rows() if row.variable]
    keys = [row.key for row in rows() if row.variable]
    problems = {
        name: f"we read no variable {name}{_nearest(name, variables)}"
        for name, value in sorted(env.items())
        if name.startswith(PREFIX) and value.strip() and name not in (*variables, *REPLACED)
    }
    for key in table:
        if key not in keys:
            problems[_key(key)] = f"we read no key {_key(key)}{_nearest(key, keys)}"
    _raise_all(UnknownSetting, "settings are unknown", problems, "`publisher --help`")


def _refuse_decisive(table: Mapping[str, object]) -> None:
    problems = {
        _key(row.key): f"{_key(row.key)} decides what is trusted or published, and such an "
        f"option is never read from pyproject.toml; set {' or '.join(_elsewhere(row))}"
        for row in rows()
        if row.decisive and row.key in table
    } | {
        _key(row.key): f"{_key(row.key)} = {table[row.key]!r} lets more pass than the default, "
        f"which pyproject.toml may not; set {' or '.join(_elsewhere(row))}"
        for row in rows()
        if table.get(row.key) in row.lenient
    }
    _raise_all(SettingNotAllowedHere, "keys are not read from pyproject.toml", problems)


def _elsewhere(row: Row) -> list[str]:
    return list(dict.fromkeys((row.flag, str(row.variable))))


def _from_table(table: Mapping[str, object]) -> list[Setting]:
    """The TOML values as texts; the kinds that TOML has types for are read from those, too."""
    found, problems = [], {}
    for row in (row for row in rows() if row.key in table):
        value = table[row.key]
        items = value if row.repeatable and isinstance(value, list) else [value]
        native = (str, bool, int, float) if row.kind in ("bool", "integer", "seconds") else str
        if all(isinstance(item, native) for item in items):
            found.append(Setting(row, _key(row.key), tuple(spelt(item) for item in items)))
        else:
            problems[_key(row.key)] = _unreadable(_key(row.key), row, value)
    _raise_all(InvalidValue, "values can't be read", problems)
    return found


def _from_environment(env: Mapping[str, str]) -> list[Setting]:
    found = []
    for row in rows():
        text = env.get(row.variable, "").strip() if row.variable else ""
        if row.variable and text:
            texts = re.split(r"[\s,]+", text.strip(", \n")) if row.repeatable else [text]
            found.append(Setting(row, row.variable, tuple(texts)))
    return found


def _values(settings: Iterable[Setting], project: Path) -> dict[str, Any]:
    values, problems = {}, {}
    for row, source, texts in settings:
        found = [read(row, text) for text in texts]
        paths = [Path(text) for text in texts] if row.kind == "path" or row.positional else []
        outside = source.startswith("[") and any(_leaves(project, path) for path in paths)
        if not found or None in found or outside:
            wrong = texts[found.index(None)] if None in found else ", ".join(texts)
            problems[source] = _unreadable(source, row, wrong)
        else:
            values[row.attribute] = tuple(dict.fromkeys(found)) if row.repeatable else found[-1]
    _raise_all(InvalidValue, "values can't be read", problems)
    return values


def _leaves(project: Path, value: Path) -> bool:
    """Whether a path leads elsewhere: a checkout must not say where else we read and write."""
    try:
        inside = (project / value).resolve().is_relative_to(project.resolve())
    except (OSError, RuntimeError, ValueError):  # a loop of links, a NUL
        return True
    inner = {part.lower() for part in value.parts}
    return value.is_absolute() or not inside or bool(inner & {"..", ".git"})


def _unreadable(source: str, row: Row, value: object) -> str:
    whose = "" if source == row.flag else f" for {row.flag}"
    return f"{source} has the value {spelt(value)[:80]!r}{whose}; accepted: {row.accepted}"


def _key(name: str) -> str:
    return f"[tool.publisher] {name}"


def _nearest(word: str, names: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, list(names), 1)
    return f"; did you mean {near[0]}?" if near else ""


def _raise_all(
    cause: type[UsageError], what: str, problems: Mapping[str, str], see: str = ""
) -> None:
    """Raise one error that names all problems, so that they are fixed in one go."""
    if not problems:
        return
    (first, *others) = problems.values()
    message = f"{len(problems)} {what}: {', '.join(problems)}" if others else first
    facts = dict(problems) if others else {}  # one problem is the message already
    raise cause(message, facts=facts, hint=f"See {see}." if see else "")
