"""Messages of the devices: an endless, labelled stream in device time. Every slice must raise the same alerts.

A slice is `SLICE_S` of device time. In each slice some trucks leave their routes and come back, one tips its load at a
forbidden place and is loaded again (or that alert would stay open), one falls silent, and some bins overflow and are
emptied. A slice begins and ends quietly, and more than five minutes lie between two incidents of a kind
(`rules.engine.incidents` would merge them), so that its alerts depend on the slice alone. Device time runs over a
hundred times as fast as the wall clock, and lies in the past.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from msgspec.structs import replace
from shapely import LineString

from devices.city.model import City, Device, DeviceRole
from devices.city.sites import Route
from devices.codecs.codec import Flaw
from devices.codecs.native import encode
from devices.codecs.registry import decode
from devices.geo.geometry import XY, LatLon
from devices.readings.models import Fill, Load, Position, Reading
from devices.readings.refusals import DecodeError
from devices.readings.series import FieldValue, series_key
from ingest.store import Instant
from tests.points import content

TICK_S: Final = 10
SLICE_S: Final = 600
QUIET_S: Final = 60
"""At the beginning and (twice) at the end of a slice: alerts in this time may depend on how long devices paused."""
_TRUCKS: Final = 20
_POINTS: Final = 6
_SPEED_M_S: Final = 10.0
_SHARE_REPEATED: Final = 0.02
_SHARE_CONFLICTING: Final = 0.005


@dataclass(frozen=True)
class Message:
    """A message as a device publishes it."""

    topic: str
    payload: bytes

    @cached_property
    def readings(self) -> tuple[tuple[Instant, dict[str, FieldValue]], ...]:
        """Its readings: instant and fields; empty if the message cannot be decoded."""
        try:
            decoded = decode(self.topic, self.payload)
        except DecodeError:
            return ()
        readings = (item for item in decoded if not isinstance(item, Flaw))
        return tuple((Instant(series_key(reading), reading.ts), content(reading)) for reading in readings)


def message(reading: Reading) -> Message:
    return Message(f"haulwatch/v1/{reading.device_id}/{reading.kind}", encode(reading))


class Fleet:
    """The devices of a city that take part. `dice` varies every slice."""

    def __init__(self, city: City, dice: random.Random) -> None:
        self._city, self._dice = city, dice
        devices = city.devices.values()
        self._trucks = [device for device in devices if device.role is DeviceRole.TRUCK][:_TRUCKS]
        self._points = [device for device in devices if device.role is DeviceRole.RECYCLING_POINT][:_POINTS]
        self._lines = {truck.id: self._line(truck) for truck in self._trucks}
        self._seq = 0

    def slice(self, start_ms: int) -> Iterator[list[Message]]:
        """Messages of the slice, a list for each tick."""
        shift_s = self._dice.randrange(0, 60, TICK_S)
        for second in range(0, SLICE_S, TICK_S):
            messages: list[Message] = []
            for number, truck in enumerate(self._trucks):
                if number == 3 and 60 <= second - shift_s < 390:
                    continue  # silent for 330 s, well beyond the 240 s that `silent_device` waits by default
                messages += self._published(self._position(number, truck, start_ms, second, second - shift_s))
            for number, point in enumerate(self._points, len(self._trucks)):
                messages += self._published(self._fill(number, point, start_ms, second, second - shift_s))
            yield messages

    def _published(self, reading: Reading) -> list[Message]:
        """One message; sometimes the same twice, or a second one with other content."""
        if self._dice.random() < _SHARE_REPEATED:
            return [message(reading)] * 2
        if isinstance(reading, Position) and self._dice.random() < _SHARE_CONFLICTING:
            return [message(reading), message(replace(reading, altitude_m=900.0))]
        return [message(reading)]

    def _position(self, number: int, truck: Device, start_ms: int, second: int, story_s: int) -> Position:
        line = self._lines[truck.id]
        half = SLICE_S / 2
        driven_m = line.length / 4 + _SPEED_M_S * (second if second < half else SLICE_S - second)
        off_m = _ramp(story_s, 100, 200, 600.0) if number % 6 == 1 else 0.0
        fields: dict[str, Any] = {"speed_kmh": _SPEED_M_S * 3.6, "load": Load.EMPTY, "lift_up": False}
        if number == 6:
            standing, tipping, tipped = abs(second - half) < 100, 200 <= story_s < 280, 240 <= story_s < 400
            driven_m = line.length / 4 + _SPEED_M_S * max(0.0, abs(second - half) - 100)
            fields |= {"lift_up": tipping, "load": Load.EMPTY if tipped else Load.LOADED}
            fields |= {"load_kg": 0.0 if tipped else 15_000.0, "speed_kmh": 0.0 if standing else fields["speed_kmh"]}
        here = self._beside(line, driven_m % line.length, off_m)
        return Position(
            device_id=truck.id, ts=start_ms + second * 1000 + number * 37, seq=self._next(),
            lat=round(here.lat, 7), lon=round(here.lon, 7), accuracy_m=4.0, satellites=12, **fields,
        )  # fmt: skip

    def _fill(self, number: int, point: Device, start_ms: int, second: int, story_s: int) -> Fill:
        level = 40.0
        if number % 2 == 0 and 60 <= story_s < 360:
            level = min(97.0, 40.0 + (story_s - 60) / 2)
        return Fill(
            device_id=point.id, ts=start_ms + second * 1000 + number * 37, seq=self._next(),
            compartment="paper", fill_pct=level, deposits=1,
        )  # fmt: skip

    def _next(self) -> int:
        self._seq += 1
        return self._seq

    def _line(self, truck: Device) -> LineString:
        """The truck's approved route on the city's plane, metres."""
        routes: list[Route] = list(self._city.routes_of(truck.vehicle_id or "", 1_790_000_000_000))
        to_xy = lambda lon_lat: self._city.plane.xy(LatLon(lat=lon_lat[1], lon=lon_lat[0]))  # noqa: E731
        return LineString([(at.x, at.y) for at in map(to_xy, routes[0].line.coords)])

    def _beside(self, line: LineString, driven_m: float, off_m: float) -> LatLon:
        at, ahead = line.interpolate(driven_m), line.interpolate(driven_m + 1.0)
        east, north = ahead.y - at.y, at.x - ahead.x  # to the right of the route
        return self._city.plane.latlon(XY(at.x + off_m * east, at.y + off_m * north))


def _ramp(second: int, begins: int, ends: int, height: float) -> float:
    """Rises in 40 s from `begins` on, and falls in 40 s from `ends` on."""
    return height * max(0.0, min(1.0, (second - begins) / 40, (ends + 40 - second) / 40))
