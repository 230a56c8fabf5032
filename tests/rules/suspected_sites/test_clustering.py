"""Clusters of events: what is a place, what is none, and what is said of it."""

from random import Random
from zoneinfo import ZoneInfo

import pytest

from devices.geo.geometry import XY, LatLon, LocalPlane
from rules.suspected_sites.clustering import find_clusters
from rules.suspected_sites.model import Cluster, Event, EventKind, PlaceKind

PLANE = LocalPlane(LatLon(lat=35.5, lon=112.85))
SHANGHAI = ZoneInfo("Asia/Shanghai")
T0 = 1_772_352_000_000
"""2026-03-01T08:00:00Z, 16:00 in Shanghai."""
HOUR = 3_600_000
DAY = 24 * HOUR
TIPPED, RAISED = EventKind.TIPPED, EventKind.BED_RAISED
STOPPED, OFF_ROUTE = EventKind.STOPPED_LOADED, EventKind.STOPPED_OFF_ROUTE


def event(kind: EventKind, truck: str, hours: float, x: float, y: float = 0.0) -> Event:
    at = T0 + round(hours * HOUR)
    return Event(kind, truck, at, PLANE.latlon(XY(x, y)), f"{truck}-{kind}-{hours:g}")


def found(*events: Event) -> list[Cluster]:
    return find_clusters(events, PLANE, SHANGHAI)


def centre(cluster: Cluster) -> tuple[float, float]:
    xy = PLANE.xy(cluster.place)
    return round(xy.x, 3), round(xy.y, 3)


def test_two_dumps_at_one_place_are_a_place_and_all_is_told_of_it() -> None:
    [cluster] = found(event(TIPPED, "T2", 0, -1000), event(TIPPED, "T1", 7.5, -900), event(STOPPED, "T3", 2, 5000))
    assert (cluster.kind, centre(cluster), cluster.radius_m) == (PlaceKind.DUMP, (-950, 0), 50.0)
    assert (cluster.trucks, cluster.visits, cluster.days) == (("T1", "T2"), 2, 1)
    assert (cluster.first_seen, cluster.last_seen) == (T0, T0 + round(7.5 * HOUR))
    assert cluster.alerts == ("T2-tipped-0", "T1-tipped-7.5")
    assert {hour: count for hour, count in enumerate(cluster.hours) if count} == {16: 1, 23: 1}


def test_days_are_those_of_the_city() -> None:
    """Half an hour before and after midnight in Shanghai: one day of UTC, two of the city."""
    assert [cluster.days for cluster in found(event(TIPPED, "T1", 7.5, 0), event(TIPPED, "T1", 8.6, 0))] == [2]
    assert found(event(TIPPED, "T1", 14, 0), event(TIPPED, "T1", 16.5, 0)) == [], "the reverse"


@pytest.mark.parametrize(
    "events",
    [
        [event(TIPPED, "T1", 0, 0), event(TIPPED, "T1", 3, 0), event(TIPPED, "T1", 5, 0)],
        [event(TIPPED, "T1", 0, 0), event(RAISED, "T2", 24, 0)],
        [event(TIPPED, "T1", 0, 0), event(TIPPED, "T2", 24, 301)],
        [event(STOPPED, f"T{n}", n, n) for n in range(40)],
        [event(TIPPED, "T0", 0, 0), *(event(STOPPED, f"T{n}", n, n) for n in range(40))],
        [event(STOPPED, f"T{n}", n, 100 * n) for n in range(60)],
        [event(EventKind.LOADED_UP, "T1", 0, 0), event(TIPPED, "T2", 3, 0), event(RAISED, "T3", 5, 0)],
    ],
    ids=[
        "one truck on one day",
        "five points",
        "too far apart",
        "stops only",
        "one dump where many stop",
        "stops along a road",
        "two kinds",
    ],
)
def test_no_place(events: list[Event]) -> None:
    assert found(*events) == []


@pytest.mark.parametrize(
    ("events", "visits"),
    [
        ([event(TIPPED, "T1", 0, 0), event(TIPPED, "T1", 24, 0)], 2),
        ([event(TIPPED, "T1", 0, 0), event(OFF_ROUTE, "T2", 3, 60), event(STOPPED, "T3", 5, 60)], 3),
        ([event(RAISED, "T0", 0, 0), event(RAISED, "T0", 5, 0), *(event(STOPPED, f"T{n}", n, 0) for n in (2, 3))], 4),
        ([event(OFF_ROUTE, f"T{n}", n, 0) for n in range(3)], 3),
        ([event(EventKind.LOADED_UP, f"T{n}", n, 0) for n in range(3)], 3),
    ],
    ids=["one truck on two days", "a dump and stops", "two lifts and two stops", "three off their routes", "a source"],
)
def test_a_place(events: list[Event], visits: int) -> None:
    [cluster] = found(*events)
    assert (cluster.kind, cluster.visits) == (events[0].kind.place, visits)


def test_what_one_visit_raised_counts_once_by_its_weightiest_event() -> None:
    one_visit = [event(STOPPED, "T1", 0, 0), event(RAISED, "T1", 0.2, 20), event(TIPPED, "T1", 0.3, 40)]
    assert found(*one_visit, event(RAISED, "T2", 24, 0)) == []
    [cluster] = found(*one_visit, event(TIPPED, "T2", 24, 0))
    assert (cluster.visits, centre(cluster)) == (2, (20, 0))
    assert len(cluster.alerts) == 4


def test_two_pits_stay_two() -> None:
    near, far = ([event(TIPPED, f"T{n}", 10 * n, x + 40 * n, 30 * n) for n in range(3)] for x in (0, 450))
    assert sorted(centre(cluster) for cluster in found(*near, *far)) == [(40, 30), (490, 30)]


def test_the_order_of_events_does_not_matter() -> None:
    dice = Random(7)
    events = [
        event(dice.choice(list(EventKind)), f"T{n % 9}", dice.uniform(0, 700), dice.gauss(x, 60), dice.gauss(0, 60))
        for x in range(-4000, 4000, 800)
        for n in range(12)
    ]
    clusters = found(*events)
    assert len(clusters) >= 8
    for _ in range(5):
        dice.shuffle(events)
        assert found(*events) == clusters
