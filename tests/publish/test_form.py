"""Upload bodies, read back by parsers that are not ours."""

from __future__ import annotations

import hashlib
import http.client
import io
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from email import policy
from email.parser import BytesParser
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from publisher.publish.form import FileForm
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


def read_in(form: FileForm, size: int) -> bytes:
    return b"".join(iter(lambda: form.read(size), b""))


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as web:
        web.on("/", say_json({}))
        yield web


@pytest.mark.parametrize(
    "data", [b"", b"x", b"content", b"\r\n--", b"\r\n" * 9, bytes(range(256)) * 5]
)
def test_read_back(tmp_path: Path, data: bytes) -> None:
    with closing(make(tmp_path / "widget-1.0.tar.gz", data)) as form:
        body = form.read()
        body += form.read()
        body += form.read()
    assert parsed(form, body) == [
        *((name, None, text.encode()) for name, text in FIELDS),
        ("content", "widget-1.0.tar.gz", data),
    ]
    assert len(body) == len(form)


def test_read_back_by_a_server(tmp_path: Path) -> None:
    with closing(make(tmp_path / "widget-1.0.tar.gz")) as form:
        read = multipart.parse(
            io.BytesIO(b"".join(form)), form.content_type, lambda: tmp_path / "arrived"
        )
    assert read.fields == list(FIELDS)
    file = read.files["content"]
    assert (file.filename, file.size) == ("widget-1.0.tar.gz", 7)
    assert file.content_type == "application/octet-stream"
    assert file.path.read_bytes() == b"content"


@pytest.mark.parametrize(
    "name", ["w\N{LATIN SMALL LETTER U WITH DIAERESIS}dget-1.0.whl", "a b.whl"]
)
def test_filenames_are_utf_8(tmp_path: Path, name: str) -> None:
    with closing(make(tmp_path / name)) as form:
        body = b"".join(form)
    last = body.rpartition(b"\r\n\r\n")[0].rpartition(b"--\r\n")[2]
    assert f'; name="content"; filename="{name}"\r\n'.encode() in last
    assert len(body) == len(form)


def test_every_block_size_gives_the_same(tmp_path: Path) -> None:
    with closing(make(tmp_path / "widget-1.0.tar.gz", b"0123456789" * 3)) as form:
        whole = b"".join(form)
        assert len(whole) == len(form)
        for size in (*range(1, 40), len(whole) - 1, len(whole), len(whole) + 1):
            form.seek(0)
            blocks = list(iter(partial(form.read, size), b""))
            assert b"".join(blocks) == whole
            assert max(map(len, blocks)) <= size
            assert form.read(size) == b""


def test_it_can_start_again_at_any_moment(tmp_path: Path) -> None:
    with closing(make(tmp_path / "widget-1.0.tar.gz", bytes(range(256)))) as form:
        whole = b"".join(form)
        for stop in range(0, len(whole), 7):
            form.seek(0)
            assert form.tell() == 0
            assert read_in(form, 7)[:stop] == whole[:stop]
            form.seek(0)
            form.read(stop or 1)
            assert 0 < form.tell() <= max(stop, 1)
            assert form.seek(0) == 0
            assert read_in(form, 64) == whole


def test_a_closed_one_opens_again(tmp_path: Path) -> None:
    form = make(tmp_path / "widget-1.0.tar.gz")
    form.close()
    first = b"".join(form)
    form.close()
    form.close()
    form.seek(0)
    assert b"".join(form) == first
    form.close()


def test_each_has_a_boundary_of_its_own(tmp_path: Path) -> None:
    forms = [make(tmp_path / "a", b"x" * n) for n in range(20)]
    assert len({form.content_type for form in forms}) == 20


def test_what_went_out_is_told(tmp_path: Path) -> None:
    told: list[int] = []
    path = tmp_path / "a"
    path.write_bytes(b"x" * 1000)
    with closing(FileForm(FIELDS, "content", path, 1000, told.append)) as form:
        read_in(form, 100)
        assert sum(told) == len(form)
        assert max(told) <= 100
        form.seek(0)
        assert sum(told) == 0
        read_in(form, 100)
        assert sum(told) == len(form)


@pytest.mark.parametrize("left", [0, 1, 50, 99])
def test_a_file_that_became_shorter(tmp_path: Path, left: int) -> None:
    with closing(make(tmp_path / "widget-1.0.tar.gz", b"x" * 100)) as form:
        (tmp_path / "widget-1.0.tar.gz").write_bytes(b"x" * left)
        with pytest.raises(OSError, match=r"widget-1\.0\.tar\.gz became shorter"):
            b"".join(form)


def test_a_file_that_grew_is_sent_as_it_was(tmp_path: Path) -> None:
    with closing(make(tmp_path / "widget-1.0.tar.gz", b"x" * 100)) as form:
        with (tmp_path / "widget-1.0.tar.gz").open("ab") as file:
            file.write(b"more")
        body = b"".join(form)
    assert len(body) == len(form)
    assert parsed(form, body)[-1][2] == b"x" * 100


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    with closing(make(tmp_path / "widget-1.0.tar.gz")) as form:
        (tmp_path / "widget-1.0.tar.gz").unlink()
        with pytest.raises(FileNotFoundError):
            b"".join(form)


def test_memory_stays_flat(tmp_path: Path) -> None:
    size = 512 << 20
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(size)
    sent = 0
    form = FileForm(FIELDS, "content", tmp_path / "sparse", size)
    tracemalloc.start()
    try:
        with closing(form):
            for block in form:
                sent += len(block)
                assert len(block) <= BLOCK
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sent == len(form) > size
    assert peak < 8 << 20


def test_content_length_over_the_wire(tmp_path: Path, web: Web) -> None:
    """Sent by http.client, which knows nothing of this class but how to read it."""
    data = bytes(range(256)) * 20_000
    with closing(make(tmp_path / "widget-1.0.tar.gz", data)) as form:
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
