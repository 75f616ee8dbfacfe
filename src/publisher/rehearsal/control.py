"""The control service: who plays, how the network behaves, what has happened."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from publisher.rehearsal.clock import Clock
from publisher.rehearsal.conditions import ConditionsError, change_project
from publisher.rehearsal.fulcio import Fulcio
from publisher.rehearsal.issuer import Issuer
from publisher.rehearsal.login import Login
from publisher.rehearsal.maintainers import Maintainer
from publisher.rehearsal.messages import Reply, ReplyError, Request, Route, json_reply
from publisher.rehearsal.publishers import register
from publisher.rehearsal.traffic import Fault, Traffic

if TYPE_CHECKING:
    from publisher.rehearsal.stage import Index

SCHEMA = "publisher.sandbox/1"
SETTINGS = {
    "latency_ms",
    "bytes_per_second",
    "certificate_seconds",
    "token_seconds",
    "file_limit",
    "attestations",
    "disabled",
}


class Control:
    """JSON in, JSON out; always plain HTTP, for it is what hands out the CA."""

    def __init__(
        self,
        world: dict[str, Any],
        issuer: Issuer,
        fulcio: Fulcio,
        indexes: Sequence[Index],
        traffic: Traffic,
        *,
        login: Login,
        clock: Clock,
    ) -> None:
        self._world = {"schema": SCHEMA, **world}
        self._issuer = issuer
        self._login = login
        self._clock = clock
        self._fulcio = fulcio
        self._indexes = indexes
        self._traffic = traffic

    def routes(self) -> list[Route]:
        """All there is to control."""
        return [
            Route("GET", "/", lambda _: json_reply(200, self._world)),
            Route("GET", "/stats", self._stats),
            Route("GET", "/log", lambda _: json_reply(200, self._traffic.log())),
            Route("GET", "/secrets", self._secrets),
            Route("POST", "/persona", self._persona),
            Route("POST", "/login", self._sit),
            Route("POST", "/api-token", self._api_token),
            Route("POST", "/password", self._password),
            Route("POST", "/index", self._index),
            Route("POST", "/settings", self._settings),
            Route("POST", "/clock", self._set_back),
            Route("GET", "/faults", lambda _: json_reply(200, self._traffic.planned())),
            Route("POST", "/faults", self._plan),
            Route("DELETE", "/faults", self._clear),
        ]

    def _stats(self, _request: Request) -> Reply:
        names = ["control", "issuer", "fulcio", "rekor", *(index.name for index in self._indexes)]
        stats = {
            "services": self._traffic.stats(names),
            "hanging": self._traffic.hanging,
            "cpu_seconds": round(time.process_time(), 3),
        }
        return json_reply(200, stats)

    def _secrets(self, _request: Request) -> Reply:
        """Everything that must never be seen, and which upload tokens could still be used."""
        stores = [index.store for index in self._indexes]
        issued = [(store, token) for store in stores for token in store.issued]
        secret = {
            "bearers": self._issuer.bearers(),
            "id_tokens": list(self._issuer.issued),
            "upload_tokens": [token for _, token in issued],
            "alive": [token for store, token in issued if store.granted(token)],
        }
        return json_reply(200, secret)

    def _persona(self, request: Request) -> Reply:
        asked = _object(request)
        claims, publisher = asked.get("claims"), asked.get("publisher")
        if not isinstance(claims, dict) or "iss" not in claims or not isinstance(publisher, dict):
            raise _refused("a persona has claims, with iss, and a publisher")
        try:
            self._trust(publisher, claims, asked.get("projects"), asked.get("pending"))
        except (KeyError, ValueError) as error:
            raise _refused(f"not a publisher: {error}") from error
        player = self._issuer.add(claims, asked.get("overrides"))
        url = f"{self._world['issuer']}/token/{player.id}?api-version=2.0"
        return json_reply(200, {"request_url": url, "request_token": player.bearer})

    def _trust(
        self,
        publisher: dict[str, Any],
        claims: dict[str, Any],
        projects: list[str] | None,
        pending: object,
    ) -> None:
        """Register a publisher at every index; a person is no publisher, but a maintainer."""
        if publisher.get("kind") == "Email":
            someone = Maintainer.of(publisher, projects)
            for index in self._indexes:
                index.store.maintainers.append(someone)
            return
        trusted = register(publisher, claims, projects if pending is None else [str(pending)])
        for index in self._indexes:
            if pending is None:
                index.exchange.register(trusted)
            else:
                index.exchange.expect(trusted)

    def _sit(self, request: Request) -> Reply:
        """A person sits down before the browser that a login is done in."""
        asked = _object(request)
        try:
            self._login.sit(
                asked["email"], asked["connector"], verified=asked.get("verified", True)
            )
        except KeyError as error:
            raise _refused(f"a person has an email and a connector: {error}") from error
        return json_reply(200, {})

    def _api_token(self, request: Request) -> Reply:
        """A user's own token, which can upload but not attest."""
        asked = _object(request)
        projects = asked.get("projects")
        wanted = None if projects is None else frozenset(projects)
        tokens = {
            index.name: index.store.grant(wanted, lifetime=asked.get("seconds", 900)).token
            for index in self._indexes
            if not index.static
        }
        return json_reply(200, {"tokens": tokens})

    def _password(self, request: Request) -> Reply:
        """A user with a password, for indexes that want one."""
        asked = _object(request)
        user = str(asked.get("user", "rehearsal"))
        password = str(asked.get("password", secrets.token_urlsafe(24)))
        for index in self._indexes:
            if index.static:
                index.store.enter(user, password)
        return json_reply(200, {"user": user, "password": password})

    def _index(self, request: Request) -> Reply:
        """What time and administrators did to an index, or to all of them."""
        asked = _object(request)
        name, projects = asked.pop("name", None), asked.pop("projects", {})
        indexes = [index for index in self._indexes if name in {None, index.name}]
        if not indexes or not isinstance(projects, dict):
            raise _refused("name is an index's, and projects a JSON object")
        try:
            for index in indexes:
                index.settings.change(asked)
                for project, state in projects.items():
                    change_project(index.store, project, state)
        except ConditionsError as error:
            raise _refused(str(error)) from error
        return json_reply(200, {})

    def _settings(self, request: Request) -> Reply:
        asked = _object(request)
        if unknown := set(asked) - SETTINGS:
            raise _refused(f"unknown settings: {', '.join(sorted(unknown))}")
        if "latency_ms" in asked:
            self._traffic.set_latency(asked["latency_ms"])
        if "bytes_per_second" in asked:
            self._traffic.set_bandwidth(asked["bytes_per_second"])
        if "certificate_seconds" in asked:
            self._fulcio.lifetime = timedelta(seconds=asked["certificate_seconds"])
        for index in self._indexes:
            if "token_seconds" in asked:
                index.store.token_lifetime = asked["token_seconds"]
            if "file_limit" in asked:
                index.settings.file_limit = asked["file_limit"]
            if "attestations" in asked:
                index.settings.attestations = asked["attestations"]
            if "disabled" in asked:
                index.exchange.disabled = frozenset(asked["disabled"])
        return json_reply(200, {})

    def _set_back(self, request: Request) -> Reply:
        """Let what is signed and uploaded from now on be old."""
        try:
            self._clock.set_back(_object(request).get("days_ago"))
        except ValueError as error:
            raise _refused(str(error)) from error
        return json_reply(200, {})

    def _plan(self, request: Request) -> Reply:
        asked = request.json()
        if not isinstance(asked, list):
            raise _refused("faults are a list")
        try:
            faults = [Fault(**fault) for fault in asked]
            if any(fault.kind == "expire" for fault in faults) and not self._world["ca"]:
                raise ValueError("no certificate expires without --tls")
        except (TypeError, ValueError) as error:
            raise _refused(f"not a fault: {error}") from error
        self._traffic.plan(faults)
        return json_reply(200, {})

    def _clear(self, _request: Request) -> Reply:
        self._traffic.clear()
        return json_reply(200, {})


def _object(request: Request) -> dict[str, Any]:
    value = request.json()
    if not isinstance(value, dict):
        raise _refused("not a JSON object")
    return value


def _refused(message: str) -> ReplyError:
    return ReplyError(json_reply(400, {"message": message}))
