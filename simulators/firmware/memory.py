"""What a device remembers over a restart: the next sequence number, the last session, and what it was told to do."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Protocol

_RESERVED: Final = 256
"""Numbers set aside with each write: a crash skips at most this many, and never uses one twice."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """Nothing used yet: the first sequence number and the first session are 1."""

    next_seq: int = 1
    session: int = 0


class DeviceMemory(Protocol):
    """Where a device keeps it."""

    def recall(self, device_id: str) -> Remembered: ...

    def keep(self, device_id: str, state: Remembered) -> None:
        """Durable against a crash of the process when it returns."""

    def recall_orders(self, device_id: str) -> str | None:
        """As `keep_orders` had it; None before the first."""

    def keep_orders(self, device_id: str, state: str) -> None:
        """Durable as well."""


class FolderMemory:
    """Two small files per device, replaced atomically."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def recall(self, device_id: str) -> Remembered:
        try:
            found = json.loads(self._file(device_id).read_text())
        except FileNotFoundError:
            return Remembered()
        return Remembered(int(found["next_seq"]), int(found["session"]))

    def keep(self, device_id: str, state: Remembered) -> None:
        replace_text(self._file(device_id), json.dumps(asdict(state)))

    def recall_orders(self, device_id: str) -> str | None:
        try:
            return self._orders_file(device_id).read_text()
        except FileNotFoundError:
            return None

    def keep_orders(self, device_id: str, state: str) -> None:
        replace_text(self._orders_file(device_id), state)

    def _file(self, device_id: str) -> Path:
        return self._folder / f"{device_id}.json"

    def _orders_file(self, device_id: str) -> Path:
        return self._folder / f"{device_id}.orders"


class Counters:
    """A device's numbers, taken from memory in blocks so that the flash is not worn by every reading."""

    def __init__(self, device_id: str, memory: DeviceMemory) -> None:
        self._device_id = device_id
        self._memory = memory
        state = memory.recall(device_id)
        self._next_seq = self._reserved = state.next_seq
        self._session = state.session

    def next_seq(self) -> int:
        """One per reading taken, whether or not it will ever arrive: a gap is a reading that never did."""
        if self._next_seq >= self._reserved:
            self._reserved = self._next_seq + _RESERVED
            self._keep(self._reserved)
        self._next_seq += 1
        return self._next_seq - 1

    def next_session(self) -> int:
        self._session += 1
        self._keep(self._reserved)
        return self._session

    def close(self) -> None:
        """An orderly end: give back the numbers that were set aside and not used."""
        self._keep(self._next_seq)

    def _keep(self, next_seq: int) -> None:
        self._memory.keep(self._device_id, Remembered(next_seq, self._session))


def replace_text(path: Path, text: str) -> None:
    """A reader sees the old file or the new one, never half of one."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text)
    fresh.replace(path)
