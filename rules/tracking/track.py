"""Truck tracking: the state of one truck, derived from its positions and weighbridge tickets."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from devices.city.model import City, Device, DeviceRole, Vehicle
from devices.readings.models import Position, Reading, Weighing
from rules.tracking.datum import DatumTrack
from rules.tracking.load import LoadTrack
from rules.tracking.motion import Fix, Motion
from rules.tracking.switches import Switch

_GATE_M = 20.0
"""A truck this close to a fence may still be in its gate: it neither entered nor left."""

_POSITION: Final = Position


@dataclass(slots=True)
class Track:
    """State of one truck between readings."""

    motion: Motion = field(default_factory=Motion)
    lift: Switch = field(default_factory=Switch)
    cover: Switch = field(default_factory=Switch)
    load: LoadTrack = field(default_factory=LoadTrack)
    datum: DatumTrack = field(default_factory=DatumTrack)

    def standing_ms(self, ts: int) -> int:
        """How long the truck has stood still; 0 while it moves."""
        return ts - self.motion.standing_since if self.motion.standing_since else 0


class TruckTracker:
    """Follows trucks. A position gives a `Fix`; a weighbridge ticket changes only the load and gives none."""

    name: ClassVar[str] = "track"
    roles: ClassVar[frozenset[DeviceRole]] = frozenset({DeviceRole.TRUCK})
    state: ClassVar[type[Track]] = Track

    def follow(
        self,
        state: Track,
        reading: Reading,
        device: Device,
        vehicle: Vehicle | None,
        city: City,
        clock_off_ms: int,
        facts: Sequence[Any] = (),
    ) -> Fix | None:
        return follow(state, reading, device, vehicle, city, clock_off_ms)


def follow(
    track: Track, reading: Reading, device: Device, vehicle: Vehicle | None, city: City, clock_off_ms: int = 0
) -> Fix | None:
    """Take a truck's reading into its track. A position gives a Fix; a weighbridge ticket changes only the load."""
    if not isinstance(reading, _POSITION):
        if isinstance(reading, Weighing):
            track.load.take_ticket(reading, city, vehicle)
        return None
    ts = reading.ts
    fix = track.motion.take(reading, device, city, track.datum, ts - clock_off_ms)
    lift = track.lift
    lift.take(reading.lift_up, ts)
    if lift.raw or lift.drives_since:
        lift.take_speed(fix.speed_kmh if fix.usable else None, ts)
    track.cover.take(reading.cover_open, ts)
    track.load.take_position(reading, vehicle)
    if fix.usable:
        nearest = fix.sites[0] if fix.sites else None
        if nearest is not None and nearest.distance_m == 0:
            track.load.visit(nearest.site, ts)
        elif nearest is None or nearest.distance_m > _GATE_M:
            track.load.visit(None, ts)
    return fix
