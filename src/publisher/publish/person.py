"""A person's ID token: a login by Sigstore's own flow, and consent to what can't be undone."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection
from contextlib import redirect_stdout, suppress
from typing import TextIO

from publisher.errors import EmailInPublicLog, TokenRequestFailed
from publisher.models import Secret
from publisher.publish.identity import claims_of
from publisher.transport import LOST
from publisher.verify import core
from publisher.world import TokenSource

ENOUGH = 15.0  # seconds that a token must last; Sigstore's tokens for persons live about a minute
ALLOW = f"Everybody can search it for the address. If that is fine: --allow {EmailInPublicLog.code}"


def logged_in(config: str | None, terminal: TextIO, *, allow: Collection[str] = ()) -> TokenSource:
    """The way to ID tokens of a person: in a browser, here or on another machine.

    Sigstore's flow asks for a code on ``terminal`` where it finds no browser. No token is given
    out before the person has agreed that their address becomes public: by ``allow``, or by
    typing it.

    Args:
        config: A ClientTrustConfig as JSON, which names the login; by default the public one.
        terminal: What is asked there is answered on standard input.
        allow: The findings that are accepted.
    """
    held: list[Secret] = []
    agreed = set[str]()

    def fetch(audience: str, *, spend: bool = True) -> Secret:  # noqa: ARG001 - all one
        if held and _lasts(held[0]):
            return held[0]
        asked = EmailInPublicLog.code not in allow
        if asked and not sys.stdin.isatty():
            raise EmailInPublicLog(
                "signing as a person writes their e-mail address into a public log, for ever",
                hint=f"{ALLOW}. On a terminal you are asked.",
            )
        with redirect_stdout(terminal):  # sigstore asks there, and it may be the report's
            token = _log_in(config)
            address = str(claims_of(token).get("email"))
            if asked and address not in agreed:
                _agree(address)
        agreed.add(address)
        held[:] = [token]
        return token

    return fetch


def _lasts(token: Secret) -> bool:
    ends = claims_of(token).get("exp")
    return isinstance(ends, int | float) and ends > time.time() + ENOUGH


def _agree(address: str) -> None:
    """Let the person type their address; nothing was sent to any log yet."""
    typed = ""
    with suppress(EOFError):
        typed = input(
            f"Signing writes {address} into a public log, for ever.\n"
            "To go on, type the address; anything else stops: "
        )
    if typed.strip() != address:
        raise EmailInPublicLog(
            f"{address} is not to stand in a public log, so nothing was signed",
            facts={"email": address},
            hint=ALLOW,
        )


def _log_in(config: str | None) -> Secret:
    from sigstore.errors import Error
    from sigstore.oidc import Issuer, IssuerError

    where = ""
    try:
        where = core.trust(config).signing_config.get_oidc_url()
        return Secret(str(Issuer(where).identity_token()))
    except (Error, IssuerError, *LOST, EOFError, ValueError, LookupError) as error:
        raise TokenRequestFailed(
            "the login gave no ID token",
            facts={"provider": where, "reason": f"{type(error).__name__}: {error}"},
            hint="Nothing was signed. Run again, and finish the login in the browser.",
        ) from error
