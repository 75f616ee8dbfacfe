"""The rehearsal's stage: all services, wired together, on their ports."""

from __future__ import annotations

import json
import logging
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from publisher.rehearsal.clock import Clock
from publisher.rehearsal.conditions import Settings
from publisher.rehearsal.control import Control
from publisher.rehearsal.fulcio import Fulcio
from publisher.rehearsal.issuer import Issuer
from publisher.rehearsal.login import Login
from publisher.rehearsal.oidc import Exchange
from publisher.rehearsal.rekor import Rekor
from publisher.rehearsal.rules import PASSWORD_RULES, RULES
from publisher.rehearsal.server import Service
from publisher.rehearsal.simple import Pages
from publisher.rehearsal.store import Store
from publisher.rehearsal.traffic import Traffic
from publisher.rehearsal.trust import Roots, Tls, tls_contexts, trust_config
from publisher.rehearsal.upload import Uploads

APP = "sigstore-python", "sigstore"


class UnsafeFolderError(Exception):
    """Sigstore's cache is not inside the rehearsal's folder, so it may be the user's own."""


class Spec(NamedTuple):
    """An index to play, written as ``NAME[:static][@AUDIENCE]``."""

    name: str
    static: bool
    audience: str

    @classmethod
    def of(cls, text: str) -> Spec:
        """Read it."""
        head, _, audience = text.partition("@")
        name, _, kind = head.partition(":")
        return cls(name, kind == "static", audience or name)


class Index:
    """A package index under a name, which is also its audience if none is given.

    A ``static`` one has no trusted publishing and no attestations, but users with passwords, and
    shows HTML only: as devpi and its like.
    """

    def __init__(
        self,
        service: Service,
        issuer: Issuer,
        folder: Path,
        warm: Warmup,
        spec: Spec,
        *,
        clock: Clock,
    ) -> None:
        folder.mkdir()
        static = spec.static
        self.name = service.name
        self._audience = spec.audience
        self.service = service
        self.static = static
        self.store = Store(folder, clock)
        self.settings = Settings(json=not static)
        self.exchange = Exchange(spec.audience, issuer, self.store, self.settings)
        rules = PASSWORD_RULES if static else RULES
        self._uploads = Uploads(self.store, self.settings, rules, warm.wait)
        self._pages = Pages(self.store, self.settings)

    def start(self) -> None:
        """Answer requests."""
        routes = [*self._uploads.routes(), *self._pages.routes(integrity=not self.static)]
        self.service.start(routes if self.static else [*self.exchange.routes(), *routes])

    def described(self) -> dict[str, str]:
        """The index as the sandbox introduces it."""
        kind = "static" if self.static else "warehouse"
        url, audience = self.service.url, self._audience
        return {"name": self.name, "url": url, "audience": audience, "kind": kind}


class Warmup:
    """Imports Sigstore's library beside the first requests, and gives it our trust root.

    The index verifies with ``Attestation.verify(..., offline=True)``, which reads the root that
    lies in Sigstore's TUF cache. The parent process made sure that the cache is the rehearsal's.
    """

    def __init__(self, config: dict[str, Any], folder: Path) -> None:
        self._config = config
        self._folder = folder
        self._ready = threading.Event()

    def check(self) -> None:
        """Make sure that the cache is the rehearsal's.

        Raises:
            UnsafeFolderError: It is somewhere else.
        """
        import platformdirs

        for folder in (platformdirs.user_cache_dir(*APP), platformdirs.user_data_dir(*APP)):
            if not Path(folder).resolve().is_relative_to(self._folder.resolve()):
                raise UnsafeFolderError(folder)

    def start(self) -> None:
        """Begin, in a thread."""
        threading.Thread(target=self._run, daemon=True).start()

    def wait(self) -> None:
        """Return when it is done, or has failed: verification then says why."""
        self._ready.wait()

    def _run(self) -> None:
        try:
            self._prepare()
        finally:
            self._ready.set()

    def _prepare(self) -> None:
        from sigstore._internal.tuf import DEFAULT_TUF_URL, _get_dirs

        logging.getLogger("sigstore").setLevel(logging.ERROR)  # it warns of offline mode each time
        _, targets = _get_dirs(DEFAULT_TUF_URL)
        targets.mkdir(parents=True)
        root, signing = self._config["trustedRoot"], self._config["signingConfig"]
        (targets / "trusted_root.json").write_text(json.dumps(root))
        (targets / "signing_config.v0.2.json").write_text(json.dumps(signing))
        import pypi_attestations  # noqa: F401 - the import itself is what takes the time


class Stage:
    """Everything that plays. Ports are open at once; ``start`` lets services answer."""

    def __init__(
        self, folder: Path, *, indexes: Sequence[str] = ("pypi",), port: int = 0, tls: bool = False
    ) -> None:
        self.files = Path(tempfile.mkdtemp(prefix="files-", dir=folder))
        context: Tls | None = None
        ca: str | None = None
        if tls:
            context, ca = tls_contexts(self.files)
        traffic = Traffic()
        self._control = Service("control", traffic, port=port)
        names = ("issuer", "fulcio", "rekor")
        issuer, fulcio, rekor = (Service(name, traffic, tls=context) for name in names)
        roots = Roots.make()
        config = trust_config(
            roots, issuer_url=issuer.url, fulcio_url=fulcio.url, rekor_url=rekor.url
        )
        self.warmup = Warmup(config, folder)
        provider = Issuer()
        login = Login(provider)
        clock = Clock()
        authority = Fulcio(provider, roots, clock)
        self._plays = [
            (issuer, [*provider.routes(), *login.routes()]),
            (fulcio, authority.routes()),
            (rekor, Rekor(roots.rekor_key, clock).routes()),
        ]
        self._indexes = []
        for one in map(Spec.of, indexes):
            service = Service(one.name, traffic, tls=context, throttle=traffic.throttle(one.name))
            where = self.files / one.name
            index = Index(service, provider, where, self.warmup, one, clock=clock)
            self._indexes.append(index)
        world = {
            "control": self._control.url,
            **{service.name: service.url for service in (issuer, fulcio, rekor)},
            "indexes": [index.described() for index in self._indexes],
            "trust_config": config,
            "ca": ca,
        }
        self._board = Control(
            world, provider, authority, self._indexes, traffic, login=login, clock=clock
        )

    def start(self) -> str:
        """Let all services answer, and return the control URL."""
        for service, routes in self._plays:
            service.start(routes)
        for index in self._indexes:
            index.start()
        self._control.start(self._board.routes())
        return self._control.url
