"""As `PublisherCursors`, in the database that all machines reach: whoever publishes goes on where another one was."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from devices.db.database import transaction
from ingest.alerts.cursors import DELIVERIES_KEPT, Held
from ingest.alerts.rate import DAY_MS, Call
from ingest.alerts.tables import (
    publisher_call,
    publisher_delivery,
    publisher_held,
    publisher_position,
    publisher_refused,
)
from rules.alerts.actions import JournalEntry
from rules.alerts.model import Severity

_POSITION: Final = publisher_position.c
_DELIVERY: Final = publisher_delivery.c
_REFUSED: Final = publisher_refused.c
_HELD: Final = publisher_held.c
_CALL: Final = publisher_call.c


class SharedCursors:
    """Any thread may use it. Every method raises DatabaseError.

    A publisher that stood still while another one went on, and then notes what it delivered before, moves no position
    back.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        self._engine.dispose()

    def get(self, sink: str) -> int | None:
        with transaction(self._engine) as db:
            found = db.execute(select(_POSITION.sequence).where(_POSITION.sink == sink)).scalar_one_or_none()
        return None if found is None else int(found)

    def set(self, sink: str, sequence: int) -> None:
        with transaction(self._engine) as db:
            _put(db, publisher_position, [{"sink": sink, "sequence": sequence}], ("sink",))

    def delivered(
        self,
        sink: str,
        entries: Sequence[JournalEntry],
        refused: Sequence[JournalEntry],
        at: int,
        *,
        held: Mapping[str, Held] = MappingProxyType({}),
        let_go: Collection[str] = (),
    ) -> None:
        rows = [
            {"sink": sink, "sequence": one.sequence, "key": one.change.key, "recorded_at": one.recorded_at}
            for one in entries
        ]
        with transaction(self._engine) as db:
            _move_on(db, sink, entries[-1].sequence)
            _let_go(db, sink, let_go)
            _hold(db, sink, held)
            db.execute(insert(publisher_delivery), rows)
            of_sink = select(_DELIVERY.no).where(_DELIVERY.sink == sink).order_by(_DELIVERY.no.desc())
            oldest = of_sink.offset(DELIVERIES_KEPT).limit(1).scalar_subquery()
            db.execute(delete(publisher_delivery).where(_DELIVERY.sink == sink, _DELIVERY.no <= oldest))
            _note_refused(db, sink, refused, at)

    def is_last(self, sink: str, entry: JournalEntry) -> bool:
        query = select(_DELIVERY.key).where(_DELIVERY.sink == sink, _DELIVERY.sequence == entry.sequence)
        with transaction(self._engine) as db:
            key = db.execute(query.order_by(_DELIVERY.no.desc()).limit(1)).scalar_one_or_none()
        return key is None or key == entry.change.key

    def delivered_keys(self, sink: str, keys: Collection[str]) -> frozenset[str]:
        query = select(_DELIVERY.key).where(_DELIVERY.sink == sink, _DELIVERY.key.in_(keys))
        with transaction(self._engine) as db:
            return frozenset(db.execute(query).scalars())

    def newest_recorded_at(self, sink: str) -> int | None:
        query = select(func.max(_DELIVERY.recorded_at)).where(_DELIVERY.sink == sink)
        with transaction(self._engine) as db:
            newest: int | None = db.execute(query).scalar_one()
        return newest

    def refused(self, sink: str, limit: int) -> list[int]:
        query = select(_REFUSED.sequence).where(_REFUSED.sink == sink).order_by(_REFUSED.sequence).limit(limit)
        with transaction(self._engine) as db:
            return list(db.execute(query).scalars())

    def accepted(self, sink: str, sequences: Sequence[int]) -> None:
        with transaction(self._engine) as db:
            db.execute(delete(publisher_refused).where(_REFUSED.sink == sink, _REFUSED.sequence.in_(sequences)))

    def held(self, sink: str) -> dict[str, Held]:
        query = select(_HELD.alert_id, _HELD.rule, _HELD.subject, _HELD.severity, _HELD.announced)
        with transaction(self._engine) as db:
            rows = db.execute(query.where(_HELD.sink == sink)).all()
        return {row[0]: Held(row[0], row[1], row[2], Severity(row[3]), bool(row[4])) for row in rows}

    def hold(self, sink: str, held: Mapping[str, Held]) -> None:
        with transaction(self._engine) as db:
            _hold(db, sink, held)

    def released(self, sink: str, alert_ids: Collection[str], refused: Sequence[JournalEntry], at: int) -> None:
        with transaction(self._engine) as db:
            _let_go(db, sink, alert_ids)
            _note_refused(db, sink, refused, at)

    def note_calls(self, sink: str, alert_ids: Collection[str], at: int) -> None:
        with transaction(self._engine) as db:
            db.execute(insert(publisher_call), [{"sink": sink, "at": at, "alert_id": one} for one in alert_ids])
            db.execute(delete(publisher_call).where(_CALL.at < at - DAY_MS))

    def refusals(self) -> tuple[int, int | None]:
        """Number of changes that sinks refuse, and since when, ms."""
        with transaction(self._engine) as db:
            count, oldest = db.execute(select(func.count(), func.min(_REFUSED.at))).one()
        return int(count), oldest

    def calls(self, since: int) -> list[Call]:
        """What called people after `since`, ms."""
        query = select(_CALL.at, _CALL.alert_id).where(_CALL.at > since)
        with transaction(self._engine) as db:
            return [Call(at, alert_id) for at, alert_id in db.execute(query)]


def _put(db: Connection, table: Table, rows: Sequence[Mapping[str, Any]], key: Sequence[str]) -> None:
    """Insert rows, or give those that have this key their other columns."""
    if not rows:
        return
    inserted = _insert(db, table)
    changed = {name: inserted.excluded[name] for name in rows[0] if name not in key}
    db.execute(inserted.on_conflict_do_update(index_elements=key, set_=changed), rows)


def _move_on(db: Connection, sink: str, sequence: int) -> None:
    inserted = _insert(db, publisher_position).values(sink=sink, sequence=sequence)
    further = {"sequence": inserted.excluded.sequence}
    db.execute(
        inserted.on_conflict_do_update(
            index_elements=["sink"], set_=further, where=_POSITION.sequence < inserted.excluded.sequence
        )
    )


def _hold(db: Connection, sink: str, held: Mapping[str, Held]) -> None:
    rows = [{"sink": sink, **one._asdict(), "severity": str(one.severity)} for one in held.values()]
    _put(db, publisher_held, rows, ("sink", "alert_id"))


def _let_go(db: Connection, sink: str, alert_ids: Collection[str]) -> None:
    if alert_ids:
        db.execute(delete(publisher_held).where(_HELD.sink == sink, _HELD.alert_id.in_(alert_ids)))


def _note_refused(db: Connection, sink: str, refused: Sequence[JournalEntry], at: int) -> None:
    rows = [{"sink": sink, "sequence": one.sequence, "at": at} for one in refused]
    if rows:
        db.execute(_insert(db, publisher_refused).on_conflict_do_nothing(), rows)


def _insert(db: Connection, table: Table) -> Any:
    dialect: Any = postgresql if db.dialect.name == "postgresql" else sqlite
    return dialect.insert(table)
