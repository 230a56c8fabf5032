"""Find the places where visits of trucks lie close together: pure, the same whatever the order of the events.

The densest circle of `WITHIN_M` is a place if it has points enough; its visits are taken away, and the next densest is
looked for. So no chain of stops along a road becomes one place, which is how linking neighbours fails, and no place is
wider than a tip. Decision 73 compares it with HDBSCAN.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from heapq import heapify, heappop, heapreplace
from itertools import product
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from devices.geo.geometry import XY, LocalPlane
from rules.suspected_sites.model import POINTS, STOP_POINTS, Cluster, Event, PlaceKind

WITHIN_M: Final = 150.0
"""Radius of the circle: a tip is some 100 m wide, a receiver between houses is off by 30 m."""
VISIT_MS: Final = 3_600_000
"""Events of one truck at one place within an hour are one visit: a stop, a raised bed and a dump are told apart."""
MIN_POINTS: Final = 6
"""Two dumps that two sensors showed, or three raised beds, or three stops off the route."""
MAX_STOP_POINTS: Final = 2
"""Of stops on a route, however many: a street where trucks stop is no site, but a stop speaks for one that others
show."""
MIN_TRUCKS: Final = 2
MIN_DAYS: Final = 2
"""So many trucks, or visits on so many days: what one truck did once is an incident, and has its alert."""
MIN_RADIUS_M: Final = 50.0
"""Smaller, and the next visit lies outside for the receiver's error alone."""
_HOURS: Final = 24


class _Visit(NamedTuple):
    """What one truck did at one place within an hour."""

    at: int
    truck: str
    xy: XY
    points: int
    """Of its weightiest event."""
    alerts: tuple[str, ...]


def find_clusters(events: Iterable[Event], plane: LocalPlane, zone: ZoneInfo) -> list[Cluster]:
    """The places that events speak of, the weightiest first. `zone`: of the city's days and hours."""
    ordered = sorted(events, key=lambda event: (event.at, event.truck, event.alert_id))
    return [
        _cluster(kind, visits, plane, zone)
        for kind in PlaceKind
        for visits in _densest_first(_visits([event for event in ordered if event.kind.place is kind], plane))
        if _is_recurrent(visits, zone)
    ]


def _visits(events: Sequence[Event], plane: LocalPlane) -> list[_Visit]:
    """Join events of one truck that are near each other in time and place. `events` are in order of time."""
    last: dict[str, list[Event]] = {}
    found: list[list[Event]] = []
    for event in events:
        visit = last.get(event.truck)
        if visit is None or not _belongs(event, visit, plane):
            visit = last[event.truck] = []
            found.append(visit)
        visit.append(event)
    return [_visit(joined, plane) for joined in found]


def _belongs(event: Event, visit: Sequence[Event], plane: LocalPlane) -> bool:
    first = visit[0]
    return event.at - first.at <= VISIT_MS and plane.xy(event.place).distance_m(plane.xy(first.place)) <= WITHIN_M


def _visit(events: Sequence[Event], plane: LocalPlane) -> _Visit:
    weightiest = max(events, key=lambda event: POINTS[event.kind])
    alerts = tuple(dict.fromkeys(event.alert_id for event in events))
    return _Visit(events[0].at, events[0].truck, plane.xy(weightiest.place), POINTS[weightiest.kind], alerts)


def _densest_first(visits: Sequence[_Visit]) -> Iterator[list[_Visit]]:
    """Groups of visits within a circle that have points enough, until no circle is left that has.

    A circle can only lose points when visits are taken away, so its last count bounds what it has now.
    """
    near = _Neighbours(visits)
    circles = [(-_points(visits, near.of(visit.xy)), index) for index, visit in enumerate(visits)]
    heapify(circles)
    while circles and -circles[0][0] >= MIN_POINTS:
        points, index = circles[0]
        if index not in near.free:
            heappop(circles)
            continue
        members = near.of(visits[index].xy)
        now = -_points(visits, members)
        if now != points:
            heapreplace(circles, (now, index))
            continue
        heappop(circles)
        centred = near.of(_centre([visits[member] for member in members]))
        if _points(visits, centred) >= _points(visits, members):
            members = centred
        near.free.difference_update(members)
        yield [visits[member] for member in members]


class _Neighbours:
    """Visits by square of `WITHIN_M`."""

    def __init__(self, visits: Sequence[_Visit]) -> None:
        self._visits = visits
        self.free = set(range(len(visits)))
        """Indices of those that belong to no place yet."""
        self._squares: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        for index, visit in enumerate(visits):
            self._squares[_square(visit.xy)].append(index)

    def of(self, place: XY) -> list[int]:
        """Indices of the free visits within `WITHIN_M`, in order of time."""
        column, row = _square(place)
        around = product((column - 1, column, column + 1), (row - 1, row, row + 1))
        candidates = (index for square in around for index in self._squares.get(square, ()))
        return sorted(
            index for index in candidates if index in self.free and self._visits[index].xy.distance_m(place) <= WITHIN_M
        )


def _square(place: XY) -> tuple[int, int]:
    return int(place.x // WITHIN_M), int(place.y // WITHIN_M)


def _points(visits: Sequence[_Visit], members: Iterable[int]) -> int:
    points = Counter(visits[member].points for member in members)
    stops = points.pop(STOP_POINTS, 0) * STOP_POINTS
    return min(stops, MAX_STOP_POINTS) + sum(each * count for each, count in points.items())


def _centre(visits: Sequence[_Visit]) -> XY:
    count = len(visits)
    return XY(sum(visit.xy.x for visit in visits) / count, sum(visit.xy.y for visit in visits) / count)


def _is_recurrent(visits: Sequence[_Visit], zone: ZoneInfo) -> bool:
    trucks = {visit.truck for visit in visits}
    return len(trucks) >= MIN_TRUCKS or len({_local(visit, zone).date() for visit in visits}) >= MIN_DAYS


def _cluster(kind: PlaceKind, visits: Sequence[_Visit], plane: LocalPlane, zone: ZoneInfo) -> Cluster:
    centre = _centre(visits)
    times = [_local(visit, zone) for visit in visits]
    by_hour = Counter(time.hour for time in times)
    return Cluster(
        kind=kind,
        place=plane.latlon(centre),
        radius_m=round(max(MIN_RADIUS_M, *(visit.xy.distance_m(centre) for visit in visits)), 1),
        first_seen=visits[0].at,
        last_seen=visits[-1].at,
        trucks=tuple(sorted({visit.truck for visit in visits})),
        visits=len(visits),
        days=len({time.date() for time in times}),
        hours=tuple(by_hour[hour] for hour in range(_HOURS)),
        alerts=tuple(dict.fromkeys(alert for visit in visits for alert in visit.alerts)),
    )


def _local(visit: _Visit, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(visit.at / 1000, zone)
