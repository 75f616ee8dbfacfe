"""The summary that people paste: whole texts, and what others' texts can't do in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt  # rich brings it

from publisher.models import Finding, Placed, Run
from publisher.report import markdown
from publisher.report.text import plain
from support import sample_run
from support.hostile import TEXTS, Page

LINKS = ["https://index.example/project/widget/1.4.0/"]
PUBLISHED = """\
## Published widget 1.4.0 on pypi.

### widget 1.4.0, tag `v1.4.0`

| file | size | SHA-256 | pypi | log entry |
| --- | --: | --- | --- | --- |
| `widget-1.4.0-py3-none-any.whl` | 12.3 kB | `aaaaaaaaaaaa…` | [uploaded, verified](https://files.example/widget-1.4.0-py3-none-any.whl) ([provenance](https://index.example/integrity/widget-1.4.0-py3-none-any.whl)) | [123456789](https://search.sigstore.dev/?logIndex=123456789) |
| `widget-1.4.0.tar.gz` | 987 B | `bbbbbbbbbbbb…` | [already there, verified](https://files.example/widget-1.4.0.tar.gz) | - |

Ran as octo-org/widget, release.yml, identified by https://token.actions.githubusercontent.com.

1 file attested by https://github.com/octo-org/widget/.github/workflows/release.yml@refs/tags/v1.4.0.

**Next**

- See [https://index.example/project/widget/1.4.0/](https://index.example/project/widget/1.4.0/)

<details><summary>Check it yourself</summary>

The bytes: are the files that you have those of this run?

```
sha256sum --check <<'END'
aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa  widget-1.4.0-py3-none-any.whl
bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb  widget-1.4.0.tar.gz
END
```

The origin: does pypi show proof that this identity published them?

```
python -m pip install pypi-attestations
for file in \\
    widget-1.4.0-py3-none-any.whl
do pypi-attestations verify pypi --repository https://github.com/octo-org/widget "pypi:$file"; done
```

</details>

"""  # noqa: E501 - rows of a table can't be broken
HINT = """\
Give the job that publishes the permission:

    jobs:
      publish:
        permissions:
          id-token: write    # add this line

In a reusable workflow the calling job needs it too."""


def rendered(text: str) -> Page:
    return Page(
        MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text)
    )


def a_failure(**changes: Any) -> Run:
    run = sample_run.failed()
    error = Finding("mint-refused", "error", "No.")
    run.findings = [replace(error, **changes)]
    return run


def test_a_release() -> None:
    assert markdown.summary(sample_run.done(), LINKS) == PUBLISHED


def test_several_indexes_have_a_column_each() -> None:
    assert (
        "| file | size | SHA-256 | testpypi | pypi | log entry |"
        in markdown.summary(sample_run.release()).splitlines()
    )


def test_a_rehearsal_links_to_nothing() -> None:
    run = sample_run.changed(sample_run.done(), rehearsal=True)
    text = markdown.summary(run)
    assert text.startswith("## REHEARSAL: NOTHING WAS PUBLISHED.")
    assert "](" not in text


def test_a_failure_comes_with_its_remedy_and_what_is_there() -> None:
    text = markdown.summary(a_failure(hint=HINT, facts={"index": "pypi", "empty": ""}))
    assert text.startswith("## The step 'upload' failed (exit code 7). pypi has 1 of 2 files.\n")
    assert "\n**error `mint-refused`:** No.\n\n- index: `pypi`\n\n" in text
    assert "\n```\njobs:\n  publish:\n    permissions:\n      id-token: write    # add" in text
    assert "\n```\n\nIn a reusable workflow the calling job needs it too.\n" in text
    assert "- `widget-1.4.0.tar.gz` on pypi: 400 File too large ::set-env name=A::b" in text
    assert "\n- Run the same command again: files that are there" in text


def test_warnings_are_shown_and_notes_are_not() -> None:
    run = sample_run.done()
    run.findings.append(Finding("not-visible-yet", "warning", "Later."))
    text = markdown.summary(run)
    assert "**Worth knowing**\n\n- `not-visible-yet`: Later.\n" in text
    assert "attestations-off" not in text


def test_a_run_that_knows_nothing() -> None:
    text = markdown.summary(sample_run.interrupted())
    assert text == "## The run was interrupted. Nothing was published.\n\n"


@pytest.mark.parametrize("foreign", TEXTS)
def test_text_is_only_text(foreign: str) -> None:
    for made in (markdown.text(foreign), f"- {markdown.text(foreign)}"):
        page = rendered(made)
        assert page.tags <= {"p", "ul", "li"}
        assert page.text == plain(foreign)


@pytest.mark.parametrize("foreign", TEXTS)
def test_a_cell_is_only_a_cell(foreign: str) -> None:
    table = {"table", "thead", "tbody", "tr", "th", "td"}
    for made, tags in ((markdown.code(foreign), {*table, "code"}), (markdown.text(foreign), table)):
        page = rendered(f"| a | b |\n|---|---|\n| {made} | end |")
        assert page.tags == tags
        assert page.text == f"a b {plain(foreign)} end"


@pytest.mark.parametrize("foreign", TEXTS)
def test_a_whole_summary_of_hostile_texts(foreign: str) -> None:
    run = a_failure(message=foreign, hint=f"Do:\n    {foreign}", facts={foreign: foreign})
    evil = replace(run.dists[0], path=Path(foreign.replace("/", "\u2215")))
    run.dists = (evil, *run.dists[1:])
    run.tag = foreign
    run.placed["pypi"][evil.filename] = Placed("failed", foreign, foreign, error=foreign)
    page = rendered(markdown.summary(run, [foreign]))
    harmless = {"p", "h2", "h3", "ul", "li", "strong", "code", "pre", "details", "summary"}
    assert page.tags <= harmless | {"table", "thead", "tbody", "tr", "th", "td", "a"}
    assert all("evil" not in url for url in page.values("href"))
    assert sum(tag == "tr" for tag, _ in page.elements) == 3
    assert page.text.count(plain(foreign)) >= 6


def test_nobody_is_called() -> None:
    assert markdown.text("ask @octocat or a@b.example") == "ask @\u200boctocat or a@b.example"


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "http://a.example", "data:text/html,x", "//a.example", "", None],
)
def test_only_https_is_linked(url: str | None) -> None:
    assert markdown.link("here", url) == "here"


def test_a_url_can_not_leave_its_parentheses() -> None:
    made = markdown.link("here", "https://a.example/)<b>`|\\\n[x](y) \ud800é")
    assert rendered(made).tags == {"p", "a"}
    assert rendered(f"|a|\n|-|\n| {made} |").text == "a here"


def test_a_fence_is_longer_than_what_is_in_it() -> None:
    assert markdown.fence("a\n````\nb") == "`````\na\n````\nb\n`````"


def test_what_does_not_fit_is_left_out_and_it_says_so() -> None:
    run = sample_run.done()
    whole = markdown.summary(run, LINKS)
    assert markdown.summary(run, LINKS, room=len(whole.encode())) == whole
    short = markdown.summary(run, LINKS, room=len(whole.encode()) - 1)
    assert short.endswith(
        "_There is no room for the rest here; the log and the report have it._\n\n"
    )
    assert len(short.encode()) < len(whole.encode())
    assert short.startswith("## Published")
    assert "<details>" not in short
    assert markdown.summary(run, LINKS, room=10) == ""


def test_a_table_has_an_end() -> None:
    run = sample_run.done()
    run.dists = run.dists * 400
    text = markdown.summary(run)
    assert text.count("\n| `widget") == markdown.MOST_FILES
    assert "\n... and 300 more files, which the report lists.\n" in text
