"""What the devices of a fleet send to recorders: all that a ledger counts, in one order."""

import random
from dataclasses import replace
from typing import Final

from devices.city.model import Device, DeviceRole
from devices.codecs.native import encode
from devices.readings.models import Position, Weighing
from ingest.log.records import RawMessage
from tests.ingest.recorder.parts import CITY, T0, position, topic_of

_BRIDGES: Final = [Device(f"bridge-{n}", DeviceRole.WEIGHBRIDGE) for n in range(4)]
_TRUCKS: Final = [Device(f"truck-{n}", DeviceRole.TRUCK, fleet="north") for n in range(40)]
FLEET: Final = replace(CITY, devices={device.id: device for device in (*_TRUCKS, *_BRIDGES)})
_SLICE: Final = 30


class Traffic:
    """What devices send: readings in order, late ones, repeats, contradictions, corrected tickets, noise."""

    def __init__(self, dice: random.Random) -> None:
        self._dice, self._second, self._sent = dice, 0, list[RawMessage]()

    def next(self, count: int = _SLICE) -> list[RawMessage]:
        return [self._one() for _ in range(count)]

    def _one(self) -> RawMessage:
        self._second += 1
        dice, at, kind = self._dice, T0 + self._second * 1_000 + 700, self._dice.random()
        if kind < 0.05 and self._sent:
            again = dice.choice(self._sent[-3_000:])
            return RawMessage(again.topic, again.payload, at)
        if kind < 0.06:
            return RawMessage(f"haulwatch/v1/{dice.choice(_TRUCKS).id}/position", b"noise", at)
        if kind < 0.07:
            return RawMessage(f"haulwatch/v1/stray-{dice.randrange(5)}/position", encode(position(self._second)), at)
        if kind < 0.12:
            sent: Weighing | Position = self._weighing()
        else:
            late = dice.randrange(2_000) if kind < 0.17 else 0
            lat = 35.5 + dice.randrange(3) / 10
            sent = position(self._second - late, lat=lat, device=dice.choice(_TRUCKS).id, seq=self._second)
        message = RawMessage(topic_of(sent), encode(sent), at)
        self._sent.append(message)
        return message

    def _weighing(self) -> Weighing:
        dice = self._dice
        ticket, corrects = f"A{dice.randrange(20)}", dice.choice([None, None, f"A{dice.randrange(20)}"])
        net = dice.choice([17_000.0, 18_000.0])
        return Weighing(
            device_id=dice.choice(_BRIDGES).id,
            ts=T0 + self._second * 1_000,
            ticket=ticket,
            direction="out",
            gross_kg=13_000.0 + net,
            tare_kg=13_000.0,
            net_kg=net,
            corrects=None if corrects == ticket else corrects,
        )
