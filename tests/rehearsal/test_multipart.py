from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from publisher.rehearsal import multipart

BOUNDARY = "frontier"
TYPE = f'multipart/form-data; boundary="{BOUNDARY}"'
DATA = b"\r\n--fron\r\n--frontie\r\r\n\x00\xff--frontier" * 3


class Dribble:
    """Hands out so many bytes at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data = io.BytesIO(data)
        self._size = size

    def read(self, size: int, /) -> bytes:
        return self._data.read(min(size, self._size))


@pytest.fixture
def new_path(tmp_path: Path) -> Callable[[], Path]:
    count = iter(range(100))
    return lambda: tmp_path / f"part-{next(count)}"


def _part(name: str, data: bytes, extra: str = "") -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'
    return head.encode() + data + b"\r\n"


def _whole(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 13, 64, 1000])
def test_any_chunks(size: int, new_path: Callable[[], Path]) -> None:
    body = _whole(
        _part("name", b"widget"),
        _part("content", DATA, '; filename="a.whl"\r\nContent-Type: application/zip'),
        _part("classifiers", "größer".encode()),
        _part("classifiers", b""),
    )
    form = multipart.parse(Dribble(body, size), TYPE, new_path)
    assert form.fields == [("name", "widget"), ("classifiers", "größer"), ("classifiers", "")]
    assert form.get("name") == "widget"
    assert form.get("absent") == ""
    assert form.get_all("classifiers") == ["größer", ""]
    part = form.files["content"]
    assert part.path.read_bytes() == DATA
    assert (part.filename, part.content_type, part.size) == ("a.whl", "application/zip", len(DATA))
    assert part.sha256 == hashlib.sha256(DATA).hexdigest()
    assert part.blake2_256 == hashlib.blake2b(DATA, digest_size=32).hexdigest()


@pytest.mark.parametrize("length", range(multipart.CHUNK - 80, multipart.CHUNK + 8, 7))
def test_a_boundary_across_chunks(length: int, new_path: Callable[[], Path]) -> None:
    data = b"x" * length
    body = _whole(_part("content", data, '; filename="a"'), _part("after", b"1"))
    form = multipart.parse(io.BytesIO(body), TYPE, new_path)
    assert form.files["content"].path.read_bytes() == data
    assert form.files["content"].content_type == ""
    assert form.get("after") == "1"


def test_text_before_the_first_boundary_is_skipped(new_path: Callable[[], Path]) -> None:
    form = multipart.parse(io.BytesIO(b"hello\r\n" + _whole(_part("a", b"1"))), TYPE, new_path)
    assert form.fields == [("a", "1")]


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        (b"", TYPE, "ends before"),
        (_part("a", b"1"), TYPE, "ends before"),
        (_part("a", b"1", '; filename="b"')[:-2], TYPE, "ends before"),
        (_whole(), "text/plain", "not multipart"),
        (_whole(), "multipart/form-data", "not multipart"),
        (b"--frontierX\r\n\r\n", TYPE, "text after a boundary"),
        (b"--frontier\r\n\r\nno headers\r\n--frontier--", TYPE, "no name"),
        (b"--frontier\r\nA: " + b"x" * 20_000, TYPE, "more than"),
    ],
)
def test_what_is_no_form(
    body: bytes, kind: str, text: str, new_path: Callable[[], Path], tmp_path: Path
) -> None:
    with pytest.raises(multipart.MultipartError, match=text):
        multipart.parse(io.BytesIO(body), kind, new_path)
    assert not list(tmp_path.iterdir())


def test_fields_have_a_limit(new_path: Callable[[], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multipart, "FIELD_LIMIT", 10)
    with pytest.raises(multipart.MultipartError, match="more than 10"):
        multipart.parse(io.BytesIO(_whole(_part("a", b"x" * 11))), TYPE, new_path)


@pytest.mark.parametrize(
    "headers",
    [
        'Content-Disposition: form-data; name=":action"',
        'content-disposition:form-data;name=":action"',
        "Content-Disposition: form-data; name=:action",
        'Content-Disposition: form-data; name=":action"\r\nContent-Type: text/plain; charset=utf-8',
        'Content-Type: text/plain\r\nContent-Disposition: form-data; name=":action"',
    ],
)
def test_a_field_however_its_headers_are_written(
    headers: str, new_path: Callable[[], Path]
) -> None:
    part = f"--{BOUNDARY}\r\n{headers}\r\n\r\nfile_upload\r\n".encode()
    form = multipart.parse(Dribble(_whole(part), 1000), TYPE, new_path)
    assert (form.fields, form.files) == ([(":action", "file_upload")], {})
