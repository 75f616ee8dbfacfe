"""The page in a real browser: it asks nobody for anything, and the browser has no complaint."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from publisher import cli
from publisher.report import html
from support import sample_run
from support.hostile import Page
from support.projects import make_project
from support.sandbox import Sandbox
from support.web import Web, say_html, serving

pytestmark = pytest.mark.browser

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
MEASURE = Path(__file__).with_name("measure.js")
LINK = "https://index.example/project/widget/1.4.0/"
LOUD = '<img src="http://x.example/a.png"><script>console.error("loud")</script>'
Show = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def show(tmp_path: Path, clean_env: dict[str, str]) -> Show:
    """Open a page; everything that it would load must pass the given proxy."""
    if BROWSER is None:
        pytest.skip("no Chromium here")

    def run(url: str, web: Web, *flags: str) -> subprocess.CompletedProcess[str]:
        command = [str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu"]
        command += [f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr"]
        command += ["--disable-background-networking", "--disable-component-update"]
        command += [f"--proxy-server={web.url}", "--proxy-bypass-list=<-loopback>"]
        command += ["--virtual-time-budget=3000", *(flags or ["--dump-dom"]), url]
        return subprocess.run(
            command, capture_output=True, text=True, env=clean_env, check=True, timeout=60
        )

    return run


@pytest.fixture(scope="module")
def rehearsed(running_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a real rehearsal: of a project that is built, on two indexes."""
    folder = tmp_path_factory.mktemp("rehearsed")
    make_project(folder / "project", "t-page")
    page, where = folder / "page.html", folder / "project"
    words = ["--repository", "testpypi", "--repository", "pypi", "--html", str(page), str(where)]
    ci = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "octo-org/t-page", "HOME": str(folder)}
    env = {"PATH": os.environ["PATH"], **ci}
    assert cli.run(["--sandbox", running_sandbox.control, *words], env) == 0
    return page


@pytest.fixture
def pages(rehearsed: Path) -> dict[str, str]:
    made = {"release": sample_run.release(), "failure": sample_run.failed()}
    shown = {name: html.page(run, [LINK]) for name, run in made.items()}
    return {**shown, "rehearsal": rehearsed.read_text("utf-8")}


def measured(show: Show, page: str, width: int, dark: bool) -> Any:
    """What ``measure.js`` says of the page in a window of this width."""
    size = f"width={width} height=9000"  # no scroll bar
    frame = f"<iframe src=http://page.example/page {size} onload='measure(this)'></iframe>"
    script = f"<script>{MEASURE.read_text('utf-8')}</script>"
    with serving() as web:
        web.on("http://page.example/page", say_html(page))
        web.on("http://page.example/", say_html(script + frame))
        scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
        done = show("http://page.example/", web, scheme, "--dump-dom")
    found = re.search(r"<title>(.+?)</title>", done.stdout)
    assert found, done.stdout
    return json.loads(unescape(found[1]))


def complaints(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if ":CONSOLE" in line]


def asked(web: Web) -> list[str]:
    """What was asked for, without the browser's own business."""
    return [path for path in web.paths() if "google" not in path and "gvt1" not in path]


def test_a_loud_page_is_noticed(show: Show, tmp_path: Path) -> None:
    """Without this the tests below could not fail."""
    path = tmp_path / "page.html"
    path.write_text(LOUD)
    with serving() as web:
        assert complaints(show(path.as_uri(), web))
        assert asked(web) == ["GET http://x.example/a.png"]


@pytest.mark.parametrize("make", [sample_run.release, sample_run.failed, sample_run.interrupted])
def test_our_page_is_silent(show: Show, tmp_path: Path, make: Any) -> None:
    path = tmp_path / "page.html"
    html.write(make(), [LINK], path)
    with serving() as web:
        done = show(path.as_uri(), web)
        assert complaints(done) == []
        assert asked(web) == []
    assert "<h1>" in done.stdout


def test_the_page_of_a_rehearsal_is_silent(show: Show, rehearsed: Path) -> None:
    with serving() as web:
        done = show(rehearsed.as_uri(), web)
        assert complaints(done) == []
        assert asked(web) == []
    text = Page(done.stdout).text
    for said in (
        *("Rehearsal of a release", "t-page 1.0", "testpypi: uploaded, verified"),
        *("REHEARSAL: NOTHING WAS PUBLISHED. EVERY STEP PASSED.", "octo-org/t-page, release.yml"),
        "No. A rehearsal plays this identity",
    ):
        assert said in text


def test_what_slips_in_is_not_loaded(show: Show, tmp_path: Path) -> None:
    """The policy holds even if an escape were missing."""
    path = tmp_path / "page.html"
    text = html.page(sample_run.release())
    slipped = f'{LOUD}<p style="background:url(http://y.example/)" onclick="x()">x</p>'
    path.write_text(text.replace("<footer>", f"{slipped}<footer>"))
    with serving() as web:
        done = show(path.as_uri(), web)
        assert asked(web) == []
    assert not [line for line in complaints(done) if '"loud"' in line]
    assert [line for line in complaints(done) if "Content Security Policy" in line]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_it_fits_its_window_and_can_be_read(
    show: Show, pages: dict[str, str], width: int, dark: bool
) -> None:
    for name, page in pages.items():
        seen = measured(show, page, width, dark)
        assert seen["width"] == width, name
        assert seen["faint"] == [], name
        assert (seen["paper"] < 0.1) == dark


def test_what_does_not_fit_and_can_not_be_read_is_noticed(show: Show) -> None:
    """Without this the test above could not fail."""
    page = '<p style="width: 600px; color: #999">faint<p>clear'
    seen = measured(show, page, 390, dark=False)
    assert seen["width"] > 390
    assert seen["faint"] == ["faint"]


def test_its_links_lead_to_the_release(show: Show, pages: dict[str, str]) -> None:
    links = measured(show, pages["release"], 1280, dark=False)["links"]
    assert {LINK, "https://search.sigstore.dev/?logIndex=123456789"} <= set(links)
    assert measured(show, pages["rehearsal"], 1280, dark=False)["links"] == []


def test_on_paper(show: Show, pages: dict[str, str], tmp_path: Path) -> None:
    """Few sheets; how they look is for people."""
    page, sheets = tmp_path / "page.html", tmp_path / "page.pdf"
    page.write_text(pages["rehearsal"], "utf-8")
    with serving() as web:
        show(page.as_uri(), web, f"--print-to-pdf={sheets}")
    assert 1 <= len(re.findall(rb"/Type */Page\b", sheets.read_bytes())) <= 4
