"""The options of verify and pin: a table of their own, here and in pyproject.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from publisher import tables
from publisher.errors import InvalidOption, InvalidValue, SettingNotAllowedHere, UnknownSetting
from publisher.options import Options
from publisher.reading import Reading, rows
from publisher.settings import resolve

# For each option: a text that is not the default, its value, and a text that can't be read.
SAMPLES: dict[str, tuple[str, object, str | None]] = {
    "paths": ("uv.lock", ("uv.lock",), None),
    "lock": ("other.lock", Path("other.lock"), None),
    "locked": ("yes", True, "on"),
    "accept": ("widget==1", ("widget==1",), None),
    "reason": ("moved", "moved", None),
    "pylock": ("1", True, "2"),
    "private": ("corp-*", ("corp-*",), None),
    "attestation": ("a", Path("a"), None),
    "provenance": ("p", Path("p"), None),
    "index": ("https://index.example/simple", "https://index.example/simple", None),
    "repo": ("octo-org/widget", "octo-org/widget", None),
    "cert-identity": ("me", "me", None),
    "cert-oidc-issuer": ("https://issuer.example", "https://issuer.example", None),
    "trust-config": ("t", Path("t"), None),
    "offline": ("true", True, "of"),
    "fail-on": ("note", "note", "info"),
    "report": ("r", Path("r"), None),
    "format": ("sarif", "sarif", "yaml"),
    "verbose": ("1", True, "v"),
    "quiet": ("1", True, "q"),
}
BY_NAME = {row.name: row for row in rows()}


def read(
    *argv: str, env: dict[str, str] | None = None, toml: str = "", folder: Path | None = None
) -> Reading:
    pyproject = (folder or Path("/nowhere")) / "pyproject.toml"
    if toml:
        pyproject.write_text(toml, "utf-8")
    _, options = resolve(argv, env or {}, pyproject)
    assert isinstance(options, Reading)
    return options


def value(name: str, options: Reading) -> Any:
    return getattr(options, BY_NAME[name].attribute)


def test_every_field_is_a_row() -> None:
    assert set(SAMPLES) == set(BY_NAME) - {"help", "version"}
    assert read("verify") == Reading()


@pytest.mark.parametrize("name", SAMPLES)
def test_from_every_source(name: str, tmp_path: Path) -> None:
    text, expected, wrong = SAMPLES[name]
    row = BY_NAME[name]
    home = row.commands[0]
    line = [text] if row.positional else [row.flag] if row.switch else [row.flag, text]
    assert value(name, read(home, *line)) == expected
    assert value(name, read(home, env={str(row.variable): text})) == expected
    toml = f'[tool.publisher.verify]\n{name} = "{text}"\n'
    if row.decisive:
        with pytest.raises(SettingNotAllowedHere, match=rf"verify\.{name} decides"):
            read(home, toml=toml, folder=tmp_path)
    else:
        assert value(name, read(home, toml=toml, folder=tmp_path)) == expected
    if wrong:
        with pytest.raises(InvalidValue, match=f"{row.variable} has the value '{wrong}'"):
            read(home, env={str(row.variable): wrong})


def test_a_checkout_may_only_be_stricter_than_the_default(tmp_path: Path) -> None:
    with pytest.raises(SettingNotAllowedHere, match="'critical' lets more pass than the default"):
        read("verify", toml="[tool.publisher.verify]\nfail-on = 'critical'", folder=tmp_path)
    assert read("verify", "--fail-on", "critical").fail_on == "critical"


def test_the_two_tables_of_pyproject_are_apart(tmp_path: Path) -> None:
    toml = (
        "[tool.publisher]\nformat = 'json'\njobs = 2\n"
        "[tool.publisher.verify]\nformat = 'sarif'\nprivate = ['corp-*', 'secret']\n"
    )
    found = read("verify", toml=toml, folder=tmp_path)
    assert (found.format, found.private) == ("sarif", ("corp-*", "secret"))
    _, options = resolve([], {}, tmp_path / "pyproject.toml")
    assert options == Options(format="json", jobs=2)


@pytest.mark.parametrize(
    ("toml", "nearest"),
    [
        ("[tool.publisher.verify]\nfail_on = 'note'", "verify.fail-on"),
        ("[tool.publisher]\nfail-on = 'note'", "verify.fail-on"),
        ("[tool.publisher.verify]\nprivat = ['x']", "verify.private"),
    ],
)
def test_an_unknown_key(toml: str, nearest: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownSetting, match=f"did you mean {nearest}"):
        read("verify", toml=toml, folder=tmp_path)


def test_no_file_of_the_checkout_leads_out_of_it(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="lock has the value"):
        read("verify", toml="[tool.publisher.verify]\nlock = '../x'", folder=tmp_path)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["verify", "--accept", "a==1"], "takes no --accept; it belongs to `publisher pin`"),
        (["pin", "--locked"], "takes no --locked; it belongs to `publisher verify`"),
        (["verify", "--jobs", "2"], "takes no --jobs; it belongs to `publisher publish`"),
        (["--fail-on", "note"], "`publisher verify` and `publisher pin`"),
        (["verify", "--fail-in", "x"], "did you mean --fail-on?"),
    ],
)
def test_options_of_other_commands(argv: list[str], message: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        resolve(argv, {}, Path("/nowhere/pyproject.toml"))
    assert message in caught.value.message


def test_a_flag_of_both_tables_is_a_switch_in_both_or_in_neither() -> None:
    kinds: dict[str, set[bool]] = {}
    for row in tables.rows():
        kinds.setdefault(row.flag, set()).add(row.switch)
    assert not [flag for flag, both in kinds.items() if len(both) > 1]
