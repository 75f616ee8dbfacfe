"""What ``verify`` says of files, evidence and answers of every sort; and what it never asks."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from publisher import cli
from publisher.report import sarif
from publisher.verify.model import Change, Examination, Place, Verdict
from support.reading import Reader, job
from support.sandbox import WORKFLOW

Json = dict[str, Any]


def statuses(report: Json) -> set[str]:
    return {one["status"] for one in report["results"]}


@pytest.fixture
def widget(reader: Reader, project_name: str) -> Path:
    """A wheel that was published; its project has the test's name."""
    return reader.publish(project_name, "1.0")


def provenance(reader: Reader, wheel: Path) -> Json:
    name, version = wheel.name.replace("_", "-").rsplit("-", 4)[:2]
    url = f"{reader.sandbox.index}/integrity/{name}/{version}/{wheel.name}/provenance"
    value: Json = reader.sandbox.http.get(url).json()
    return value


# Files on disk


def test_a_file_on_disk(reader: Reader, widget: Path, project_name: str) -> None:
    report = reader.json("verify", widget)
    (result,) = report["results"]
    assert (report["exit_code"], result["status"], result["project"]) == (
        0,
        "verified",
        project_name,
    )
    identity = result["identity"]
    assert (identity["source"], identity["kind"]) == ("certificate", "github")
    assert (identity["repository_id"], identity["owner_id"]) == ("456789", "65432")
    assert result["log"]["integrated_time"].endswith("Z")
    assert re.fullmatch("[0-9a-f]{64}", report["trust_root"]["sha256"])


def test_a_file_that_is_not_the_indexes(reader: Reader, widget: Path) -> None:
    with widget.open("ab") as file:
        file.write(b"x")
    report = reader.json("verify", widget)
    assert (report["exit_code"], statuses(report)) == (10, {"incomplete"})
    assert {one["rule"] for one in report["results"][0]["findings"]} >= {"D20"}


@pytest.mark.parametrize("names", [("no-such-project",), ("no-such-project==1.0",)])
def test_a_project_that_is_not_there(reader: Reader, names: tuple[str, ...]) -> None:
    report = reader.json("verify", *names)
    assert (report["exit_code"], statuses(report)) == (12, {"incomplete"})
    assert "404" in report["results"][0]["why"]


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["nowhere.whl"], "path-not-found"),
        (["uv.lock"], "path-not-found"),
        (["some/folder"], "path-not-found"),
        (["nope.lock"], "path-not-found"),
        (["nope.tar.gz"], "path-not-found"),
        (["NOPE.TOML"], "path-not-found"),
        (["Pipfile.lock"], "invalid-value"),
        ([], "path-not-found"),
        (["widget>=1"], "invalid-value"),
        (["--index", "http://index.example/simple", "widget"], "invalid-value"),
        (["--index", "https://me:secret@index.example/simple", "widget"], "invalid-value"),
        (["--attestation", "a", "b", "c"], "invalid-value"),
        (["--attestation", "a", "--provenance", "b", "c"], "invalid-value"),
        (["--lock", "broken.lock", "widget"], "invalid-value"),
        (["requirements.txt"], "invalid-value"),
    ],
)
def test_what_can_not_be_meant(reader: Reader, argv: list[str], code: str) -> None:
    (reader.folder / "broken.lock").write_text("#identities 9\n")
    (reader.folder / "Pipfile.lock").write_text("{}\n")
    (reader.folder / "requirements.txt").write_text("widget>=1\n" if argv else "")
    if not argv:
        (reader.folder / "requirements.txt").unlink()
    reader.capsys.readouterr()
    assert cli.run(["verify", *argv], reader.env) == 2
    out = reader.capsys.readouterr().out
    assert f"error {code}: " in out
    assert "secret" not in out


@pytest.mark.parametrize("name", ["\u212aivy", "k\u0456vy==1.0", "ki\u200bvy"])
def test_a_name_that_only_looks_like_one_is_refused(reader: Reader, name: str) -> None:
    """Pitfall 9: a Kelvin sign, a Cyrillic letter, an invisible sign. Nobody is asked for kivy."""
    before = len(asked(reader))
    shown = ascii(name)[1:-1]
    for command in ("verify", "pin"):
        code, out = reader.run(command, name)
        assert (code, len(asked(reader))) == (11, before)
        assert f"{shown} is not ASCII: no index can have it" in " ".join(out.split())


@pytest.mark.parametrize("name", ["\u212aivy-1.0-py3-none-any.whl", "junk.whl", "ki\u200bvy-1.zip"])
def test_a_file_whose_name_no_index_can_have(
    reader: Reader, widget: Path, project_name: str, name: str
) -> None:
    """Pitfall 9: not even beside good ones."""
    shutil.copy(widget, reader.folder / name)
    report = reader.json("verify", widget, name)
    assert (report["exit_code"], statuses(report)) == (11, {"verified", "failed"})


# Evidence beside a file: no index is asked


def test_an_attestation_beside_a_file(reader: Reader, widget: Path) -> None:
    """Pitfall 10: a repository has several spellings."""
    body = provenance(reader, widget)
    beside = widget.with_name(f"{widget.name}.publish.attestation")
    beside.write_text(json.dumps(body["attestation_bundles"][0]["attestations"][0]))
    whole = widget.with_name("provenance.json")
    whole.write_text(json.dumps(body))
    before = reader.sandbox.stats()["pypi"]
    san = f"https://github.com/{WORKFLOW}"
    issuer = "https://token.actions.githubusercontent.com"
    both: tuple[list[str | Path], ...] = (["--attestation", beside], ["--provenance", whole])
    for given in both:
        for expected, code in (
            ([], 0),
            (["--repo", "octo-org/widget"], 0),
            (["--repo", "octo-org/widget.git"], 0),
            (["--repo", "octo-org/widget/"], 0),
            (["--repo", "octo-org/widg"], 11),
            (
                ["--repo", "Octo-Org/Widget", "--cert-identity", san, "--cert-oidc-issuer", issuer],
                0,
            ),
            (["--repo", "octo-org/gadget"], 11),
            (["--cert-identity", f"{san}x"], 11),
            (["--cert-oidc-issuer", "https://issuer.example"], 11),
        ):
            assert reader.run("verify", widget, *given, *expected)[0] == code, (given, expected)
    other = shutil.copy(widget, widget.with_name(widget.name.replace("1.0", "1.1")))
    assert reader.run("verify", other, "--attestation", beside)[0] == 11
    assert reader.sandbox.stats()["pypi"] == before


CHANGES: dict[str, Callable[[Json], object]] = {
    "no bundle": lambda body: body["attestation_bundles"].clear(),
    "no attestation": lambda body: body["attestation_bundles"][0]["attestations"].clear(),
    "twice": lambda body: body["attestation_bundles"].append(body["attestation_bundles"][0]),
    "another publisher": lambda body: body["attestation_bundles"][0]["publisher"].update(
        repository="octo-org/gadget"
    ),
    "a signature": lambda body: body["attestation_bundles"][0]["attestations"][0][
        "envelope"
    ].update(signature="AAAA"),
    "no log entry": lambda body: body["attestation_bundles"][0]["attestations"][0][
        "verification_material"
    ]["transparency_entries"].clear(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_provenance_fails(
    change: str, reader: Reader, widget: Path, project_name: str
) -> None:
    body = provenance(reader, widget)
    CHANGES[change](body)
    fault = {"service": "pypi", "method": "GET", "path": "/integrity/", "body": json.dumps(body)}
    reader.sandbox.post("faults", [{**fault, "status": 200, "times": 9}])
    report = reader.json("verify", project_name)
    assert (report["exit_code"], statuses(report)) == (11, {"failed"})
    log = json.loads(reader.run("verify", project_name, "--format", "sarif")[1])["runs"][0]
    assert log["results"][0]["ruleId"] == "evidence-fails"
    commands = reader.run("verify", project_name, "--format", "github")[1]
    assert f"::error title=evidence-fails {project_name} 1.0::" in commands


def results(reader: Reader, *argv: str | Path) -> list[tuple[str, str, str, int]]:
    """Rule, level, file and line of each result in SARIF."""
    (run,) = json.loads(reader.run("verify", *argv, "--format", "sarif")[1])["runs"]
    assert all(rule["help"]["text"] for rule in run["tool"]["driver"]["rules"])
    places = [one["locations"][0]["physicalLocation"] for one in run["results"]]
    return [
        (one["ruleId"], one["level"], at["artifactLocation"]["uri"], at["region"]["startLine"])
        for one, at in zip(run["results"], places, strict=True)
    ]


def test_each_reason_to_fail_is_a_result(reader: Reader, widget: Path, project_name: str) -> None:
    other = f"{project_name}-b"
    reader.publish(other, "1.0", attested=False)
    lock = reader.requirements(f"{project_name}==1.0", f"{other}==1.0")
    assert reader.run("pin", project_name)[0] == 0
    found = results(reader, lock, "--locked")
    assert ("pins-out-of-date", "error", lock, 2) in found
    assert ("D00", "note", lock, 2) in found
    assert ("D00", "error", lock, 2) in results(reader, lock, "--fail-on", "note")
    assert ("nothing-verified", "error", "identities.lock", 1) in results(reader, other)
    (reader.folder / lock).write_text(f"# nothing\n{project_name}==9.0\n")
    assert results(reader, lock) == [("evidence-incomplete", "error", lock, 2)]
    commands = reader.run("verify", lock, "--format", "github")[1]
    assert f"::error file={lock},line=2,title=evidence-incomplete {project_name} 9.0::" in commands


UNKNOWN = json.dumps(
    {"version": 1, "attestation_bundles": [{"publisher": {"kind": "New"}, "attestations": []}]}
)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "fault",
    [
        {"path": "/integrity/", "status": 403},
        {"path": "/integrity/", "status": 404},
        {"path": "/integrity/", "status": 500},
        {"path": "/integrity/", "kind": "reset"},
        {"path": "/integrity/", "status": 200, "body": "<html>Log in to the proxy</html>"},
        {"path": "/integrity/", "status": 200, "body": "[]"},
        {"path": "/integrity/", "status": 200, "body": UNKNOWN},
        {"path": "/simple/", "status": 403},
        {"path": "/simple/", "status": 503},
        {"path": "/simple/", "status": 200, "body": "<html>Log in to the proxy</html>"},
        {"path": "/simple/", "status": 200, "body": '{"files": 7}'},
    ],
)
def test_no_answer_is_neither_yes_nor_no(
    fault: Json, reader: Reader, widget: Path, project_name: str
) -> None:
    assert reader.run("pin", project_name)[0] == 0
    reader.sandbox.post("faults", [{"service": "pypi", "method": "GET", "times": 30, **fault}])
    report = reader.json("verify", "--locked", project_name)
    assert (report["exit_code"], statuses(report)) == (12, {"incomplete"})
    before = reader.remembered()
    assert reader.run("pin", project_name)[0] == 12
    assert reader.remembered() == before


def test_a_link_into_a_private_network_is_not_followed(
    reader: Reader, widget: Path, project_name: str
) -> None:
    page = reader.sandbox.listing(project_name).json()
    page["files"][0]["provenance"] = "http://127.0.0.1:9/secret"
    fault = {"service": "pypi", "method": "GET", "path": "/simple/", "body": json.dumps(page)}
    reader.sandbox.post("faults", [{**fault, "status": 200, "times": 1}])
    report = reader.json("verify", project_name)
    assert report["exit_code"] == 12
    assert "leads to http://127.0.0.1:9/secret" in report["results"][0]["why"]


def test_an_index_without_attestations_is_a_status_of_its_own(
    reader: Reader, widget: Path, project_name: str
) -> None:
    page = reader.sandbox.listing(project_name).json()
    del page["files"][0]["provenance"]
    fault = {"service": "pypi", "method": "GET", "path": "/simple/", "body": json.dumps(page)}
    reader.sandbox.post("faults", [{**fault, "status": 200, "times": 1}])
    report = reader.json("verify", project_name)
    assert (report["exit_code"], statuses(report)) == (12, {"cannot-attest-here"})


@pytest.mark.parametrize(
    ("label", "source", "status"),
    [
        ("Source Code", "https://codeberg.org/octo/widget", "cannot-attest-here"),
        ("Source", "https://github.com/octo-org/widget", "unattested"),
        ("Homepage", "https://widget.example", "unattested"),
    ],
)
def test_a_project_on_another_forge_is_not_blamed(
    label: str, source: str, status: str, reader: Reader, project_name: str
) -> None:
    reader.publish(project_name, "1.0", attested=False, links={label: source})
    report = reader.json("verify", project_name)
    assert statuses(report) == {status}
    assert "D00" in {one["rule"] for one in report["results"][0]["findings"]}


def test_as_much_as_is_asked_for(reader: Reader, widget: Path, project_name: str) -> None:
    plain, quiet, verbose = (
        reader.run("verify", project_name, *flag)[1] for flag in ([], ["-q"], ["-v"])
    )
    assert f"verified  {project_name} 1.0  1/1    github octo-org/widget release.yml" in plain
    assert quiet == "1 of 1 file verified, nothing else to say.\n"
    assert f"{widget.name}: verified, log entry " in verbose
    assert widget.name not in plain


def test_two_versions_in_one_lock(reader: Reader, widget: Path, project_name: str) -> None:
    reader.publish(project_name, "2.0")
    lock = reader.requirements(f"{project_name}==1.0", f"{project_name}==2.0")
    assert reader.run("pin", lock)[0] == 0
    assert f"{project_name} rel 1.0 1/1" in reader.remembered()
    assert f"{project_name} rel 2.0 1/1" in reader.remembered()
    assert reader.run("verify", "--locked", lock)[0] == 0
    assert reader.run("pin", reader.requirements(f"{project_name}==2.0"))[0] == 0
    assert f"{project_name} rel 1.0" not in reader.remembered()


def test_old_links_are_told_once_and_block_nothing(reader: Reader, project_name: str) -> None:
    """Its repository moved long ago; the links in its metadata did not."""
    links = {"Source": "https://github.com/old-owner/widget"}
    reader.publish(project_name, "1.0", links=links)
    assert reader.rules(project_name) == {"U01": "warning"}
    code, out = reader.run("pin", project_name)
    assert code == 0
    assert "warning U01" in out
    reader.publish(project_name, "1.1", links=links)
    assert reader.rules("--locked", project_name) == {}
    reader.publish(project_name, "1.2", links={"Source": "https://github.com/famous/widget"})
    assert reader.rules("--locked", project_name) == {"U01": "error", "U05": "warning"}


# What is asked, and what is kept


def asked(reader: Reader) -> list[Json]:
    return [one for one in reader.sandbox.log() if one["service"] == "pypi"]


def test_private_names_are_never_asked_for(reader: Reader, widget: Path, project_name: str) -> None:
    settings = "[tool.publisher.verify]\nprivate = ['corp-*']\n"
    (reader.folder / "pyproject.toml").write_text(settings)
    before = len(asked(reader))
    report = reader.json("verify", "--locked", "corp-secret==1.0")
    assert (report["exit_code"], statuses(report)) == (12, {"not-asked"})
    assert reader.run("pin", "corp-secret==1.0")[0] == 0
    assert not (reader.folder / "identities.lock").exists()
    assert len(asked(reader)) == before


def test_a_warm_run_fetches_no_bodies_and_verifies_again(
    reader: Reader, widget: Path, project_name: str
) -> None:
    reader.run("verify", project_name)
    before = len(asked(reader))
    assert reader.run("verify", project_name)[0] == 0
    warm = asked(reader)[before:]
    assert [(one["status"], one["sent"]) for one in warm] == [(304, 0), (304, 0)]
    assert reader.run("verify", project_name, "--offline")[0] == 0
    assert len(asked(reader)) == before + 2


def test_a_poisoned_cache_proves_nothing(reader: Reader, widget: Path, project_name: str) -> None:
    """Somebody puts another project's true provenance into the place of this one's."""
    other = provenance(reader, reader.publish(f"{project_name}-o", "1.0", job("evil/widget")))
    reader.run("verify", project_name)
    for path in (reader.folder / ".cache" / "attested-publisher").rglob("*"):
        if path.is_file() and b"/integrity/" in path.read_bytes().partition(b"\n")[0]:
            head = path.read_bytes().partition(b"\n")[0]
            path.write_bytes(head + b"\n" + json.dumps(other).encode())
    for flag in ([], ["--offline"]):
        assert reader.run("verify", project_name, *flag)[0] == 11


def test_offline_without_a_cache_is_incomplete(
    reader: Reader, widget: Path, project_name: str
) -> None:
    assert reader.run("verify", project_name, "--offline")[0] == 12


def test_locked_writes_nothing(reader: Reader, widget: Path, project_name: str) -> None:
    assert reader.run("verify", "--locked", project_name)[0] == 13
    assert reader.run("verify", project_name)[0] == 0
    assert not (reader.folder / "identities.lock").exists()


def test_pin_writes_pep_751_identities(reader: Reader, widget: Path, project_name: str) -> None:
    listed = reader.sandbox.listing(project_name).json()["files"][0]
    lock = reader.folder / "pylock.toml"
    lock.write_text(
        'lock-version = "1.0"\ncreated-by = "me"  # a comment\n\n[[packages]]\n'
        f'name = "{project_name}"\nversion = "1.0"\n\n[[packages.wheels]]\nname = "{widget.name}"\n'
        f'url = "https://index.example/{widget.name}"\n'
        f'hashes = {{sha256 = "{listed["hashes"]["sha256"]}"}}\n'
    )
    assert reader.run("pin", "--pylock")[0] == 0
    text = lock.read_text()
    assert "# a comment" in text
    assert '[[packages.attestation-identities]]\nkind = "GitHub"' in text
    assert reader.run("verify", "--locked", lock)[0] == 0


def test_annotations_hold_no_commands_of_others() -> None:
    evil = "x\r\n::set-output name=a::b%0A"
    change = Change("D01", "error", evil, "1.0", evil)
    verdict = Verdict("a", "1", (), (change,), Place("a,b:c%\n.lock", 3))
    (line,) = sarif.commands(Examination("verify", verdicts=[verdict]))
    assert "\n" not in line
    assert "\r" not in line
    assert line.startswith("::error file=a%2Cb%3Ac%25 .lock,line=3,title=D01 x %3A%3Aset-output")
    assert "%250A" in line
