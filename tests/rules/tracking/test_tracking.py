"""Truck tracking: state and fixes derived from a truck's readings before any rule sees them."""

import math
from random import Random
from typing import Any

import pytest
from msgspec import structs

from devices.geo.geometry import XY
from devices.readings.models import Alarm, Load, Position
from rules.tracking import Fix, LoadSource, LoadState, Quality, Switch, Track, follow
from rules.tracking.quality import judge_quality
from tests.rules.town import T0, Trip, place, ticket, town

CITY = town()
DEVICE = CITY.devices["T1"]
VEHICLE = CITY.vehicle_of(DEVICE, 0)


def followed(trip: Trip) -> tuple[Track, list[Fix]]:
    track = Track()
    fixes = [fix for r in trip.readings if (fix := follow(track, r, DEVICE, VEHICLE, CITY)) is not None]
    return track, fixes


@pytest.mark.parametrize(
    ("fields", "quality"),
    [
        ({}, Quality.GOOD),
        ({"accuracy_m": 15.0}, Quality.GOOD),
        ({"accuracy_m": 15.1}, Quality.FAIR),
        ({"accuracy_m": 50.0}, Quality.FAIR),
        ({"accuracy_m": 50.1}, Quality.BAD),
        ({"satellites": 5, "hdop": 3.0}, Quality.GOOD),
        ({"satellites": 5, "hdop": 3.1}, Quality.FAIR),
        ({"satellites": 4, "hdop": 1.0}, Quality.FAIR),
        ({"satellites": 3, "hdop": 1.0}, Quality.BAD),
        ({"satellites": 3, "accuracy_m": 10.0}, Quality.GOOD),
        ({"hdop": 2.0}, Quality.FAIR),
        ({"hdop": 4.0}, Quality.BAD),
        ({"located": False}, Quality.BAD),
        ({"alarm_bits": int(Alarm.ANTENNA_OPEN)}, Quality.BAD),
    ],
)
def test_quality(fields: dict[str, Any], quality: Quality) -> None:
    assert judge_quality(Position(device_id="T1", ts=T0, lat=35.0, lon=112.0, **fields)) is quality


def test_the_place_is_held_against_drift_while_the_truck_stands() -> None:
    trip = Trip("T1", 3000, 0).stand(10)
    for east in (8, -9, 20, 5):
        trip.x = 3000 + east
        trip.stand(10)
    track, fixes = followed(trip)
    assert {fix.xy for fix in fixes} == {fixes[0].xy}
    assert track.standing_ms(fixes[-1].ts) == 40_000


def test_more_than_thirty_metres_is_not_drift() -> None:
    """The second fix there moves the truck: the first may be the receiver's. It shuffled, and still stands."""
    trip = Trip("T1", 3000, 0).stand(20)
    trip.x += 31
    track, fixes = followed(trip.stand(20))
    assert fixes[0].xy == fixes[2].xy != fixes[3].xy
    assert track.standing_ms(fixes[-1].ts) == 30_000


def test_the_first_place_of_a_stop_may_be_the_wrong_one() -> None:
    trip = Trip("T1", 3000, 120).stand(10)
    trip.y = 0
    track, fixes = followed(trip.stand(60))
    assert {fix.xy for fix in fixes[1:]} == {fixes[1].xy} != {fixes[0].xy}
    assert track.standing_ms(fixes[-1].ts) >= 40_000


@pytest.mark.parametrize("speed_kmh", [0.0, None])
@pytest.mark.parametrize("every_s", [5, 10, 30])
def test_one_wrong_place_ends_no_stop(every_s: int, speed_kmh: float | None) -> None:
    """Every seventh fix is 100 m away: ten minutes stay ten minutes, at one place."""
    trip = Trip("T1", 3000, 0, every_s=every_s, speed_kmh=speed_kmh).stand(60)
    for n in range(600 // every_s):
        trip.y = 100 * (-1) ** n if n % 7 == 3 else 0
        trip.stand(every_s)
    trip.y = 0
    track, fixes = followed(trip.stand(30))
    last = fixes[-1]
    assert track.standing_ms(last.ts) >= 600_000
    if speed_kmh is not None:
        assert not any(fix.moving for fix in fixes)
        assert {fix.xy for fix in fixes} == {last.xy}


def test_a_receiver_that_wanders_between_houses_ends_no_stop() -> None:
    """Fifty stops of 15 min: errors of 12 m on each axis that last for 30 s, every twentieth fix 100 m away."""
    rng, ended = Random(3), 0
    for _ in range(50):
        trip = Trip("T1", 3000, 0, every_s=30, accuracy_m=12.0)
        drift, phi = XY(rng.gauss(0, 12), rng.gauss(0, 12)), math.exp(-1)
        for _ in range(30):
            fresh = 12 * math.sqrt(1 - phi * phi)
            drift = XY(phi * drift.x + rng.gauss(0, fresh), phi * drift.y + rng.gauss(0, fresh))
            far_m = 100 if rng.random() < 0.05 else 0
            trip.x, trip.y = 3000 + drift.x + rng.gauss(0, far_m), drift.y + rng.gauss(0, far_m)
            trip.stand(30)
        track, fixes = followed(trip)
        ended += track.standing_ms(fixes[-1].ts) < 840_000
    assert ended <= 2


def test_a_truck_that_drives_off_moves_with_its_first_fix() -> None:
    trip = Trip("T1", 3000, 0).stand(60).drive(3030, 0, kmh=10)
    track, fixes = followed(trip)
    assert fixes[6].moving
    assert (track.standing_ms(fixes[6].ts), track.motion.anchor) == (0, None)


@pytest.mark.parametrize(("every_s", "stood_ms"), [(30, 30_000), (60, 60_000)])
def test_a_truck_that_drove_between_two_reports_stands_elsewhere(every_s: int, stood_ms: int) -> None:
    """Two reports at the other place: it stands there since the first of them. After a minute the first one counts."""
    trip = Trip("T1", 3000, 0, every_s=every_s).stand(300)
    trip.x += 250
    track, fixes = followed(trip.stand(2 * every_s))
    assert track.standing_ms(fixes[-1].ts) == stood_ms
    assert fixes[-1].xy.distance_m(fixes[0].xy) == pytest.approx(250, rel=0.01)
    assert (fixes[-2].xy == fixes[0].xy) is (every_s < 60)


def test_a_truck_that_is_elsewhere_in_each_report_does_not_stand() -> None:
    """It sends 0 km/h while it drives."""
    trip = Trip("T1", 3000, 0).stand(300).drive(3400, 0, kmh=36, speed_kmh=0.0)
    track, fixes = followed(trip)
    assert track.standing_ms(fixes[-1].ts) <= 10_000
    assert fixes[-1].xy.distance_m(fixes[0].xy) >= 300


def test_a_truck_that_shuffles_far_enough_stands_elsewhere() -> None:
    trip = Trip("T1", 3000, 0).stand(60)
    for _ in range(12):
        trip.x += 10
        trip.stand(20)
    track, fixes = followed(trip)
    assert track.standing_ms(fixes[-1].ts) < 200_000
    assert fixes[-1].xy.distance_m(fixes[0].xy) >= 85


@pytest.mark.parametrize(("leap_m", "usable"), [(415, True), (425, False)])
def test_a_leap_faster_than_a_truck_is_a_spike(leap_m: float, usable: bool) -> None:
    """The limit is 42 m/s over 10 s."""
    trip = Trip("T1", 3000, 0).drive(3100, 0)
    trip.y, trip.now_s = leap_m, trip.now_s + 10
    trip.report(40)
    assert followed(trip)[1][-1].usable is usable


def test_a_truck_that_stays_where_it_leapt_to_is_accepted() -> None:
    trip = Trip("T1", 3000, 0).drive(3100, 0)
    trip.y = 5000
    _, fixes = followed(trip.stand(30))
    assert [fix.usable for fix in fixes] == [True, False, True, True]


def test_a_truck_is_blind_after_sixty_seconds_without_a_usable_fix() -> None:
    trip = Trip("T1", 3000, 0).stand(10).stand(70, located=False)
    assert [fix.blind for fix in followed(trip)[1]] == [False] * 7 + [True]


def test_speed_is_worked_out_where_it_is_not_reported() -> None:
    trip = Trip("T1", 1000, 0, every_s=1).drive(1400, 0, kmh=36, speed_kmh=None)
    fixes = followed(trip)[1]
    assert fixes[-1].speed_kmh == pytest.approx(36, rel=0.02)
    assert fixes[-1].moving
    jitter = Trip("T1", 1000, 0, every_s=1)
    for n in range(60):
        jitter.y = 3.0 * (-1) ** n  # 6 m from fix to fix would be 22 km/h
        jitter.stand(1, speed_kmh=None)
    assert not any(fix.moving for fix in followed(jitter)[1][25:])


def switched(*values: tuple[float, bool | None]) -> Switch:
    switch = Switch()
    for s, value in values:
        switch.take(value, T0 + round(s * 1000))
    return switch


def test_a_switch_is_on_after_two_seconds_and_off_after_three() -> None:
    assert switched((0, True), (1.9, True)).on is None
    assert switched((0, True), (2, True)).on is True
    assert switched((0, True), (2, True), (10, False), (12.9, False)).on is True
    down = switched((0, True), (2, True), (10, False), (13, False))
    assert (down.on, down.since) == (False, T0 + 10_000)


def test_a_switch_with_more_than_six_edges_in_a_minute_is_faulty_for_ten_minutes() -> None:
    six = [(n * 8.0, n % 2 == 1) for n in range(7)]
    assert not switched(*six).faulty(T0 + 50_000)
    seven = switched(*six, (56, True), (60, True))
    assert seven.faulty(T0 + 60_000)
    assert not seven.is_on(T0 + 60_000)
    assert not seven.faulty(T0 + 656_000)


def test_a_switch_is_unknown_after_a_long_silence() -> None:
    switch = switched((0, True), (5, True), (200, None))
    assert switch.on is None


def loads(*trips: Trip) -> list[tuple[LoadState, LoadSource]]:
    return [(track.load.state, track.load.source) for track in (followed(trip)[0] for trip in trips)]


def test_load_is_taken_from_the_best_source_with_a_value() -> None:
    road = Trip("T1", 3000, 0)
    assert loads(Trip("T1", 3000, 0).stand(60)) == [(LoadState.UNKNOWN, LoadSource.NONE)]
    assert loads(road.stand(60, manifest="M1")) == [(LoadState.LOADED, LoadSource.MANIFEST)]
    assert loads(road.stand(60, manifest="M1", load="empty")) == [(LoadState.EMPTY, LoadSource.TERMINAL)]
    both = road.stand(60, load="empty", load_kg=11_000.0)
    assert loads(both) == [(LoadState.LOADED, LoadSource.SCALE)]


def test_a_ticket_overrules_the_sensors_for_ten_minutes_and_holds_longer_without_them() -> None:
    track = Track()
    follow(track, ticket("T1", 0, direction="out"), DEVICE, VEHICLE, CITY)
    assert (track.load.state, track.load.source) == (LoadState.EMPTY, LoadSource.TICKET)
    with_scale = Trip("T1", 3000, 0, at_s=590, load_kg=12_000.0).stand(10)
    for reading in with_scale.readings:
        follow(track, reading, DEVICE, VEHICLE, CITY)
    assert track.load.source is LoadSource.TICKET
    for reading in with_scale.stand(30).readings[1:]:
        follow(track, reading, DEVICE, VEHICLE, CITY)
    assert (track.load.state, track.load.source) == (LoadState.LOADED, LoadSource.SCALE)


def test_a_ticket_sent_again_says_nothing_about_the_present() -> None:
    track = Track()
    follow(track, ticket("T1", 0), DEVICE, VEHICLE, CITY)
    assert track.load.state is LoadState.LOADED
    for reading in Trip("T1", 3000, 0, at_s=700, load="empty").stand(30).readings:
        follow(track, reading, DEVICE, VEHICLE, CITY)
    follow(track, ticket("T1", 740), DEVICE, VEHICLE, CITY)
    assert (track.load.state, track.load.source) == (LoadState.EMPTY, LoadSource.TERMINAL)
    follow(track, ticket("T1", 741, ticket="2"), DEVICE, VEHICLE, CITY)
    assert (track.load.state, track.load.source) == (LoadState.LOADED, LoadSource.TICKET)
    for n in range(20):
        follow(track, ticket("T1", 800 + n, ticket=f"{n}"), DEVICE, VEHICLE, CITY)
    assert len(track.load.tickets) == 4, "bounded"


@pytest.mark.parametrize("wrong", [{"stable": False}, {"tare_kg": 30_000.0}, {"net_kg": 81_000.0, "tare_kg": 1.0}])
def test_a_weighing_that_is_not_settled_or_not_consistent_is_not_believed(wrong: dict[str, Any]) -> None:
    track = Track()
    follow(track, ticket("T1", 0, **wrong), DEVICE, VEHICLE, CITY)
    assert track.load.state is LoadState.UNKNOWN


def test_a_weighing_of_a_truck_about_itself_is_not_believed() -> None:
    track = Track()
    follow(track, structs.replace(ticket("T1", 0), device_id="T1"), DEVICE, VEHICLE, CITY)
    assert track.load.state is LoadState.UNKNOWN


def test_leaving_a_source_is_loaded_leaving_a_tip_is_empty_and_passing_by_is_neither() -> None:
    assert loads(Trip("T1", 0, 0).stand(90).drive(500, 0)) == [(LoadState.LOADED, LoadSource.SITE)]
    assert loads(Trip("T1", 10_000, 0).stand(90).drive(9500, 0)) == [(LoadState.EMPTY, LoadSource.SITE)]
    assert loads(Trip("T1", 0, 0).stand(30).drive(500, 0)) == [(LoadState.UNKNOWN, LoadSource.NONE)]


def test_a_ticket_from_before_a_stay_at_a_site_says_nothing_of_after_it() -> None:
    """Weighed empty at the tip, then loaded at the source, with no sensor and no ticket between."""
    track = Track()
    follow(track, ticket("T1", 0, net_kg=0, direction="out"), DEVICE, VEHICLE, CITY)
    assert track.load.state is LoadState.EMPTY
    for reading in Trip("T1", 9000, 0, at_s=900).drive(0, 0).stand(90).drive(600, 0).readings:
        follow(track, reading, DEVICE, VEHICLE, CITY)
    assert (track.load.state, track.load.source) == (LoadState.LOADED, LoadSource.SITE)


def test_a_weight_that_still_changes_is_not_steady() -> None:
    trip = Trip("T1", 3000, 0)
    for kg in (12_000, 9_000, 6_000, 3_000):
        trip.stand(10, load_kg=float(kg))
    assert followed(trip)[0].load.steady_ts == 0


def test_fixes_have_the_sites_around_them() -> None:
    _, fixes = followed(Trip("T1", 150, 0).stand(10))
    assert [near.site.id for near in fixes[0].sites] == ["source"]
    assert place(0, 0).lat == pytest.approx(35.49)
    assert Load.EMPTY.value == LoadState.EMPTY.value


def test_a_terminal_that_reports_each_minute_is_seen_to_drive_whatever_it_is_registered_with() -> None:
    """Registered with 10 s; it sends no speed, and one report in five is lost."""
    trip = Trip("T1", 0, 0, every_s=61).drive(20_000, 0, speed_kmh=None)
    arrived = [reading for n, reading in enumerate(trip.readings) if n % 5 != 4]
    track = Track()
    fixes = [fix for reading in arrived if (fix := follow(track, reading, DEVICE, VEHICLE, CITY)) is not None]
    assert track.motion.interval_ms == pytest.approx(61_000, rel=0.3)
    assert all(fix.moving and not fix.regained for fix in fixes[8:])


def test_two_lost_reports_do_not_make_a_truck_blind() -> None:
    trip = Trip("T1", 0, 0, every_s=60).drive(8000, 0)
    _, fixes = followed(trip.quiet(120).drive(9000, 0).quiet(200).drive(9900, 0))
    assert [fix.gap_ms for fix in fixes if fix.gap_ms > 60_000] == [180_000, 260_000]
    assert [fix.gap_ms for fix in fixes[8:] if fix.regained] == [260_000]


def test_satellites_that_are_always_0_are_a_field_that_is_not_filled() -> None:
    """But 0 of a receiver that counts them is no fix."""
    never = followed(Trip("T1", 0, 0, satellites=0, accuracy_m=None).drive(4000, 0))[1]
    assert [fix.usable for fix in never[8:11]] == [False, True, True]
    counts = Trip("T1", 0, 0, satellites=7, hdop=1.0, accuracy_m=None).drive(1000, 0).now(satellites=0)
    assert not any(fix.usable for fix in followed(counts.drive(4000, 0))[1][10:])


def test_a_speed_that_is_always_0_is_worked_out_once_the_truck_has_come_500_m() -> None:
    fixes = followed(Trip("T1", 0, 0).drive(2000, 0, speed_kmh=0.0))[1]
    assert not fixes[3].moving
    assert all(fix.moving for fix in fixes[8:])
    parked = Trip("T1", 0, 0)
    for n in range(200):
        parked.x = 25.0 * (-1) ** n
        parked.stand(10)
    assert not any(fix.moving for fix in followed(parked)[1])


def test_a_truck_that_stands_behind_a_tunnel_is_there_and_not_where_it_stood_before() -> None:
    """It reported 0 km/h on both sides, and nothing between: that is no terminal which sends 0 km/h while it drives."""
    trip = Trip("T1", 0, 0).drive(3000, 0).stand(20).quiet(160)
    trip.x = 4500
    _, fixes = followed(trip.stand(30).drive(5000, 0))
    (behind,) = [fix for fix in fixes if fix.gap_ms > 100_000]
    assert (round(behind.xy.x), behind.regained, behind.speed_kmh) == (4500, True, 0.0)
