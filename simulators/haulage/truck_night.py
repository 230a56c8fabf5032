"""The night of one truck: its trips, step by step, with what people write and what the scales print."""

from collections.abc import Callable, Generator, Mapping, Sequence
from itertools import pairwise
from random import Random
from typing import Final, Literal, NamedTuple

from devices.city.model import City, Vehicle
from devices.geo.geometry import XY
from devices.readings.manifests import ManifestDeed
from devices.readings.models import Weighing
from simulators.haulage import plates
from simulators.haulage.bridges import Bridge, Crossing, Printed
from simulators.haulage.papers import Paper, Plan
from simulators.haulage.town import place_of, road
from simulators.haulage.truth import ALERTED, Label, LoadTruth, TripTruth, Verdict
from simulators.haulage.works import Leg
from simulators.vehicles.drive import Drive, Way
from simulators.vehicles.work import Driving, Loading, Standing, Tipping, WorkStep

RESIDUE_KG: Final = 60.0
"""What sticks to the bed."""
_LIMIT_KMH: Final = (40.0, 50.0)
_QUEUE_MS: Final = 15 * 60_000
"""What a haulier allows for queues."""
_PLANNED_KMH: Final = 30.0
_LOADING_S: Final = (210.0, 300.0)
_TIPPING_S: Final = (120.0, 180.0)
_LATE_CONFIRMED: Final = 0.1
"""Of honest loads are confirmed by their source when the truck is on its way."""
_REST_S: Final = (120.0, 900.0)
_LATE_S: Final = (6_600.0, 8_400.0)
"""A breakdown: twice the hour that plans and their grace allow."""
_SHORT_SHARE: Final = (0.12, 0.3)
_SHORT_KG: Final = 1_200.0
"""At least so much of a load is gone: no two scales explain it."""
_DRIPS: Final = (0.002, 0.012)
"""Share of a load that is lost on an honest way."""
_EARLY_S: Final = 120.0
"""A scan so long after the truck left its source is early: no way is so short."""


class OnScale(NamedTuple):
    """A truck asks for a weighbridge: which site, and from when on (device time, ms)."""

    site_id: str
    at: int


class Trip(NamedTuple):
    """One trip as it is to be."""

    number: str
    label: Label
    other_plate: str = ""
    """On its ticket at the destination, with `Label.OTHER_PLATE`; and the vehicle that it leads to."""
    other_vehicle_id: str = ""


Night = Generator[OnScale, int, None]
"""Sends what the truck asks for, and gets when it is on the scale."""


class TruckNight:
    """One truck. `steps`, `papers`, `tickets`, `trips` and `loads` fill while `drive` runs."""

    def __init__(
        self, city: City, vehicle: Vehicle, device_id: str, leg: Leg, bridges: Mapping[str, Bridge], rng: Random
    ) -> None:
        self.city, self.vehicle, self.device_id, self.leg = city, vehicle, device_id, leg
        self._bridges, self._rng = bridges, rng
        self._limit_kmh = rng.uniform(*_LIMIT_KMH)
        self.now_ms = 0
        self.place: XY = place_of(city, leg.source)
        self.load_kg = RESIDUE_KG
        self.steps: list[WorkStep] = []
        self.papers: list[Paper] = []
        self.tickets: list[Weighing] = []
        self.trips: list[TripTruth] = []
        self.loads: list[LoadTruth] = []

    def drive(self, begins_ms: int, starts_after_ms: int, trips: Sequence[Trip]) -> Night:
        """Stand at the source from `begins_ms` on, and begin with the trips so long after."""
        self.now_ms = begins_ms
        self._stand(starts_after_ms / 1000, ignition_on=False)
        for trip in trips:
            self._stand(self._rng.uniform(*_REST_S), ignition_on=False)
            yield from self._trip(trip)

    def _trip(self, trip: Trip) -> Night:
        label, leg, begins_at = trip.label, self.leg, self.now_ms
        plan = self._plan(trip)
        issued = self.now_ms + self._rng.choice((1_000, 100_000))  # before it is weighed empty, or while it is loaded
        self._write(Paper(issued, trip.number, ManifestDeed.ISSUE, "haulier", plan))
        kg = plan.declared_kg * (self._rng.uniform(0.75, 1.25) if plan.estimated else self._rng.uniform(0.99, 1.01))
        source_kg = yield from self._collect(trip, kg)
        is_late = label is Label.HONEST and self._rng.random() < _LATE_CONFIRMED
        confirmed = self.now_ms + 240_000 if is_late else self.now_ms - 20_000
        self._write(Paper(confirmed, trip.number, ManifestDeed.CONFIRM_SOURCE, "source"))
        verdict = yield from self._ends[label](self, trip, source_kg)
        alert = ALERTED.get(label) if label is not Label.SHORT or source_kg is not None else None
        alerts = () if alert is None else (alert,)
        of_truck = leg.id, self.vehicle.id, self.device_id
        self.trips.append(TripTruth(trip.number, label, *of_truck, verdict, begins_at, self.now_ms, alerts))

    def _plan(self, trip: Trip) -> Plan:
        leg, rng = self.leg, self._rng
        payload_kg = self.vehicle.payload_kg or 0.0
        depart_at = self.now_ms + 600_000
        way_m = sum(way.length_m for way in self._ways())
        takes_ms = round(way_m / (_PLANNED_KMH / 3.6) * 1000) + 300_000 * len(leg.stops)
        return Plan(
            self.vehicle.id,
            self.device_id,
            leg.source,
            leg.destination,
            leg.stream,
            declared_kg=round(payload_kg * rng.uniform(0.82, 0.96), -2),
            estimated=trip.label is Label.ESTIMATE,
            depart_at=depart_at,
            arrive_by=depart_at + takes_ms + _QUEUE_MS,
        )

    def _ways(self) -> list[Way]:
        stops = (self.leg.source, *self.leg.stops, self.leg.destination)
        return [road(self.city, a, b) for a, b in pairwise(stops)]

    def _collect(self, trip: Trip, kg: float) -> Generator[OnScale, int, float | None]:
        """Load at the source, and at the stops of a round; return the net weight that the source's scale shows."""
        source, parts = self.leg.source, 1 + len(self.leg.stops)
        is_weighed = source in self._bridges and trip.label is not Label.UNWEIGHED_AT_SOURCE
        first = (yield from self._weigh(source)) if is_weighed else None
        self._load(kg / parts)
        shown = None
        if first is not None:
            last = yield from self._weigh(source)
            printed = self._print(source, first, last, self.vehicle.plate, trip.number, "out")
            self._keep(trip, source, printed, "out", self.vehicle.id)
            shown = printed.net_kg
        for way in self._ways()[:-1]:
            self._stand(self._rng.uniform(20.0, 60.0))
            self._go(way)
            self._load(kg / parts)
        self._stand(self._rng.uniform(20.0, 60.0))
        return shown

    def _load(self, more_kg: float) -> None:
        self._add(Loading(self.place, self._rng.uniform(*_LOADING_S), self.load_kg, self.load_kg + more_kg))

    # What becomes of the load, by label.

    def _deliver(self, trip: Trip, source_kg: float | None) -> Generator[OnScale, int, Verdict]:
        self._go(self._ways()[-1])
        self.load_kg -= self._rng.uniform(*_DRIPS) * (self.load_kg - RESIDUE_KG)
        net_kg = yield from self._deposit(trip, self.leg.destination)
        self._go_home(self.leg.destination)
        return Verdict("closed", "delivered", False, source_kg, net_kg)

    def _deliver_less(self, trip: Trip, source_kg: float | None) -> Generator[OnScale, int, Verdict]:
        self._go(self._ways()[-1])
        self.load_kg -= max(self._rng.uniform(*_SHORT_SHARE) * (self.load_kg - RESIDUE_KG), _SHORT_KG)
        net_kg = yield from self._deposit(trip, self.leg.destination)
        self._go_home(self.leg.destination)
        return Verdict("discrepancy", None, False, source_kg, net_kg)

    def _break_down(self, trip: Trip, source_kg: float | None) -> Generator[OnScale, int, Verdict]:
        way = self._ways()[-1]
        self._go(way.part(0.0, way.length_m / 2))
        self._stand(self._rng.uniform(*_LATE_S))
        self._go(way.part(way.length_m / 2, way.length_m))
        net_kg = yield from self._deposit(trip, self.leg.destination)
        self._go_home(self.leg.destination)
        return Verdict("closed", "delivered", True, source_kg, net_kg)

    def _drive_past_the_scale(self, trip: Trip, source_kg: float | None) -> Generator[OnScale, int, Verdict]:
        self._go(self._ways()[-1])
        self._stand(self._rng.uniform(60.0, 120.0))
        self._tip()
        self._go_home(self.leg.destination)
        yield from ()
        return Verdict("overdue", None, True, source_kg, None)

    def _scanned_early(self, trip: Trip, source_kg: float | None) -> Generator[OnScale, int, Verdict]:
        self._scan(trip)
        way = self._ways()[-1]
        self._go(way.part(0.0, way.length_m / 2))
        self._stand(self._rng.uniform(900.0, 1_200.0))
        self._go(way.part(way.length_m / 2, way.length_m))
        net_kg = yield from self._deposit(trip, self.leg.destination)
        self._go_home(self.leg.destination)
        return Verdict("discrepancy", None, False, source_kg, net_kg)

    def _never_arrive(self, trip: Trip, source_kg: float | None) -> Generator[OnScale, int, Verdict]:
        """Confirmed by a friend at the gate; the load is tipped half-way."""
        self._scan(trip)
        half = self._ways()[-1].part(0.0, self._ways()[-1].length_m / 2)
        self._go(half)
        self._tip()
        self._go(half.reverse())
        self._home_by_stops()
        yield from ()
        sent_kg = source_kg if source_kg is not None else self.papers_plan(trip).declared_kg
        return Verdict("discrepancy", None, False, source_kg, sent_kg)

    def _bring_back(self, trip: Trip, source_kg: float | None) -> Generator[OnScale, int, Verdict]:
        self._go(self._ways()[-1])
        self._reject(trip)
        self._go(self._ways()[-1].reverse())
        self._home_by_stops()
        self._stand(300.0)
        self.load_kg = RESIDUE_KG
        yield from ()
        return Verdict("closed", "returned", False, source_kg, None)

    def _take_elsewhere(self, trip: Trip, source_kg: float | None) -> Generator[OnScale, int, Verdict]:
        self._go(self._ways()[-1])
        self._reject(trip)
        destination, other = self.leg.destination, self.leg.other
        at = self.now_ms - 60_000
        self._write(Paper(at, trip.number, ManifestDeed.REROUTE, "gate", destination_id=other))
        self._go(road(self.city, destination, other))
        net_kg = yield from self._deposit(trip, other)
        self._go(road(self.city, other, self.leg.source))
        return Verdict("closed", "delivered", False, source_kg, net_kg)

    def _under_another_plate(self, trip: Trip, source_kg: float | None) -> Generator[OnScale, int, Verdict]:
        self._go(self._ways()[-1])
        yield from self._deposit(trip, self.leg.destination)
        self._go_home(self.leg.destination)
        return Verdict("overdue", None, True, source_kg, None)

    def _deposit(self, trip: Trip, site_id: str) -> Generator[OnScale, int, float]:
        """Weigh, tip and weigh; return the net weight that holds in the end."""
        bridge = self._bridges[site_id]
        plate, vehicle_id = self._plate(trip)
        first = yield from self._weigh(site_id)
        self._tip()
        last = yield from self._weigh(site_id)
        printed = self._print(site_id, first, last, plate, trip.number, "in")
        if trip.label is Label.WEIGHED_AGAIN:
            printed = bridge.again(printed)
            self._stand((printed.at - self.now_ms) / 1000)
        elif trip.label is Label.CORRECTED:
            printed = bridge.corrected(printed)
        self._keep(trip, site_id, printed, "in", vehicle_id)
        self._stand(self._rng.uniform(10.0, 40.0))
        return printed.net_kg

    def _plate(self, trip: Trip) -> tuple[str, str | None]:
        """The plate on the ticket, and the vehicle that it leads to."""
        match trip.label:
            case Label.MISREAD:
                return plates.misread(self.vehicle.plate, self._rng), self.vehicle.id
            case Label.ILLEGIBLE:
                return plates.of_nobody(self.vehicle.plate), None
            case Label.OTHER_PLATE:
                return trip.other_plate, trip.other_vehicle_id
            case _:
                return self.vehicle.plate, self.vehicle.id

    def _weigh(self, site_id: str) -> Generator[OnScale, int, Crossing]:
        on_scale = yield OnScale(site_id, self.now_ms)
        self._stand(max(on_scale - self.now_ms, 0) / 1000 + 15.0)
        kg = (self.vehicle.tare_kg or 0.0) + self.load_kg
        return self._bridges[site_id].crossing(self.now_ms - 5_000, kg)

    def _print(
        self, site_id: str, first: Crossing, last: Crossing, plate: str, manifest: str, direction: Literal["in", "out"]
    ) -> Printed:
        return self._bridges[site_id].print_visit(first, last, plate, self.leg.material, manifest, direction)

    def _keep(
        self, trip: Trip, site_id: str, printed: Printed, flow: Literal["in", "out"], vehicle_id: str | None
    ) -> None:
        self.tickets += printed.tickets
        bridge_id = self._bridges[site_id].device_id
        self.loads.append(
            LoadTruth(trip.number, site_id, bridge_id, flow, self.leg.stream, printed.at, printed.net_kg, vehicle_id)
        )

    # People.

    def _write(self, paper: Paper) -> None:
        self.papers.append(paper)

    def papers_plan(self, trip: Trip) -> Plan:
        """What stands on the manifest of a trip."""
        return next(one.plan for one in self.papers if one.number == trip.number and one.plan is not None)

    def _scan(self, trip: Trip) -> None:
        at = self.now_ms + round(_EARLY_S * 1000)
        self._write(Paper(at, trip.number, ManifestDeed.CONFIRM_DISPOSAL, "gate"))

    def _reject(self, trip: Trip) -> None:
        self._stand(300.0)
        at = self.now_ms - 120_000
        self._write(Paper(at, trip.number, ManifestDeed.REJECT, "gate", reason="another stream"))

    # Motion.

    def _go(self, way: Way) -> None:
        """Drive a road, with a red light here and there."""
        waits = {s * way.length_m: self._rng.uniform(8.0, 40.0) for s in (0.25, 0.6) if self._rng.random() < 0.5}
        self._add(Driving(Drive(way, limit_kmh=self._limit_kmh, waits=waits), self.load_kg))

    def _go_home(self, site_id: str) -> None:
        self._go(road(self.city, site_id, self.leg.source))

    def _home_by_stops(self) -> None:
        """From the last stop of a round back to where it begins."""
        if self.leg.stops:
            self._go(road(self.city, self.leg.stops[-1], self.leg.source))

    def _tip(self) -> None:
        seconds = self._rng.uniform(*_TIPPING_S)
        self._add(Tipping(self.place, seconds, self.load_kg, RESIDUE_KG, cover_opens_s=10.0, lift_rises_s=25.0))

    def _stand(self, seconds: float, *, ignition_on: bool = True) -> None:
        self._add(Standing(self.place, seconds, self.load_kg, ignition_on=ignition_on))

    def _add(self, step: WorkStep) -> None:
        self.steps.append(step)
        self.now_ms += round(step.duration_s * 1000)
        end = step.at(step.duration_s)
        self.place, self.load_kg = end.xy, end.load_kg

    _ends: Final[Mapping[Label, Callable[["TruckNight", Trip, float | None], Generator[OnScale, int, Verdict]]]] = {
        Label.HONEST: _deliver,
        Label.ESTIMATE: _deliver,
        Label.WEIGHED_AGAIN: _deliver,
        Label.CORRECTED: _deliver,
        Label.MISREAD: _deliver,
        Label.UNWEIGHED_AT_SOURCE: _deliver,
        Label.REROUTED: _take_elsewhere,
        Label.RETURNED: _bring_back,
        Label.SHORT: _deliver_less,
        Label.LATE: _break_down,
        Label.UNWEIGHED: _drive_past_the_scale,
        Label.EARLY_SCAN: _scanned_early,
        Label.NEVER_ARRIVED: _never_arrive,
        Label.ILLEGIBLE: _under_another_plate,
        Label.OTHER_PLATE: _under_another_plate,
    }
