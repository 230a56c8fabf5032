"""Truths on moments written by hand: what is an incident, when it begins, and whether it must be noticed."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from devices.city.sites import Site, SiteKind, ZoneKind
from devices.geo.geometry import XY
from simulators.trials.trace import STEP_MS, Moment, Scene
from simulators.trials.truths.collecting import mixed_haulage, outside_permitted_area
from simulators.trials.truths.driving import restricted_hours, speeding
from simulators.trials.truths.loads import bed_raised_outside, illegal_dumping, uncovered_load
from simulators.trials.truths.places import route_deviation, stopped_loaded
from simulators.trials.truths.truth import Found
from tests.rules.town import T0, square, town, zone

CITY = town()
SCENE = Scene(CITY, CITY.devices["T1"], "VT1", 15_000.0, frozenset({"source", "tip"}))
LOADED = 13_000.0


def at(second: float, x: float, y: float = 0.0, **changed: object) -> Moment:
    """A moment of truck T1 of the town: its route runs east along y = 0 from 0 m to 10 km."""
    ts, xy = T0 + round(second * 1000), XY(x, y)
    plain = Moment(ts, xy, 36.0, LOADED, False, False, abs(y), CITY.geometry.sites_near(xy, 1_000.0, ts))
    return replace(plain, **changed)  # type: ignore[arg-type]


def seconds(start: int, end: int) -> Iterator[int]:
    return iter(range(start, end, STEP_MS // 1000))


def one(found: Iterator[Found]) -> Found:
    (only,) = found
    return only


def aside(metres: float, from_s: int, to_s: int) -> list[Moment]:
    """A drive at 10 m/s, `metres` beside the route from one second to another."""
    return [at(s, 2_000 + 10 * s, metres if from_s <= s < to_s else 0.0) for s in seconds(0, 400)]


@pytest.mark.parametrize(
    ("metres", "lasts_s", "required"),
    [(100, 100, True), (100, 30, False), (70, 200, False), (350, 20, True), (100, 46, True), (100, 38, False)],
)
def test_a_deviation_must_be_noticed_by_its_time_and_distance(metres: float, lasts_s: int, required: bool) -> None:
    """46 s at 10 m/s are 460 m: beyond 45 s, 150 m and 400 m. 38 s are too short, 70 m are within the error."""
    found = one(route_deviation(aside(metres, 60, 60 + lasts_s), SCENE))
    assert (found.required, found.start_ms) == (required, T0 + 60_000)
    assert found.end_ms == T0 + (60 + lasts_s) * 1000


def test_within_the_corridor_nothing_has_happened() -> None:
    assert list(route_deviation(aside(55, 60, 200), SCENE)) == []


def test_around_the_ends_of_a_route_nothing_has_happened() -> None:
    drive = [at(s, 9_900, 100.0) for s in seconds(0, 300)]
    assert list(route_deviation(drive, SCENE)) == []


def test_two_stretches_beyond_within_five_minutes_are_one_incident() -> None:
    drive = [at(s, 2_000 + s, 100.0 if s < 100 or s >= 200 else 0.0) for s in seconds(0, 300)]
    assert one(route_deviation(drive, SCENE)).end_ms == T0 + 300_000


def tip(x: float, after_kg: float, *, up_from: int = 60, up_to: int = 100) -> list[Moment]:
    """Drive, stand from second 20 on, raise the bed, lose load while it is up, drive on at second 140."""
    moments = []
    for s in seconds(0, 180):
        stands, up = 20 <= s < 140, up_from <= s < up_to
        kg = LOADED if s < up_from + 10 else after_kg
        moments.append(at(s, x, speed_kmh=0.0 if stands else 36.0, load_kg=kg, lift_up=up))
    return moments


def test_a_dump_is_its_stop_and_begins_when_the_bed_rises() -> None:
    found = one(illegal_dumping(tip(5_000, 300.0), SCENE))
    assert (found.start_ms, found.begins_ms, found.end_ms) == (T0 + 20_000, T0 + 60_000, T0 + 140_000)
    assert found.required


def test_a_little_that_falls_need_not_be_noticed() -> None:
    assert not one(illegal_dumping(tip(5_000, LOADED - 1_000), SCENE)).required
    assert list(illegal_dumping(tip(5_000, LOADED - 100), SCENE)) == []


def test_tipping_where_it_may_is_no_dump() -> None:
    assert list(illegal_dumping(tip(10_000, 300.0), SCENE)) == []
    assert list(bed_raised_outside(tip(10_000, 300.0), SCENE)) == []


def test_a_bed_that_is_up_in_a_dump_is_a_part_of_it() -> None:
    assert not one(bed_raised_outside(tip(5_000, 300.0), SCENE)).required
    found = one(bed_raised_outside(tip(5_000, LOADED), SCENE))
    assert (found.required, found.begins_ms, found.needs) == (True, T0 + 60_000, frozenset({"lift_up"}))


def test_a_bed_that_is_up_at_the_gate_need_not_be_noticed() -> None:
    """The fence of the tip ends at 9,940 m: 30 m before it nobody can tell from inside."""
    assert not one(bed_raised_outside(tip(9_910, LOADED), SCENE)).required
    assert one(bed_raised_outside(tip(9_860, LOADED), SCENE)).required


def test_an_open_cover_counts_while_driving_loaded_far_from_sites() -> None:
    drive = [at(s, 2_000 + 10 * s, cover_open=True) for s in seconds(0, 60)]
    assert one(uncovered_load(drive, SCENE)).required
    assert not one(uncovered_load(drive[:10], SCENE)).required
    assert list(uncovered_load([replace(moment, load_kg=200.0) for moment in drive], SCENE)) == []
    assert list(uncovered_load([replace(moment, speed_kmh=0.0) for moment in drive], SCENE)) == []


@pytest.mark.parametrize(
    ("x", "y", "lasts_s", "required"),
    [
        (5_000, 0, 700, True),
        (5_000, 0, 500, False),
        (5_000, 300, 200, True),
        (5_000, 300, 150, False),
        (9_300, 0, 700, False),  # 640 m before the fence of the tip: a queue
    ],
)
def test_standing_loaded(x: float, y: float, lasts_s: int, required: bool) -> None:
    stop = [at(s, x, y, speed_kmh=0.0) for s in seconds(0, lasts_s)]
    found = one(stopped_loaded(stop, SCENE))
    assert (found.required, found.begins_ms) == (required, T0)


def test_speed_counts_from_ten_per_cent_and_five_above_the_limit() -> None:
    limited = replace(CITY, routes=tuple(replace(route, limit_kmh=40.0) for route in CITY.routes))
    scene = replace(SCENE, city=limited)
    assert list(speeding([at(s, 2_000 + 10 * s, speed_kmh=44.9) for s in seconds(0, 60)], scene)) == []
    fast = [at(s, 2_000 + 10 * s, speed_kmh=46.0) for s in seconds(0, 60)]
    assert one(speeding(fast, scene)).required
    assert not one(speeding(fast[:4], scene)).required
    assert list(speeding(fast, SCENE)) == []  # without a limit of the route, 100 km/h


def test_hours_do_not_concern_a_permit_without_any() -> None:
    assert list(restricted_hours([at(s, 2_000 + 10 * s) for s in seconds(0, 300)], SCENE)) == []


SOURCES = {
    "works": Site("works", SiteKind.CONSTRUCTION_SITE, "Works", "工地", square(2_000, 0, 30), streams=("spoil",)),
    "more": Site("more", SiteKind.CONSTRUCTION_SITE, "More", "工地", square(3_000, 0, 30), streams=("spoil",)),
    "kitchens": Site(
        "kitchens", SiteKind.RECYCLING_POINT, "Kitchens", "点", square(4_000, 0, 30), streams=("kitchen",)
    ),
    "rubble": Site(
        "rubble", SiteKind.CONSTRUCTION_SITE, "Rubble", "工地", square(5_000, 0, 30), streams=("demolition",)
    ),
    "planks": Site(
        "planks", SiteKind.CONSTRUCTION_SITE, "Planks", "工地", square(6_000, 0, 30), streams=("site_waste",)
    ),
}
COLLECTING = replace(
    CITY,
    sites={**CITY.sites, **SOURCES},
    zones=(zone("west", ZoneKind.PERMITTED_AREA, -1_000, -1_000, 3_900, 1_000),),
    permits=tuple(replace(permit, area_ids=("west",)) for permit in CITY.permits),
)


def haul(*stops: tuple[float, float], tips: bool = True) -> list[Moment]:
    """Stops of five minutes at these places, x in metres, at each of which so many kg are taken; then a tip."""
    moments: list[Moment] = []
    second, kg, x = 0, 200.0, 1_500.0
    for stop_x, more_kg in stops:
        while x < stop_x:
            x += 20
            second += STEP_MS // 1000
            moments.append(collecting(second, x, kg, 36.0))
        for n in range(150):
            second += STEP_MS // 1000
            moments.append(collecting(second, x, kg + more_kg * min(max(n - 30, 0) / 90, 1.0), 0.0))
        kg += more_kg
    for n in range(20):
        second += STEP_MS // 1000
        moments.append(collecting(second, 9_990, kg - (kg - 200) * n / 19 if tips else kg, 0.0))
    return moments


def collecting(second: float, x: float, kg: float, kmh: float) -> Moment:
    ts, xy = T0 + round(second * 1000), XY(x, 0.0)
    return Moment(ts, xy, kmh, kg, False, False, 0.0, COLLECTING.geometry.sites_near(xy, 1_000.0, ts))


COLLECTS = replace(SCENE, city=COLLECTING)


def test_two_streams_that_go_to_two_plants_are_mixed_from_the_second_stop_on() -> None:
    moments = haul((2_000, 6_000), (4_000, 3_000))
    found = one(mixed_haulage(moments, COLLECTS))
    arrived = next(moment.ts for moment in moments if moment.xy.x >= 4_000 and moment.speed_kmh == 0)
    assert (found.required, found.start_ms) == (True, arrived)
    assert found.begins_ms - arrived == pytest.approx(60_000, abs=2 * STEP_MS)
    assert moments[-10].ts < found.end_ms <= moments[-1].ts


def test_one_stream_or_two_for_one_plant_are_not_mixed() -> None:
    assert list(mixed_haulage(haul((2_000, 6_000), (3_000, 3_000)), COLLECTS)) == []
    assert list(mixed_haulage(haul((5_000, 6_000), (6_000, 3_000)), COLLECTS)) == []


def test_a_stop_at_which_nothing_is_taken_mixes_nothing() -> None:
    assert list(mixed_haulage(haul((2_000, 6_000), (4_000, 0)), COLLECTS)) == []


def test_a_little_of_another_stream_need_not_be_noticed() -> None:
    assert not one(mixed_haulage(haul((2_000, 6_000), (4_000, 600)), COLLECTS)).required


def test_a_truck_that_was_emptied_in_between_mixes_nothing() -> None:
    first, second = haul((2_000, 6_000)), haul((4_000, 3_000))
    later = [replace(moment, ts=moment.ts + first[-1].ts - T0 + STEP_MS) for moment in second]
    assert list(mixed_haulage([*first, *later], COLLECTS)) == []


def test_two_compartments_keep_two_streams_apart() -> None:
    vehicle = replace(COLLECTING.vehicles["VT1"], compartments=2)
    scene = replace(COLLECTS, city=replace(COLLECTING, vehicles={**COLLECTING.vehicles, "VT1": vehicle}))
    assert list(mixed_haulage(haul((2_000, 6_000), (4_000, 3_000)), scene)) == []


def test_collecting_outside_the_area_must_be_noticed_from_115_m_on() -> None:
    """The area ends at 3,900 m."""
    assert list(outside_permitted_area(haul((2_000, 6_000), (3_000, 3_000)), COLLECTS)) == []
    assert not one(outside_permitted_area(haul((2_000, 6_000), (4_000, 3_000)), COLLECTS)).required
    assert one(outside_permitted_area(haul((2_000, 6_000), (5_000, 3_000)), COLLECTS)).required


def test_two_stops_outside_in_one_haul_are_one_incident() -> None:
    moments = haul((2_000, 4_000), (5_000, 3_000), (6_000, 3_000))
    found = one(outside_permitted_area(moments, COLLECTS))
    first = next(moment.ts for moment in moments if moment.xy.x >= 5_000 and moment.speed_kmh == 0)
    assert found.start_ms == first


def test_a_truck_whose_permit_names_no_area_collects_anywhere() -> None:
    scene = replace(COLLECTS, city=replace(COLLECTING, permits=CITY.permits))
    assert list(outside_permitted_area(haul((2_000, 6_000), (5_000, 3_000)), scene)) == []
