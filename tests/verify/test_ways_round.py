"""Ways round the checks that somebody tried: what pip would take must not go unseen."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from publisher.report import sarif
from publisher.verify.checking import Expected
from publisher.verify.evidence import project_urls
from publisher.verify.model import Change, Examination, Verdict
from publisher.verify.names import installed_as
from support.identities import GITHUB, GITLAB, release
from support.reading import Reader, job

Json = dict[str, Any]
WIN = "py3-none-win32"
EVIL = job("evil/widget", repository_id="9", repository_owner_id="99")


def statuses(report: Json) -> set[str]:
    return {one["status"] for one in report["results"]}


def show(reader: Reader, page: Json) -> None:
    """What the index answers next when it is asked for a project."""
    fault = {"service": "pypi", "method": "GET", "path": "/simple/", "body": json.dumps(page)}
    reader.sandbox.post("faults", [{**fault, "status": 200, "times": 1}])


# A1: files that pip installs and nobody looked at


@pytest.mark.parametrize(
    ("filename", "changes"),
    [
        ("{0}-2.0-py3-none-any.whl", {"hashes": {}}),
        ("{0}-2.0-py3-none-any.whl", {"hashes": {"md5": "00"}}),
        ("{0}-2.0.tar.bz2", {}),
        ("{0}-2.0.tgz", {}),
        ("{0}-1.0-2.tar.gz", {}),
        ("{0}-1.0.tgz", {}),
        ("\u212a{0}-2.0-py3-none-any.whl", {}),
        ("{0}-1.0-py3-none-any.whl", {"url": "{0}-2.0-py3-none-any.whl"}),
        ("notes.txt", {"url": "notes.zip#egg={0}-2.0"}),
    ],
)
def test_a_file_that_pip_may_take_is_seen(
    filename: str, changes: Json, reader: Reader, project_name: str
) -> None:
    kelvin = filename.startswith("\u212a")
    name = f"k{project_name}" if kelvin else project_name
    reader.publish(name, "1.0")
    assert reader.run("verify", name)[0] == 0
    page = reader.sandbox.listing(name).json()
    spelt = project_name.replace("-", "_")
    filename = filename.format(spelt)
    more = {key: value.format(spelt) if key == "url" else value for key, value in changes.items()}
    page["files"].append({**page["files"][0], "filename": filename, "url": filename, **more})
    show(reader, page)
    report = reader.json("verify", name)
    assert report["exit_code"] == 12
    assert "incomplete" in statuses(report)


@pytest.mark.parametrize(
    ("filename", "version"),
    [
        ("Wid.Get-2.0.tar.xz", "2.0"),
        ("wid_get-1.0_2-py3-none-any.whl", "1.0.post2"),
        ("wid-get-2.0.linux-x86_64.tar.gz", None),
        ("wid-get-2.0.exe", None),
        ("wid-get-2.0-py3.9.egg", None),
        ("gadget-2.0.tgz", None),
    ],
)
def test_a_name_as_pip_reads_it(filename: str, version: str | None) -> None:
    found = installed_as(filename, "wid-get")
    assert (str(found) if found else None) == version


# A2: hashes that nobody can compare


@pytest.mark.parametrize("kind", ["requirements.txt", "poetry.lock"])
def test_another_hash_than_sha256_is_incomplete(
    kind: str, reader: Reader, project_name: str
) -> None:
    wheel = reader.publish(project_name, "1.0")
    texts = {
        "requirements.txt": f"{project_name}==1.0 --hash=sha512:00\n",
        "poetry.lock": f'[[package]]\nname = "{project_name}"\nversion = "1.0"\n'
        f'files = [{{file = "{wheel.name}", hash = "md5:00"}}]\n',
    }
    (reader.folder / kind).write_text(texts[kind])
    report = reader.json("verify", kind)
    assert (report["exit_code"], statuses(report)) == (12, {"incomplete"})
    assert "another hash" in report["results"][0]["why"]


# A5 to A7: whom one expects


@pytest.mark.parametrize(
    ("expected", "status"),
    [
        (Expected("group/sub/widget"), "failed"),
        (Expected("https://gitlab.com/group/sub/widget"), "verified"),
        (Expected("https://gitlab.com/Group/Sub/Widget.git"), "verified"),
        (Expected("https://github.com/group/sub/widget"), "failed"),
        (Expected("group/sub/widget", issuer=GITLAB.issuer), "verified"),
        (Expected("group/sub/widget", issuer=GITHUB.issuer), "failed"),
        (Expected(issuer=GITLAB.issuer.upper()), "failed"),
        (Expected(subject="https://forge.example/X"), "failed"),
        (Expected(subject="https://forge.example/x"), "verified"),
    ],
)
def test_a_name_has_a_forge_and_only_it_ignores_case(expected: Expected, status: str) -> None:
    file = replace(release("1.0", by=GITLAB).files[0], san="https://forge.example/x")
    assert expected.demand(file).status == status


def test_with_an_expectation_nobody_is_not_enough(reader: Reader, project_name: str) -> None:
    reader.publish(project_name, "1.0")
    reader.publish(project_name, "1.0", attested=False, tag=WIN)
    assert reader.run("verify", project_name)[0] == 0
    report = reader.json("verify", project_name, "--repo", "octo-org/widget")
    assert (report["exit_code"], statuses(report)) == (11, {"verified", "failed"})


# A11: one release, whatever its spelling


def test_a_release_is_the_same_however_its_version_is_written(
    reader: Reader, project_name: str
) -> None:
    wheel = reader.publish(project_name, "1.0")
    reader.publish(project_name, "1.0", tag=WIN)
    assert reader.run("pin", f"{project_name}==1.0")[0] == 0
    before = reader.remembered()
    assert reader.run("pin", f"{project_name}==1.0.0", f"{project_name}==v1")[0] == 0
    assert reader.remembered() == before
    gone = {"projects": {project_name: {"deleted": [wheel.name]}}}
    assert reader.sandbox.post("index", gone).status_code == 200
    assert reader.rules(f"{project_name}==1.0.0") == {"D19": "error"}


# A12: memory counts also where no index is asked


def test_evidence_beside_a_file_is_held_against_memory(reader: Reader, project_name: str) -> None:
    good, bad = reader.publish(project_name, "1.0"), reader.publish(project_name, "1.1", EVIL)
    beside = reader.folder / "provenance.json"

    def verify(wheel: Any) -> tuple[int, set[str]]:
        beside.write_text(reader.sandbox.provenance(wheel).text)
        report = reader.json("verify", "--locked", wheel, "--provenance", beside)
        found = {one["rule"] for result in report["results"] for one in result["findings"]}
        return report["exit_code"], found

    assert verify(good) == (13, set())
    assert reader.run("pin", f"{project_name}==1.0")[0] == 0
    assert verify(good) == (0, set())
    assert verify(bad) == (10, {"D09"})


# A13: what stands beside the installed file


def test_evidence_that_fails_for_a_sibling_is_told(reader: Reader, project_name: str) -> None:
    reader.publish(project_name, "1.0")
    lock = reader.requirements(f"{project_name}==1.0")
    sibling = reader.publish(project_name, "1.0", tag=WIN)
    body = reader.sandbox.provenance(sibling).json()
    body["attestation_bundles"][0]["attestations"][0]["envelope"]["signature"] = "AAAA"
    where = f"/integrity/{project_name}/1.0/{sibling.name}/"
    fault = {"service": "pypi", "method": "GET", "path": where}
    reader.sandbox.post("faults", [{**fault, "status": 200, "body": json.dumps(body), "times": 9}])
    assert reader.rules(lock) == {"D28": "warning"}
    code, out = reader.run("verify", lock)
    assert (code, "nothing else to say" in out) == (0, False)


# B15, D22: the copy in pylock.toml


def pylock(reader: Reader, name: str, version: str) -> str:
    (listed,) = (
        one
        for one in reader.sandbox.listing(name).json()["files"]
        if one["filename"].split("-")[1] == version
    )
    return (
        f'lock-version = "1.0"\ncreated-by = "me"\n\n[[packages]]\nname = "{name}"\n'
        f'version = "{version}"\n\n[[packages.wheels]]\nname = "{listed["filename"]}"\n'
        f'url = "https://index.example/x"\nhashes = {{sha256 = "{listed["hashes"]["sha256"]}"}}\n'
    )


@pytest.mark.parametrize("known", [True, False])
def test_who_was_refused_is_not_written(known: bool, reader: Reader, project_name: str) -> None:
    reader.back(40)
    reader.publish(project_name, "1.0")
    reader.back(0)
    if known:
        assert reader.run("pin", project_name)[0] == 0
    reader.publish(project_name, "1.1", EVIL)
    lock = reader.folder / "pylock.toml"
    lock.write_text(pylock(reader, project_name, "1.1"))
    assert reader.run("pin", "--pylock")[0] == 10
    assert "attestation-identities" not in lock.read_text()


def test_a_lock_that_can_not_be_edited_ends_it_before_anything_is_written(
    reader: Reader, project_name: str
) -> None:
    reader.publish(project_name, "1.0")
    lock = reader.folder / "pylock.toml"
    head, _, rest = pylock(reader, project_name, "1.0").partition("[[packages]]")
    table, _, wheel = rest.partition("[[packages.wheels]]")
    fields = [line for line in table.splitlines() if line]
    inner = ", ".join(line for line in wheel.splitlines() if line)
    lock.write_text(f"{head}packages = [{{{', '.join(fields)}, wheels = [{{{inner}}}]}}]\n")
    code, out = reader.run("pin", "--pylock")
    assert (code, "error invalid-value" in out) == (2, True), out
    assert not (reader.folder / "identities.lock").exists()


# A8: what would be malformed is not written


def test_a_project_of_which_nothing_is_known_is_not_written(
    reader: Reader, project_name: str
) -> None:
    reader.publish(project_name, "1.0", attested=False)
    lock = reader.requirements(f"{project_name}==1.0")
    page = reader.sandbox.listing(project_name).json()
    odd = f"{project_name.replace('-', '_')}-1.0.tgz"
    page["files"].append({**page["files"][0], "filename": odd, "url": odd, "hashes": {}})
    show(reader, page)
    code, out = reader.run("pin", lock)
    assert (code, "nobody can say who published it" in out) == (0, True), out
    assert not (reader.folder / "identities.lock").exists()


# B17: ten releases of one bad day


def test_a_flood_of_releases_is_no_history(reader: Reader, project_name: str) -> None:
    reader.back(40)
    reader.publish(project_name, "1.0")
    reader.back(2)
    for minor in range(10):
        reader.publish(project_name, f"2.{minor}", EVIL)
    code, out = reader.run("pin", project_name)
    assert code == 10, out
    first, second = (line for line in reader.remembered().splitlines() if " id " in line)
    assert ("repo=octo-org/widget#" in first, "pending" in first) == (True, False)
    assert ("repo=evil/widget#" in second, "pending=yes" in second) == (True, True)


# C18: private names


@pytest.mark.parametrize("pattern", ["corp-*", "Corp_*", "CORP.s*"])
def test_a_private_name_is_never_asked_for(pattern: str, reader: Reader) -> None:

    def asked() -> int:
        return sum(one["service"] == "pypi" for one in reader.sandbox.log())

    before = asked()
    accept = ("--accept", "corp-secret==1.0", "--reason", "x")
    assert reader.run("pin", "--private", pattern, *accept)[0] == 2
    assert reader.run("verify", "--private", pattern, "corp-secret==1.0")[0] == 12
    assert asked() == before


# D20, D23: foreign words


def test_metadata_beyond_ascii() -> None:
    text = (
        "Name: a\nProject-URL: Qu\u00e9lle, https://a.example\nHome-page: https://\u00e9.example\n"
    )
    urls = {"Qu\u00e9lle": "https://a.example", "Homepage": "https://\u00e9.example"}
    assert project_urls(text.encode()) == urls
    assert project_urls(b"Home-page: \xff\n") == {"Homepage": "\ufffd"}


def test_sarif_holds_no_command_of_a_runner() -> None:
    change = Change("D01", "error", "a", "1", "##[error]x")
    text = sarif.as_json(Examination("verify", verdicts=[Verdict("a", "1", (), (change,))]))
    assert "##[" not in text
    (result,) = json.loads(text)["runs"][0]["results"]
    assert result["message"]["text"].startswith("a 1: ##[error]x")
