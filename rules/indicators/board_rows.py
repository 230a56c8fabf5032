"""What boards show of weighings and manifests: loads by day, and the present state of each manifest, as they change."""

from collections.abc import Iterable
from datetime import date
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, Connection, Engine, cast, func, select, tuple_

from devices.city.model import City
from devices.city.sites import version_at
from devices.db.database import transaction
from devices.readings.streams import STREAM_NAMES
from rules.indicators.loads import loads_of
from rules.manifests.model import ManifestState
from rules.manifests.tables import manifest, manifest_state
from rules.weighing.balance import UNKNOWN, Calendar, stream
from rules.weighing.session import Flow
from rules.weighing.tables import weighing_session_change

OTHER: Final = "other"
NOT_KNOWN: Final = "unknown"


class LoadHeading(NamedTuple):
    """What a row of the boards is of."""

    day: str
    site: str
    district: str
    stream: str
    """One of `devices.readings.streams`, `other` or `unknown`: a bridge may write any word on a ticket."""
    flow: Flow


class LoadSums(NamedTuple):
    """The sums of a row; zeros where all of its loads have gone to other rows."""

    heading: LoadHeading
    net_kg: float = 0.0
    estimated_kg: float = 0.0
    loads: int = 0
    estimated: int = 0
    unknown: int = 0
    waiting: int = 0


class ChangedLoads(NamedTuple):
    """The rows that changed, up to number `last` of the changes of sessions."""

    last: int
    rows: tuple[LoadSums, ...]


class ManifestRow(NamedTuple):
    """Present state of one manifest, as judged."""

    number: str
    device_id: str
    state: ManifestState
    stream: str
    source_id: str
    destination_id: str
    issued_at: int
    arrive_by: int
    sent_kg: float | None
    net_kg: float | None
    recorded_at: int
    """When judgement wrote it last, wall clock, ms."""


class BoardRows:
    """Every method raises DatabaseUnavailable or DatabaseMisconfigured when the database fails."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        self._engine.dispose()

    def changed_loads(self, after: int, limit: int, city: City) -> ChangedLoads:
        """The rows of the days that the next changes of sessions after number `after` concern, at most `limit` changes.

        A row whose loads have gone comes as zeros: what replaces it may stand elsewhere.
        """
        calendar, table = Calendar(city.timezone), weighing_session_change.c
        query = select(table.no, table.before, table.after).where(table.no > after).order_by(table.no).limit(limit)
        with transaction(self._engine) as connection:
            changes = connection.execute(query).all()
            if not changes:
                return ChangedLoads(after, ())
            touched = {
                _heading(state, city, calendar) for _, *states in changes for state in states if state is not None
            }
            days = [date.fromisoformat(day) for day in sorted({one.day for one in touched})]
            rows = _sums(connection, days, city, calendar)
        for heading in touched - rows.keys():
            rows[heading] = LoadSums(heading)
        return ChangedLoads(changes[-1][0], tuple(rows[heading] for heading in sorted(rows)))

    def changed_manifests(self, after: tuple[int, str], limit: int) -> list[ManifestRow]:
        """Manifests that were written after a time, or at it and with a greater number, in this order."""
        state, document = manifest_state.c, manifest.c.document
        query = (
            select(
                manifest.c.number,
                manifest.c.device_id,
                state.state,
                document["stream"].as_string(),
                manifest.c.source_id,
                manifest.c.destination_id,
                manifest.c.issued_at,
                func.coalesce(cast(document["arrive_by"].as_string(), BigInteger), 0),
                state.sent_kg,
                state.net_kg,
                state.recorded_at,
            )
            .join(manifest_state, state.number == manifest.c.number)
            .where(tuple_(state.recorded_at, state.number) > tuple_(*after))
            .order_by(state.recorded_at, state.number)
            .limit(limit)
        )
        with transaction(self._engine) as connection:
            found = connection.execute(query).all()
        return [ManifestRow(*row)._replace(state=ManifestState(row.state)) for row in found]


def _heading(state: dict[str, Any], city: City, calendar: Calendar) -> LoadHeading:
    day = calendar.day(state["weighed_at"])
    site = version_at(city.versions_of_site(state["site"]), calendar.start_ms(date.fromisoformat(day)))
    of_load = stream(state["material"], site.streams if site is not None else ())
    district = (site.district if site is not None else None) or UNKNOWN
    return LoadHeading(day, state["site"], district, _bounded(of_load), Flow(state["flow"]))


def _sums(connection: Connection, days: Iterable[date], city: City, calendar: Calendar) -> dict[LoadHeading, LoadSums]:
    rows: dict[LoadHeading, LoadSums] = {}
    for one in loads_of(connection, list(days), city, calendar):
        heading = LoadHeading(one.day, one.site, one.district, _bounded(one.stream), one.flow)
        row = rows.get(heading) or LoadSums(heading)
        waiting = row.waiting + (one.loads if one.waits else 0)
        if not one.is_known:
            row = row._replace(unknown=row.unknown + one.loads, waiting=waiting)
        elif one.is_weighed:
            net_kg = round(row.net_kg + one.net_kg, 3)
            row = row._replace(net_kg=net_kg, loads=row.loads + one.loads, waiting=waiting)
        else:
            net_kg = round(row.estimated_kg + one.net_kg, 3)
            row = row._replace(estimated_kg=net_kg, estimated=row.estimated + one.loads, waiting=waiting)
        rows[heading] = row
    return rows


def _bounded(of_load: str) -> str:
    if of_load == UNKNOWN:
        return NOT_KNOWN
    return of_load if of_load in STREAM_NAMES else OTHER
