"""A rehearsal as a ``World``: starts a sandbox or joins a running one."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from json import dumps
from pathlib import Path
from typing import Any
from urllib.parse import quote

from publisher.errors import PublisherError, SandboxUnusable, TokenRequestFailed
from publisher.models import Account, Persona, Secret
from publisher.rehearsal import evidence, loopback
from publisher.rehearsal.child import child
from publisher.world import Index, TokenSource, World, asked, pypi

SCHEMA = "publisher.sandbox/1"


@contextmanager
def open_world(
    persona: Persona,
    *,
    indexes: Sequence[Index] | None = None,
    url: str | None = None,
    env: Mapping[str, str],
    keep: Path | None = None,
    tls: bool = False,
) -> Iterator[World]:
    """A world on loopback, for as long as the context lasts.

    Args:
        persona: Who publishes. A trusted publisher for it is registered at every index.
        indexes: Those to play, in order; PyPI by default. One with an account gets a play
            account; if nobody knows it, it is one that has passwords only.
        url: The control URL of a running sandbox; without one, a child process is started.
        env: The surroundings; the child gets what it needs of them, and no more.
        keep: A folder for the evidence, written at the end, also after an error.
        tls: Whether a new sandbox serves https.

    Raises:
        SandboxNotLoopback: ``url``, or a URL in the sandbox's answer, leaves this machine.
        SandboxUnusable: No sandbox answers there, or it could not be started.
    """
    indexes = (pypi(),) if indexes is None else indexes
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="publisher-rehearsal-")).resolve()
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        started = None
        if url is None:
            cast = [_part(index) for index in indexes]
            started = child(folder, indexes=cast, env=env, tls=tls)
            url, _ = stack.enter_context(started)
        sandbox = _look(url)
        world = _world(sandbox, persona, indexes, folder, keep)
        # this run's own world has seen nothing before it; a shared one may have
        world = replace(world, foreign_proofs=started is None)
        with _evidence(keep, world, sandbox):
            yield world


@contextmanager
def _evidence(keep: Path | None, world: World, sandbox: Mapping[str, Any]) -> Iterator[None]:
    """Keep the evidence at the end, also after an error."""
    try:
        yield
    except BaseException:  # a signal's as well: what was seen until then is kept
        if keep is not None:
            with suppress(PublisherError):  # the first error is the one to see
                evidence.write(keep, world, sandbox)
        raise
    if keep is not None:
        evidence.write(keep, world, sandbox)


def sandbox(
    *,
    indexes: Sequence[str] = ("pypi",),
    port: int = 0,
    tls: bool = False,
    env: Mapping[str, str],
    announce: Callable[[str], None],
) -> int:
    """Run a sandbox in the foreground until interrupted; return the exit code.

    ``announce`` gets the control URL when all services answer.
    """
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="publisher-sandbox-")).resolve()
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        started = child(folder, indexes=indexes, env=env, port=port, tls=tls)
        url, process = stack.enter_context(started)
        try:
            announce(url)
            process.wait()
        except KeyboardInterrupt:
            return 0
        raise SandboxUnusable("the sandbox ended by itself", facts={"status": process.returncode})


def _look(url: str) -> dict[str, Any]:
    """The sandbox's description of itself, with nothing but loopback in it."""
    value = loopback.call("GET", url).json(url)
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        facts = {"url": url, "expected": SCHEMA}
        raise SandboxUnusable("this is no sandbox of ours", facts=facts, hint=loopback.START)
    loopback.check_all(value)
    return value


def _world(
    sandbox: Mapping[str, Any],
    persona: Persona,
    indexes: Sequence[Index],
    folder: Path,
    keep: Path | None,
) -> World:
    known = {index["name"]: index for index in sandbox["indexes"]}
    names = [index.name for index in indexes]
    if missing := [name for name in names if name not in known]:
        raise SandboxUnusable(
            "the sandbox has no such index",
            facts={"missing": missing, "known": sorted(known)},
            hint="Start `publisher sandbox` with the same --repository.",
        )
    ca = None
    if sandbox["ca"]:
        ca = folder / "ca.pem"
        ca.write_text(sandbox["ca"], "ascii")
    build_into = folder / "dist"
    build_into.mkdir()
    return World(
        indexes=tuple(_index(index, known[index.name], sandbox) for index in indexes),
        tokens=_tokens(sandbox, persona),
        trust_config=dumps(sandbox["trust_config"]),
        ca=ca,
        build_into=build_into,
        attest_into=(keep or folder) / "attestations",
        real=False,
        rehearsal=True,
    )


def _part(index: Index) -> str:
    """How the child is told which index to play."""
    kind = ":static" if index.account and not index.known else ""
    return f"{index.name}{kind}@{index.audience}"


def _index(index: Index, played: Mapping[str, str], sandbox: Mapping[str, Any]) -> Index:
    """The same index at its address here, and with an account of this world."""
    url = f"{played['url']}/"
    return replace(
        index,
        upload_url=f"{url}legacy/",
        simple_url=f"{url}simple/" if index.simple_url else None,
        api_url=url,
        web_url=url if index.web_url else None,
        audience=played["audience"],
        account=_account(index.name, played, sandbox) if index.account else None,
    )


def _account(name: str, played: Mapping[str, str], sandbox: Mapping[str, Any]) -> Account:
    """The real password stays out of a rehearsal."""
    static = played["kind"] == "static"
    url = f"{sandbox['control'].rstrip('/')}/{'password' if static else 'api-token'}"
    given = loopback.call("POST", url, body={}).json(url)
    if static:
        return Account(given["user"], Secret(given["password"]))
    return Account("__token__", Secret(given["tokens"][name]))


def _tokens(sandbox: Mapping[str, Any], persona: Persona) -> TokenSource:
    """Register the persona, and return the door to its ID tokens."""
    url = f"{sandbox['control'].rstrip('/')}/persona"
    body = {"claims": dict(persona.claims), "publisher": dict(persona.publisher)}
    given = loopback.call("POST", url, body={**body, "projects": None}).json(url)
    loopback.check_all(given)
    bearer = Secret(given["request_token"])

    def ask(audience: str) -> Secret:
        wanted = f"{given['request_url']}&audience={quote(audience, safe='')}"
        authorization = {"Authorization": f"bearer {bearer.reveal()}"}
        answer = loopback.call("GET", wanted, ca=sandbox["ca"], headers=authorization)
        if answer.status != 200:
            raise TokenRequestFailed(
                "the rehearsal's identity provider gave no token", facts={"status": answer.status}
            )
        return Secret(answer.json(url)["value"])

    return asked(ask)
