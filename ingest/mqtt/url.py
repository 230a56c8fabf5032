"""The broker's URL: `mqtt[s]://user:password@host:port`."""

import ssl
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import unquote, urlsplit

_DEFAULT_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class MqttUrl:
    """A broker's address and credentials; the password stays out of `repr` and `str`."""

    host: str
    port: int
    tls: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a URL; reserved characters in user and password are percent-encoded.

        Raises ValueError, whose text names the mistake and never repeats the password.
        """
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            # The message of `urlsplit` may repeat a part of the password.
            raise ValueError(f"{_FORM}: the host or port cannot be read ({_ENCODING})") from None
        if parts.scheme not in _DEFAULT_PORTS:
            raise ValueError(f"{_FORM}: it must begin with mqtt:// or mqtts://")
        if not parts.hostname:
            raise ValueError(f"{_FORM}: the host is missing")
        if parts.path not in {"", "/"} or parts.query or parts.fragment:
            raise ValueError(f"{_FORM}: nothing may follow the port ({_ENCODING})")
        if parts.password is not None and not parts.username:
            raise ValueError(f"{_FORM}: a password needs a user")
        return cls(
            host=parts.hostname,
            port=port or _DEFAULT_PORTS[parts.scheme],
            tls=parts.scheme == "mqtts",
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password is not None else None,
        )

    def tls_context(self) -> ssl.SSLContext | None:
        """Settings of TLS that check the broker against the system's authorities; None if the URL asks for no TLS.

        Made anew for each connection, so that an authority that was renewed under way is trusted at the next one.
        """
        return ssl.create_default_context() if self.tls else None

    def __str__(self) -> str:
        credentials = "" if self.user is None else f"{self.user}{'' if self.password is None else ':***'}@"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"mqtt{'s' if self.tls else ''}://{credentials}{host}:{self.port}"


_FORM: Final = "an MQTT URL is mqtt[s]://user:password@host:port"
_ENCODING: Final = "a '/', '?', '#' or '@' in a password is percent-encoded"
