"""Seals names and contacts of informants: AES-256-GCM, bound to the number of the report, by keys with ids.

A ring of keys is text, one key a line: its id and 32 bytes in base64. The first seals; all of them open, so that a new
key may come while what others sealed stays readable. The id is the first 16 hex digits of the key's SHA-256.
"""

import base64
import binascii
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from devices.errors import OperatorError
from rules.public_reports.model import Informant

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
"""Random. NIST SP 800-38D, 8.3, allows 2^32 seals by one key with random nonces."""
BLOCK_BYTES: Final = 256
"""What is sealed is filled up to a multiple of it, so that its length tells little about a name."""
_MAX_KEYS: Final = 64


class NoInformantKey(OperatorError):
    """There is no key, or not the one that sealed this."""


class BadInformantKey(OperatorError):
    """The text is no ring of keys. The message repeats nothing of it."""


class Unsealable(OperatorError):
    """What is kept was changed, or belongs to another report."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed informant, as the table keeps it."""

    key_id: str
    nonce: bytes
    content: bytes


class InformantKeys:
    """A ring of keys. Its `repr` shows ids only."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """`keys`: by id, the one that seals first."""
        self._keys = dict(keys)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises BadInformantKey."""
        keys: dict[str, bytes] = {}
        for number, line in enumerate(filter(None, map(str.strip, text.splitlines())), start=1):
            key_id, _, encoded = line.partition(" ")
            try:
                key = base64.b64decode(encoded.strip(), validate=True)
            except (binascii.Error, ValueError):
                key = b""
            if len(key) != KEY_BYTES or key_id != _id_of(key) or number > _MAX_KEYS:
                raise BadInformantKey(
                    f"the keys of informants, line {number}: is no key that `haulwatch report key` wrote: put the file "
                    "back as it was"
                )
            keys[key_id] = key
        return cls(keys)

    def with_new(self) -> Self:
        """The ring with a new key, which seals from now on."""
        key = AESGCM.generate_key(KEY_BYTES * 8)
        return type(self)({_id_of(key): key, **self._keys})

    def only_newest(self) -> Self:
        """The ring without the keys that seal no more."""
        return type(self)(dict(list(self._keys.items())[:1]))

    def text(self) -> str:
        """The ring as `parse` reads it. It is the secret itself."""
        return "".join(f"{key_id} {base64.b64encode(key).decode()}\n" for key_id, key in self._keys.items())

    @property
    def ids(self) -> tuple[str, ...]:
        """The one that seals first."""
        return tuple(self._keys)

    def seal(self, report_no: int, informant: Informant) -> Sealed:
        """Raises NoInformantKey."""
        if not self._keys:
            raise NoInformantKey("there is no key to seal a name with: make it with `haulwatch report key`")
        key_id, key = next(iter(self._keys.items()))
        plain = json.dumps(informant.model_dump(), ensure_ascii=False).encode()
        filled = plain + b" " * (-len(plain) % BLOCK_BYTES)
        nonce = secrets.token_bytes(NONCE_BYTES)
        return Sealed(key_id, nonce, AESGCM(key).encrypt(nonce, filled, _bound_to(report_no, key_id)))

    def open(self, report_no: int, sealed: Sealed) -> Informant:
        """Raises NoInformantKey, Unsealable."""
        key = self._keys.get(sealed.key_id)
        if key is None:
            raise NoInformantKey(
                f"the key {sealed.key_id}, which sealed this name, is not among the keys of this server: put it back"
            )
        try:
            plain = AESGCM(key).decrypt(sealed.nonce, sealed.content, _bound_to(report_no, sealed.key_id))
        except (InvalidTag, ValueError) as exc:
            raise Unsealable("the sealed name was changed, or belongs to another report") from exc
        return Informant.model_validate_json(plain)

    def __repr__(self) -> str:
        return f"InformantKeys({', '.join(self._keys)})"


NO_KEYS: Final = InformantKeys({})


def _id_of(key: bytes) -> str:
    return sha256(key).hexdigest()[:16]


def _bound_to(report_no: int, key_id: str) -> bytes:
    """Authenticated, not sealed: a row that is moved to another report does not open there."""
    return f"haulwatch informant 1 {report_no} {key_id}".encode()
