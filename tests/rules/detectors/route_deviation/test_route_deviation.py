"""Stories of trucks on and off the east road (approved from 0 to 10 km)."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from pydantic import ValidationError

from devices.readings.models import Alarm
from rules.alerts.model import AlertChange, Severity
from rules.detectors.route_deviation.judgement import RouteDeviation
from rules.detectors.route_deviation.parameters import RouteDeviationParameters
from rules.detectors.route_deviation.wording import REPORTED
from rules.engine.engine import RuleEngine
from rules.engine.reorder_buffer import WINDOW_MS
from tests.rules.town import Trip, judged, place, road, summaries, town


def story(*trips: Trip) -> list[str]:
    return summaries(judged([RouteDeviation()], *(trip.readings for trip in trips)))


def first(*trips: Trip) -> AlertChange:
    return judged([RouteDeviation()], *(trip.readings for trip in trips))[0]


def onto_the_road(truck: str = "T1", **fields: object) -> Trip:
    return Trip(truck, 500, 0, **fields).drive(3000, 0)  # type: ignore[arg-type]


def beside(off_m: float, length_m: float, accuracy_m: float = 5.0) -> Trip:
    """Drives along the road, `off_m` beside it for `length_m`, at 40 km/h (111 m a fix)."""
    return (
        onto_the_road()
        .drive(3000, off_m, accuracy_m=accuracy_m)
        .drive(3000 + length_m, off_m, accuracy_m=accuracy_m)
        .drive(3000 + length_m, 0)
        .drive(9000, 0)
    )


def test_a_truck_on_its_route_is_quiet() -> None:
    assert story(onto_the_road().drive(9900, 0).stand(300).drive(500, 0)) == []


def test_beside_the_road_for_two_minutes_raises_once_and_closes_on_return() -> None:
    assert story(beside(100, 1200)) == ["T1 confirmed P2", "T1 closed P2"]


def test_what_the_terminal_says_of_its_own_route_is_a_second_opinion() -> None:
    """The alarm alone raises nothing; beside the road it stands among the findings, and changes nothing else."""
    alarm = int(Alarm.OFF_ROUTE)
    assert story(onto_the_road(alarm_bits=alarm).drive(9900, 0, alarm_bits=alarm)) == []
    off = onto_the_road().drive(3000, 100).drive(4200, 100, alarm_bits=alarm)
    plain, reported = first(onto_the_road().drive(3000, 100).drive(4200, 100)), first(off)
    without = [finding for finding in reported.evidence.findings if finding != REPORTED]
    assert (plain.title, list(plain.evidence.findings)) == (reported.title, without)
    assert REPORTED in reported.evidence.findings
    assert plain.evidence.measures == reported.evidence.measures


@pytest.mark.parametrize(("off_m", "raised"), [(64, False), (67, True)])
def test_accuracy_is_taken_off_the_distance(off_m: float, raised: bool) -> None:
    """5 m of accuracy: the bound of 60 m lies at 65 m. So near, it takes four minutes."""
    assert bool(story(beside(off_m, 3000))) is raised


def test_no_more_than_thirty_metres_of_accuracy_is_taken_off() -> None:
    assert story(beside(95, 3000, accuracy_m=45.0))[0] == "T1 confirmed P2"
    assert story(beside(85, 3000, accuracy_m=45.0)) == []


@pytest.mark.parametrize(("length_m", "raised"), [(250, False), (450, True)])
def test_it_takes_four_hundred_metres_or_ninety_seconds(length_m: float, raised: bool) -> None:
    assert bool(story(beside(100, length_m))) is raised


def test_ninety_seconds_are_enough_for_a_slow_truck() -> None:
    slow = onto_the_road().drive(3000, 100).drive(3200, 100, kmh=7.5)  # 200 m in 100 s
    assert story(slow) == ["T1 confirmed P3"]


def test_far_off_is_raised_after_twenty_seconds() -> None:
    """Three fixes, 167 m apart: 400 m driven beyond the corridor, and clearly beyond it."""
    change = first(onto_the_road().drive(3000, 1000, kmh=60))
    assert (change.at - change.opened_at) / 1000 == 20


def test_one_good_fix_does_not_end_it() -> None:
    trip = onto_the_road().drive(3000, 100).drive(4000, 100)
    trip.y = 0
    trip.drive(4050, 0, kmh=18)
    trip.y = 100
    trip.drive(5000, 100)
    assert story(trip)[-1].split()[1] == "confirmed"


def test_between_the_bounds_it_neither_ends_nor_begins() -> None:
    """45 m off: inside the 60 m that begin it, outside the 35 m that end it."""
    assert story(onto_the_road().drive(3000, 50).drive(6000, 50)) == []
    still_off = story(onto_the_road().drive(3000, 100).drive(4000, 100).drive(4010, 50).drive(6000, 50))
    assert not any("closed" in line for line in still_off)


def test_within_two_hundred_metres_of_origin_and_destination_nothing_is_asked() -> None:
    around = Trip("T1", 9900, 0).drive(10_000, 240, kmh=20).drive(10_060, 240, kmh=5).drive(9900, 240, kmh=5).stand(60)
    assert story(around) == []  # the tip's fence reaches 60 m


def test_near_an_end_an_open_alert_neither_closes_nor_opens_again() -> None:
    """It goes around the tip's fence 150 m away, off its route since a kilometre."""
    trip = Trip("T1", 500, 0).drive(8500, 0).drive(8700, 400).drive(9800, 210).drive(10_000, 210).drive(10_400, 300)
    lines = story(trip.drive(11_500, 900))
    assert not any("closed" in line for line in lines)
    changes = judged([RouteDeviation()], trip.readings)
    assert len({change.alert_id for change in changes}) == 1
    arrived = Trip("T1", 500, 0).drive(8500, 0).drive(8700, 400).drive(9800, 210).drive(10_000, 40).stand(60)
    assert story(arrived)[-1] == "T1 closed P2"


def test_the_bound_of_the_return_follows_the_corridor() -> None:
    """At 100 m, a truck that drives 50 m beside its route is back: 7/12 of the corridor are 58 m."""
    trip = onto_the_road().drive(3000, 300).drive(4500, 300).drive(4510, 50).drive(6000, 50)
    wide = judged([RouteDeviation(RouteDeviationParameters(enter_m=100))], trip.readings)
    assert summaries(wide)[-1] == "T1 closed P2"
    assert "closed" not in summaries(judged([RouteDeviation()], trip.readings))[-1]
    with pytest.raises(ValidationError, match="leave_m"):
        RouteDeviationParameters(enter_m=30, leave_m=35)


@pytest.mark.parametrize(("width_m", "off_m", "raised"), [(30, 60, True), (None, 60, False), (150, 120, False)])
def test_a_route_may_have_a_corridor_of_its_own(width_m: float | None, off_m: float, raised: bool) -> None:
    city = town()
    own = town(routes=(replace(city.routes[0], corridor_m=width_m),))
    trip = onto_the_road().drive(3000, off_m).drive(6000, off_m).drive(6000, 0).drive(9000, 0)
    lines = summaries(judged([RouteDeviation()], trip.readings, city=own))
    assert lines == (["T1 confirmed P2", "T1 closed P2"] if raised else [])


def test_of_two_routes_the_one_counts_whose_corridor_is_nearer() -> None:
    """100 m beside a narrow route and 140 m beside a wide one: the truck is on the wide one."""
    city = town()
    wide = replace(
        city.routes[0], id="R2", name="Wide", line=road((0, 240), (10_000, 240)), corridor_m=200.0,
        origin_site_id=None, destination_site_id=None,
    )  # fmt: skip
    both = town(
        routes=(replace(city.routes[0], corridor_m=30.0), wide),
        permits=tuple(replace(permit, route_ids=("R1", "R2")) for permit in city.permits),
    )
    trip = onto_the_road().drive(3000, 100).drive(7000, 100)
    assert judged([RouteDeviation()], trip.readings, city=both) == []


def test_parked_off_the_route_from_the_start_is_not_leaving_it() -> None:
    assert story(Trip("T1", 5000, -1000).stand(600)) == []


def test_bad_fixes_neither_begin_nor_end_it() -> None:
    assert story(onto_the_road().drive(3000, 500, satellites=3, hdop=9.0, accuracy_m=90.0)) == []
    off = onto_the_road().drive(3000, 500)
    off.y = 0
    assert not any("closed" in line for line in story(off.drive(4000, 0, located=False)))


def test_a_single_spike_is_passed_over() -> None:
    trip = onto_the_road()
    for _ in range(8):
        trip.y = 2000
        trip.now_s += 10
        trip.report(40)
        trip.y = 0
        trip.drive(trip.x + 300, 0)
    assert story(trip) == []


def test_a_truck_without_an_approved_route_is_not_judged() -> None:
    assert story(Trip("T6", 500, 0).drive(3000, 0).drive(3000, 3000)) == []


def test_severity_grows_with_detour_load_and_distance() -> None:
    assert story(onto_the_road().drive(3000, 1900))[-1] == "T1 confirmed P2"
    loaded = onto_the_road(load="loaded")
    assert story(loaded.drive(3000, 900)) == ["T1 confirmed P2"]
    assert story(loaded.drive(3000, 1200))[-1] == "T1 confirmed P1"


def test_a_loaded_truck_that_stops_off_the_corridor_is_urgent() -> None:
    assert "T1 confirmed P1" not in story(onto_the_road(load="loaded").drive(3000, 700).stand(80))
    assert story(onto_the_road(load="loaded").drive(3000, 700).stand(120))[-1] == "T1 confirmed P1"


def test_people_are_told_when_it_is_decided() -> None:
    """Nothing but the wait for readings in order (30 s) lies between the deciding reading and the alert."""
    engine, trip = RuleEngine(town(), [RouteDeviation()]), onto_the_road().drive(3000, 600).drive(6000, 600)
    for reading in trip.readings:
        engine.receive(reading.ts)
        for change in engine.judge(reading):
            assert reading.ts - change.at <= WINDOW_MS + 10_000
            return
    pytest.fail("nobody was told")


def test_it_is_repeated_every_half_hour() -> None:
    changes = judged([RouteDeviation()], onto_the_road().drive(3000, 800).stand(4000).readings)
    again = [change for change in changes if change.severity is Severity.P2]
    assert [round((b.at - a.at) / 1000) for a, b in pairwise(again)] == [
        120,
        1800,
        1800,
    ]  # it has stopped: better values


def twice(second_x: float) -> Trip:
    """Off at 3 km and back, and off again further on."""
    trip = onto_the_road().drive(3000, 500).drive(3000, 0).drive(second_x, 0)
    return trip.drive(second_x, 500).drive(second_x, 0).drive(second_x + 2000, 0)


def test_off_again_soon_and_near_is_the_same_alert() -> None:
    changes = judged([RouteDeviation()], twice(3450).readings, quiet_s=900)
    assert len({change.alert_id for change in changes}) == 1
    assert [str(change.phase) for change in changes].count("closed") == 2
    assert len({change.alert_id for change in judged([RouteDeviation()], twice(3550).readings)}) == 2


def test_the_alert_explains_itself() -> None:
    change = judged([RouteDeviation()], onto_the_road(load="loaded").drive(3000, 1500).readings)[-1]
    assert "晋ET1" in change.title.en
    assert "偏离" in change.title.zh
    assert change.evidence.parameters == RouteDeviationParameters().model_dump()
    assert change.evidence.measures["route_id"] == "R1"
    assert 1 <= len(change.evidence.readings) <= 12
    assert change.evidence.findings
    assert change.evidence.ruled_out
    here = place(3000, 100)
    assert change.lat == pytest.approx(here.lat, abs=0.0005)
    assert change.lon == pytest.approx(here.lon, abs=0.0005)


def test_outliers_among_good_fixes_are_no_departure() -> None:
    """Every second fix leaps 350 m aside, as among high houses: the truck was seen on its route in between."""
    trip = onto_the_road()
    for n in range(13):
        trip.drive(3110 + 110 * n, 350 if n % 2 else 0, kmh=126)
    assert story(trip.drive(9000, 0)) == []


def test_what_began_before_a_blind_stretch_is_forgotten() -> None:
    """A fix off the road, nothing for ten minutes, and again off it: what lay between is unknown."""
    trip = onto_the_road().drive(3000, 150).drive(3120, 150).quiet(600).drive(3240, 150).drive(3240, 0)
    assert story(trip.drive(9000, 0)) == []


def test_the_title_names_the_route_that_was_left() -> None:
    """The other approved route is nearer when the alert is raised, but another was left."""
    city = town()
    north = replace(city.routes[0], id="R2", name="North road", name_zh="北路", line=road((3300, 1200), (9000, 1200)))
    north = replace(north, origin_site_id=None, destination_site_id=None)
    both = [replace(permit, route_ids=("R1", "R2")) for permit in city.permits]
    two = town(routes=(city.routes[0], north), permits=tuple(both))
    trip = onto_the_road().drive(3000, 1400, kmh=80)
    for change in judged([RouteDeviation()], trip.readings, city=two):
        assert change.evidence.measures["route_id"] == "R1"
        assert "East road" in change.title.en
    assert judged([RouteDeviation()], onto_the_road().drive(3000, 1400).drive(3300, 1500).readings, city=two)


def test_the_words_would_be_read_out_in_a_hearing() -> None:
    loaded, unloaded = (first(onto_the_road(**fields).drive(3000, 1500)) for fields in ({"load": "loaded"}, {}))
    assert loaded.title.en.startswith("Truck 晋ET1, loaded, left its approved route East road, at a point ")
    assert unloaded.title.en.startswith("Truck 晋ET1 left its approved route East road, at a point ")
    assert re.fullmatch(r"车辆晋ET1载货偏离核准线路“东路”（距.+[\d.]+(米|公里)）", loaded.title.zh)
    sentences = [*loaded.evidence.findings, *loaded.evidence.ruled_out]
    assert any("the terminal's load state" in text.en and "终端载重状态" in text.zh for text in sentences)
    assert not re.search(r"\d (秒|分钟|m|km)", "".join(text.zh for text in sentences))
    assert any("not known whether it is loaded" in text.en for text in unloaded.evidence.findings)
