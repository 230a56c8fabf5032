"""Readings kept in few bytes: as MessagePack, compressed in blocks."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from msgspec.structs import astuple

from devices.readings.models import MODELS, Kind, Reading
from rules.engine.reorder_buffer import BufferedReading, order_key

FIELDS: Final[Mapping[Kind, tuple[str, ...]]] = {kind: model.__struct_fields__ for kind, model in MODELS.items()}
"""Fields of readings, in the order in which packs hold their values."""
_BLOCK: Final = 64
"""Readings a block: a truck's 64 positions take about 2 KB instead of 8."""
_OVERHEAD_BYTES: Final = 40
"""Python's own bytes around an entry that no block holds yet."""

_ENCODER: Final = msgspec.msgpack.Encoder()
_ENTRIES: Final = msgspec.msgpack.Decoder(list[tuple[int, Kind, list[Any]]])


@dataclass(slots=True)
class Block:
    """Readings that are compressed together. Never changed."""

    newest: int
    """Newest device time in it, ms."""
    readings: int
    packed: bytes


@dataclass(slots=True)
class ReadingPack:
    """Readings in the order in which they were added."""

    blocks: list[Block] = field(default_factory=list)
    loose: list[bytes] = field(default_factory=list)
    """Packed one by one, until they make a block."""
    loose_newest: int = 0
    count: int = 0
    size: int = 0
    """Bytes, about."""

    def add(self, buffered: BufferedReading) -> int:
        """Add a reading and return by how many bytes the pack grew; it shrinks when a block is made."""
        reading = buffered.reading
        packed = _ENCODER.encode((buffered.at, reading.kind, astuple(reading)))
        self.loose.append(packed)
        self.loose_newest = max(self.loose_newest, buffered.ts)
        self.count += 1
        grown = len(packed) + _OVERHEAD_BYTES
        self.size += grown
        return grown if len(self.loose) < _BLOCK else grown + self._make_block()

    def holds(self, reading: Reading) -> bool:
        """True if a reading with the same order key is in it."""
        key = order_key(reading)
        packed = [zlib.decompress(block.packed) for block in self.blocks if block.newest >= reading.ts]
        return any(
            order_key(entry.reading) == key
            for part in (*packed, _array(self.loose))
            for entry in _unpacked(part, reading.ts - 1, FIELDS, reading.kind)
        )

    def after(self, start: int, fields: Mapping[Kind, Sequence[str]] = FIELDS) -> list[BufferedReading]:
        """Readings after this device time, in the order in which they were added."""
        found: list[BufferedReading] = []
        for block in self.blocks:
            if block.newest > start:
                found += _unpacked(zlib.decompress(block.packed), start, fields)
        if self.loose and self.loose_newest > start:
            found += _unpacked(_array(self.loose), start, fields)
        return found

    def drop_until(self, start: int) -> None:
        """Forget the blocks without a reading after this device time."""
        self.blocks = [block for block in self.blocks if block.newest > start]
        if self.loose_newest <= start:
            self.loose, self.loose_newest = [], 0
        self.measure()

    def drop_after(self, start: int) -> None:
        """Forget the readings after this device time, and only those."""
        mixed = [block for block in self.blocks if block.newest > start]
        if not mixed and self.loose_newest <= start:
            return
        remaining: list[BufferedReading] = []
        for packed in (*(zlib.decompress(block.packed) for block in mixed), _array(self.loose)):
            remaining += [entry for entry in _unpacked(packed, 0, FIELDS) if entry.ts <= start]
        self.blocks = [block for block in self.blocks if block.newest <= start]
        self.loose, self.loose_newest = [], 0
        self.measure()
        for entry in remaining:
            self.add(entry)

    def _make_block(self) -> int:
        """Compress the loose readings; return by how many bytes the pack grew."""
        block = Block(self.loose_newest, len(self.loose), zlib.compress(_array(self.loose), level=1))
        grown = len(block.packed) + _OVERHEAD_BYTES - _size_of(self.loose)
        self.blocks.append(block)
        self.loose, self.loose_newest = [], 0
        self.size += grown
        return grown

    def measure(self) -> None:
        """Count readings and bytes anew."""
        self.count = sum(block.readings for block in self.blocks) + len(self.loose)
        self.size = _size_of([block.packed for block in self.blocks]) + _size_of(self.loose)


def _size_of(parts: list[bytes]) -> int:
    return sum(map(len, parts)) + _OVERHEAD_BYTES * len(parts)


def _array(packed: list[bytes]) -> bytes:
    """The entries as one MessagePack array."""
    return b"\xdd" + len(packed).to_bytes(4, "big") + b"".join(packed)


def _unpacked(
    array: bytes, start: int, fields: Mapping[Kind, Sequence[str]], only: Kind | None = None
) -> list[BufferedReading]:
    found: list[BufferedReading] = []
    for at, kind, values in _ENTRIES.decode(array):
        if only is not None and kind is not only:
            continue
        reading = msgspec.convert(dict(zip(fields[kind], values, strict=True)), MODELS[kind])
        if reading.ts > start:
            found.append(BufferedReading(reading.ts, at, reading))
    return found
