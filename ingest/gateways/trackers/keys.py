"""Keys of trackers: who may speak for which device. A file of lines `device key`; `*` is a server that forwards.

BadKeys    the file cannot be used
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from devices.errors import OperatorError
from devices.readings.ids import DEVICE_ID_PATTERN

ANY: Final = "*"
"""In place of a device: the key of a server, which may speak for every device."""
MAX_BYTES: Final = 8_388_608
"""Of the file: a hundred thousand devices."""
_OTHERS: Final = 0o077
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{16,128}")
"""It travels in URLs."""
_DEVICE_ID: Final = re.compile(DEVICE_ID_PATTERN)


class BadKeys(OperatorError):
    """The file of keys cannot be used. Never names a key."""


class Keys:
    """Keys by device. Holds their hashes only."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._hashes = {device_id: _hash(key) for device_id, key in keys.items()}
        self._all = frozenset(self._hashes.values())

    def has(self, key: str) -> bool:
        """Whether this is the key of anybody."""
        return _hash(key) in self._all

    def allows(self, device_id: str, key: str) -> bool:
        """Whether who has this key may speak for the device. Takes the same time for every wrong key."""
        given, found = _hash(key), False
        for name in (device_id, ANY):
            found |= hmac.compare_digest(given, self._hashes.get(name, b""))
        return found


def read_keys(path: Path) -> Keys:
    """Read the file. Raises BadKeys, OSError."""
    stat = path.stat()
    if stat.st_mode & _OTHERS:
        raise BadKeys(f"{path}: others may read it: `chmod 600 {path}`")
    if stat.st_size > MAX_BYTES:
        raise BadKeys(f"{path} has {stat.st_size} bytes, at most {MAX_BYTES} are taken")
    keys: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.split()
        if len(parts) != 2 or not (parts[0] == ANY or _DEVICE_ID.fullmatch(parts[0])) or not _KEY.fullmatch(parts[1]):
            raise BadKeys(
                f"{path}:{number}: write `DEVICE KEY`, a key of 16 to 128 letters, digits, _ and -; `*` for a server "
                "that forwards for all devices"
            )
        if parts[0] in keys:
            raise BadKeys(f"{path}:{number}: {parts[0]} has a key already")
        keys[parts[0]] = parts[1]
    if not keys:
        raise BadKeys(f"{path} has no key: write a line `DEVICE KEY` for each device")
    return Keys(keys)


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
