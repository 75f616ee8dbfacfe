"""Write GitLab's two files from the table of options: ``python tests/support/gitlab.py``.

The inputs go into ``.gitlab-ci-template.yml``; the component is that file with a few changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from publisher.commands import COMMANDS, FILES
from publisher.options import rows
from publisher.rows import Row

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / ".gitlab-ci-template.yml"
COMPONENT = ROOT / "templates" / "publish.yml"
WRITTEN = "# these are written by: python tests/support/gitlab.py\n"
# Printable ASCII without " $ ' and \: nothing that ends a quoted word of YAML or of a shell.
HARMLESS = r"^[ !#%&(-\[\]-~]*$"
PASSWORD = "the name of the CI/CD variable that holds the user's password or API token"
# So that no variable of the project decides who the job is.
OWN_DEFAULTS = {"provider": "gitlab"}
CHANGES = {  # what a component has and an included file has not
    "# A hidden job that publishes Python packages; docs/gitlab.md says how to include it.\n": (
        "# A CI/CD component: a job that publishes Python packages; docs/gitlab.md says how.\n"
    ),
    "templates/publish.yml is made from this file.": "Made from .gitlab-ci-template.yml.",
    "spec:\n": "spec:\n  component: [sha]\n",
    "    ref:\n": (
        '    job:\n      description: "the name of the job"\n      default: "publish"\n'
        "      regex: '^[\\w -]+$'\n"
        '    stage:\n      description: "the stage of the job"\n      default: "deploy"\n'
        "      regex: '^[\\w -]+$'\n"
        "    ref:\n"
    ),
    "all 40 digits; include this file from the same one\"\n      regex: '^[0-9a-f]{40}$'": (
        "all 40 digits (default: the component's own)\"\n"
        "      default: \"\"\n      regex: '^([0-9a-f]{40})?$'"
    ),
    'such as a mirror"\n      default: "https://gitlab.com/OWNER/publisher.git"': (
        'such as a mirror (default: OWNER/publisher on this instance)"\n      default: ""'
    ),
    ".publish:\n": '"$[[ inputs.job ]]":\n  stage: "$[[ inputs.stage ]]"\n',
    "      code=$(mktemp -d)\n": (
        "      commit=${commit:-$[[ component.sha ]]}\n"
        "      source=${source:-$CI_SERVER_URL/OWNER/publisher.git}\n"
        "      code=$(mktemp -d)\n"
    ),
}


def template() -> str:
    """.gitlab-ci-template.yml as it should be."""
    text = TEMPLATE.read_text("utf-8")
    head, _, rest = text.partition(f"    {WRITTEN}")
    _, end, body = rest.partition("---\n")
    before, _, rest = body.partition(f"      {WRITTEN}")
    _, last, after = rest.partition("      export PUBLISHER_REPORT")
    inputs, settings = "".join(_inputs()), "".join(_settings())
    parts = (head, f"    {WRITTEN}", inputs, end, before, f"      {WRITTEN}", settings, last, after)
    return "".join(parts)


def component() -> str:
    """templates/publish.yml as it should be."""
    text = template()
    for old, new in CHANGES.items():
        if text.count(old) != 1:
            raise ValueError(f"not once in {TEMPLATE.name}: {old!r}")
        text = text.replace(old, new)
    return text


def offered() -> list[Row]:
    """The options that are inputs."""
    return [row for row in rows() if "gitlab" in row.faces]


def _inputs() -> Iterator[str]:
    commands = list(FILES)
    told = "; ".join(f"{name}: {COMMANDS[name]}" for name in commands)
    yield _input("command", description=told, default="publish", options=commands)
    for row in offered():
        yield _input(row.name, **_spec(row))


def _spec(row: Row) -> dict[str, object]:
    if row.name == "password":
        return {"description": PASSWORD, "default": "", "regex": r"^([A-Za-z_]\w*)?$"}
    default = OWN_DEFAULTS.get(row.name, _default(row))
    if row.kind in ("bool", "integer", "seconds"):
        kind = "boolean" if row.kind == "bool" else "number"
        return {"description": row.help, "type": kind, "default": default}
    shown = "" if row.default in (None, ()) else f" (default: {_text(row.default)})"
    said: dict[str, object] = {"description": row.help + shown, "default": default}
    if row.kind == "choice" and not row.repeatable:
        return {**said, "options": ["", *row.choices, *row.aliases]}
    return {**said, "regex": HARMLESS}


def _input(name: str, **spec: object) -> str:
    lines = [f"    {name}:\n"]
    for key, value in spec.items():
        shown = f"'{value}'" if key == "regex" else json.dumps(value, ensure_ascii=False)
        lines.append(f"      {key}: {shown}\n")
    return "".join(lines)


def _settings() -> Iterator[str]:
    for row in offered():
        if row.name == "password":
            yield "      give PUBLISHER_PASSWORD \"$password\" ''\n"
        else:
            default = str(_default(row)).lower()
            yield f"      give {row.variable} '$[[ inputs.{row.name} ]]' '{default}'\n"


def _default(row: Row) -> object:
    """The input's default: what the option has where the input is no text, else nothing."""
    if isinstance(row.default, float):
        return int(row.default)
    return row.default if isinstance(row.default, (bool, int)) else ""


def _text(default: object) -> str:
    return ", ".join(default) if isinstance(default, tuple) else str(default)


if __name__ == "__main__":
    TEMPLATE.write_text(template(), encoding="utf-8")
    COMPONENT.write_text(component(), encoding="utf-8")
