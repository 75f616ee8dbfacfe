"""What we promise in several places stays one promise: options, codes, documents, the report."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from packaging.requirements import Requirement

import publisher
from publisher import errors, models, reading
from publisher.commands import COMMANDS
from publisher.options import rows
from publisher.remarks import NOTES
from publisher.report import record
from publisher.usage import help_text
from support import faces, options_doc
from support.codes import all_errors

ROOT = Path(__file__).parent.parent
SOURCE = Path(publisher.__file__).parent
# The program's interface: these names stay what they are. (!) decides what is trusted or published.
INTERFACE = """
    paths dry-run(!) repository(!) repository-url(!) check-url(!) audience(!) user(!) password(!)
    password-file(!) contract auth(!) providers packages-dir build attestations(!) expect(!) tag(!)
    skip-existing jobs wait report html state provider(!) id-token-file(!) trust-config(!)
    provider-claims(!) allow(!) identity(!) keep deadline verbose quiet format version help
    sandbox(!) port tls
"""
READING = """
    paths lock locked accept(!) reason(!) pylock private attestation provenance index(!) repo(!)
    cert-identity(!) cert-oidc-issuer(!) trust-config(!) offline fail-on report format verbose quiet
    help version
"""
MEANINGS = {
    1: errors.InternalError,
    2: errors.UsageError,
    3: errors.IdentityError,
    4: errors.DistError,
    5: errors.AttestError,
    6: errors.ExchangeError,
    7: errors.UploadError,
    8: errors.ArrivalError,
    10: errors.Drift,
    11: errors.EvidenceFails,
    12: errors.IncompleteError,
    13: errors.PinsOutOfDate,
    130: errors.Interrupted,
    143: errors.Terminated,
}
DEPENDENCIES = "build id packaging pypi-attestations requests rich sigstore twine"


def causes() -> dict[str, type[errors.PublisherError]]:
    """Our errors, without what tests may derive from them."""
    found = all_errors()
    return {code: cls for code, cls in found.items() if cls.__module__.startswith("publisher.")}


def sections(document: str) -> dict[str, str]:
    """The texts under the second-level headings of a file in docs/, by heading."""
    parts = re.split(r"(?m)^## (.+)\n", (ROOT / "docs" / document).read_text("utf-8"))
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call in the source by the bare name of what is called."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                yield ast.unparse(node.func).rpartition(".")[2], node


def wording(message: ast.expr) -> str:
    """What stands in the source of a message; what is filled in becomes ``x``."""
    parts = message.values if isinstance(message, ast.JoinedStr) else [message]
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in parts)


# Options


def test_every_option_is_a_name_of_the_interface() -> None:
    for table, promised in ((rows(), INTERFACE), (reading.rows(), READING)):
        decisive = {name.removesuffix("(!)"): name.endswith("(!)") for name in promised.split()}
        assert {row.name: row.decisive for row in table}.items() <= decisive.items()


def test_the_document_of_options_is_the_table() -> None:
    written = (ROOT / "docs" / "options.md").read_text("utf-8")
    again = "run: python tests/support/options_doc.py > docs/options.md"
    assert written == options_doc.document(), again


def test_the_inputs_of_the_action_are_the_table() -> None:
    again = "run: python tests/support/faces.py"
    assert (ROOT / "action.yml").read_text("utf-8") == faces.action(), again


def test_the_document_has_a_line_for_every_option() -> None:
    parts = options_doc.document().split(options_doc.READING)
    for table, part in zip((rows(), reading.rows()), parts, strict=True):
        for row in table:
            found = re.findall(rf"(?m)^\| .*`{re.escape(row.flag)}[ `]", part)
            assert len(found) == 1, row.flag


def test_the_readme_shows_the_whole_simple_example() -> None:
    text = (ROOT / "examples" / "github-simple.yml").read_text("utf-8")
    _comment, _, workflow = text.partition("name: Release")
    shown = f"```yaml\nname: Release{workflow}```"
    assert shown in (ROOT / "README.md").read_text("utf-8")


# Codes


def test_every_code_has_a_section_and_every_section_a_code() -> None:
    headings = [code for code in sections("errors.md") if re.fullmatch(r"[a-z-]+", code)]
    assert sorted(headings) == sorted([*causes(), *NOTES])


@pytest.mark.parametrize("code", causes())
def test_a_section_states_the_exit_code(code: str) -> None:
    stated = re.findall(r"\*\*Exit code\*\* (\d+)\.", sections("errors.md")[code])
    assert stated == [str(causes()[code].exit_code)]


@pytest.mark.parametrize(("code", "severity"), NOTES.items())
def test_a_section_states_the_severity(code: str, severity: str) -> None:
    assert re.findall(r"\*\*Severity\*\* (\w+)\.", sections("errors.md")[code]) == [severity]


@pytest.mark.parametrize("code", [*causes(), *NOTES])
def test_a_section_says_what_why_and_what_to_do(code: str) -> None:
    text = sections("errors.md")[code]
    assert re.findall(r"(?m)^\*\*(What it means|Why|What to do)\.\*\*", text) == [
        "What it means",
        "Why",
        "What to do",
    ]


def test_the_index_table_of_errors_lists_every_exit_code() -> None:
    intro = (ROOT / "docs" / "errors.md").read_text("utf-8").partition("\n## ")[0]
    assert [int(n) for n in re.findall(r"(?m)^\| (\d+) \|", intro)] == [0, *MEANINGS]
    assert set(re.findall(r"\(#([a-z-]+)\)", intro)) == {*causes(), *NOTES}


def test_every_exit_code_has_one_meaning() -> None:
    for cause in causes().values():
        assert issubclass(cause, MEANINGS[cause.exit_code])
    assert {cause.exit_code for cause in causes().values()} == set(MEANINGS)


def test_the_help_lists_the_exit_codes_in_use() -> None:
    """Each command its own: whoever can't publish can't fail to upload."""
    listed = {
        command: {int(n) for n in re.findall(r"\d+", help_text(command).partition("codes:")[2])}
        for command in COMMANDS
    }
    assert set().union(*listed.values()) == {0, *MEANINGS}
    assert listed["sandbox"] == {0, 1, 2}
    assert {command for command, codes in listed.items() if 7 in codes} == {"publish"}
    assert {command for command, codes in listed.items() if 10 in codes} == {"verify", "pin"}


def test_every_error_is_made_somewhere() -> None:
    """Called, handed to a function that raises it, or named as the cause of a verdict."""
    made = {name for name, _ in calls()}
    given = {ast.unparse(argument) for _, call in calls() for argument in call.args}
    verdicts = ROOT.joinpath("src/publisher/providers").glob("*.py")
    named = set(re.findall(r"(?:return .*, |or )(\w+)", "".join(p.read_text() for p in verdicts)))
    assert {cause.__name__ for cause in causes().values()} <= made | given | named


def test_every_remark_has_a_severity_and_is_made_somewhere() -> None:
    remarks = [call.args[0] for name, call in calls() if name == "remark"]
    made = [node.value for node in remarks if isinstance(node, ast.Constant)]
    assert len(made) == len(remarks), "remark() takes its code as a literal"
    assert set(made) == NOTES.keys()


def test_messages_go_on_in_the_line_of_their_code() -> None:
    """``error CODE: message``: small letters, but for names, and no full stop at the end."""
    known = {cause.__name__: 0 for cause in causes().values()} | {"remark": 1}
    messages = [call.args[known[name]] for name, call in calls() if name in known]
    texts = [text for message in messages if (text := wording(message))]
    assert len(texts) > 50
    names = r"(?!ActiveState|Sigstore|PUBLISHER_)"
    assert [text for text in texts if re.match(f"{names}[A-Z]", text)] == []
    assert [text for text in texts if text.endswith(".")] == []


def test_errors_and_remarks_share_no_code() -> None:
    assert not causes().keys() & NOTES.keys()


# The report


def enums(schema: Any, path: str = "") -> Iterator[tuple[str, list[str]]]:
    """Every ``enum`` of a JSON Schema by the names of the properties that lead to it."""
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "enum":
                yield path, value
            else:
                structural = key in {"properties", "items", "$defs"}
                yield from enums(value, path if structural else f"{path}.{key}".strip("."))


def test_the_schema_allows_what_the_models_allow() -> None:
    def of(model: type, field: str) -> list[str]:
        return list(get_args(get_type_hints(model)[field]))

    assert dict(enums(record.schema())) == {
        "steps.status": of(models.Step, "status"),
        "index.attestations": of(models.Target, "attestations"),
        "file.kind": of(models.Dist, "kind"),
        "placed.status": of(models.Placed, "status"),
        "placed.arrival": of(models.Placed, "arrival"),
        "finding.severity": of(models.Finding, "severity"),
    }


# Dependencies


def test_the_runtime_dependencies_are_these_and_design_says_why() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert [Requirement(line).name for line in project["dependencies"]] == DEPENDENCIES.split()
    told = re.findall(r"(?m)^- \*\*([a-z-]+)\*\*", sections("design.md")["Dependencies"])
    assert told == DEPENDENCIES.split()
