"""Readings kept in few bytes: packed as they come, and compressed once there are many."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

import msgspec
import zstandard
from msgspec.structs import astuple

from devices.readings.models import JUDGED_MODELS, Reading
from rules.engine.reorder_buffer import BufferedReading, order_key

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {kind: model.__struct_fields__ for kind, model in JUDGED_MODELS.items()}
"""Fields of readings, in the order in which packs hold their values."""
_BLOCK: Final = 64
"""Readings a block: a truck's positions take about 1.2 KB instead of 7.5 packed, and 29 as objects."""
_OVERHEAD_BYTES: Final = 40
"""Python's own bytes around a block or a reading."""

_ENCODER: Final = msgspec.msgpack.Encoder()
_READINGS: Final = msgspec.msgpack.Decoder(list[tuple[int, str, list[Any]]])
_COMPRESSOR: Final = zstandard.ZstdCompressor(level=1)
"""A quarter of the time that zlib takes, for fewer bytes."""


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

    blocks: tuple[Block, ...] = ()
    open: list[bytes] = field(default_factory=list)
    """Those added last, until they make a block: each in MessagePack."""
    open_newest: int = 0
    """Newest device time in it, ms."""
    count: int = 0
    size: int = 0
    """Bytes, about."""

    @property
    def newest(self) -> int:
        """Newest device time in it, ms; 0 if it is empty."""
        return max([self.open_newest, *(block.newest for block in self.blocks)])

    def add(self, buffered: BufferedReading) -> int:
        """Add a reading and return by how many bytes the pack grew; it shrinks when a block is made."""
        reading, before = buffered.reading, self.size
        packed = _ENCODER.encode((buffered.at, reading.kind, astuple(reading)))
        self.open.append(packed)
        self.open_newest = max(self.open_newest, buffered.ts)
        self.count += 1
        self.size += len(packed) + _OVERHEAD_BYTES
        if len(self.open) >= _BLOCK:
            self._make_block()
        return self.size - before

    def holds(self, reading: Reading) -> bool:
        """True if a reading with the same order key is in it."""
        key, before = order_key(reading), reading.ts - 1
        return any(
            order_key(buffered.reading) == key
            for packed in self._packed(before)
            for buffered in _unpacked(packed, before, FIELDS, reading.kind)
        )

    def after(self, start: int, fields: Mapping[str, Sequence[str]] = FIELDS) -> list[BufferedReading]:
        """Readings after this device time, in the order in which they were added; `fields`: of those packed."""
        return list(chain.from_iterable(_unpacked(packed, start, fields) for packed in self._packed(start)))

    def drop_until(self, start: int) -> None:
        """Forget the blocks without a reading after this device time."""
        self.blocks = tuple(block for block in self.blocks if block.newest > start)
        if self.open_newest <= start:
            self._open_anew()
        self.measure()

    def drop_after(self, start: int) -> None:
        """Forget the readings after this device time, and only those."""
        mixed = ReadingPack(tuple(block for block in self.blocks if block.newest > start), self.open, self.open_newest)
        self.blocks = tuple(block for block in self.blocks if block.newest <= start)
        self._open_anew()
        self.measure()
        for buffered in mixed.after(0):
            if buffered.ts <= start:
                self.add(buffered)

    def measure(self) -> None:
        """Count readings and bytes anew."""
        self.count = sum(block.readings for block in self.blocks) + len(self.open)
        packed = [*(block.packed for block in self.blocks), *self.open]
        self.size = sum(map(len, packed)) + _OVERHEAD_BYTES * len(packed)

    def _packed(self, start: int) -> list[bytes]:
        """What holds readings after this device time, each as one MessagePack array."""
        blocks = [zstandard.decompress(block.packed) for block in self.blocks if block.newest > start]
        return [*blocks, _array(self.open)] if self.open_newest > start else blocks

    def _make_block(self) -> None:
        """Compress what is open."""
        packed = bytes(
            memoryview(_COMPRESSOR.compress(_array(self.open)))
        )  # a copy: the compressor gives a larger piece
        self.blocks = (*self.blocks, Block(self.open_newest, len(self.open), packed))
        self._open_anew()
        self.measure()

    def _open_anew(self) -> None:
        self.open, self.open_newest = [], 0


def _array(values: Sequence[bytes]) -> bytes:
    """Values in MessagePack as one array."""
    return b"\xdd" + len(values).to_bytes(4, "big") + b"".join(values)


def _unpacked(
    packed: bytes, start: int, fields: Mapping[str, Sequence[str]], only: str | None = None
) -> list[BufferedReading]:
    found: list[BufferedReading] = []
    for at, kind, values in _READINGS.decode(packed):
        if only is not None and kind != only:
            continue
        reading = msgspec.convert(dict(zip(fields[kind], values, strict=True)), JUDGED_MODELS[kind])
        if reading.ts > start:
            found.append(BufferedReading(reading.ts, at, reading))
    return found
