"""Checks of URLs in the settings. Errors repeat nothing of a URL: it may carry a password."""

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

_HOST_NAME: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")


def _split(url: str, schemes: tuple[str, ...]) -> SplitResult:
    """Raises ValueError that repeats nothing of the URL: it may carry a password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("is not a URL, or its port is not a number from 1 to 65535") from None
    if parts.scheme not in schemes:
        raise ValueError(f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    if port == 0:
        raise ValueError("port 0 is not a port")
    return parts


def http_url(url: str) -> str:
    parts = _split(url, ("http", "https"))
    if not parts.hostname:
        raise ValueError("names no host")
    if parts.username or parts.password:
        raise ValueError("carries a password: put user:password into HAULWATCH_INFLUX_TOKEN, a token into its own")
    return url.rstrip("/")


def http_origins(text: str) -> str:
    """Origins as browsers name them, with spaces between."""
    for origin in text.split():
        parts = urlsplit(http_url(origin))
        if origin != f"{parts.scheme}://{parts.netloc}" or origin != origin.lower():
            raise ValueError(f"{origin} is not an origin: scheme://host or scheme://host:port, in small letters")
    return " ".join(text.split())


def host_names(text: str) -> str:
    """Host names, with spaces between."""
    for name in text.split():
        if not _HOST_NAME.fullmatch(name):
            raise ValueError(f"{name} is not a host name: write it without scheme, port and path")
    return " ".join(text.lower().split())


def database_url(url: SecretStr) -> SecretStr:
    text = url.get_secret_value()
    parts = _split(text, ("sqlite", "postgresql", "postgresql+psycopg"))
    if parts.scheme == "postgresql":
        return SecretStr(text.replace("postgresql:", "postgresql+psycopg:", 1))
    return url
