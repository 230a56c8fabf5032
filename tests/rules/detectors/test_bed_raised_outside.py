"""Stories of trucks that raise their beds, where they may and where they may not."""

from typing import Any

import pytest

from rules.alerts.model import AlertChange
from rules.detectors.bed_raised_outside.judgement import BedRaisedOutside
from rules.detectors.bed_raised_outside.parameters import BedRaisedOutsideParameters
from tests.rules.detectors.retold import holds_however_it_is_told
from tests.rules.town import T0, Trip, at_s, judged, summaries


def hauling(load: str | None = "loaded", *, lift_up: bool | None = False, every_s: float = 10) -> Trip:
    """A truck that has come 4 km on its way."""
    return Trip("T1", 1000, 0, every_s=every_s, load=load, lift_up=lift_up).drive(4000, 0)


def changes(trip: Trip) -> list[AlertChange]:
    return judged([BedRaisedOutside()], trip.readings)


def test_a_bed_that_goes_up_beside_the_road_is_found_and_ends_when_it_is_down() -> None:
    trip = hauling().stand(30)
    up_s = trip.now_s + 10
    trip.stand(90, lift_up=True)
    down_s = trip.now_s + 10
    found = changes(trip.stand(60).drive(9000, 0))
    assert summaries(found) == ["T1 confirmed P2", "T1 closed P2"]
    assert (found[0].opened_at - T0) / 1000 == up_s
    assert at_s(found[0]) == up_s + 10, "at the second reading: a dump of which it is a part may yet be found"
    assert at_s(found[1]) == down_s + 10


@pytest.mark.parametrize(("load", "severity"), [("loaded", "P2"), ("partial", "P2"), (None, "P2"), ("empty", "P3")])
def test_the_load_before_gives_the_severity(load: str | None, severity: str) -> None:
    trip = Trip("T1", 3000, 700, load=load, lift_up=False).drive(4000, 700)
    trip.stand(20, lift_up=True).now(load="empty").stand(60, lift_up=True)
    assert summaries(changes(trip)) == [f"T1 confirmed {severity}"]


def test_driving_with_the_bed_up_is_graver() -> None:
    trip = hauling().stand(30).stand(30, lift_up=True).drive(4600, 0, kmh=30, lift_up=True)
    found = changes(trip.drive(9000, 0))
    assert summaries(found) == ["T1 confirmed P2", "T1 confirmed P1", "T1 closed P1"]
    assert "drove with its bed raised" in found[1].title.en
    creeping = hauling().stand(30).now(lift_up=True).stand(30).drive(4040, 0, kmh=5).now(lift_up=False).drive(9000, 0)
    assert "P1" not in " ".join(summaries(changes(creeping)))


def test_one_speed_that_leaps_is_no_drive() -> None:
    trip = hauling().stand(30).now(lift_up=True).stand(30)
    trip.stand(10, speed_kmh=60.0)
    assert "P1" not in " ".join(summaries(changes(trip.stand(60))))


@pytest.mark.parametrize(("x", "y"), [(10_000, 0), (0, 0), (5_000, -2_000), (2_000, 3_000)])
def test_where_it_tips_loads_or_is_repaired_it_may(x: float, y: float) -> None:
    trip = Trip("T1", x - 500, y, load="loaded", lift_up=False).drive(x, y).stand(30)
    assert changes(trip.stand(120, lift_up=True).stand(60)) == []


@pytest.mark.parametrize(("beyond_m", "raised"), [(30, False), (54, False), (70, True)])
def test_the_gate_belongs_to_the_site(beyond_m: float, raised: bool) -> None:
    trip = Trip("T1", 9000, 0, load="loaded", lift_up=False).drive(9940 - beyond_m, 0)
    assert bool(changes(trip.stand(120, lift_up=True).stand(60))) is raised


def test_a_site_that_its_permit_does_not_name_is_none() -> None:
    trip = Trip("T1", 4000, 4000, load="loaded", lift_up=False).drive(5000, 4000).stand(30)
    assert summaries(changes(trip.stand(60, lift_up=True).stand(60))) == ["T1 confirmed P2", "T1 closed P2"]


def test_a_truck_without_a_lift_switch_is_not_judged() -> None:
    assert changes(hauling(lift_up=None).stand(600)) == []


def test_a_switch_that_bounces_or_chatters_is_no_bed() -> None:
    trip = hauling().stand(30)
    for _ in range(6):
        trip.stand(10, lift_up=True).stand(60)
    assert changes(trip) == []
    trip = hauling(every_s=4).stand(8)
    for n in range(60):
        trip.stand(4, lift_up=n % 2 == 0)
    assert changes(trip) == []
    assert changes(hauling(every_s=2).stand(8).stand(4, lift_up=True).stand(60)) == []


def at_times(trip: Trip, *reports: tuple[float, bool]) -> Trip:
    """Reports of the switch so many seconds from now, standing."""
    start_s = trip.now_s
    for after_s, lift_up in reports:
        trip.now_s = start_s + after_s
        trip.report(0.0, lift_up=lift_up)
    return trip


@pytest.mark.parametrize("second_s", [1.3, 3.0, 4.9])
def test_the_bed_was_up_until_its_switch_fell(second_s: float) -> None:
    """A terminal reports each change of the switch at once: up for 16 s, whenever the report between came."""
    trip = at_times(hauling().stand(30), (5, True), (5 + second_s, True), (21 - second_s / 10, False))
    found = changes(trip.stand(60))
    assert summaries(found) == ["T1 confirmed P2", "T1 closed P2"]
    assert found[0].evidence.measures["up_s"] in {15, 16}


def test_a_bed_that_falls_within_five_seconds_was_up_for_a_moment() -> None:
    assert changes(at_times(hauling().stand(30), (5, True), (7.5, True), (9.9, False)).stand(60)) == []


def test_a_fall_that_is_reported_long_after_says_nothing_of_when_it_fell() -> None:
    assert changes(at_times(hauling().stand(30), (5, True), (8, True), (50, False)).stand(60)) == []


def test_one_report_of_a_raised_bed_proves_nothing_whenever_it_falls() -> None:
    assert changes(at_times(hauling().stand(30), (5, True), (15, False)).stand(60)) == []


def test_a_bed_that_falls_at_a_site_where_it_may_be_up_is_not_counted_to_its_fall() -> None:
    trip = at_times(Trip("T1", 9000, 0, load="loaded", lift_up=False).drive(9860, 0), (5, True), (8, True))
    assert changes(trip.drive(9960, 0, kmh=36, lift_up=False).stand(60)) == []


def test_one_fix_outside_while_it_tips_inside_is_the_receivers() -> None:
    trip = Trip("T1", 9500, 0, load="loaded", lift_up=False).drive(10_000, 0).stand(30).now(lift_up=True).stand(60)
    trip.x = 9_800
    trip.stand(10)
    trip.x = 10_000
    assert changes(trip.stand(60).now(lift_up=False).stand(60)) == []


def test_receiver_drift_beside_a_fence_is_inside() -> None:
    trip = Trip("T1", 9500, 0, load="loaded", lift_up=False, accuracy_m=25.0).drive(9930, 0).now(lift_up=True)
    for n in range(40):
        trip.x, trip.y = 9900 - (n * 7) % 30, (n * 11) % 40
        trip.now_s += 10
        trip.report(0.0)
    assert changes(trip) == []


def test_a_bed_that_goes_up_in_a_blind_stretch_is_judged_from_then_on() -> None:
    trip = hauling().stand(30, lift_up=True, located=False).quiet(400)
    found = changes(trip.stand(30, lift_up=True).stand(60))
    assert summaries(found) == ["T1 confirmed P2", "T1 closed P2"]


def test_reports_a_minute_apart_find_it_too() -> None:
    found = changes(hauling(every_s=60).stand(60).stand(120, lift_up=True).stand(180))
    assert summaries(found) == ["T1 confirmed P2", "T1 closed P2"]


def test_late_uploads_and_restarts_end_in_the_same_alert() -> None:
    readings = hauling().stand(30).stand(90, lift_up=True).stand(60).drive(9000, 0).readings
    ((_, opened_at, phase, severity),) = holds_however_it_is_told(BedRaisedOutside, readings)
    assert (opened_at - T0, phase, severity) == (310_000, "closed", "P2")


def test_the_alert_explains_itself_in_both_languages() -> None:
    parameters: dict[str, Any] = BedRaisedOutsideParameters().model_dump()
    trip = hauling().stand(30).stand(90, lift_up=True).drive(4600, 0, kmh=30, lift_up=True)
    standing, driving = changes(trip)
    assert standing.title.en == "Truck 晋ET1 raised its bed outside every permitted site, at a point 2.2 km from Depot"
    assert standing.title.zh == "车辆晋ET1在许可场地外举升车厢，距depot场2.2公里"
    assert [text.en for text in driving.evidence.findings] == [
        "The bed was up for 100 s",
        "It was loaded, according to the terminal's load state",
        "It drove 83 m in 10 s with the bed up, at up to 30 km/h",
    ]
    assert [text.zh for text in driving.evidence.findings] == [
        "举升持续100秒",
        "车辆载货，依据：终端载重状态",
        "举升状态下行驶83米、10秒，最高时速30公里",
    ]
    assert driving.evidence.parameters == parameters
    assert len(driving.evidence.ruled_out) == 2
    assert all(cited.values["lift_up"] for cited in driving.evidence.readings)
