"""Readings kept in few bytes: the last few as they are, those before packed together, most of them compressed."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

import msgspec
from msgspec.structs import astuple

from devices.readings.models import MODELS, Kind, Reading
from rules.engine.reorder_buffer import BufferedReading, order_key

FIELDS: Final[Mapping[Kind, tuple[str, ...]]] = {kind: model.__struct_fields__ for kind, model in MODELS.items()}
"""Fields of readings, in the order in which packs hold their values."""
_PART: Final = 16
"""Readings packed in one go, in less than half the time that they take one by one."""
_BLOCK: Final = 8
"""Parts a block: a truck's 128 positions take about 2 KB instead of 58."""
_OVERHEAD_BYTES: Final = 40
"""Python's own bytes around a part or a block."""
_READING_BYTES: Final = 450
"""A position as Python objects, by `tracemalloc`; other readings are smaller."""

_ENCODER: Final = msgspec.msgpack.Encoder()
_PARTS: Final = msgspec.msgpack.Decoder(list[list[tuple[int, Kind, list[Any]]]])


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
    parts: list[bytes] = field(default_factory=list)
    """`_PART` readings each, until they make a block."""
    parts_newest: int = 0
    """Newest device time in them, ms."""
    recent: list[BufferedReading] = field(default_factory=list)
    """Those added last, until they make a part."""
    count: int = 0
    size: int = 0
    """Bytes, about."""

    def add(self, buffered: BufferedReading) -> int:
        """Add a reading and return by how many bytes the pack grew; it shrinks when a part or a block is made."""
        self.recent.append(buffered)
        self.count += 1
        self.size += _READING_BYTES
        return _READING_BYTES if len(self.recent) < _PART else _READING_BYTES + self._make_part()

    def holds(self, reading: Reading) -> bool:
        """True if a reading with the same order key is in it."""
        key = order_key(reading)
        if any(order_key(buffered.reading) == key for buffered in self.recent):
            return True
        packed = [zlib.decompress(block.packed) for block in self.blocks if block.newest >= reading.ts]
        return any(
            order_key(buffered.reading) == key
            for parts in (*packed, _joined(self.parts))
            for buffered in _unpacked(parts, reading.ts - 1, FIELDS, reading.kind)
        )

    def after(self, start: int, fields: Mapping[Kind, Sequence[str]] = FIELDS) -> list[BufferedReading]:
        """Readings after this device time, in the order in which they were added; `fields`: of those packed."""
        found: list[BufferedReading] = []
        for block in self.blocks:
            if block.newest > start:
                found += _unpacked(zlib.decompress(block.packed), start, fields)
        if self.parts and self.parts_newest > start:
            found += _unpacked(_joined(self.parts), start, fields)
        return found + [buffered for buffered in self.recent if buffered.ts > start]

    def drop_until(self, start: int) -> None:
        """Forget the blocks and parts without a reading after this device time."""
        self.blocks = [block for block in self.blocks if block.newest > start]
        if self.parts_newest <= start:
            self.parts, self.parts_newest = [], 0
        self.recent = [buffered for buffered in self.recent if buffered.ts > start]
        self.measure()

    def drop_after(self, start: int) -> None:
        """Forget the readings after this device time, and only those."""
        remaining: list[BufferedReading] = []
        mixed = [block for block in self.blocks if block.newest > start]
        for packed in (*(zlib.decompress(block.packed) for block in mixed), _joined(self.parts)):
            remaining += _unpacked(packed, 0, FIELDS)
        remaining += self.recent
        self.blocks = [block for block in self.blocks if block.newest <= start]
        self.parts, self.parts_newest, self.recent = [], 0, []
        self.measure()
        for buffered in remaining:
            if buffered.ts <= start:
                self.add(buffered)

    def measure(self) -> None:
        """Count readings and bytes anew."""
        self.count = sum(block.readings for block in self.blocks) + _PART * len(self.parts) + len(self.recent)
        packed = [*(block.packed for block in self.blocks), *self.parts]
        self.size = sum(map(len, packed)) + _OVERHEAD_BYTES * len(packed) + _READING_BYTES * len(self.recent)

    def _make_part(self) -> int:
        """Pack the recent readings; return by how many bytes the pack grew."""
        part = _packed(self.recent)
        self.parts.append(part)
        self.parts_newest = max(self.parts_newest, *[buffered.ts for buffered in self.recent])
        grown = len(part) + _OVERHEAD_BYTES - _READING_BYTES * len(self.recent)
        self.recent = []
        self.size += grown
        return grown if len(self.parts) < _BLOCK else grown + self._make_block()

    def _make_block(self) -> int:
        """Compress the parts; return by how many bytes the pack grew."""
        block = Block(self.parts_newest, _PART * len(self.parts), zlib.compress(_joined(self.parts), level=1))
        grown = len(block.packed) + _OVERHEAD_BYTES - sum(map(len, self.parts)) - _OVERHEAD_BYTES * len(self.parts)
        self.blocks.append(block)
        self.parts, self.parts_newest = [], 0
        self.size += grown
        return grown


def _packed(readings: Sequence[BufferedReading]) -> bytes:
    return _ENCODER.encode([(one.at, one.reading.kind, astuple(one.reading)) for one in readings])


def _joined(parts: Sequence[bytes]) -> bytes:
    """All parts as one MessagePack array."""
    return b"\xdd" + len(parts).to_bytes(4, "big") + b"".join(parts)


def _unpacked(
    parts: bytes, start: int, fields: Mapping[Kind, Sequence[str]], only: Kind | None = None
) -> list[BufferedReading]:
    found: list[BufferedReading] = []
    for at, kind, values in chain.from_iterable(_PARTS.decode(parts)):
        if only is not None and kind is not only:
            continue
        reading = msgspec.convert(dict(zip(fields[kind], values, strict=True)), MODELS[kind])
        if reading.ts > start:
            found.append(BufferedReading(reading.ts, at, reading))
    return found
