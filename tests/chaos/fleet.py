"""What the devices say: an endless, labelled stream in device time, so that every slice must raise the same alerts.

A slice is `SLICE_S` of device time. In each, some trucks leave their routes and come back, one tips its load where it
may not and has it again (or that alert would stay open), one falls silent, and some bins overflow and are emptied. It
begins and ends quietly, and more than five minutes lie between two incidents of a kind (`rules.engine.incidents`
would make
them one), so that what is judged of a slice depends on that slice alone. Device time runs over a hundred times as fast
as the wall and lies in the past.
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
"""At the beginning and (twice) at the end of a slice: what is said there may hang on how long somebody paused."""
_TRUCKS: Final = 20
_POINTS: Final = 6
_SPEED_M_S: Final = 10.0
_AGAIN: Final = 0.02
_OTHERWISE: Final = 0.005


@dataclass(frozen=True)
class Message:
    """As a device publishes it."""

    topic: str
    payload: bytes

    @cached_property
    def readings(self) -> tuple[tuple[Instant, dict[str, FieldValue]], ...]:
        """What it says, with its identity; nothing if nothing of it can be read."""
        try:
            found = decode(self.topic, self.payload)
        except DecodeError:
            return ()
        readings = (item for item in found if not isinstance(item, Flaw))
        return tuple((Instant(series_key(reading), reading.ts), content(reading)) for reading in readings)


def message(reading: Reading) -> Message:
    return Message(f"haulwatch/v1/{reading.device_id}/{reading.kind}", encode(reading))


class Fleet:
    """The devices of a city that take part. Every slice is drawn afresh from `dice`."""

    def __init__(self, city: City, dice: random.Random) -> None:
        self._city, self._dice = city, dice
        devices = city.devices.values()
        self._trucks = [device for device in devices if device.role is DeviceRole.TRUCK][:_TRUCKS]
        self._points = [device for device in devices if device.role is DeviceRole.RECYCLING_POINT][:_POINTS]
        self._lines = {truck.id: self._line(truck) for truck in self._trucks}
        self._seq = 0

    def slice(self, start_ms: int) -> Iterator[list[Message]]:
        """Tick by tick."""
        shift_s = self._dice.randrange(0, 60, TICK_S)
        for second in range(0, SLICE_S, TICK_S):
            said: list[Message] = []
            for number, truck in enumerate(self._trucks):
                if number == 3 and 150 + shift_s <= second < 400:
                    continue  # silent
                said += self._said(self._position(number, truck, start_ms, second, second - shift_s))
            for number, point in enumerate(self._points, len(self._trucks)):
                said += self._said(self._fill(number, point, start_ms, second, second - shift_s))
            yield said

    def _said(self, reading: Reading) -> list[Message]:
        """Once; now and then twice, or a second time and otherwise."""
        if self._dice.random() < _AGAIN:
            return [message(reading)] * 2
        if isinstance(reading, Position) and self._dice.random() < _OTHERWISE:
            return [message(reading), message(replace(reading, altitude_m=900.0))]
        return [message(reading)]

    def _position(self, number: int, truck: Device, start_ms: int, second: int, story_s: int) -> Position:
        line = self._lines[truck.id]
        half = SLICE_S / 2
        gone_m = line.length / 4 + _SPEED_M_S * (second if second < half else SLICE_S - second)
        off_m = _ramp(story_s, 100, 200, 600.0) if number % 6 == 1 else 0.0
        says: dict[str, Any] = {"speed_kmh": _SPEED_M_S * 3.6, "load": Load.EMPTY, "lift_up": False}
        if number == 6:
            standing, tipping, tipped = abs(second - half) < 100, 200 <= story_s < 280, 240 <= story_s < 400
            gone_m = line.length / 4 + _SPEED_M_S * max(0.0, abs(second - half) - 100)
            says |= {"lift_up": tipping, "load": Load.EMPTY if tipped else Load.LOADED}
            says |= {"load_kg": 0.0 if tipped else 15_000.0, "speed_kmh": 0.0 if standing else says["speed_kmh"]}
        here = self._beside(line, gone_m % line.length, off_m)
        return Position(
            device_id=truck.id, ts=start_ms + second * 1000 + number * 37, seq=self._next(),
            lat=round(here.lat, 7), lon=round(here.lon, 7), accuracy_m=4.0, satellites=12, **says,
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
        """Its approved route on the city's plane, metres."""
        routes: list[Route] = list(self._city.routes_of(truck.vehicle_id or "", 1_790_000_000_000))
        to_xy = lambda place: self._city.plane.xy(LatLon(lat=place[1], lon=place[0]))  # noqa: E731
        return LineString([(at.x, at.y) for at in map(to_xy, routes[0].line.coords)])

    def _beside(self, line: LineString, gone_m: float, off_m: float) -> LatLon:
        at, ahead = line.interpolate(gone_m), line.interpolate(gone_m + 1.0)
        east, north = ahead.y - at.y, at.x - ahead.x  # to the right of the way
        return self._city.plane.latlon(XY(at.x + off_m * east, at.y + off_m * north))


def _ramp(second: int, begins: int, ends: int, height: float) -> float:
    """Out in 40 s, and back in 40 s from `ends` on."""
    return height * max(0.0, min(1.0, (second - begins) / 40, (ends + 40 - second) / 40))
