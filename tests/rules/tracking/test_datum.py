"""The datum of a terminal, told from its track: a road north, along which the shift of GCJ-02 leads off it."""

from dataclasses import replace

import msgspec
import pytest

from devices.city.sites import Route
from devices.geo.gcj02 import gcj02_of
from devices.geo.geometry import Datum, LatLon
from devices.readings.models import Position
from rules.catalogue import build_rules
from rules.tracking import Fix, Track, follow
from tests.rules.town import Trip, judged, road, square, summaries, town

CITY = town(routes=(Route("R1", 1, "North road", "北路", road((0, 0), (0, 10_000)), "source", "tip"),))


def sent_in_gcj02(trip: Trip) -> list[Position]:
    positions = [reading for reading in trip.readings if isinstance(reading, Position)]
    shifted = [gcj02_of(LatLon(position.lat, position.lon)) for position in positions]
    return [
        Position(device_id=position.device_id, ts=position.ts, lat=place.lat, lon=place.lon, speed_kmh=40)
        for position, place in zip(positions, shifted, strict=True)
    ]


def followed(positions: list[Position], track: Track | None = None) -> tuple[Track, list[Fix]]:
    track, device = track or Track(), CITY.devices["T1"]
    fixes = [follow(track, position, device, CITY.vehicles["VT1"], CITY) for position in positions]
    return track, [fix for fix in fixes if fix is not None]


def positions_of(trip: Trip) -> list[Position]:
    return [reading for reading in trip.readings if isinstance(reading, Position)]


def test_a_shifted_track_is_recognised_and_none_of_its_fixes_is_used() -> None:
    track, fixes = followed(sent_in_gcj02(Trip("T1", 0, 300).drive(0, 6_000)))
    assert track.datum.recognised
    assert not any(fix.usable for fix in fixes)


def test_thirty_fixes_and_two_kilometres_are_needed() -> None:
    assert not followed(sent_in_gcj02(Trip("T1", 0, 300).drive(0, 3_400)))[0].datum.recognised  # 28 fixes
    assert not followed(sent_in_gcj02(Trip("T1", 0, 300).drive(0, 2_200, kmh=14)))[0].datum.recognised  # 1.9 km


def test_an_honest_track_is_used_whole() -> None:
    track, fixes = followed(positions_of(Trip("T1", 0, 300).drive(0, 9_000).drive(0, 300)))
    assert not track.datum.recognised
    assert all(fix.usable for fix in fixes)


def test_a_truck_that_was_on_its_route_and_drives_beside_it_at_the_shift_is_believed() -> None:
    """A parallel road 558 m east: deviation is judged as ever."""
    trip = Trip("T1", 0, 300).drive(0, 3_000).drive(558, 3_000).drive(558, 6_000)
    track, fixes = followed(positions_of(trip))
    assert all(fix.usable for fix in fixes)
    assert not track.datum.recognised
    assert "T1 confirmed P2" in summaries(judged(build_rules(), trip.readings, city=CITY))


def test_a_tip_whose_shifted_place_lies_on_the_road_to_it_is_no_dump() -> None:
    """North to a junction, then west to the tip: there the shift leads back along the road, 46 m beside it."""
    sites = {**town().sites}
    sites["source"] = replace(sites["source"], area=square(5_000, -800, 60))
    sites["tip"] = replace(sites["tip"], area=square(0, 0, 60))
    way = road((5_000, -800), (5_000, 0), (0, 0))
    city = town(sites=sites, routes=(Route("R1", 1, "West road", "西路", way, "source", "tip"),))
    trip = Trip("T1", 5_000, -800)
    for _ in range(2):
        trip.now(load="loaded", load_kg=12_000.0, lift_up=False, cover_open=False).stand(60)
        trip.drive(5_000, 0).drive(0, 0).stand(20).now(cover_open=True).stand(20).stand(40, lift_up=True)
        trip.now(load="empty", load_kg=300.0).stand(40, lift_up=True).now(cover_open=False).stand(30)
        trip.drive(5_000, 0).drive(5_000, -800)
    shifted = [in_gcj02(reading) for reading in positions_of(trip)]
    raised = {change.rule for change in judged(build_rules(), shifted, city=city, quiet_s=0)}
    assert raised <= {"device_datum", "cannot_be_judged"}
    honest = {change.rule for change in judged(build_rules(), trip.readings, city=city, quiet_s=0)}
    assert honest == set()


def in_gcj02(position: Position) -> Position:
    place = gcj02_of(LatLon(position.lat, position.lon))
    return msgspec.structs.replace(position, lat=place.lat, lon=place.lon)


def test_a_terminal_that_is_corrected_is_believed_again() -> None:
    track, _ = followed(sent_in_gcj02(Trip("T1", 0, 300).drive(0, 6_000)))
    honest = Trip("T1", 0, 6_000, at_s=3_000).drive(0, 300).drive(0, 9_000)
    _, fixes = followed(positions_of(honest), track)
    assert not track.datum.recognised
    assert fixes[-1].usable


def test_a_terminal_that_changes_its_datum_is_recognised_within_hours() -> None:
    trip = Trip("T1", 0, 300)
    for _ in range(3):
        trip.drive(0, 9_000).drive(0, 300)
    track, _ = followed(positions_of(trip))
    later = Trip("T1", 0, 300, at_s=trip.now_s)
    for _ in range(9):
        later.drive(0, 9_000).drive(0, 300)
    track, _ = followed(sent_in_gcj02(later), track)
    assert track.datum.recognised
    assert later.now_s - trip.now_s < 5 * 3_600


@pytest.mark.parametrize("every_s", [10, 30, 60])
def test_one_alert_and_nothing_else_is_raised_for_a_shifted_trip(every_s: int) -> None:
    trip = Trip("T1", 0, 300, every_s=every_s)
    for _ in range(4):
        trip.drive(0, 9_900).drive(0, 300)
    city = replace(CITY, devices={**CITY.devices, "T1": replace(CITY.devices["T1"], report_interval_s=every_s)})
    changes = judged(build_rules(), sent_in_gcj02(trip), city=city, quiet_s=0)
    assert [(change.rule, str(change.severity)) for change in changes] == [("device_datum", "P4")]
    [change] = changes
    assert change.title.zh.isprintable()
    assert "GCJ-02" in change.title.zh
    assert "GCJ-02" in change.title.en


def test_a_registered_datum_is_converted() -> None:
    device = replace(CITY.devices["T1"], datum=Datum.GCJ02)
    track, trip = Track(), Trip("T1", 0, 300).drive(0, 6_000)
    for sent, true in zip(sent_in_gcj02(trip), positions_of(trip), strict=True):
        fix = follow(track, sent, device, CITY.vehicles["VT1"], CITY)
        assert fix is not None
        assert fix.usable
        assert fix.xy.distance_m(CITY.plane.xy(true)) < 0.2
