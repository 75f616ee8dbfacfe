"""What a PATH means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from publisher.errors import NothingToPublish, PathNotFound
from publisher.publish.sources import BuildMode, Source, decide, declared, is_project
from support.archives import make_sdist, make_wheel

DIST = Path("dist")
STATED = '[project]\nname = "Widget"\nversion = "1.0"\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "pyproject.toml").write_text(STATED)
    return tmp_path / "project"


def one(path: Path, build: BuildMode = "auto", packages_dir: Path = DIST) -> Source:
    (source,) = decide([str(path)], packages_dir, build)
    return source


# A folder of distributions


@pytest.mark.parametrize("build", ["auto", "always", "never"])
def test_no_project_is_never_built(tmp_path: Path, build: BuildMode) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    why = f"nothing is built: {wheels} is no project"
    assert one(wheels, build) == Source(None, (str(wheels),), f"{wheels}: {why}")
    inside = wheels / "dist"
    inside.mkdir()
    assert one(wheels, build) == Source(None, (str(inside),), f"{inside}: {why}")


@pytest.mark.parametrize("build", ["auto", "never"])
def test_a_folder_of_dists_needs_no_word(tmp_path: Path, build: BuildMode) -> None:
    make_wheel(tmp_path)
    assert one(tmp_path, build) == Source(None, (str(tmp_path),), "")
    assert one(tmp_path, "always").why == f"{tmp_path}: nothing is built: {tmp_path} is no project"


def test_files_and_patterns_stay_as_they_are(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    for path in (str(wheel), f"{tmp_path}/*.whl"):
        assert one(Path(path)) == Source(None, (path,), "")


def test_a_pattern_that_matches_folders_stands_for_them(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "setup.py").touch()
    (tmp_path / "README.md").touch()
    sources = decide([f"{tmp_path}/*"], DIST, "auto")
    assert [source.project for source in sources] == [tmp_path / "a", None]


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PathNotFound, match="nothing is not there"):
        one(tmp_path / "nothing")


def test_a_folder_that_can_not_be_read(project: Path) -> None:
    (project / "pyproject.toml").unlink()
    (project / "pyproject.toml").mkdir()
    with pytest.raises(PathNotFound, match=r"pyproject\.toml can't be read"):
        one(project)


def test_a_slash_at_the_end_stays(tmp_path: Path) -> None:
    (source,) = decide([f"{tmp_path}/"], DIST, "auto")
    assert source.found == (f"{tmp_path}/",)


def test_several_paths_keep_their_order(tmp_path: Path, project: Path) -> None:
    wheel = make_wheel(tmp_path)
    sources = decide(iter([str(wheel), str(project)]), DIST, "auto")
    assert [source.project for source in sources] == [None, project]


# A project


def test_a_project_without_dists_is_built(project: Path) -> None:
    source = one(project)
    assert source == Source(project, (), f"{project}/dist holds no distribution of it yet")
    (project / "dist").mkdir()
    assert one(project) == source


@pytest.mark.parametrize("name", ["setup.py", "setup.cfg"])
def test_a_setup_file_makes_a_project(tmp_path: Path, name: str) -> None:
    assert not is_project(tmp_path)
    (tmp_path / name).touch()
    assert is_project(tmp_path)
    assert one(tmp_path).project == tmp_path
    wheel = make_wheel(tmp_path / "dist", "anything")
    assert one(tmp_path).found == (str(wheel),)


def test_settings_of_tools_make_no_project(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.ruff]\nline-length = 100\n")
    assert not is_project(project)


@pytest.mark.parametrize("make", [make_wheel, make_sdist])
def test_a_project_that_was_built(project: Path, make: Callable[..., Path]) -> None:
    path = make(project / "dist")
    why = f"{project}/dist holds {path.name} already, so nothing is built (--build always builds)"
    assert one(project) == Source(None, (str(path),), why)
    assert one(project, "never") == one(project)
    assert one(project, "always") == Source(project, (), "--build always")


def test_dists_of_other_projects_and_versions_are_left(project: Path) -> None:
    ours = [make_sdist(project / "dist"), make_wheel(project / "dist")]
    others = [make_wheel(project / "dist", "other"), make_wheel(project / "dist", version="0.9")]
    source = one(project)
    assert sorted(source.found) == sorted(map(str, ours))
    assert sorted(source.left) == sorted(path.name for path in others)


def test_never_needs_what_it_publishes(project: Path) -> None:
    make_wheel(project / "dist", version="0.9")
    with pytest.raises(NothingToPublish, match=r"nothing is to be built.*Widget 1\.0") as caught:
        one(project, "never")
    assert caught.value.facts["holds"] == ["widget-0.9-py3-none-any.whl"]


def test_another_packages_dir(project: Path, tmp_path: Path) -> None:
    wheel = make_wheel(project / "out")
    assert one(project, packages_dir=Path("out")).found == (str(wheel),)
    assert one(project).project == project
    wheel = make_wheel(tmp_path / "absolute")
    assert one(project, packages_dir=tmp_path / "absolute").found == (str(wheel),)


@pytest.mark.parametrize(
    ("text", "name", "version", "there"),
    [
        (STATED, "widget", "1.0", True),
        (STATED, "widget", "1.0.0", True),
        (STATED, "widget", "1.1", False),
        (STATED, "gadget", "1.0", False),
        ('[project]\nname = "My.Long_Name"\nversion = "v1.0"\n', "my-long-name", "1", True),
        ('[project]\nname = "widget"\ndynamic = ["version"]\n', "widget", "7.2", True),
        ('[project]\nname = "widget"\ndynamic = ["version"]\n', "gadget", "7.2", False),
        ('[project]\nname = "widget"\nversion = "not one"\n', "widget", "1.0", False),
        ("[build-system]\nrequires = []\n", "gadget", "3", True),
        ("not TOML", "gadget", "3", True),
    ],
)
def test_what_counts_as_built(
    project: Path, text: str, name: str, version: str, there: bool
) -> None:
    (project / "pyproject.toml").write_text(text)
    make_wheel(project / "dist", name, version)
    assert (one(project).project is None) is there


@pytest.mark.parametrize(
    "name", ["README.md", "widget.whl", "widget-x.tar.gz", "widget-1.0-py3.whl", "widget-1.0.txt"]
)
def test_other_files_are_no_dists(project: Path, name: str) -> None:
    (project / "dist").mkdir()
    (project / "dist" / name).touch()
    assert one(project).project == project


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (STATED, ("Widget", "1.0")),
        ('[project]\nname = "widget"\n', ("widget", None)),
        ("[project]\nname = 1\nversion = 1.0\n", (None, None)),
        ("", (None, None)),
        ("[project", (None, None)),
        ("project = 1", (None, None)),
        ('project = "widget"', (None, None)),
        ("[[project]]\nname = 'widget'", (None, None)),
    ],
)
def test_declared(project: Path, text: str, expected: tuple[str | None, str | None]) -> None:
    (project / "pyproject.toml").write_text(text)
    assert declared(project) == expected


def test_declared_without_a_readable_file(tmp_path: Path) -> None:
    assert declared(tmp_path) == (None, None)
    (tmp_path / "pyproject.toml").write_bytes(b"\xff\xfe")
    assert declared(tmp_path) == (None, None)
