"""Real builds with in-tree backends, so without any network."""

from __future__ import annotations

import importlib.machinery
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from publisher import errors
from publisher.models import Finding
from publisher.publish import build as module
from publisher.publish.build import build
from publisher.publish.cleaning import clean_environment
from publisher.publish.dists import read_all

ROOT = Path(module.__file__).parents[2]

PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "widget"
version = "1.0"
"""

BACKEND = """\
import io, json, os, sys, tarfile, zipfile

META = "Metadata-Version: 2.1\\nName: widget\\nVersion: 1.0\\n"

def see(what):
    with open(os.environ["SEEN"] + what, "w") as file:
        json.dump({"env": dict(os.environ), "cwd": os.getcwd(), "path": sys.path}, file)

def build_sdist(folder, settings=None):
    see("sdist")
    print("making the sdist")
    with tarfile.open(os.path.join(folder, "widget-1.0.tar.gz"), "w:gz") as tar:
        tar.add("pyproject.toml", "widget-1.0/pyproject.toml")
        tar.add("backend.py", "widget-1.0/backend.py")
        info = tarfile.TarInfo("widget-1.0/PKG-INFO")
        info.size = len(META)
        tar.addfile(info, io.BytesIO(META.encode()))
    return "widget-1.0.tar.gz"

def build_wheel(folder, settings=None, metadata=None):
    see("wheel")
    print("making the wheel")
    name = "widget-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as file:
        for member, text in ("METADATA", META), ("RECORD", ""), ("WHEEL", "Wheel-Version: 1.0"):
            file.writestr("widget-1.0.dist-info/" + member, text)
    return name
"""

Project = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    def make(backend: str = BACKEND) -> Path:
        folder = tmp_path / "widget"
        folder.mkdir()
        (folder / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
        (folder / "backend.py").write_text(backend, encoding="utf-8")
        return folder

    return make


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    kept = ("PATH", "HOME", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG", "TMPDIR")
    return {k: os.environ[k] for k in kept if k in os.environ} | {"SEEN": str(tmp_path / "seen-")}


def _seen(env: dict[str, str], what: str) -> dict[str, str]:
    seen: dict[str, str] = json.loads(Path(env["SEEN"] + what).read_text(encoding="utf-8"))["env"]
    return seen


def test_sdist_then_wheel_from_it(project: Project, tmp_path: Path, env: dict[str, str]) -> None:
    source, into, lines = project(), tmp_path / "out" / "dist", list[str]()
    into.mkdir(parents=True)
    (into / "widget-1.0.tar.gz").write_text("an older file", encoding="utf-8")
    built = build(source, into, env=env, on_line=lines.append)

    names = ["widget-1.0.tar.gz", "widget-1.0-py3-none-any.whl"]
    assert built == tuple(into / name for name in names)
    assert sorted(p.name for p in into.iterdir()) == sorted(names)
    assert {dist.kind for dist in read_all(built, lambda _: None)} == {"sdist", "wheel"}
    assert lines.index("making the sdist") < lines.index("making the wheel")
    where = [
        json.loads(Path(env["SEEN"] + what).read_text(encoding="utf-8"))["cwd"]
        for what in ("sdist", "wheel")
    ]
    assert where[0] == str(source)
    assert where[1] != str(source)  # the wheel comes from the unpacked sdist


def test_the_backend_sees_no_secret(project: Project, tmp_path: Path, env: dict[str, str]) -> None:
    secrets = {
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "s1",
        "ACTIONS_ID_TOKEN_REQUEST_URL": "https://s2.example",
        "PYPI_ID_TOKEN": "s3",
        "CI_REPOSITORY_URL": "https://ci:s4@git.example.org/o/r",
        "GITHUB_ENV": "/s5",
        "PUBLISHER_REPOSITORY": "s6",
    }
    fine = {"CFLAGS": "-O2", "SETUPTOOLS_SCM_PRETEND_VERSION": "1.0", "KEYBOARD": "de"}
    build(project(), tmp_path / "dist", env=env | secrets | fine, on_line=lambda _: None)
    for what in ("sdist", "wheel"):
        seen = _seen(env, what)
        assert not secrets.keys() & seen.keys()
        assert not [v for v in seen.values() if re.search(r"\bs[1-6]\b", v)]
        assert fine.items() <= seen.items()


def test_source_date_epoch(project: Project, tmp_path: Path, env: dict[str, str]) -> None:
    source = project()

    def epoch(**more: str) -> str | None:
        build(source, tmp_path / "dist", env=env | more, on_line=lambda _: None)
        return _seen(env, "wheel").get("SOURCE_DATE_EPOCH")

    assert epoch() is None  # no repository
    user = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "init", "-q"], cwd=source, check=True)
    subprocess.run(
        ["git", *user, "commit", "-q", "--allow-empty", "-m", "one"],
        cwd=source,
        check=True,
        env=env | {"GIT_COMMITTER_DATE": "1700000000 +0000"},
    )
    assert epoch() == "1700000000"
    assert epoch(SOURCE_DATE_EPOCH="") == "1700000000"
    assert epoch(SOURCE_DATE_EPOCH="1600000000") == "1600000000"


def test_a_project_with_a_folder_and_a_file_called_build(
    project: Project, tmp_path: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = project()
    (source / "build").mkdir()
    for trap in (source / "build" / "__init__.py", source / "build" / "__main__.py"):
        trap.write_text("raise SystemExit('trapped')", encoding="utf-8")
    (source / "uv").mkdir()
    monkeypatch.chdir(source)
    built = build(Path(), Path("dist"), env=env, on_line=lambda _: None)
    assert [p.exists() for p in built] == [True, True]


@pytest.mark.parametrize("isolated", [True, False])
def test_run_isolated_we_build_isolated(
    project: Project, tmp_path: Path, env: dict[str, str], isolated: bool
) -> None:
    """With -I, PYTHONPATH is nobody's way in; without, it is where ``build`` may live."""
    trap = tmp_path / "trap"
    trap.mkdir()
    (trap / "build.py").write_text("raise SystemExit('trapped')", encoding="utf-8")
    script = f"""
        import os, sys
        from pathlib import Path
        sys.path.insert(0, {str(ROOT)!r})
        from publisher.publish.build import build
        source, into = {str(project())!r}, {str(tmp_path / "dist")!r}
        build(Path(source), Path(into), env=os.environ, on_line=print)
    """
    done = subprocess.run(
        [sys.executable, *(["-I"] if isolated else []), "-c", textwrap.dedent(script)],
        env=env | {"PYTHONPATH": str(trap)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == isolated, done.stderr
    if isolated:
        assert not _seen(env, "wheel").get("PYTHONPATH")


@pytest.mark.parametrize("uv", [True, False])
def test_installer(uv: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only uv of our own environment: the one in PATH is anybody's."""
    found = importlib.machinery.ModuleSpec("uv", None, origin="/site-packages/uv") if uv else None
    monkeypatch.setattr("importlib.util.find_spec", lambda _: found)
    assert ("uv" if uv else "pip") in module._command(tmp_path, tmp_path)


def test_a_failing_backend(project: Project, tmp_path: Path, env: dict[str, str]) -> None:
    backend = """
def build_sdist(folder, settings=None):
    print("https://me:hunter2@index.example/simple")
    for number in range(100):
        print("line", number)
    raise RuntimeError("no widget today")
"""
    lines = list[str]()
    with pytest.raises(errors.BuildFailed) as caught:
        build(project(backend), tmp_path / "dist", env=env, on_line=lines.append)
    output = caught.value.facts["output"]
    assert isinstance(output, list)
    assert len(output) <= 30
    assert any("no widget today" in line for line in output)
    assert caught.value.facts["exit_code"] == 1
    assert caught.value.hint
    assert "line 99" in lines
    assert "https://***@index.example/simple" in lines
    assert not (tmp_path / "dist").exists()


def test_nothing_of_a_half_build_is_left(
    project: Project, tmp_path: Path, env: dict[str, str]
) -> None:
    backend = BACKEND.replace('see("wheel")', "raise SystemExit(3)")
    with pytest.raises(errors.BuildFailed):
        build(project(backend), tmp_path / "dist", env=env, on_line=lambda _: None)
    assert not (tmp_path / "dist").exists()


def test_a_backend_that_makes_something_else(
    project: Project, tmp_path: Path, env: dict[str, str]
) -> None:
    backend = BACKEND.replace('see("wheel")', "open(os.path.join(folder, 'x.log'), 'w').close()")
    with pytest.raises(errors.BuildFailed, match="one sdist and one wheel") as caught:
        build(project(backend), tmp_path / "dist", env=env, on_line=lambda _: None)
    assert "x.log" in str(caught.value.facts["made"])


def test_no_project(tmp_path: Path) -> None:
    with pytest.raises(errors.NothingToPublish, match="is not a project"):
        build(tmp_path, tmp_path / "dist", env={}, on_line=lambda _: None)


def test_where_we_may_not_write(project: Project, tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "dist").write_text("a file", encoding="utf-8")
    with pytest.raises(errors.CannotWrite):
        build(project(), tmp_path / "dist", env=env, on_line=lambda _: None)


def test_nothing_replaced_when_one_cannot_be_copied(
    project: Project, tmp_path: Path, env: dict[str, str]
) -> None:
    into = tmp_path / "dist"
    (into / ".widget-1.0.tar.gz.part").mkdir(parents=True)
    with pytest.raises(errors.CannotWrite):
        build(project(), into, env=env, on_line=lambda _: None)
    assert [p.name for p in into.iterdir()] == [".widget-1.0.tar.gz.part"]


STAY = """
import os, subprocess, sys
{session}
with open(os.environ["SEEN"] + "pid", "w") as file:
    file.write(str(child.pid))
"""


def _gone(pid: int) -> bool:
    """Whether a process has ended (a zombie waiting for its parent has)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return True
    return text.rpartition(")")[2].split()[0] == "Z"


def _child(env: dict[str, str]) -> int:
    return int(Path(env["SEEN"] + "pid").read_text(encoding="utf-8"))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_daemon_left_behind_does_not_hold_us(
    project: Project, tmp_path: Path, env: dict[str, str], elsewhere: bool
) -> None:
    """One in our group is ended; one in its own session holds the pipe, and we go on."""
    start = f"child = subprocess.Popen(['sleep', '600'], start_new_session={elsewhere})"
    backend = BACKEND.replace('see("wheel")', "exec(STAY)")
    backend += f"\nSTAY = {STAY.format(session=start)!r}\n"
    built = build(project(backend), tmp_path / "dist", env=env, on_line=lambda _: None)
    assert len(built) == 2
    if elsewhere:
        os.kill(_child(env), signal.SIGKILL)
    while not _gone(_child(env)):
        pass


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_interrupted(project: Project, tmp_path: Path, env: dict[str, str]) -> None:
    start = "child = subprocess.Popen(['sleep', '600'])"
    backend = BACKEND.replace('see("sdist")', "exec(STAY); print('now', flush=True); child.wait()")
    backend += f"\nSTAY = {STAY.format(session=start)!r}\n"

    def interrupt(line: str) -> None:
        if line == "now":
            raise KeyboardInterrupt

    (tmp_path / "temp").mkdir()
    env |= {"TMPDIR": str(tmp_path / "temp")}
    with pytest.raises(KeyboardInterrupt):
        build(project(backend), tmp_path / "dist", env=env, on_line=interrupt)
    while not _gone(_child(env)):
        pass
    assert not (tmp_path / "dist").exists()
    assert list((tmp_path / "temp").iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="POSIX")
def test_a_child_that_ignores_ctrl_c_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GRACE", 0.2)
    ignore = "import signal, time; signal.signal(2, signal.SIG_IGN); print('ready', flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", ignore + "; time.sleep(600)"],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        module._stop(process)
        assert process.returncode == -signal.SIGKILL


DROPPED = """
ACTIONS_ID_TOKEN_REQUEST_TOKEN ACTIONS_ID_TOKEN_REQUEST_URL ACTIONS_RUNTIME_TOKEN
ACTIONS_CACHE_URL actions_results_url PUBLISHER_STATE TWINE_USERNAME TWINE_PASSWORD
UV_PUBLISH_TOKEN UV_PUBLISH_URL GITHUB_TOKEN GH_TOKEN GH_PAT GITHUB_ENV GITHUB_PATH
GITHUB_OUTPUT GITHUB_STATE GITHUB_STEP_SUMMARY PYPI_ID_TOKEN PYPI_ID_TOKEN_2 CI_JOB_TOKEN
CI_JOB_JWT CI_JOB_JWT_V2 CI_BUILD_TOKEN CI_REGISTRY_PASSWORD CI_DEPLOY_PASSWORD
AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_WEB_IDENTITY_TOKEN_FILE
SSH_AUTH_SOCK SSH_PRIVATE_KEY GOOGLE_APPLICATION_CREDENTIALS AZURE_CLIENT_SECRET
IDENTITY_HEADER CIRCLE_OIDC_TOKEN_V2 BUILDKITE_AGENT_ACCESS_TOKEN DOCKER_AUTH_CONFIG
NPM_APIKEY SIGNING_KEY DB_PASS GPG_PASSPHRASE MYCREDENTIALS PGPASSWORD INPUT_MY-TOKEN
MY_CREDS NPM_TOKEN2 AWS_SECRETKEY SSHPASS
UV_INDEX_CORP_PASSWORD HATCH_INDEX_AUTH POETRY_PYPI_TOKEN_PYPI UV_GITHUB_TOKEN github_token
GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 GIT_CONFIG_VALUE_0 GIT_CONFIG_PARAMETERS
"""


@pytest.mark.parametrize("name", DROPPED.split())
def test_dropped(name: str) -> None:
    assert clean_environment({name: "x"}) == {}


KEPT = """
PATH HOME LANG LC_ALL PWD OLDPWD USER TMPDIR TERM CC CXX CFLAGS LDFLAGS MAKEFLAGS
SETUPTOOLS_SCM_PRETEND_VERSION SETUPTOOLS_SCM_PRETEND_VERSION_FOR_TOKEN_BUCKET
PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_CERT PIP_CLIENT_CERT PIP_FIND_LINKS PIP_NO_INDEX
UV_INDEX UV_INDEX_URL UV_INDEX_CORP_USERNAME UV_DEFAULT_INDEX
UV_EXTRA_INDEX_URL UV_FIND_LINKS UV_CACHE_DIR SSL_CERT_FILE REQUESTS_CA_BUNDLE HTTPS_PROXY
no_proxy SOURCE_DATE_EPOCH KEYBOARD XKB_DEFAULT_KEYBOARD TOKENIZERS_PARALLELISM
SECRETARY_MODE COMPASS BYPASSED MONKEY AUTHOR GIT_AUTHOR_NAME XAUTHORITY PATCH PRIVATEERS
CARGO_HOME RUSTFLAGS MACOSX_DEPLOYMENT_TARGET CIBW_BUILD GITHUB_SHA GITHUB_WORKSPACE CI
GIT_CONFIG_GLOBAL GITLAB_CI VIRTUAL_ENV CONDA_PREFIX SYSTEMROOT ProgramFiles(x86)
"""


@pytest.mark.parametrize("name", KEPT.split())
def test_kept(name: str) -> None:
    assert clean_environment({name: "x"}) == {name: "x"}


def test_values_with_a_user_in_a_url() -> None:
    url = "https://me:secret@host.example/path"
    kept = {"PIP_INDEX_URL": url, "UV_INDEX": url, "https_proxy": url, "ALL_PROXY": url}
    mail = {"EMAIL": "me@example.org", "GITHUB_SERVER_URL": "https://git.example/@me"}
    assert clean_environment(kept | mail | {"DATABASE_URL": url, "X": f"a {url}"}) == kept | mail


def test_a_wheel_for_this_very_linux_is_left_out(
    project: Project, tmp_path: Path, env: dict[str, str]
) -> None:
    notes: list[Finding] = []
    backend = BACKEND.replace("py3-none-any", "cp311-cp311-linux_x86_64")
    into = tmp_path / "dist"
    built = build(project(backend), into, env=env, on_line=lambda _: None, note=notes.append)
    assert [path.name for path in built] == ["widget-1.0.tar.gz"]
    assert sorted(into.iterdir()) == sorted(built)
    assert [note.code for note in notes] == ["wheel-not-portable"]
    assert "linux_x86_64" in notes[0].message


def test_a_wheel_with_an_unreadable_name_is_for_the_next_step(
    project: Project, tmp_path: Path, env: dict[str, str]
) -> None:
    backend = BACKEND.replace("-py3-none-any", "-none-any")
    built = build(project(backend), tmp_path / "dist", env=env, on_line=lambda _: None)
    assert sorted(path.name for path in built) == ["widget-1.0-none-any.whl", "widget-1.0.tar.gz"]
