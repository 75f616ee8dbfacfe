"""What people read: whole outputs, and text that tries to be more than text."""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from threading import Thread
from typing import Any

import pytest

from publisher.errors import Interrupted, MintRefused
from publisher.models import Finding, Placed, Run
from publisher.remarks import remark
from publisher.report.console import Console
from publisher.report.text import clean, fact, flat, several, size, wrap
from publisher.reporter import Reporter
from support import sample_run


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")


class Heard:
    """A console and what it wrote."""

    def __init__(self, **how: Any) -> None:
        self.clock = Clock()
        self.stream = io.StringIO()
        self.console = Console(self.stream, clock=self.clock, **how)

    @property
    def text(self) -> str:
        return self.stream.getvalue()


def a_run(heard: Heard, run: Run) -> str:
    reporter: Reporter = heard.console
    with reporter.step("identity", "asking GitHub who this job is"):
        reporter.say("octo-org/widget, release.yml")
        heard.clock.now += 0.44
    with suppress(MintRefused), reporter.step("exchange", "asking pypi for a token"):
        heard.clock.now += 2.06
        raise MintRefused("no")
    heard.console.show_error(
        MintRefused("pypi refuses the identity.", facts={"code": "invalid-publisher", "n": [1]}),
        "Register this publisher:\n  environment: release",
    )
    heard.console.summary(run, ["https://index.example/project/widget/1.4.0/"])
    heard.console.last_word(run)
    return heard.text


PLAIN = """\
identity: asking GitHub who this job is
  octo-org/widget, release.yml
  done in 0.4 s
exchange: asking pypi for a token
  failed after 2.1 s
error mint-refused: pypi refuses the identity.
  code: invalid-publisher
  n: [1]
  Register this publisher:
    environment: release
  docs/errors.md#mint-refused

widget 1.4.0, tag v1.4.0
  file                           size     sha256        pypi                     log index
  widget-1.4.0-py3-none-any.whl  12.3 kB  aaaaaaaaaaaa  uploaded, verified       123456789
  widget-1.4.0.tar.gz            987 B    bbbbbbbbbbbb  already there, verified  -

Ran as octo-org/widget, release.yml, identified by https://token.actions.githubusercontent.com.
1 file attested by https://github.com/octo-org/widget/.github/workflows/release.yml@refs/tags/v1.4.0.

Next:
  See https://index.example/project/widget/1.4.0/
Published widget 1.4.0 on pypi.
"""


def test_a_log() -> None:
    assert a_run(Heard(), sample_run.done()) == PLAIN


def test_a_terminal_shows_the_same_with_ticks_and_colours() -> None:
    text = a_run(Heard(interactive=True, width=100), sample_run.done())
    assert text.startswith(
        "\x1b[1midentity\x1b[0m: asking GitHub who this job is\n"
        "  octo-org/widget, release.yml\n"
        "\x1b[32m  ✓ done in 0.4 s\x1b[0m\n"
    )
    assert "\x1b[31m  ✗ failed after 2.1 s\x1b[0m\n" in text
    assert "\x1b[1;31merror mint-refused: \x1b[0mpypi refuses the identity.\n" in text
    assert text.endswith("\x1b[1;32mPublished widget 1.4.0 on pypi.\x1b[0m\n")
    assert clean(text).replace("✓ ", "").replace("✗ ", "") == PLAIN


def test_a_terminal_without_colours() -> None:
    text = a_run(Heard(interactive=True, color=False, width=100), sample_run.done())
    assert text.replace("✓ ", "").replace("✗ ", "") == PLAIN


def test_a_log_with_colours() -> None:
    text = a_run(Heard(color=True), sample_run.done())
    assert "\x1b[32m  done in 0.4 s\x1b[0m" in text
    assert clean(text) == PLAIN


def test_quiet_leaves_the_error_and_the_last_word() -> None:
    heard = Heard(verbosity=-1)
    heard.console.finding(Finding("attestations-off", "note", "Off."))
    with heard.console.progress("uploading", 4) as advance:
        heard.clock.now += 60
        advance(2)
    assert a_run(heard, sample_run.done()) == "\n".join(
        (*PLAIN.splitlines()[5:11], "Published widget 1.4.0 on pypi.\n")
    )


def test_an_interrupted_step_was_stopped() -> None:
    for cause in (Interrupted("SIGTERM"), KeyboardInterrupt()):
        heard = Heard()
        with pytest.raises(type(cause)), heard.console.step("upload", "sending"):
            raise cause
        assert heard.text == "upload: sending\n  stopped after 0.0 s\n"


def test_an_error_has_its_own_hint_unless_the_provider_knows_better() -> None:
    heard = Heard()
    heard.console.show_error(MintRefused("No.", hint="Own."))
    heard.console.show_error(MintRefused("No.", hint="Own."), "Provider's.")
    assert "  Own.\n" in heard.text
    assert heard.text.count("Own.") == 1
    assert "  Provider's.\n" in heard.text


def test_long_text_is_wrapped_and_long_facts_are_cut() -> None:
    finding = Finding(
        "upload-refused", "warning", "word " * 30, {"body": "x" * 450, "files": ["a", "b"]}
    )
    heard = Heard(width=60)
    heard.console.finding(finding)
    lines = heard.text.splitlines()
    assert lines[:2] == [
        "warning upload-refused: word word word word word word word",
        "  word word word word word word word word word word word",
    ]
    assert f"{'x' * 400}\n  ... (50 more characters: --verbose)" in heard.text
    assert "  files: a, b" in lines
    verbose = Heard(width=60, verbosity=1)
    verbose.console.finding(finding)
    assert "x" * 450 in verbose.text


def test_what_the_hint_spells_out_is_shown_once() -> None:
    told: list[object] = [["rename it", "a"], [{"field": "a", "claimed": None}], {"a": "b"}]
    for value in told:
        finding = Finding("x", "error", "no", {"seen": value, "index": "a"}, "rename it: a b")
        for verbosity, shown in ((0, False), (1, True)):
            heard = Heard(verbosity=verbosity)
            heard.console.finding(finding)
            assert ("  seen: " in heard.text) is shown
            assert "  index: a\n" in heard.text  # a single word is no repetition
    heard = Heard()
    heard.console.finding(Finding("x", "error", "no", {"seen": {"a": "c"}}, "rename it: a b"))
    assert "  seen: " in heard.text


def test_details_are_for_who_asks() -> None:
    for verbosity, text in ((0, ""), (1, "    creating build/lib\n")):
        heard = Heard(verbosity=verbosity)
        heard.console.detail("creating build/lib")
        assert heard.text == text


# Rehearsals and endings


def last(run: Run) -> str:
    heard = Heard()
    heard.console.summary(run)
    heard.console.last_word(run)
    return heard.text.splitlines()[-1]


def test_the_last_word() -> None:
    done, failed = sample_run.done(), sample_run.failed()
    there = {"pypi": {sample_run.WHEEL: Placed("already-there")}}
    assert last(done) == "Published widget 1.4.0 on pypi."
    assert last(sample_run.changed(done, placed=there)) == (
        "Nothing new: widget 1.4.0 was on pypi already."
    )
    bare = [*done.findings, remark("attestation-failed", "x")]
    assert last(sample_run.changed(done, findings=bare)) == (
        "Published widget 1.4.0 on pypi WITHOUT ATTESTATIONS."
    )
    assert last(failed) == "The step 'upload' failed (exit code 7). pypi has 1 of 2 files."
    assert last(sample_run.interrupted()) == "The run was interrupted. Nothing was published."
    assert last(sample_run.changed(sample_run.interrupted(), exit_code=2)) == (
        "The run failed (exit code 2). Nothing was published."
    )


def test_the_last_word_of_a_rehearsal_is_in_capitals() -> None:
    done = sample_run.changed(sample_run.done(), rehearsal=True)
    failed = sample_run.changed(sample_run.failed(), rehearsal=True)
    stopped = sample_run.changed(done, exit_code=143)
    assert last(done) == "REHEARSAL: NOTHING WAS PUBLISHED. EVERY STEP PASSED."
    assert last(failed) == (
        "REHEARSAL: NOTHING WAS PUBLISHED. THE STEP 'UPLOAD' FAILED (EXIT CODE 7)."
    )
    assert last(stopped) == "REHEARSAL: NOTHING WAS PUBLISHED. THE RUN WAS INTERRUPTED."


def summary_of(run: Run) -> str:
    heard = Heard()
    heard.console.summary(run)
    return heard.text


def test_the_summary_of_a_failure_says_what_the_server_said_and_what_to_do() -> None:
    text = summary_of(sample_run.failed())
    assert "  widget-1.4.0.tar.gz on pypi: 400 File too large |::set-env name=A::b\n" in text
    assert text.endswith(
        f"Next:\n  pypi lacks {sample_run.SDIST} of widget 1.4.0.\n"
        "  Run the same command again: files that are there are recognised by their digest "
        "and skipped.\n"
    )


@pytest.mark.parametrize(
    ("closing", "until"),
    [
        ({}, ""),  # an index whose rules are not known
        ({"pypi": {}}, ", and takes files for it until 2026-03-15 12:00 UTC"),
        (
            {"pypi": {("widget", "1.4.0"): datetime.fromisoformat("2026-03-04T01:30:00+02:00")}},
            ", and takes files for it until 2026-03-03 23:30 UTC",
        ),
    ],
)
def test_the_summary_of_a_release_that_is_there_in_part(
    closing: dict[str, dict[tuple[str, str], datetime]], until: str
) -> None:
    run = sample_run.changed(sample_run.failed(), closing=closing)
    lacking = f"  pypi lacks {sample_run.SDIST} of widget 1.4.0{until}.\n"
    assert lacking in summary_of(run)
    assert lacking in summary_of(sample_run.changed(run, rehearsal=True))
    places = {"pypi": dict.fromkeys((sample_run.WHEEL, sample_run.SDIST), Placed("already-there"))}
    assert " lacks " not in summary_of(sample_run.changed(run, placed=places))
    nothing = {"pypi": dict.fromkeys(places["pypi"], Placed("not-tried"))}
    assert " lacks " not in summary_of(sample_run.changed(run, placed=nothing))


def test_the_summary_names_some_of_many_missing_files() -> None:
    run = sample_run.changed(sample_run.release(), exit_code=7)
    run.placed = {"pypi": {run.dists[0].filename: Placed("uploaded")}}
    run.dists = (*run.dists, sample_run.dist("widget-1.4.0-cp313-abi3-win32.whl", 1, "a"))
    first, *_ = run.dists[1:]
    assert f"  pypi lacks {first.filename}, " in summary_of(run)
    assert " and 1 more of widget 1.4.0." in summary_of(run)


def test_the_summary_of_a_rehearsal_names_the_next_step() -> None:
    text = summary_of(sample_run.changed(sample_run.done(), rehearsal=True))
    assert "\nRehearsed as octo-org/widget, release.yml" in text
    assert "Next:\n  To publish for real, register this trusted publisher on pypi" in text
    assert text.endswith("Then run the same without rehearsing, as a step of that CI job.\n")


def test_the_summary_when_files_do_not_arrive() -> None:
    places = {"pypi": {sample_run.WHEEL: Placed("uploaded", arrival="not-visible-yet")}}
    late = summary_of(sample_run.changed(sample_run.done(), placed=places, tag=None))
    assert "\nwidget 1.4.0\n" in late
    assert "uploaded, not visible yet" in late
    assert "  1 file can't be seen on the index yet" in late
    places = {"pypi": {sample_run.WHEEL: Placed("uploaded", arrival="different")}}
    wrong = summary_of(sample_run.changed(sample_run.done(), placed=places, exit_code=8))
    assert "uploaded, SHOWN WITH OTHER CONTENT OR PROOF" in wrong
    assert "before anybody installs it" in wrong


def test_the_summary_of_nothing_is_empty() -> None:
    assert summary_of(sample_run.interrupted()) == ""


def test_signers_are_counted_apart() -> None:
    run = sample_run.changed(sample_run.done(), identity=None)
    more = {sample_run.SDIST: (sample_run.attested(run.dists[1], 5, "mailto:a@example"),)}
    run.attested = {**run.attested, **more}
    text = summary_of(run)
    assert f"1 file attested by {sample_run.SAN}.\n1 file attested by mailto:a@example.\n" in text
    assert "Ran as" not in text


# Progress


def ticks(heard: Heard, total: int, unit: int, seconds: float) -> None:
    with heard.console.progress("uploading", total) as advance:
        for _ in range(total // unit):
            heard.clock.now += seconds
            advance(unit)


def test_fast_work_shows_no_progress() -> None:
    for interactive in (False, True):
        heard = Heard(interactive=interactive, width=80)
        ticks(heard, 10, 1, 0.1)
        assert heard.text == ""


def test_a_log_shows_quarters() -> None:
    heard = Heard()
    ticks(heard, 200, 1, 0.1)
    assert heard.text == (
        "  uploading 50/200 ...\n  uploading 100/200 ...\n"
        "  uploading 150/200 ...\n  uploading 200/200 ...\n"
    )


def test_a_log_shows_slow_work_now_and_then() -> None:
    heard = Heard()
    ticks(heard, 1000, 1, 4)
    assert heard.text.startswith(
        "  uploading 3/1000 ...\n  uploading 6/1000 ...\n  uploading 9/1000 ...\n"
    )
    heard = Heard()
    with heard.console.progress("nothing", 0) as advance:
        heard.clock.now += 11
        advance(0)
    assert heard.text == "  nothing 0/0 ...\n"


def test_a_terminal_shows_a_bar_and_takes_it_away() -> None:
    heard = Heard(interactive=True, width=80)
    with heard.console.progress("uploading [bold]", 4) as advance:
        advance(1)
        assert heard.text == ""
        heard.clock.now += 3
        advance(1)
        heard.console.say("still here")
    assert "uploading [bold]" in heard.text
    assert "2/4" in heard.text
    assert "  still here\n" in heard.text
    assert heard.text.endswith("\x1b[2K")


def test_progress_counts_from_many_threads() -> None:
    heard = Heard()
    with heard.console.progress("uploading", 800) as advance:
        heard.clock.now += 3

        def work() -> None:
            for _ in range(100):
                advance(1)

        threads = [Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        heard.clock.now += 3
        advance(0)
    assert heard.text.splitlines()[-1] == "  uploading 800/800 ..."


# Hostile text

HOSTILE = [
    ("\x1b[31mred\x1b[0m", "red"),
    ("\x1b]0;title\x07x", "]0;titlex"),
    ("a\x9b31mb\x08\x00", "a31mb"),
    ("a\rb", "a\nb"),
    ("a\r\nb", "a\nb"),
    ("a\tb\u2028c\x85d", "a b c d"),
    ("\u202egnp.exe\u2066", "gnp.exe"),
    ("::set-env name=A::b", "|::set-env name=A::b"),
    (" ::error::x", " |::error::x"),
    ("x ::add-mask::y", "x |::add-mask::y"),
    ("\u200b:\u200b:stop-commands::t", "|::stop-commands::t"),
    (":\ufe0f:debug::", "|::debug::"),
    ("\xa0::warning::", "\xa0|::warning::"),
    (":::notice::", "|:::notice::"),
    (":\x1b:set-output::", "|::set-output::"),
    ("x ##[error]y", "x ## [error]y"),
    ("###[group]y", "### [group]y"),
    ("##vso[task.setvariable]z", "## vso[task.setvariable]z"),
    ("##teamcity[x]", "## teamcity[x]"),
    ("section_start:1:a\r\x1b[0KX", "section_start:1:a\nX"),
    ("std::vector fe80::1 C++", "std::vector fe80::1 C++"),
    ("[bold]x[/bold] :smile:", "[bold]x[/bold] :smile:"),
    ("Grüße ✓ 漢字", "Grüße ✓ 漢字"),
    ("\ud800x", "\\ud800x"),
]


@pytest.mark.parametrize(("text", "shown"), HOSTILE)
def test_clean(text: str, shown: str) -> None:
    assert clean(text) == shown
    assert clean(shown) == shown


@pytest.mark.parametrize("text", [text for text, _ in HOSTILE])
@pytest.mark.parametrize("interactive", [False, True])
def test_hostile_text_has_no_power_anywhere(text: str, interactive: bool) -> None:
    for line in everything(text, interactive):
        assert not line.strip().startswith("::"), line
        assert "##[" not in line
        assert "##vso[" not in line
        assert all(char.isprintable() or char == "\xa0" for char in line), line


def everything(text: str, interactive: bool) -> Iterator[str]:
    """Every line of a console without colours that shows ``text`` wherever data can stand."""
    heard = Heard(interactive=interactive, color=False, width=60)
    console = heard.console
    with console.step(text, text):
        console.say(f"{text} {'word ' * 12}{text}")
    facts = {"a": text, text: [text], "c": {"d": text}}
    console.finding(Finding("upload-refused", "error", text, facts, text))
    run = sample_run.failed()
    run.tag = text
    run.dists = (sample_run.dist(f"widget-1-{text.replace('/', '')}.whl", 1, "c"),)
    run.placed["pypi"][run.dists[0].filename] = Placed("failed", error=text)
    run.attested = {run.dists[0].filename: (sample_run.attested(run.dists[0], 1, text),)}
    console.summary(run, [text])
    with console.progress(text, 2) as advance:
        if not interactive:
            heard.clock.now += 60
            advance(1)
    console.last_word(run)
    yield from heard.text.split("\n")


def test_a_stream_that_knows_ascii_only() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, "ascii", write_through=True)
    console = Console(stream, interactive=True, color=False, width=80)
    with console.step("build", "größe"):
        console.say("✓")
    assert raw.getvalue() == b"build: gr\\xf6\\xdfe\n  \\u2713\n  done in 0.0 s\n"


@pytest.mark.parametrize("interactive", [False, True])
@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(errno.ENOSPC, "full")])
def test_a_run_goes_on_when_nobody_listens(interactive: bool, error: OSError) -> None:
    class Closed(io.StringIO):
        def write(self, _text: str) -> int:
            raise error

    console = Console(Closed(), interactive=interactive)
    console.say("one")
    console.say("two")


# Words


def test_a_long_fact_ends_after_a_whole_value() -> None:
    claims = {"repository": "octo-org/widget", "ref": "refs/tags/v1.0", "sha": "0" * 40}
    assert fact(claims, 40) == "repository: octo-org/widget and 2 more: --verbose"
    assert fact([{"a": 1}, {"b": 2}, {"c": 3}], 20) == '{"a": 1}, {"b": 2} and 1 more: --verbose'
    assert fact(["abc", "defg"], 6) == "abc and 1 more: --verbose"
    assert fact(["x" * 9, "y"], 5) == "xxxxx ... (7 more characters: --verbose)"


def test_what_the_message_says_is_no_fact_once_more() -> None:
    heard = Heard()
    facts = {"reason": "the connection failed", "index": "pypi"}
    heard.console.finding(Finding("x", "note", "pypi: the connection failed", facts))
    assert heard.text.count("the connection failed") == 1
    assert "  index: pypi\n" in heard.text


def test_a_command_stays_on_its_line() -> None:
    assert wrap("then run `publisher pin --accept x` and commit", 20) == [
        "then run",
        "`publisher pin --accept x`",
        "and commit",
    ]


def test_wrap() -> None:
    assert wrap("a bb ccc\n  keep this as it is", 6, "> ") == [
        "> a bb",
        "> ccc",
        ">   keep this as it is",
    ]
    assert wrap("https://a.example/long-long-path x", 10) == [
        "https://a.example/long-long-path",
        "x",
    ]
    assert wrap("", 10, "  ") == [""]


def test_words() -> None:
    assert flat(" a\n b\x1b[0m ") == "a b"
    assert fact({"a": [1]}, 100) == '{"a": [1]}'
    assert fact(None, 100) == "null"
    assert [size(n) for n in (0, 999, 1000, 12345, 10**6, 5 * 10**9)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "12.3 kB",
        "1.0 MB",
        "5.0 GB",
    ]
    assert several(1, "file") == "1 file"
    assert several(2, "file") == "2 files"
