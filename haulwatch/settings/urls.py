"""Checks of URLs in the settings. Errors repeat nothing of a URL: it may carry a password."""

import re
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

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


_PLACES: Final = ("{z}", "{x}", "{y}")
_PLACE: Final = re.compile(r"\{(?:z|x|y|token)\}")
KEYS: Final = ("tk", "key", "ak", "token", "access_token", "apikey", "api_key", "api-key")
"""Parameters by which tile services take a token."""


def tile_urls(text: str) -> str:
    """Templates of tile URLs, with spaces between."""
    templates = text.split()
    if not 0 < len(templates) <= 4:
        raise ValueError("give one to four URLs")
    for template in templates:
        parts = _split(template, ("http", "https"))
        if not parts.hostname or parts.username or parts.password:
            raise ValueError("each URL must name a host, and no user or password")
        if any(template.count(place) != 1 for place in _PLACES):
            raise ValueError("each URL must have {z}, {x} and {y} once")
        if any(place in parts.netloc for place in ("{", "}")):
            raise ValueError("the host must be one host: write it out")
        if set("{}") & set(_PLACE.sub("", template)):
            raise ValueError("of braces only {z}, {x}, {y} and {token} have a meaning")
        if any(name.lower() in KEYS and value != "{token}" for name, value in parse_qsl(parts.query)):
            raise ValueError("carries a token: write {token} in its place, and put it into HAULWATCH_MAP_TILES_TOKEN")
    return " ".join(templates)


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
