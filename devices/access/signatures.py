"""Ed25519 signatures of evidence packs: the key of an installation, and the check of what somebody else signed.

`haulwatch evidence key` makes the key; `ingest.evidence` signs and verifies with it.
"""

from hashlib import sha256
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from devices.access.mosquitto_files import write_files
from devices.bounded_files import read_bounded
from devices.errors import OperatorError

PRIVATE_FILE: Final = "signing_key.pem"
PUBLIC_FILE: Final = "public_key.pem"
MAX_KEY_BYTES: Final = 8_192
_OTHERS: Final = 0o077


class NoSigningKey(OperatorError):
    """There is no key yet."""


class BadKey(OperatorError):
    """The file is no Ed25519 key, or not one that may be used."""


class KeyExists(OperatorError):
    """There is a key already; packs that it signed are verified by it."""


class PublicKey:
    """Verifies. Its id is the first 16 hex digits of the SHA-256 of its 32 bytes: a name for people, no proof of
    identity. Two keys are the same where their `pem` is.
    """

    def __init__(self, pem: bytes) -> None:
        """Raises BadKey."""
        try:
            key = load_pem_public_key(pem)
        except (ValueError, TypeError) as exc:
            raise BadKey("is no public key in PEM form: give the file that `haulwatch evidence key` wrote") from exc
        if not isinstance(key, Ed25519PublicKey):
            raise BadKey("is no Ed25519 key: give the file that `haulwatch evidence key` wrote")
        self._key = key
        self.id = sha256(key.public_bytes_raw()).hexdigest()[:16]
        self.pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def verifies(self, signature: bytes, content: bytes) -> bool:
        """True if the signature is that of the owner of the private key over this content."""
        try:
            self._key.verify(signature, content)
        except InvalidSignature:
            return False
        return True


class SigningKey:
    """Signs with a private key that stays on the machine. Ed25519: every signature of the same bytes is the same."""

    def __init__(self, pem: bytes) -> None:
        """Raises BadKey."""
        try:
            key = load_pem_private_key(pem, None)
        except (ValueError, TypeError) as exc:
            raise BadKey("is no private key in PEM form without a password") from exc
        if not isinstance(key, Ed25519PrivateKey):
            raise BadKey("is no Ed25519 key")
        self._key = key
        self.pem = pem
        self.public = PublicKey(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    @classmethod
    def create(cls) -> Self:
        key = Ed25519PrivateKey.generate()
        return cls(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def sign(self, content: bytes) -> bytes:
        """64 bytes."""
        return self._key.sign(content)


def keep_new_key(folder: Path) -> SigningKey:
    """Make the key of this installation: the private file for this user only. Raises KeyExists, OSError."""
    if (folder / PRIVATE_FILE).exists():
        raise KeyExists(
            f"{folder / PRIVATE_FILE}: is there already: keep it, since packs that it signed are verified by it; to "
            "begin with another one, move both files to an archive first"
        )
    key = SigningKey.create()
    write_files(folder, {PRIVATE_FILE: key.pem.decode(), PUBLIC_FILE: key.public.pem.decode()})
    return key


def kept_key(folder: Path) -> SigningKey:
    """The key of this installation. Raises NoSigningKey, BadKey, OSError."""
    path = folder / PRIVATE_FILE
    try:
        mode = path.stat().st_mode
        pem = read_bounded(path, MAX_KEY_BYTES, "it is no key")
    except FileNotFoundError as exc:
        raise NoSigningKey("there is no key to sign evidence with: make it with `haulwatch evidence key`") from exc
    except ValueError as exc:
        raise BadKey(f"{path} {exc}") from exc
    if mode & _OTHERS:
        raise BadKey(f"{path}: others may read it: `chmod 600 {path}`, and consider it known to them")
    try:
        return SigningKey(pem)
    except BadKey as exc:
        raise BadKey(f"{path} {exc}") from exc
