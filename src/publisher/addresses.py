r"""What an address says by itself: whether it is this machine, and whether it may get a secret.

The host is the one that urllib3 will dial: ``urlsplit`` finds another one in
``https://127.0.0.1\@index.example/``.
"""

from __future__ import annotations

import functools
import ipaddress
import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]|^\s|\s$")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def is_loopback(url: str) -> bool:
    """Whether the host of ``url`` is this machine (127.0.0.0/8, ::1 or localhost)."""
    _, host = _place(url)
    address = _address(host)
    return address.is_loopback if address else host == "localhost"


def carries_secrets(url: str) -> bool:
    """Whether a secret may be sent to ``url``: https, or plain http to this machine."""
    scheme, _ = _place(url)
    return scheme == "https" or is_loopback(url)


def is_public(url: str) -> bool:
    """Whether ``url`` is https and names no address of this machine or of a private network."""
    scheme, host = _place(url)
    if address := _address(host):
        return scheme == "https" and address.is_global
    # a name, which is what index and files have; those below localhost are this machine (RFC 6761)
    return scheme == "https" and _last_label(host) != "localhost"


@functools.lru_cache(maxsize=256)
def _place(url: str) -> tuple[str, str]:
    """Scheme and host; both empty if it is not http, or if two readers could differ about it."""
    from urllib3.util import parse_url  # the command line is answered without it

    nowhere = "", ""
    if _CONTROL.search(url):
        return nowhere
    try:
        parts = parse_url(url)
    except ValueError:
        return nowhere
    host = (parts.host or "").strip("[]")
    if parts.scheme not in {"http", "https"} or not host or parts.auth is not None:
        return nowhere
    if _NUMBER.fullmatch(_last_label(host)) and not _address(host):
        return nowhere  # 127.1 and 2130706433 are 127.0.0.1 to the system (inet_aton(3))
    return parts.scheme, host


def _last_label(host: str) -> str:
    return host.rstrip(".").rpartition(".")[2]


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
