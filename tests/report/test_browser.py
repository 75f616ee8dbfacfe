"""The page in a real browser: it asks nobody for anything, and the browser has no complaint."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from publisher.report import html
from support import sample_run
from support.web import Web, say_html, serving

pytestmark = pytest.mark.browser

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
LOUD = '<img src="http://x.example/a.png"><script>console.error("loud")</script>'
Show = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def show(tmp_path: Path, clean_env: dict[str, str]) -> Show:
    """Open a page; everything that it would load must pass the given proxy."""
    if BROWSER is None:
        pytest.skip("no Chromium here")

    def run(url: str, web: Web) -> subprocess.CompletedProcess[str]:
        command = [str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu"]
        command += [f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr"]
        command += ["--disable-background-networking", "--disable-component-update"]
        command += [f"--proxy-server={web.url}", "--proxy-bypass-list=<-loopback>"]
        command += ["--virtual-time-budget=3000", "--dump-dom", url]
        return subprocess.run(
            command, capture_output=True, text=True, env=clean_env, check=True, timeout=60
        )

    return run


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
    html.write(make(), ["https://index.example/project/widget/1.4.0/"], path)
    with serving() as web:
        done = show(path.as_uri(), web)
        assert complaints(done) == []
        assert asked(web) == []
    assert "<h1>" in done.stdout


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


@pytest.mark.parametrize("width", [320, 390, 1200])
def test_it_fits_its_window(show: Show, width: int) -> None:
    size = f"width={width} height=9000"  # no scroll bar
    frame = f"<iframe src=http://page.example/page {size} onload='measure(this)'></iframe>"
    wide = "f.contentDocument.documentElement.scrollWidth"
    script = f"<script>function measure(f) {{ document.title = 'wide ' + {wide} }}</script>"
    with serving() as web:
        web.on("http://page.example/page", say_html(html.page(sample_run.release())))
        web.on("http://page.example/", say_html(script + frame))
        done = show("http://page.example/", web)
    found = re.search(r"<title>wide (\d+)</title>", done.stdout)
    assert found, done.stdout
    assert int(found[1]) == width
