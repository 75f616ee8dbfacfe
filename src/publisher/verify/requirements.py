"""A line of requirements.txt, by pip's grammar: https://pip.pypa.io/en/stable/reference/requirements-file-format/.

Pure. What pip would read otherwise than we do is an error.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from optparse import OptionParser, Values
from typing import NamedTuple, NoReturn

_COMMENT = re.compile(r"(^|\s+)#.*$")


class Line(NamedTuple):
    """A requirement with its hashes, or options alone: ``requirement`` is empty then."""

    requirement: str
    hashes: tuple[str, ...]
    options: Values


class _Parser(OptionParser):
    """pip's parser: it takes long options shortened, and values glued to short ones."""

    def error(self, msg: str) -> NoReturn:
        raise ValueError(msg)


def _parser() -> _Parser:
    parser = _Parser(add_help_option=False)
    add = parser.add_option
    add("-i", "--index-url", "--pypi-url", dest="index")
    for dest, *names in (
        ("files", "-r", "--requirement"),
        ("editable", "-e", "--editable"),
        ("besides", "--extra-index-url"),
        ("besides", "-c", "--constraint"),
        ("besides", "-f", "--find-links"),
        ("hashes", "--hash"),
        ("harmless", "--trusted-host"),
        ("harmless", "--no-binary"),
        ("harmless", "--only-binary"),
        ("harmless", "--use-feature"),
        ("harmless", "--global-option"),
        ("harmless", "-C", "--config-setting", "--config-settings"),
    ):
        add(*names, dest=dest, action="append", default=[])
    for name in ("--pre", "--prefer-binary", "--require-hashes"):
        add(name, dest="harmless", action="append_const", const=name)
    add("--no-index", dest="besides", action="append_const", const="no index")
    return parser


def parse(words: str) -> Line:
    """What a line says that is not empty.

    Raises:
        ValueError: An option that is not known here, one in the wrong place, or a stray word.
    """
    option = re.search("(^| )-", words)
    requirement = words[: option.start()].strip() if option else words
    options, stray = _parser().parse_args(shlex.split(words[option.start() :]) if option else [])
    hashes = tuple(options.hashes)
    if stray:
        raise ValueError(f"{stray[0]!r} follows an option")
    if requirement and any((options.index, options.files, options.editable, options.besides)):
        raise ValueError("this option has a line of its own")
    if hashes and not requirement:
        raise ValueError("a hash of nothing")
    return Line(requirement, hashes, options)


def joined(text: str) -> Iterator[tuple[int, str]]:
    """Lines, continued ones as one, then without comments; with the number of the first.

    In this order, as pip does: what a continued comment swallows is no requirement.
    """
    start, parts = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        start = start or number
        comment = _COMMENT.match(line)
        if line.endswith("\\") and not comment:
            parts += line.strip("\\")
            continue
        yield from _bare(start, parts + (" " * bool(comment) + line))
        start, parts = 0, ""
    yield from _bare(start, parts)


def _bare(number: int, line: str) -> Iterator[tuple[int, str]]:
    if words := _COMMENT.sub("", line).strip():
        yield number, words
