"""Filenames and contracts: what is read is what was written, and all else is refused by name."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name
from packaging.version import Version

from publisher.errors import InvalidValue, RefusedName
from publisher.publish.contract import SCHEMA, ExpectedFile, read
from publisher.publish.filename import parse
from support.strange import JSON, WORDS, mutated

PARTS = st.sampled_from(
    ["widget", "1.0", "py3", "none", "any", ".whl", ".tar.gz", "-", "_", ".", "!", "+", "9" * 5000]
)
PROJECTS = st.from_regex(
    re.compile(r"[a-z0-9]([a-z0-9._-]{0,12}[a-z0-9])?", re.ASCII), fullmatch=True
)
VERSIONS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "1!"]),
    st.lists(st.integers(0, 10**6), min_size=1, max_size=4).map(lambda n: ".".join(map(str, n))),
    st.sampled_from(["", "a1", "b2", "rc3"]),
    st.sampled_from(["", ".post1", ".dev2", ".post3.dev4"]),
)
DIGESTS = st.binary(min_size=32, max_size=32).map(bytes.hex)


@given(st.lists(PARTS | WORDS, max_size=9).map("".join))
def test_a_name_is_read_or_refused(name: str) -> None:
    with suppress(RefusedName):
        named = parse(name)
        assert named.filename == name
        assert named.project == canonicalize_name(named.project, validate=True)
        assert not named.version.local
        assert set(named.root) <= set(name)


@given(PROJECTS, VERSIONS)
def test_what_a_build_backend_writes_is_read(project: str, version: str) -> None:
    canonical, release = canonicalize_name(project), Version(version)
    stem = f"{canonical.replace('-', '_')}-{release}"
    for name, kind in ((f"{stem}.tar.gz", "sdist"), (f"{stem}-py3-none-any.whl", "wheel")):
        named = parse(name)
        assert (named.project, named.version, named.kind) == (canonical, release, kind)


# Contracts


ENTRY = {"filename": "widget-1.0.tar.gz", "size": 1, "sha256": "ab" * 32}
WHOLE = {
    "schema": SCHEMA,
    "files": [ENTRY],
    "releases": [{"project": "widget", "version": "1.0"}],
}
LISTS = st.lists(mutated(ENTRY, JSON), max_size=2).map(lambda files: {**WHOLE, "files": files})
LINES = st.lists(
    st.sampled_from(["ab" * 32, "  ", " *", "\\", "\\n", "SHA256 (", ") = ", "a.whl", "\n", "#"])
    | WORDS,
    max_size=12,
).map("".join)


@given(
    st.binary(max_size=80)
    | LINES.map(lambda text: text.encode("utf-8", "surrogatepass"))
    | LINES.map(lambda text: text.encode("utf-16", "surrogatepass"))
    | (LISTS | mutated(WHOLE, JSON) | JSON).map(lambda value: json.dumps(value).encode())
)
def test_a_contract_is_read_or_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "contract"
    file.write_bytes(content)
    with suppress(InvalidValue):
        expected = read(file)
        assert expected.files
        for name, wanted in expected.files.items():
            assert not set(name) & {"/", "\\", "\n", "\0"}
            assert re.fullmatch("[0-9a-f]{64}", wanted.sha256)
            assert wanted.size is None or wanted.size >= 0


# no name of a distribution begins with a star, which sha256sum writes before names
PRINTABLE = WORDS.map(lambda text: "w" + re.sub(r"[/\\]", "", text)).filter(
    lambda text: text.isprintable() and text.strip() == text
)


@given(st.dictionaries(PRINTABLE, DIGESTS, min_size=1, max_size=4), st.booleans())
def test_a_contract_is_read_as_it_was_written(
    tmp_path: Path, files: dict[str, str], folder: bool
) -> None:
    """As JSON, as sha256sum and as openssl print it."""
    place = "dist/" if folder else ""
    entries = [{"filename": n, "size": 0, "sha256": d} for n, d in files.items()]
    texts = {
        json.dumps({**WHOLE, "files": entries}): 0,
        "".join(f"{digest}  {place}{name}\n" for name, digest in files.items()): None,
        "".join(f"{digest} *{place}{name}\n" for name, digest in files.items()): None,
        "".join(f"SHA2-256({place}{name})= {digest}\n" for name, digest in files.items()): None,
    }
    file = tmp_path / "contract"
    for text, size in texts.items():
        file.write_text(text, "utf-8")
        assert read(file).files == {name: ExpectedFile(d, size) for name, d in files.items()}
