"""What lock files pin. Those in locks/ are by uv 0.13, Poetry 2.5 and PDM 2.22, of one project."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from publisher.verify import locks
from publisher.verify.locks import Locked, Unreadable

FOLDER = Path(__file__).parent / "locks"
WHEEL = "b0236c6707783f93971274101e119055192cef0925f5b7cebdad03c69dc5a499"
SDIST = "f81f9513cba039a5231d6523ca58b071d1d96afe430cd576bfda3e73c8b4e55f"
PROJECTS = {"abi3info": "2024.10.8", "peppercorn": "0.6", "sampleproject": "4.0.0"}
INDEX = {"pylock.toml", "uv.lock", "poetry.lock"}


def lines(name: str) -> list[str]:
    return (FOLDER / name).read_text("utf-8").splitlines()


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.iterdir()))
def test_a_real_lock(name: str) -> None:
    lock = locks.read(name, "\n".join(lines(name)))
    assert {one.project: one.version for one in lock.packages} == PROJECTS
    abi3info = lock.packages[0]
    plain = name == "requirements.txt"
    expected = {
        ("" if plain else "abi3info-2024.10.8-py3-none-any.whl", WHEEL),
        ("" if plain else "abi3info-2024.10.8.tar.gz", SDIST),
    }
    assert set(abi3info.files) == expected
    assert abi3info.index == ("https://index.example/simple" if name in INDEX else "")
    for one in lock.packages:
        found = lines(name)[one.line - 1 :][:2]
        assert any(one.project in line for line in found)
        assert found[0].startswith((one.project, "[[package"))
    assert any("local" in one.project for one in lock.elsewhere)
    assert all(one.line and one.why for one in lock.elsewhere)


def read(name: str, text: str) -> Locked:
    (found,) = locks.read(name, text).packages
    return found


# Name of the lock, its text, and what it pins: version, files, line, index.
MORE: list[tuple[str, str, tuple[str, list[tuple[str, str]], int, str]]] = [
    ("requirements.txt", "a==1", ("1", [], 1, "")),
    ("r.txt", "A_b [x]==1 ; python_version>'3'  # why", ("1", [], 1, "")),
    (
        "r.txt",
        "\n# c\na==1 --hash=sha256:AB \\\n  --hash sha512:12",
        ("1", [("", "ab"), ("", "sha512:12")], 3, ""),
    ),
    ("r.txt", "-i https://i.example/s\na===1+x", ("1+x", [], 2, "https://i.example/s")),
    (
        "r.txt",
        "--index-url=https://i.example\n-c x\n--pre\na==1 --hash=sha256:AB",
        ("1", [("", "ab")], 4, "https://i.example"),
    ),
    ("r.txt", "a==1 \\", ("1", [], 1, "")),
    ("r.txt", "-ihttps://i.example/s\na==1", ("1", [], 2, "https://i.example/s")),
    ("r.txt", "a==1\n--index-u https://i.example/s", ("1", [], 1, "https://i.example/s")),
    ("r.txt", "a==1 ; sys_platform != ' @ '", ("1", [], 1, "")),
    ("r.txt", "a==1;sys_platform!='a/b'", ("1", [], 1, "")),
    ("r.txt", "a==1 # swallows \\\n--hash=sha256:AB", ("1", [], 1, "")),
    (
        "uv.lock",
        '[[package]]\nname="a"\nversion="1"\nsource={registry="r"}\n'
        'wheels=[{path="w/a%2B1.whl", hash="sha256:0A"}, {filename="b.whl"}]',
        ("1", [("a+1.whl", "0a"), ("b.whl", "")], 1, "r"),
    ),
    (
        "poetry.lock",
        '[[package]]\nname="a"\nversion="1"\n[metadata.files]\na=[{file="a.whl", hash="md5:1"}]',
        ("1", [("a.whl", "md5:1")], 1, ""),
    ),
    (
        "pdm.lock",
        '[[package]]\nname="a"\nversion="1"\nfiles=[{url="https://f.example/x/a.whl#f",hash="sha256:1"}]',
        ("1", [("a.whl", "1")], 1, ""),
    ),
    (
        "pylock.dev.toml",
        '[[packages]]\nname="a"\nversion="1"\nsdist={name="a.tar.gz",hashes={sha256="1"}}',
        ("1", [("a.tar.gz", "1")], 1, ""),
    ),
    (
        "pylock.toml",
        '[[packages]]\nname="a"\nwheels=[{name="a-1-py3-none-any.whl",hashes={sha512="1"}}]',
        ("1", [("a-1-py3-none-any.whl", "sha512:1")], 1, ""),
    ),
    ("pdm.lock", 'package=[{name="a", version="1"}]', ("1", [], 1, "")),
    (
        "pdm.lock",
        "x = '''\n[[package]]\n'''\ny = \"\"\"one line\"\"\"\n[[package]]\nname='a'\nversion='1'",
        ("1", [], 5, ""),
    ),
]


@pytest.mark.parametrize(("name", "text", "expected"), MORE)
def test_what_a_lock_pins(
    name: str, text: str, expected: tuple[str, list[tuple[str, str]], int, str]
) -> None:
    found = read(name, text)
    assert found.project in {"a", "a-b"}
    assert (found.version, list(found.files), found.line, found.index) == expected


ELSEWHERE: list[tuple[str, str, str]] = [
    ("r.txt", "-e ./local", "a path or URL"),
    ("r.txt", "a @ git+https://forge.example/a", "a path or URL"),
    ("r.txt", "https://forge.example/a.whl", "a path or URL"),
    ("r.txt", "../local", "a path or URL"),
    ("r.txt", "--extra-index-url https://i.example\na==1", "another index or file, and no hash"),
    ("r.txt", "a==1\n-cother.txt", "another index or file, and no hash"),
    ("r.txt", "a==1\n-fhttps://i.example", "another index or file, and no hash"),
    ("r.txt", "-e./local", "a path or URL"),
    ("r.txt", "git+https://forge.example/a", "a path or URL"),
    ("uv.lock", '[[package]]\nname="a"\nversion="1"\nsource={git="https://f.example"}', "git"),
    ("uv.lock", '[[package]]\nname="a"\nsource={registry="r"}', "no version"),
    ("poetry.lock", '[[package]]\nname="a"\nversion="1"\nsource={type="git",url="u"}', "git"),
    ("pdm.lock", '[[package]]\nname="a"\nversion="1"\ngit="https://f.example"', "git"),
    ("pylock.toml", '[[packages]]\nname="a"\nvcs={type="git"}', "vcs"),
    ("pylock.toml", '[[packages]]\nname="a"', "no version"),
]


@pytest.mark.parametrize(("name", "text", "why"), ELSEWHERE)
def test_what_is_no_affair_of_an_index(name: str, text: str, why: str) -> None:
    lock = locks.read(name, text)
    assert lock.packages == ()
    assert [one.why for one in lock.elsewhere] == [why]


WRONG: list[tuple[str, str, str]] = [
    ("go.sum", "", "line 1: go.sum is no lock file"),
    ("uv.lock", "\nversion =\n", "line 2: "),
    ("uv.lock", "version = 1", "line 1: uv.lock is not built as its name says"),
    ("pdm.lock", "package = 1", "line 1: pdm.lock is not built"),
    ("pdm.lock", '[[package]]\nversion="1"', "line 1: pdm.lock is not built"),
    ("pdm.lock", '\n[[package]]\nname="a b"\nversion="1"', "line 2: 'a b' is not a project's name"),
    ("pdm.lock", '\n[[package]]\nname="\u212aivy"\nversion="1"', "line 2: '\u212aivy' is not a pr"),
    ("r.txt", "\na>=1", "line 2: 'a>=1' is not pinned with =="),
    ("r.txt", "a", "line 1: 'a' is not pinned"),
    ("r.txt", "a==1.*", "line 1: 'a==1.*' is not pinned"),
    ("r.txt", "a==1,<2", "line 1: 'a==1,<2' is not pinned"),
    *(
        ("r.txt", f"a==1\n{words}", "line 2: it names another file")
        for words in (
            "-r other.txt",
            "-rother.txt",
            "--requirem other.txt",
            "--requirement=other.txt",
        )
    ),
    ("r.txt", "a==1\n--no-such", "line 2: no such option: --no-such"),
    ("r.txt", "a==1\n--p", "line 2: ambiguous option: --p"),
    ("r.txt", "a==1 -r other.txt", "line 1: this option has a line of its own"),
    ("r.txt", "--pre a==1", "line 1: 'a==1' follows an option"),
    ("r.txt", "--hash=sha256:00", "line 1: a hash of nothing"),
    ("r.txt", "a==1 --hash 'x", "line 1: No closing quotation"),
    ("r.txt", "a>=1 ; sys_platform != '/'", "line 1: 'a>=1' is not pinned"),
    ("r.txt", "a===1.zip", "line 1: 'a===1.zip' is not pinned"),
    ("pylock.toml", '[[packages]]\nname="a"\nwheels=[{name="x.whl"}]', "line 1: it has no version"),
    (
        "pylock.toml",
        '[[packages]]\nname="a"\nwheels=[{name="a-1-py3-none-any.whl"}]\nsdist={name="a-2.tar.gz"}',
        "line 1: its files are of several versions",
    ),
    ("uv.lock", f"a = {'[' * 5000}{']' * 5000}", "line 1: uv.lock is nested too deeply"),
]


@pytest.mark.parametrize(("name", "text", "why"), WRONG)
def test_what_is_wrong_names_its_line(name: str, text: str, why: str) -> None:
    with pytest.raises(Unreadable, match="^" + re.escape(why)):
        locks.read(name, text)


def test_lock_files_are_known_by_name() -> None:
    for name in ("uv.lock", "sub/pylock.toml", "pylock.ci.toml", "requirements-dev.txt"):
        assert locks.is_lock(name)
    for name in ("widget-1.0.tar.gz", "pyproject.toml", "widget==1.0", "pylock.a.b.toml"):
        assert not locks.is_lock(name)


def test_a_name_is_enough_only_where_the_lock_has_no_digest() -> None:
    def lock(digest: str) -> Locked:
        return Locked("a", "1", (("a.whl", digest),), 1)

    assert lock("").installs("a.whl", WHEEL)
    assert lock("sha512:00").installs("a.whl", WHEEL)  # it is meant, and then incomplete
    assert not lock(SDIST).installs("a.whl", WHEEL)
    assert not Locked("a", "1", (("", "sha512:00"),), 1).installs("a.whl", WHEEL)
