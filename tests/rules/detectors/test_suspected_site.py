"""Loaded trucks that stop at one place off their routes: a place to look at, and an alert of its own."""

from random import Random

import pytest

from rules.alerts.model import AlertChange
from rules.catalogue import build_rules
from rules.detectors.suspected_site.judgement import SuspectedSite
from rules.engine.engine import RuleEngine
from tests.rules.town import T0, Trip, in_time, judged, place, run, town


def pit(truck: str, at_s: float, *, x: float = 3000, load: str = "loaded", off_m: float = 1500) -> Trip:
    """Down a lane off the east road; it stands there for four minutes and comes back empty."""
    trip = Trip(truck, 500, 0, at_s=at_s, load=load).drive(x, 0).drive(x, -off_m).stand(240)
    return trip.now(load="empty").drive(x, 0).drive(9900, 0).stand(60)


def found(*trips: Trip) -> list[AlertChange]:
    return judged([SuspectedSite()], *(trip.readings for trip in trips))


def test_three_loaded_trucks_at_one_place_are_a_suspected_site() -> None:
    (change,) = found(*(pit(f"T{n}", n * 600) for n in (1, 2, 3)))
    assert (change.rule, change.subject, change.severity, change.phase) == (
        "suspected_site", "system", "P2", "confirmed",
    )  # fmt: skip
    assert change.evidence.measures == {"trucks": 3, "stops": 3, "kind": "dump"}
    here = place(3000, -1500)
    assert change.lat == pytest.approx(here.lat, abs=1e-4)
    assert change.lon == pytest.approx(here.lon, abs=1e-4)
    assert [one.device_id for one in change.evidence.readings] == ["T1", "T2", "T3"]


def test_further_trucks_are_better_values_of_the_same_alert() -> None:
    changes = found(*(pit(f"T{n}", n * 600) for n in (1, 2, 3, 4, 5)))
    assert len({change.alert_id for change in changes}) == 1
    assert changes[-1].evidence.measures == {"trucks": 5, "stops": 5, "kind": "dump"}
    assert all(change.closed_at is None for change in changes)


@pytest.mark.parametrize(
    "third",
    [
        pit("T2", 1800),
        pit("T3", 1800, x=4000),
        pit("T3", 1800, load="empty"),
        pit("T3", 90_000),
        pit("T3", 1800, off_m=40),
    ],
    ids=["the same truck again", "elsewhere", "empty", "a day later", "beside its route"],
)
def test_no_suspected_site(third: Trip) -> None:
    assert found(pit("T1", 0), pit("T2", 600), third) == []


def test_a_stop_that_is_uploaded_hours_later_counts_and_dates_the_place() -> None:
    """T1 stops first, and is heard of after three others: one alert, its numbers given once, from T1's stop on."""
    first, *others = (pit(f"T{n}", n * 2_400) for n in (1, 2, 3, 4))
    engine, changes = RuleEngine(town(), [SuspectedSite()]), list[AlertChange]()
    live = in_time(*(trip.readings for trip in others))
    for received_ms, reading in [
        *((reading.ts, reading) for reading in live),
        *((live[-1].ts + 7_200_000, reading) for reading in first.readings),
    ]:
        engine.receive(received_ms)
        changes += engine.judge(reading)
    for _ in range(15):
        changes += engine.advance(10_000)
    assert len({change.alert_id for change in changes}) == 1
    assert [change.revision for change in changes] == [1, 2]
    assert changes[-1].evidence.measures == {"trucks": 4, "stops": 4, "kind": "dump"}
    assert [one.device_id for one in changes[-1].evidence.readings] == ["T1", "T2", "T3", "T4"]
    stood = next(reading.ts for reading in first.readings if getattr(reading, "speed_kmh", None) == 0)
    assert changes[-1].onset == pytest.approx(stood, abs=10_000)


def test_trucks_without_a_route_and_trucks_at_a_registered_site_say_nothing() -> None:
    other_tip = [Trip(f"T{n}", 500, 0, at_s=n * 600, load="loaded").drive(5000, 4000).stand(300) for n in (1, 2, 3)]
    assert found(*other_tip) == []
    assert found(pit("T1", 0), pit("T2", 600), pit("T6", 1200)) == []


def test_any_order_gives_the_same() -> None:
    readings = in_time(*(pit(f"T{n}", n * 600).readings for n in (1, 2, 3, 4)))
    dice = Random(4)
    shuffled = sorted(readings, key=lambda reading: reading.ts + dice.uniform(0, 30_000))
    orders = [run(RuleEngine(town(), [SuspectedSite()]), order) for order in (readings, shuffled)]
    assert [change.model_dump_json() for change in orders[0]] == [change.model_dump_json() for change in orders[1]]


def test_late_readings_count_and_count_once() -> None:
    """T3 sends all of it an hour later; T1 once more."""
    t1, t2, t3 = (pit(f"T{n}", n * 600).readings for n in (1, 2, 3))
    engine, changes = RuleEngine(town(), [SuspectedSite()]), list[AlertChange]()
    keeper = Trip("T4", 500, 0, every_s=60).stand(9000).readings
    for reading in in_time(t1, t2, keeper):
        engine.receive(reading.ts)
        changes += engine.judge(reading)
    for n, reading in enumerate([t3[-1], *t3, *t1]):
        engine.receive(T0 + 9_000_000 + n * 100)
        changes += engine.judge(reading)
    for _ in range(30):
        changes += engine.advance(10_000)
    assert changes[-1].evidence.measures == {"trucks": 3, "stops": 3, "kind": "dump"}


def test_the_whole_catalogue_tells_of_the_site_and_of_each_truck() -> None:
    changes = judged(build_rules(), *(pit(f"T{n}", n * 600).readings for n in (1, 2, 3)))
    assert {change.subject for change in changes if change.rule == "suspected_site"} == {"system"}
    last = {change.alert_id: change for change in changes if change.rule == "route_deviation"}
    assert sorted((change.subject, str(change.severity)) for change in last.values()) == [
        (f"T{n}", "P1") for n in (1, 2, 3)
    ]


def test_the_words() -> None:
    (change,) = found(*(pit(f"T{n}", n * 600) for n in (1, 2, 3)))
    assert change.title.en.startswith("3 loaded trucks stopped off their routes at a point 2.0 km from Depot")
    assert change.title.zh.startswith("3辆载货车辆偏离线路停留（距")
    (finding,) = change.evidence.findings
    assert finding.en == "3 trucks, 3 stops within a day: Truck 晋ET1, Truck 晋ET2, Truck 晋ET3"
    assert any("proves nothing" in text.en and "不构成证据" in text.zh for text in change.evidence.ruled_out)


def works(truck: str, at_s: float, *, load: str | None = "empty") -> Trip:
    """Down a lane off the east road; an excavator loads it for four minutes, and it leaves loaded."""
    trip = Trip(truck, 500, 0, at_s=at_s, load=load).drive(3000, 0).drive(3000, -1500).stand(60)
    return trip.now(load="loaded").stand(240).drive(3000, 0).drive(9900, 0).stand(60)


def test_three_trucks_that_are_loaded_at_one_place_are_a_suspected_source() -> None:
    (change,) = found(*(works(f"T{n}", n * 900) for n in (1, 2, 3)))
    assert change.evidence.measures == {"trucks": 3, "stops": 3, "kind": "source"}
    assert change.title.en.startswith("3 empty trucks were loaded off their routes at a point 2.0 km from Depot")
    assert "疑似黑工地" in change.title.zh
    (finding,) = change.evidence.findings
    assert finding.en.startswith("3 trucks, 3 stops, empty before and loaded after, within a day: Truck 晋ET1")
    assert finding.zh.startswith("一天内3辆车空车进重车出3次")


def test_trucks_that_come_loaded_and_trucks_that_leave_loaded_are_not_counted_together() -> None:
    assert found(pit("T1", 0), pit("T2", 900), works("T3", 1800)) == []
    both = found(*(pit(f"T{n}", n * 900) for n in (1, 2, 3)), *(works(f"T{n}", n * 900 + 4500) for n in (1, 2, 3)))
    assert [(change.evidence.measures["kind"], change.subject) for change in both] == [
        ("dump", "system"), ("source", "system"),
    ]  # fmt: skip
    assert len({change.alert_id for change in both}) == 2


@pytest.mark.parametrize("load", ["loaded", "partial", None], ids=["loaded", "part loaded", "nobody knows"])
def test_only_a_truck_that_is_known_to_have_come_empty_was_loaded_there(load: str | None) -> None:
    changes = found(*(works(f"T{n}", n * 900, load=load) for n in (1, 2, 3)))
    assert [change.evidence.measures["kind"] for change in changes] == ["dump"]
