"""Stories of trucks that drive faster than they may."""

from dataclasses import replace

import pytest

from devices.city.model import City
from rules.alerts.model import AlertChange
from rules.detectors.speeding.judgement import Speeding
from rules.detectors.speeding.parameters import SpeedingParameters
from tests.rules.detectors.retold import holds_however_it_is_told
from tests.rules.town import T0, Trip, at_s, judged, road, summaries, town

CITY = town(routes=(replace(town().routes[0], limit_kmh=60.0),))
"""On the east road 60 km/h are allowed."""


def changes(trip: Trip, city: City = CITY) -> list[AlertChange]:
    return judged([Speeding()], trip.readings, city=city)


def test_ten_seconds_above_the_limit_are_found_and_end_ten_seconds_below_it() -> None:
    trip = Trip("T1", 0, 0).drive(2000, 0, kmh=55)
    fast_s = trip.now_s + 10
    trip.drive(4000, 0, kmh=80)
    slow_s = trip.now_s + 10
    found = changes(trip.drive(6000, 0, kmh=50))
    assert summaries(found) == ["T1 confirmed P2", "T1 closed P2"]
    assert (found[0].opened_at - T0) / 1000 == fast_s
    assert at_s(found[0]) == fast_s + 10
    assert found[1].closed_at == T0 + (slow_s + 10) * 1000


@pytest.mark.parametrize(("kmh", "severity"), [(68, "P3"), (71, "P3"), (73, "P2"), (89, "P2"), (92, "P1")])
def test_the_band_gives_the_severity(kmh: float, severity: str) -> None:
    assert summaries(changes(Trip("T1", 0, 0).drive(6000, 0, kmh=kmh))) == [f"T1 confirmed {severity}"]


def test_up_to_ten_percent_are_the_meters() -> None:
    assert changes(Trip("T1", 0, 0).drive(9000, 0, kmh=66)) == []
    slow = town(routes=(replace(town().routes[0], limit_kmh=30.0),))
    assert changes(Trip("T1", 0, 0).drive(9000, 0, kmh=35), slow) == []
    assert summaries(changes(Trip("T1", 0, 0).drive(9000, 0, kmh=36), slow)) == ["T1 confirmed P3"]


def test_one_reading_is_none_and_makes_none_graver() -> None:
    trip = Trip("T1", 0, 0).drive(3000, 0, kmh=55)
    trip.drive(3150, 0, kmh=55, speed_kmh=150.0)
    assert changes(trip.drive(9000, 0, kmh=55)) == []
    trip = Trip("T1", 0, 0).drive(3000, 0, kmh=70)
    trip.drive(3190, 0, kmh=70, speed_kmh=150.0)
    assert {str(change.severity) for change in changes(trip.drive(9000, 0, kmh=70))} == {"P3"}


def test_a_burst_shorter_than_ten_seconds_is_none() -> None:
    trip = Trip("T1", 0, 0, every_s=4).drive(3000, 0, kmh=55).drive(3160, 0, kmh=72).drive(9000, 0, kmh=55)
    assert changes(trip) == []


def test_a_speed_that_the_positions_do_not_bear_out_is_a_broken_meter() -> None:
    """It stands at a light, or crawls in a queue, and its meter says 90 km/h."""
    assert changes(Trip("T1", 3000, 0).stand(600, speed_kmh=90.0)) == []
    assert changes(Trip("T1", 3000, 0).drive(5000, 0, kmh=12, speed_kmh=90.0)) == []


def test_receiver_drift_is_no_speed() -> None:
    trip = Trip("T1", 3000, 0, accuracy_m=12.0)
    for n in range(60):
        trip.x, trip.y = 3000 + (n * 37) % 90, (n * 53) % 80
        trip.now_s += 1
        trip.report(None)
    assert changes(trip) == []


def test_a_truck_that_reports_no_speed_is_not_judged() -> None:
    assert changes(Trip("T1", 0, 0).drive(9000, 0, kmh=120, speed_kmh=None)) == []


def test_without_a_limit_of_its_route_that_of_all_roads_holds() -> None:
    assert changes(Trip("T1", 0, 0).drive(9000, 0, kmh=98), town()) == []
    found = changes(Trip("T1", 0, 0).drive(9000, 0, kmh=115), town())
    assert summaries(found) == ["T1 confirmed P3"]
    assert any("The limit for all roads is 100 km/h" in text.en for text in found[0].evidence.findings)
    assert changes(Trip("T1", 0, 900).drive(9000, 900, kmh=80)) == []  # off the route
    assert changes(Trip("T6", 0, 0).drive(9000, 0, kmh=80)) == []  # the route is not approved for it


def test_where_two_routes_run_together_the_higher_limit_holds() -> None:
    east = CITY.routes[0]
    fast = replace(east, id="R2", line=road((0, 20), (10_000, 20)), limit_kmh=80.0)
    both = tuple(replace(permit, route_ids=("R1", "R2")) for permit in CITY.permits)
    assert changes(Trip("T1", 0, 0).drive(9000, 0, kmh=80), town(routes=(east, fast), permits=both)) == []


def test_what_lies_in_a_blind_stretch_is_not_known() -> None:
    trip = Trip("T1", 0, 0).drive(3000, 0, kmh=55).drive(3200, 0, kmh=72).quiet(300)
    assert changes(trip.drive(3400, 0, kmh=72).drive(9000, 0, kmh=55)) == []


def test_late_uploads_and_restarts_end_in_the_same_alert() -> None:
    readings = Trip("T1", 0, 0).drive(2000, 0, kmh=55).drive(5000, 0, kmh=80).drive(9000, 0, kmh=50).readings
    ((_, _, phase, severity),) = holds_however_it_is_told(Speeding, readings, city=CITY)
    assert (phase, severity) == ("closed", "P2")


def test_the_alert_explains_itself_in_both_languages() -> None:
    change = changes(Trip("T1", 0, 0).drive(2000, 0, kmh=55).drive(6000, 0, kmh=80))[0]
    assert change.title.en == ("Truck 晋ET1 drove 80 km/h where 60 km/h is the limit, at a point 2.2 km from Source")
    assert change.title.zh == "车辆晋ET1时速80公里，限速60公里，距source场2.2公里"
    assert [text.en for text in change.evidence.findings] == [
        "It drove above the limit for 10 s and 222 m, by up to 33.3 %",
        "The limit is that of its approved route East road",
    ]
    assert [text.zh for text in change.evidence.findings] == [
        "超速行驶10秒、222米，最高超限33.3%",
        "限速依据核准线路“东路”",
    ]
    assert change.evidence.parameters == SpeedingParameters().model_dump()
    assert change.evidence.measures["limit_kmh"] == 60
    assert [cited.values["speed_kmh"] for cited in change.evidence.readings] == [80, 80]
