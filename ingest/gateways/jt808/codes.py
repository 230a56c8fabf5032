"""The code that a terminal gets when it registers, and shows at each connection.

It is made from the phone number and a secret, so the gateway keeps no list of terminals, and a restart forgets none.
"""

import hmac
from typing import Final

_DIGITS: Final = 16
"""64 bits. Some terminals keep no more than 20 characters."""


class Codes:
    """Makes and checks codes under one secret. Another secret makes every terminal register anew."""

    def __init__(self, secret: bytes) -> None:
        """Raises ValueError: the secret has fewer than 16 bytes."""
        if len(secret) < 16:
            raise ValueError("a secret has 16 bytes or more")
        self._secret = secret

    def code_of(self, phone: str) -> str:
        """The code of a terminal: 16 hexadecimal digits."""
        return hmac.digest(self._secret, phone.encode(), "sha256").hex()[:_DIGITS]

    def is_right(self, phone: str, code: str) -> bool:
        """Return whether this is the terminal's code, in the same time for every wrong one."""
        return hmac.compare_digest(self.code_of(phone).encode(), code.encode())

    def __repr__(self) -> str:
        return "Codes()"
