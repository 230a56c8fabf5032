"""Pseudonyms of people at recycling points: HMAC-SHA256 of the card or code, by a key that stays with the operator.

Numbers of cards are few enough to try them all, so a plain hash would hide nobody: without the key nothing leads from a
pseudonym back to a card, and with it every card can be tried. The key is 32 random bytes; as text it is its base64.
"""

import base64
import binascii
import hmac
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Self

from devices.errors import OperatorError
from rules.recyclables.model import IdKind, comparable_id

KEY_BYTES: Final = 32


class BadPseudonymKey(OperatorError):
    """The text is no key. The message repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class PseudonymKey:
    """The key. Its `repr` shows the id only."""

    _key: bytes = field(repr=False)

    @classmethod
    def new(cls) -> Self:
        return cls(secrets.token_bytes(KEY_BYTES))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises BadPseudonymKey."""
        try:
            key = base64.b64decode(text.strip(), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != KEY_BYTES:
            raise BadPseudonymKey(
                "the key of deposits is no key that `haulwatch deposits key` wrote: put the file back as it was"
            )
        return cls(key)

    @property
    def id(self) -> str:
        """Tells keys apart, and nothing of the key."""
        return sha256(b"haulwatch deposits key id " + self._key).hexdigest()[:16]

    def text(self) -> str:
        """The key as `parse` reads it. It is the secret itself."""
        return base64.b64encode(self._key).decode() + "\n"

    def pseudonym(self, kind: IdKind, text: str) -> str:
        """The pseudonym of a card or code that names somebody (`comparable_id`), 64 hex digits."""
        return hmac.new(self._key, f"haulwatch deposit 1 {kind} {comparable_id(text)}".encode(), sha256).hexdigest()
