"""Stages a night of haulage by seed: who drives when, what goes wrong, and in which order the broker gets it."""

import heapq
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from random import Random
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from devices.city.model import City, Device
from devices.city.sites import SiteKind
from devices.readings.models import Reading, Weighing
from simulators.firmware.orders import Controls
from simulators.haulage.bridges import Bridge
from simulators.haulage.papers import Paper
from simulators.haulage.town import leg_of, places_of, town
from simulators.haulage.truck_night import RESIDUE_KG, OnScale, Trip, TruckNight
from simulators.haulage.truth import Heading, Label, Truth
from simulators.vehicles.truck import Terminal
from simulators.vehicles.work import Standing, WorkDay

_HOUR_MS: Final = 3_600_000
BEGINS_BEFORE_MIDNIGHT_MS: Final = 4 * _HOUR_MS
"""Muck trucks drive at night, so the tonnes of a night belong to two days."""
_STARTS_WITHIN_MS: Final = 2_400_000
LATE_MS: Final = 6 * _HOUR_MS
_LATE_FROM_MS: Final = 120_000
_TWICE_WITHIN_MS: Final = 3 * _HOUR_MS
_PARKED_EVERY_MS: Final = 300_000
_LATENCY_MS: Final = (200, 1_500)
_BOTH_WAYS: Final = frozenset({SiteKind.TRANSFER_STATION, SiteKind.SORTING_CENTRE})
_SHARES: Final[Mapping[Label, float]] = {
    Label.ESTIMATE: 0.03,
    Label.WEIGHED_AGAIN: 0.02,
    Label.CORRECTED: 0.02,
    Label.MISREAD: 0.03,
    Label.REROUTED: 0.015,
    Label.RETURNED: 0.015,
    Label.UNWEIGHED_AT_SOURCE: 0.015,
    Label.SHORT: 0.02,
    Label.LATE: 0.015,
    Label.UNWEIGHED: 0.015,
    Label.EARLY_SCAN: 0.01,
    Label.NEVER_ARRIVED: 0.01,
    Label.ILLEGIBLE: 0.01,
    Label.OTHER_PLATE: 0.01,
}
"""Of all trips; at least one each."""


class Arrival(NamedTuple):
    """A reading as the broker gets it."""

    received_ms: int
    reading: Reading


@dataclass(frozen=True)
class Night:
    """What was staged. Everybody gets `city`, `papers` and `arrivals`; `truth` is for whoever counts."""

    city: City
    papers: Sequence[Paper]
    """In order of time."""
    tickets: Sequence[Weighing]
    """In order of time, each once."""
    truth: Truth
    begins_ms: int
    ends_ms: int
    """All trips are over, and what is overdue is."""
    seed: str
    works: Mapping[str, WorkDay]
    """By device id; positions are made of it once."""

    def arrivals(self, *, late: float = 0.0, twice: float = 0.0) -> Iterator[Arrival]:
        """All readings in order of their arrival. `late`: share of tickets that come up to `LATE_MS` late; `twice`:
        that come a second time. Consumes `works`.
        """
        rng = Random(f"{self.seed}|network")  # noqa: S311 - repeatable on purpose
        until_ms = self.ends_ms + LATE_MS if late else self.ends_ms
        streams = [self._positions(device_id, until_ms) for device_id in sorted(self.works)]
        return heapq.merge(*streams, sorted(_sent(self.tickets, late, twice, rng), key=_received), key=_received)

    def _positions(self, device_id: str, until_ms: int) -> Iterator[Arrival]:
        rng = Random(f"{self.seed}|{device_id}")  # noqa: S311 - repeatable on purpose
        device = self.city.devices[device_id]
        payload_kg = self.city.vehicles[device.vehicle_id or ""].payload_kg or 0.0
        terminal = Terminal(
            device_id, self.works[device_id], plane=self.city.plane, payload_kg=payload_kg, rng=rng,
            controls=Controls(interval_s=device.report_interval_s),
        )  # fmt: skip
        seq = parked_ms = sent_ms = 0
        for position in terminal.positions(self.begins_ms + rng.randint(0, device.report_interval_s * 1000)):
            if position.ts > until_ms:
                return
            if not position.ignition_on and position.ts < parked_ms:
                continue
            parked_ms = position.ts + _PARKED_EVERY_MS if not position.ignition_on else 0
            seq += 1
            sent_ms = max(sent_ms, position.ts + rng.randint(*_LATENCY_MS))  # a terminal sends in order
            yield Arrival(sent_ms, replace(position, seq=seq))


def stage(seed: str, trucks: int, trips: int, midnight_ms: int) -> Night:
    """Stage a night around `midnight_ms`, ms since 1970, with so many trucks and trips.

    Raises ValueError where a truck would have more trips than a night has room for.
    """
    if trips > 8 * trucks:
        raise ValueError(f"trips: {trips} are too many for {trucks} trucks: give at most {8 * trucks}")
    rng = Random(f"{seed}|night")  # noqa: S311 - repeatable on purpose
    city = town(trucks, rng)
    begins_ms = midnight_ms - BEGINS_BEFORE_MIDNIGHT_MS
    bridges = _bridges(city, rng)
    nights = [
        TruckNight(city, city.vehicles[device.vehicle_id or ""], device.id, leg_of(city, device.vehicle_id or ""),
                   bridges, Random(f"{seed}|{device.id}|work"))  # noqa: S311
        for device in _trucks(city)
    ]  # fmt: skip
    plans = _plans(nights, bridges, trips, rng)
    _run(nights, plans, bridges, begins_ms, rng)
    ends_ms = max(night.now_ms for night in nights) + 2 * _HOUR_MS
    works = {
        night.device_id: WorkDay(
            begins_ms,
            chain(night.steps, (Standing(night.place, 1e7, RESIDUE_KG, ignition_on=False),)),
        )
        for night in nights
    }
    papers = sorted((paper for night in nights for paper in night.papers), key=lambda one: (one.at, one.number))
    tickets = sorted((one for night in nights for one in night.tickets), key=lambda one: (one.ts, one.device_id))
    return Night(city, papers, tickets, _truth(nights, city), begins_ms, ends_ms, seed, works)


def _trucks(city: City) -> list[Device]:
    return [device for _, device in sorted(city.devices.items()) if device.vehicle_id is not None]


def _bridges(city: City, rng: Random) -> dict[str, Bridge]:
    """By site id."""
    return {
        device.site_id: Bridge(
            device.id,
            device.site_id,
            both_ways=city.sites[device.site_id].kind in _BOTH_WAYS,
            single_stream=len(city.sites[device.site_id].streams) == 1,
            rng=rng,
        )
        for _, device in sorted(city.devices.items())
        if device.site_id is not None
    }


def _plans(nights: Sequence[TruckNight], bridges: Mapping[str, Bridge], trips: int, rng: Random) -> list[list[Trip]]:
    """The trips of each truck, with what is wrong with them: each label on so many trips that can have it."""
    of_trip = [n % len(nights) for n in range(trips)]
    labels = dict.fromkeys(range(trips), Label.HONEST)
    free = set(labels)
    for label, share in _SHARES.items():
        can = [n for n in sorted(free) if _may(label, nights[of_trip[n]], bridges)]
        for n in rng.sample(can, min(len(can), max(1, round(share * trips)))):
            labels[n] = label
            free.remove(n)
    found: list[list[Trip]] = [[] for _ in nights]
    for n, truck in enumerate(of_trip):
        trip = Trip(f"H{n + 1:05}", labels[n])
        if trip.label is Label.OTHER_PLATE:
            other = rng.choice([one for one in nights if not _share_a_place(one, nights[truck])])
            trip = trip._replace(other_plate=other.vehicle.plate, other_vehicle_id=other.vehicle.id)
        found[truck].append(trip)
    return found


def _may(label: Label, night: TruckNight, bridges: Mapping[str, Bridge]) -> bool:
    is_weighed = night.leg.source in bridges
    match label:
        case Label.ESTIMATE:
            return not is_weighed
        case Label.UNWEIGHED_AT_SOURCE:
            return is_weighed
        case Label.WEIGHED_AGAIN | Label.CORRECTED:
            return bridges[night.leg.destination].prints_whole
        case Label.ILLEGIBLE:
            return night.vehicle.plate[3] == "B"
        case _:
            return True


def _share_a_place(one: TruckNight, other: TruckNight) -> bool:
    return bool({*places_of(one.leg)} & {*places_of(other.leg)})


def _run(
    nights: Sequence[TruckNight],
    plans: Sequence[Sequence[Trip]],
    bridges: Mapping[str, Bridge],
    begins_ms: int,
    rng: Random,
) -> None:
    """Let all trucks work at once: at each weighbridge they are served in the order in which they come."""
    waiting: list[tuple[int, int, OnScale]] = []
    working = []
    for number, (night, trips) in enumerate(zip(nights, plans, strict=True)):
        work = night.drive(begins_ms, rng.randint(0, _STARTS_WITHIN_MS), trips)
        working.append(work)
        first = next(work, None)
        if first is not None:
            heapq.heappush(waiting, (first.at, number, first))
    while waiting:
        at, number, asked = heapq.heappop(waiting)
        try:
            following = working[number].send(bridges[asked.site_id].serve(at))
        except StopIteration:
            continue
        heapq.heappush(waiting, (following.at, number, following))


def _truth(nights: Sequence[TruckNight], city: City) -> Truth:
    zone = ZoneInfo(city.timezone)
    trips = [trip for night in nights for trip in night.trips]
    loads = [load for night in nights for load in night.loads]
    tonnes: dict[Heading, float] = defaultdict(float)
    for load in loads:
        day = datetime.fromtimestamp(load.at / 1000, zone).date().isoformat()
        tonnes[Heading(day, load.site, load.stream, load.flow)] += load.net_kg
    return Truth(sorted(trips, key=lambda one: one.number), loads, dict(tonnes))


def _sent(tickets: Sequence[Weighing], late: float, twice: float, rng: Random) -> Iterator[Arrival]:
    for ticket in tickets:
        received_ms = ticket.ts + rng.randint(*_LATENCY_MS)
        if rng.random() < late:
            received_ms += rng.randint(_LATE_FROM_MS, LATE_MS)
        yield Arrival(received_ms, ticket)
        if rng.random() < twice:
            yield Arrival(received_ms + rng.randint(500, _TWICE_WITHIN_MS), ticket)


def _received(arrival: Arrival) -> int:
    return arrival.received_ms
