"""Bins with LoRaWAN sensors, as ChirpStack v4 and The Things Stack v3 publish what they send; and faults.

The sensor is a Milesight EM400-TLD: battery, temperature, distance and tilt in its own bytes. The network server is
simulated with it, so any broker will do.
"""

import asyncio
import json
import random
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

from simulators.dialects.broker import Broker, connected

Server = Literal["chirpstack", "ttn"]
DEPTH_MM: Final = 2_000
"""Of every simulated bin, from the sensor to the floor."""
_PORT: Final = 85
_JOIN_MS: Final = 5
"""From a join to the first uplink."""
_FILLS_MM: Final = 40
"""How much higher the waste is at each report."""
_EMPTIED_AT_MM: Final = 200


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares of uplinks, 0 to 1."""

    repeat: float = 0.0
    """The server publishes them twice."""
    lose: float = 0.0
    """No gateway hears them: the frame counter has a hole."""
    rejoin: float = 0.0
    """The device joins again, and its counter begins with 0."""
    others: float = 0.0
    """An event that holds no level comes beside them."""


NO_FAULTS: Final = Faults()


class Message(NamedTuple):
    """What the server publishes."""

    topic: str
    payload: bytes


@dataclass(slots=True)
class Tally:
    """What was published."""

    levels: int = 0
    """Uplinks with a distance, each counted once."""
    messages: int = 0
    lost: int = 0
    joins: int = 0


class Bin:
    """One bin with its sensor. Equal seeds give equal levels and faults."""

    def __init__(self, number: int, server: Server, seed: int, tally: Tally) -> None:
        self._server, self._tally = server, tally
        self._dice = random.Random(seed * 1_000_003 + number)  # noqa: S311 - a simulation
        self._eui = f"24e124136b{number:06x}"
        self._distance_mm = self._dice.randrange(_EMPTIED_AT_MM, DEPTH_MM)
        self._f_cnt = self._dice.randrange(1_000)

    @property
    def device_id(self) -> str:
        """The id that it is registered by."""
        return self._eui if self._server == "chirpstack" else f"eui-{self._eui}"

    def messages(self, now_ms: int, faults: Faults) -> Iterator[Message]:
        """What the server publishes of the next report."""
        if self._dice.random() < faults.rejoin:
            self._f_cnt = -1
            self._tally.joins += 1
            yield self._event("join", now_ms - _JOIN_MS, {})
        self._f_cnt += 1
        self._distance_mm -= _FILLS_MM
        if self._distance_mm < _EMPTIED_AT_MM:
            self._distance_mm = DEPTH_MM - self._dice.randrange(50)
        if self._dice.random() < faults.lose:
            self._tally.lost += 1
            return
        self._tally.levels += 1
        uplink = self._uplink(now_ms)
        yield uplink
        if self._dice.random() < faults.repeat:
            yield uplink
        if self._dice.random() < faults.others:
            yield self._event("ack" if self._server == "chirpstack" else "down/ack", now_ms, {})

    def uplink_of(self, distance_mm: int, now_ms: int) -> Message:
        """What the server publishes of a report with this distance, without faults."""
        self._f_cnt += 1
        self._distance_mm = distance_mm
        self._tally.levels += 1
        return self._uplink(now_ms)

    def _uplink(self, now_ms: int) -> Message:
        celsius = round(10 * (15 + 10 * self._dice.random()))
        frame = bytes([1, 0x75, 92, 3, 0x67, *celsius.to_bytes(2, "little", signed=True)])
        frame += bytes([4, 0x82, *self._distance_mm.to_bytes(2, "little"), 5, 0, 0])
        data, rssi = b64encode(frame).decode(), -self._dice.randrange(60, 120)
        if self._server == "chirpstack":
            fields = {"fCnt": self._f_cnt, "fPort": _PORT, "data": data, "object": None, "rxInfo": [{"rssi": rssi}]}
            return self._event("up", now_ms, fields)
        uplink = {"f_cnt": self._f_cnt, "f_port": _PORT, "frm_payload": data, "rx_metadata": [{"rssi": rssi}]}
        # Message fields of zero are left out by the server.
        return self._event("up", now_ms, {"uplink_message": {name: one for name, one in uplink.items() if one}})

    def _event(self, event: str, now_ms: int, fields: dict[str, Any]) -> Message:
        instant = datetime.fromtimestamp(now_ms / 1000, UTC).isoformat()
        if self._server == "chirpstack":
            topic = f"application/bins/device/{self._eui}/event/{event}"
            body = {"time": instant, "deviceInfo": {"devEui": self._eui, "deviceProfileName": "EM400-TLD"}}
        else:
            topic = f"v3/bins@city/devices/{self.device_id}/{event}"
            body = {"end_device_ids": {"device_id": self.device_id}, "received_at": instant}
        return Message(topic, json.dumps(body | fields).encode())


@dataclass(frozen=True, slots=True)
class Stay:
    """How bins report."""

    pause_s: float = 10.0
    reports: int | None = None
    """Of each; None: until it is stopped."""
    faults: Faults = NO_FAULTS


async def run_bins(
    bins: Sequence[Bin],
    broker: Broker,
    stay: Stay,
    tally: Tally,
    stop: asyncio.Event,
    show: Callable[[], None] = lambda: None,
) -> None:
    """Let all bins report again and again, at QoS 1. Raises `simulators.dialects.broker.BrokerLost`."""
    done = 0
    async with connected(broker, "haulwatch-lorawan-sim") as connection:
        while not stop.is_set() and (stay.reports is None or done < stay.reports):
            for one in bins:
                for message in one.messages(time.time_ns() // 1_000_000, stay.faults):
                    await connection.publish(*message, qos=1)
                    tally.messages += 1
            done += 1
            show()
            if stay.reports is None or done < stay.reports:
                with suppress(TimeoutError):
                    async with asyncio.timeout(stay.pause_s):
                        await stop.wait()
