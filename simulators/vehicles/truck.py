"""A truck's terminal: the positions it reports over a working day."""

import random
from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from devices.geo.geometry import LocalPlane
from devices.readings.models import Load, Position
from simulators.firmware.orders import Controls
from simulators.vehicles.gnss import FixSource, Receiver
from simulators.vehicles.work import WorkDay, WorkState

_BUSY_REPORT_MS: Final = 10_000
"""Moving, or with the bed up, or while the load changes."""
_STANDING_REPORT_MS: Final = 30_000
_SWITCH_SETTLES_MS: Final = 200
"""A switch is reported at once, after its contact stopped bouncing."""
_STANDING_MPS: Final = 0.3
_SCALE_SIGMA_KG: Final = 40.0
_SCALE_STEP_KG: Final = 10
_EMPTY_BELOW: Final = 0.1
_LOADED_FROM: Final = 0.6


class Terminal:
    """Turns a working day into positions. EMPTY and LOADED are shares of `payload_kg`, the permitted load."""

    def __init__(
        self,
        device_id: str,
        work_day: WorkDay,
        *,
        plane: LocalPlane,
        payload_kg: float,
        rng: random.Random,
        controls: Controls,
        receiver: FixSource | None = None,
    ) -> None:
        """`receiver`: default: one under an open sky."""
        self._device_id = device_id
        self._controls = controls
        self._newest: tuple[Position, Position] | None = None
        controls.locate = self.locate
        self._work_day = work_day
        self._plane = plane
        self._payload_kg = payload_kg
        self._rng = rng
        self._receiver: FixSource = receiver or Receiver(rng)
        self._heading_deg = 0.0
        self._odometer_m = rng.uniform(20_000, 180_000) * 1000

    def positions(self, start_ms: int) -> Iterator[Position]:
        """Positions without end: every 10 s when busy, every 30 s standing, and at once when lift or cover change.

        With an interval set in `Controls` it reports at that interval, moving or standing, and still at once.
        """
        sample_ms = start_ms
        reported_ms = start_ms - _STANDING_REPORT_MS
        before: WorkState | None = None
        while True:
            state, driven_m = self._work_day.at(sample_ms)
            if before is None or self._is_due(sample_ms - reported_ms, before, state):
                position = self._position(sample_ms, state, driven_m, (sample_ms - reported_ms) / 1000)
                self._newest = (self._newest or (position, position))[1], position
                yield position
                reported_ms, before = sample_ms, state
            sample_ms = self._next_sample_ms(sample_ms, start_ms, reported_ms)

    def locate(self, ts: int) -> Position | None:
        """The position at `ts`, between the two newest fixes, of which the later may lie ahead; None outside them."""
        if self._newest is None:
            return None
        a, b = self._newest
        if not a.ts <= ts <= b.ts:
            return None
        share = (ts - a.ts) / (b.ts - a.ts) if b.ts > a.ts else 1.0
        lat, lon = a.lat + share * (b.lat - a.lat), a.lon + share * (b.lon - a.lon)
        return replace(a, ts=ts, lat=round(lat, 7), lon=round(lon, 7))

    def _is_due(self, since_ms: int, before: WorkState, now: WorkState) -> bool:
        interval_s = self._controls.interval_s
        if interval_s is None:
            return since_ms >= _STANDING_REPORT_MS or _is_news(before, now)
        return since_ms >= interval_s * 1000 or _has_switched(before, now)

    def _next_sample_ms(self, now_ms: int, start_ms: int, reported_ms: int) -> int:
        interval_s = self._controls.interval_s
        grid_ms = now_ms + _BUSY_REPORT_MS - (now_ms - start_ms) % _BUSY_REPORT_MS
        due_ms = grid_ms if interval_s is None else reported_ms + interval_s * 1000
        switch_ms = self._work_day.next_switch_ms(now_ms - _SWITCH_SETTLES_MS)
        return due_ms if switch_ms is None else min(due_ms, switch_ms + _SWITCH_SETTLES_MS)

    def _position(self, ts: int, state: WorkState, driven_m: float, dt_s: float) -> Position:
        fix = self._receiver.fix(state.xy, dt_s)
        place = self._plane.latlon(fix.xy)
        moving = state.speed_mps > _STANDING_MPS
        if state.heading_deg is not None and moving:
            self._heading_deg = state.heading_deg
        heading = (self._heading_deg + (self._rng.gauss(0, 1.5) if moving else 0.0)) % 360
        speed_kmh = state.speed_mps * 3.6 + self._rng.gauss(0, 0.3) if moving else abs(self._rng.gauss(0, 0.15))
        load_kg = max(0.0, state.load_kg + self._rng.gauss(0, _SCALE_SIGMA_KG))
        return Position(
            device_id=self._device_id,
            ts=ts,
            lat=round(place.lat, 7),
            lon=round(place.lon, 7),
            speed_kmh=round(max(0.0, speed_kmh), 1),
            heading_deg=round(heading, 1),
            accuracy_m=fix.accuracy_m,
            satellites=fix.satellites,
            hdop=fix.hdop,
            lift_up=state.lift_up,
            cover_open=state.cover_open,
            load=self._load(state.load_kg),
            load_kg=float(round(load_kg / _SCALE_STEP_KG) * _SCALE_STEP_KG),
            odometer_km=round((self._odometer_m + driven_m) / 1000, 2),
            ignition_on=state.ignition_on,
        )

    def _load(self, kg: float) -> Load:
        if kg < _EMPTY_BELOW * self._payload_kg:
            return Load.EMPTY
        return Load.LOADED if kg >= _LOADED_FROM * self._payload_kg else Load.PARTIAL


def _is_news(before: WorkState, now: WorkState) -> bool:
    return (
        now.speed_mps > _STANDING_MPS
        or before.speed_mps > _STANDING_MPS
        or now.lift_up
        or now.load_kg != before.load_kg
        or _has_switched(before, now)
    )


def _has_switched(before: WorkState, now: WorkState) -> bool:
    return (now.lift_up, now.cover_open) != (before.lift_up, before.cover_open)
