"""Stories of several trucks that leave the east road at one place: a closed road, or a pit."""

import pytest

from rules.detectors.route_deviation.judgement import RouteDeviation
from tests.rules.town import Trip, judged, summaries


def story(*trips: Trip) -> list[str]:
    return summaries(judged([RouteDeviation()], *(trip.readings for trip in trips)))


def leaving(truck: str, at_s: float, x: float = 3000) -> Trip:
    return Trip(truck, 500, 0, at_s=at_s).drive(x, 0).drive(x, 600).drive(x + 100, 600).drive(x + 100, 0).drive(9000, 0)


def test_three_trucks_leaving_at_one_place_are_a_closed_road() -> None:
    """People are told of each at once; the third shows the closure, and all are retracted. The fourth is not told."""
    lines = story(leaving("T1", 0), leaving("T2", 600), leaving("T3", 1200), leaving("T4", 1800))
    assert "T1 confirmed P3" in lines
    assert [line for line in lines if "retracted" in line] == ["T1 retracted P2", "T2 retracted P2", "T3 retracted P3"]
    assert [line for line in lines if line.startswith("T3")] == ["T3 confirmed P3", "T3 retracted P3"]
    assert not any(line.startswith("T4") for line in lines)


def pit(truck: str, at_s: float) -> Trip:
    """Loaded, 2.5 km down a lane; it stops there for five minutes and comes back empty."""
    trip = Trip(truck, 500, 0, at_s=at_s, load="loaded").drive(3000, 0).drive(3000, -2500, kmh=25).stand(300)
    return trip.now(load="empty").drive(3000, 0).drive(9000, 0)


@pytest.mark.parametrize("apart_s", [20, 300])
def test_three_loaded_trucks_at_one_pit_are_no_closed_road(apart_s: int) -> None:
    """In a convoy a closure is believed until they have gone too far for one."""
    changes = judged([RouteDeviation()], *(pit(f"T{n}", n * apart_s).readings for n in (1, 2, 3)))
    last = {change.alert_id: change for change in changes}
    assert [(c.subject, str(c.severity), c.phase) for c in last.values()] == [
        (f"T{n}", "P1", "closed") for n in (1, 2, 3)
    ]


def test_a_retracted_alert_stands_again_when_its_truck_goes_too_far() -> None:
    lines = story(*(pit(f"T{n}", n * 20) for n in (1, 2, 3)))
    assert [line for line in lines if line.startswith("T1")][:3] == [
        "T1 confirmed P2",
        "T1 retracted P2",
        "T1 confirmed P1",
    ]


@pytest.mark.parametrize("third", [leaving("T3", 2500), leaving("T3", 1200, x=4000), leaving("T2", 1200)])
def test_not_a_closure(third: Trip) -> None:
    """Too late, elsewhere, or the same truck again."""
    lines = story(leaving("T1", 0), leaving("T2", 300), third)
    assert not any("retracted" in line for line in lines)
    assert sum("closed" in line for line in lines) == 3
