"""Hostile backends: each attack works on a build that is not isolated, and on no other."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

from publisher import errors
from publisher.publish.build import build, obstacle
from publisher.publish.dists import read_all
from support.projects import make_hostile_project, make_project

ROOT = Path(build.__code__.co_filename).parents[2]
SECRET = "planted-0123456789"
SCRIPT = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from publisher.publish.build import build
source, into, *flags = sys.argv[1:]
build(Path(source), Path(into), env=os.environ, on_line=print, **dict.fromkeys(flags, True))
"""
Attack = Callable[..., Any]


@pytest.fixture(scope="module")
def namespaces() -> None:
    """Skip where builds can't be isolated."""
    if why := obstacle(os.environ):
        pytest.skip(why)


@pytest.fixture
def attack(namespaces: None, tmp_path: Path, clean_env: dict[str, str]) -> Attack:
    """Build with a backend that runs ``code``; the answer is what that returned.

    The process that builds has ``planted`` in its environment.
    """

    def run(code: str, *flags: str, **planted: str) -> Any:
        seen = tmp_path / "seen.json"
        project = make_hostile_project(tmp_path / "widget", code)
        done = subprocess.run(
            [sys.executable, "-P", "-c", SCRIPT, str(project), str(tmp_path / "dist"), *flags],
            env={**clean_env, **planted, "SEEN": str(seen)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(list((tmp_path / "dist").iterdir())) == 2
        return json.loads(seen.read_text("utf-8"))

    return run


FIND = f"""
    import ctypes

    def find():
        found = 0
        for name in os.listdir("/proc"):
            try:
                with open(f"/proc/{{name}}/environ", "rb") as file:
                    found += {SECRET.encode()!r} in file.read()
            except OSError:
                pass
        return found

    before = find()
    libc = ctypes.CDLL(None)
    tries = [libc.umount2(b"/proc", 2), libc.unshare(0x10020000), libc.umount2(b"/proc", 2)]
    return [before, tries[0] or tries[2], find()]
"""


@pytest.mark.parametrize("flags", [["isolated"], ["isolated", "networked"]])
def test_secrets_of_other_processes_are_out_of_reach(attack: Attack, flags: list[str]) -> None:
    """Of the process that builds and of others; what hides them can't be taken away either."""
    with subprocess.Popen(["sleep", "60"], env={**os.environ, "OTHER": SECRET}) as other:
        seen = attack(FIND, *flags, ACTIONS_ID_TOKEN_REQUEST_TOKEN=SECRET)
        other.kill()
    assert seen == [0, -1, 0]


def test_without_isolation_they_are_not(attack: Attack) -> None:
    code = FIND.partition("    libc =")[0] + "    return before\n"
    assert attack(code, ACTIONS_ID_TOKEN_REQUEST_TOKEN=SECRET) >= 1


CONNECT = """
    answers = []
    for address in ("127.0.0.1", {port}), ("192.0.2.1", 80):
        with socket.socket() as client:
            client.settimeout(0.5)
            answers.append(client.connect_ex(address))
    with socket.socket(socket.AF_UNIX) as client:
        answers.append(client.connect_ex("\\0{name}"))
    return answers, [name for _, name in socket.if_nameindex()]
"""


@pytest.mark.parametrize("flags", [["isolated"], ["isolated", "networked"], []])
def test_network(attack: Attack, flags: list[str], project_name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        local.bind(f"\0{project_name}")
        local.listen()
        code = CONNECT.format(port=server.getsockname()[1], name=project_name)
        answers, interfaces = attack(code, *flags)
    if flags == ["isolated"]:
        assert answers == [errno.ENETUNREACH, errno.ENETUNREACH, errno.ECONNREFUSED]
        assert interfaces == ["lo"]
    else:
        assert answers[0] == answers[2] == 0


WRITE = """
    names = [os.path.join(FOLDER, name) for name in os.listdir(FOLDER)]
    for name in names:
        with open(name, "a") as file:
            file.write("BASH_ENV=/evil\\n")
    return len(names)
"""


@pytest.fixture
def orders(tmp_path: Path) -> dict[str, str]:
    """Command files of a runner, by the variables that name them."""
    folder = tmp_path / "_temp" / "_runner_file_commands"
    folder.mkdir(parents=True)
    files = {name: folder / name.lower() for name in ("GITHUB_ENV", "GITHUB_PATH")}
    for file in files.values():
        file.touch()
    return {name: str(path) for name, path in files.items()}


def test_command_files_of_the_runner(attack: Attack, orders: dict[str, str]) -> None:
    """Found where runners put them, although no variable names them any more."""
    code = WRITE.replace("FOLDER", repr(str(Path(orders["GITHUB_ENV"]).parent)))
    assert attack(code, "isolated", **orders, GITHUB_OUTPUT="nowhere") == 2
    assert {Path(file).read_text("utf-8") for file in orders.values()} == {""}


RENAME = """
    try:
        os.rename(FOLDER, FOLDER + ".old")
    except OSError as error:
        return error.errno
    os.makedirs(os.path.dirname(FILE))
    with open(FILE, "w") as file:
        file.write("BASH_ENV=/evil\\n")
"""


def test_their_folder_can_not_be_replaced(attack: Attack, orders: dict[str, str]) -> None:
    folder = str(Path(orders["GITHUB_ENV"]).parent)
    assert attack(RENAME.replace("FOLDER", repr(folder)), "isolated", **orders) == errno.EBUSY


@pytest.mark.parametrize(("code", "isolated"), [(RENAME, True), (RENAME, False), (WRITE, False)])
def test_command_files_that_a_build_changed_stop_the_run(
    request: pytest.FixtureRequest,
    orders: dict[str, str],
    tmp_path: Path,
    clean_env: dict[str, str],
    code: str,
    isolated: bool,
) -> None:
    """By a folder further up, which may still be renamed, or where nothing protects them."""
    if isolated:
        request.getfixturevalue("namespaces")
    file = orders["GITHUB_ENV"]
    folder = tmp_path / "_temp" if code == RENAME else Path(file).parent
    code = code.replace("FOLDER", repr(str(folder))).replace("FILE", repr(file))
    project = make_hostile_project(tmp_path / "widget", code)
    with pytest.raises(errors.BuildFailed, match="takes orders") as caught:
        build(
            project,
            tmp_path / "dist",
            env={**clean_env, **orders, "SEEN": str(tmp_path / "seen")},
            on_line=lambda _: None,
            isolated=isolated,
        )
    assert file in str(caught.value.facts["changed"])
    assert not (tmp_path / "dist").exists()


STAY = """
    import fcntl
    file = open({file!r})
    fcntl.flock(file, fcntl.LOCK_EX)
    os.set_inheritable(file.fileno(), True)
    child = subprocess.Popen(["sleep", "60"], close_fds=False, start_new_session=True)
    return child.pid
"""


def _free(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@pytest.mark.parametrize("flags", [["isolated"], []])
def test_a_daemon_does_not_outlive_the_build(
    attack: Attack, flags: list[str], tmp_path: Path
) -> None:
    """Even in a session of its own; it holds a lock as long as it lives."""
    path = tmp_path / "lock"
    path.touch()
    pid = attack(STAY.format(file=str(path)), *flags)
    with path.open(encoding="utf-8") as file:
        if flags:
            assert _free(file)
        else:
            assert not _free(file)
            os.kill(pid, signal.SIGKILL)


def test_what_an_isolated_build_makes(
    namespaces: None, tmp_path: Path, clean_env: dict[str, str]
) -> None:
    """The user that it always was, and the same files as without."""
    source, lines = make_project(tmp_path / "widget"), list[str]()
    env = {**clean_env, "SOURCE_DATE_EPOCH": "1700000000"}
    apart = build(source, tmp_path / "a", env=env, on_line=lines.append, isolated=True)
    plain = build(source, tmp_path / "b", env=env, on_line=lambda _: None)
    assert [path.name for path in apart] == [path.name for path in plain]
    assert {path.stat().st_uid for path in apart} == {os.geteuid()}
    assert {dist.kind for dist in read_all(apart, lambda _: None)} == {"sdist", "wheel"}
    assert lines[-1].startswith("* Successfully built widget-1.0.tar.gz and widget-1.0-")


@pytest.mark.parametrize("networked", [False, True])
def test_a_backend_that_downloads_is_told_of_the_option(
    namespaces: None, tmp_path: Path, clean_env: dict[str, str], networked: bool
) -> None:
    code = 'raise SystemExit("can\'t download")'
    project, lines = make_hostile_project(tmp_path / "widget", code), list[str]()
    with pytest.raises(errors.BuildFailed) as caught:
        build(
            project,
            tmp_path / "dist",
            env={**clean_env, "SEEN": str(tmp_path / "seen")},
            on_line=lines.append,
            isolated=True,
            networked=networked,
        )
    assert ("--allow networked-build" in caught.value.hint) == (not networked)
    assert "can't download" in lines
    assert caught.value.facts["exit_code"] == 1


def test_interrupted_it_cleans_up(
    namespaces: None, tmp_path: Path, clean_env: dict[str, str]
) -> None:
    code = 'import time; print("now", flush=True); time.sleep(60)'
    project = make_hostile_project(tmp_path / "widget", code)
    temp = tmp_path / "temp"
    temp.mkdir()

    def interrupt(line: str) -> None:
        if line == "now":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(
            project,
            tmp_path / "dist",
            env={**clean_env, "SEEN": str(tmp_path / "seen"), "TMPDIR": str(temp)},
            on_line=interrupt,
            isolated=True,
        )
    assert list(temp.iterdir()) == []


def test_a_kernel_that_has_no_namespaces_for_us(tmp_path: Path, clean_env: dict[str, str]) -> None:
    """Refused by the kernel itself; the build goes on as it can, and says so."""
    unshare = shutil.which("unshare")
    refuse = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    before = [unshare or "", "--user", "--map-root-user", "sh", "-c", refuse, "sh"]
    if not unshare or subprocess.run([*before, "true"], check=False).returncode:
        pytest.skip("needs unshare, and a kernel that lets it")
    project, report = make_project(tmp_path / "widget"), tmp_path / "report.json"
    command = [sys.executable, "-P", "-m", "publisher", "build", str(project)]
    subprocess.run(
        [*before, *command, "--report", str(report), "--contract", str(tmp_path / "c.json")],
        env=clean_env,
        check=True,
    )
    told, *_ = json.loads(report.read_text("utf-8"))["findings"]
    assert (told["code"], told["severity"]) == ("isolation-unavailable", "note")
    assert "unshare" in told["message"]
    assert len(list((project / "dist").iterdir())) == 2
