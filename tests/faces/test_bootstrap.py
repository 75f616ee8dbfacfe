"""requirements/bootstrap.sh on machines of many kinds, as far as one machine can play them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import publisher
from support.faces import ROOT
from support.mirror import Mirror, mirror_of
from support.web import serving

SCRIPT = ROOT / "requirements" / "bootstrap.sh"
VERSION = f"publisher {publisher.__version__}\n"
SHELLS = [name for name in ("bash", "dash", "busybox") if shutil.which(name)]
Done = subprocess.CompletedProcess[str]
Bootstrap = Callable[..., Done]


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """The environment of a job: its temporary folder, and a home that has nothing."""
    for name in ("temp", "home", "work space"):
        (tmp_path / name).mkdir()
    path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"])
    temporary = str(tmp_path / "temp")
    return {"PATH": path, "HOME": str(tmp_path / "home"), "RUNNER_TEMP": temporary}


@pytest.fixture
def bootstrap(machine: dict[str, str], tmp_path: Path) -> Bootstrap:
    """Run the script in a workspace whose path has a space."""

    def run(*arguments: str, script: Path = SCRIPT, shell: str = "bash", **env: str) -> Done:
        interpreter = ["busybox", "sh"] if shell == "busybox" else [shell]
        return subprocess.run(
            [*interpreter, str(script), *(arguments or ["--version"])],
            env={**machine, **env},
            cwd=tmp_path / "work space",
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def log(machine: Mapping[str, str]) -> str:
    """What pip and uv said."""
    (folder,) = Path(machine["RUNNER_TEMP"]).glob("publisher.*")
    return (folder / "log.txt").read_text("utf-8")


def copy(into: Path) -> Path:
    """Another checkout, which a test may change; its script."""
    shutil.copytree(ROOT / "requirements", into / "requirements")
    shutil.copytree(ROOT / "src", into / "src")
    return into / "requirements" / "bootstrap.sh"


# What works


@pytest.mark.online
@pytest.mark.parametrize("shell", SHELLS)
def test_by_uv(shell: str, bootstrap: Bootstrap, machine: dict[str, str], mirror: Mirror) -> None:
    done = bootstrap(shell=shell, PIP_INDEX_URL=mirror.url)
    assert (done.returncode, done.stdout, done.stderr) == (0, VERSION, "")
    assert "Prepared " in log(machine)


@pytest.mark.online
def test_by_pip_where_uv_can_not_be_had(
    bootstrap: Bootstrap, machine: dict[str, str], wheelhouse: Path, tmp_path: Path
) -> None:
    without = tmp_path / "without"
    shutil.copytree(wheelhouse, without, ignore=shutil.ignore_patterns("uv-*"))
    with mirror_of(without, tmp_path / "mirror") as mirror:
        done = bootstrap(PIP_INDEX_URL=mirror.url)
    assert (done.returncode, done.stdout, done.stderr) == (0, VERSION, "")
    assert "No matching distribution found for uv" in log(machine)


@pytest.mark.online
@pytest.mark.parametrize("variable", ["PIP_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX"])
def test_by_a_mirror_that_one_of_the_tools_knows(
    variable: str, bootstrap: Bootstrap, mirror: Mirror
) -> None:
    mirror.asked.clear()
    url = f"own={mirror.url}" if variable == "UV_DEFAULT_INDEX" else mirror.url
    done = bootstrap(**{variable: url})
    assert (done.returncode, done.stdout) == (0, VERSION)
    assert {"uv", "sigstore", "twine"} <= set(mirror.asked)


@pytest.mark.online
def test_nothing_is_left_outside_the_jobs_temporary_folder(
    bootstrap: Bootstrap, mirror: Mirror, tmp_path: Path
) -> None:
    script = copy(tmp_path / "check out")
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    assert bootstrap(script=script, PIP_INDEX_URL=mirror.url).stdout == VERSION
    private = str(tmp_path / "temp" / "publisher.")
    after = [str(path) for path in tmp_path.rglob("*") if not str(path).startswith(private)]
    assert sorted(after) == before
    (folder,) = (tmp_path / "temp").iterdir()
    assert folder.stat().st_mode & 0o077 == 0


@pytest.mark.online
def test_what_lies_around_is_not_imported(
    bootstrap: Bootstrap, mirror: Mirror, tmp_path: Path
) -> None:
    for name in ("json", "os", "pip", "publisher", "site", "sitecustomize", "uv", "venv"):
        (tmp_path / "work space" / f"{name}.py").write_text("raise SystemExit('hijacked')")
    here = str(tmp_path / "work space")
    done = bootstrap(
        PIP_INDEX_URL=mirror.url, PYTHONPATH=here, PYTHONHOME=here, CDPATH=here, PWD=here
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, VERSION, "")


@pytest.mark.online
def test_a_signal_reaches_the_program(
    machine: dict[str, str], mirror: Mirror, tmp_path: Path
) -> None:
    """The shell is replaced by the program: a cancelled job ends a sandbox as Ctrl-C does."""
    with subprocess.Popen(
        ["bash", "-c", f'exec bash "{SCRIPT}" sandbox'],
        env={**machine, "PIP_INDEX_URL": mirror.url},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline().startswith("sandbox: http://127.0.0.1:")
        run.send_signal(signal.SIGINT)
        assert run.wait(30) == 0


# What is refused, and how it is said


@pytest.mark.online
def test_other_bytes_are_refused(bootstrap: Bootstrap, wheelhouse: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(wheelhouse, other)
    (wheel,) = other.glob("twine-*")
    wheel.write_bytes(wheel.read_bytes() + b"\0")
    with mirror_of(other, tmp_path / "mirror") as mirror:
        done = bootstrap(PIP_INDEX_URL=mirror.url)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: the packages that publisher needs could not be installed")
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in done.stderr
    assert "twine" in done.stderr


def test_no_index(bootstrap: Bootstrap) -> None:
    with serving() as web:
        index = {"PIP_INDEX_URL": f"{web.url}/simple", "PIP_RETRIES": "0", "UV_HTTP_RETRIES": "0"}
        done = bootstrap(**index, GITHUB_ACTIONS="true")
        assert web.paths()
    message = "the packages that publisher needs could not be installed"
    assert done.returncode == 2
    both = f"::error title=publisher::{message}\nerror: {message}\n  with: "
    assert done.stderr.startswith(both)
    assert "set PIP_INDEX_URL (and PIP_CERT) for this step" in done.stderr


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"GITHUB_ACTIONS": "true"}, "      - uses: actions/setup-python@v6\n"),
        ({}, "Give the job an image that has one, such as python:3.13."),
    ],
)
def test_no_python(env: dict[str, str], says: str, bootstrap: Bootstrap, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("bash", "cat", "dirname", "env", "mktemp", "rm", "sed", "tail"):
        found = shutil.which(name)
        assert found
        (tmp_path / "bin" / name).symlink_to(found)
    done = bootstrap(PATH=str(tmp_path / "bin"), **env)
    assert done.returncode == 2
    assert "error: publisher runs on CPython 3.11 to 3.14, and this job has none\n" in done.stderr
    assert "  found: no Python at all\n" in done.stderr
    assert says in done.stderr
    assert "##[" not in done.stderr


def test_no_place_for_temporary_files(bootstrap: Bootstrap, tmp_path: Path) -> None:
    done = bootstrap(RUNNER_TEMP=str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert "error: no folder for temporary files can be made in " in done.stderr
