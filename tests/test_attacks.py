"""Dists, checkouts and indexes that mean harm, through the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from publisher import cli
from publisher.http import Answer, Http, NetworkError
from publisher.models import Secret
from publisher.publish.description import problems
from publisher.report.markdown import text
from support.archives import make_wheel
from support.sandbox import Sandbox
from support.web import Say, Web, serving


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as web:
        yield web


@pytest.fixture
def http(impatient: None) -> Iterator[Http]:
    http = Http()
    yield http
    http.close()


DOCUTILS = """[general]
file_insertion_enabled: yes
halt_level: 3
traceback: no
dump_pseudo_xml: yes
warning_stream: victim.txt
"""
INCLUDE = "`nope`_\n\n.. include:: /proc/self/environ\n"


def test_a_description_reads_and_writes_no_file(
    tmp_path: Path,
    project_name: str,
    clean_env: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """docutils takes settings from the current folder: a checkout must not have a say in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYPI_ID_TOKEN", "s3cr3t-of-the-process")
    (tmp_path / "docutils.conf").write_text(DOCUTILS)
    (tmp_path / "victim.txt").write_text("precious")
    rst = "Description-Content-Type: text/x-rst"
    make_wheel(tmp_path / "dist", project_name, extra_metadata=rst, description=INCLUDE)
    argv = ["doctor", "--provider-claims", "claims.json", "--report", "r.json", "dist"]
    (tmp_path / "claims.json").write_text('{"iss": "https://id.example"}')
    assert cli.run(argv, clean_env) != 0
    seen = "".join(capsys.readouterr()) + (tmp_path / "r.json").read_text()
    assert "s3cr3t" not in seen
    assert "invalid-metadata" in seen
    assert (tmp_path / "victim.txt").read_text() == "precious"


def test_a_secret_in_any_spelling_is_struck(web: Web, http: Http) -> None:
    secret = 'a&b"sécret<x>'
    spelt = [secret, json.dumps(secret), "a&amp;b&quot;sécret&lt;x&gt;", 'a&amp;b"sécret&lt;x&gt;']
    answer = Answer("u", 403, "no", {}, " ".join(spelt).encode()).without(Secret(secret), user="me")
    assert "sécret" not in answer.body.decode()
    assert "sécret" not in str(answer.facts())
    assert "sécret" not in answer.strike(f"you sent {secret}")


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.1:9/x-1.0.tar.gz",
        "https://127.0.0.1:9/x-1.0.tar.gz",
        "https://10.0.0.1/x-1.0.tar.gz",
        "https://169.254.169.254/x-1.0.tar.gz",
        "https://[::1]/x-1.0.tar.gz",
        "http://files.example/x-1.0.tar.gz",
    ],
)
def test_links_that_lead_into_a_network(http: Http, tmp_path: Path, link: str) -> None:
    with (tmp_path / "x").open("wb") as into, pytest.raises(NetworkError, match="leads there"):
        http.download(link, into, 10, listed_at="https://index.example/simple/")


def test_a_rehearsal_stays_on_this_machine(http: Http, tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as into, pytest.raises(NetworkError, match="leads there"):
        http.download("https://files.example/x", into, 10, listed_at="http://127.0.0.1:9/simple/")


def test_a_page_that_no_parser_reads(
    web: Web, tmp_path: Path, project_name: str, clean_env: dict[str, str]
) -> None:
    web.on(f"/simple/{project_name}/", Say(200, b"<![foo bar]>", {"Content-Type": "text/html"}))
    make_wheel(tmp_path / "dist", project_name)
    where = ["--repository-url", f"{web.url}/up", "--check-url", f"{web.url}/simple"]
    argv = [*where, "--user", "me", str(tmp_path / "dist")]
    assert cli.run(argv, {**clean_env, "PUBLISHER_PASSWORD": "p"}) in {0, 6, 7}


@pytest.mark.parametrize("body", ["Author-email: " + "(" * 3000, "Version: " + "9" * 5000])
def test_metadata_beyond_measure(
    tmp_path: Path, clean_env: dict[str, str], capsys: pytest.CaptureFixture[str], body: str
) -> None:
    make_wheel(tmp_path, "widget", extra_metadata=body)
    assert cli.run(["--dry-run", str(tmp_path)], clean_env) == 4
    assert "internal-error" not in capsys.readouterr().out


def test_foreign_addresses_are_no_links() -> None:
    assert "://" not in text("see https://evil.example or www.evil.example")
    assert "www." not in text("see https://evil.example or www.evil.example")


def test_a_rehearsal_that_a_command_has_not(clean_env: dict[str, str], tmp_path: Path) -> None:
    assert cli.run(["build", str(tmp_path)], {**clean_env, "PUBLISHER_DRY_RUN": "true"}) == 2


def test_doctor_mints_nothing_for_a_project_that_it_can_not_look_up(
    sandbox: Sandbox, tmp_path: Path, clean_env: dict[str, str], project_name: str
) -> None:
    make_wheel(tmp_path / "dist", project_name)
    path = f"/simple/{project_name}/"
    fault = {"service": "pypi", "method": "GET", "path": path, "times": 9, "status": 403}
    assert sandbox.post("faults", [fault]).status_code == 200
    before = len(sandbox.log())
    argv = ["doctor", "--sandbox", sandbox.control, "--auth", str(tmp_path / "dist")]
    assert cli.run(argv, clean_env) == 6
    assert "POST" not in {
        one["method"] for one in sandbox.log()[before:] if one["service"] == "pypi"
    }


def test_attest_signs_nothing_that_it_can_not_keep(
    sandbox: Sandbox, tmp_path: Path, clean_env: dict[str, str], project_name: str
) -> None:
    """A folder that can't be written, as a mounted artifact; root may write everywhere."""
    wheel = make_wheel(tmp_path / "dist", project_name)
    keep = tmp_path / "keep"
    (keep / "attestations").parent.mkdir()
    (keep / "attestations").write_text("a file is in the way")
    before = sandbox.stats()["rekor"]["requests"]
    argv = ["attest", "--sandbox", sandbox.control, "--keep", str(keep), str(wheel)]
    assert cli.run(argv, clean_env) == 2
    assert sandbox.stats()["rekor"]["requests"] == before


def test_nothing_problematic_about_a_good_description() -> None:
    assert problems("Title\n=====\n\nText.\n", "text/x-rst") == []
