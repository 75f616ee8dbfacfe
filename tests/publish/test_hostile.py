"""Dists made to be read differently by different tools, or to use up time and memory."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from publisher import errors
from publisher.publish import archive, description, difference, unpack
from publisher.publish.dists import read
from support.archives import core_metadata, make_sdist, make_wheel, write_tar, write_zip

INFO = "widget-1.0.dist-info"
WHEEL = "widget-1.0-py3-none-any.whl"
SDIST = "widget-1.0.tar.gz"
Change = Callable[[bytearray], None]


def _refusal(path: Path) -> str:
    with pytest.raises(errors.BrokenArchive) as caught:
        read(path, lambda _: None)
    assert caught.value.facts["file"] == path.name
    return caught.value.message


# zips that are read differently from the front and from the end


def _at(data: bytearray, signature: bytes, offset: int, layout: str, *values: int) -> None:
    struct.pack_into(layout, data, data.index(signature) + offset, *values)


def trailing(data: bytearray) -> None:
    data += b"more"


def two_zips(data: bytearray) -> None:
    data += bytes(data)


def prepended(data: bytearray) -> None:
    data[:0] = b"#!/bin/sh\n"


def hidden(data: bytearray) -> None:
    """A member that only a reader from the front finds."""
    more = io.BytesIO()
    with zipfile.ZipFile(more, "w") as other:
        other.writestr("evil.py", "1")
    whole = more.getvalue()
    data[:0] = whole[: whole.index(b"PK\1\2")]


def another_size(data: bytearray) -> None:
    _at(data, b"PK\3\4", 22, "<L", 7)


def another_name(data: bytearray) -> None:
    data[data.index(b"widget/__init__.py") + 7] ^= 1


def control_characters(data: bytearray) -> None:
    data[:] = data.replace(b"widget/__init__.py", b"widget/__init__\x01py")


def no_utf8(data: bytearray) -> None:
    data[:] = data.replace(b"widget/__init__.py", b"widget/__init__.p\xff")


def data_descriptor(data: bytearray) -> None:
    data[data.index(b"PK\3\4") + 6] |= 8


def count(data: bytearray) -> None:
    _at(data, b"PK\5\6", 8, "<HH", 1, 1)


def disks(data: bytearray) -> None:
    _at(data, b"PK\5\6", 8, "<H", 1)


def end64(data: bytearray, *, size: int = 44, locator: bool = True, count: int = 0) -> None:
    """Put ZIP64's end before the end, as tools do for very large archives."""
    at = data.index(b"PK\5\6")
    members, _, length, offset = struct.unpack_from("<HHLL", data, at + 8)
    numbers = (count or members, members, length, offset)
    record = struct.pack("<4sQHHLLQQQQ", b"PK\6\6", size, 45, 45, 0, 0, *numbers)
    pointer = struct.pack("<4sLQL", b"PK\6\7", 0, at, 1) if locator else b""
    data[at:at] = record + pointer


def end64_without_locator(data: bytearray) -> None:
    end64(data, locator=False)


def end64_with_more(data: bytearray) -> None:
    end64(data, size=45)


def end64_of_two_disks(data: bytearray) -> None:
    end64(data, count=1)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (trailing, "more data after its end"),
        (two_zips, "more data after its end"),
        (prepended, "something else between its records"),
        (hidden, "'evil.py' is not in the central directory"),
        (another_size, "another size"),
        (another_name, "is not in the central directory"),
        (control_characters, "control characters"),
        (no_utf8, "is not in the central directory"),
        (data_descriptor, "data descriptor"),
        (count, "its end record says something else"),
        (disks, "its end record says something else"),
        (end64_without_locator, "can't be read"),
        (end64_with_more, "ZIP64 end record says"),
        (end64_of_two_disks, "ZIP64 end record says"),
    ],
)
def test_zips_that_are_read_in_two_ways(tmp_path: Path, change: Change, why: str) -> None:
    path = make_wheel(tmp_path)
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)
    assert why in _refusal(path)


def test_a_large_zip_and_a_comment_are_no_harm(tmp_path: Path) -> None:
    path = make_wheel(tmp_path)
    with zipfile.ZipFile(path, "a") as file:
        file.comment = b"made by hand"
        with file.open("widget/big.bin", "w", force_zip64=True) as member:
            member.write(b"1" * 99)
    data = bytearray(path.read_bytes())
    end64(data)
    path.write_bytes(data)
    assert read(path, lambda _: None).kind == "wheel"


def _with_extra(path: Path, extra: bytes, comment: bytes = b"") -> Path:
    with zipfile.ZipFile(path, "a") as file:
        info = zipfile.ZipInfo("widget/extra.py")
        info.extra, info.comment = extra, comment
        file.writestr(info, "1")
    return path


UNICODE_PATH = struct.pack("<HHBL", 0x7075, 6, 1, 0)


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        (b"\x55", "cut off"),
        (struct.pack("<HH", 0x5455, 9), "cut off"),
        (2 * (UNICODE_PATH + b"a"), "there twice"),
        (UNICODE_PATH + b"\n", "control characters"),
        (UNICODE_PATH + b"\xff", "not UTF-8"),
    ],
)
def test_extra_fields(tmp_path: Path, extra: bytes, why: str) -> None:
    path = make_wheel(tmp_path)
    try:
        _with_extra(path, extra)
    except zipfile.BadZipFile:  # newer Pythons don't write it
        pytest.skip("zipfile can't make it")
    assert why in _refusal(path) or "can't be read" in _refusal(path)


@pytest.mark.parametrize("field", [b"", bytes(8), bytes(12)])
def test_sizes_that_are_nowhere(tmp_path: Path, field: bytes) -> None:
    path = _with_extra(make_wheel(tmp_path), struct.pack("<HH", 0x5455, len(field)) + field)
    data = bytearray(path.read_bytes())
    start = data.index(b"widget/extra.py") - 30
    struct.pack_into("<LL", data, start + 18, 0xFFFFFFFF, 0xFFFFFFFF)
    struct.pack_into("<H", data, start + 30 + len("widget/extra.py"), 1)
    path.write_bytes(data)
    assert "installers may read differently" in _refusal(path)


def test_a_comment_on_a_member(tmp_path: Path) -> None:
    assert "has a comment" in _refusal(_with_extra(make_wheel(tmp_path), b"", b"hello"))


def _sum(content: bytes) -> int:
    """What a tar would have as the checksum of its header, if a zip of this content were one."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(zipfile.ZipInfo("w.py"), content)
    header = file.getvalue()[:512]
    return 256 + sum(header[:148]) + sum(header[156:])


def _content_like_a_tar() -> bytes:
    content = bytearray(600)
    wanted = _sum(bytes(content))
    content[114:122] = f"{wanted:06o}\0 ".encode()  # 34 bytes of zip are before it
    for salt in range(1, 1 << 16):  # the zip's CRC is part of the sum
        content[500:504] = struct.pack("<L", salt)
        if _sum(bytes(content)) == wanted:
            return bytes(content)
    raise AssertionError("no content has that sum")


def test_a_zip_that_begins_like_a_tar(tmp_path: Path) -> None:
    path = tmp_path / WHEEL
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(zipfile.ZipInfo("w.py"), _content_like_a_tar())
        for name in ("METADATA", "WHEEL", "RECORD"):
            file.writestr(f"{INFO}/{name}", core_metadata() if name == "METADATA" else "x,,\n")
    assert tarfile.is_tarfile(path)
    assert "both a zip and a tar" in _refusal(path)


def test_an_sdist_that_ends_like_a_zip(tmp_path: Path) -> None:
    path = make_sdist(tmp_path, members={"empty.zip": b"PK\5\6" + bytes(18)})
    assert read(path, lambda _: None).kind == "sdist"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), 0))  # stored as it is
    assert zipfile.is_zipfile(path)
    assert "both a zip and a tar" in _refusal(path)


# what a wheel says of itself


@pytest.mark.parametrize(
    ("record", "why"),
    [(b"\xff,,\n", "can't be read"), (b"a,,\n\nb,,\n", "empty line"), (b'"a' * 99999, "can't be")],
)
def test_records(tmp_path: Path, record: bytes, why: str) -> None:
    path = write_zip(
        tmp_path / WHEEL,
        {f"{INFO}/METADATA": core_metadata(), f"{INFO}/WHEEL": "", f"{INFO}/RECORD": record},
    )
    assert why in _refusal(path)


SCRIPT = "[console_scripts]\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("no section = 1\n", "can't be read"),
        (f"{SCRIPT}a = b:c\na = b:c\n", "can't be read"),
        (f"{SCRIPT}a: b:c\n", "can't be read"),
        (b"[x]\n\xff = 1\n", "can't be read"),
        ("[x]\na\n b\n", "can't be read"),
        (f"{SCRIPT}../a = b:c\n", "invalid name: '../a'"),
        ("[gui_scripts]\na b = b:c\n", "invalid name: 'a b'"),
        (f"[DEFAULT]\nno/t = 1\n{SCRIPT}", "invalid name: 'no/t'"),
    ],
)
def test_entry_points_that_an_index_refuses(tmp_path: Path, text: str | bytes, why: str) -> None:
    path = make_wheel(tmp_path, members={f"{INFO}/entry_points.txt": text})
    assert why in _refusal(path)


@pytest.mark.parametrize(
    "text", ["", f"{SCRIPT}a.b-C_1 = b:c [x]\n", "[other]\na/b = x\n", f"{SCRIPT}a = %(b)s\n"]
)
def test_entry_points_that_an_index_takes(tmp_path: Path, text: str) -> None:
    path = make_wheel(tmp_path, members={f"{INFO}/entry_points.txt": text})
    assert read(path, lambda _: None).kind == "wheel"


@pytest.mark.parametrize("name", ["widget/__init__.py", f"{INFO}/WHEEL"])
def test_damage_in_what_the_index_reads(tmp_path: Path, name: str) -> None:
    path = tmp_path / WHEEL
    with zipfile.ZipFile(path, "w") as file:
        for member in ("widget/__init__.py", f"{INFO}/WHEEL", f"{INFO}/RECORD"):
            file.writestr(member, f"text of {member}")
        file.writestr(f"{INFO}/METADATA", core_metadata())
    path.write_bytes(
        path.read_bytes().replace(f"text of {name}".encode(), f"TEXT of {name}".encode())
    )
    assert "CRC" in _refusal(path)


# bombs


def _peak(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _endless_name(kind: bytes, size: int) -> bytes:
    """A .tar.gz whose first member has a name of that many bytes."""
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = kind, size
    plain = header.tobuf(tarfile.GNU_FORMAT)
    return gzip.compress(plain, 1) + gzip.compress(b"a" * (1 << 20), 1) * (size >> 20)


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_name_of_a_gigabyte(tmp_path: Path, kind: bytes) -> None:
    for folder in ("ours", "theirs"):
        (tmp_path / folder).mkdir()
    ours, theirs = tmp_path / "ours" / SDIST, make_sdist(tmp_path / "theirs")
    ours.write_bytes(_endless_name(kind, 1 << 30))
    assert ours.stat().st_size < 8 << 20
    assert _peak(lambda: _refusal(ours)) < 64 << 20
    assert "too long" in _refusal(ours)
    assert "too long" in difference.describe(theirs, ours)


def test_endless_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_HEADERS", 1 << 20)
    path = make_sdist(tmp_path, members={f"f{n}": "" for n in range(3000)})
    assert "too much to read" in _refusal(path)


def test_an_sdist_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_UNPACKED", 1 << 20)
    path = make_sdist(tmp_path, members={"zeros": bytes(3 << 20), "more": ""})
    assert "unpacks to more than 1048576 bytes" in _refusal(path)
    path = make_sdist(tmp_path)
    path.write_bytes(path.read_bytes() + gzip.compress(bytes(3 << 20)))  # after the tar's end
    assert "unpacks to more than 1048576 bytes" in _refusal(path)


def test_much_that_compresses_well_is_taken(tmp_path: Path) -> None:
    """The index has no limit for sdists."""
    path = make_sdist(tmp_path, members={"zeros": bytes(100 << 20)})
    assert path.stat().st_size * 200 < 100 << 20
    assert read(path, lambda _: None).kind == "sdist"


@pytest.mark.parametrize("make", [make_wheel, make_sdist])
def test_metadata_of_many_megabytes(tmp_path: Path, make: Callable[..., Path]) -> None:
    path = make(tmp_path, description="x" * unpack.AT_ONCE)
    assert "16 MiB" in _refusal(path)


def test_a_table_of_contents_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "_DIRECTORY", 1000)
    path = make_wheel(tmp_path, members={f"widget/{n}": "" for n in range(20)})
    assert "table of contents" in _refusal(path)
    assert "table of contents" in difference.describe(path, path)


def test_comparing_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(difference, "UNPACKED", 1 << 20)
    members = {"zeros": bytes(3 << 20), "more": b""}
    wheel, sdist = make_wheel(tmp_path, members=members), make_sdist(tmp_path, members=members)
    assert "more than 1048576 bytes" in difference.describe(wheel, wheel)
    assert "too much to read" in difference.describe(sdist, sdist)


def test_a_sparse_member(tmp_path: Path) -> None:
    path = tmp_path / SDIST
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as file:
        info = tarfile.TarInfo("widget-1.0/x")
        info.pax_headers = {"GNU.sparse.map": "0,1", "GNU.sparse.size": "1"}
        file.addfile(info)
    assert "sparse" in _refusal(path)


def test_a_description_that_renders_forever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(description, "_DEADLINE", 1.5)
    extra = "Description-Content-Type: text/x-rst"
    path = make_wheel(tmp_path, extra_metadata=extra, description="t\n=\n\nx\n\n" * 40_000)
    with pytest.raises(errors.InvalidMetadata) as caught:
        read(path, lambda _: None)
    assert caught.value.facts["problems"] == ["it takes more than 2 seconds to render"]


def test_a_description_that_breaks_the_renderer(tmp_path: Path) -> None:
    text = "".join(f"{' ' * depth}* x\n\n" for depth in range(900))
    extra = "Description-Content-Type: text/x-rst"
    path = make_wheel(tmp_path, extra_metadata=extra, description=text)
    with pytest.raises(errors.InvalidMetadata) as caught:
        read(path, lambda _: None)
    assert "RecursionError" in str(caught.value.facts["problems"])


def test_a_renderer_that_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(description, "_CHILD", "raise SystemExit('no docutils here')")
    assert description.problems("*Never* rendered before", None) == [
        "rendering it fails (status 1); is it very large?"
    ]


def test_members_with_odd_names(tmp_path: Path) -> None:
    """The index doesn't mind, and no installer writes outside."""
    wheel = make_wheel(tmp_path, members={"widget\\data.txt": "1", "widget/a b.txt": "1"})
    assert read(wheel, lambda _: None).kind == "wheel"
    twice = write_tar(
        tmp_path / SDIST, {"w/PKG-INFO": core_metadata(), "w/a": "1", "./w/a": "1", "w//b": ""}
    )
    assert read(twice, lambda _: None).kind == "sdist"
