"""Route deviation against errors of receivers: what drifts aside is an error, what goes aside at once is not."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pytest
from pydantic import ValidationError

from rules.detectors.route_deviation.excursion import is_sharp
from rules.detectors.route_deviation.judgement import RouteDeviation
from rules.detectors.route_deviation.parameters import RouteDeviationParameters
from rules.detectors.route_deviation.receiver_error import ReceiverError
from tests.rules.town import Trip, judged, summaries

LIMITS: Final = RouteDeviationParameters()


def story(trip: Trip) -> list[str]:
    return summaries(judged([RouteDeviation()], trip.readings))


def onto_the_road(**fields: object) -> Trip:
    return Trip("T1", 500, 0, **fields).drive(3000, 0)  # type: ignore[arg-type]


def wandering(trip: Trip, aside_m: list[float], kmh: float = 40) -> Trip:
    """Go on along the road, at each fix so far beside it."""
    for y in aside_m:
        trip.y = y
        trip.drive(trip.x + kmh / 3.6 * trip.every_s, y, kmh=kmh)
    return trip


def drifting(peak_m: float, each_m: float, stays: int) -> list[float]:
    """Aside by so many metres a fix, there for some fixes, and back as slowly."""
    aside = [each_m * n for n in range(1, round(peak_m / each_m) + 1)]
    return [*aside, *[peak_m] * stays, *aside[::-1]]


@pytest.mark.parametrize("accuracy_m", [4.0, None])
def test_a_place_that_drifts_aside_and_back_is_an_error_of_the_receiver(accuracy_m: float | None) -> None:
    """By 4 m each 10 s, three sigmas away for a minute. The heading is that of the road all the while."""
    trip = wandering(onto_the_road(accuracy_m=accuracy_m), drifting(95, 4, 6))
    assert story(trip.drive(9000, 0)) == []


def test_a_truck_that_goes_away_slowly_is_found_by_how_far_it_goes() -> None:
    """A fork of ten degrees."""
    trip = wandering(onto_the_road(), [20.0 * n for n in range(20)])
    assert story(trip)[-1] == "T1 confirmed P2"


def test_a_receiver_is_believed_no_better_than_its_track_shows() -> None:
    """Half an hour within 30 m of its route says that 85 m may be an error; one within 4 m says that it is not."""
    rough, fine = (
        wandering(Trip("T1", 0, 0, accuracy_m=4.0), [size * (-1) ** (n // 20) for n in range(180)], kmh=10)
        for size in (30.0, 4.0)
    )
    aside = drifting(85, 8, 30)
    assert story(wandering(rough, aside, kmh=10)) == []
    assert story(wandering(fine, aside, kmh=10))[:1] == ["T1 confirmed P3"]


def test_a_fast_truck_is_off_by_distance_before_it_is_by_time() -> None:
    """700 m at 90 km/h and 200 m aside take 28 s."""
    trip = onto_the_road().drive(3000, 200, kmh=90).drive(3700, 200, kmh=90).drive(3700, 0, kmh=90)
    assert story(trip.drive(9000, 0)) == ["T1 confirmed P2", "T1 closed P2"]
    turning = onto_the_road().drive(3000, 200).drive(3050, 200).drive(3050, 0)
    assert story(turning.drive(9000, 0)) == []


def test_the_way_back_counts_as_the_way_there() -> None:
    """Two fixes at 12 km/h, a minute apart: 82 s before the second, and 22 s of the way back."""
    trip = Trip("T1", 500, 0, every_s=60).drive(3000, 0, kmh=30)
    aside = wandering(trip, [100.0, 100.0, 0.0], kmh=12).drive(9000, 0, kmh=30)
    assert story(aside) == ["T1 confirmed P3", "T1 closed P3"]


def test_a_near_detour_is_found_where_it_begins_at_a_corner() -> None:
    """15 m beyond the corridor: an error drifts there too, but not within 10 s."""
    corner = onto_the_road().drive(3000, 80).drive(4200, 80).drive(4200, 0)
    assert story(corner.drive(9000, 0)) == ["T1 confirmed P2", "T1 closed P2"]
    assert story(wandering(onto_the_road(), drifting(80, 8, 9)).drive(9000, 0)) == []


@pytest.mark.parametrize(("first", "second", "raised"), [(250, -250, False), (250, 200, True)])
def test_two_fixes_on_different_sides_of_the_route_are_outliers(first: int, second: int, raised: bool) -> None:
    """The truck would have crossed its route between them."""
    trip = wandering(Trip("T1", 0, 0, every_s=30), [0.0] * 14, kmh=36)
    assert bool(story(wandering(trip, [first, second, 0.0, 0.0, 0.0], kmh=36))) is raised


def test_a_receiver_that_nobody_knows_yet_needs_three_fixes() -> None:
    """Two at the beginning may be two outliers; after five others they are not."""
    early, late = (wandering(Trip("T1", 500, 0, every_s=60), [0.0] * n, kmh=18) for n in (2, 10))
    aside = [250.0, 250.0, 0.0, 0.0, 0.0]
    assert story(wandering(early, aside, kmh=18)) == []
    assert story(wandering(late, aside, kmh=18)) == ["T1 confirmed P2", "T1 closed P2"]


def drifts(dice: np.random.Generator, every_s: int, hours: int) -> Iterator[tuple[float, float]]:
    """A Gauss-Markov error of 30 m over 300 s at two fixes in a row, by its own recursion of one second."""
    keeps = np.exp(-1 / LIMITS.drift_s)
    fresh = dice.normal(0, LIMITS.drift_m * np.sqrt(1 - keeps**2), hours * 3600)
    error, before = 0.0, 0.0
    for second, more in enumerate(fresh):
        error = keeps * error + more
        if second % every_s == 0:
            yield abs(before), abs(error)
            before = error


@pytest.mark.parametrize("every_s", [10, 30, 60, 180])
def test_no_drift_goes_aside_sharply(every_s: int) -> None:
    steps = list(drifts(np.random.default_rng(every_s), every_s, 100))[1:]
    sharp = sum(is_sharp(before_m, now_m, every_s * 1000, LIMITS) for before_m, now_m in steps)
    assert sharp <= 1
    assert is_sharp(0.0, 150.0, every_s * 1000, LIMITS)


@pytest.mark.parametrize("every_s", [1, 10, 60])
def test_the_error_of_a_receiver_does_not_depend_on_how_often_it_reports(every_s: int) -> None:
    """20 m across the road are an accuracy of 30 m; half an hour of 4 m brings it to half and an hour to a third."""
    error = ReceiverError()
    assert error.accuracy_m() == 0.0

    def drive(distance_m: float, minutes: int) -> float:
        for _ in range(minutes * 60 // every_s):
            error.take(distance_m, every_s * 1000)
        return error.accuracy_m()

    assert drive(20.0, 20) == pytest.approx(30.0)
    assert drive(4.0, 30) == pytest.approx(17.0, abs=3.0)
    assert drive(4.0, 60) == pytest.approx(8.0, abs=2.0)


def test_an_assumed_accuracy_gives_way_to_what_was_seen() -> None:
    """15 m are assumed of a receiver that states nothing; 4 m across the road for ten minutes are 6 m."""
    error = ReceiverError()
    for _ in range(60):
        assert error.weighed_m(15.0, is_stated=False) == 15.0
        error.take(4.0, 10_000)
    assert error.weighed_m(15.0, is_stated=False) == pytest.approx(6.0)
    assert error.weighed_m(15.0, is_stated=True) == 15.0
    assert error.weighed_m(3.0, is_stated=True) == pytest.approx(6.0)


@pytest.mark.parametrize("limits", [{"drift_s": 0}, {"drift_m": -1}, {"twice_m": 0}])
def test_limits_by_which_nothing_can_be_judged_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        RouteDeviationParameters(**limits)
