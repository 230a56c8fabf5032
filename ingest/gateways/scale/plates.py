"""Plates that a camera or a person at the gate reads, and which of them is the plate of a pass.

They come on `haulwatch/v1/{device}/gate/plate`, in the name of the scale. A wrong plate is worse than none: if several
plates were read while a truck stood there, none is taken, and a person resolves the weighing session later.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from typing import Annotated, Final, Literal, Protocol

import msgspec
from msgspec import Meta, Struct
from msgspec.json import Decoder, Encoder

from devices.codecs.topics import plate_topic
from devices.readings.models import TsMs, VisibleText
from devices.readings.plates import comparable_plate
from ingest.mqtt.client import BrokerUnavailable, MqttClient
from ingest.process.backoff import Backoff

BEFORE_MS: Final = 60_000
"""A plate that is read so long before the truck came onto the platform is its own: it drives up from the gate."""
MAX_READS: Final = 256
"""Kept at once; older ones are dropped."""
MAX_BYTES: Final = 4_096
_FIRST_RETRY_S: Final = 1.0
_SLOWEST_RETRY_S: Final = 60.0

_log = logging.getLogger(__name__)


class PlateRead(Struct, frozen=True, kw_only=True):
    """The message: a plate, and what else the gate says of the truck."""

    plate: VisibleText
    by: Literal["camera", "person"] = "camera"
    direction: Literal["in", "out"] | None = None
    material: VisibleText | None = None
    manifest: VisibleText | None = None
    ts: TsMs | None = None
    """When it was read, ms since 1970 UTC; without it, when it came."""
    confidence: Annotated[float, Meta(ge=0, le=1)] | None = None
    """Of the camera. Not used."""


_DECODER: Final = Decoder(PlateRead)
_ENCODER: Final = Encoder()


class PlateReads:
    """The plates read lately at one gate."""

    def __init__(self) -> None:
        self._reads: deque[tuple[int, PlateRead]] = deque(maxlen=MAX_READS)
        self._left_at: int | None = None
        self._left_plates: frozenset[str] = frozenset()
        """When the truck before left, and the plates that were read while it stood there."""

    def add(self, read: PlateRead, now_ms: int) -> None:
        """Keep a read that came at `now_ms`. A camera whose clock is ahead read it no later than that."""
        self._reads.append((now_ms if read.ts is None else min(read.ts, now_ms), read))

    def of_pass(self, began_at: int, ended_at: int) -> PlateRead | None:
        """The plate of the truck of a pass, or None if none or several were read. Reads up to its end are used up.

        A person's reading holds against a camera's. What may have been meant for the truck before is not taken.
        """
        during = [
            read
            for at, read in self._reads
            if began_at - BEFORE_MS <= at <= ended_at and (at >= began_at or not self._may_be_of_before(at, read))
        ]
        later = [(at, read) for at, read in self._reads if at > ended_at]
        self._reads.clear()
        self._reads.extend(later)
        self._left_at, self._left_plates = ended_at, frozenset(comparable_plate(read.plate) for read in during)
        typed = [read for read in during if read.by == "person"]
        found = typed[-1:] or during
        return found[-1] if len({comparable_plate(read.plate) for read in found}) == 1 else None

    def _may_be_of_before(self, at: int, read: PlateRead) -> bool:
        """Typed soon after a truck had left, or the plate of that truck once more: seen as it drove off."""
        if self._left_at is None or at - self._left_at > BEFORE_MS:
            return False
        return read.by == "person" or comparable_plate(read.plate) in self._left_plates


class Clock(Protocol):
    """The wall clock, ms since 1970 UTC."""

    def __call__(self) -> int: ...


async def receive_plates(client: MqttClient, device_id: str, reads: PlateReads, now_ms: Clock) -> None:
    """Take plates for ever; the broker may come and go. Without it passes have no plates."""
    backoff = Backoff(_FIRST_RETRY_S, _SLOWEST_RETRY_S)
    while True:
        try:
            async with client:
                await client.subscribe(plate_topic(device_id), qos=1)
                backoff.reset()
                while True:
                    message = await client.receive()
                    if message.retained:
                        _log.warning(
                            "gateway scale: a retained plate is of an earlier truck, ignored: send it unretained"
                        )
                    else:
                        _take(message.payload, reads, now_ms())
        except BrokerUnavailable as exc:
            if not backoff.failures:
                _log.warning("gateway scale: no plates from the gate: %s", exc)
        await asyncio.sleep(backoff.next_pause_s())


def _take(payload: bytes, reads: PlateReads, now_ms: int) -> None:
    try:
        reads.add(read_plate(payload), now_ms)
    except ValueError as exc:
        _log.warning("gateway scale: a message with a plate cannot be read: %s", exc)


def write_plate(values: Mapping[str, str | None]) -> bytes:
    """The message of these values; those of None are left out. `read_plate` checks it."""
    return _ENCODER.encode({name: value for name, value in values.items() if value is not None})


def read_plate(payload: bytes) -> PlateRead:
    """Raises ValueError with what is wrong."""
    if len(payload) > MAX_BYTES:
        raise ValueError(f"{len(payload)} bytes, at most {MAX_BYTES} are taken")
    try:
        return _DECODER.decode(payload)
    except (msgspec.MsgspecError, RecursionError) as exc:
        raise ValueError(str(exc)) from exc
