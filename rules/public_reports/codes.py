"""The secret code by which an informant asks for the state of a report: shown once, kept as a hash."""

import hmac
import secrets
from hashlib import sha256
from typing import Final

ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""No 0 O 1 I L U: what is written down by hand is read again."""
CHARS: Final = 12
"""59 bits: at ten guesses a minute for each of a million addresses, half of all take 50,000 years."""
_GROUP: Final = 4


def new_code() -> str:
    return _grouped("".join(secrets.choice(ALPHABET) for _ in range(CHARS)))


def code_from(secret: bytes) -> str:
    """The code that belongs to 32 secret bytes: always the same."""
    number = int.from_bytes(secret, "big")
    chars = []
    for _ in range(CHARS):
        number, index = divmod(number, len(ALPHABET))
        chars.append(ALPHABET[index])
    return _grouped("".join(chars))


def hash_of(report_no: int, code: str) -> str:
    """Of a code as somebody typed it: case, spaces and hyphens do not count.

    A fast hash: the code is random, and opens the words "in work" or "closed" only.
    """
    plain = "".join(char for char in code.upper() if char.isalnum())
    return sha256(f"{report_no} {plain}".encode()).hexdigest()


def is_code(report_no: int, code: str, code_hash: str) -> bool:
    return hmac.compare_digest(hash_of(report_no, code), code_hash)


def _grouped(code: str) -> str:
    return "-".join(code[start : start + _GROUP] for start in range(0, len(code), _GROUP))
