"""Tickets of a trial: those of honest visits agree with the trucks, and the wrong ones are wrong as labelled."""

from functools import cache

import pytest

from devices.geo.geometry import XY
from devices.readings.models import Position, Weighing
from devices.readings.plates import comparable_plate
from simulators.trials.incidents import Incident
from simulators.trials.tiers import tier
from simulators.trials.trial import Trial, stage


@cache
def trials() -> tuple[Trial, ...]:
    return tuple(stage(tier("clean"), "4", number) for number in range(2))


def weighed(trial: Trial, incident: Incident) -> Weighing:
    plates = {
        device.id: trial.city.vehicles[device.vehicle_id].plate
        for device in trial.city.devices.values()
        if device.vehicle_id is not None
    }
    (ticket,) = (
        one.reading
        for one in trial.arrivals
        if isinstance(one.reading, Weighing)
        and one.reading.ts == incident.start_ms
        and incident.subject
        in {one.reading.device_id, *(name for name, plate in plates.items() if plate == one.reading.plate)}
    )
    return ticket


def place_at(trial: Trial, truck: str, ts: int) -> XY:
    """The last place that it reported until then."""
    last: Position | None = None
    for one in trial.arrivals:
        if isinstance(one.reading, Position) and one.reading.device_id == truck and one.reading.ts <= ts:
            last = one.reading
    assert last is not None
    return trial.city.plane.xy(last)


def labelled(behaviour: str) -> list[tuple[Trial, Incident]]:
    found = [(trial, one) for trial in trials() for one in trial.incidents if one.behaviour == behaviour]
    assert found
    return found


def test_a_ticket_agrees_with_itself() -> None:
    for trial in trials():
        tickets = [one.reading for one in trial.arrivals if isinstance(one.reading, Weighing)]
        assert len(tickets) > 20
        for ticket in tickets:
            if ticket.net_kg is not None and ticket.tare_kg is not None:
                assert ticket.net_kg == pytest.approx(ticket.gross_kg - ticket.tare_kg)


def test_a_ticket_for_a_load_that_was_never_brought() -> None:
    for trial, incident in labelled("weigh_elsewhere"):
        ticket = weighed(trial, incident)
        bridge = trial.city.devices[ticket.device_id]
        near = trial.city.geometry.sites_near(place_at(trial, incident.subject, ticket.ts), 1_000.0, ticket.ts)
        assert bridge.site_id not in {one.site.id for one in near}


def test_a_truck_that_nobody_registered() -> None:
    for trial, incident in labelled("weigh_unregistered"):
        plate = weighed(trial, incident).plate or ""
        assert comparable_plate(plate) not in {comparable_plate(one.plate) for one in trial.city.vehicles.values()}


def test_a_tare_that_is_off() -> None:
    for trial, incident in labelled("weigh_odd_tare"):
        ticket = weighed(trial, incident)
        vehicle = trial.city.vehicles[trial.city.devices[incident.subject].vehicle_id or ""]
        assert ticket.tare_kg is not None
        assert vehicle.tare_kg is not None
        assert ticket.tare_kg - vehicle.tare_kg > 500


def test_a_load_weighed_twice() -> None:
    for trial, incident in labelled("weigh_twice"):
        again = weighed(trial, incident)
        (first,) = (
            one.reading
            for one in trial.arrivals
            if isinstance(one.reading, Weighing)
            and (one.reading.plate, one.reading.direction) == (again.plate, "in")
            and 0 < again.ts - one.reading.ts <= 90_000
        )
        assert first.gross_kg == again.gross_kg
        assert first.ticket != again.ticket
