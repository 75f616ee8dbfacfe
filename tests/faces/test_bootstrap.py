"""requirements/bootstrap.sh on machines of many kinds, as far as one machine can play them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from packaging.utils import parse_wheel_filename

import publisher
from support.faces import ROOT
from support.mirror import Mirror, mirror_of
from support.web import HANG, Say, say_html, serving

SCRIPT = ROOT / "requirements" / "bootstrap.sh"
VERSION = f"publisher {publisher.__version__}\n"
NO_PYTHON = "publisher runs on CPython 3.11 to 3.14 (64 bit, with the GIL), and this job has none"
SHELLS = [name for name in ("bash", "dash", "busybox") if shutil.which(name)]
OTHERS = [pytest.param(shell, marks=pytest.mark.slow) for shell in SHELLS[1:]]
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


def bare(folder: Path) -> Path:
    """A folder for PATH with the few commands that every machine has, but no Python."""
    (folder / "bin").mkdir()
    for name in ("bash", "cat", "dirname", "env", "mktemp", "rm", "sed", "tail", "tr"):
        found = shutil.which(name)
        assert found
        (folder / "bin" / name).symlink_to(found)
    return folder / "bin"


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
    assert {path.name for path in folder.iterdir()} == {"venv", "log.txt"}


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
def test_only_the_program_sees_secrets(
    bootstrap: Bootstrap, mirror: Mirror, tmp_path: Path
) -> None:
    """The machine's Python has a file that runs whenever it starts."""
    venv.create(tmp_path / "python", with_pip=True)
    (packages,) = (tmp_path / "python").glob("lib/*/site-packages")
    seen = tmp_path / "seen"
    spy = f"import os; open({str(seen)!r}, 'a').write(' '.join(os.environ) + chr(10))"
    (packages / "spy.pth").write_text(spy)
    secrets = {
        *("PUBLISHER_PASSWORD", "PUBLISHER_DRY_RUN", "PYPI_ID_TOKEN", "CI_JOB_TOKEN"),
        *("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL", "CI_REPOSITORY_URL"),
        *("CI_JOB_JWT_V2", "CI_REGISTRY_PASSWORD", "AWS_SECRET_ACCESS_KEY"),
    }
    env = {**dict.fromkeys(secrets, "hush"), "PIP_INDEX_URL": mirror.url}
    path = os.pathsep.join([str(tmp_path / "python" / "bin"), "/usr/bin", "/bin"])
    done = bootstrap("publish", PATH=path, **env)
    starts = [set(line.split()) for line in seen.read_text().splitlines()]
    assert starts
    assert all("PIP_INDEX_URL" in names and not names & secrets for names in starts)
    assert done.returncode == 2
    assert "PUBLISHER_DRY_RUN" in done.stderr, "the program complains of its value"


@pytest.mark.online
@pytest.mark.parametrize("shell", [SHELLS[0], *OTHERS])
@pytest.mark.parametrize(
    ("waiting", "number"),
    [
        *(("fetching uv", signal.SIGINT), ("fetching uv", signal.SIGTERM)),
        *(("uv", signal.SIGTERM), ("pip", signal.SIGINT)),
    ],
)
def test_a_signal_ends_the_installation(
    waiting: str, number: signal.Signals, shell: str, machine: dict[str, str], wheelhouse: Path
) -> None:
    """Only the shell is told, while what it runs waits for an index that says nothing."""
    with serving() as web:
        for wheel in wheelhouse.iterdir():
            web.on(f"/{parse_wheel_filename(wheel.name)[0]}/", HANG)
        (uv,) = wheelhouse.glob("uv-*")
        web.on(f"/{uv.name}", Say(body=uv.read_bytes()))
        if waiting != "fetching uv":
            web.on("/uv/", say_html(f'<a href="/{uv.name}">x</a>', 200 if waiting == "uv" else 404))
        with subprocess.Popen(
            [*([shell, "sh"] if shell == "busybox" else [shell]), str(SCRIPT), "--version"],
            env={**machine, "PIP_INDEX_URL": web.url},
            stdout=subprocess.PIPE,
            start_new_session=True,
        ) as run:
            deadline = time.monotonic() + 120
            while not [p for p in web.paths() if waiting == "fetching uv" or "/uv" not in p]:
                assert time.monotonic() < deadline, web.paths()
                time.sleep(0.05)
            run.send_signal(number)
            assert run.wait(30) == 128 + number
            assert run.stdout is not None
            assert run.stdout.read() == b""
        with pytest.raises(ProcessLookupError):
            os.killpg(run.pid, 0)
    assert list(Path(machine["RUNNER_TEMP"]).iterdir()) == []


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
    done = bootstrap(PATH=str(bare(tmp_path)), **env)
    assert done.returncode == 2
    assert f"error: {NO_PYTHON}\n" in done.stderr
    assert "  found: no Python at all\n" in done.stderr
    assert says in done.stderr
    assert "##[" not in done.stderr
    assert list((tmp_path / "temp").iterdir()) == []


@pytest.mark.parametrize(
    "difference",
    [
        "sys.maxsize = 2**31 - 1",
        "sysconfig.get_config_vars()['Py_GIL_DISABLED'] = 1",
        "sysconfig.get_platform = lambda: 'win-arm64'",
        "sys.version_info = (3, 10, 0)",
        "sys.version_info = (3, 15, 0)",
        "sys.implementation.name = 'pypy'",
        "",
    ],
)
def test_a_python_that_has_no_wheels(difference: str, bootstrap: Bootstrap, tmp_path: Path) -> None:
    """This Python, but for one thing; pip has no index."""
    other = bare(tmp_path) / "python3"
    start = f"import sys, sysconfig\n{difference}\nexec(sys.argv[1])"
    other.write_text(
        f"#!/bin/sh\nwhile [ $1 != -c ] && [ $1 != -VV ]; do shift; done\n"
        f'if [ $1 = -VV ]; then echo a Python; else exec {sys.executable} -Ic "{start}" "$2"; fi\n'
    )
    other.chmod(0o755)
    done = bootstrap(PATH=str(other.parent), PIP_INDEX_URL="http://127.0.0.1:9/", PIP_RETRIES="0")
    assert done.returncode == 2
    assert (f"error: {NO_PYTHON}\n  found: a Python\n" in done.stderr) == bool(difference)


def test_no_place_for_temporary_files(bootstrap: Bootstrap, tmp_path: Path) -> None:
    done = bootstrap(RUNNER_TEMP=str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert "error: no folder for temporary files can be made in " in done.stderr
