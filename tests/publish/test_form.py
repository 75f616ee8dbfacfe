"""Upload bodies, read back by parsers that are not ours."""

from __future__ import annotations

import hashlib
import http.client
import io
import tracemalloc
from collections.abc import Iterator
from email import policy
from email.parser import BytesParser
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from publisher.publish.form import FileChanged, FileForm
from publisher.rehearsal import multipart
from publisher.transport import BLOCK
from support.web import Web, say_json, serving

FIELDS = (
    (":action", "file_upload"),
    ("name", "widget"),
    ("classifiers", "One"),
    ("classifiers", "Two"),
    ("empty", ""),
    ("description", "Lines\r\nand more\n--not-a-boundary--\n"),
    ("author", "Zo\N{LATIN SMALL LETTER E WITH DIAERESIS} \N{SNOWMAN}\N{PILE OF POO}"),
)


def make(
    path: Path, data: bytes = b"content", fields: tuple[tuple[str, str], ...] = FIELDS
) -> FileForm:
    path.write_bytes(data)
    return FileForm(fields, "content", path, len(data))


def parsed(form: FileForm, body: bytes) -> list[tuple[str, str | None, bytes]]:
    """Name, filename and content of each part, by the standard library's MIME parser."""
    head = f"Content-Type: {form.content_type}\r\n\r\n".encode()
    message = BytesParser(policy=policy.HTTP).parsebytes(head + body)
    assert message.is_multipart()
    assert message.defects == []
    parts = []
    for part in message.iter_parts():
        assert part.get_content_disposition() == "form-data"
        name = part.get_param("name", header="Content-Disposition")
        content = part.get_payload(decode=True)
        assert isinstance(name, str)
        assert isinstance(content, bytes)
        parts.append((name, part.get_filename(), content))
    return parts


def whole(form: FileForm) -> bytes:
    return b"".join(map(bytes, form))


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as web:
        web.on("/", say_json({}))
        yield web


@pytest.mark.parametrize(
    "data", [b"", b"x", b"content", b"\r\n--", b"\r\n" * 9, bytes(range(256)) * 5]
)
def test_read_back(tmp_path: Path, data: bytes) -> None:
    form = make(tmp_path / "widget-1.0.tar.gz", data)
    body = whole(form)
    assert parsed(form, body) == [
        *((name, None, text.encode()) for name, text in FIELDS),
        ("content", "widget-1.0.tar.gz", data),
    ]
    assert len(body) == len(form)


def test_read_back_by_a_server(tmp_path: Path) -> None:
    form = make(tmp_path / "widget-1.0.tar.gz")
    read = multipart.parse(io.BytesIO(whole(form)), form.content_type, lambda: tmp_path / "arrived")
    assert read.fields == list(FIELDS)
    file = read.files["content"]
    assert (file.filename, file.size) == ("widget-1.0.tar.gz", 7)
    assert file.content_type == "application/octet-stream"
    assert file.path.read_bytes() == b"content"


@pytest.mark.parametrize(
    "name", ["w\N{LATIN SMALL LETTER U WITH DIAERESIS}dget-1.0.whl", "a b.whl"]
)
def test_filenames_are_utf_8(tmp_path: Path, name: str) -> None:
    form = make(tmp_path / name)
    body = whole(form)
    last = body.rpartition(b"\r\n\r\n")[0].rpartition(b"--\r\n")[2]
    assert f'; name="content"; filename="{name}"\r\n'.encode() in last
    assert len(body) == len(form)


def test_it_can_start_again_at_any_moment(tmp_path: Path) -> None:
    form = make(tmp_path / "widget-1.0.tar.gz", b"x" * 3 * BLOCK)
    first = whole(form)
    for stop in range(6):
        some = b"".join(map(bytes, islice(form, stop)))
        assert first.startswith(some)
        assert whole(form) == first


def test_each_has_a_boundary_of_its_own(tmp_path: Path) -> None:
    forms = [make(tmp_path / "a", b"x" * n) for n in range(20)]
    assert len({form.content_type for form in forms}) == 20


def test_what_went_out_is_told(tmp_path: Path) -> None:
    told: list[int] = []
    path = tmp_path / "a"
    path.write_bytes(b"x" * 1000)
    form = FileForm(FIELDS, "content", path, 1000, told.append)
    for _ in range(2):
        whole(form)
        assert sum(told) == 1000
        form.take_back()
        assert sum(told) == 0
    list(islice(form, 3))
    form.take_back()
    assert told[-2:] == [1000, -1000]


@pytest.mark.parametrize("left", [0, 1, 50, 99])
def test_a_file_that_became_shorter(tmp_path: Path, left: int) -> None:
    form = make(tmp_path / "widget-1.0.tar.gz", b"x" * 100)
    (tmp_path / "widget-1.0.tar.gz").write_bytes(b"x" * left)
    with pytest.raises(FileChanged, match=r"widget-1\.0\.tar\.gz became shorter"):
        whole(form)


def test_a_file_that_grew_is_sent_as_it_was(tmp_path: Path) -> None:
    form = make(tmp_path / "widget-1.0.tar.gz", b"x" * 100)
    with (tmp_path / "widget-1.0.tar.gz").open("ab") as file:
        file.write(b"more")
    body = whole(form)
    assert len(body) == len(form)
    assert parsed(form, body)[-1][2] == b"x" * 100


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    form = make(tmp_path / "widget-1.0.tar.gz")
    (tmp_path / "widget-1.0.tar.gz").unlink()
    with pytest.raises(FileChanged, match="No such file"):
        whole(form)


def test_memory_stays_flat(tmp_path: Path) -> None:
    size = 512 << 20
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(size)
    sent = 0
    form = FileForm(FIELDS, "content", tmp_path / "sparse", size)
    tracemalloc.start()
    try:
        for block in form:
            sent += len(block)
            assert len(block) <= BLOCK
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sent == len(form) > size
    assert peak < 8 << 20


def test_content_length_over_the_wire(tmp_path: Path, web: Web) -> None:
    """Sent by http.client, which knows nothing of this class but that it gives blocks."""
    data = bytes(range(256)) * 20_000
    form = make(tmp_path / "widget-1.0.tar.gz", data)
    connection = http.client.HTTPConnection(urlsplit(web.url).netloc)
    headers = {"Content-Type": form.content_type, "Content-Length": str(len(form))}
    connection.request("POST", "/", body=form, headers=headers)
    assert connection.getresponse().status == 200
    connection.close()
    (seen,) = web.seen
    (*_, (name, filename, content)) = parsed(form, seen.body)
    assert (name, filename) == ("content", "widget-1.0.tar.gz")
    assert hashlib.sha256(content).digest() == hashlib.sha256(data).digest()
    assert len(seen.body) == len(form)
