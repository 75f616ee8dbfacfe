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
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

from publisher import errors
from publisher.publish.build import build, obstacle
from publisher.publish.cleaning import own_folders, own_places, unkept
from publisher.publish.dists import read_all
from support.projects import make_hostile_project, make_project

ROOT = Path(build.__code__.co_filename).parents[2]
SECRET = "planted-0123456789"
SCRIPT = """
import os, sys
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

    def run(code: str, *flags: str, python: str = sys.executable, **planted: str) -> Any:
        seen = tmp_path / "seen.json"
        project = make_hostile_project(tmp_path / "widget", code)
        done = subprocess.run(
            [python, "-P", "-c", SCRIPT, str(project), str(tmp_path / "dist"), *flags],
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


@pytest.mark.parametrize("above", [0, 1])
def test_their_folder_can_not_be_replaced(
    attack: Attack, orders: dict[str, str], above: int
) -> None:
    """Nor one further up."""
    folder = str(Path(orders["GITHUB_ENV"]).parents[above])
    assert attack(RENAME.replace("FOLDER", repr(folder)), "isolated", **orders) == errno.EBUSY


def test_a_link_to_their_folder_can_not_be_replaced(
    attack: Attack, orders: dict[str, str], tmp_path: Path
) -> None:
    """The runner goes by the link."""
    link = tmp_path / "links" / "_temp"
    link.parent.mkdir()
    link.symlink_to(tmp_path / "_temp")
    orders = {name: path.replace("/_temp/", "/links/_temp/") for name, path in orders.items()}
    assert attack(RENAME.replace("FOLDER", repr(str(link))), "isolated", **orders) == errno.EROFS


@pytest.mark.parametrize("code", [RENAME, WRITE])
def test_command_files_that_a_build_changed_stop_the_run(
    orders: dict[str, str], tmp_path: Path, clean_env: dict[str, str], code: str
) -> None:
    """Where nothing protects them; by a folder further up, too."""
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
        )
    assert file in str(caught.value.facts["changed"])
    assert not (tmp_path / "dist").exists()


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A virtual environment in the project, as many keep it, that this program is installed in."""
    folder = tmp_path / "widget" / ".venv"
    venv.create(folder, symlinks=True)
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))
    shutil.copytree(ROOT / "publisher", site / "publisher")
    (site / "others.pth").write_text("\n".join(path for path in sys.path if path), "utf-8")
    return site


OVERWRITE = """
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)

    def made(path):
        open(path, "x").close()
        os.remove(path)

    def changed(path):
        open(path, "a").close()

    def replaced(path):
        os.link(path, "same")
        os.replace("same", path)

    def renamed(path):
        os.rename(path, path + ".old")
        os.rename(path + ".old", path)

    def bared(path):
        if libc.umount2(path.encode(), 2) and libc.mount(b"", path.encode(), b"", 0x1020, b""):
            raise OSError(ctypes.get_errno(), path)

    ways = dict(locals())

    def outcome(what, path):
        try:
            ways[what](path)
        except OSError as error:
            return errno.errorcode[error.errno]
        return "done"

    import errno
    libc.unshare(0x10020000)
    return [outcome(what, path) for what, path in TRIES]
"""


@pytest.mark.parametrize("isolated", [True, False])
def test_what_this_program_runs_from(attack: Attack, environment: Path, isolated: bool) -> None:
    """Not even from within the project; and the project itself can be written."""
    package = environment / "publisher"
    folder = environment.parents[2]
    tries = [
        *(("made", path / "sitecustomize.py") for path in (environment, package)),
        *(("made", path) for path in (environment / "evil.pth", folder / "bin" / "git")),
        *(("changed", path) for path in (package / "cli.py", folder / "pyvenv.cfg")),
        ("replaced", package / "cli.py"),
        *(("renamed", path) for path in (environment, package, folder, *folder.parents[:2])),
    ]
    code = OVERWRITE.replace("TRIES", repr([(what, str(path)) for what, path in tries]))
    flags = ["isolated"] if isolated else []
    seen = attack(code, *flags, python=str(folder / "bin" / "python"))
    if isolated:
        assert set(seen) == {"EROFS", "EBUSY", "EXDEV"}
    else:
        assert set(seen) == {"done"}
    project = repr(str(folder.parent / "made"))
    assert attack(OVERWRITE.replace("TRIES", f"[('made', {project})]"), *flags) == ["done"]


def test_the_python_below_and_the_mounts(attack: Attack) -> None:
    """Its library is not the environment's, and nothing that is mounted can be taken away."""
    library, package = sysconfig.get_path("stdlib"), str(ROOT / "publisher")
    tries = [
        ("made", f"{library}/evil.py"),
        ("made", f"{library}.zip"),
        ("renamed", sys.base_prefix),
        *(("bared", path) for path in (str(Path(library).parent), package)),
    ]
    seen = attack(OVERWRITE.replace("TRIES", repr(tries)), "isolated")
    assert seen == ["EROFS", "EROFS", "EBUSY", "EPERM", "EPERM"]


def test_the_system(attack: Attack) -> None:
    """What every program is started with; for root these are files like any other."""
    folders = ["/", "/etc", "/lib", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/local/bin"]
    tries = [("made", f"{folder}/made") for folder in folders]
    assert set(attack(OVERWRITE.replace("TRIES", repr(tries)), "isolated")) == {"EROFS"}


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A Python that is no virtual environment's; its library is a link."""
    folder = tmp_path / "plain"
    (folder / "bin").mkdir(parents=True)
    (folder / "lib").symlink_to(Path(sys.base_prefix, "lib"))
    return Path(shutil.copy2(Path(sys.executable).resolve(), folder / "bin"))


def _modules() -> str:
    return os.pathsep.join(path for path in sys.path if Path(path).is_dir())


@pytest.mark.parametrize("isolated", [True, False])
def test_a_python_of_no_virtual_environment(attack: Attack, plain: Path, isolated: bool) -> None:
    """Even with -I it would start with whatever a pyvenv.cfg says."""
    folder = plain.parents[1]
    tries = [("made", f"{folder}/pyvenv.cfg"), ("renamed", f"{folder}/lib"), ("made", f"{plain}.x")]
    (folder / "share").mkdir()  # what lies beside is no matter
    tries.append(("made", f"{folder}/share/made"))
    flags = ["isolated"] if isolated else []
    code = OVERWRITE.replace("TRIES", repr(tries))
    seen = attack(code, *flags, python=str(plain), PYTHONPATH=_modules())
    assert seen == (["EROFS", "EROFS", "EROFS", "done"] if isolated else ["done"] * 4)


def test_a_folder_of_modules_that_a_build_made(tmp_path: Path, plain: Path) -> None:
    """The user's own: our next child doesn't look there."""
    code = """
import os, site, subprocess, sys
from pathlib import Path
from publisher.publish.build import _program
folder = Path(site.getusersitepackages())
folder.mkdir(parents=True)
(folder / "evil.pth").write_text("import pathlib; pathlib.Path('evil').touch()")
subprocess.run(_program("--help"), check=True)
subprocess.run([sys.executable, "-c", "open('evil')"], check=True)
"""
    env = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": _modules()}
    code = code.replace("subprocess.run([", "assert not Path('evil').exists()\nsubprocess.run([")
    subprocess.run([plain, "-P", "-c", code], env=env, cwd=tmp_path, check=True)


@pytest.mark.parametrize("home", [True, False])
def test_a_link_to_the_virtual_environment(
    namespaces: None, environment: Path, tmp_path: Path, clean_env: dict[str, str], home: bool
) -> None:
    """Where a build must write, nothing keeps it from being replaced: then nothing is promised."""
    folder = tmp_path / "links"
    folder.mkdir()
    (folder / "venv").symlink_to(environment.parents[2])
    code = "import os; from publisher.publish.build import obstacle; print(obstacle(os.environ))"
    done = subprocess.run(
        [folder / "venv" / "bin" / "python", "-P", "-c", code],
        env={**clean_env, "HOME": str(folder if home else tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"builds write in {folder}, " if home else "None")


def test_the_folder_of_a_link_to_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clean_env: dict[str, str]
) -> None:
    """As uv's ``cpython-3.12`` is one, or one that leads through another link."""
    (tmp_path / "real" / "bin").mkdir(parents=True)
    for name in ("links", "more"):
        (tmp_path / name).mkdir()
    (tmp_path / "links" / "python").symlink_to("../more/python")
    (tmp_path / "more" / "python").symlink_to(tmp_path / "real")
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path / "links" / "python"))
    assert tmp_path / "real" / "bin" in own_places(tmp_path / "project")
    folders = {tmp_path / "links", tmp_path / "more"}
    assert folders <= {*own_folders(clean_env, tmp_path / "project")}
    assert unkept(clean_env, tmp_path / "links" / "project") is None
    for project in (tmp_path, tmp_path / "links"):
        assert f"builds write in {tmp_path / 'links'}," in str(unkept(clean_env, project))


def test_modules_of_the_project_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where it is installed as editable, its backend may need to write; elsewhere none may."""
    monkeypatch.syspath_prepend(str(tmp_path / "src"))
    (tmp_path / "src").mkdir()
    assert tmp_path / "src" in own_places(tmp_path / "other")
    for project in (tmp_path, tmp_path / "src", tmp_path / "src" / "project"):
        assert tmp_path / "src" not in own_places(project)
    assert ROOT / "publisher" in own_places(ROOT.parent)


def test_a_place_with_locked_flags(tmp_path: Path) -> None:
    """Who is no root may make a mount read-only, but not take its other limits away."""
    before = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec"]
    mount = 'mount -t tmpfs -o nosuid,nodev,noexec none "$1" && shift && exec "$@"'
    before += [mount, "sh", str(tmp_path)]
    if not shutil.which("unshare") or subprocess.run([*before, "true"], check=False).returncode:
        pytest.skip("needs unshare, and a kernel that lets it")
    program = [sys.executable, "-P", "-m", "publisher.publish.building"]
    subprocess.run([*before, *program, "--try", "--keep", str(tmp_path)], check=True)


def test_a_volume_further_down(tmp_path: Path) -> None:
    """Each mount is read-only by itself, and has limits of its own."""
    volume = tmp_path / "kept" / "a volume"
    volume.mkdir(parents=True)
    code = """
import errno, sys
from pathlib import Path
from publisher.publish.building import isolate
volume = Path(sys.argv[1])
(volume / "before").touch()
isolate(kept=[str(volume.parent)])
try:
    (volume / "after").touch()
except OSError as error:
    sys.exit(error.errno != errno.EROFS)
sys.exit("it can be written")
"""
    before = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec"]
    mount = 'mount -t tmpfs -o nosuid,nodev,noexec none "$1" && shift && exec "$@"'
    before += [mount, "sh", str(volume)]
    if not shutil.which("unshare") or subprocess.run([*before, "true"], check=False).returncode:
        pytest.skip("needs unshare, and a kernel that lets it")
    subprocess.run([*before, sys.executable, "-P", "-c", code, str(volume)], check=True)


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
    assert any(line.startswith("* Successfully built widget-1.0.tar.gz and") for line in lines)


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
    assert "can't write into this program's Python" in caught.value.hint
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
