"""What a rule judges: a reading with its context, or silence.

One `Observation` is made for every reading. Compiled, a written-out `__init__` takes a tenth of the time of one that
`dataclasses` or `NamedTuple` make at run time. What several rules ask of it is worked out once.
"""

from typing import Any, Final, NamedTuple

from devices.city.model import Approvals, City, Device, Vehicle
from devices.city.sites import Route, SiteKind
from devices.readings.models import Position, Reading
from rules.tracking import Emptying, Fix, Track
from rules.tracking.manifest_book import ManifestBook

_POSITION: Final = Position  # compiled, the name of a class that is not is looked up each time, a constant is not


class Observation:
    """One reading, in its device's order, with its context."""

    __slots__ = (
        "_routes", "approvals", "calendar_ts", "city", "device", "facts", "fix", "heard_at", "manifests", "own",
        "position", "reading", "track", "tracker_states", "ts", "vehicle",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913, PLR0917 - one for each of its fields
        self,
        reading: Reading,
        heard_at: int,
        device: Device,
        vehicle: Vehicle | None,
        approvals: Approvals,
        city: City,
        tracker_states: list[Any],
        facts: list[Any],
        clock_off_ms: int = 0,
    ) -> None:
        """`clock_off_ms`: its device time less the true time, as far as its clock is known to be wrong."""
        self.reading: Final = reading
        """Measured by the device, or about it: a weighbridge ticket also reaches the rules of the truck it names."""
        self.ts: Final = reading.ts
        """Its device time, ms."""
        self.calendar_ts: Final = reading.ts - clock_off_ms
        """The time, ms, at which a calendar is asked: hours, and what is valid."""
        self.position: Final = reading if type(reading) is _POSITION else None
        """The reading, if it is a position, as most readings are."""
        self.heard_at: Final = heard_at
        """Device time, ms, at which the fleet received it: the reading's own, unless it came later than the reorder
        window allows."""
        self.device: Final = device
        self.vehicle: Final = vehicle
        """The vehicle that carries the device, if the city has it."""
        self.approvals: Final = approvals
        """Approvals of this vehicle."""
        self.city: Final = city
        self.tracker_states: Final = tracker_states
        """State of each tracker after this reading; None where a tracker does not follow this device. Read only."""
        self.facts: Final = facts
        """What the trackers of this device conclude from this reading; empty for a reading that came too late. Read
        only."""
        self.own: Final = reading.device_id == device.id
        """True if the device measured it itself."""
        track: Track | None = None
        manifests: ManifestBook | None = None
        for state in tracker_states:
            if isinstance(state, Track):
                track = state
            elif isinstance(state, ManifestBook):
                manifests = state
        self.track: Final = track
        """State of a truck after this reading; None for other devices."""
        self.manifests: Final = manifests
        """Manifests of a truck after this reading; None for other devices. Read only."""
        fix: Fix | None = None
        for fact in facts:
            if isinstance(fact, Fix):
                fix = fact
        self.fix: Final = fix
        """The fix of a truck's position that came in order."""
        self._routes: list[Route] | None = None

    def emptied(self) -> Emptying | None:
        """The emptying of a compartment that this reading made certain."""
        for fact in self.facts:
            if isinstance(fact, Emptying):
                return fact
        return None

    def approved_routes(self) -> list[Route]:
        """Routes approved for the vehicle at the time of the reading."""
        if self._routes is None:
            self._routes = self.city.approved_at(self.approvals, self.calendar_ts)
        return self._routes

    def is_on_route(self, route: Route, half_width_m: float) -> bool:
        """True if the fix, less its error, is in the corridor of the route: so many metres to each side of its line,
        unless the route has a width of its own.
        """
        fix = self.fix
        if fix is None:
            return False
        off_m = self.city.geometry.route_offset(route, fix.xy).distance_m - fix.outside_m()
        return off_m <= route.half_width_m(half_width_m)

    def is_off_routes(self, half_width_m: float) -> bool:
        """True if the fix is off every approved route, as `is_on_route` has it; False where none is approved."""
        routes = self.approved_routes()
        return bool(routes) and not any(self.is_on_route(route, half_width_m) for route in routes)

    def calendar_of(self, ts: int) -> int:
        """The time, ms, at which a calendar is asked about an earlier reading of device time `ts`."""
        return ts + self.calendar_ts - self.ts

    def is_near_site(self, within_m: float, kinds: frozenset[SiteKind]) -> bool:
        """True if the fix is in or near a site of one of these kinds, or one where the vehicle may tip."""
        fix, vehicle_id = self.fix, self.device.vehicle_id
        return fix is not None and any(
            distance_m <= within_m
            and (
                site.kind in kinds or (vehicle_id is not None and self.city.may_tip(vehicle_id, site, self.calendar_ts))
            )
            for site, distance_m in fix.sites
        )


class ClockFound(NamedTuple):
    """What is believed of a device's clock from now on."""

    device: Device
    city: City
    now: int
    """Time by the clocks of the fleet, or by this machine's while few of them are believed, ms."""
    offset_ms: int
    """Device time, corrected, less that."""
    correction_s: int
    """What of it is the correction from the registry."""
    stepped_ms: int
    """By how much the clock went forward (or back, negative) from what was believed before; 0 if nothing was."""
    readings: int
    """That many readings in a row agree on it,"""
    over_ms: int
    """over so much receive time."""
    reading: Reading | None
    """The last of them; None if it is refused because of its time."""


class Silence(NamedTuple):
    """A device that was not heard."""

    device: Device
    city: City
