"""Tickets of a trial: those of honest visits agree with the trucks, and the wrong ones are wrong as labelled."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from random import Random
from statistics import median

import pytest

from devices.city.model import City
from devices.geo.geometry import XY
from devices.readings.models import Weighing
from devices.readings.plates import comparable_plate
from simulators.staging.terrain import Terrain
from simulators.trials.incidents import SYSTEM, Incident
from simulators.trials.town import TRUCKS, town, truck_id
from simulators.trials.trial import FIRST_DAY_MS, haul_of
from simulators.trials.truck_day import TruckDay
from simulators.trials.weighings.tickets import tickets

DAY_MS = 86_400_000
SHIFT_MS = 9 * 3_600_000


@dataclass(frozen=True)
class Shift:
    """One shift in which every truck only does its rounds."""

    city: City
    days: Mapping[str, TruckDay]
    by_bridge: Mapping[str, list[Weighing]]
    incidents: list[Incident]

    def of(self, truck: str, direction: str) -> list[Weighing]:
        plate = self.days[truck].haul.plate
        made = [one for of_bridge in self.by_bridge.values() for one in of_bridge]
        return [one for one in made if (one.plate, one.direction) == (plate, direction) and one.stable]

    def place_at(self, truck: str, ts: int) -> XY:
        """Where it truly is."""
        began_ms, step = next(self.days[truck].overlapping(ts, ts + 1))
        return step.at((ts - began_ms) / 1000).xy


@cache
def shift(number: int) -> Shift:
    rng = Random(f"tickets {number}")
    city = town(rng, 10)
    terrain = Terrain(city, FIRST_DAY_MS)
    days = {
        truck_id(n): TruckDay(haul_of(terrain, city, truck_id(n)), terrain, city, FIRST_DAY_MS, Random(rng.random()))
        for n in range(TRUCKS)
    }
    for day in days.values():
        while day.now_ms < FIRST_DAY_MS + SHIFT_MS - 3_600_000:
            day.plain_round()
    readings, incidents = tickets(city, days, FIRST_DAY_MS, FIRST_DAY_MS + SHIFT_MS, rng)
    by_bridge = {name: [one for one in made if isinstance(one, Weighing)] for name, made in readings.items()}
    return Shift(city, days, by_bridge, incidents)


def labelled(behaviour: str) -> list[tuple[Shift, Incident]]:
    """Those of some shifts that must be noticed; at least one."""
    found = [
        (one, incident)
        for one in map(shift, range(4))
        for incident in one.incidents
        if incident.behaviour == behaviour and incident.required
    ]
    assert found
    return found


def weighed(one: Shift, incident: Incident, direction: str) -> Weighing:
    (ticket,) = [ticket for ticket in one.of(incident.subject, direction) if ticket.ts == incident.start_ms]
    return ticket


def tare_kg(one: Shift, truck: str) -> float:
    vehicle = one.city.vehicle_of(one.city.devices[truck], 0)
    assert vehicle is not None
    assert vehicle.tare_kg is not None
    return vehicle.tare_kg


def test_a_ticket_agrees_with_itself() -> None:
    for one in map(shift, range(4)):
        for made in one.by_bridge.values():
            for ticket in made:
                if ticket.net_kg is not None and ticket.tare_kg is not None:
                    assert ticket.net_kg == pytest.approx(ticket.gross_kg - ticket.tare_kg)


def test_one_bridge_weighs_the_trucks_of_two_routes() -> None:
    for one in map(shift, range(4)):
        ends = [day.haul.destination_site_id for day in one.days.values()]
        sites = [device.site_id for device in one.city.devices.values() if device.id in one.by_bridge]
        assert max(ends.count(site_id) for site_id in sites) >= 8


def test_a_ticket_for_a_load_that_was_never_brought() -> None:
    for one, incident in labelled("weigh_elsewhere"):
        ticket = weighed(one, incident, "in")
        bridge = one.city.devices[ticket.device_id]
        near = one.city.geometry.sites_near(one.place_at(incident.subject, ticket.ts), 1_000.0, ticket.ts)
        assert bridge.site_id not in {found.site.id for found in near}


def test_a_truck_that_nobody_registered() -> None:
    for one, incident in labelled("weigh_unregistered"):
        (ticket,) = [made for made in one.by_bridge[incident.subject] if made.ts == incident.start_ms]
        registered = {comparable_plate(vehicle.plate) for vehicle in one.city.vehicles.values()}
        assert comparable_plate(ticket.plate or "") not in registered


def test_a_tare_that_is_off() -> None:
    for one, incident in labelled("weigh_odd_tare"):
        ticket = weighed(one, incident, "out")
        assert (ticket.tare_kg or 0.0) - tare_kg(one, incident.subject) > 500


def test_a_load_weighed_twice_has_the_same_gross_under_two_numbers() -> None:
    for one, incident in labelled("weigh_twice"):
        again = weighed(one, incident, "in")
        (first,) = [made for made in one.of(incident.subject, "in") if 0 < again.ts - made.ts <= 90_000]
        assert first.gross_kg == again.gross_kg
        assert first.ticket != again.ticket


def test_an_axle_beside_the_plate() -> None:
    for one, incident in labelled("weigh_a_part_of_the_axles"):
        assert 0.5 < (weighed(one, incident, "out").tare_kg or 0.0) / tare_kg(one, incident.subject) < 0.77


def test_another_body_stays_and_only_its_first_weighing_must_be_noticed() -> None:
    for one, incident in labelled("change_the_body"):
        after = [ticket for ticket in one.of(incident.subject, "out") if ticket.ts >= incident.start_ms]
        offs = [abs((ticket.tare_kg or 0.0) - tare_kg(one, incident.subject)) for ticket in after]
        assert median(offs) > 600
        others = [found for found in one.incidents if found.behaviour == "change_the_body" and not found.required]
        assert {ticket.ts for ticket in after[1:]} <= {found.start_ms for found in others}


def test_a_zero_that_shifted_is_a_matter_of_the_day_and_of_most_trucks() -> None:
    """Counted by hand: the last weighing of each truck against what it weighs empty."""
    for one, incident in labelled("shift_the_zero"):
        assert incident.subject == SYSTEM
        assert (incident.start_ms + 8 * 3_600_000) % DAY_MS == 0  # midnight in the city
        (made,) = [
            of_bridge for of_bridge in one.by_bridge.values() if of_bridge and of_bridge[-1].ts == incident.end_ms
        ]
        names = {name for name, day in one.days.items() if any(ticket.plate == day.haul.plate for ticket in made)}
        last = {name: one.of(name, "out")[-1].tare_kg or 0.0 for name in names}
        known_ms = incident.begins_ms + round(incident.hold_s * 1000)
        assert len(names) >= 5
        assert abs(median(kg - tare_kg(one, name) for name, kg in last.items())) >= 80
        again = [
            name for name in names if any(known_ms >= made.ts >= incident.begins_ms for made in one.of(name, "out"))
        ]
        assert len(again) > len(names) / 2


def test_weights_typed_by_hand_are_more_than_two_per_cent() -> None:
    for one, incident in labelled("type_by_hand"):
        made = one.by_bridge[incident.subject]
        typed = [ticket for ticket in made if ticket.manual_entry]
        assert typed[0].ts == incident.start_ms
        assert len({ticket.ticket for ticket in typed}) >= 5
        assert len(typed) / len(made) > 0.02


def test_a_truck_that_rolled_across_has_no_weight_at_rest() -> None:
    for one, incident in labelled("roll_across"):
        made = one.by_bridge[incident.subject]
        (plate,) = {ticket.plate for ticket in made if ticket.ts == incident.start_ms and not ticket.stable}
        within = [
            ticket
            for ticket in made
            if ticket.plate == plate and incident.start_ms <= ticket.ts <= incident.end_ms + 600_000
        ]
        assert within
        assert not any(ticket.stable for ticket in within)


def test_look_alikes_are_there_too() -> None:
    """A weighing again that names what it replaces, and weights of a truck that came to rest afterwards."""
    made = [ticket for one in map(shift, range(4)) for of_bridge in one.by_bridge.values() for ticket in of_bridge]
    assert any(ticket.corrects for ticket in made)
    numbers = {(ticket.ticket, ticket.direction) for ticket in made if ticket.stable}
    assert any((ticket.ticket, ticket.direction) in numbers for ticket in made if not ticket.stable)
