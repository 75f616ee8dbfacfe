from __future__ import annotations

import threading
from pathlib import Path

from publisher.rehearsal.store import File, Store


def _file(number: int) -> File:
    return File(f"w-{number}.whl", Path(), 1, f"{number}", f"{number}", "1.0")


def test_a_release_is_looked_at_while_files_arrive(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(2000):
        store.keep("w", _file(number))
    project = store.projects["w"]
    arriving = threading.Thread(
        target=lambda: [store.keep("w", _file(number)) for number in range(2000, 10_000)]
    )
    arriving.start()
    while arriving.is_alive():
        assert len(project.release("1.0.0")) >= 2000
    assert len(project.release("1.0.0")) == 10_000
