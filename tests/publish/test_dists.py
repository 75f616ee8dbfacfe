"""Finding, reading and checking real files."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from publisher import errors
from publisher.models import Dist, Finding
from publisher.publish import dists
from publisher.publish.dists import check, collect, read, read_all
from publisher.publish.measure import sha256
from publisher.publish.metadata import form
from support.archives import make_sdist, make_wheel

WHEEL, SDIST = "widget-1.0-py3-none-any.whl", "widget-1.0.tar.gz"


@pytest.fixture
def notes() -> list[Finding]:
    return []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_wheel(tmp_path / "dist")
    make_sdist(tmp_path / "dist")
    return tmp_path / "dist"


# collect


def test_a_folder(folder: Path, notes: list[Finding]) -> None:
    for name in (".gitignore", f"{WHEEL}.publish.attestation", f"{SDIST}.asc", f"{WHEEL}.sig"):
        (folder / name).touch()
    assert collect([folder], notes.append) == (folder / WHEEL, folder / SDIST)
    assert collect([f"{folder}/"], notes.append) == (folder / WHEEL, folder / SDIST)
    assert notes == []


def test_foreign_files_are_one_remark_per_folder(folder: Path, notes: list[Finding]) -> None:
    (folder / "SHA256SUMS").touch()
    (folder / "docs.zip").touch()
    (folder / "widget-1.0-linux.zip").touch()
    (folder / "sub").mkdir()
    other = make_wheel(folder.parent / "other", "gadget").parent
    (other / "README").touch()
    assert len(collect([folder, other], notes.append)) == 3
    assert [(n.code, n.facts["files"]) for n in notes] == [
        ("foreign-file", ["SHA256SUMS", "docs.zip", "sub", "widget-1.0-linux.zip"]),
        ("foreign-file", ["README"]),
    ]
    assert "4 entries are not" in notes[0].message
    assert "README is not" in notes[1].message


def test_files_and_patterns(
    folder: Path, notes: list[Finding], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / f"{WHEEL}.publish.attestation").touch()
    monkeypatch.chdir(folder.parent)
    both = (Path("dist", WHEEL), Path("dist", SDIST))
    assert collect(["dist/*"], notes.append) == both
    assert collect(["**/*.whl", "dist/*.tar.gz"], notes.append) == both
    assert collect(["d*t"], notes.append) == both  # a pattern for folders
    assert collect([folder / "*.whl"], notes.append) == (folder / WHEEL,)
    # as a shell expands dist/*
    assert collect(sorted(str(p) for p in Path("dist").iterdir()), notes.append) == both
    assert notes == []


def test_a_pattern_passes_over_foreign_files(folder: Path, notes: list[Finding]) -> None:
    (folder / "SHA256SUMS").touch()
    assert len(collect([f"{folder}/*"], notes.append)) == 2
    assert [n.facts["files"] for n in notes] == [["SHA256SUMS"]]


def test_our_own_state_folder_is_not_foreign(folder: Path, notes: list[Finding]) -> None:
    (folder / ".publisher").mkdir()
    for paths in ([folder], [f"{folder}/*", f"{folder}/.p*"]):
        assert len(collect(list(paths), notes.append)) == 2
    assert notes == []


def test_a_file_with_a_pattern_in_its_name(tmp_path: Path, notes: list[Finding]) -> None:
    wheel = make_wheel(tmp_path / "a[b]")
    assert collect([wheel], notes.append) == (wheel,)
    assert collect([wheel.parent], notes.append) == (wheel,)


def test_a_file_named_twice_is_one(folder: Path, notes: list[Finding]) -> None:
    paths: list[Path | str] = [folder, folder / WHEEL, f"{folder}/../dist/*.whl"]
    assert collect(paths, notes.append) == (folder / WHEEL, folder / SDIST)


def test_equal_copies_are_one(folder: Path, notes: list[Finding]) -> None:
    copy = make_wheel(folder.parent / "copy")
    assert collect([folder, copy], notes.append) == (folder / WHEEL, folder / SDIST)


def test_two_files_of_one_name(folder: Path, notes: list[Finding]) -> None:
    make_wheel(folder.parent / "other", size=10)
    with pytest.raises(errors.DuplicateDist) as caught:
        collect([folder, folder.parent / "other"], notes.append)
    assert len(str(caught.value.facts["files"]).split(",")) == 2


@pytest.mark.parametrize("how", ["named", "folder", "pattern"])
@pytest.mark.parametrize("what", ["folder", "dangling", "fifo"])
def test_named_like_a_dist_but_no_file(
    folder: Path, notes: list[Finding], how: str, what: str
) -> None:
    path = folder / "widget-2.0-py3-none-any.whl"
    if what == "folder":
        path.mkdir()
    elif what == "dangling":
        path.symlink_to("nowhere")
    else:
        os.mkfifo(path)
    ways: dict[str, Path | str] = {"named": path, "folder": folder, "pattern": f"{folder}/*"}
    with pytest.raises(errors.NotDistribution, match=r"is a (folder|link)|is not a file"):
        collect([ways[how]], notes.append)


def test_a_named_file_that_is_no_dist(folder: Path, notes: list[Finding]) -> None:
    (folder / "README").touch()
    with pytest.raises(errors.NotDistribution, match="not named like"):
        collect([folder / "README"], notes.append)


def test_a_copy_that_cannot_be_compared_is_another_file(folder: Path) -> None:
    with pytest.raises(errors.DuplicateDist):
        dists._once([folder / WHEEL, folder / "vanished" / WHEEL])


@pytest.mark.parametrize("path", ["nowhere", "nowhere/*.whl"])
def test_nothing_matches(tmp_path: Path, notes: list[Finding], path: str) -> None:
    with pytest.raises(errors.PathNotFound, match="matches nothing"):
        collect([tmp_path / path], notes.append)


def test_nothing_to_publish(tmp_path: Path, notes: list[Finding]) -> None:
    (tmp_path / "README").touch()
    with pytest.raises(errors.NothingToPublish) as caught:
        collect([tmp_path], notes.append)
    assert caught.value.facts == {"looked_in": [str(tmp_path)], "ignored": ["README"]}
    with pytest.raises(errors.NothingToPublish):
        collect([], notes.append)


def test_old_sdists_and_eggs_are_not_passed_over(tmp_path: Path, notes: list[Finding]) -> None:
    for name in ("widget-1.0.zip", "widget-1.0-py3.11.egg"):
        (tmp_path / name).touch()
    assert len(collect([tmp_path], notes.append)) == 2


# sha256


def test_sha256(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"abc")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256(file) == (3, digest)
    file.write_bytes(b"")
    assert sha256(file)[0] == 0


def test_hashing_a_gigabyte_takes_no_memory(tmp_path: Path) -> None:
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(1 << 30)
    script = f"""
        import resource
        from pathlib import Path
        from publisher.publish.measure import sha256
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        before = peak()
        size, digest = sha256(Path({str(big)!r}))
        assert size == 1 << 30
        print(peak() - before)
    """
    code = [sys.executable, "-c", textwrap.dedent(script)]
    env = {**os.environ, "PYTHONPATH": str(Path(dists.__file__).parents[2])}
    done = subprocess.run(code, check=True, capture_output=True, text=True, env=env)
    assert int(done.stdout) < 8 * 1024  # KiB on Linux


# read, read_all


def test_read(folder: Path, notes: list[Finding]) -> None:
    wheel, sdist = read_all(collect([folder], notes.append), notes.append)
    assert notes == []
    assert (wheel.project, wheel.version, wheel.kind) == ("widget", "1.0", "wheel")
    assert (sdist.project, sdist.version, sdist.kind) == ("widget", "1.0", "sdist")
    assert (wheel.size, wheel.sha256) == sha256(folder / WHEEL)
    assert dict(form(wheel))["sha256_digest"] == wheel.sha256
    assert wheel == read(folder / WHEEL, notes.append)


def test_a_large_file(folder: Path, notes: list[Finding], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dists, "_LIMIT", 1)
    read_all(sorted(folder.iterdir()), notes.append)
    assert [(n.code, n.facts) for n in notes] == [
        ("larger-than-default-limit", {"files": [WHEEL, SDIST]})
    ]


def test_a_file_that_vanished(tmp_path: Path, notes: list[Finding]) -> None:
    with pytest.raises(errors.BrokenArchive, match="can't be read"):
        read(tmp_path / WHEEL, notes.append)


def test_all_problems_at_once(tmp_path: Path, notes: list[Finding]) -> None:
    (tmp_path / "a-1.0.zip").touch()
    (tmp_path / "b-1.0.tar.gz").touch()
    make_wheel(tmp_path, "c", extra_metadata="Summary: again")
    make_wheel(tmp_path, "d")
    with pytest.raises(errors.RefusedName) as caught:
        read_all(collect([tmp_path], notes.append), notes.append)
    also = caught.value.facts["also"]
    assert isinstance(also, list)
    assert [text.split(" ")[0] for text in also] == ["b-1.0.tar.gz", "the"]
    assert caught.value.facts["file"] == "a-1.0.zip"


def test_one_problem_has_no_others(folder: Path, notes: list[Finding]) -> None:
    (folder / SDIST).write_bytes(b"")
    with pytest.raises(errors.BrokenArchive) as caught:
        read_all(collect([folder], notes.append), notes.append)
    assert "also" not in caught.value.facts


def test_equal_remarks_are_one(tmp_path: Path, notes: list[Finding]) -> None:
    for tag in ("cp311-cp311-win32", "cp312-cp312-win32"):
        make_wheel(tmp_path, tag=tag, description="")
    read_all(sorted(tmp_path.iterdir()), notes.append)
    assert len(notes) == 1
    assert notes[0].facts == {
        "files": ["widget-1.0-cp311-cp311-win32.whl", "widget-1.0-cp312-cp312-win32.whl"]
    }


# check


def _dist(filename: str, project: str = "widget", version: str = "1.0") -> Dist:
    kind = "sdist" if filename.endswith(".tar.gz") else "wheel"
    return Dist(Path(filename), project, version, kind, 1, "00")  # type: ignore[arg-type]  # str


ONE = (_dist("widget-1.0.whl"), _dist(SDIST))
TWO = (*ONE, _dist("my_gadget-2.0.whl", "my-gadget", "2.0"))


def test_a_release_or_several() -> None:
    check((), tag=None)
    check(ONE, tag=None)
    check(TWO, tag=None)


def test_mixed_versions() -> None:
    with pytest.raises(errors.MixedVersions) as caught:
        check((*ONE, _dist("widget-1.1.whl", version="1.1")), tag=None)
    assert caught.value.facts["files"] == ["widget-1.0.whl", "widget-1.1.whl"]
    assert caught.value.hint.endswith("\n\n    publisher *-1.1-*.whl *-1.1.tar.gz")


def test_several_sdists() -> None:
    with pytest.raises(errors.SeveralSdists) as caught:
        check((*ONE, _dist("Widget-1.0.tar.gz")), tag=None)
    assert caught.value.facts["files"] == [SDIST, "Widget-1.0.tar.gz"]


@pytest.mark.parametrize(
    "tag",
    ["1.0", "v1.0", "V1", "1.0.0", "widget-1.0", "widget-v1.0", "Widget/1.0", "widget@1.0",
     "widget/v1.0.0", "release-1.0", "release/v1.0"],
)  # fmt: skip
def test_tags_that_fit(tag: str) -> None:
    check(ONE, tag=tag)


@pytest.mark.parametrize(
    "tag",
    ["1.1", "v1.0rc1", "1.0+local", "1.0.post1", "latest", "", "gadget-1.0", "widget", "widget-",
     "widgets-1.0", "widget_1.0", "nightly-1.0"],
)  # fmt: skip
def test_tags_that_do_not_fit(tag: str) -> None:
    with pytest.raises(errors.TagMismatch) as caught:
        check(ONE, tag=tag)
    assert caught.value.facts == {"tag": tag, "versions": {"widget": "1.0"}}


def test_tags_of_names_and_versions_with_separators() -> None:
    check([_dist("x", "my-gadget", "1.0rc1")], tag="my_gadget-1.0-rc1")
    check([_dist("x", "my-gadget", "1.0.post2")], tag="My.Gadget/v1.0-2")


def test_a_tag_for_several_projects() -> None:
    with pytest.raises(errors.TagMismatch) as caught:
        check(TWO, tag="v1.0")
    assert caught.value.facts["versions"] == {"my-gadget": "2.0"}
    with pytest.raises(errors.TagMismatch):
        check(TWO, tag="widget-1.0")
    check((*ONE, _dist("gadget-1.0.whl", "gadget")), tag="v1.0")
