"""Hostile messages: a few of every kind that must end in quarantine, without harm to good readings beside them."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from devices.city.model import City, DeviceRole
from devices.codecs.codec import MAX_PAYLOAD_BYTES
from devices.codecs.topics import ROOT, reading_topic
from devices.readings.models import Kind
from devices.readings.refusals import Reason
from simulators.firmware.clock import Clock
from simulators.firmware.link import Dial, LinkLost
from simulators.firmware.tally import Tally

SENDER: Final = "intruder-01"
"""Client id of the sender, and a device id that no city has."""
_EACH: Final = 2
_RETRY_S: Final = 2.0
_AHEAD_MS: Final = 86_400_000
"""A clock set to tomorrow: ahead of the wall clock even where device time lags by hours."""


@dataclass(frozen=True, slots=True)
class HostileMessage:
    """A message, and how it must be counted."""

    at_ms: int
    topic: str
    kind: Kind
    payload: bytes
    reason: Reason
    """Reason for which one of its readings is refused."""
    readings: int = 1
    """Number of readings it counts as; all but one are good."""


def hostile_messages(city: City, start_ms: int, end_ms: int, rng: Random) -> tuple[HostileMessage, ...]:
    """Two messages of each kind, spread over the first three quarters of the scenario, in order of time.

    Good readings beside a bad one are a sorting line's, whose history they do not distort.
    """
    truck = _first(city, DeviceRole.TRUCK)
    line = _first(city, DeviceRole.STATION_LINE)
    messages: list[HostileMessage] = []
    for _ in range(_EACH):
        times = (round(rng.uniform(start_ms + 60_000, start_ms + 0.75 * (end_ms - start_ms))) for _ in range(99))
        messages += _one_of_each(times, truck, line)
    return tuple(sorted(messages, key=lambda message: message.at_ms))


def _one_of_each(times: Iterator[int], truck: str, line: str) -> Iterator[HostileMessage]:
    def position(topic: str, reason: Reason, changes: dict[str, object], ahead_ms: int = 0) -> HostileMessage:
        at_ms = next(times)
        fields = {"ts": at_ms + ahead_ms, "lat": 35.5, "lon": 112.85, "speed_kmh": 0.0, **changes}
        present = {name: value for name, value in fields.items() if value is not None}
        return HostileMessage(at_ms, topic, Kind.POSITION, json.dumps(present).encode(), reason)

    own = reading_topic(truck, Kind.POSITION)
    yield position(reading_topic(SENDER, Kind.POSITION), Reason.UNKNOWN_DEVICE, {})
    yield position(f"{ROOT}/not an id/position", Reason.FOREIGN_TOPIC, {})
    yield position(own, Reason.FOREIGN_DEVICE, {"device_id": SENDER})
    yield position(own, Reason.WRONG_TYPE, {"lat": "north"})
    yield position(own, Reason.MISSING_FIELD, {"lat": None})
    yield position(own, Reason.OUT_OF_BOUNDS, {"lat": 123.4})
    yield position(own, Reason.FUTURE_TIME, {}, _AHEAD_MS)
    at_ms = next(times)
    broken = f'{{"ts": {at_ms}, "lat": 35.5, "lon": '.encode()
    yield HostileMessage(at_ms, own, Kind.POSITION, broken, Reason.BROKEN_JSON)
    at_ms = next(times)
    one = f'{{"ts":{at_ms},"lat":35.5,"lon":112.85}}'.encode()
    flood = b"[" + b",".join([one] * (MAX_PAYLOAD_BYTES // len(one) + 1)) + b"]"
    yield HostileMessage(at_ms, own, Kind.POSITION, flood, Reason.TOO_LARGE)
    at_ms = next(times)
    good = [{"ts": at_ms - 1_000 * k, "running": True, "rate_t_per_h": 40.0 + k} for k in (2, 1)]
    mixed = json.dumps([good[0], {"ts": at_ms, "running": True, "rate_t_per_h": -5}, good[1]]).encode()
    topic = reading_topic(line, Kind.THROUGHPUT)
    yield HostileMessage(at_ms, topic, Kind.THROUGHPUT, mixed, Reason.OUT_OF_BOUNDS, readings=3)
    yield position(reading_topic(line, Kind.POSITION), Reason.KIND_OF_ANOTHER_ROLE, {})


async def send_hostile(
    messages: Sequence[HostileMessage], *, dial: Dial, clock: Clock, tally: Tally, stop: asyncio.Event
) -> None:
    """Send each message at its time over a connection of its own, until `stop`."""
    waiting = list(messages)
    while waiting and not stop.is_set():
        try:
            async with dial(SENDER, None) as link:
                while waiting and not stop.is_set():
                    message = waiting[0]
                    await clock.wait_until(message.at_ms)
                    with tally.sending(message.kind, message.readings):
                        await link.publish(message.topic, message.payload)
                    waiting.pop(0)
        except LinkLost as exc:
            tally.trouble = f"{SENDER}: {exc}"
            await clock.rest(_RETRY_S)


def _first(city: City, role: DeviceRole) -> str:
    return next((device.id for device in city.devices.values() if device.role is role), SENDER)
