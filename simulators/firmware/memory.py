"""Memory of a device over a restart: the next sequence number, the last session, and what commands changed."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Protocol

_RESERVED: Final = 256
"""Numbers reserved with each write: a crash skips at most this many and never uses one twice."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """Counters of one device. The defaults mean a new device: its first number and first session are 1."""

    next_seq: int = 1
    session: int = 0


class DeviceMemory(Protocol):
    """Storage for what devices remember."""

    def recall(self, device_id: str) -> Remembered: ...

    def keep(self, device_id: str, state: Remembered) -> None:
        """Durable against a crash of the process when it returns."""

    def recall_orders(self, device_id: str) -> str | None:
        """State of the commands as last kept; None before the first."""

    def keep_orders(self, device_id: str, state: str) -> None:
        """Durable against a crash of the process when it returns."""


class FolderMemory:
    """Two small files per device, replaced atomically."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def recall(self, device_id: str) -> Remembered:
        try:
            state = json.loads(self._file(device_id).read_text())
        except FileNotFoundError:
            return Remembered()
        return Remembered(int(state["next_seq"]), int(state["session"]))

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
    """A device's counters. Sequence numbers are reserved in blocks, so that not every reading wears the flash."""

    def __init__(self, device_id: str, memory: DeviceMemory) -> None:
        self._device_id = device_id
        self._memory = memory
        state = memory.recall(device_id)
        self._next_seq = self._reserved = state.next_seq
        self._session = state.session

    def next_seq(self) -> int:
        """One number per reading taken: a gap in what arrives is a reading that did not."""
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
        """Give back the numbers reserved and not used, at an orderly end."""
        self._keep(self._next_seq)

    def _keep(self, next_seq: int) -> None:
        self._memory.keep(self._device_id, Remembered(next_seq, self._session))


def replace_text(path: Path, text: str) -> None:
    """Replace a file: a reader sees the old text or the new one, never half of one."""
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    new.replace(path)
