"""The command line's grammar and its help, made from the table of options."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, HelpFormatter, RawDescriptionHelpFormatter
from collections.abc import Iterable
from typing import Any, NoReturn, get_args

from publisher.commands import COMMANDS
from publisher.errors import InvalidOption
from publisher.rows import Group, Row
from publisher.tables import rows

WIDTH = 80
DECISIVE = "[!]"
ENDINGS = f"""\
Every option is also a variable, such as PUBLISHER_DRY_RUN, and a key of
[tool.publisher] in pyproject.toml ([tool.publisher.verify] for verify and pin),
but for those marked {DECISIVE}: they decide what is trusted or published. Command
line beats variable beats pyproject.toml."""
CODES = {
    "0": "done",
    "1": "our bug",
    "2": "usage or configuration",
    "3": "identity",
    "4": "distributions",
    "5": "attestations",
    "6": "exchange with the index",
    "7": "upload",
    "8": "arrival: the index shows something else than we sent",
    "10": "drift",
    "11": "evidence fails",
    "12": "incomplete, or nothing was verified",
    "13": "pins out of date",
    "130/143": "interrupted",
}
ENDS = {
    "publish": "0 1 2 3 4 5 6 7 8 130/143",
    "doctor": "0 1 2 3 4 5 6 130/143",
    "build": "0 1 2 4 130/143",
    "attest": "0 1 2 3 4 5 130/143",
    "sandbox": "0 1 2",
    "verify": "0 1 2 10 11 12 13 130/143",
    "pin": "0 1 2 10 11 12 130/143",
}
"""How each command can end."""


class Parser(ArgumentParser):
    """An argparse parser that never prints and never exits.

    It leaves only what was given in the namespace, each option as a list of texts. Commands and
    paths are for the caller: argparse can't mix them with options.
    """

    def __init__(self, table: Iterable[Row]) -> None:
        super().__init__(
            prog="publisher",
            add_help=False,
            allow_abbrev=False,
            argument_default=SUPPRESS,
            formatter_class=_formatter,
        )
        self.color = False  # from Python 3.14 on, argparse colours the help by itself
        given = list(table)
        for title in get_args(Group):
            group = self.add_argument_group(title.lower())
            for row in given:
                if row.group == title and not row.positional and row.kind != "secret":
                    _add(group, row)

    @classmethod
    def of_all(cls) -> Parser:
        """A parser of every command's options."""
        return cls({row.flag: row for row in rows()}.values())

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing and exiting.

        Raises:
            InvalidOption: Always.
        """
        text = message.removeprefix("argument ")
        raise InvalidOption(text, hint="See `publisher --help`.")


def help_text(command: str) -> str:
    """The help of a command, at most 80 columns wide."""
    parser = Parser(row for row in rows() if command in row.commands)
    parser.usage = _usage(command)
    parser.description = f"{COMMANDS[command].capitalize()}.{_commands(command)}"
    codes = "".join(f"\n  {code:<9}{CODES[code]}" for code in ENDS[command].split())
    parser.epilog = f"{ENDINGS}\n\nexit codes:{codes}"
    return parser.format_help()


def _formatter(prog: str) -> HelpFormatter:
    return RawDescriptionHelpFormatter(prog, max_help_position=26, width=WIDTH)


def _add(group: Any, row: Row) -> None:  # argparse's group type is private
    silent = row.default in (None, ()) or row.switch
    default = "" if silent else f" (default: {_shown(row.default)})"
    mark = f" {DECISIVE}" if row.decisive else ""
    says = f"{row.help}{default}{mark}".replace("%", "%%")
    names = [row.short, row.flag] if row.short else [row.flag]
    if row.switch:
        group.add_argument(
            *names, dest=row.attribute, action="append_const", const="true", help=says
        )
    else:
        group.add_argument(
            *names, dest=row.attribute, action="append", metavar=row.metavar, help=says
        )


def _shown(default: object) -> str:
    if isinstance(default, tuple):
        return " ".join(default)
    if isinstance(default, float):
        return f"{default:g}"
    return str(default).lower()


def _usage(command: str) -> str:
    word = "[publish]" if command == "publish" else command
    paths = [row.flag for row in rows() if row.positional and command in row.commands]
    return f"publisher {word} [option ...]{''.join(f' [{flag} ...]' for flag in paths)}"


def _commands(command: str) -> str:
    """What the arguments mean; the default command lists the commands, too."""
    from textwrap import fill

    paths = next((row for row in rows() if row.positional and command in row.commands), None)
    if paths is None:
        return ""
    words = "\n".join(
        fill(f"  {name:<10}{says}", WIDTH, subsequent_indent=" " * 12)
        for name, says in COMMANDS.items()
    )
    default = f" (default: {_shown(paths.default)})" if paths.default else ""
    about = fill(f"{paths.flag} names {paths.help}{default}", WIDTH)
    secrets = [row for row in rows() if row.kind == "secret" and command in row.commands]
    about += "".join(f"\n{fill(f'{row.flag} is {row.help}', WIDTH)}" for row in secrets)
    return f"\n\n{about}" if command != "publish" else f"\n\ncommands:\n{words}\n\n{about}"
