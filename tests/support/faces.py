"""Write the inputs of action.yml from the table of options: ``python tests/support/faces.py``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from publisher.commands import COMMANDS, FILES
from publisher.incumbent import REPLACED
from publisher.options import rows
from publisher.rows import Row

ROOT = Path(__file__).parents[2]
WRITTEN = "# these are written by: python tests/support/faces.py\n"
# The incumbent's inputs that it once spelt with an underscore.
OLD_NAMES = ["packages-dir", "repository-url", "skip-existing", "verify-metadata", "print-hash"]


def action() -> str:
    """action.yml as it should be."""
    text = (ROOT / "action.yml").read_text("utf-8")
    text = _between(text, f"inputs:\n  {WRITTEN}", "\noutputs:", "".join(_inputs()))
    return _between(text, f"        {WRITTEN}", "      run:", "".join(_variables()))


def replaced() -> dict[str, str]:
    """What we do in place of some inputs of the incumbent, by the input's name."""
    return {_name(variable): instead for variable, instead in REPLACED.items()}


def _inputs() -> Iterator[str]:
    yield _input("command", _commands(), default="publish")
    for row in rows():
        if "github" in row.faces:
            yield _input(row.name, _description(row))
    for name, instead in replaced().items():
        yield _input(name, f"does nothing: {instead}", deprecated=f"Remove it: {instead}.")
    for name in OLD_NAMES:
        if name in {row.name for row in rows()} | replaced().keys():
            yield _input(_old(name), f"the old name of {name}", deprecated=f"Use {name}.")


def _variables() -> Iterator[str]:
    yield _variable("COMMAND", "command")
    for row in rows():
        if row.variable:
            yield _variable(row.variable, row.name if "github" in row.faces else "")
    for variable in REPLACED:
        yield _variable(variable, _name(variable))


def _input(name: str, description: str, default: str = "", deprecated: str = "") -> str:
    lines = {"description": description, "default": default, "deprecationMessage": deprecated}
    said = [f"    {key}: {_quoted(value)}\n" for key, value in lines.items() if value]
    return "".join([f"  {name}:\n", *said])


# What the step decides, and no input: a place that outlives the step and not the job.
_DECIDED = {"PUBLISHER_STATE": "${{ runner.temp }}/publisher-state"}


def _variable(variable: str, name: str) -> str:
    old = f" || inputs.{_old(name)}" if name in OLD_NAMES else ""
    value = f"${{{{ inputs.{name}{old} }}}}" if name else _DECIDED.get(variable, '""')
    return f"        {variable}: {value}\n"


def _description(row: Row) -> str:
    default = f" (default: {_shown(row.default)})" if row.default not in (None, ()) else ""
    accepted = f"; {row.accepted}" if row.kind in ("bool", "choice", "integer") else ""
    return f"{row.help}{accepted}{default}"


def _commands() -> str:
    told = (f"{name}: {COMMANDS[name]}" for name in FILES)
    return "; ".join(told)


def _shown(default: object) -> str:
    if isinstance(default, tuple):
        return ", ".join(default)
    return f"{default:g}" if isinstance(default, float) else str(default).removesuffix(".0").lower()


def _name(variable: str) -> str:
    return variable.removeprefix("PUBLISHER_").lower().replace("_", "-")


def _old(name: str) -> str:
    return name.replace("-", "_")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _between(text: str, start: str, end: str, middle: str) -> str:
    pattern = f"({re.escape(start)}).*?({re.escape(end)})"
    return re.sub(pattern, lambda found: found[1] + middle + found[2], text, flags=re.DOTALL)


if __name__ == "__main__":
    (ROOT / "action.yml").write_text(action(), encoding="utf-8")
