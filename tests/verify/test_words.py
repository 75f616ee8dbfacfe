"""What a person reads of ``verify`` and ``pin`` on a terminal."""

from __future__ import annotations

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
    assert f"{project_name}: not learnt: the warning has to be accepted first" in out


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
