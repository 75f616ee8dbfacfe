"""What differs between two archives of one name, on real archives, whole and broken."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from publisher.publish.difference import describe, members
from support.archives import make_sdist, make_wheel, write_tar, write_zip

EQUAL = "the members are equal, only times, order or compression differ"
WHEEL = "widget-1.0-py3-none-any.whl"
SDIST = "widget-1.0.tar.gz"
Make = Callable[..., Path]


@pytest.mark.parametrize("make", [make_wheel, make_sdist])
def test_nothing_differs(tmp_path: Path, make: Make) -> None:
    ours, theirs = make(tmp_path / "a"), make(tmp_path / "b")
    assert describe(ours, theirs).startswith(EQUAL)


def test_only_the_order_differs(tmp_path: Path) -> None:
    ours = write_zip(tmp_path / "a" / WHEEL, {"x": "1", "y": "2"})
    theirs = write_zip(tmp_path / "b" / WHEEL, {"y": "2", "x": "1"})
    assert ours.read_bytes() != theirs.read_bytes()
    assert describe(ours, theirs) == f"{EQUAL}: the build is not reproducible"


@pytest.mark.parametrize(("make", "top"), [(make_wheel, ""), (make_sdist, "widget-1.0/")])
def test_members_are_named(tmp_path: Path, make: Make, top: str) -> None:
    ours = make(tmp_path / "a", members={"same": "1", "a.py": "one", "mine": "1"})
    theirs = make(tmp_path / "b", members={"same": "1", "a.py": "two", "theirs": "1"})
    said = describe(ours, theirs)
    assert f"{top}mine is only in yours" in said
    assert said.endswith(f"{top}theirs is only in the index's")
    assert f"{top}a.py" in said.partition(" differ")[0]
    assert "same" not in said


def test_many_members_are_counted(tmp_path: Path) -> None:
    ours = write_zip(tmp_path / "a" / WHEEL, {f"f{n}": "1" for n in range(7)})
    theirs = write_zip(tmp_path / "b" / WHEEL, {f"f{n}": "2" for n in range(7)})
    assert describe(ours, theirs) == "f0, f1, f2 (and 4 more) differ"
    three = write_zip(tmp_path / "c" / WHEEL, {f"f{n}": "2" for n in range(3)})
    assert describe(theirs, three) == "f3, f4, f5 (and 1 more) are only in yours"


def test_members_of_a_wheel(tmp_path: Path) -> None:
    wheel = write_zip(tmp_path / WHEEL, {"folder/": "", "folder/a": "one"})
    assert members(wheel) == {"folder/a": (3, hashlib.sha256(b"one").hexdigest())}


def test_members_of_an_sdist(tmp_path: Path) -> None:
    folder, link, device = (tarfile.TarInfo(name) for name in ("top", "link", "device"))
    folder.type, device.type = tarfile.DIRTYPE, tarfile.CHRTYPE
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    entries: dict[str, str | bytes | tarfile.TarInfo] = {
        "top": folder, "link": link, "device": device, "top/a": "one"
    }  # fmt: skip
    sdist = write_tar(tmp_path / SDIST, entries)
    assert members(sdist) == {"top/a": (3, hashlib.sha256(b"one").hexdigest())}


def not_an_archive(path: Path) -> None:
    path.write_bytes(b"<html>Login</html>")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-700])


def gone(path: Path) -> None:
    path.unlink()


def spoilt_inside(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for place in range(900, 1400):
        data[place] ^= 0x55
    path.write_bytes(data)


@pytest.mark.parametrize("make", [make_wheel, make_sdist])
@pytest.mark.parametrize("spoil", [not_an_archive, empty, cut_off, gone])
def test_archives_that_cant_be_read(
    tmp_path: Path, make: Make, spoil: Callable[[Path], None]
) -> None:
    ours, theirs = make(tmp_path / "a", size=2000), make(tmp_path / "b", size=2000)
    spoil(theirs)
    assert describe(ours, theirs).startswith("the archives can't be compared (")
    assert describe(theirs, ours).startswith("the archives can't be compared (")


def test_a_wheel_whose_checksums_fail(tmp_path: Path) -> None:
    ours, theirs = make_wheel(tmp_path / "a", size=2000), make_wheel(tmp_path / "b", size=2000)
    spoilt_inside(theirs)
    assert describe(ours, theirs).startswith("the archives can't be compared (")


def encrypted(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.py", "one")
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)


def unknown_compression(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.py", "one")
    data = bytearray(path.read_bytes())
    data[8] = data[data.index(b"PK\x01\x02") + 10] = 99
    path.write_bytes(data)


def spoilt_lzma(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.py", "one" * 99)
    data = bytearray(path.read_bytes())
    start = data.index(b"a.py") + 4 + 9
    data[start : start + 8] = b"\xff" * 8
    path.write_bytes(data)


def name_that_is_no_text(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("\N{SNOWMAN}.py", "one")
    path.write_bytes(path.read_bytes().replace("\N{SNOWMAN}".encode(), b"\xff\xff\xff"))


@pytest.mark.parametrize(
    "write", [encrypted, unknown_compression, spoilt_lzma, name_that_is_no_text]
)
def test_zips_that_only_some_can_read(tmp_path: Path, write: Callable[[Path], None]) -> None:
    """The other one comes from the index, that is, from anybody."""
    ours = make_wheel(tmp_path / "a")
    theirs = tmp_path / WHEEL
    write(theirs)
    assert describe(ours, theirs).startswith("the archives can't be compared (")
