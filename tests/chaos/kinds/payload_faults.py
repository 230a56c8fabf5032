"""Payloads that a device sends by mistake or malice."""

import random
from collections.abc import Iterator
from itertools import islice
from typing import Final

from devices.readings.models import Load, Position
from tests.chaos.faults import Fault, Size
from tests.chaos.fleet import Message, message
from tests.chaos.yard import Yard

_CULPRIT: Final = "truck-024"
"""A registered device that takes no part in the labelled stream."""
_LARGE_BYTES: Final = 256 * 1024
_BATCH: Final = 50


def large(yard: Yard, size: Size) -> None:
    """Each is quarantined whole, with its bytes; no other device waits."""
    ts = yard.stream.start_ms
    for number in range(size.hostile // 100):
        head = b'{"ts": %d, "lat": 35.5, "lon": 112.8, "note": "' % (ts + number)
        yard.stream.publish([Message(f"haulwatch/v1/{_CULPRIT}/position", head.ljust(_LARGE_BYTES, b"x") + b'"}')])
        yard.rest(0.0, 0.1)


def mutated(yard: Yard, size: Size) -> None:
    """Each is quarantined with its bytes, or is still a valid reading and stored; no exception escapes."""
    mutants = _mutants(yard.stream.start_ms, yard.dice)
    for _ in range(0, size.hostile, _BATCH):
        yard.stream.publish(islice(mutants, _BATCH))
        yard.rest(0.05, 0.1)


def _mutants(start_ms: int, dice: random.Random) -> Iterator[Message]:
    """A reading with a few bytes changed, deleted, doubled or inserted. None has a time after `start_ms`, which would
    move fleet time ahead of the labelled stream; and none is an array, whose elements are quarantined one by one.
    """
    number = 0
    while True:
        number += 1
        valid = message(
            Position(
                device_id=_CULPRIT, ts=start_ms - 86_400_000 + number, seq=number, lat=35.5, lon=112.8, speed_kmh=12.5,
                heading_deg=270.0, accuracy_m=4.0, satellites=9, hdop=0.9, lift_up=False, load=Load.PARTIAL,
                load_kg=800.0, ignition_on=True, manifest="联单-1",
            )
        )  # fmt: skip
        payload = bytearray(valid.payload)
        for _ in range(dice.choice((1, 1, 2, 5, 20))):
            at = dice.randrange(len(payload)) if payload else 0
            match dice.randrange(4):
                case 0:
                    payload[at : at + 1] = dice.randbytes(1)
                case 1:
                    del payload[at : at + dice.randint(1, 8)]
                case 2:
                    payload[at:at] = payload[at : at + dice.randint(1, 30)]
                case _:
                    payload[at:at] = dice.choice((b"{", b"]", b'"', b"\x00", b"1e999", b"null", b"NaN", b"\xff", b"-"))
        mutant = Message(valid.topic, bytes(payload))
        ahead = any(instant.ts > start_ms for instant, _ in mutant.readings)
        if not ahead and not mutant.payload.lstrip().startswith(b"["):
            yield mutant


FAULTS: Final = (
    Fault("payloads of 256 KiB", large),
    Fault("mutated payloads", mutated),
)
