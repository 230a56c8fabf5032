"""Route deviation by few fixes, coarse ones, fields that are never filled, standing, and gaps."""

from typing import Any

import pytest

from rules.alerts.model import AlertChange
from rules.detectors.route_deviation.judgement import RouteDeviation
from tests.rules.town import Trip, judged, summaries


def story(*trips: Trip) -> list[str]:
    return summaries(judged([RouteDeviation()], *(trip.readings for trip in trips)))


def onto_the_road(truck: str = "T1", **fields: object) -> Trip:
    return Trip(truck, 500, 0, **fields).drive(3000, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("every_s", [30, 60])
def test_two_fixes_far_off_are_enough_where_they_are_far_apart_and_one_is_not(every_s: int) -> None:
    """500 m at 30 km/h take a minute; the way there counts by its share beyond the corridor. Its receiver is known: it
    has driven for ten minutes.
    """
    trip = Trip("T1", 500, 0, every_s=every_s).drive(3000, 0, kmh=15).drive(3200, 200, kmh=30)
    trip.drive(3700, 200, kmh=30) if every_s == 60 else trip.drive(3450, 200, kmh=30)
    assert [change.phase for change in judged([RouteDeviation()], trip.readings)] == ["confirmed"]
    single = Trip("T1", 500, 0, every_s=every_s).drive(3000, 0, kmh=30).drive(3000, 300, kmh=60).drive(3000, 0, kmh=60)
    assert story(single.drive(6000, 0)) == []


def test_of_a_receiver_with_outliers_two_fixes_are_not_enough() -> None:
    """Each eighth fix leaps 150 m aside; then two in a row do."""
    trip = Trip("T1", 500, 0, every_s=30)
    for n in range(1, 25):
        trip.drive(500 + 330 * n, 150 if n % 8 == 0 or n == 23 else 0, kmh=50)
    assert story(trip.drive(8750, 0, kmh=50).drive(9500, 0)) == []


@pytest.mark.parametrize("every_s", [10, 30, 60])
def test_a_loaded_truck_that_stands_beside_its_route_has_left_it(every_s: int) -> None:
    """100 m aside for twenty minutes; nothing else of the rule would find that."""

    def aside(load: str) -> list[AlertChange]:
        trip = Trip("T1", 500, 0, every_s=every_s, load=load).drive(3000, 0, kmh=30).drive(3000, 100, kmh=30)
        trip.stand(1200).drive(3000, 0, kmh=30).drive(9000, 0)
        return judged([RouteDeviation()], trip.readings)

    changes = aside("loaded")
    assert summaries(changes) == ["T1 confirmed P1", "T1 closed P1"]
    assert 90 <= (changes[0].at - changes[0].opened_at) / 1000 <= 90 + 2 * every_s
    assert any("stopped off the corridor" in text.en for text in changes[0].evidence.findings)
    assert aside("empty") == []


def test_a_loaded_truck_that_is_parked_beside_its_route_from_the_start_has_not_left_it() -> None:
    assert story(Trip("T1", 5000, 100, load="loaded").stand(1200)) == []


@pytest.mark.parametrize("fields", [{"accuracy_m": 60.0}, {"accuracy_m": None, "hdop": 4.0}], ids=["60 m", "hdop 4"])
def test_a_coarse_fix_shows_a_truck_that_is_many_times_its_error_away(fields: dict[str, float | None]) -> None:
    """It is too coarse for a corridor, and not for three kilometres."""
    away = onto_the_road().now(**fields).drive(3000, 3000)
    assert story(away)[0].startswith("T1 confirmed")
    near = onto_the_road().now(**fields).drive(3000, 250).drive(6000, 250)
    assert story(near) == []


def test_a_coarse_fix_does_not_bring_a_truck_back() -> None:
    trip = onto_the_road().drive(3000, 1500).now(accuracy_m=60.0).drive(3000, 0).drive(5000, 0)
    assert not any("closed" in line for line in story(trip))


@pytest.mark.parametrize(
    "never", [{"satellites": 0, "accuracy_m": None}, {"speed_kmh": 0.0}, {"satellites": 0, "speed_kmh": 0.0}]
)
def test_a_field_that_a_terminal_never_fills_hides_no_detour(never: dict[str, Any]) -> None:
    trip = Trip("T1", 500, 0).drive(5000, 0, **never).drive(5000, 900, **never).drive(7000, 900, **never)
    assert story(trip)[0] == "T1 confirmed P3"
    on_route = Trip("T1", 500, 0).drive(5000, 0, **never).stand(300, **never).drive(9000, 0, **never)
    assert story(on_route) == []


def gap(gap_s: int, detour_m: float, **fields: Any) -> list[AlertChange]:
    """Seen on its route before and after a gap; the odometer knows of all it drove."""
    trip = Trip("T1", 500, 0, **fields)
    for n in range(20):
        trip.drive(600 + 111 * n, 0, odometer_km=round(100 + 0.111 * n, 1))
    trip.quiet(gap_s).drive(trip.x + 300, 0, odometer_km=round(102.1 + 0.3 + detour_m / 1000, 1))
    return judged([RouteDeviation()], trip.drive(6000, 0).readings)


@pytest.mark.parametrize("gap_s", [55, 100, 170])
def test_a_detour_inside_a_gap_is_known_by_the_odometer(gap_s: int) -> None:
    changes = gap(gap_s, 1500, load="loaded")
    assert summaries(changes) == ["T1 provisional P3"]
    assert "not along its route" in changes[0].title.en
    assert "不在线路上" in changes[0].title.zh
    measures = changes[0].evidence.measures
    assert measures["gap_s"] == gap_s + 10
    assert float(measures["driven_m"]) - float(measures["along_route_m"]) == pytest.approx(1500, abs=200)


@pytest.mark.parametrize(
    ("before_m", "after_m", "driven_m", "found", "fields"),
    [
        (9_000, 9_300, 1_700, False, {}),  # to the end at 10 km and back
        (9_000, 9_300, 2_600, False, {}),  # and 900 m more, in the site or behind it: nobody can tell
        (9_000, 9_300, 1_200, True, {}),  # not as far as the end
        (9_000, 9_300, 1_700, False, {"heading_deg": 265.0}),  # it comes back from there
        (9_000, 9_300, 1_700, True, {"heading_deg": 95.0}),  # it has yet to get there
        (900, 700, 1_600, False, {}),  # to the source and back
        (900, 700, 1_600, True, {"heading_deg": 270.0}),
        (5_000, 5_100, 1_500, True, {}),
    ],
)
def test_a_way_to_an_end_of_the_route_and_back_explains_a_gap(
    before_m: float, after_m: float, driven_m: float, found: bool, fields: dict[str, Any]
) -> None:
    """The route goes east."""
    trip = Trip("T1", before_m - 600, 0)
    for n in range(6):
        trip.drive(before_m - 500 + 100 * n, 0, odometer_km=100 + 0.1 * n)
    trip.now_s += 400
    trip.x = after_m
    trip.report(30.0, odometer_km=round(100.5 + driven_m / 1000, 1), **fields)
    assert bool(judged([RouteDeviation()], trip.readings)) is found


@pytest.mark.parametrize(("gap_s", "detour_m"), [(100, 0), (100, 400), (10, 1500), (3600, 1500)])
def test_a_gap_without_a_way_that_nobody_saw(gap_s: int, detour_m: float) -> None:
    assert gap(gap_s, detour_m) == []
