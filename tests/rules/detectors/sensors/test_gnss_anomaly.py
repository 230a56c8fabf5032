"""Stories of positions that cannot be true, and of honest ones that look odd."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from devices.city.model import City, Device, DeviceRole, Vehicle
from devices.geo.geometry import XY, LatLon, LocalPlane
from devices.readings.models import Alarm, Position, Reading
from rules.alerts.model import AlertChange
from rules.detectors.cannot_be_judged.judgement import CannotBeJudged
from rules.detectors.gnss_anomaly.judgement import GnssAnomaly
from rules.engine.engine import AnyRule, RuleEngine
from tests.rules.detectors.retold import holds_however_it_is_told, standing
from tests.rules.power.drives import Drive, bus, car, garbage_trucks, made_up
from tests.rules.town import T0, Trip, at_s, judged, place, run, summaries, town


def changes(*rows: Iterable[Reading], rules: Sequence[AnyRule] = ()) -> list[AlertChange]:
    return judged([GnssAnomaly(), *rules], *rows)


def said(found: Iterable[AlertChange]) -> list[str]:
    return [f"{change.subject} {change.amendment or change.phase}" for change in found]


def reasons(found: Iterable[AlertChange]) -> list[Any]:
    return [change.evidence.measures["reason"] for change in found if change.phase == "confirmed"]


def leap(trip: Trip, north_m: float) -> Trip:
    """From the next report on it is elsewhere."""
    trip.y += north_m
    return trip


def lie(trip: Trip, north_m: float, reports: int = 1) -> Trip:
    """Some reports from elsewhere, while it drives on."""
    for _ in range(reports):
        at = place(trip.x, trip.y + north_m)
        trip.drive(trip.x + trip.every_s * 8, trip.y, kmh=28.8, lat=at.lat, lon=at.lon)
    return trip


# Leaps


def test_a_leap_of_kilometres_that_stays_is_found_at_its_third_fix_and_ends_with_good_fixes() -> None:
    trip = Trip("T1", 0, 0).drive(3_000, 0)
    leaped_s = trip.now_s + 10
    found = changes(leap(trip, 5_000).drive(8_000, 5_000).readings)
    assert said(found) == ["T1 confirmed", "T1 closed"]
    assert reasons(found) == ["teleport"]
    assert (found[0].opened_at - T0) / 1000 == leaped_s
    assert at_s(found[0]) == leaped_s + 20
    assert at_s(found[1]) == leaped_s + 30 + 300


@pytest.mark.parametrize("every_s", [1, 15, 30, 60])
@pytest.mark.parametrize("speed_kmh", [40.0, None])
def test_a_leap_and_a_frozen_place_are_found_at_any_interval(every_s: float, speed_kmh: float | None) -> None:
    trip = Trip("T1", 0, 0, every_s=every_s).drive(3_000, 0, speed_kmh=speed_kmh)
    leaped_s = trip.now_s + every_s
    found = changes(leap(trip, 5_000).drive(9_000, 5_000, speed_kmh=speed_kmh).readings)
    assert reasons(found) == ["teleport"]
    assert at_s(found[0]) == pytest.approx(leaped_s + 2 * every_s)
    held = frozen(Trip("T1", 0, 0, every_s=every_s).drive(2_000, 0), 300, speed_kmh=speed_kmh)
    assert reasons(changes(held.readings)) == (["frozen"] if speed_kmh else [])


@pytest.mark.parametrize(("north_m", "told"), [(950, []), (1_100, ["teleport"])])
def test_less_than_a_kilometre_is_an_error_of_the_receiver(north_m: float, told: list[str]) -> None:
    trip = Trip("T1", 0, 0).drive(3_000, 0)
    assert reasons(changes(leap(trip, north_m).drive(6_000, north_m).readings)) == told


def test_one_spike_or_two_are_passed_over() -> None:
    for reports in (1, 2):
        trip = lie(Trip("T1", 0, 0).drive(3_000, 0), 5_000, reports)
        assert changes(trip.drive(6_000, 0).readings) == []
    trip = Trip("T1", 0, 0).drive(1_000, 0)
    for _ in range(6):
        lie(trip, 5_000).drive(trip.x + 600, 0)  # one each minute
    assert changes(trip.readings) == []


@pytest.mark.parametrize("every_s", [1, 10, 30])
def test_outliers_of_kilometres_that_do_not_agree_are_none(every_s: float) -> None:
    """One fix of ten is 2 to 9 km off, anywhere."""
    dice = Random(1)
    trip = Trip("T1", 0, 0, every_s=every_s)
    for n in range(600):
        way_m = 8 * every_s * (1 if n % 100 < 50 else -1)  # to and fro
        fields = {}
        if dice.random() < 0.1:
            at = place(trip.x + dice.uniform(2_000, 9_000), dice.uniform(-9_000, 9_000))
            fields = {"lat": at.lat, "lon": at.lon}
        trip.drive(trip.x + way_m, 0, kmh=28.8, **fields)
    assert changes(trip.readings) == []


@pytest.mark.parametrize("every_s", [10, 30])
def test_outliers_of_hundreds_of_metres_to_either_side_are_none(every_s: float) -> None:
    """A believed one to one side, and the next to the other, are a kilometre apart, and the truth lies between them."""
    dice = Random(2)
    trip = Trip("T1", 0, 0, every_s=every_s)
    for n in range(3_000):
        way_m = 8 * every_s * (1 if n % 100 < 50 else -1)  # to and fro
        fields = {}
        if dice.random() < 0.1:
            at = place(trip.x + dice.gauss(0, 500), dice.gauss(0, 500))
            fields = {"lat": at.lat, "lon": at.lon}
        trip.drive(trip.x + way_m, 0, kmh=28.8, **fields)
    assert changes(trip.readings) == []


def test_two_places_in_turn_are_two_terminals_with_one_name() -> None:
    trip = Trip("T1", 0, 0).drive(1_000, 0)
    for _ in range(12):
        lie(trip, 8_000).drive(trip.x + 80, 0, kmh=28.8)
    found = changes(trip.drive(9_000, 0).readings)
    assert reasons(found) == ["teleport"]
    assert said(found) == ["T1 confirmed", "T1 closed"]


@pytest.mark.parametrize("quiet_s", [300, 900, 3_600, 36_000])
@pytest.mark.parametrize("far_m", [1_500, 9_000])
def test_a_truck_that_was_carried_while_it_was_off_leaps_nowhere(quiet_s: float, far_m: float) -> None:
    """A ferry or a low loader; the first fixes afterwards may be the place that the terminal remembers."""
    for remembered in (0, 1, 4):
        trip = Trip("T1", 0, 0).drive(2_000, 0).stand(60).quiet(quiet_s).stand(10 * remembered)
        assert changes(leap(trip, far_m).drive(8_000, far_m).readings) == []


def test_a_new_terminal_that_begins_with_a_place_that_it_remembers_leaps_nowhere() -> None:
    trip = Trip("T1", 0, 0).stand(60)
    assert changes(leap(trip, 20_000).drive(3_000, 20_000).readings) == []


@pytest.mark.parametrize("every_s", [1, 10, 30])
@pytest.mark.parametrize("speed_kmh", [80.0, None])
def test_a_tunnel_whose_terminal_repeats_its_last_fix_is_none(every_s: float, speed_kmh: float | None) -> None:
    """Two and a half minutes at 80 km/h; at the exit the place leaps 3.3 km."""
    trip = Trip("T1", 0, 0, every_s=every_s).drive(3_000, 0, kmh=80, speed_kmh=speed_kmh)
    mouth = place(trip.x, 0)
    trip.drive(trip.x + 3_300, 0, kmh=80, lat=mouth.lat, lon=mouth.lon, speed_kmh=speed_kmh)
    assert changes(trip.drive(9_900, 0, kmh=80, speed_kmh=speed_kmh).readings) == []


# Frozen


def frozen(trip: Trip, seconds: float, kmh: float = 40, **fields: Any) -> Trip:
    """It drives and its receiver gives one place."""
    at = place(trip.x, trip.y)
    return trip.drive(trip.x + seconds * kmh / 3.6, trip.y, kmh=kmh, lat=at.lat, lon=at.lon, **fields)


@pytest.mark.parametrize(("seconds", "told"), [(170, []), (200, ["frozen"])])
def test_the_very_same_place_for_three_minutes_of_driving_is_found(seconds: float, told: list[str]) -> None:
    trip = frozen(Trip("T1", 0, 0).drive(2_000, 0), seconds)
    assert reasons(changes(trip.drive(9_000, 0).readings)) == told


def test_it_ends_when_the_place_moves_again_and_not_while_it_stands() -> None:
    trip = frozen(Trip("T1", 0, 0).drive(2_000, 0), 300)
    at = place(2_000, 0)
    trip.stand(900, lat=at.lat, lon=at.lon)
    assert said(changes(trip.readings)) == ["T1 confirmed"]
    found = changes(trip.drive(9_900, 0).readings)
    assert said(found) == ["T1 confirmed", "T1 closed"]


def test_an_odometer_shows_it_without_a_speed() -> None:
    trip = Trip("T1", 0, 0, odometer_km=100.0).drive(2_000, 0, speed_kmh=None)
    at = place(trip.x, trip.y)
    for n in range(30):
        trip.now(odometer_km=100 + 0.1 * n).now_s += 10
        trip.report(None, lat=at.lat, lon=at.lon)
    found = changes(trip.readings)
    assert reasons(found) == ["frozen"]
    assert found[0].evidence.measures["odometer_m"] == pytest.approx(1_900, abs=101)


def test_a_truck_that_stands_at_one_place_all_night_is_fine() -> None:
    trip = Trip("T1", 0, 0, odometer_km=100.0).drive(2_000, 0).stand(8 * 3_600)
    assert changes(trip.drive(4_000, 0).readings) == []


def test_creeping_in_a_queue_with_a_held_place_is_fine() -> None:
    trip = frozen(Trip("T1", 0, 0).drive(2_000, 0), 900, kmh=7)
    assert changes(trip.drive(9_900, 0).readings) == []


# Alarms


@pytest.mark.parametrize("bit", [Alarm.ANTENNA_OPEN, Alarm.ANTENNA_SHORT, Alarm.GNSS_FAULT])
def test_an_alarm_of_antenna_or_receiver_for_two_minutes_is_found(bit: Alarm) -> None:
    trip = Trip("T1", 0, 0).drive(2_000, 0).drive(3_200, 0, alarm_bits=int(bit))
    assert changes(trip.drive(9_000, 0).readings) == []
    trip = Trip("T1", 0, 0, load="loaded").drive(2_000, 0).drive(4_000, 0, alarm_bits=int(bit), located=False)
    found = changes(trip.drive(9_000, 0).readings)
    assert summaries(found) == ["T1 confirmed P2", "T1 closed P2"]
    assert reasons(found) == ["alarm"]


def test_a_mended_antenna_ends_it_while_the_truck_stands_too() -> None:
    trip = Trip("T1", 2_000, 0).stand(300, alarm_bits=int(Alarm.ANTENNA_OPEN)).stand(600)
    assert said(changes(trip.readings)) == ["T1 confirmed", "T1 closed"]


def test_other_alarms_are_others_business() -> None:
    bits = int(Alarm.POWER_LOW | Alarm.FATIGUE | Alarm.EMERGENCY)
    assert changes(Trip("T1", 0, 0).drive(9_000, 0, alarm_bits=bits).readings) == []


# One cause, one alert


def test_what_cannot_be_judged_for_it_is_a_part_of_it() -> None:
    trip = frozen(Trip("T1", 0, 0).drive(2_000, 0), 400).drive(9_900, 0)
    assert {change.rule for change in changes(trip.readings, rules=[CannotBeJudged()])} == {"gnss_anomaly"}
    cut = Trip("T1", 0, 0).drive(2_000, 0)
    last, bits = place(cut.x, cut.y), int(Alarm.ANTENNA_OPEN)
    cut.drive(9_900, 0, alarm_bits=bits, located=False, lat=last.lat, lon=last.lon)
    cut.stand(600, alarm_bits=bits, located=False)
    assert {change.rule for change in changes(cut.readings, rules=[CannotBeJudged()])} == {"gnss_anomaly"}


def test_a_receiver_without_a_fix_and_without_an_alarm_still_cannot_be_judged() -> None:
    trip = Trip("T1", 0, 0).drive(2_000, 0).drive(9_900, 0, located=False)
    assert {change.rule for change in changes(trip.readings, rules=[CannotBeJudged()])} == {"cannot_be_judged"}


# Interference


def disturbed(truck: str, x: float, at_s: float = 0) -> list[Reading]:
    """It drives to a place near the jammer, where its position leaps; kilometres on it is right again."""
    trip = Trip(truck, x - 2_000, 0, at_s=at_s).drive(x, 0)
    lie(trip, 20_000, 12)
    return trip.drive(9_990, 0).stand(400).readings


def test_three_trucks_at_one_place_are_an_interference_of_the_area() -> None:
    found = changes(disturbed("T1", 4_000), disturbed("T2", 4_400, 40), disturbed("T3", 4_800, 100))
    last = {change.alert_id: change for change in found}
    assert sorted(said(last.values())) == ["T1 retracted", "T2 retracted", "T3 retracted", "system closed"]
    area = next(change for change in found if change.subject == "system")
    assert area.title.en.startswith("Positions of 3 trucks are disturbed, at a point ")
    assert area.severity == "P2"
    assert area.evidence.findings[0].en.endswith("Truck 晋ET1, Truck 晋ET2, Truck 晋ET3")


def test_two_trucks_or_three_that_are_far_apart_or_hours_apart_are_not() -> None:
    assert {c.subject for c in changes(disturbed("T1", 4_000), disturbed("T2", 4_400, 40))} == {"T1", "T2"}
    apart = changes(disturbed("T1", 2_500), disturbed("T2", 4_400, 40), disturbed("T3", 6_300, 100))
    assert {change.subject for change in apart} == {"T1", "T2", "T3"}
    later = changes(disturbed("T1", 4_000), disturbed("T2", 4_400, 700), disturbed("T3", 4_800, 1_400))
    assert {change.subject for change in later} == {"T1", "T2", "T3"}


def test_a_fourth_truck_has_no_alert_of_its_own() -> None:
    rows = [
        disturbed("T1", 4_000),
        disturbed("T2", 4_400, 40),
        disturbed("T3", 4_800, 100),
        disturbed("T4", 4_300, 500),
    ]
    found = changes(*rows)
    last = {change.alert_id: change for change in found}
    assert {change.subject for change in last.values() if change.amendment != "retracted"} == {"system"}
    assert "T4" not in {change.subject for change in found}  # by then it is known


def test_the_same_trucks_twice_are_not_three() -> None:
    trip = Trip("T1", 1_000, 0).drive(3_000, 0)
    lie(trip, 20_000, 12).drive(trip.x + 300, 0)
    rows = [lie(trip, 20_000, 12).readings, disturbed("T2", 3_400, 40)]
    assert {change.subject for change in changes(*rows)} == {"T1", "T2"}


# However it is told


def test_late_uploads_and_restarts_end_in_the_same_alert() -> None:
    trip = leap(Trip("T1", 0, 0).drive(3_000, 0), 5_000).drive(8_000, 5_000)
    ((_, _, phase, severity),) = holds_however_it_is_told(GnssAnomaly, trip.readings)
    assert (phase, severity) == ("closed", "P3")
    trip = frozen(Trip("T1", 0, 0).drive(2_000, 0), 400).drive(9_900, 0)
    ((_, _, phase, _),) = holds_however_it_is_told(GnssAnomaly, trip.readings)
    assert phase == "closed"


def test_devices_in_any_order_end_in_the_same_interference() -> None:
    rows = [disturbed("T1", 4_000), disturbed("T2", 4_400, 40), disturbed("T3", 4_800, 100)]
    expected = {(c[0], c[2]) for c in standing(changes(*rows))}
    for late in range(3):
        arrivals = [(r.ts + (25_000 if n == late else 0), r) for n, row in enumerate(rows) for r in row]
        ordered = [reading for _, reading in sorted(arrivals, key=lambda one: one[0])]
        assert {(c[0], c[2]) for c in standing(run(RuleEngine(town(), [GnssAnomaly()]), ordered))} == expected


# Honest drives


def fixes(drive: Drive, every_s: int, plane: LocalPlane, *, report_speed: bool) -> list[Position]:
    places = drive.places[::every_s]
    speeds = np.hypot(*np.diff(drive.places, axis=0, append=drive.places[-1:]).T)[::every_s] * 3.6
    found = list[Position]()
    for n, ((x, y), speed) in enumerate(zip(places, speeds, strict=True)):
        at, kmh = plane.latlon(XY(float(x), float(y))), round(float(speed), 1) if report_speed else None
        found.append(Position(device_id="T1", ts=T0 + 1000 * every_s * n, lat=at.lat, lon=at.lon, speed_kmh=kmh))
    return found


def honest(drives: Iterable[Drive], every_s: int, *, report_speed: bool) -> list[AlertChange]:
    centre = LatLon(35.49, 112.85)
    city = City(
        "open", "Open", "开", "UTC", centre, region_margin_km=900,
        devices={"T1": Device("T1", DeviceRole.TRUCK, vehicle_id="V", report_interval_s=every_s)},
        vehicles={"V": Vehicle("V", "晋E1")},
    )  # fmt: skip
    found: list[AlertChange] = []
    for drive in drives:
        engine = RuleEngine(city, [GnssAnomaly()])
        for position in fixes(drive, every_s, LocalPlane(centre), report_speed=report_speed):
            engine.receive(position.ts)
            found += engine.judge(position)
        for _ in range(15):
            found += engine.advance(10_000)
        assert not engine.failures
    return found


@pytest.mark.parametrize("every_s", [1, 15, 30, 60])
@pytest.mark.parametrize("report_speed", [True, False])
def test_drives_through_a_town_raise_nothing(every_s: int, report_speed: bool) -> None:
    dice = np.random.default_rng(3)
    assert honest([made_up(dice, f"{n}", 3_600) for n in range(4)], every_s, report_speed=report_speed) == []


@pytest.mark.recording
@pytest.mark.parametrize("every_s", [1, 15, 30, 60])
@pytest.mark.parametrize("report_speed", [True, False])
def test_recorded_drives_raise_nothing(recordings: Path, every_s: int, report_speed: bool) -> None:
    drives = [bus(recordings), car(recordings), *garbage_trucks(recordings)[:40]]
    assert honest(drives, every_s, report_speed=report_speed) == []


def test_the_alert_explains_itself_in_both_languages() -> None:
    trip = leap(Trip("T1", 0, 0).drive(3_000, 0), 5_000).drive(8_000, 5_000)
    change = changes(trip.readings)[0]
    assert change.title.en == "Truck 晋ET1: its position leaps, at a point 2.7 km from Depot"
    assert change.title.zh == "车辆晋ET1：定位跳变，距depot场2.7公里"
    assert change.evidence.findings[0].en == "It leaped 5.0 km in 10 s, which is 1800 km/h; 3 fixes bear it out"
    assert change.evidence.findings[0].zh == "10秒内跳变5.0公里，折合时速1800公里；3次定位为证"
    assert [cited.ts for cited in change.evidence.readings] == sorted(cited.ts for cited in change.evidence.readings)
