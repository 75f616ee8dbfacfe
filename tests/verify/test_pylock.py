"""Identities in pylock.toml: read, and put in without losing anything."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from publisher.verify import pylock
from publisher.verify.locks import Unreadable
from support.identities import GITHUB, GITLAB, GOOGLE, files

TEXT = (Path(__file__).parent / "locks/pylock.toml").read_text("utf-8")
OURS = pylock.as_published(GITHUB)
BOTH: pylock.Identities = {
    ("abi3info", "2024.10.8"): [OURS],
    ("sampleproject", "4.0.0"): [OURS, {"kind": "Google", "email": "a@b.example", "sub": None}],
}


def identities(text: str) -> dict[tuple[str, str], Any]:
    packages = tomllib.loads(text)["packages"]
    found = {
        (one["name"], one["version"]): one.get(pylock.KEY) for one in packages if "version" in one
    }
    return {key: value for key, value in found.items() if value}


def test_identities_are_put_in_and_read_again() -> None:
    text = pylock.enrich(TEXT, BOTH)
    assert identities(TEXT) == {}
    assert identities(text) == {
        ("abi3info", "2024.10.8"): [OURS],
        ("sampleproject", "4.0.0"): [OURS, {"kind": "Google", "email": "a@b.example"}],
    }


def test_only_identities_are_added() -> None:
    text = pylock.enrich(TEXT, BOTH)
    lines = iter(text.splitlines())
    assert all(line in lines for line in TEXT.splitlines())  # all of them, in their order
    assert pylock.enrich(text, BOTH) == text
    assert pylock.enrich(text, {}) == text


def test_identities_are_replaced_and_taken_out() -> None:
    text = pylock.enrich(TEXT, BOTH)
    none: pylock.Identities = {key: [] for key in BOTH}
    assert tomllib.loads(pylock.enrich(text, none)) == tomllib.loads(TEXT)
    other = pylock.enrich(text, {("abi3info", "2024.10.8"): [pylock.as_published(GITLAB)]})
    assert [one["kind"] for one in identities(other)["abi3info", "2024.10.8"]] == ["GitLab"]
    assert identities(other)["sampleproject", "4.0.0"] == [
        OURS,
        {"kind": "Google", "email": "a@b.example"},
    ]


HARD = '''lock-version = "1.0"
created-by = """
[[packages]]
"""

[[packages]] # the first
name = "abi3info"
version = "2024.10.8"

  [packages.sdist]
  name = "abi3info-2024.10.8.tar.gz"
  url = "https://index.example/abi3info-2024.10.8.tar.gz"
  hashes = {sha256 = "00"}

# about what follows
[[packages.attestation-identities]]
kind = "GitLab"
# inside

# before the tool
[tool.other]
a = 1
'''


def test_a_file_that_is_written_by_hand() -> None:
    text = pylock.enrich(HARD, BOTH)
    assert identities(text) == {("abi3info", "2024.10.8"): [OURS]}
    assert tomllib.loads(text)["tool"] == {"other": {"a": 1}}
    assert "# the first" in text
    assert text.index("# before the tool") > text.index("kind")
    crlf = pylock.enrich(HARD.replace("\n", "\r\n"), BOTH)
    assert crlf == text.replace("\n", "\r\n")


INLINE = """lock-version = "1.0"
created-by = "hand"
packages = [{name = "abi3info", version = "2024.10.8", directory = {path = "."}}]
"""


def test_what_cannot_be_edited_is_left_alone() -> None:
    with pytest.raises(Unreadable, match="not written in the usual way"):
        pylock.enrich(INLINE, BOTH)
    assert pylock.enrich(INLINE, {}) == INLINE
    own = 'version = "2024.10.8"\nattestation-identities = [{kind = "GitLab"}]\n'
    with pytest.raises(Unreadable, match="not written in the usual way"):
        pylock.enrich(HARD.replace('version = "2024.10.8"\n', own).replace(pylock.TABLE, ""), BOTH)
    deep = f"a = {'[' * 5000}{']' * 5000}"
    with pytest.raises(Unreadable, match="nested too deeply"):
        pylock.enrich(deep, {})
    for text in ("a =", "a = 1", 'lock-version = "9.0"\ncreated-by = "x"\npackages = []'):
        with pytest.raises(Unreadable, match="no pylock"):
            pylock.enrich(text, {})


def test_the_index_has_its_own_words() -> None:
    assert OURS == {
        "kind": "GitHub",
        "repository": "octo-org/widget",
        "environment": "pypi",
        "workflow": "release.yml",
    }
    assert pylock.as_published(GOOGLE) == {"kind": "Google", "email": "build@widget.example"}
    with pytest.raises(ValueError, match="'email'"):
        pylock.as_published(replace(GOOGLE, kind="email"))


def test_a_package_is_the_same_however_its_version_is_written() -> None:
    assert pylock.enrich(TEXT, {("SampleProject", "4.0"): [OURS]}) == pylock.enrich(
        TEXT, {("sampleproject", "4.0.0"): [OURS]}
    )
    assert "SampleProject" not in TEXT


def test_all_who_published_a_release_are_named_once() -> None:
    wheel, sdist = files("1.0")
    second = replace(GITHUB, workflow="wheels.yml")
    both = (wheel, replace(sdist, publishers=(GITHUB, second)))
    assert pylock.published(both) == [OURS, pylock.as_published(second)]
