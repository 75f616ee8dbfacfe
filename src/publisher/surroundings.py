"""From options and environment to who publishes, and where: the provider and the world.

The only place that tells the real world from a rehearsal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO
from urllib.parse import urlsplit

from publisher.addresses import carries_secrets, is_loopback
from publisher.errors import InvalidValue
from publisher.models import Account, Secret
from publisher.options import Options
from publisher.providers.base import Provider
from publisher.world import INDEXES, RESERVED, Index, World, custom

if TYPE_CHECKING:
    from publisher.world import TokenSource

STATE = Path(".publisher")


def provider(
    command: str, options: Options, env: Mapping[str, str], *, rehearsed: bool
) -> Provider:
    """Whose identity this run has, or plays.

    Raises:
        InvalidValue: The options contradict each other, or a file is not what it must be.
        IdentityError: There is no such identity here.
    """
    from publisher import providers

    folder = _folder(options)
    if options.identity == "email":
        from publisher.providers.email import Email

        if options.provider or options.provider_claims or options.id_token_file:
            raise InvalidValue("--identity email is a login, and another identity is named, too")
        return Email(env, folder)
    if options.provider_claims and command != "doctor" and not rehearsed:
        raise InvalidValue("--provider-claims is for rehearsals; add --dry-run")
    if options.provider_claims:
        claims = providers.read_claims(options.provider_claims)
        return providers.from_claims(claims, env, folder)
    if options.id_token_file:
        from publisher.providers.local import Foreign
        from publisher.publish.identity import any_claims

        claims = any_claims(options.id_token_file)
        return providers.from_claims(claims, env, folder, Foreign)
    return providers.detect(env, folder, options.provider, play=rehearsed)


def _folder(options: Options) -> Path:
    first = Path(options.paths[0])
    return first if first.is_dir() else Path()


def indexes(options: Options) -> tuple[Index, ...]:
    """The indexes that were asked for, each with the account that uploads there, if any.

    Raises:
        InvalidValue: The options contradict each other, or can't be used.
    """
    _check(options)
    if options.repository_url:
        found = [_named(options.repository_url, options)]
    else:
        found = [INDEXES[name]() for name in options.indexes]
    password = _password(options)
    if not password:
        return tuple(found)
    shaped = options.user == "__token__" and password.reveal().startswith("pypi-")
    if not shaped and any(index.known for index in found):
        raise InvalidValue(
            f"{found[0].name} takes API tokens only, which begin with pypi-, of the user __token__",
            hint="Leave --user out, and give an API token; or register a trusted publisher and "
            "give none: `publisher doctor` shows how.",
        )
    return tuple(replace(index, account=Account(options.user, password)) for index in found)


def _named(url: str, options: Options) -> Index:
    """The index with that upload URL; other tools name TestPyPI by it."""
    for known in (make() for make in INDEXES.values()):
        if known.upload_url.rstrip("/") == url.rstrip("/"):
            if options.check_url or options.audience:
                raise InvalidValue(
                    f"--repository-url names {known.name}, whose simple API and audience are known",
                    hint="Leave --check-url and --audience out.",
                )
            return known
    index = custom(url, options.check_url, options.audience)
    mints = not (options.password or options.password_file)
    if mints and index.audience in RESERVED and not is_loopback(url):
        raise InvalidValue(
            f"tokens with the audience {index.audience!r} are for another service, which "
            f"would take them from {index.name}",
            facts={"audience": index.audience, "reserved": sorted(RESERVED)},
            hint="Name the audience that the index asks for: --audience TEXT.",
        )
    return index


def _check(options: Options) -> None:
    custom_only = {"--check-url": options.check_url, "--audience": options.audience}
    given = [flag for flag, value in custom_only.items() if value]
    for flag, url in (
        ("--repository-url", options.repository_url),
        ("--check-url", options.check_url),
    ):
        if url and not usable(url):
            raise InvalidValue(
                f"{flag}: a URL must begin with https:// and name a host, without a password",
                hint="Plain http is fine on this machine only. A password goes into a file: "
                "--password-file.",
            )
    if options.repository_url and options.repository:
        raise InvalidValue(
            "--repository and --repository-url name different indexes",
            hint="Publish to each in a run of its own.",
        )
    if given and not options.repository_url:
        raise InvalidValue(f"{given[0]} is for the index of --repository-url, and none is named")
    if options.password and options.password_file:
        raise InvalidValue("PUBLISHER_PASSWORD and --password-file are both given; leave out one")
    if (options.password or options.password_file) and len(options.indexes) > 1:
        raise InvalidValue(
            "a password is for one index, and several are named",
            hint="Publish to each in a run of its own, so that no index sees another's password.",
        )


def usable(url: str) -> bool:
    """Whether a URL may be asked: https, or this machine, and no password in it."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname and "@" not in parts.netloc and carries_secrets(url))
    except ValueError:
        return False


def _password(options: Options) -> Secret | None:
    if options.password_file is None:
        return options.password
    path = options.password_file
    text = text_of("--password-file", path).strip()
    if not text or not text.isprintable():
        raise InvalidValue(
            f"--password-file: {path} must hold one line, the password", facts={"path": str(path)}
        )
    return Secret(text)


def text_of(flag: str, path: Path) -> str:
    """What is in a file; not even an error's own text says any of it, for it may be a secret."""
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise InvalidValue(
            f"{flag}: {path} can't be read: {reason}", facts={"path": str(path)}
        ) from None


@contextmanager
def world(
    command: str,
    options: Options,
    provider: Provider,
    env: Mapping[str, str],
    *,
    rehearsed: bool,
    mask: Callable[[Secret], None],
    terminal: TextIO,
) -> Iterator[World]:
    """The real world, or one on this machine.

    ``mask`` is told of every secret that comes by; on ``terminal`` a person who logs in is asked.

    Raises:
        InvalidValue: The options contradict each other, or can't be used.
        SandboxUnusable, SandboxNotLoopback: There is no rehearsal to be had.
    """
    # attest and build need no index; the rehearsal's index then stands idle
    wanted = indexes(options) if command in {"publish", "doctor"} else ()
    trust = text_of("--trust-config", options.trust_config) if options.trust_config else None
    if rehearsed:
        from publisher import rehearsal

        with rehearsal.open(
            provider.persona(), indexes=wanted, url=options.sandbox, env=env, keep=options.keep
        ) as played:
            yield replace(played, state=options.state)
        return
    from publisher.publish.identity import masked

    yield World(
        wanted,
        masked(_tokens(options, provider, trust, terminal), mask),
        trust_config=trust,
        public_log=trust is None,
        state=(options.state or _state(options)) if command in {"publish", "attest"} else None,
        vouched=options.provider_claims is None,
    )


def _state(options: Options) -> Path:
    """Where no build backend takes it for a part of the project: they leave ``dist`` out."""
    from publisher.publish.sources import is_project

    return options.packages_dir / STATE if is_project(Path()) else STATE


def _tokens(
    options: Options, provider: Provider, trust: str | None, terminal: TextIO
) -> TokenSource:
    from publisher.publish.identity import ambient, from_file

    if options.identity == "email":
        from publisher.publish import person

        tokens = person.logged_in(trust, terminal, allow=options.allow)
        tokens("sigstore", spend=False)  # log in now, while nothing else is on the terminal
        return tokens
    if options.id_token_file:
        return from_file(options.id_token_file)
    return ambient(provider)


def tls_roots(env: Mapping[str, str]) -> Path | None:
    """``SSL_CERT_FILE``, which requests leaves out; its own two variables come first."""
    theirs = env.get("REQUESTS_CA_BUNDLE") or env.get("CURL_CA_BUNDLE")
    return Path(env["SSL_CERT_FILE"]) if env.get("SSL_CERT_FILE") and not theirs else None
