from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from support.sandbox import SIMPLE_JSON, Sandbox, dump, form, wheel

HTML = "application/vnd.pypi.simple.v1+html"


@pytest.fixture
def stocked(shared: Sandbox, tmp_path: Path) -> tuple[Sandbox, Path]:
    player = shared.persona()
    path = tmp_path / "Dotted_Name-1.0-py3-none-any.whl"
    wheel(tmp_path, "dotted_name").rename(path.with_name("dotted_name-1.0-py3-none-any.whl"))
    path = path.with_name("dotted_name-1.0-py3-none-any.whl")
    if shared.listing("dotted-name").status_code == 404:
        attested = form(
            path,
            name="Dotted.Name",
            requires_python=">=3.9",
            attestations=dump(shared.attest(player, path)),
        )
        assert shared.upload(shared.mint(player), path, attested).status_code == 200
    return shared, path


def test_pages_in_both_forms(stocked: tuple[Sandbox, Path]) -> None:
    sandbox, path = stocked
    index = sandbox.http.get(f"{sandbox.index}/simple/", headers={"Accept": SIMPLE_JSON})
    assert index.headers["Content-Type"] == SIMPLE_JSON
    assert {"name": "dotted-name"} in index.json()["projects"]
    assert '<a href="/simple/dotted-name/">' in sandbox.http.get(f"{sandbox.index}/simple/").text
    value = sandbox.listing("dotted-name").json()
    assert value["meta"]["api-version"] == "1.4"
    assert (value["name"], value["versions"]) == ("dotted-name", ["1.0"])
    (file,) = value["files"]
    assert file["upload-time"].endswith("Z")
    page = sandbox.http.get(f"{sandbox.index}/simple/dotted-name/", headers={"Accept": HTML})
    assert page.headers["Content-Type"] == f"{HTML}; charset=utf-8"
    assert f'data-provenance="{file["provenance"]}"' in page.text
    assert 'data-requires-python="&gt;=3.9"' in page.text
    assert f"#sha256={file['hashes']['sha256']}" in page.text
    assert path.name in page.text


def test_negotiation(stocked: tuple[Sandbox, Path]) -> None:
    sandbox, _ = stocked
    url = f"{sandbox.index}/simple/dotted-name/"
    for unknown in ("*/*", "image/png", "application/vnd.pypi.simple.latest+json"):
        plain = sandbox.http.get(url, headers={"Accept": unknown})
        assert plain.headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("spelling", ["dotted-name", "Dotted.Name/", "dotted_name"])
def test_redirects(stocked: tuple[Sandbox, Path], spelling: str) -> None:
    sandbox, _ = stocked
    answer = sandbox.http.get(f"{sandbox.index}/simple/{spelling}")
    assert [hop.status_code for hop in answer.history] == [301]
    assert answer.url == f"{sandbox.index}/simple/dotted-name/"


def test_integrity(stocked: tuple[Sandbox, Path]) -> None:
    sandbox, path = stocked
    assert sandbox.provenance(path).status_code == 200
    answer = sandbox.provenance(path, Accept="application/json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    answer = sandbox.provenance(path, Accept="text/html")
    assert (answer.status_code, answer.json()) == (406, {"message": "Request not acceptable"})
    base = f"{sandbox.index}/integrity"
    for where in (f"dotted-name/2.0/{path.name}", "dotted-name/1.0/x", "nothing/1.0/x"):
        assert sandbox.http.get(f"{base}/{where}/provenance").status_code == 404


def test_core_metadata(stocked: tuple[Sandbox, Path]) -> None:
    """PEP 658: an installer resolves without the wheel."""
    sandbox, _ = stocked
    (file,) = sandbox.listing("dotted-name").json()["files"]
    answer = sandbox.http.get(f"{file['url']}.metadata")
    assert answer.content.startswith(b"Metadata-Version: 2.4\nName: dotted_name\n")
    digest = hashlib.sha256(answer.content).hexdigest()
    assert file["core-metadata"] == file["data-dist-info-metadata"] == {"sha256": digest}
    page = sandbox.http.get(f"{sandbox.index}/simple/dotted-name/").text
    assert f'data-core-metadata="sha256={digest}"' in page
    assert f'data-dist-info-metadata="sha256={digest}"' in page


def test_what_is_not_there(stocked: tuple[Sandbox, Path]) -> None:
    sandbox, path = stocked
    for where in (
        f"files/{'0' * 64}/{path.name}.metadata",
        "simple/nothing/",
        f"files/{'0' * 64}/{path.name}",
        "files/x",
        "project/x/",
        "project/x/1/",
    ):
        assert sandbox.http.get(f"{sandbox.index}/{where}").status_code == 404


def test_head(stocked: tuple[Sandbox, Path]) -> None:
    sandbox, path = stocked
    (file,) = sandbox.listing("dotted-name").json()["files"]
    answer = sandbox.http.head(file["url"])
    assert answer.status_code == 200
    assert int(answer.headers["Content-Length"]) == file["size"]
    assert answer.content == b""
    sandbox.http.get(file["url"])
    assert path.exists()


def test_what_has_not_changed_is_not_sent_again(stocked: tuple[Sandbox, Path]) -> None:
    sandbox, path = stocked
    first = sandbox.listing("dotted-name")
    asked = {"Accept": SIMPLE_JSON, "If-None-Match": first.headers["ETag"]}
    again = sandbox.http.get(first.url, headers=asked)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    proof = sandbox.provenance(path)
    assert sandbox.provenance(path, **{"If-None-Match": proof.headers["ETag"]}).status_code == 304
    assert sandbox.provenance(path, **{"If-None-Match": '"other"'}).content == proof.content
