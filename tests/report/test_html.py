"""The page about a run: what is on it, and what nothing on it can do."""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
import subprocess
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from publisher.errors import CannotWrite
from publisher.models import Finding, Placed, Run, Step
from publisher.report import html
from publisher.report.recipes import recipes
from publisher.report.text import plain
from publisher.report.timeline import timeline
from support import sample_run
from support.hostile import TEXTS, Page

LINKS = ["https://index.example/project/widget/1.4.0/"]
LOADING = {"src", "srcset", "data", "action", "formaction", "poster", "background", "style"}


def sections(run: Run) -> list[str]:
    return re.findall(r"<h2>(.*?)</h2>", html.page(run, LINKS))


def commands(run: Run) -> str:
    return "\n".join(text for _, text in recipes(run))


def shell(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = ["sh", "-c", text]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


# What is on it


def test_a_release() -> None:
    page = Page(html.page(sample_run.release(), LINKS))
    for said in (
        *("widget 1.4.0", "Published widget 1.4.0 on testpypi and pypi.", "v1.4.0", "109.3 kB"),
        *(f"sha256:{'a' * 64}", "testpypi: uploaded, verified", "octo-org/widget, release.yml"),
        *(sample_run.SAN, sample_run.ISSUER, "refs/tags/v1.4.0", "github-hosted"),
        *("714a629c0b401fdce83e847fc9589983fc6f46bc", "2026-03-01 12:00:08 UTC"),
        *("That the code is good, safe or reviewed.", "lived 2.8 s", "for 10 min"),
    ):
        assert said in page.text
    assert {
        *("https://search.sigstore.dev/?logIndex=123456789", LINKS[0]),
        "https://files.pypi.example/widget-1.4.0.tar.gz",
        "https://pypi.example/integrity/widget/1.4.0/widget-1.4.0.tar.gz/provenance",
        "https://github.com/octo-org/widget/actions/runs/9876543210",
    } <= set(page.values("href"))


def test_the_sections_of_each_ending() -> None:
    assert sections(sample_run.release()) == [
        *("Files", "Next", "How it went", "Identity", "Check it yourself"),
        *("What an attestation proves", "Remarks"),
    ]
    assert sections(sample_run.failed())[0] == "What went wrong"
    assert sections(sample_run.interrupted()) == ["Next"]


def test_a_rehearsal_promises_nothing() -> None:
    run = sample_run.changed(sample_run.release(), rehearsal=True)
    page = Page(html.page(run))
    assert "REHEARSAL: NOTHING WAS PUBLISHED. EVERY STEP PASSED." in page.text
    assert "A rehearsal plays this identity" in page.text
    assert "What an attestation proves" not in page.text
    assert "pypi-attestations" not in page.text
    assert "https://github.com/octo-org/widget/actions/runs/9876543210" in page.text
    assert page.values("href") == [], "a run that is made up leads nowhere"


def test_an_error_with_its_remedy() -> None:
    run = sample_run.failed()
    run.findings = [Finding("mint-refused", "error", "No.", {"a": [1]}, "Do:\n    a: b\nThen go.")]
    page = html.page(run)
    assert "<dt>a</dt><dd>[1]</dd>" in page
    assert "<p>Do:</p><pre>a: b</pre><p>Then go.</p>" in page


@pytest.mark.parametrize(
    ("place", "look"),
    [
        (Placed("uploaded", arrival="verified"), "tick"),
        (Placed("already-there", arrival="not-checked"), "tick"),
        (Placed("uploaded", arrival="not-visible-yet"), "late"),
        (Placed("already-there", arrival="unattested"), "late"),
        (Placed("uploaded", arrival="different"), "cross"),
        (Placed("failed"), "cross"),
        (Placed("not-tried"), "cross"),
    ],
)
def test_the_mark_of_a_file(place: Placed, look: str) -> None:
    run = sample_run.done()
    run.dists, run.attested = run.dists[:1], {}
    run.placed["pypi"][sample_run.WHEEL] = place
    assert re.findall(r'<li class="(\w+)">', html.page(run)) == [look]


# What nothing on it can do


@pytest.mark.parametrize("make", [sample_run.release, sample_run.failed, sample_run.interrupted])
def test_it_loads_nothing_and_runs_nothing(make: Any) -> None:
    text = html.page(make(), LINKS)
    page = Page(text)
    assert not page.tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
    assert not [name for name in LOADING if page.values(name)]
    assert not [name for _, attrs in page.elements for name in attrs if name.startswith("on")]
    style = text.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    (policy,) = (attrs["content"] for tag, attrs in page.elements if "http-equiv" in attrs)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    allowed = f"style-src 'sha256-{digest}'"
    assert policy == f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


@pytest.mark.parametrize("foreign", TEXTS)
def test_hostile_text_is_only_text(foreign: str) -> None:
    run = sample_run.release()
    tame = Page(html.page(run, LINKS))
    run.findings = [Finding(foreign, "error", foreign, {foreign: foreign}, f"x\n    {foreign}")]
    evil = replace(run.dists[0], path=Path(foreign.replace("/", "\u2215")), sha256=foreign)
    run.dists, run.tag = (evil, *run.dists[1:]), foreign
    run.placed["pypi"][evil.filename] = Placed("failed", foreign, foreign, error=foreign)
    run.steps.append(Step(foreign, "done", 1, 1, 1))
    (proof,) = run.attested[sample_run.WHEEL]
    claims = dict.fromkeys(proof.certificate.claims, foreign)
    certificate = replace(proof.certificate, san=foreign, claims=claims)
    run.attested = {evil.filename: (replace(proof, certificate=certificate),)}
    page = Page(html.page(run, [foreign]))
    assert page.tags <= tame.tags
    known = {name for _, attrs in tame.elements for name in attrs}
    assert {name for _, attrs in page.elements for name in attrs} <= known
    assert all(url.startswith("https://") and "evil" not in url for url in page.values("href"))
    assert page.text.count(plain(foreign)) >= 9


def test_a_link_leads_where_it_should() -> None:
    url = "https://index.example/?a=1&lt=2&copy=3#x"
    assert url in Page(html.page(sample_run.done(), [url])).values("href")


# When


def bars(run: Run, label: str) -> list[str]:
    row = re.search(rf"<dt>{label}</dt>(.*?)</div>", timeline(run))
    assert row
    return re.findall(r'(?<=[" ])(?:x|cx|x1|x2|width)="([\d.]+)%"', row[1])[1:]


def test_bars_are_where_their_steps_were() -> None:
    run = sample_run.done()
    run.steps = [Step("build", "done", 6.0, 0, 3.0), Step("dists", "done", 0.0, 0, 12.0)]
    assert bars(run, "build") == ["25.00", "50.00"]
    assert bars(run, "dists") == ["99.30", "0.70"], "the shortest can be seen"
    assert bars(run, "certificate") == ["15.64", "100.00"], "it outlives the run"
    assert bars(run, "public log") == ["23.97"]


def test_whole_seconds_keep_the_order_of_the_run() -> None:
    """The run began at .123 of a second; certificate and log entry are of 12:00:02 and :03."""
    run = sample_run.done()
    run.steps = [Step("mint", "done", 2.0, 1, 0.0), Step("sign", "done", 1.5, 2, 2.4)]
    assert bars(run, "certificate")[0] == "20.00", "not before the step that asked for it"
    assert bars(run, "public log") == ["23.97"], "the second began while it signed"
    run.steps = [Step("sign", "done", 0.1, 2, 9.0)]
    assert bars(run, "certificate")[0] == "15.64", "of another job"
    run.steps = [Step("sign", "skipped", 0.0, 0, 2.4)]
    assert bars(run, "certificate")[0] == "15.64"


def test_the_life_of_a_token() -> None:
    run = sample_run.done()
    run.steps = [Step("mint", "done", 1.0, 1, 2.0), Step("burn", "done", 1.0, 1, 8.0)]
    assert bars(run, "upload token") == ["25.00", "75.00", "25.00", "75.00"]
    assert "lived 6.0 s" in timeline(run)
    run.findings.append(Finding("token-not-burned", "warning", "Not."))
    assert "may live on" in timeline(run)
    run.steps = [Step("mint", "failed", 1.0, 1, 2.0), Step("burn", "skipped", 0.0, 0)]
    assert "upload token" not in timeline(run)
    assert "failed, 1.0 s" in timeline(run)


# Checking it


def test_the_digests_can_be_checked(tmp_path: Path) -> None:
    run = sample_run.done()
    run.dists = tuple(
        replace(dist, sha256=hashlib.sha256(dist.filename.encode()).hexdigest())
        for dist in run.dists
    )
    for dist in run.dists:
        (tmp_path / dist.filename).write_text(dist.filename)
    check = re.findall(r'<pre class="copy">(.*?)</pre>', html.page(run), re.DOTALL)[0]
    done = shell(unescape(check), tmp_path)
    assert done.stdout == f"{sample_run.WHEEL}: OK\n{sample_run.SDIST}: OK\n"
    (tmp_path / sample_run.SDIST).write_text("other")
    assert shell(unescape(check), tmp_path).returncode == 1


def test_the_origin_is_asked_of_the_index_that_the_tool_knows() -> None:
    text = commands(sample_run.release())
    assert "testpypi" not in text
    assert "    widget-1.4.0.tar.gz \\\n" in text
    verify = "pypi-attestations verify pypi --repository https://github.com/octo-org/widget"
    assert f'do {verify} "pypi:$file"; done' in text


def test_the_origin_on_another_index() -> None:
    run = sample_run.release()
    run.targets = run.targets[:1]
    lines = [shlex.split(line) for line in commands(run).splitlines()[-3:]]
    name = "widget-1.4.0-cp312-abi3-linux_x86_64.whl"
    assert lines[0] == ["curl", "-fsS", "-o", name, f"https://files.testpypi.example/{name}"]
    assert lines[1][3] == f"{name}.provenance"
    assert lines[2][-3:] == ["--provenance-file", f"{name}.provenance", name]


@pytest.mark.parametrize(
    ("publisher", "option"),
    [
        ({"kind": "GitLab", "repository": "g/w"}, "--repository https://gitlab.com/g/w"),
        ({"kind": "Google", "email": "a@b.example"}, "--gcp-service-account a@b.example"),
        ({"kind": "ActiveState"}, None),
    ],
)
def test_the_identity_to_expect(publisher: dict[str, str | None], option: str | None) -> None:
    run = sample_run.release()
    run.identity = replace(sample_run.IDENTITY, publisher=publisher)
    assert (f" {option} " in commands(run)) == (option is not None)
    assert ("pypi-attestations" in commands(run)) == (option is not None)


def test_files_without_provenance_are_not_asked_for() -> None:
    assert sample_run.SDIST not in commands(sample_run.done()).partition("END\n")[2]


@pytest.mark.parametrize("name", TEXTS)
def test_a_name_is_one_word_for_the_shell(name: str, tmp_path: Path) -> None:
    run = sample_run.done()
    evil = replace(run.dists[0], path=Path(name.replace("/", "\u2215")))
    run.dists = (evil,)
    run.placed["pypi"] = {evil.filename: Placed("uploaded", None, "https://index.example/p")}
    text = commands(run).partition("END\npython -m pip install pypi-attestations\n")[2]
    loop = text.replace("do pypi-attestations verify pypi", 'do printf "%s\\n"')
    done = shell(loop, tmp_path)
    said = ["--repository", "https://github.com/octo-org/widget", f"pypi:{plain(evil.filename)}"]
    assert done.stdout.splitlines() == said


# The file


def test_it_is_written_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "page.html"
    html.write(sample_run.done(), LINKS, path)
    assert path.read_text("utf-8") == html.page(sample_run.done(), LINKS)
    assert list(path.parent.iterdir()) == [path]


def test_where_it_can_not_be_written(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match=r"the page can't be written"):
        html.write(sample_run.done(), LINKS, tmp_path)
