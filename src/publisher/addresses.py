"""What an address says by itself: whether it is this machine, and whether it may get a secret."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_loopback(url: str) -> bool:
    """Whether the host of ``url`` is this machine (127.0.0.0/8, ::1 or localhost)."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def carries_secrets(url: str) -> bool:
    """Whether a secret may be sent to ``url``: https, or plain http to this machine."""
    if is_loopback(url):
        return True
    try:
        return urlsplit(url).scheme == "https"
    except ValueError:
        return False


def is_public(url: str) -> bool:
    """Whether ``url`` is https and names no address of this machine or of a private network."""
    try:
        parts = urlsplit(url)
        if parts.scheme != "https" or is_loopback(url):
            return False
        return ipaddress.ip_address(parts.hostname or "").is_global
    except ValueError:  # a name, which is what index and files have
        return urlsplit(url).scheme == "https"
