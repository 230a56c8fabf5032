"""A night of haulage: the same by each seed, and its truth is what its tickets say."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise

import pytest

from devices.readings.models import Position, Weighing
from simulators.haulage.night import LATE_MS, Night, stage
from simulators.haulage.truth import Label
from simulators.haulage.works import LEGS, Subsystem

MIDNIGHT_MS = 1_790_006_400_000
TRUCKS, TRIPS = len(LEGS), 4 * len(LEGS)


@pytest.fixture(scope="module")
def night() -> Night:
    return stage("7", TRUCKS, TRIPS, MIDNIGHT_MS)


def test_a_seed_gives_the_same_night(night: Night) -> None:
    again, other = stage("7", TRUCKS, TRIPS, MIDNIGHT_MS), stage("8", TRUCKS, TRIPS, MIDNIGHT_MS)
    assert (again.papers, again.tickets, again.truth) == (night.papers, night.tickets, night.truth)
    assert other.tickets != night.tickets
    late = list(stage("7", 4, 12, MIDNIGHT_MS).arrivals(late=0.5, twice=0.5))
    assert late == list(stage("7", 4, 12, MIDNIGHT_MS).arrivals(late=0.5, twice=0.5))


def test_every_part_of_the_system_and_every_label_is_in_it(night: Night) -> None:
    legs = {leg.id: leg.subsystem for leg in LEGS}
    assert {legs[trip.leg] for trip in night.truth.trips} == set(Subsystem)
    labels = Counter(trip.label for trip in night.truth.trips)
    assert set(labels) == set(Label)
    assert labels[Label.HONEST] > TRIPS / 2


def test_the_tonnes_are_those_on_the_last_ticket_of_each_load(night: Night) -> None:
    """Counted once more, from the tickets alone, where a bridge prints whole tickets."""
    by_bridge: dict[str, list[Weighing]] = defaultdict(list)
    for ticket in night.tickets:
        by_bridge[ticket.device_id].append(ticket)
    counted = {bridge: kg for bridge, tickets in by_bridge.items() if (kg := _whole_kg(tickets)) is not None}
    true = Counter[str]()
    for load in night.truth.loads:
        true[load.bridge] += round(load.net_kg)
    assert len(counted) > 2
    assert counted == {bridge: true[bridge] for bridge in counted}
    assert sum(night.truth.tonnes_kg.values()) == true.total()


def _whole_kg(tickets: Sequence[Weighing]) -> float | None:
    """The sum of whole tickets that were neither corrected nor weighed again; None where a bridge prints halves."""
    if any(one.net_kg is None and one.direction == "out" for one in tickets):
        return None
    whole = [one for one in tickets if one.net_kg is not None]
    corrected = {one.corrects for one in whole}
    again = {
        first.ticket
        for first in whole
        for second in whole
        if first.plate == second.plate and 0 < second.ts - first.ts < 300_000
    }
    return sum(one.net_kg or 0.0 for one in whole if one.ticket not in corrected | again)


def test_trucks_report_by_their_interval_and_tickets_come_late_and_twice(night: Night) -> None:
    staged = stage("7", 4, 12, MIDNIGHT_MS)
    received: dict[tuple[str, int], list[int]] = defaultdict(list)
    positions: dict[str, list[int]] = defaultdict(list)
    before = 0
    for received_ms, reading in staged.arrivals(late=0.3, twice=0.3):
        assert received_ms >= max(before, reading.ts)
        before = received_ms
        if isinstance(reading, Weighing):
            received[reading.device_id, reading.ts].append(received_ms)
        elif isinstance(reading, Position):
            positions[reading.device_id].append(reading.ts)
    assert set(received) == {(one.device_id, one.ts) for one in staged.tickets}
    late_ms = [min(times) - ts for (_, ts), times in received.items()]
    assert max(late_ms) <= LATE_MS
    assert 0.1 < sum(ms > 120_000 for ms in late_ms) / len(late_ms) < 0.5
    assert 0.1 < sum(len(times) > 1 for times in received.values()) / len(received) < 0.5
    for device_id, times in positions.items():
        every_ms = staged.city.devices[device_id].report_interval_s * 1000
        apart = Counter(b - a for a, b in pairwise(times))
        assert apart[every_ms] > len(times) / 3


def test_more_trips_than_a_night_has_room_for_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 32"):
        stage("1", 4, 100, MIDNIGHT_MS)
