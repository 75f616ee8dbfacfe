"""The rules that keep the rooms apart (docs/design.md), checked on the parsed source.

A rule takes one module and yields line and reason of each violation. The samples below show that
every rule can fail.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

import pytest

import publisher
from publisher.providers import PROVIDERS

ROOT = Path(publisher.__file__).parent
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

LEAVES = "basics errors models outlook remarks reporter"
TOOLS = f"{LEAVES} addresses ahead files world http transport git"
HELPERS = " ".join(
    f"publish.{name}"
    for name in (
        "filename",
        "archive",
        "framing",
        "unpack",
        "measure",
        "metadata",
        "cleaning",
        "description",
        "form",
        "pace",
        "journal",
        "access",
        "crew",
        "simple",
        "difference",
        "recorder",
        "refusals",
        "rejections",
        "contract",
        "existing",
    )
)
COMPOSERS = (
    "publish.preparation publish.workshop publish.proofs publish.lease publish.pipeline "
    "publish.making publish.review"
)
# Who may import whom; the first pattern that fits a module holds. So a new file in publish/ is a
# step until it is listed as a helper, and a new file anywhere else fails until it has a row.
MAY = {
    "publisher addresses ahead basics commands outlook git incumbent publish report verify": "",
    "models": "basics outlook",
    "rows": "basics",
    "signals": "publisher errors",
    "errors errors.*": "models errors.*",
    "remarks reporter world": "basics models",
    "deadline": "",
    "transport": "deadline models",
    # publisher: the version, for the User-Agent
    "http": "publisher addresses ahead models transport",
    "options": "basics commands remarks rows",
    "reading": "basics commands rows",
    "values": "basics rows",
    "tables": "commands options reading rows",
    "usage": "commands errors rows tables",
    "settings": "commands errors incumbent options reading rows tables usage values",
    "providers.verdicts": LEAVES,
    "providers.habits": LEAVES,
    "providers.base": f"{LEAVES} git providers.habits providers.verdicts",
    "providers providers.*": f"{LEAVES} addresses git http providers.*",
    "publish.refusals publish.rejections": "models publish.refusals",
    "publish.building": "",  # a program of its own, where foreign code runs
    HELPERS: f"{TOOLS} {HELPERS} verify.core",
    COMPOSERS: f"{TOOLS} options providers.base verify.core publish.*",
    "publish.person": f"{TOOLS} publish.identity verify.core",
    "publish.*": f"{TOOLS} {HELPERS} providers.base verify.core",
    "verify.*": f"{TOOLS} verify.*",
    "report.*": f"publisher {LEAVES} files verify.model report.*",
    "rehearsal": "rehearsal.client",
    "rehearsal.*": f"{LEAVES} world rehearsal.*",  # nothing of what it is there to check
    "files": "errors",
    # identity: the real World's door to ID tokens is made where the World is; sources: what a
    # project is
    "surroundings": f"{TOOLS} options providers providers.* rehearsal publish.identity "
    "publish.person publish.sources",
    "consumer": f"{TOOLS} git reading signals surroundings report.* verify.*",
    "cli": f"publisher {TOOLS} consumer incumbent options reading settings signals surroundings "
    f"usage providers providers.base report.* rehearsal publish.journal publish.recorder "
    f"{COMPOSERS}",
    "__main__": "cli",
}
# The one home of each library. What is only imported for type checkers doesn't count.
HOMES = {
    "build": "publish.building",  # a child process, without our environment
    "id": "publish.identity",
    "packaging": "publish.* verify.*",
    "pypi_attestations": "publish.attest verify.core verify.statement",
    "requests": "deadline http transport",
    "rich": "report.terminal",
    "sigstore": "publish.attest publish.person verify.core verify.roots",
    "twine": "publish.metadata world",
    # what twine and sigstore bring, and what the index judges with
    **dict.fromkeys(("email_validator", "rfc3986"), "publish.metadata"),
    # form: its multipart encoder writes the plain fields; identity: id lets its errors through;
    # addresses: what it would dial
    "urllib3": "addresses deadline http transport publish.form publish.identity",
    # what sigstore brings, where certificates and policies are looked into
    **dict.fromkeys(("cryptography", "pyasn1", "pydantic"), "verify.core"),
    "tuf": "verify.roots",
}
LAZY = set(HOMES) - {"packaging", "requests", "rich", "urllib3"}
# Names with power over the process, and who may use them.
POWERS = {
    # publish.building: a program of its own
    "os.environ os.environb os.getenv os.putenv": "cli publish.building",
    "sys.exit os._exit exit quit SystemExit": "cli __main__ rehearsal.__main__ publish.building",
    # rehearsal.server: the traceback of our own bug, into the child's log; __main__: the last flush
    "print sys.stdout sys.stderr": "__main__ cli report.* rehearsal.__main__ rehearsal.server "
    "publish.building",
    "__import__ importlib.import_module": "",
}
# All that may be called while a module is imported: it makes a value and leaves no trace.
PURE = (
    "re.compile struct.Struct frozenset tuple float dict.fromkeys TypeVar Path Version timedelta "
    "HTTPStatus threading.Lock ipaddress.ip_network x509.ObjectIdentifier functools.lru_cache "
    "dataclass field option Row Field Placed Kind _same _by_environment"
)
DECORATORS = (
    "dataclass property classmethod staticmethod abstractmethod contextmanager cache "
    "cached_property"
)


@dataclass(frozen=True)
class Source:
    """A module by its dotted name inside the package: ``publish.plan``."""

    name: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)


Violations = Iterator[tuple[int, str]]
Rule = Callable[[Source], Violations]


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__") or "publisher"


SOURCES = {_name(path): path for path in sorted(ROOT.rglob("*.py"))}


def _fits(name: str, patterns: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns.split())


def _walk(node: ast.AST, when: str = "import") -> Iterator[tuple[ast.AST, str]]:
    """Every node and when it runs: at ``import``, when something is called, or ``never``."""
    yield node, when
    for field, value in ast.iter_fields(node):
        then = when
        if when != "never" and field == "body":
            test = ast.unparse(node.test) if isinstance(node, ast.If) else ""
            then = "call" if isinstance(node, FUNCTIONS) or "__name__" in test else when
            then = "never" if test == "TYPE_CHECKING" else then
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _walk(child, then)


def _imports(source: Source) -> Iterator[tuple[int, str, str]]:
    """Line, when, and the full name of everything that is imported."""
    for node, when in _walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, when, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from ((node.lineno, when, f"{base}.{alias.name}") for alias in node.names)


def arrows_point_down(source: Source) -> Violations:
    may = next((may for names, may in MAY.items() if _fits(source.name, names)), "")
    for line, _, name in _imports(source):
        inner = name.removeprefix("publisher.")
        if name.startswith("."):
            yield line, "relative import: write the name in full"
        elif name.split(".")[0] == "publisher":
            target = inner if inner in SOURCES else inner.rpartition(".")[0] or "publisher"
            if not _fits(target, may):
                yield line, f"{source.name} may not import {target}"


def libraries_stay_home(source: Source) -> Violations:
    for line, when, name in _imports(source):
        library = name.split(".")[0]
        known = library == "publisher" or library in sys.stdlib_module_names
        if known or when == "never" or source.name.startswith("rehearsal."):
            continue
        if not _fits(source.name, HOMES.get(library, "")):
            yield line, f"{library} belongs in {HOMES.get(library) or 'no module of ours'}"


def heavy_imports_wait(source: Source) -> Violations:
    for line, when, name in _imports(source):
        heavy = name.split(".")[0] in LAZY and not source.name.startswith("rehearsal.")
        if heavy and when == "import":
            yield line, f"{name} is imported at start-up: import it inside the function"


def powers_stay_home(source: Source) -> Violations:
    used = [(line, name) for line, _, name in _imports(source)]
    for node, _ in _walk(source.tree):
        if isinstance(node, ast.Name | ast.Attribute):
            used.append((node.lineno, ast.unparse(node)))
    for line, name in used:
        for names, homes in POWERS.items():
            if name in names.split() and not _fits(source.name, homes):
                yield line, f"{name} is for {homes or 'nobody'}"


def imports_leave_no_trace(source: Source) -> Violations:
    plain = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, *DEFINITIONS)
    for line in source.tree.body:
        text = isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)
        test = ast.unparse(line.test) if isinstance(line, ast.If) else ""
        if not (text or isinstance(line, plain) or test == "TYPE_CHECKING" or "__name__" in test):
            yield line.lineno, f"a statement runs at import: {ast.unparse(line).splitlines()[0]}"
    for node, when in _walk(source.tree):
        if when != "import":
            continue
        if isinstance(node, ast.Call) and not _fits(ast.unparse(node.func), PURE):
            yield node.lineno, f"{ast.unparse(node.func)}() is called at import"
        for used in getattr(node, "decorator_list", ()):
            if not (isinstance(used, ast.Call) or _fits(ast.unparse(used), DECORATORS)):
                yield used.lineno, f"@{ast.unparse(used)} is called at import"


def sizes_stay_small(source: Source) -> Violations:
    lines = len(source.text.splitlines())
    if lines >= 300:
        yield lines, f"{lines} lines; a file has less than 300"
    for node, _ in _walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines >= 45:
                yield node.lineno, f"{node.name} has {lines} lines; a function has less than 45"


def providers_are_listed(source: Source) -> Violations:
    listed = {provider.__module__ for provider in PROVIDERS}
    for node in source.tree.body:
        bases = [ast.unparse(base) for base in getattr(node, "bases", ())]
        if "Provider" in bases and f"publisher.{source.name}" not in listed:
            yield node.lineno, "it is not in providers.PROVIDERS"


def steps_do_not_know(source: Source) -> Violations:
    """A dry run is another World: no step can tell whether it is one."""
    if not _fits(source.name, "publish publish.* verify verify.*"):
        return
    for node, _ in _walk(source.tree):
        named = [getattr(node, field, None) for field in ("id", "attr", "arg", "name", "value")]
        if {"dry_run", "rehearsal"} & {word for word in named if isinstance(word, str)}:
            yield getattr(node, "lineno", 1), "a step asks whether this is a rehearsal"


RULES: tuple[Rule, ...] = (
    *(arrows_point_down, libraries_stay_home, heavy_imports_wait, powers_stay_home),
    *(imports_leave_no_trace, sizes_stay_small, providers_are_listed, steps_do_not_know),
)


@pytest.mark.parametrize("rule", RULES)
def test_the_source_keeps(rule: Rule) -> None:
    found = [
        f"{path}:{line}: {why} ({rule.__name__})"
        for name, path in SOURCES.items()
        for line, why in rule(Source(name, path.read_text("utf-8")))
    ]
    assert not found, "\n" + "\n".join(found)


# Rule, module, source whose last line breaks the rule, and nothing else.
SAMPLES: list[tuple[Rule, str, str]] = [
    (arrows_point_down, "models", "from publisher.errors import remark"),
    (arrows_point_down, "world", "import publisher.http"),
    (arrows_point_down, "publish.plan", "from publisher.publish import simple\nimport publisher"),
    (arrows_point_down, "publish.plan", "from publisher.publish.upload import Upload"),
    (arrows_point_down, "publish.plan", "def f():\n    from publisher.publish import identity"),
    (arrows_point_down, "publish.simple", "from publisher.publish import plan"),
    (arrows_point_down, "publish.identity", "from publisher.providers.github import GitHub"),
    (arrows_point_down, "publish.pipeline", "from publisher.report import console"),
    (arrows_point_down, "publish.pipeline", "from publisher import rehearsal"),
    (arrows_point_down, "publish.plan", "from .simple import listing"),
    (arrows_point_down, "report.console", "from publisher.rehearsal import client"),
    (arrows_point_down, "rehearsal.upload", "from publisher.publish import archive"),
    (arrows_point_down, "providers.base", "from publisher.providers.github import GitHub"),
    (arrows_point_down, "brand_new", "from publisher.models import Dist"),
    (libraries_stay_home, "publish.plan", "import json\nimport requests"),
    (libraries_stay_home, "publish.build", "def f():\n    from build import ProjectBuilder"),
    (libraries_stay_home, "publish.upload", "def f():\n    import sigstore.errors"),
    (libraries_stay_home, "publish.upload", "import brand_new"),
    (heavy_imports_wait, "world", "from twine import utils"),
    (heavy_imports_wait, "verify.core", "if TYPE_CHECKING:\n    import tuf\nimport sigstore.sign"),
    (powers_stay_home, "publish.plan", "def f():\n    return os.environ['HOME']"),
    (powers_stay_home, "world", "from os import environ"),
    (powers_stay_home, "settings", "def f():\n    raise SystemExit(2)"),
    (powers_stay_home, "publish.build", "def f():\n    print(1)"),
    (powers_stay_home, "rehearsal.fulcio", "def f():\n    sys.exit(1)"),
    (imports_leave_no_trace, "http", "A = re.compile('a')\nB = requests.get('https://a.example')"),
    (imports_leave_no_trace, "http", "logging.basicConfig()"),
    (imports_leave_no_trace, "rows", "class A:\n    text = Path('a').read_text()"),
    (imports_leave_no_trace, "rows", "def f(a=open('a')): ..."),
    (imports_leave_no_trace, "rows", "@atexit.register\ndef f(): ..."),
    (imports_leave_no_trace, "rows", "A = [1]\nfor a in A: B = a"),
    (sizes_stay_small, "rows", "def f():\n" + "    a = 1\n" * 44),
    (sizes_stay_small, "rows", "a = 1\n" * 300),
    (providers_are_listed, "providers.brand_new", "class New(Provider): ..."),
    (steps_do_not_know, "publish.plan", "def f(options):\n    return options.dry_run"),
    (steps_do_not_know, "verify.core", "def f(dry_run): ..."),
    (steps_do_not_know, "publish.plan", "def f(world):\n    return getattr(world, 'rehearsal')"),
]


@pytest.mark.parametrize(("rule", "name", "text"), SAMPLES)
def test_the_rule_can_fail(rule: Rule, name: str, text: str) -> None:
    found = dict(rule(Source(name, text)))
    line = 1 if text.startswith(("def f():\n    a", "@")) else len(text.splitlines())
    assert list(found) == [line], found


def test_every_rule_has_a_sample() -> None:
    assert {rule for rule, _, _ in SAMPLES} == set(RULES)


# What takes long to import, by itself or by what it brings, and is not needed to answer about the
# command line itself.
SLOW = {
    *LAZY,
    *("requests", "rich", "urllib3"),
    *("dataclasses", "datetime", "hashlib", "inspect", "json", "logging", "random", "secrets"),
    *("shutil", "signal", "socket", "subprocess", "tempfile", "threading", "tomllib", "traceback"),
    *("publisher.models", "publisher.outlook", "publisher.report.summary"),
}
ANSWER = """
import contextlib, sys
with contextlib.suppress(ImportError):
    import _colorize  # from Python 3.14 on, argparse brings it, and it brings dataclasses
before = {*sys.modules}
from publisher.cli import run
run(sys.argv[1:], {})
sys.stderr.write(" ".join({*sys.modules} - before))
"""


@pytest.mark.parametrize("argument", ["--version", "--help", "--no-such-option"])
def test_the_command_line_answers_before_it_loads_libraries(argument: str) -> None:
    path = os.pathsep.join(entry for entry in (str(ROOT.parent), *sys.path) if entry)
    done = subprocess.run(
        [sys.executable, "-P", "-c", ANSWER, argument],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stderr.split())
    assert "publisher.options" in loaded
    assert not loaded & SLOW
