"""Passwords: their rules, and Argon2id hashes of them (RFC 9106).

The only module that imports argon2.
"""

from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from devices.people.model import Refused

MIN_CHARS: Final = 12
"""NIST SP 800-63B asks for 8 with a second factor and 15 without; between them, since failures lock a name."""
MAX_CHARS: Final = 256
_HASHER: Final = PasswordHasher()
"""The library's parameters, those of RFC 9106 for 64 MiB: 40 to 100 ms on one core."""
_NOBODY: Final = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdC1vZi1ub2JvZHktMQ$VGhpcyBpcyBubyBwYXNzd29yZCBvZiBhbnlib2R5ISE"
"""A hash that no password has: names without an account take as long as others."""


def check_password(password: str, name: str) -> None:
    """Raise Refused for one that is too short, too long, the name, or no text in UTF-8: then it cannot be hashed."""
    if any("\ud800" <= char <= "\udfff" for char in password):
        raise Refused("password: give text in UTF-8")
    if not MIN_CHARS <= len(password) <= MAX_CHARS:
        raise Refused(f"password: give {MIN_CHARS} to {MAX_CHARS} characters")
    if password.strip().lower() == name or len(set(password)) < 4:
        raise Refused("password: give one that is not the name, nor a few characters repeated")


def hash_password(password: str) -> str:
    return _HASHER.hash(password)


def is_password(password: str, password_hash: str | None) -> bool:
    """Return whether it is the password of this hash; with None or "", False, after the time that another takes."""
    try:
        _HASHER.verify(password_hash or _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return bool(password_hash)
