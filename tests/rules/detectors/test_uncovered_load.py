"""Stories of trucks that drive with an open cover."""

from typing import Any

import pytest

from rules.alerts.model import AlertChange
from rules.detectors.uncovered_load.judgement import UncoveredLoad
from rules.detectors.uncovered_load.parameters import UncoveredLoadParameters
from tests.rules.detectors.retold import holds_however_it_is_told
from tests.rules.town import T0, Trip, at_s, judged, place, summaries


def loaded(every_s: float = 10, cover_open: bool | None = False) -> Trip:
    """A loaded, covered truck that left the source and is 2 km on its way; it drives 40 km/h."""
    return Trip("T1", 0, 0, every_s=every_s, load="loaded", cover_open=cover_open).drive(2000, 0)


def changes(trip: Trip) -> list[AlertChange]:
    return judged([UncoveredLoad()], trip.readings)


def test_half_a_minute_with_an_open_cover_is_found_and_closed_ten_seconds_after_the_cover() -> None:
    trip = loaded()
    opened_s = trip.now_s + 10
    trip.drive(4000, 0, cover_open=True)
    closed_s = trip.now_s + 10
    found = changes(trip.drive(6000, 0))
    assert summaries(found) == ["T1 confirmed P2", "T1 closed P2"]
    # Debounced: the second reading bears the switch out.
    assert (found[0].opened_at - T0) / 1000 == opened_s + 10
    assert at_s(found[0]) == opened_s + 40
    assert (found[1].closed_at or 0) == T0 + (closed_s + 10) * 1000


def test_at_walking_pace_nothing_is_blown_off_and_up_to_twenty_it_is_less_grave() -> None:
    assert changes(loaded().drive(2600, 0, kmh=9, cover_open=True).drive(4000, 0)) == []
    assert summaries(changes(loaded().drive(3000, 0, kmh=18, cover_open=True).drive(5000, 0)))[0] == "T1 confirmed P3"


def test_one_speed_that_leaps_makes_it_no_graver() -> None:
    trip = loaded().now(cover_open=True).drive(2400, 0, kmh=18)
    trip.drive(2450, 0, kmh=18, speed_kmh=90.0)
    assert {str(change.severity) for change in changes(trip.drive(3000, 0, kmh=18))} == {"P3"}


@pytest.mark.parametrize(
    "fields",
    [
        {"load": "empty"},
        {"load": "partial"},
        {"load": None},
        {"load": "empty", "load_kg": 300.0},
    ],
)
def test_a_truck_that_is_not_known_to_be_loaded_may_drive_open(fields: dict[str, Any]) -> None:
    assert changes(Trip("T1", 500, 500, cover_open=True, **fields).drive(6000, 500)) == []


def test_a_truck_without_a_cover_switch_is_not_judged() -> None:
    assert changes(loaded(cover_open=None).drive(9000, 0)) == []


def test_a_switch_that_flickers_is_no_open_cover() -> None:
    """One wrong value every half minute, then chatter at every second reading."""
    trip = loaded()
    for n in range(1, 10):
        trip.drive(2000 + 300 * n, 0, cover_open=False).drive(2000 + 300 * n + 20, 0, cover_open=True)
    assert changes(trip) == []
    trip = loaded(every_s=4)
    for n in range(1, 60):
        trip.drive(2000 + 90 * n, 0, kmh=40, cover_open=n % 3 != 0)
    assert changes(trip) == []


def test_at_a_traffic_light_and_in_a_queue_it_does_not_drive() -> None:
    trip = loaded().now(cover_open=True).stand(300)
    for n in range(20):  # 40 m on, 20 s waiting
        trip.drive(2000 + 40 * (n + 1), 0, kmh=15).stand(20)
    assert changes(trip.drive(3000, 0, kmh=15, cover_open=False)) == []


def test_near_a_site_covers_are_opened() -> None:
    """From 60 m beyond the fence of the source to 200 m from it, and on the last 200 m before the tip."""
    assert changes(Trip("T1", 0, 0, load="loaded", cover_open=True).drive(255, 0, kmh=15)) == []
    arriving = Trip("T1", 6000, 0, load="loaded", cover_open=False).drive(9750, 0)
    assert changes(arriving.drive(9950, 0, kmh=15, cover_open=True).stand(300, cover_open=True)) == []


def test_receiver_drift_of_a_parked_truck_is_no_drive() -> None:
    trip = loaded().now(cover_open=True, accuracy_m=12.0)
    for n in range(60):
        trip.x, trip.y = 2000 + (n * 7) % 25, (n * 11) % 23
        trip.now_s += 10
        trip.report(0.0)
    assert changes(trip) == []


def test_bad_fixes_and_a_blind_stretch_find_nothing() -> None:
    trip = loaded().now(cover_open=True)
    assert changes(trip.drive(3000, 0, located=False).drive(3100, 0).quiet(400).drive(3200, 0, cover_open=False)) == []


def test_two_readings_a_minute_apart_are_not_yet_proof() -> None:
    trip = loaded(every_s=60)
    assert changes(trip.drive(4000, 0, cover_open=True).drive(6000, 0)) == []
    assert summaries(changes(loaded(every_s=60).drive(6000, 0, cover_open=True)))[0] == "T1 confirmed P2"


def test_a_truck_that_stops_with_its_cover_open_is_one_alert_and_ends_when_it_is_empty() -> None:
    trip = loaded().now(cover_open=True).drive(4000, 0).stand(200).drive(9990, 0).stand(60)
    found = changes(trip.now(load="empty").stand(120).drive(5000, 0))
    assert summaries(found) == ["T1 confirmed P2", "T1 closed P2"]
    assert found[-1].evidence.findings[-1].en == "It is empty now, according to the terminal's load state"


def test_late_uploads_and_restarts_end_in_the_same_alert() -> None:
    readings = loaded().drive(4000, 0, cover_open=True).drive(9000, 0).readings
    ((_, opened_at, phase, severity),) = holds_however_it_is_told(UncoveredLoad, readings)
    assert (opened_at - T0, phase, severity) == (210_000, "closed", "P2")


def test_the_alert_explains_itself_in_both_languages() -> None:
    change = changes(loaded().drive(4000, 0, cover_open=True))[0]
    assert change.title.en == "Truck 晋ET1 drove loaded with its cover open, at a point 2.2 km from Source"
    assert change.title.zh == "车辆晋ET1载货行驶未密闭，距source场2.2公里"
    assert [text.en for text in change.evidence.findings] == [
        "It drove 333 m in 30 s with its cover open, at up to 40 km/h",
        "It was loaded, according to the terminal's load state",
    ]
    assert [text.zh for text in change.evidence.findings] == [
        "顶盖开启状态下行驶333米、30秒，最高时速40公里",
        "车辆载货，依据：终端载重状态",
    ]
    assert change.evidence.parameters == UncoveredLoadParameters().model_dump()
    assert [cited.values["cover_open"] for cited in change.evidence.readings] == [True] * 4
    assert change.lat == pytest.approx(place(2200, 0).lat, abs=0.001)
    assert change.evidence.ruled_out[0].zh == "200米范围内无任何场地"
