"""Stories of loaded trucks that stand outside every site."""

import pytest

from devices.geo.geometry import XY
from devices.geo.sphere import distance_m
from rules.alerts.model import AlertChange
from rules.detectors.route_deviation.parameters import RouteDeviationParameters
from rules.detectors.stopped_loaded.judgement import StoppedLoaded
from rules.detectors.stopped_loaded.parameters import StoppedLoadedParameters
from rules.engine.engine import RuleEngine
from tests.rules.detectors.retold import holds_however_it_is_told, judged_in
from tests.rules.town import PLANE, T0, Trip, at_s, in_time, judged, numbered, summaries, town


def on_the_road(truck: str = "T1", *, load: str | None = "loaded", at_s: float = 0, x: float = 4000) -> Trip:
    """A truck on its way, 4 km from the source and 6 km from the tip."""
    return Trip(truck, 0, 0, at_s=at_s, load=load).drive(x, 0)


def changes(*trips: Trip) -> list[AlertChange]:
    return judged([StoppedLoaded()], *(trip.readings for trip in trips))


def test_ten_minutes_on_the_road_are_found_and_end_when_it_drives_off() -> None:
    trip = on_the_road()
    stopped_s = trip.now_s + 10
    found = changes(trip.stand(900).drive(9000, 0))
    assert summaries(found) == ["T1 confirmed P3", "T1 closed P3"]
    assert (found[0].opened_at - T0) / 1000 == stopped_s
    assert at_s(found[0]) == stopped_s + 600
    assert at_s(found[1]) <= stopped_s + 900 + 40


def test_off_its_route_three_minutes_are_enough() -> None:
    trip = on_the_road().drive(4000, 900)
    stopped_s = trip.now_s + 10
    found = changes(trip.stand(240).drive(4000, 0).drive(9000, 0))
    assert summaries(found) == ["T1 confirmed P2", "T1 closed P2"]
    assert at_s(found[0]) == stopped_s + 180
    assert changes(on_the_road().drive(4000, 900).stand(170).drive(4000, 0)) == []


def test_one_wrong_place_in_seven_hides_no_stop() -> None:
    trip = on_the_road()
    stopped_s = trip.now_s + 10
    for n in range(70):
        trip.y = 120 if n % 7 == 4 else 0
        trip.stand(10)
    trip.y = 0
    found = changes(trip.drive(9000, 0))
    assert summaries(found) == ["T1 confirmed P3", "T1 closed P3"]
    assert (found[0].opened_at - T0) / 1000 == stopped_s


def test_traffic_lights_and_a_creeping_queue_are_no_stops() -> None:
    trip = on_the_road()
    for n in range(1, 30):
        trip.drive(4000 + 25 * n, 0, kmh=8).stand(60)
    assert changes(trip.drive(9000, 0)) == []
    assert changes(on_the_road().stand(590).drive(9000, 0)) == []


@pytest.mark.parametrize("load", ["empty", "partial", None])
def test_a_truck_that_is_not_known_to_be_loaded_may_stop(load: str | None) -> None:
    assert changes(Trip("T1", 500, 700, load=load).drive(4000, 900).stand(4000)) == []


def test_in_a_site_and_at_its_fence_it_may_stand() -> None:
    assert changes(Trip("T1", 0, 0, load="loaded").stand(3000)) == []
    assert changes(Trip("T1", 4000, -2000, load="loaded").drive(5000, -2000).stand(3000)) == []  # a depot
    assert changes(Trip("T1", 4000, -2000, load="loaded").drive(4922, -2000).stand(3000)) == []  # 18 m from its fence


def test_a_queue_before_a_gate_where_it_may_tip_or_load_is_none() -> None:
    assert changes(Trip("T1", 6000, 0, load="loaded").drive(9000, 0).stand(3000)) == []
    assert changes(Trip("T1", 0, 0, load="loaded").drive(700, 0).stand(3000)) == []
    assert summaries(changes(Trip("T1", 6000, 0, load="loaded").drive(8800, 0).stand(1000))) == ["T1 confirmed P3"]


def test_near_a_gate_off_its_route_is_a_queue_only_at_the_gate() -> None:
    assert changes(Trip("T1", 9000, 0, load="loaded").drive(9950, 200).stand(1000)) == []
    assert summaries(changes(Trip("T1", 9000, 0, load="loaded").drive(9950, 600).stand(400))) == ["T1 confirmed P2"]


def test_a_gate_where_it_may_not_tip_excuses_nothing() -> None:
    """T6 has no permit: neither the tip nor the source is its own."""
    assert summaries(changes(Trip("T6", 6000, 0, load="loaded").drive(9000, 0).stand(900))) == ["T6 confirmed P3"]


def test_three_trucks_that_stand_near_each_other_are_a_jam() -> None:
    trips = [on_the_road(f"T{n}", load=load, at_s=30 * n, x=4000 + 80 * n) for n, load in ((1, "loaded"), (2, "empty"))]
    assert summaries(changes(*(trip.stand(1500).drive(9000, 0) for trip in trips)))[0] == "T1 confirmed P3"
    trips = [
        on_the_road(f"T{n}", at_s=30 * n, x=4000 + 80 * n, load="empty" if n == 2 else "loaded") for n in (1, 2, 3)
    ]
    assert changes(*(trip.stand(1500 + 100 * (3 - n)).drive(9000, 0) for n, trip in enumerate(trips))) == []


def told_with_s(*trips: Trip) -> list[tuple[str, float]]:
    """What people are told, and the device time of the reading with which they learn of it, seconds."""
    engine, told = RuleEngine(town(), [StoppedLoaded()]), list[tuple[str, float]]()
    for reading in in_time(*(numbered(trip.readings) for trip in trips)):
        engine.receive(reading.ts)
        told += [(line, (reading.ts - T0) / 1000) for line in summaries(engine.judge(reading))]
    return told


def test_one_that_stands_alone_is_told_of_without_a_comparison() -> None:
    trip = on_the_road().drive(4000, 900)
    stopped_s = trip.now_s + 10
    assert told_with_s(trip.stand(240)) == [("T1 confirmed P2", stopped_s + 180)]


def test_where_another_stands_it_waits_for_the_comparison() -> None:
    first, second = (on_the_road(f"T{n}", at_s=100 * n).drive(4000, 800 + 50 * n) for n in (1, 2))
    stopped_s = [first.now_s + 10, second.now_s + 10]
    found = told_with_s(first.stand(600), second.stand(500))
    assert found[0] == ("T1 confirmed P2", stopped_s[0] + 180)
    (line, told_s) = found[1]
    assert line == "T2 confirmed P2"
    assert told_s >= stopped_s[1] + 180 + 60


def test_a_jam_that_shows_only_by_the_comparison_takes_it_back() -> None:
    """The two others are far behind with what they send: they stand as long as it does."""
    first, *others = [on_the_road(f"T{n}", at_s=5 * n, x=4000 + 80 * n).stand(700) for n in (1, 2, 3)]
    arrivals = [(reading.ts, reading) for reading in numbered(first.readings)]
    for other in others:
        arrivals += [(max(reading.ts, T0 + 1_008_000), reading) for reading in other.readings]
    clock = Trip("T5", 500, 500, at_s=-60, every_s=10).stand(2_000)
    arrivals += [(reading.ts, reading) for reading in clock.readings]
    found = judged_in(StoppedLoaded, arrivals)
    assert summaries(found) == ["T1 confirmed P3", "T1 retracted P3"]
    assert found[1].evidence.findings[0].en == "3 trucks or more stand within 300 m: a jam"
    assert found[1].evidence.findings[0].zh == "300米内停车的车辆不少于3辆：交通拥堵"


def test_who_stays_after_a_jam_is_found_some_minutes_later() -> None:
    trips = [on_the_road(f"T{n}", at_s=30 * n, x=4000 + 80 * n) for n in (1, 2, 3)]
    stay = (3000, 900, 900)
    found = changes(*(trip.stand(stay_s).drive(9000, 0) for stay_s, trip in zip(stay, trips, strict=True)))
    assert {change.subject for change in found} == {"T1"}
    assert at_s(found[0]) > trips[1].now_s - 450 + 290


def test_trucks_far_from_each_other_are_no_jam() -> None:
    trips = [on_the_road(f"T{n}", at_s=30 * n, x=3000 + 800 * n) for n in (1, 2, 3)]
    assert {change.subject for change in changes(*(trip.stand(1500) for trip in trips))} == {"T1", "T2", "T3"}


def test_a_jam_excuses_also_readings_that_come_late() -> None:
    trips = [on_the_road(f"T{n}", at_s=30 * n, x=4000 + 80 * n).stand(1500).drive(9000, 0) for n in (1, 2, 3)]
    clock = Trip("T5", 500, 500, at_s=-60, every_s=60).stand(4 * 3600)
    arrivals = [(reading.ts, reading) for trip in (*trips, clock) for reading in trip.readings]
    late = {reading.ts for reading in trips[0].readings[20:30]}
    moved = [
        (at + 7_200_000 if reading.device_id == "T1" and reading.ts in late else at, reading)
        for at, reading in arrivals
    ]
    assert judged_in(StoppedLoaded, arrivals) == []
    assert judged_in(StoppedLoaded, moved, restart_every=50) == []


def test_receiver_drift_ends_no_stop_and_one_wrong_fix_neither() -> None:
    trip = on_the_road().drive(4000, 900).now(accuracy_m=12.0)
    for n in range(60):
        trip.x, trip.y = 4000 + (n * 7) % 20, 900 + (n * 11) % 18 + (160 if n == 40 else 0)
        trip.now_s += 10
        trip.report(0.4)
    found = changes(trip)
    assert summaries(found) == ["T1 confirmed P2"]


def test_one_reading_that_says_loaded_proves_nothing() -> None:
    trip = Trip("T1", 500, 700, load="empty").drive(4000, 900).stand(1000)
    assert changes(trip.stand(20, load="loaded").stand(1000)) == []


def test_late_uploads_and_restarts_end_in_the_same_alert() -> None:
    readings = on_the_road().drive(4000, 900).stand(400).drive(4000, 0).drive(9000, 0).readings
    ((_, _, phase, severity),) = holds_however_it_is_told(StoppedLoaded, readings)
    assert (phase, severity) == ("closed", "P2")


def test_the_alert_explains_itself_in_both_languages() -> None:
    change = changes(on_the_road().drive(4000, 900).stand(300))[0]
    assert change.title.en == (
        "Truck 晋ET1 stopped loaded outside every site, off its approved routes, at a point 2.8 km from Point"
    )
    assert change.title.zh == "车辆晋ET1重车场外停车，偏离核准线路，距point场2.8公里"
    assert [text.en for text in change.evidence.findings] == [
        "It stood for 3 min",
        "It was loaded, according to the terminal's load state",
    ]
    assert [text.zh for text in change.evidence.findings] == ["停车3分钟", "车辆载货，依据：终端载重状态"]
    assert len(change.evidence.ruled_out) == 3
    assert change.evidence.parameters == StoppedLoadedParameters().model_dump()
    assert change.lat is not None
    assert change.lon is not None
    here = PLANE.latlon(XY(4000, 900))
    assert distance_m(here, type(here)(change.lat, change.lon)) < 1


def test_its_corridor_is_that_of_a_deviation() -> None:
    assert StoppedLoadedParameters().off_corridor_m == RouteDeviationParameters().enter_m
    assert StoppedLoadedParameters().gate_m == RouteDeviationParameters().ends_m
