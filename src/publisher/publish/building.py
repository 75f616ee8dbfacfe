"""The child process that builds: ``python -m publisher.publish.building``.

It does what ``python -m build`` does, but first it goes where it can do little harm. On Linux it
takes new namespaces (namespaces(7)): there are no processes but its own in its /proc, nothing it
starts outlives it, and as a stranger's user namespace it may neither trace nor read the one that
it came from. What this program runs from is read-only there. What the requirements bring is
installed with network; the backend's hooks run without.

It imports nothing of ours, and reads nothing but its arguments and its cleaned environment.
"""

from __future__ import annotations

import argparse
import errno
import logging
import os
import re
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

Kind = Literal["sdist", "wheel"]
Installer = Literal["pip", "uv"]

# <linux/sched.h>, <linux/mount.h>, <linux/prctl.h>
_MOUNTS, _IPC, _USER, _PROCESSES, _NETWORK = 1 << 17, 1 << 27, 1 << 28, 1 << 29, 1 << 30
_READ_ONLY, _REMOUNT, _BIND, _WITH_ALL_BELOW, _PRIVATE = 1, 1 << 5, 1 << 12, 1 << 14, 1 << 18
_NO_SUID_DEVICES_PROGRAMS = 2 | 4 | 8
_DIE_WITH_PARENT = 1
_HIDDEN_BY_ANOTHER = {errno.ENOENT, errno.ENOTDIR, errno.EINVAL}


def _kernel(function: str, *arguments: object) -> None:
    """Call the C library, or raise what it says."""
    import ctypes  # some Pythons are built without

    given = (ctypes.c_ulong(one) if isinstance(one, int) else one for one in arguments)
    if getattr(ctypes.CDLL(None, use_errno=True), function)(*given):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), function)


def _leave(*shared: int) -> None:
    """Leave namespaces for new ones, as the same user, who has no power over the old ones."""
    user, group = os.geteuid(), os.getegid()
    _kernel("unshare", _USER | sum(shared))
    Path("/proc/self/setgroups").write_text("deny", "ascii")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1", "ascii")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1", "ascii")


def isolate(hidden: Sequence[str] = (), kept: Sequence[str] = (), shut: Sequence[str] = ()) -> None:
    """Go on in a child process, among no processes but its own; this one waits and ends with it.

    The mounts are made in a namespace that is left at once: seen from the next one they are
    locked, so that not even root there can take them away.

    Args:
        hidden: Files that are empty from here on, and take nothing.
        kept: Files and folders that are read-only from here on, with all that is mounted there.
        shut: Folders whose entries stay what they are; folders among them are no more read-only
            than they were.

    Raises:
        OSError: The kernel has no such namespaces, or not for us.
    """
    _leave(_MOUNTS, _PROCESSES, _IPC)
    if child := os.fork():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the child gets it as well, and cleans up
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        raise SystemExit(code if code >= 0 else 128 - code)
    _kernel("mount", b"none", b"/", None, _PRIVATE | _WITH_ALL_BELOW, None)
    _kernel("mount", b"proc", b"/proc", b"proc", _NO_SUID_DEVICES_PROGRAMS, None)
    _protect(hidden, kept, shut)
    os.chdir(Path.cwd())  # into these mounts: ".." would lead below them
    _leave(_MOUNTS)
    _kernel("prctl", _DIE_WITH_PARENT, int(signal.SIGKILL))


def _protect(hidden: Sequence[str], kept: Sequence[str], shut: Sequence[str]) -> None:
    fixed, closed, covered = (
        {Path(one).resolve() for one in some} for some in (kept, shut, hidden)
    )
    places = fixed | closed
    places |= {folder for one in places | covered for folder in one.parents}
    places |= {folder for one in closed for folder in _folders(one)}
    for path in sorted(places - {Path("/")}):  # the outer ones first
        # over itself: what is mounted can't be renamed to make place for another
        _kernel("mount", bytes(path), bytes(path), None, _BIND | _WITH_ALL_BELOW, None)
    for file in covered:
        _kernel("mount", b"/dev/null", bytes(file), None, _BIND, None)
    for path in fixed | closed:
        _make_read_only(path)
    for path in _mounted():  # a mount is read-only or not by itself, whatever holds it
        if fixed & set(path.parents):
            try:
                _make_read_only(path)
            except OSError as error:
                if error.errno not in _HIDDEN_BY_ANOTHER:
                    raise


def _folders(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        return [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]


def _mounted() -> set[Path]:
    """Where something is mounted: proc_pid_mountinfo(5), which writes some bytes in octal."""
    lines = Path("/proc/self/mountinfo").read_bytes().strip().split(b"\n")
    names = (line.split(b" ")[4] for line in lines)
    plain = (re.sub(rb"\\(\d{3})", lambda one: bytes([int(one[1], 8)]), name) for name in names)
    return {Path(os.fsdecode(name)) for name in plain}


def _make_read_only(path: Path) -> None:
    # what is forbidden there must stay so: mount_namespaces(7), "locked"
    locked = os.statvfs(path).f_flag & _NO_SUID_DEVICES_PROGRAMS
    _kernel("mount", b"none", bytes(path), None, _REMOUNT | _BIND | _READ_ONLY | locked, None)


def cut_off() -> None:
    """Go where there is no network, not even this machine's own."""
    _leave(_NETWORK)


def make(source: str, outdir: str, installer: Installer, *, offline: bool) -> list[str]:
    """Build the sdist, and the wheel from it, each in an environment of its own.

    Returns:
        Their names.
    """
    sdist = _one("sdist", source, outdir, installer, offline=offline)
    with tempfile.TemporaryDirectory(prefix="build-via-sdist-") as folder:
        with tarfile.open(sdist) as tar:
            # PEP 706: Python 3.11.0 to 3.11.3 know no filters
            tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
            tar.extractall(folder)  # noqa: S202
        tops = list(Path(folder).iterdir())
        if len(tops) != 1:
            raise SystemExit(f"ERROR {Path(sdist).name} must hold one folder, not {len(tops)}")
        wheel = _one("wheel", str(tops[0]), outdir, installer, offline=offline)
    return [Path(sdist).name, Path(wheel).name]


def _one(kind: Kind, source: str, outdir: str, installer: Installer, *, offline: bool) -> str:
    from build import ProjectBuilder
    from build.env import DefaultIsolatedEnv

    def run(
        cmd: Sequence[str],
        cwd: str | None = None,
        extra_environ: Mapping[str, str] | None = None,
    ) -> None:
        env = {**os.environ, **(extra_environ or {})}
        first = cut_off if offline else None  # safe, for we have one thread
        subprocess.run(cmd, cwd=cwd, env=env, check=True, preexec_fn=first)

    with DefaultIsolatedEnv(installer=installer) as env:
        builder = ProjectBuilder.from_isolated_env(env, source, runner=run)
        env.install(builder.build_system_requires)
        more = builder.get_requires_for_build(kind)
        env.install(more)
        versions = env.installed_versions(builder.build_system_requires | more)
        for name, version in versions.items():
            logging.getLogger("build").info("%s==%s", name, version)
        return builder.build(kind, outdir)


def main(arguments: Sequence[str]) -> None:
    """Build, or try whether a build can be isolated."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--try", action="store_true", dest="trial")
    parser.add_argument("--isolated", action="store_true")
    parser.add_argument("--offline", action="store_true")
    parser.add_argument("--hide", action="append", default=[])
    parser.add_argument("--keep", action="append", default=[])
    parser.add_argument("--shut", action="append", default=[])
    parser.add_argument("--installer", default="pip")
    parser.add_argument("source", nargs="?")
    parser.add_argument("outdir", nargs="?")
    given = parser.parse_args(arguments)
    try:
        if given.isolated or given.trial:
            isolate(given.hide, given.keep, given.shut)
        if given.trial:
            cut_off()
            return
    except OSError as error:
        raise SystemExit(f"{error.filename}: {error.strerror}") from None
    lines = logging.StreamHandler(sys.stdout)
    lines.setFormatter(logging.Formatter("* %(message)s"))
    log = logging.getLogger("build")  # where build says what it does
    log.addHandler(lines)
    log.setLevel(logging.INFO)
    from build import BuildBackendException, BuildException, FailedProcessError

    os.environ.pop("PYTHONPATH", None)  # what is there already is not there for the backend
    try:
        made = make(given.source, given.outdir, given.installer, offline=given.offline)
    except (BuildException, BuildBackendException, FailedProcessError, tarfile.TarError) as error:
        raise SystemExit(f"ERROR {error}") from None
    log.info("Successfully built %s", " and ".join(made))


if __name__ == "__main__":
    main(sys.argv[1:])
