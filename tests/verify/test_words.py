"""What a person reads of ``verify`` and ``pin`` on a terminal."""

from __future__ import annotations

import subprocess

from support.reading import Reader, job

TRANSFERRED = job("new-org/widget", repository_owner_id="777")
MOVED = {"Source": "https://github.com/new-org/widget"}


def test_a_lock_of_which_nothing_is_pinned(reader: Reader, project_name: str) -> None:
    reader.publish(project_name, "1.0")
    lock = reader.requirements(f"{project_name}==1.0")
    line = "not pinned: 1 of 1 project; there is nothing to compare with until `publisher pin`"
    assert line in reader.run("verify", lock)[1]
    code, out = reader.run("verify", "--locked", lock)
    assert code == 13
    assert "not pinned" not in out
    out = " ".join(reader.run("pin", lock)[1].split())
    assert f"wrote {reader.folder / 'identities.lock'}: {project_name}" in out
    assert f"{project_name}: github octo-org/widget release.yml: its first release, today" in out
    assert "not pinned" not in reader.run("verify", lock)[1]


def test_a_warning_is_not_nothing(reader: Reader, project_name: str) -> None:
    reader.publish(project_name, "1.0")
    assert reader.run("pin", project_name)[0] == 0
    reader.publish(project_name, "2.0", TRANSFERRED, links=MOVED)
    code, out = reader.run("verify", project_name)
    assert code == 0
    assert out.endswith("1 of 1 file verified; 1 finding to look at.\n")
    out = reader.run("pin", project_name)[1]
    assert f"{project_name}: not learned: the warning has to be accepted first" in out


def test_one_way_out_for_each_release(reader: Reader, project_name: str) -> None:
    reader.publish(project_name, "1.0")
    assert reader.run("pin", project_name)[0] == 0
    changed = job(workflow_file="quick.yml", ref="refs/heads/main")
    reader.publish(project_name, "2.0", changed)
    out = reader.run("verify", project_name)[1]
    assert "error D10 changed-provenance" in out
    assert "warning D12 branch or tag" in out
    assert out.count(f"accept     publisher pin --accept {project_name}==2.0 --reason TEXT") == 1


def test_nobody_is_told_to_accept_a_quarantine(reader: Reader, project_name: str) -> None:
    reader.publish(project_name, "1.0")
    assert reader.run("pin", project_name)[0] == 0
    status = {"projects": {project_name: {"status": "quarantined"}}}
    assert reader.sandbox.post("index", status).status_code == 200
    code, out = reader.run("verify", f"{project_name}==1.0")
    assert code == 10
    assert "critical D26 taken back" in out
    assert "the project is quarantined, the index shows no files of it" in " ".join(out.split())
    assert f"--accept {project_name}" not in out
    assert "U04" not in out


OWN = """version = 1

[[package]]
name = "my-own-app"
version = "0.1"
source = { virtual = "." }

[[package]]
name = "%s"
version = "1.0"
source = { registry = "http://127.0.0.1/simple/" }
"""


def test_the_users_own_project_is_no_row(reader: Reader, project_name: str) -> None:
    reader.publish(project_name, "1.0")
    (reader.folder / "uv.lock").write_text(OWN % project_name)
    assert "my-own-app" not in reader.run("verify")[1]
    code, out = reader.run("verify", "--verbose")
    assert code == 0
    assert "1 project of your own, not asked about" in out
    assert "my-own-app" not in out


def test_how_many_have_no_attestation(reader: Reader, project_name: str) -> None:
    reader.publish(project_name, "1.0")
    reader.publish(f"{project_name}-b", "1.0", attested=False)
    out = reader.run("verify", project_name, f"{project_name}-b")[1]
    assert out.endswith("1 of 2 files verified, 1 has no attestation.\n")


def test_who_accepted_is_shown(reader: Reader, project_name: str) -> None:
    reader.publish(project_name, "1.0")
    assert reader.run("pin", project_name)[0] == 0
    reader.publish(project_name, "2.0", TRANSFERRED, links=MOVED)
    for name in ("GITHUB_ACTOR", "USER", "LOGNAME"):
        reader.env.pop(name, None)
    reader.env["HOME"] = str(reader.folder)
    config = str(reader.folder / ".gitconfig")
    subprocess.run(["git", "config", "--file", config, "user.name", "Ada L"], check=True)
    accept = ("--accept", f"{project_name}==2.0", "--reason", "their blog")
    assert reader.run("pin", *accept)[0] == 0
    assert 'by="Ada L"' in reader.remembered()
    assert "accepted by Ada L" in reader.run("verify", project_name)[1]
    out = " ".join(reader.run("verify", project_name, "--verbose")[1].split())
    assert f"{project_name} 2.0: accepted by Ada L, 20" in out
    assert ": their blog" in out


def test_the_way_out_is_said_once_and_exactly(reader: Reader, project_name: str) -> None:
    reader.publish(project_name, "1.0")
    assert reader.run("pin", project_name)[0] == 0
    reader.publish(project_name, "2.0", attested=False)
    command = f"publisher pin --accept {project_name}==2.0 --reason TEXT"
    out = reader.run("verify", project_name)[1]
    assert (out.count("--accept"), out.count(command)) == (1, 1)
    for form in ("github", "sarif"):
        out = reader.run("verify", project_name, "--format", form)[1]
        assert out.count(f"accept: {command}") == 1
        assert "until now: github octo-org/widget release.yml, 1 release since 1.0" in out
        assert "now: " in out


def test_a_lock_that_is_not_found_by_itself_is_in_the_command(
    reader: Reader, project_name: str
) -> None:
    reader.publish(project_name, "1.0")
    assert reader.run("pin", project_name)[0] == 0
    reader.publish(project_name, "2.0", attested=False)
    lock = reader.folder / reader.requirements(f"{project_name}==2.0")
    other = lock.rename(lock.with_name("requirements-dev.txt"))
    out = reader.run("verify", other.name)[1]
    assert f"publisher pin {other.name} --accept {project_name}==2.0 --reason TEXT" in out


def test_what_a_rule_means_is_said_once(reader: Reader, project_name: str) -> None:
    names = [project_name, f"{project_name}-b"]
    for name in names:
        reader.publish(name, "1.0")
        assert reader.run("pin", name)[0] == 0
        reader.publish(name, "2.0", attested=False)
    out = " ".join(reader.run("verify", *names)[1].split())
    assert out.count("error D01") == 2
    assert out.count("A stolen or leftover token does this") == 1


def test_what_differs_from_what_was_pinned(reader: Reader, project_name: str) -> None:
    wheel = reader.publish(project_name, "1.0")
    kept = reader.publish(project_name, "1.0", tag="py3-none-win32")
    assert reader.run("pin", project_name)[0] == 0
    gone = {"projects": {project_name: {"deleted": [wheel.name]}}}
    assert reader.sandbox.post("index", gone).status_code == 200
    out = " ".join(reader.run("verify", kept)[1].split())
    assert "error D19" in out
    assert "until now 2 of 2 files attested" in out
    assert "now 1 of 1 file attested; gone: 1 of the 2 that were pinned" in out
