"""Addresses that may be used for signing on."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_protected(url: str, *, loopback: bool = True) -> bool:
    """Return whether nobody on the way can read or change what is sent there: https, or this machine itself."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    return loopback and parts.scheme == "http" and (host == "localhost" or _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
