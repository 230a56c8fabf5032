"""Trips under manifests, as the indicators and the assessment count them."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, Connection, cast, func, or_, select

from rules.manifests.model import ManifestState
from rules.manifests.tables import manifest, manifest_state

_WINDOW_MS: Final = 8 * 86_400_000
"""A manifest begins its trip at most so long after it was issued: its planned window is a week at most. What
is issued after its truck has left, as a correction of papers, is within it too."""
_PAUSED: Final = frozenset(
    {
        ManifestState.DRAFT,
        ManifestState.SOURCE_CONFIRMED,
        ManifestState.IN_TRANSIT,
        ManifestState.ARRIVED,
        ManifestState.DISPOSAL_CONFIRMED,
    }
)


class Trip(NamedTuple):
    """One trip that began under a manifest."""

    number: str
    vehicle_id: str
    device_id: str
    driver: str | None
    stream: str
    destination_id: str
    began_at: int
    """When the truck left the source, else when it arrived or was weighed; ms."""
    ended_at: int
    """When it was over; 0: it is not."""
    state: ManifestState
    is_weighed: bool
    """A ticket at its destination confirmed it."""
    is_seen: bool
    """Departure and arrival of the truck are both on record."""
    in_time: bool
    """It is under way, and its time is not up."""

    @property
    def is_closed(self) -> bool:
        return self.state is ManifestState.CLOSED


def trips_of(
    connection: Connection, start: int, end: int, now: int, vehicles: frozenset[str] | None = None
) -> Iterator[Trip]:
    """Trips that began from `start` until before `end`, ms; those of void manifests are none."""
    held, document = manifest_state.c.manifest, manifest.c.document
    times = [
        func.coalesce(cast(held[name].as_string(), BigInteger), 0) for name in ("left_at", "arrived_at", "weighed_at")
    ]
    query = (
        select(
            manifest.c.number,
            manifest.c.vehicle_id,
            manifest.c.device_id,
            document["driver"].as_string(),
            document["stream"].as_string(),
            manifest.c.destination_id,
            *times,
            manifest_state.c.closed_at,
            manifest_state.c.state,
            held["ticket"].as_string(),
            manifest.c.check_at,
        )
        .join(manifest_state, manifest_state.c.number == manifest.c.number)
        .where(manifest.c.issued_at >= start - _WINDOW_MS, manifest.c.issued_at < end + _WINDOW_MS)
        .where(manifest_state.c.state != ManifestState.VOID.value, or_(*(one > 0 for one in times)))
        .order_by(manifest.c.number)
    )
    if vehicles is not None:
        query = query.where(manifest.c.vehicle_id.in_(sorted(vehicles)))
    for row in connection.execute(query).yield_per(2_000):
        trip = _trip(row, now)
        if start <= trip.began_at < end:
            yield trip


def _trip(row: Any, now: int) -> Trip:
    number, vehicle_id, device_id, driver, stream, destination_id, *times = row
    left_at, arrived_at, weighed_at, closed_at, state, ticket, check_at = times
    state = ManifestState(state)
    return Trip(
        number,
        vehicle_id,
        device_id,
        driver,
        stream,
        destination_id,
        left_at or arrived_at or weighed_at,
        closed_at,
        state,
        bool(ticket),
        left_at > 0 and arrived_at > 0,
        state in _PAUSED and check_at is not None and check_at > now,
    )


def over_or_late(trips: Iterable[Trip]) -> list[Trip]:
    """Without those that are under way and in time."""
    return [trip for trip in trips if not trip.in_time]
