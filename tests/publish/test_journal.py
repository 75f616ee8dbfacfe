"""The journal: what is in it however a run ends, and what a hostile one can't do."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sigstore.dsse import Statement

from publisher import cli
from publisher.errors import CannotWrite
from publisher.models import Attested, Dist
from publisher.publish import journal
from publisher.publish.journal import Journal, hashes, opened, statement_hashes
from publisher.verify.core import Verifier
from support.archives import make_wheel
from support.play import IDENTITY, dist
from support.projects import make_project
from support.sample_run import attested
from support.sandbox import Sandbox

INDEX = "https://upload.index.example/legacy/"
ROOT = "ab" * 32
FILE = "widget-1.0-py3-none-any.whl"

SMALL = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
WHEEL = Dist(Path(FILE), "widget", "1.0", "wheel", 1, "aa")


def events(folder: Path) -> list[object]:
    return [line["event"] for line in Journal(folder).earlier()]


def lines(path: Path) -> list[dict[str, Any]]:
    """Two writers may leave an empty line between theirs, which no reader minds."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]


def upload(event: str, **changes: str) -> dict[str, str]:
    schema = {"schema": "publisher.journal/1", "event": event}
    return {**schema, "index": INDEX, "file": FILE, "sha256": "aa", **changes}


# Writing


def test_a_line_says_what_and_when(tmp_path: Path) -> None:
    Journal(tmp_path / "state").write("planned", index=INDEX, files={FILE: "aa"})
    (line,) = lines(tmp_path / "state" / "journal.jsonl")
    assert line.pop("time").endswith("+00:00")
    planned = {"event": "planned", "index": INDEX, "files": {FILE: "aa"}}
    assert line == {"schema": "publisher.journal/1", **planned}


def test_nothing_is_kept_without_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    nowhere = Journal(None)
    nowhere.write("planned")
    nowhere.announce()
    nowhere.keep(ROOT, WHEEL, "{}")
    nowhere.receipts([], ROOT)
    assert list(nowhere.earlier()) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="permissions are POSIX's")
def test_a_folder_of_our_own_is_private_and_no_part_of_the_checkout(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "state"
    Journal(folder).write("planned")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "journal.jsonl").stat().st_mode) == 0o600
    assert (folder / ".gitignore").read_text() == "*\n"


def test_a_folder_of_somebody_else_is_not_hidden_from_git(tmp_path: Path) -> None:
    (tmp_path / "theirs.txt").touch()
    Journal(tmp_path)
    assert not (tmp_path / ".gitignore").exists()


@pytest.mark.parametrize("cut", [b'{"schema": "publisher.jour', b"\0\0\0", b"{}"])
def test_a_line_after_one_that_a_crash_cut(tmp_path: Path, cut: bytes) -> None:
    Journal(tmp_path).write("planned")
    with (tmp_path / "journal.jsonl").open("ab") as file:
        file.write(cut)
    Journal(tmp_path).write("uploading")
    assert events(tmp_path) == ["planned", "uploading"]
    first, second, third = (tmp_path / "journal.jsonl").read_bytes().splitlines()
    assert second == cut
    assert json.loads(first)["event"] == "planned"
    assert json.loads(third)["event"] == "uploading"


APPEND = """
import sys
from pathlib import Path
from publisher.publish.journal import Journal
journal = Journal(Path(sys.argv[1]))
for number in range(100):
    journal.write("uploaded", who=sys.argv[2], number=number, padding="x" * 3000)
"""


def test_two_runs_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", APPEND, str(tmp_path)]
    for run in [subprocess.Popen([*command, who]) for who in "ab"]:
        assert run.wait(60) == 0
    seen = [(line["who"], line["number"]) for line in lines(tmp_path / "journal.jsonl")]
    assert sorted(seen) == [(who, number) for who in "ab" for number in range(100)]
    for who in "ab":
        assert [number for name, number in seen if name == who] == list(range(100))


# Reading


@SMALL
@given(st.lists(st.one_of(st.binary(max_size=60), st.integers(0, 9)), max_size=12))
def test_only_our_lines_are_read(parts: list[bytes | int]) -> None:
    """Numbers become lines of ours; whatever lies between them is passed over."""
    with tempfile.TemporaryDirectory() as folder:
        state = Journal(Path(folder))
        for part in parts:
            if isinstance(part, int):
                state.write("planned", number=part)
            else:
                with Path(folder, "journal.jsonl").open("ab") as file:
                    file.write(part)
        assert [line["number"] for line in state.earlier()] == [
            part for part in parts if isinstance(part, int)
        ]


@SMALL
@given(st.integers(0, 400), st.permutations(range(4)))
def test_cut_anywhere_and_in_any_order(length: int, order: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        state = Journal(Path(folder))
        for number in order:
            state.write("planned", number=number)
        path = Path(folder, "journal.jsonl")
        whole = path.read_bytes()
        path.write_bytes(whole[:length])
        found = [line["number"] for line in state.earlier()]
        assert found == order[: whole[:length].count(b"\n")]


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
FACTS = st.dictionaries(st.sampled_from(["event", "index", "file", "sha256", "log_index"]), ANY)


@SMALL
@given(st.lists(FACTS, max_size=5))
def test_whatever_is_in_a_line_it_is_a_hint(facts: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, schema in (("journal", "publisher.journal/1"), ("receipts", journal.RECEIPT)):
            text = "".join(f"{json.dumps({**one, 'schema': schema})}\n" for one in facts)
            Path(folder, f"{name}.jsonl").write_text(text, "utf-8")
        state = Journal(Path(folder))
        assert state.uploaded(INDEX, [WHEEL]) == (0, 0)
        state.receipts([], ROOT)


@pytest.mark.parametrize(
    "hostile",
    [b"[" * 200_000, b'{"a":' * 100_000, b'{"a": %s}' % (b"9" * 9000), b'{"a": "\xff"}', b"null"],
)
def test_lines_that_are_hard_to_read(tmp_path: Path, hostile: bytes) -> None:
    (tmp_path / "journal.jsonl").write_bytes(hostile + b"\n")
    Journal(tmp_path).write("planned")
    assert events(tmp_path) == ["planned"]


def test_a_line_without_end(tmp_path: Path) -> None:
    """What follows in it may look like a line of ours where the reader cuts it."""
    ours = json.dumps(upload("uploaded")).encode()
    (tmp_path / "journal.jsonl").write_bytes(b"x" * journal.LONGEST + ours + b"\n")
    Journal(tmp_path).write("planned")
    assert events(tmp_path) == ["planned"]


def test_only_the_last_lines_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = Journal(tmp_path)
    for number in range(50):
        state.write("planned", number=number)
    monkeypatch.setattr(journal, "RECENT", 500)
    seen = [line["number"] for line in state.earlier()]
    assert 0 < len(seen) < 10
    assert seen == list(range(50))[-len(seen) :]


@pytest.mark.parametrize(
    ("told", "counts"),
    [
        ([], (0, 0)),
        ([upload("uploading")], (0, 1)),
        ([upload("uploading"), upload("uploaded")], (1, 0)),
        ([upload("uploading"), upload("failed")], (0, 0)),
        ([upload("uploaded", sha256="bb")], (0, 0)),
        ([upload("uploaded", index="https://other.example/")], (0, 0)),
        ([upload("uploaded", file="other.whl")], (0, 0)),
    ],
)
def test_what_an_earlier_run_did(
    tmp_path: Path, told: list[dict[str, str]], counts: tuple[int, int]
) -> None:
    text = "".join(f"{json.dumps(line)}\n" for line in told)
    (tmp_path / "journal.jsonl").write_text(text, "utf-8")
    assert Journal(tmp_path).uploaded(INDEX, [WHEEL]) == counts


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux which file a handle is of")
def test_an_attestation_is_on_disk_when_it_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes before it has its name, then the name, and those of the folders that are new."""
    state, real = Journal(tmp_path), os.fsync
    place = state.place(ROOT, WHEEL)
    assert place
    synced: list[tuple[Path, bool]] = []

    def fsync(handle: int) -> None:
        real(handle)
        path = Path(f"/proc/self/fd/{handle}").readlink()
        synced.append((path.parent if path.suffix == ".tmp" else path, place.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    state.keep(ROOT, WHEEL, "{}")
    folders = [place.parent, place.parents[1], tmp_path]
    assert synced[:2] == [(place.parent, False), (place.parent, True)]
    assert {path for path, _ in synced} == set(folders)
    assert place.read_text("utf-8") == "{}"


# Links and other files that are none


def link(path: Path, target: Path) -> None:
    path.symlink_to(target)


def folder(path: Path, _target: Path) -> None:
    path.mkdir()


def pipe(path: Path, _target: Path) -> None:
    os.mkfifo(path)


@pytest.mark.skipif(os.name == "nt", reason="links and pipes are POSIX's")
@pytest.mark.parametrize("make", [link, folder, pipe])
def test_a_journal_that_is_no_file(tmp_path: Path, make: Callable[[Path, Path], None]) -> None:
    target = tmp_path / "target"
    target.write_text(f"{json.dumps(upload('uploaded'))}\n")
    before = target.read_bytes()
    (tmp_path / "state").mkdir()
    make(tmp_path / "state" / "journal.jsonl", target)
    state, problem = opened(tmp_path / "state")
    assert problem
    assert problem.code == "no-journal"
    assert state.folder is None
    assert target.read_bytes() == before


def test_a_state_folder_that_is_a_link(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    link(tmp_path / "state", tmp_path / "target")
    _, problem = opened(tmp_path / "state")
    assert problem
    assert "state is a link" in problem.message
    assert list((tmp_path / "target").iterdir()) == []


def test_receipts_that_are_a_link(tmp_path: Path) -> None:
    state = Journal(tmp_path / "state")
    link(tmp_path / "state" / "receipts.jsonl", tmp_path / "target")
    with pytest.raises(OSError, match="is a link"):
        state.receipts([signature()], ROOT)
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("where", ["attestations", f"attestations/{ROOT[:16]}"])
def test_attestations_in_a_folder_that_is_a_link(tmp_path: Path, where: str) -> None:
    (tmp_path / "target").mkdir()
    state = Journal(tmp_path / "state")
    place = tmp_path / "state" / where
    place.parent.mkdir(exist_ok=True)
    link(place, tmp_path / "target")
    state.keep(ROOT, WHEEL, "{}")
    assert list((tmp_path / "target").iterdir()) == []
    assert state.place(ROOT, WHEEL) is None


@pytest.mark.parametrize("there", [True, False])
def test_an_attestation_that_is_a_link(tmp_path: Path, there: bool) -> None:
    state = Journal(tmp_path / "state")
    place = state.place(ROOT, WHEEL)
    assert place
    place.parent.mkdir(parents=True)
    if there:
        (tmp_path / "target").write_text("theirs")
    link(place, tmp_path / "target")
    with pytest.raises(OSError, match="is a link"):
        state.keep(ROOT, WHEEL, "{}")
    assert (tmp_path / "target").exists() is there


# Signatures


def signature(log_index: int = 7) -> Any:
    statement = "eyJzdWJqZWN0IjogW119"
    return replace(
        attested(WHEEL, log_index), json=json.dumps({"envelope": {"statement": statement}})
    )


def test_nothing_is_signed_that_can_not_be_announced(tmp_path: Path) -> None:
    state = Journal(tmp_path / "state")
    (tmp_path / "state" / "journal.jsonl").unlink()
    (tmp_path / "state" / "journal.jsonl").mkdir()
    with pytest.raises(CannotWrite, match="nothing is signed that can't be announced") as caught:
        state.announce(file=FILE)
    assert "--state" in caught.value.hint


def test_one_receipt_for_one_entry(tmp_path: Path) -> None:
    """The log of another trust root counts from 0, too; a stranger's receipt hides none of ours."""
    foreign = {"schema": "publisher.receipt/1", "root": ROOT, "log_index": 7}
    (tmp_path / "receipts.jsonl").write_text(f"{json.dumps(foreign)}\n[]\n")
    for root in (ROOT, ROOT, "cd" * 32):
        Journal(tmp_path).receipts([signature(7), signature(8)], root)
    ours = lines(tmp_path / "receipts.jsonl")[2:]
    assert [(line["root"], line["log_index"]) for line in ours] == [
        (ROOT, 7), (ROOT, 8), ("cd" * 32, 7), ("cd" * 32, 8)
    ]  # fmt: skip


def test_the_hashes_are_those_that_sigstore_signs(
    sandbox: Sandbox, tmp_path: Path, project_name: str
) -> None:
    import hashlib

    wheel = dist(make_wheel(tmp_path, project_name))
    made = sandbox.attest(sandbox.persona(), wheel.path)
    statement = made.envelope.statement
    signed = Statement(statement)._pae()
    wanted = {
        "statement_sha256": hashlib.sha256(statement).hexdigest(),
        "pae_sha256": hashlib.sha256(signed).hexdigest(),
    }
    assert statement_hashes(statement) == wanted
    assert hashes(made.model_dump_json()) == wanted


def test_a_receipt_of_a_real_signature(sandbox: Sandbox, tmp_path: Path, project_name: str) -> None:
    wheel = dist(make_wheel(tmp_path, project_name))
    text = sandbox.attest(sandbox.persona(), wheel.path).model_dump_json()
    proof = Verifier(sandbox.trust()).attestation(
        text, wheel.filename, wheel.sha256, IDENTITY.publisher
    )
    one = Attested(**vars(proof), dist=wheel, json=text)
    receipt = journal.receipt(one, ROOT)
    assert receipt["file"] == wheel.filename
    assert str(receipt["run"]).startswith("https://github.com/octo-org/widget/actions/runs/")
    assert receipt["log_index"] == proof.log_index
    assert int(str(receipt["certificate_serial"]), 16) > 0


def test_a_failed_identity_leaves_nothing(
    tmp_path: Path, clean_env: dict[str, str], monkeypatch: pytest.MonkeyPatch, impatient: None
) -> None:
    project = make_project(tmp_path / "widget", "some-widget")
    monkeypatch.chdir(project)
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    before = sorted(project.rglob("*"))
    assert cli.run([], clean_env) == 3
    assert sorted(project.rglob("*")) == before
