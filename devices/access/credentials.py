"""Secrets of devices. Only Mosquitto's salted hash is kept, never the secret itself."""

import hashlib
import os
import re
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import Final, Self

from devices.errors import OperatorError

MIN_SECRET_CHARS: Final = 16
"""Shortest secret that a person may choose; the hash is fast, so the secret has to be long."""
_SECRET_BYTES: Final = 24
_SALT_BYTES: Final = 12
_ITERATIONS: Final = 101
"""The value of mosquitto_passwd 2.0. More would not help: a secret of 192 random bits cannot be guessed, and the broker
hashes at every connection, and again for every connected device when it reloads its files."""
_BASE64: Final = r"((?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)"
_FORM: Final = re.compile(rf"\$7\$([0-9]{{1,9}})\${_BASE64}\${_BASE64}")


class BadHash(OperatorError, ValueError):
    """The text is no hash in the `$7$` format of Mosquitto 2."""


def new_secret() -> str:
    """Return 192 random bits as 32 characters of `A-Z a-z 0-9 _ -`: nothing to escape in a URL, a shell or a form."""
    return secrets.token_urlsafe(_SECRET_BYTES)


@dataclass(frozen=True, slots=True)
class HashedSecret:
    """PBKDF2-HMAC-SHA512 of a secret; `str` gives the format of Mosquitto's password files."""

    iterations: int
    salt: bytes
    digest: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: str) -> Self:
        """Hash a secret with a new salt, so that equal secrets have unequal hashes."""
        salt = os.urandom(_SALT_BYTES)
        return cls(_ITERATIONS, salt, hashlib.pbkdf2_hmac("sha512", secret.encode(), salt, _ITERATIONS))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `$7$iterations$salt$hash`. Raises BadHash, also for the `$6$` of Mosquitto 1."""
        match = _FORM.fullmatch(text)
        if match is None:
            raise BadHash("not a hash of the form $7$iterations$salt$hash: create it with mosquitto_passwd 2.0")
        return cls(int(match[1]), b64decode(match[2]), b64decode(match[3]))

    def __str__(self) -> str:
        return f"$7${self.iterations}${b64encode(self.salt).decode()}${b64encode(self.digest).decode()}"
