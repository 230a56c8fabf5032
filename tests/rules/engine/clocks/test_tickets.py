"""Tickets about a truck whose clock, or that of the bridge, is wrong: judged among the positions of their true time."""

import pytest
from msgspec.structs import replace

from devices.readings.models import Reading
from rules.alerts.model import TAKEN_BACK, AlertChange
from rules.catalogue import build_rules
from rules.engine.engine import RuleEngine
from tests.rules.engine.test_any_order import Restart, as_records, keepers, play
from tests.rules.town import T0, Trip, ticket, town

TEN_MINUTES, TWO_HOURS, EIGHT_HOURS, GPS_WEEKS = 600, 7_200, 28_800, 1_024 * 7 * 86_400


def shift(*, truck_behind_s: int = 0, bridge_behind_s: int = 0) -> list[tuple[int, Reading]]:
    """Arrivals. T1 raises its bed at 5 km, takes its load to the tip and is weighed there, in and out."""
    trip = Trip("T1", 0, 0, load="loaded", lift_up=False, cover_open=False).stand(400).drive(5_000, 0)
    trip.now(cover_open=True).stand(30).stand(200, lift_up=True).now(cover_open=False).drive(9_990, 0).stand(300)
    tickets = [
        ticket("T1", trip.now_s - 230),
        ticket("T1", trip.now_s - 60, net_kg=200, direction="out", ticket="2"),
    ]
    trip.now(load="empty").stand(600)
    bridge = [
        ticket("T4", at_s, ticket=f"4-{at_s}", net_kg=9_000) for at_s in range(0, round(trip.now_s), 60)
    ]  # whose clock is known, therefore
    arriving = [(reading.ts, replace(reading, ts=reading.ts - 1_000 * truck_behind_s)) for reading in trip.readings]
    arriving += [
        (reading.ts + 1_500, replace(reading, ts=reading.ts - 1_000 * bridge_behind_s)) for reading in tickets + bridge
    ]
    return [*arriving, *keepers(int(trip.now_s) + 1_800)]


def standing(changes: list[AlertChange]) -> list[tuple[str, str]]:
    """What stands in the end about T1, besides its clock and its silence after the story."""
    return [
        (change.rule, str(change.severity))
        for change in changes
        if change.amendment not in TAKEN_BACK
        and change.subject == "T1"
        and change.rule not in {"device_clock", "silent_device", "weighbridge_integrity"}
    ]


@pytest.mark.parametrize("behind_s", [0, TEN_MINUTES, TWO_HOURS, EIGHT_HOURS, GPS_WEEKS])
def test_the_ticket_of_its_load_takes_the_dump_back_whatever_its_clock_shows(behind_s: int) -> None:
    engine, journal = play(as_records(shift(truck_behind_s=behind_s)), [Restart(600, "restart")])
    assert standing(journal.last()) == [("bed_raised_outside", "P2")]
    assert not engine.late["T1"], "and its positions are in order"


@pytest.mark.parametrize("behind_s", [TEN_MINUTES, TWO_HOURS])
def test_likewise_by_the_clock_of_the_bridge(behind_s: int) -> None:
    _, journal = play(as_records(shift(bridge_behind_s=behind_s)), ())
    assert standing(journal.last()) == [("bed_raised_outside", "P2")]


def test_alerts_cite_the_ticket_as_it_is_stored() -> None:
    _, journal = play(as_records(shift(truck_behind_s=TWO_HOURS)), ())
    (dump,) = [change for change in journal.last() if change.rule == "illegal_dumping"]
    (cited,) = [one for one in dump.evidence.readings if one.device_id == "W1"]
    sent = {reading.ts for _, reading in shift() if reading.device_id == "W1"}
    assert cited.ts in sent
    assert cited.ts > T0


def test_a_ticket_that_is_sent_again_is_one() -> None:
    records = shift(truck_behind_s=TWO_HOURS)
    again = [(at + 20_000, reading) for at, reading in records if reading.device_id == "W1"]
    engine, journal = play(as_records([*records, *again]), ())
    assert standing(journal.last()) == [("bed_raised_outside", "P2")]
    assert not engine.late["T1"]


def test_honest_hauls_by_a_wrong_clock_raise_nothing_about_their_weighing() -> None:
    engine, changes = RuleEngine(town(), build_rules()), list[AlertChange]()
    for at, reading in sorted(shift(truck_behind_s=TWO_HOURS), key=lambda arrival: arrival[0]):
        engine.receive(at)
        changes += engine.judge(reading)
    assert not [change for change in changes if change.rule == "weighbridge_integrity" and change.subject == "T1"]
