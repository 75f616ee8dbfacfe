"""A simple index of wheels in a folder."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from packaging.utils import parse_wheel_filename


@dataclass(frozen=True)
class Mirror:
    """Its URL, the projects that were asked for, and the bytes of each file or page sent."""

    url: str
    asked: list[str]
    sent: list[int]


@contextmanager
def mirror_of(wheels: Path, folder: Path) -> Iterator[Mirror]:
    """Serve the wheels; links to them are made in ``folder``."""
    for wheel in wheels.iterdir():
        name, *_ = parse_wheel_filename(wheel.name)
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / wheel.name).symlink_to(wheel)
    asked: list[str] = []
    sent: list[int] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_about: Any) -> None:
            asked.append(self.path.strip("/").partition("/")[0])

        def copyfile(self, source: Any, outputfile: Any) -> None:
            sent.append(outputfile.write(source.read()))

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Mirror(f"http://127.0.0.1:{server.server_address[1]}/", asked, sent)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
