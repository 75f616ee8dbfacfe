"""The release contract: what is written, what is read, and how a broken one is told."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from publisher.errors import CannotWrite, ContractBroken, InvalidValue
from publisher.models import Dist
from publisher.publish.contract import SCHEMA, Expected, ExpectedFile, check, read, write
from support.archives import make_sdist, make_wheel
from support.play import dist

A, B = "ab" * 32, "cd" * 32
WHEEL = "widget-1.0-py3-none-any.whl"
Json = dict[str, Any]


@pytest.fixture
def dists(tmp_path: Path) -> tuple[Dist, ...]:
    folder = tmp_path / "dist"
    return dist(make_wheel(folder)), dist(make_sdist(folder)), dist(make_wheel(folder, "Other.One"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "contract"


# Writing


def test_what_is_written(dists: tuple[Dist, ...], tmp_path: Path) -> None:
    first, second = tmp_path / "new" / "folder" / "a.json", tmp_path / "b.json"
    write(dists, first)
    write(dists[::-1], second)
    data = first.read_bytes()
    assert data == second.read_bytes()
    assert data.endswith(b"}\n")
    assert b"\r" not in data
    other, wheel, sdist = dists[2], dists[0], dists[1]
    assert json.loads(data) == {
        "schema": "publisher.contract/1",
        "files": [
            {"filename": one.filename, "size": one.size, "sha256": one.sha256}
            for one in (other, wheel, sdist)
        ],
        "releases": [
            {"project": "other-one", "version": "1.0"},
            {"project": "widget", "version": "1.0"},
        ],
    }
    assert [path.name for path in first.parent.iterdir()] == ["a.json"]  # no draft is left


def test_what_was_written_is_kept(dists: tuple[Dist, ...], file: Path) -> None:
    file.write_text("an older one", "utf-8")
    write(dists, file)
    expected = read(file)
    assert expected.source == file
    assert expected.releases == frozenset({("widget", "1.0"), ("other-one", "1.0")})
    check(expected, dists)
    check(expected, dists[::-1])


def refused(dists: tuple[Dist, ...], path: Path) -> CannotWrite:
    with pytest.raises(CannotWrite, match="the contract can't be written to ") as caught:
        write(dists, path)
    assert caught.value.facts["path"] == str(path)
    return caught.value


def test_not_among_the_dists(
    dists: tuple[Dist, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "dist"
    (tmp_path / "alias").symlink_to(folder)
    (tmp_path / "link.json").symlink_to(folder / "contract.json")
    monkeypatch.chdir(folder)
    places = (folder / "c.json", tmp_path / "alias/c", tmp_path / "link.json", Path("c.json"))
    for place in places:
        error = refused(dists, place)
        assert "the dists are in that folder" in error.message
        assert "outside" in error.hint
    assert {path.name for path in folder.iterdir()} == {one.filename for one in dists}
    (folder / "sub").mkdir()
    write(dists, folder / "sub" / "c.json")


def test_places_that_take_no_file(dists: tuple[Dist, ...], tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    taken = tmp_path / "folder"
    taken.mkdir()
    assert "directory" in refused(dists, taken).message.lower()
    refused(dists, tmp_path / "plain" / "c.json")
    refused(dists, tmp_path / "loop" / "c.json")
    assert "null" in refused(dists, tmp_path / "a\0b").message
    refused(dists, tmp_path / "much-too-long" / ("x" * 300))
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_link_stays_a_link(dists: tuple[Dist, ...], tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "c.json", tmp_path / "link"
    target.write_text("old", "utf-8")
    link.symlink_to(target)
    write(dists, link)
    assert link.is_symlink()
    check(read(target), dists)


def test_through_a_pipe(dists: tuple[Dist, ...], tmp_path: Path) -> None:
    """As with ``--expect <(...)``, and a contract written to /dev/stdout."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    thread = threading.Thread(target=write, args=(dists, pipe))
    thread.start()
    check(read(pipe), dists)
    thread.join()


# Lines


@pytest.mark.parametrize(
    "line",
    [
        f"{A}  {WHEEL}",
        f"{A} *{WHEEL}",
        f"{A} {WHEEL}",
        f"{A}\t{WHEEL}",
        f"{A.upper()}  {WHEEL}",
        f"{A}  dist/{WHEEL}",
        f"{A}  ./a folder/{WHEEL}",
        f"{A} *dist\\{WHEEL}",
        f"\\{A}  back\\\\slash/line\\nbreak\\r/{WHEEL}",
        f"\\{A} *C:\\\\dist\\\\{WHEEL}",
        f"SHA256 ({WHEEL}) = {A}",
        f"SHA256 (dist (1)/{WHEEL}) = {A.upper()}",
        f"\\SHA256 (back\\\\slash/{WHEEL}) = {A}",
        f"SHA256(dist/{WHEEL})= {A}",
        f"SHA2-256(dist/{WHEEL})= {A}",
        f"  {A}  {WHEEL}  ",
        f"# sums\n\n{A}  {WHEEL}\n   \n# {B}  other",
        f"{A}  {WHEEL}\r\n{A}  dist/{WHEEL}\r\n",
    ],
)
def test_lines(file: Path, line: str) -> None:
    for text in (line, f"{line}\n"):
        for encoding in ("utf-8", "utf-8-sig", "utf-16"):
            file.write_bytes(text.encode(encoding))
            assert read(file) == Expected(file, {WHEEL: ExpectedFile(A)})


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="there is no sha256sum here")
@pytest.mark.parametrize("option", ["--text", "--binary", "--tag"])
@pytest.mark.parametrize("where", ["dist", "a (b) = c", "back\\slash", "line\nbreak\r"])
def test_what_sha256sum_prints(tmp_path: Path, option: str, where: str) -> None:
    dists = [dist(make_wheel(tmp_path / where)), dist(make_sdist(tmp_path / where))]
    paths = [str(one.path) for one in dists]
    done = subprocess.run(["sha256sum", option, *paths], capture_output=True, check=True)
    (tmp_path / "sums").write_bytes(done.stdout)
    expected = read(tmp_path / "sums")
    assert expected.releases is None
    check(expected, dists)
    with pytest.raises(ContractBroken):
        check(expected, dists[1:])


def malformed(file: Path, content: str | bytes, says: str) -> None:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InvalidValue) as caught:
        read(file)
    assert caught.value.message.startswith(f"--expect: {file}: {says}")
    assert caught.value.facts == {"path": str(file)}
    assert "sha256sum" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "line 1: it names no file"),
        ("\n# nothing\n\n", "line 1: it names no file"),
        (b"\xef\xbb\xbf", "line 1: it names no file"),
        ("hello", "line 1: expected a line of sha256sum, a SHA-256 digest and a name, not 'hello'"),
        (f"{A}  {WHEEL}\n{A}", f"line 2: expected a line of sha256sum, a SHA-256 digest and a "
         f"name, not '{A}'"),
        (f"\n{A}  {WHEEL}\nMD5 (x) = {A}", "line 3: expected"),
        (f"SHA512 ({WHEEL}) = {A}{A}", "line 1: expected"),
        (f"{A[:40]}  {WHEEL}", "line 1: a SHA-256 digest has 64 hex digits, not 40 characters"),
        (f"{A}{A}  {WHEEL}", "line 1: a SHA-256 digest has 64 hex digits, not 128"),
        (f"{A}  dist/", "line 1: '' is not the name of a file"),
        (f"{A}  dist/..", "line 1: '..' is not the name of a file"),
        (f"{A}  x\0y", "line 1: 'x\\x00y' is not the name of a file"),
        (f"{A}  x\u202ey", "line 1: 'x\\u202ey' is not the name of a file"),
        (f"{A}  x\ry", "line 1: 'x\\ry' is not the name of a file"),
        (f"\\{A}  x\\ny", "line 1: 'x\\ny' is not the name of a file"),
        (f"\\{A}  x\\ty", "line 1: 'x\\x00y' is not the name of a file"),
        (f"\\{A}  x\\", "line 1: 'x\\x00' is not the name of a file"),
        (f"{A}  {WHEEL}\n\n{B} *dist/{WHEEL}",
         f"line 3: {WHEEL} differs from line 1, which also names it"),
        (b"\n\xff\xfe", "line 2: this is not text in UTF-8"),
        (b"\xff\xfea", "line 1: this is not text in UTF-8"),
        (b"#" * ((4 << 20) + 1), "a contract has at most 4 MiB"),
    ],
)  # fmt: skip
def test_lines_that_are_none(file: Path, content: str | bytes, says: str) -> None:
    malformed(file, content, says)


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to(path), lambda _: None])
def test_no_file(file: Path, make: Callable[[Path], None]) -> None:
    make(file)
    with pytest.raises(InvalidValue, match=f"--expect: {file}: ."):
        read(file)
    with pytest.raises(InvalidValue):
        read(Path("a\0b"))


# JSON


def document(**changes: object) -> Json:
    one = {"filename": WHEEL, "size": 7, "sha256": A}
    release = {"project": "widget", "version": "1.0"}
    return {"schema": SCHEMA, "files": [one], "releases": [release], **changes}


def entry(**changes: object) -> Json:
    return document(files=[document()["files"][0] | changes])


def test_json_by_other_hands(file: Path) -> None:
    """Another writer's case, spelling and order are fine."""
    value = entry(sha256=A.upper())
    value["files"] *= 2
    value["releases"] = [{"version": "v1.0", "project": "Widget"}]
    for text in (json.dumps(value), f"\n {json.dumps(value, indent=8)}".replace("\n", "\r\n")):
        file.write_text(text, "utf-8-sig")
        releases = frozenset({("widget", "1.0")})
        assert read(file) == Expected(file, {WHEEL: ExpectedFile(A, 7)}, releases)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([], f'line 1: expected an object with "schema": "{SCHEMA}", not None'),
        (document(schema="publisher.contract/2"), "line 1: expected an object with \"schema\""),
        (document(more=1), "line 1: expected an object with schema, files, releases; it has sc"),
        ({"schema": SCHEMA}, "line 1: expected an object with schema, files, releases; it has s"),
        (document(files={}), "files: expected a list"),
        (document(files=[]), "line 1: it names no file"),
        (document(files=["x"]), "files[0]: expected an object with filename, size, sha256; it has "
         "none of them"),
        (entry(more=1), "files[0]: expected an object with filename, size, sha256; it has file"),
        (entry(size="7"), "files[0]: size must be a number of bytes, not '7'"),
        (entry(size=True), "files[0]: size must be"),
        (entry(size=-1), "files[0]: size must be"),
        (entry(size=7.0), "files[0]: size must be"),
        (entry(filename=f"dist/{WHEEL}"), f"files[0]: 'dist/{WHEEL}' is not the name of a file"),
        (entry(filename=""), "files[0]: '' is not the name of a file"),
        (entry(filename=["\n"]), r"""files[0]: "['\\n']" is not the name of a file"""),
        (entry(sha256="xy" * 32), "files[0]: a SHA-256 digest has 64 hex digits, not 64"),
        (entry(sha256=None), "files[0]: a SHA-256 digest has 64 hex digits, not 4"),
        (document(files=[*entry()["files"], *entry(size=8)["files"]]),
         f"files[1]: {WHEEL} differs from files[0], which also names it"),
        (document(releases=None), "releases: expected a list"),
        (document(releases=[{"project": "a"}]), "releases[0]: expected an object with project"),
        (document(releases=[{"project": "a", "version": "x"}]), "releases[0]: "),
        (document(releases=[{"project": "a b", "version": "1"}]), "releases[0]: "),
    ],
)  # fmt: skip
def test_json_that_is_no_contract(file: Path, value: object, says: str) -> None:
    malformed(file, json.dumps(value), says)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{\n"schema": }', "line 2: this is not JSON: Expecting value"),
        ("[" * 100_000, "line 1: it is nested too deep"),
        ('{"schema": 1, "schema": 2}', "an object has a key twice: schema, schema"),
        ("[" + "9" * 5000 + "]", "Exceeds the limit"),
    ],
)
def test_no_json(file: Path, text: str, says: str) -> None:
    malformed(file, text, says)


# Comparison


def broken(expected: Expected, *dists: Dist) -> ContractBroken:
    with pytest.raises(
        ContractBroken, match=f"the files are not those of {expected.source}: "
    ) as e:
        check(expected, dists)
    assert e.value.facts["contract"] == str(expected.source)
    assert "Nothing was signed" in e.value.hint
    assert e.value.exit_code == 4
    return e.value


def test_everything_at_once(dists: tuple[Dist, ...], file: Path) -> None:
    wheel, sdist, other = dists
    write([wheel, sdist], file)
    changed = replace(wheel, sha256=A)
    error = broken(read(file), changed, other)
    how = f"{wheel.size} bytes, sha256 {A}; the contract says {wheel.size} bytes, sha256 "
    assert error.message == (
        f"the files are not those of {file}: {sdist.filename} is missing; "
        f"{other.filename} is not in the contract; "
        f"{wheel.filename} differs: {how}{wheel.sha256}"
    )
    assert error.facts == {
        "contract": str(file),
        "missing": [sdist.filename],
        "extra": [other.filename],
        "different": {wheel.filename: f"{how}{wheel.sha256}"},
    }
    json.dumps(error.facts)


def test_nothing_is_there(dists: tuple[Dist, ...], file: Path) -> None:
    write(dists, file)
    assert broken(read(file)).facts["missing"] == sorted(one.filename for one in dists)


def test_a_changed_file(dists: tuple[Dist, ...], file: Path) -> None:
    """One byte more, read from the disk."""
    write(dists, file)
    path = dists[1].path
    path.write_bytes(path.read_bytes() + b"\0")
    now = hashlib.sha256(path.read_bytes()).hexdigest()
    error = broken(read(file), dists[0], replace(dists[1], sha256=now), dists[2])
    assert now in error.message
    assert dists[1].sha256 in error.message
    assert (error.facts["missing"], error.facts["extra"]) == ([], [])


def test_a_size_counts_where_it_is_known(dists: tuple[Dist, ...], file: Path) -> None:
    wheel = dists[0]
    check(Expected(file, {wheel.filename: ExpectedFile(wheel.sha256)}), [wheel])
    other = ExpectedFile(wheel.sha256, wheel.size + 1)
    assert f"says {wheel.size + 1} bytes" in broken(
        Expected(file, {wheel.filename: other}), wheel
    ).message  # fmt: skip
    assert f"says sha256 {A}" in broken(
        Expected(file, {wheel.filename: ExpectedFile(A)}), wheel
    ).message  # fmt: skip


@pytest.mark.parametrize(
    ("releases", "says"), [({("widget", "2.0")}, "widget 2.0"), (set(), "nothing")]
)
def test_other_releases(
    dists: tuple[Dist, ...], file: Path, releases: set[tuple[str, str]], says: str
) -> None:
    """The files are the right ones, and the contract still says something else of them."""
    write(dists[:2], file)
    expected = replace(read(file), releases=frozenset(releases))
    assert broken(expected, *dists[:2]).message.endswith(f": it says that they release {says}")
