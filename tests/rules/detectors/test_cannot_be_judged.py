"""Stories of devices that do not give what judgement needs."""

from dataclasses import replace
from typing import Any

from devices.city.hours import Hours
from devices.readings.models import Reading, Status
from rules.alerts.model import AlertChange
from rules.detectors.cannot_be_judged.judgement import CannotBeJudged
from tests.rules.town import T0, Trip, at_s, fills, judged, summaries, town


def changes(*rows: list[Reading], **more: Any) -> list[AlertChange]:
    return judged([CannotBeJudged()], *rows, **more)


def reasons(found: list[AlertChange]) -> set[str]:
    return {str(change.evidence.measures["reason"]) for change in found}


def test_ten_minutes_without_a_usable_fix_are_told_once_and_cleared() -> None:
    trip = Trip("T1", 0, 0).drive(2000, 0).stand(620, located=False).stand(2000, located=False).drive(4000, 0)
    found = changes(trip.readings)
    assert summaries(found) == ["T1 confirmed P4", "T1 closed P4"]
    assert reasons(found) == {"no_fix"}
    assert (found[0].at - found[0].opened_at) / 1000 == 600
    assert "no usable position" in found[0].title.en
    assert "无有效定位" in found[0].title.zh


def test_a_tunnel_is_no_finding() -> None:
    assert changes(Trip("T1", 0, 0).drive(2000, 0).stand(590, located=False).drive(4000, 0).readings) == []


def test_a_parked_truck_under_a_roof_is_no_finding() -> None:
    assert changes(Trip("T1", 0, 0).stand(3000, located=False, ignition_on=False).readings) == []


def test_a_receiver_that_always_reports_no_satellite() -> None:
    found = changes(Trip("T1", 0, 0, satellites=0).drive(9000, 0).readings)
    assert summaries(found) == ["T1 confirmed P4"]
    assert reasons(found) == {"no_satellites"}
    bad = changes(Trip("T1", 0, 0, satellites=0, accuracy_m=None).drive(9000, 0).readings)
    assert reasons(bad) == {"no_satellites"}


def test_a_loaded_truck_without_an_approved_route() -> None:
    found = changes(Trip("T6", 0, 0, load="loaded").drive(6000, 0).drive(9000, 0, load="empty").readings)
    assert summaries(found) == ["T6 confirmed P4", "T6 closed P4"]
    assert reasons(found) == {"no_route"}
    assert changes(Trip("T6", 0, 0, load="empty").drive(9000, 0).readings) == []
    assert changes(Trip("T1", 0, 0, load="loaded").drive(9000, 0).readings) == []
    assert changes(Trip("T6", 0, 0, load="loaded").stand(3000).readings) == []


def test_an_interval_of_six_times_the_registered_one() -> None:
    found = changes(Trip("T1", 0, 0, every_s=60).drive(9000, 0).readings)
    assert summaries(found) == ["T1 confirmed P4"]
    assert found[0].evidence.measures["interval_s"] == 60
    assert found[0].evidence.measures["registered_interval_s"] == 10
    again = Trip("T1", 0, 0, every_s=60).drive(9000, 0)
    again.every_s = 10
    assert summaries(changes(again.drive(0, 0).readings)) == ["T1 confirmed P4", "T1 closed P4"]


def test_an_interval_of_twice_the_registered_one_and_silences_are_none() -> None:
    assert changes(Trip("T1", 0, 0, every_s=20).drive(9000, 0).readings) == []
    assert changes(Trip("T1", 0, 0, every_s=610).drive(100_000, 0).readings) == []
    assert changes(Trip("T1", 0, 0, every_s=30).stand(9000).readings) == []
    assert changes(fills([10.0] * 40, every_s=300)) == []


def test_a_terminal_that_reports_each_three_minutes_and_is_registered_with_ten_seconds() -> None:
    found = changes(Trip("T1", 0, 0, every_s=190).drive(40_000, 0).readings)
    assert reasons(found) == {"long_interval"}
    assert found[0].evidence.measures["interval_s"] == 190


def test_a_bin_that_reports_too_seldom() -> None:
    assert reasons(changes(fills([10.0] * 20, every_s=700))) == {"long_interval"}


def test_a_point_with_deposit_hours_that_counts_no_deposits() -> None:
    point = replace(town().sites["point"], deposit_hours=(Hours(390, 540),))
    city = replace(town(), sites={**town().sites, "point": point})
    found = changes(fills([10.0] * 9), fills([10.0] * 3, start_s=600, deposits=0), city=city)
    assert summaries(found) == ["P01 confirmed P4", "P01 closed P4"]
    assert reasons(found) == {"no_deposits"}
    assert [at_s(change) for change in found] == [240, 720]
    assert changes(fills([10.0] * 9), city=town()) == [], "a point without hours need not"
    both = [fills([10.0], start_s=60 * n, deposits=0 if n % 2 else None) for n in range(20)]
    assert changes(*both, city=city) == [], "one of its compartments counts them"


def test_a_speed_that_stays_0_while_the_truck_moves() -> None:
    moving = Trip("T1", 0, 0).drive(3000, 0, speed_kmh=0.0)
    found = changes(moving.readings)
    assert summaries(found) == ["T1 confirmed P4"]
    assert reasons(found) == {"no_speed"}
    moving.drive(6000, 0)
    assert summaries(changes(moving.readings)) == ["T1 confirmed P4", "T1 closed P4"]


def test_parking_drift_is_no_motion() -> None:
    trip = Trip("T1", 0, 0)
    for n in range(300):
        trip.x, trip.y = (n * 37) % 50, (n * 53) % 50
        trip.now_s += 10
        trip.report(0.0)
    assert changes(trip.readings) == []


def test_a_fix_that_stands_still_while_the_truck_drives() -> None:
    trip = Trip("T1", 0, 0).drive(1000, 0)
    for _ in range(30):
        trip.now_s += 10
        trip.report(40.0)
    found = changes(trip.drive(3000, 0).readings)
    assert summaries(found) == ["T1 confirmed P4", "T1 closed P4"]
    assert reasons(found) == {"frozen_fix"}


def test_two_reasons_are_two_findings_and_any_order_gives_the_same() -> None:
    trip = Trip("T6", 0, 0, load="loaded", satellites=0).drive(9000, 0)
    found = changes(trip.readings)
    assert reasons(found) == {"no_route", "no_satellites"}
    assert len({change.alert_id for change in found}) == 2
    swapped = [reading for pair in zip(trip.readings[1::2], trip.readings[::2], strict=False) for reading in pair]
    assert [(c.alert_id, c.at) for c in changes(swapped)] == [
        (c.alert_id, c.at) for c in changes(sorted(swapped, key=lambda r: r.ts))
    ]


def test_a_longer_registered_interval_is_no_finding() -> None:
    city = town()
    slow = town(devices=dict(city.devices) | {"T1": replace(city.devices["T1"], report_interval_s=60)})
    assert changes(Trip("T1", 0, 0, every_s=60).drive(9000, 0).readings, city=slow) == []


def test_a_finding_is_given_within_its_limit() -> None:
    found = changes(Trip("T1", 0, 0).stand(700, located=False).readings)
    assert at_s(found[0]) == 610


def beats(device: str, start_s: float, end_s: float, every_s: float = 15) -> list[Reading]:
    return [
        Status(device_id=device, ts=T0 + round((start_s + n * every_s) * 1000), online=True, session=1)
        for n in range(round((end_s - start_s) / every_s))
    ]


def test_a_loaded_truck_whose_receiver_is_cut_off_while_its_heartbeats_go_on() -> None:
    before, after = Trip("T1", 0, 0, load="loaded").drive(2000, 0).stand(60), Trip("T1", 2000, 0, at_s=1500).stand(60)
    found = changes(before.readings, beats("T1", 240, 1500), after.readings)
    assert summaries(found) == ["T1 confirmed P4", "T1 closed P4"]
    assert reasons(found[:1]) == {"status_only"}
    assert 840 <= at_s(found[0]) <= 1060
    assert (found[0].title.en, found[0].title.zh) == (
        "Truck 晋ET1 cannot be judged: it sends statuses and no measurement",
        "车辆晋ET1无法研判：仅有状态上报，无测量数据",
    )


def test_a_driving_truck_and_a_point_that_only_send_statuses() -> None:
    drives = Trip("T1", 0, 0, load="empty").drive(2000, 0)
    assert reasons(changes(drives.readings, beats("T1", 180, 1500))) == {"status_only"}
    assert reasons(changes(fills([10.0] * 5, every_s=300), beats("P01", 1200, 4000, every_s=60))) == {"status_only"}
    assert reasons(changes(beats("T2", 0, 900))) == {"status_only"}, "it never measured"


def test_statuses_of_a_parked_truck_a_weighbridge_and_between_measurements_are_no_finding() -> None:
    parked = Trip("T1", 0, 0, load="empty").drive(2000, 0).stand(60)
    assert changes(parked.readings, beats("T1", 240, 9000, every_s=60)) == []
    off = Trip("T1", 0, 0, load="empty").drive(2000, 0, ignition_on=False)
    assert changes(off.readings, beats("T1", 240, 9000, every_s=60)) == []
    assert changes(beats("W1", 0, 9000, every_s=60)) == []
    assert changes(fills([10.0] * 40, every_s=300), beats("P01", 0, 9000, every_s=60)) == []


def test_statuses_do_not_hide_a_long_interval() -> None:
    found = changes(Trip("T1", 0, 0, every_s=60).drive(9000, 0).readings, beats("T1", 5, 900))
    assert reasons(found) == {"long_interval"}
    assert found[0].evidence.measures["interval_s"] == 60
