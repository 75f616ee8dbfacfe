"""The command line as a process: streams, signals, what is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import publisher
from publisher import cli, surroundings
from support.archives import make_wheel
from support.sandbox import Sandbox

PROGRAM = [sys.executable, "-m", "publisher"]
WIDGET = Path(__file__).parents[1] / "examples" / "widget"


@pytest.fixture
def env(clean_env: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """A process's environment, with a folder of its own for what is temporary."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    path = os.pathsep.join(entry for entry in sys.path if Path(entry).is_absolute())
    return {**clean_env, "TMPDIR": str(temporary), "PYTHONPATH": path}


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"], {}) == 0
    assert capsys.readouterr().out == f"publisher {publisher.__version__}\n"
    assert cli.run(["sandbox", "--help"], {}) == 0
    assert "--tls" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--keep", "k"], "add --dry-run"),
        (["--provider-claims", "c.json"], "add --dry-run"),
        (["--dry-run", "--provider", "jenkins"], "there is no such provider"),
        (["--dry-run", "--provider-claims", "nowhere.json"], "there are no claims"),
    ],
)
def test_options_that_do_not_go_together(
    argv: list[str], says: str, clean_env: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(argv, clean_env) == 2
    out = capsys.readouterr().out
    assert "error invalid-value: " in out
    assert says in out


def test_a_sandbox_ends_on_sigterm_and_leaves_nothing(env: dict[str, str], tmp_path: Path) -> None:
    with subprocess.Popen([*PROGRAM, "sandbox"], stdout=subprocess.PIPE, text=True, env=env) as run:
        assert run.stdout is not None
        said = run.stdout.readline()
        assert said.startswith("sandbox: http://127.0.0.1:")
        assert list((tmp_path / "temporary").glob("publisher-sandbox-*"))
        run.send_signal(signal.SIGTERM)
        assert run.wait(30) == 0
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_rehearsal_leaves_nothing(env: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "dist"
    folder.mkdir()
    make_wheel(folder)
    done = subprocess.run(
        [*PROGRAM, "--dry-run", str(folder)], capture_output=True, text=True, env=env, check=False
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("  REHEARSAL")
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_a_reader_who_has_gone(arguments: list[str], env: dict[str, str]) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [*PROGRAM, *arguments], stdout=write, stderr=subprocess.PIPE, env=env, check=False
        )
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk(env: dict[str, str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*PROGRAM, "--help"], stdout=full, stderr=subprocess.PIPE, env=env, check=False
        )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_the_log(env: dict[str, str], tmp_path: Path) -> None:
    """The run ends as it would have, and its report is written."""
    report = tmp_path / "r.json"
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*PROGRAM, "publish", str(tmp_path / "nothing"), "--report", str(report)],
            stdout=full,
            stderr=subprocess.PIPE,
            env=env,
            check=False,
        )
    written = json.loads(report.read_text("utf-8"))
    assert [finding["code"] for finding in written["findings"]] == ["path-not-found"]
    assert (done.returncode, done.stderr) == (written["exit_code"], b"")


def test_usage_errors_leave_stdout_to_the_report(env: dict[str, str], tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    done = subprocess.run(
        [*PROGRAM, "--format", "json", "--jbos", "4", f"--report={report}"],
        capture_output=True,
        text=True,
        env=env,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert "did you mean --jobs?" in done.stderr
    assert json.loads(report.read_text("utf-8"))["exit_code"] == 2


def test_ssl_cert_file_is_honoured(
    sandbox: Sandbox, clean_env: dict[str, str], tmp_path: Path, project_name: str
) -> None:
    """A file that is no certificate shows that it is read; loopback over http needs none."""
    make_wheel(tmp_path, project_name)
    roots = tmp_path / "roots.pem"
    roots.write_text("")
    assert surroundings.tls_roots({"SSL_CERT_FILE": str(roots)}) == roots
    assert surroundings.tls_roots({"SSL_CERT_FILE": str(roots), "REQUESTS_CA_BUNDLE": "x"}) is None
    assert surroundings.tls_roots({}) is None
    argv = ["--sandbox", sandbox.control, str(tmp_path)]
    assert cli.run(argv, {**clean_env, "SSL_CERT_FILE": str(roots)}) == 0


def test_the_job_without_permission_is_told(
    sandbox: Sandbox,
    clean_env: dict[str, str],
    tmp_path: Path,
    project_name: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_wheel(tmp_path, project_name)
    env = {**clean_env, "GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "octo-org/widget"}
    assert cli.run(["--sandbox", sandbox.control, str(tmp_path)], env) == 0
    out = capsys.readouterr().out
    assert "note no-permission-here: " in out
    assert "id-token: write" in out


def test_an_early_error_ends_while_threads_still_import(env: dict[str, str]) -> None:
    """An interpreter that tidies up under them crashes, one time in six."""
    job = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "octo/widget"}
    for _ in range(12):
        run = subprocess.run(
            PROGRAM, env={**env, **job}, cwd=WIDGET, capture_output=True, check=False
        )
        assert run.returncode == 3
