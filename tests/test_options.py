"""The table of options and the four places a value can come from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest

from publisher import tables
from publisher.commands import COMMANDS
from publisher.errors import (
    InvalidOption,
    InvalidValue,
    SettingNotAllowedHere,
    UnknownSetting,
    UsageError,
)
from publisher.models import Secret
from publisher.options import Options, rows
from publisher.rows import FACES, Table, option, rows_of
from publisher.settings import foreign_settings, resolve
from publisher.usage import help_text
from publisher.world import INDEXES

BY_NAME = {row.name: row for row in rows()}

# For each option: a text that is not the default, its value, and a text that can't be read.
SAMPLES: dict[str, tuple[str, object, str | None]] = {
    "paths": ("a", ("a",), None),
    "dry-run": ("yes", True, "on"),
    "packages-dir": ("out/x", Path("out/x"), None),
    "build": ("never", "never", "Never"),
    "expect": ("c.json", Path("c.json"), None),
    "tag": ("v1", "v1", None),
    "repository": ("testpypi", ("testpypi",), "TestPyPI"),
    "repository-url": ("https://index.example", "https://index.example", None),
    "check-url": ("https://index.example", "https://index.example", None),
    "audience": ("me", "me", None),
    "user": ("me", "me", None),
    "password": ("p", "p", None),
    "password-file": ("p", Path("p"), None),
    "id-token-file": ("t", Path("t"), None),
    "trust-config": ("t", Path("t"), None),
    "contract": ("c", Path("c"), None),
    "auth": ("1", True, "2"),
    "attestations": ("best-effort", "best-effort", "yes"),
    "provider": ("github", "github", None),
    "provider-claims": ("c.json", Path("c.json"), None),
    "allow": ("private-repo-in-public-log", ("private-repo-in-public-log",), "everything"),
    "identity": ("email", "email", "me"),
    "skip-existing": ("No", False, "off"),
    "jobs": ("64", 64, "65"),
    "wait": ("1.5", 1.5, "1e2"),
    "deadline": ("600", 600.0, "soon"),
    "state": ("st", Path("st"), None),
    "sandbox": ("http://127.0.0.1:1", "http://127.0.0.1:1", None),
    "keep": ("k", Path("k"), None),
    "port": ("65535", 65535, "65536"),
    "tls": ("1", True, "2"),
    "report": ("r.json", Path("r.json"), None),
    "html": ("r.html", Path("r.html"), None),
    "format": ("json", "json", "yaml"),
    "verbose": ("TRUE", True, "v"),
    "quiet": ("true", True, "q"),
}
NAMES = list(SAMPLES)
ELSEWHERE = {"password": ""}


def read(
    *argv: str,
    env: dict[str, str] | None = None,
    toml: str | None = None,
    folder: Path | None = None,
) -> tuple[str, Options]:
    pyproject = (folder or Path("/nowhere")) / "pyproject.toml"
    if toml is not None:
        pyproject.write_text(toml)
    command, options = resolve(argv, env or {}, pyproject)
    assert isinstance(options, Options)
    return command, options


def value(name: str, options: Options) -> object:
    return getattr(options, BY_NAME[name].attribute)


def refused(cause: type[UsageError], *argv: str, **where: Any) -> UsageError:
    with pytest.raises(cause) as caught:
        read(*argv, **where)
    assert type(caught.value) is cause
    return caught.value


# The table


def test_every_field_is_a_row() -> None:
    assert [row.attribute for row in rows()] == list(Options.__annotations__)
    assert set(SAMPLES) == set(BY_NAME) - {"help", "version", "providers"}
    assert all(row.help and row.commands and row.metavar for row in rows())
    flags = [row.flag for row in rows()] + [row.short for row in rows() if row.short]
    assert len(flags) == len(set(flags))


def test_the_columns_others_rely_on() -> None:
    assert {name for name, row in BY_NAME.items() if row.decisive} == {
        "allow",
        "dry-run",
        "expect",
        "tag",
        "repository",
        "attestations",
        "provider",
        "sandbox",
        *("repository-url", "check-url", "audience", "user", "password", "password-file"),
        *("id-token-file", "identity", "trust-config", "auth", "provider-claims"),
    }
    shown = {name for name, row in BY_NAME.items() if row.faces == FACES}
    assert shown == {
        "allow",
        "expect",
        "paths",
        "dry-run",
        "packages-dir",
        "build",
        "tag",
        "repository",
        "attestations",
        "provider",
        "skip-existing",
        "jobs",
        "wait",
        "deadline",
        "sandbox",
        "verbose",
        *("repository-url", "check-url", "audience", "user", "password", "password-file"),
        *("id-token-file", "trust-config"),
    }
    on_github = {name for name, row in BY_NAME.items() if row.faces == {"github"}}
    assert on_github == {"report", "html"}
    assert all(not row.faces for name, row in BY_NAME.items() if name not in shown | on_github)
    assert BY_NAME["repository"].choices == tuple(INDEXES)
    assert {row.kind for row in rows()} == {
        "bool",
        "choice",
        "path",
        "integer",
        "seconds",
        "text",
        "secret",
    }


def test_a_row_by_its_names() -> None:
    row = BY_NAME["packages-dir"]
    assert (row.flag, row.variable, row.default, row.switch) == (
        "--packages-dir",
        "PUBLISHER_PACKAGES_DIR",
        Path("dist"),
        False,
    )
    assert BY_NAME["dry-run"].switch
    assert BY_NAME["help"].variable is None


def test_one_field_is_all_a_new_option_needs() -> None:
    class Own(Table):
        html: Path | None = option(None, "How", "a page")
        color: Literal["auto", "no"] = option("auto", "How", "colours")

    # The names in the annotations are found in the module, as for Options.
    html, color = rows_of(Own)
    assert (html.flag, html.variable, html.kind) == ("--html", "PUBLISHER_HTML", "path")
    assert (color.kind, color.choices, color.metavar) == ("choice", ("auto", "no"), "auto|no")


def test_options_are_values() -> None:
    some = Options(jobs=3)
    assert some == Options(jobs=3, wait=120.0)
    assert some != Options()
    assert "jobs=3, wait=120.0" in repr(some)
    with pytest.raises(AttributeError, match="frozen"):
        some.jobs = 4
    with pytest.raises(TypeError, match="Options has no job"):
        Options(job=3)


def test_choices_are_whole_words() -> None:
    for row in rows():
        assert isinstance(row.choices, tuple), row.name
        assert isinstance(row.commands, tuple), row.name
    refused(InvalidValue, "--allow", "private")


@pytest.mark.parametrize("version", ["1.0", "2!1.0rc1.post2.dev3", "v1-1"])
def test_a_choice_with_a_text_of_the_users_own(version: str) -> None:
    _, options = read("--allow", f"changed-provenance={version}")
    assert options.allow == (f"changed-provenance={version}",)


@pytest.mark.parametrize(
    "text",
    [
        *("changed-provenance", "changed-provenance=", "changed-provenance=1 2"),
        *("changed-provenance=1=2", "private-repo-in-public-log=1", "private-repo-in-public-log="),
    ],
)
def test_a_text_belongs_to_a_choice_that_has_one(text: str) -> None:
    refused(InvalidValue, "--allow", text)


def test_defaults() -> None:
    command, options = read()
    assert command == "publish"
    assert options == Options()
    assert options.paths == (".",)
    assert (options.attestations, options.wait, options.jobs) == (None, 120.0, 8)


# Every option from every source


def home(name: str) -> str:
    return BY_NAME[name].commands[0]


def on_the_line(name: str, text: str) -> list[str]:
    row = BY_NAME[name]
    if row.positional:
        return [text]
    return [row.flag] if row.switch else [row.flag, text]


def plain(found: object) -> object:
    """A secret has no equal."""
    return found.reveal() if isinstance(found, Secret) else found


@pytest.mark.parametrize("name", [name for name in NAMES if BY_NAME[name].kind != "secret"])
def test_every_option_on_the_command_line(name: str) -> None:
    text, expected, _ = SAMPLES[name]
    command, options = read(home(name), *on_the_line(name, text))
    assert command == home(name)
    assert value(name, options) == expected


@pytest.mark.parametrize("name", NAMES)
def test_every_option_in_the_environment(name: str) -> None:
    text, expected, _ = SAMPLES[name]
    variable = str(BY_NAME[name].variable)
    assert plain(value(name, read(home(name), env={variable: f" {text}\n"})[1])) == expected
    for empty in ("", " \n"):
        assert read(home(name), env={variable: empty})[1] == Options()


@pytest.mark.parametrize("name", NAMES)
def test_every_option_in_pyproject(name: str, tmp_path: Path) -> None:
    text, expected, _ = SAMPLES[name]
    toml = f'[tool.publisher]\n{name} = "{text}"\n'
    if not BY_NAME[name].decisive:
        assert value(name, read(home(name), toml=toml, folder=tmp_path)[1]) == expected
        return
    error = refused(SettingNotAllowedHere, home(name), toml=toml, folder=tmp_path)
    assert error.message == (
        f"[tool.publisher] {name} decides what is trusted or published, and such an option is "
        f"never read from pyproject.toml; set {ELSEWHERE.get(name, f'--{name} or ')}"
        f"{BY_NAME[name].variable}"
    )


@pytest.mark.parametrize("name", [name for name, sample in SAMPLES.items() if sample[2]])
def test_every_option_names_what_it_accepts(name: str, tmp_path: Path) -> None:
    row, wrong = BY_NAME[name], str(SAMPLES[name][2])
    error = refused(InvalidValue, home(name), env={str(row.variable): wrong})
    assert error.message == (
        f"{row.variable} has the value {wrong!r} for {row.flag}; accepted: {row.accepted}"
    )
    if not row.switch:
        error = refused(InvalidValue, home(name), row.flag, wrong)
        assert error.message == f"{row.flag} has the value {wrong!r}; accepted: {row.accepted}"
    if not row.decisive:
        toml = f'tool.publisher.{name} = "{wrong}"'
        error = refused(InvalidValue, home(name), toml=toml, folder=tmp_path)
        assert error.message.startswith(f"[tool.publisher] {name} has the value {wrong!r} for --")


def test_precedence(tmp_path: Path) -> None:
    toml = "[tool.publisher]\njobs = 2\nwait = 2\npackages-dir = 'two'"
    env = {"PUBLISHER_JOBS": "3", "PUBLISHER_WAIT": "3"}
    _, options = read("--jobs", "4", env=env, toml=toml, folder=tmp_path)
    assert (options.jobs, options.wait, options.packages_dir) == (4, 3.0, Path("two"))


# Values


@pytest.mark.parametrize("text", ["true", "YES", "1", "True"])
def test_true(text: str) -> None:
    assert read(env={"PUBLISHER_DRY_RUN": text})[1].dry_run


@pytest.mark.parametrize("text", ["false", "NO", "0", "False"])
def test_false(text: str) -> None:
    assert not read("--skip-existing", text)[1].skip_existing


@pytest.mark.parametrize("text", ["on", "off", "y", "2", "truely"])
def test_any_other_word_is_not_a_boolean(text: str) -> None:
    refused(InvalidValue, env={"PUBLISHER_DRY_RUN": text})


def test_attestations_take_the_incumbents_booleans() -> None:
    assert read("--attestations", "True")[1].attestations == "required"
    assert read(env={"PUBLISHER_ATTESTATIONS": "false"})[1].attestations == "off"
    assert (
        "required, best-effort, off, true, false"
        in refused(InvalidValue, "--attestations", "1").message
    )


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("--jobs", "0"),
        ("--jobs", "-1"),
        ("--jobs", "+8"),
        ("--jobs", "8.0"),
        ("--jobs", "1_0"),
        ("--jobs", "٨"),
        ("--jobs", "9" * 5000),
        ("--wait", "-1"),
        ("--wait", "nan"),
        ("--wait", "inf"),
        ("--wait", "2m"),
        ("--report", ""),
        ("--tag", ""),
    ],
)
def test_values_that_can_not_be_read(flag: str, text: str) -> None:
    error = refused(InvalidValue, flag, text)
    assert error.message.startswith(f"{flag} has the value ")
    assert len(error.message) < 200


def test_repeated_options() -> None:
    both = ("testpypi", "pypi")
    flags = ("--repository", "testpypi", "--repository=pypi", "--repository", "testpypi")
    assert read(*flags)[1].repository == both
    for text in ("testpypi,pypi", "testpypi pypi", "testpypi,\n pypi,\n", "testpypi\npypi\n"):
        assert read(env={"PUBLISHER_REPOSITORY": text})[1].repository == both
    assert read("--jobs", "2", "--jobs", "3")[1].jobs == 3


def test_a_repeated_option_names_the_wrong_one() -> None:
    error = refused(InvalidValue, env={"PUBLISHER_REPOSITORY": "pypi pipy"})
    assert error.message == (
        "PUBLISHER_REPOSITORY has the value 'pipy' for --repository; accepted: pypi, testpypi"
    )
    refused(InvalidValue, env={"PUBLISHER_REPOSITORY": ","})


def test_all_wrong_values_in_one_go() -> None:
    error = refused(InvalidValue, "--jobs", "x", env={"PUBLISHER_WAIT": "y"})
    assert error.message == "2 values can't be read: PUBLISHER_WAIT, --jobs"
    assert error.facts == {
        "--jobs": "--jobs has the value 'x'; accepted: a whole number from 1 to 64",
        "PUBLISHER_WAIT": "PUBLISHER_WAIT has the value 'y' for --wait; accepted: a number of "
        "seconds, at least 0",
    }


def test_verbosity() -> None:
    assert read("-v")[1].verbosity == 1
    assert read("-q")[1].verbosity == -1
    assert read("-qv")[1].verbosity == -1


# The command line


@pytest.mark.parametrize(
    ("argv", "command", "paths"),
    [
        ([], "publish", (".",)),
        (["publish"], "publish", (".",)),
        (["a", "b"], "publish", ("a", "b")),
        (["publish", "a", "--dry-run", "b"], "publish", ("a", "b")),
        (["--dry-run", "publish", "a"], "publish", ("a",)),
        (["a", "publish"], "publish", ("a", "publish")),
        (["./publish"], "publish", ("./publish",)),
        (["publish", "sandbox"], "publish", ("sandbox",)),
        (["--", "sandbox", "-x"], "publish", ("sandbox", "-x")),
        (["publish", "a", "--", "--dry-run"], "publish", ("a", "--dry-run")),
        (["--jobs", "4", "a"], "publish", ("a",)),
        (["sandbox", "--tls"], "sandbox", (".",)),
        (["--port", "80", "sandbox"], "sandbox", (".",)),
    ],
)
def test_commands_and_paths(argv: list[str], command: str, paths: tuple[str, ...]) -> None:
    found, options = read(*argv)
    assert (found, options.paths) == (command, paths)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--dryrun"], "`publisher publish` has no option --dryrun; did you mean --dry-run?"),
        (["--report-file=x"], "`publisher publish` has no option --report-file; did you mean "
         "--report?"),
        (["--dry"], "`publisher publish` has no option --dry; did you mean --dry-run?"),
        (["-x"], "`publisher publish` has no option -x"),
        (["--xyzzy", "1"], "`publisher publish` has no option --xyzzy"),
        (["sandbox", "--prot"], "`publisher sandbox` has no option --prot; did you mean --port?"),
        (["--port", "1"], "`publisher publish` takes no --port; it belongs to "
         "`publisher sandbox`"),
        (["sandbox", "x"], "`publisher sandbox` takes no PATH; it belongs to `publisher publish`, "
         "`publisher doctor`, `publisher build` and `publisher attest`"),
        (["--jobs"], "--jobs: expected one argument"),
        (["--dry-run=false"], "--dry-run: ignored explicit argument 'false'"),
    ],
)  # fmt: skip
def test_wrong_command_lines(
    argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    error = refused(InvalidOption, *argv)
    assert (error.message, error.hint) == (message, "See `publisher --help`.")
    assert capsys.readouterr() == ("", "")


def test_all_wrong_options_in_one_go() -> None:
    error = refused(InvalidOption, "--dryrun", "--port", "1")
    assert error.message == "2 options are not known here: --dryrun, --port"


def test_a_misspelt_command(tmp_path: Path) -> None:
    error = refused(InvalidOption, "publsh", folder=tmp_path)
    assert error.message == (
        "there is no command 'publsh', and no path either; did you mean publish?"
    )
    (tmp_path / "publsh").mkdir()
    assert read("publsh", folder=tmp_path)[1].paths == ("publsh",)
    assert read("widget", folder=tmp_path)[1].paths == ("widget",)


# Unknown and unreadable settings


def test_unknown_settings_in_one_go(tmp_path: Path) -> None:
    error = refused(
        UnknownSetting,
        env={"PUBLISHER_REPOSITRY": "pypi", "PUBLISHER_HELP": "1", "PUBLISHER_EMPTY": ""},
        toml="[tool.publisher]\nskip_existing = true\nrepository = 'pypi'",
        folder=tmp_path,
    )
    assert error.message == (
        "3 settings are unknown: PUBLISHER_HELP, PUBLISHER_REPOSITRY, "
        "[tool.publisher] skip_existing"
    )
    assert error.facts["PUBLISHER_REPOSITRY"] == (
        "we read no variable PUBLISHER_REPOSITRY; did you mean PUBLISHER_REPOSITORY?"
    )
    assert error.facts["[tool.publisher] skip_existing"] == (
        "we read no key [tool.publisher] skip_existing; did you mean skip-existing?"
    )


def test_settings_of_another_command_are_known_but_not_read(tmp_path: Path) -> None:
    env = {"PUBLISHER_PORT": "x", "PUBLISHER_TLS": "yes"}
    assert read(env=env, toml="tool.publisher.port = 1", folder=tmp_path)[1] == Options()
    refused(InvalidValue, "sandbox", env=env)


def test_toml_types(tmp_path: Path) -> None:
    toml = "[tool.publisher]\npaths = ['a b', 'c']\njobs = 3\nwait = 0.5\nskip-existing = false"
    _, options = read(toml=toml, folder=tmp_path)
    assert (options.paths, options.jobs, options.wait) == (("a b", "c"), 3, 0.5)
    assert options.skip_existing is False


@pytest.mark.parametrize(
    "line",
    [
        "report = 3",
        "packages-dir = true",
        "jobs = true",
        "jobs = [3]",
        "jobs = 2.0",
        "wait = inf",
        "paths = []",
        "paths = [1]",
        "build = {}",
        "packages-dir = ''",
        f"jobs = 0x{'f' * 5000}",
        f"paths = [[0x{'f' * 5000}]]",
        f"jobs .{'.'.join('a' * 2000)} = 1",
    ],
    ids=lambda line: line[:20],
)
def test_toml_values_of_the_wrong_type(line: str, tmp_path: Path) -> None:
    key = line.partition(" ")[0]
    error = refused(InvalidValue, toml=f"[tool.publisher]\n{line}", folder=tmp_path)
    assert error.message.startswith(f"[tool.publisher] {key} has the value ")


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[tool\n", "pyproject.toml is not valid TOML, at line 1: "),
        ("a = [", "pyproject.toml is not valid TOML, at "),
        ("tool = 1", "pyproject.toml: [tool.publisher] must be a table"),
        ("tool.publisher = []", "pyproject.toml: [tool.publisher] must be a table"),
    ],
)
def test_broken_pyproject(toml: str, message: str, tmp_path: Path) -> None:
    error = refused(InvalidValue, toml=toml, folder=tmp_path)
    assert error.message.startswith(message)
    assert error.facts["path"] == str(tmp_path / "pyproject.toml")


def test_unreadable_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"a = '\xff'")
    assert "can't be read" in refused(InvalidValue, folder=tmp_path).message
    (tmp_path / "pyproject.toml").unlink()
    (tmp_path / "pyproject.toml").mkdir()
    assert "can't be read" in refused(InvalidValue, folder=tmp_path).message


def test_other_peoples_pyproject_is_fine(tmp_path: Path) -> None:
    assert read(toml="[project]\nname = 'x'\n[tool.ruff]\n", folder=tmp_path)[1] == Options()
    assert read(toml="", folder=tmp_path)[1] == Options()


def test_other_tools_variables_are_named() -> None:
    env = {
        "UV_PUBLISH_TOKEN": "hunter2",
        "TWINE_USERNAME": "x",
        "TWINE_PASSWORD": "",
        "UV_CACHE_DIR": "x",
        "PATH": "x",
    }
    assert foreign_settings(env) == ["TWINE_USERNAME", "UV_PUBLISH_TOKEN"]


# Help


@pytest.mark.parametrize("flag", ["--help", "-h", "--version"])
def test_help_and_version_come_before_everything_else(flag: str, tmp_path: Path) -> None:
    command, options = read(
        "sandbox",
        flag,
        "--port",
        "no",
        env={"PUBLISHER_X": "1"},
        toml="broken",
        folder=tmp_path,
    )
    assert command == "sandbox"
    assert (options.help, options.version) == (flag != "--version", flag == "--version")


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command: str) -> None:
    text = help_text(command)
    assert max(map(len, text.splitlines())) <= 80
    words = text.split()
    here = {row.flag for row in tables.rows() if command in row.commands}
    for row in tables.rows():
        assert (row.flag in words) == (row.flag in here), row.flag


@pytest.mark.parametrize(
    ("words", "command"),
    [(["help"], "publish"), (["help", "verify"], "verify"), (["help", "sandbox"], "sandbox")],
)
def test_help_is_a_command_too(tmp_path: Path, words: list[str], command: str) -> None:
    named, options = resolve(words, {}, tmp_path / "pyproject.toml")
    assert (named, options.help) == (command, True)
    (tmp_path / "help").mkdir()
    if words == ["help"]:
        assert read("help", folder=tmp_path)[1].paths == ("help",)


def test_help_in_part() -> None:
    text = help_text("publish")
    assert text.startswith("usage: publisher [publish] [option ...] [PATH ...]\n")
    assert "  --jobs N                uploads in flight (default: 8)\n" in text
    assert "  -v, --verbose           show every fact in full\n" in text
    assert "detected [!]\n" in text
    assert text.isascii()
    assert help_text("sandbox").startswith("usage: publisher sandbox [option ...]\n")


def test_reading_options_imports_the_standard_library_only() -> None:
    code = "import publisher.settings, sys; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = set(out.stdout.split()) - {"__main__", "publisher"}
    assert not ours & {"rich", "requests", "twine", "sigstore", "cryptography", "packaging"}


@pytest.mark.parametrize("value", ["../out", "/etc", "a/../../b"])
def test_a_checkout_says_no_path_outside_itself(tmp_path: Path, value: str) -> None:
    toml = f'[tool.publisher]\nreport = "{value}"\n'
    error = refused(InvalidValue, toml=toml, folder=tmp_path)
    assert value in error.message
    assert read("--report", value, folder=tmp_path)[1].report == Path(value)
