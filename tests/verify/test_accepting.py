"""``pin --accept``: which index is asked, and what is written."""

from __future__ import annotations

import pytest

from publisher import cli
from support.reading import Reader, job

REASON = ("--reason", "their blog")


def run(reader: Reader, *argv: str) -> tuple[int, str]:
    """Run a command without ``--index``; what it said, in one line."""
    trust = ["--trust-config", str(reader.folder / "trust.json")]
    reader.capsys.readouterr()
    code = cli.run([argv[0], *trust, *argv[1:]], reader.env)
    said = reader.capsys.readouterr()
    return code, " ".join((said.out + said.err).split())


def accept(reader: Reader, release: str, *more: str) -> tuple[int, str]:
    return run(reader, "pin", *more, "--accept", release, *REASON)


def lock(reader: Reader, name: str, project: str, source: str) -> str:
    """A uv.lock of one package."""
    path = reader.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        f'version = 1\n\n[[package]]\nname = "{project}"\nversion = "1.0"\nsource = {source}\n'
    )
    return name


def asked(reader: Reader) -> int:
    """How many requests the index has seen."""
    return sum(one["service"] == "pypi" for one in reader.sandbox.log())


def registry(reader: Reader) -> str:
    return f'{{ registry = "{reader.sandbox.index}/simple/" }}'


@pytest.fixture
def moved(reader: Reader, project_name: str) -> Reader:
    """A project that is pinned, and then published by another repository."""
    reader.publish(project_name, "1.0")
    lock(reader, "uv.lock", project_name, registry(reader))
    assert run(reader, "pin")[0] == 0
    reader.publish(project_name, "2.0", job("evil/widget", repository_id="9"), links={})
    return reader


def test_the_lock_in_this_folder_names_the_index(moved: Reader, project_name: str) -> None:
    (moved.folder / "requirements.txt").write_text("something>=1\n")  # is not reached
    code, out = accept(moved, f"{project_name}==2.0")
    assert code == 0, out
    assert f"{project_name} accepted 2.0 at=" in moved.remembered()


def test_a_lock_that_is_named_beats_the_one_in_this_folder(
    moved: Reader, project_name: str
) -> None:
    lock(moved, "uv.lock", project_name, '{ registry = "http://index.example/simple/" }')
    other = lock(moved, "sub/uv.lock", project_name, registry(moved))
    before = moved.remembered()
    code, out = accept(moved, f"{project_name}==2.0")
    assert code == 2
    assert "its index has no https URL" in out
    assert moved.remembered() == before
    assert accept(moved, f"{project_name}==2.0", other)[0] == 0
    assert f"{project_name} accepted 2.0 at=" in moved.remembered()


def test_a_release_that_the_index_lacks_is_told_with_the_index(
    moved: Reader, project_name: str
) -> None:
    code, out = accept(moved, f"{project_name}==3.0")
    assert code == 2
    assert f"{moved.sandbox.index}/simple/{project_name}/" in out


@pytest.mark.parametrize(
    ("source", "why"),
    [('{ virtual = "." }', "from elsewhere: virtual"), ("", "private: no index is asked")],
)
def test_what_no_index_may_hear_is_not_accepted(reader: Reader, source: str, why: str) -> None:
    more = ["--private", "corp-*"]
    lock(reader, "uv.lock", "corp-app", source or registry(reader))
    before = asked(reader)
    code, out = accept(reader, "corp-app==1.0", *(() if source else more))
    assert (code, asked(reader)) == (2, before)
    assert f"corp-app==1.0 can't be accepted: {why}" in out


def test_what_is_as_remembered_is_not_accepted_again(reader: Reader, project_name: str) -> None:
    reader.publish(project_name, "1.0")
    assert reader.run("pin", project_name)[0] == 0
    before = reader.remembered()
    code, out = reader.run("pin", "--accept", f"{project_name}==1.0", *REASON)
    assert code == 0
    assert f"{project_name}: nothing to accept: it is as remembered" in out
    assert reader.remembered() == before


def test_giving_attestations_up_is_said_aloud(reader: Reader, project_name: str) -> None:
    reader.publish(project_name, "1.0")
    assert reader.run("pin", project_name)[0] == 0
    reader.publish(project_name, "1.1", attested=False)
    argv = ("--quiet", "--accept", f"{project_name}==1.1", *REASON)
    code, out = reader.run("pin", *argv)
    assert code == 0
    given_up = f"GIVEN UP: {project_name} 1.1 has no attestations, and that it had some is given up"
    assert given_up in out
    assert "github octo-org/widget release.yml, 1 release since 1.0" in out
    before = reader.remembered()
    assert "GIVEN UP" not in reader.run("pin", *argv)[1]
    assert reader.remembered() == before
