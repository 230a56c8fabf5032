"""Clocks that are wrong, and what is asked of a calendar: hours, and what is valid at a time.

The city of these stories, its sites, routes and permits are valid from a day before the story on: by a clock of 2007
there is none. The oracle is the same story by a right clock.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from msgspec import structs

from devices.city.hours import Hours
from devices.city.model import City
from devices.city.sites import Validity, ZoneKind
from devices.readings.models import Reading
from rules.alerts.model import AlertChange, Amendment
from rules.catalogue import build_rules
from rules.engine.engine import RuleEngine
from tests.rules.town import T0, Trip, fills, in_time, ticket, town, zone

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
OFFSETS = [
    pytest.param(-600_000, id="10 min behind"),
    pytest.param(-HOUR_MS, id="1 h behind"),
    pytest.param(-8 * HOUR_MS, id="8 h behind"),
    pytest.param(-1024 * 7 * DAY_MS, id="1024 weeks behind"),
]
_OTHERS = {"device_clock", "silent_device"}
"""What is said of the clocks, and of the silence after the story."""
SINCE = Validity(T0 - DAY_MS)


def valid_town(**changed: Any) -> City:
    whole = town()
    parts: dict[str, Any] = {
        "sites": {site.id: replace(site, validity=SINCE) for site in whole.sites.values()},
        "routes": tuple(replace(route, validity=SINCE) for route in whole.routes),
        "permits": tuple(replace(permit, validity=SINCE) for permit in whole.permits),
        "vehicles": {name: replace(vehicle, validity=SINCE) for name, vehicle in whole.vehicles.items()},
    }
    return replace(whole, **(parts | changed))


@dataclass
class Told:
    """What an engine made of a story."""

    engine: RuleEngine
    changes: list[AlertChange]

    @property
    def standing(self) -> set[tuple[str, str, str]]:
        """Rule, subject and severity of the alerts in the end."""
        last = {change.alert_id: change for change in self.changes if change.rule not in _OTHERS}
        return {
            (change.rule, change.subject, str(change.severity))
            for change in last.values()
            if change.amendment is not Amendment.RETRACTED
        }

    @property
    def accused(self) -> set[tuple[str, str]]:
        """Rules and subjects of all that was ever published."""
        return {(change.rule, change.subject) for change in self.changes if change.rule not in _OTHERS}


def others(until_s: float) -> list[Reading]:
    """Four trucks with right clocks that stand empty at the depot."""
    rows = [Trip(f"T{n}", 5000, -2000, at_s=n - 310, every_s=30, load="empty") for n in range(2, 6)]
    return in_time(*(trip.stand(until_s + 600).readings for trip in rows))


def tell(
    readings: Sequence[Reading], off_ms: int, *, city: City | None = None, alone: bool = False, restarts: bool = False
) -> Told:
    """Judge the readings of one device, by a clock that is so far off, and those of others; received in true time."""
    city = city or valid_town()
    beside = [] if alone else others((readings[-1].ts - T0) / 1000)
    own = [(reading.ts + 500, structs.replace(reading, ts=reading.ts + off_ms)) for reading in readings]
    engine, kept, changes = RuleEngine(city, build_rules()), dict[str, bytes](), list[AlertChange]()
    arrivals: Iterable[tuple[int, Reading]] = [*own, *((reading.ts + 500, reading) for reading in beside)]
    for n, (at_ms, reading) in enumerate(sorted(arrivals, key=lambda arrival: arrival[0])):
        engine.receive(at_ms)
        changes += engine.judge(reading)
        if restarts and n % 5 == 0:
            fleet, devices = engine.unsaved()
            kept.update(devices)
            engine = RuleEngine(city, build_rules())
            engine.restore(fleet, kept.items())
    for _ in range(60):
        changes += engine.advance(10_000)
    assert not engine.failures
    return Told(engine, changes)


def truck(**fields: Any) -> Trip:
    start: dict[str, Any] = {"load": "loaded", "load_kg": 12_000.0, "lift_up": False, "cover_open": False} | fields
    return Trip("T1", 0, 0, at_s=-300, **start).stand(300)


def tips(trip: Trip) -> Trip:
    trip.stand(40).now(cover_open=True).stand(30).stand(60, lift_up=True)
    trip.now(load_kg=300.0, load="empty").stand(60, lift_up=True)
    return trip.stand(30).now(cover_open=False).stand(30)


def honest() -> Trip:
    return tips(truck().drive(10_000, 0)).drive(0, 0)


def dumps() -> Trip:
    return tips(truck().drive(4_000, 0)).drive(9_900, 0)


@pytest.mark.parametrize("alone", [False, True], ids=["in a fleet", "alone"])
@pytest.mark.parametrize("off_ms", OFFSETS)
def test_an_honest_tip_accuses_nobody(off_ms: int, alone: bool) -> None:
    told = tell(honest().readings, off_ms, alone=alone)
    assert told.accused == set()
    assert [change.rule for change in told.changes if change.rule != "silent_device"] == ["device_clock"]
    assert told.engine.not_judged == {}


@pytest.mark.parametrize("off_ms", OFFSETS)
def test_a_dump_is_found_and_says_by_which_time(off_ms: int) -> None:
    told = tell(dumps().readings, off_ms)
    assert told.standing == tell(dumps().readings, 0).standing
    assert ("illegal_dumping", "T1", "P1") in told.standing
    last = [change for change in told.changes if change.rule == "illegal_dumping"][-1]
    [said] = [text for text in last.evidence.findings if "Dated by a clock" in text.en]
    assert "judged by the corrected time" in said.en
    assert "修正后的时间" in said.zh
    assert abs(last.opened_at - off_ms - T0) < HOUR_MS, "dated by its own clock"


@pytest.mark.parametrize("off_ms", OFFSETS)
@pytest.mark.parametrize("opens_min", [-60, 180], ids=["within", "outside"])
def test_hours_of_permits_are_those_of_the_true_time(off_ms: int, opens_min: int) -> None:
    city = valid_town()
    start_min = (city.minute_of_day(T0) + opens_min) % 1440
    hours = (Hours(start_min, (start_min + 240) % 1440),)
    city = replace(city, permits=tuple(replace(permit, hours=hours) for permit in city.permits))
    told = tell(honest().readings, off_ms, city=city)
    assert ("restricted_hours", "T1") in told.accused or opens_min < 0
    assert told.standing == tell(honest().readings, 0, city=city).standing
    assert told.accused == tell(honest().readings, 0, city=city).accused


@pytest.mark.parametrize("off_ms", OFFSETS)
@pytest.mark.parametrize("opens_min", [-60, 180], ids=["within", "outside"])
def test_deposit_hours_are_those_of_the_true_time(off_ms: int, opens_min: int) -> None:
    city = valid_town()
    start_min = (city.minute_of_day(T0) + opens_min) % 1440
    hours = (Hours(start_min, (start_min + 240) % 1440),)
    city = replace(city, sites={**city.sites, "point": replace(city.sites["point"], deposit_hours=hours)})
    readings = fills([20.0 + n / 10 for n in range(60)], deposits=2)
    told = tell(readings, off_ms, city=city)
    assert told.accused == ({("deposit_outside_hours", "P01")} if opens_min > 0 else set())


@pytest.mark.parametrize("off_ms", OFFSETS)
def test_a_zone_is_judged_by_its_validity_in_true_time(off_ms: int) -> None:
    ended = replace(zone("former", ZoneKind.FORBIDDEN, 1000, 300, 3000, 2300), validity=Validity(None, T0 - 300_000))
    begun = replace(zone("new", ZoneKind.FORBIDDEN, 4000, 300, 6000, 2300), validity=Validity(T0 - 300_000))
    city = valid_town(zones=(ended, begun))
    through = truck(load="empty", load_kg=300.0).drive(2000, 0).drive(2000, 1500).drive(2000, 0)
    through.drive(5000, 0).drive(5000, 1500).drive(5000, 0)
    told = tell(through.readings, off_ms, city=city)
    entered = [change for change in told.changes if change.rule == "forbidden_zone" and change.evidence is not None]
    assert {change.evidence.measures["zone"] for change in entered} == {"new"}


@pytest.mark.parametrize("off_ms", OFFSETS)
def test_a_jurisdiction_is_judged_by_its_validity_in_true_time(off_ms: int) -> None:
    """Until the story only the west belonged to the city; now all that it drives through does."""
    ended = replace(zone("west", ZoneKind.JURISDICTION, -9000, -9000, 2000, 9000), validity=Validity(None, T0 - DAY_MS))
    begun = replace(zone("all", ZoneKind.JURISDICTION, -9000, -9000, 20_000, 9000), validity=SINCE)
    told = tell(honest().readings, off_ms, city=valid_town(zones=(ended, begun)))
    assert told.accused == set()


@pytest.mark.parametrize("off_ms", OFFSETS)
def test_a_ticket_is_looked_up_by_the_time_of_its_bridge(off_ms: int) -> None:
    tickets = [ticket("T1", 40 * n, ticket=f"{n}") for n in range(20)]
    assert ("unknown_plate", "W1") not in tell(tickets, off_ms).accused
    strange = [structs.replace(one, plate="晋E99999") for one in tickets]
    assert ("unknown_plate", "W1") in tell(strange, off_ms).accused


@pytest.mark.parametrize("off_ms", OFFSETS)
@pytest.mark.parametrize("restarts", [False, True])
def test_what_came_before_its_clock_was_known_is_judged_once_it_is(off_ms: int, restarts: bool) -> None:
    """A dump in the first three minutes that the device is ever heard. Nobody is accused before, nothing is lost."""
    start = Trip("T1", 3980, 0, load="loaded", load_kg=12_000.0, lift_up=False, cover_open=False)
    readings = tips(start.stand(20)).drive(9_900, 0).readings
    early = tell(readings[:15], off_ms)
    assert early.accused == set()
    assert early.engine.not_judged == {"T1": {"clock_unknown": 15}}
    told = tell(readings, off_ms, restarts=restarts)
    assert told.standing == tell(readings, 0).standing
    assert ("illegal_dumping", "T1", "P1") in told.standing
    assert told.engine.not_judged == {}
    assert told.engine.judged["T1"] == len(readings)


@pytest.mark.parametrize("order", [1, -1], ids=["oldest first", "newest first"])
def test_an_upload_at_first_contact_is_judged_although_it_is_hours_old(order: int) -> None:
    readings = dumps().readings
    uploaded_ms = readings[-1].ts + 3 * HOUR_MS
    live = Trip("T1", 9_900, 0, at_s=(uploaded_ms - T0) / 1000 + 200, load="empty", lift_up=False).stand(900).readings
    arrivals = [(uploaded_ms + 200 * n, reading) for n, reading in enumerate(readings[::order])]
    arrivals += [(reading.ts, reading) for reading in (*live, *others((live[-1].ts - T0) / 1000))]
    engine, changes = RuleEngine(valid_town(), build_rules()), list[AlertChange]()
    for at_ms, reading in sorted(arrivals, key=lambda arrival: arrival[0]):
        engine.receive(at_ms)
        changes += engine.judge(reading)
    told = Told(engine, changes)
    assert ("illegal_dumping", "T1", "P1") in told.standing
    assert engine.not_judged == {}
    assert not any(change.rule == "device_clock" for change in changes)


def test_a_clock_that_is_set_right_is_asked_no_time_that_is_to_come() -> None:
    """8 h behind until it is set while it drives: nothing is judged by 8 h later."""
    city = valid_town()
    start_min = (city.minute_of_day(T0) - 60) % 1440
    hours = (Hours(start_min, (start_min + 240) % 1440),)
    city = replace(city, permits=tuple(replace(permit, hours=hours) for permit in city.permits))
    readings = honest().readings
    engine, changes = RuleEngine(city, build_rules()), list[AlertChange]()
    own = [
        (reading.ts + 500, structs.replace(reading, ts=reading.ts - 8 * HOUR_MS) if n < 60 else reading)
        for n, reading in enumerate(readings)
    ]
    beside = [(reading.ts + 500, reading) for reading in others((readings[-1].ts - T0) / 1000)]
    for at_ms, reading in sorted([*own, *beside], key=lambda arrival: arrival[0]):
        engine.receive(at_ms)
        changes += engine.judge(reading)
    assert Told(engine, changes).accused == set()
