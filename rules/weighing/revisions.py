"""Revisions of sessions in the database: what differs from the row is written, and kept as a change."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, insert, select, update

from rules.weighing.rows import chunks
from rules.weighing.session import MatchedBy, WeighingSession
from rules.weighing.tables import weighing_session as sessions
from rules.weighing.tables import weighing_session_change as changes

_NOTED: Final = (
    "site", "bridge", "vehicle_id", "plate", "weighed_at", "gross_kg", "tare_kg", "net_kg", "tare_source", "flow",
    "matched_by", "material", "manifest", "tickets", "dismissed",
)  # fmt: skip


class Changed(NamedTuple):
    """What a projection changed."""

    added: int
    amended: int
    withdrawn: int
    named: tuple[str, ...] = ()
    """Ids of those whose truck a person names now, or named before."""


def revise(
    connection: Connection, old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]], now: int
) -> Changed:
    stored: dict[str, Mapping[str, Any]] = {**old}
    for chunk in chunks([id_ for id_ in new if id_ not in old]):
        for row in connection.execute(select(sessions).where(sessions.c.id.in_(chunk))).mappings():
            stored[row["id"]] = dict(row)
    added = amended = withdrawn = 0
    named: list[str] = []
    for id_ in sorted({*stored, *new}):
        before, after = stored.get(id_), new.get(id_)
        if before != after and MatchedBy.PERSON in {_matched_by(before), _matched_by(after)}:
            named.append(id_)
        if after is None:
            if before is not None and not before["withdrawn"]:
                _change(connection, before, {"withdrawn": True}, None, now)
                withdrawn += 1
        elif before is None:
            connection.execute(insert(sessions).values(**after, revision=1, withdrawn=False, updated_at=now))
            _note(connection, id_, 1, None, after, now)
            added += 1
        else:
            differs = {name: value for name, value in after.items() if before[name] != value}
            if before["withdrawn"]:
                _change(connection, before, {**differs, "withdrawn": False}, after, now)
                added += 1
            elif differs:
                _change(connection, before, differs, after, now)
                amended += 1
    return Changed(added, amended, withdrawn, tuple(named))


def _matched_by(row: Mapping[str, Any] | None) -> str | None:
    return None if row is None else row["matched_by"]


def _change(
    connection: Connection,
    before: Mapping[str, Any],
    differs: Mapping[str, Any],
    after: Mapping[str, Any] | None,
    now: int,
) -> None:
    revision = before["revision"] + 1
    of_row = update(sessions).where(sessions.c.id == before["id"])
    connection.execute(of_row.values(**differs, revision=revision, updated_at=now))
    _note(connection, before["id"], revision, None if before["withdrawn"] else before, after, now)


def _note(
    connection: Connection,
    id_: str,
    revision: int,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    now: int,
) -> None:
    """Keep what a revision changed: all of a session that came or went, else the fields that differ and its weights."""
    always = ("site", "weighed_at", "net_kg", "flow", "material", "tare_source")
    names: tuple[str, ...] = _NOTED
    if before is not None and after is not None:
        names = tuple(name for name in _NOTED if name in always or before[name] != after[name])
    connection.execute(
        insert(changes).values(
            id=id_,
            revision=revision,
            at=now,
            before=None if before is None else {name: before[name] for name in names},
            after=None if after is None else {name: after[name] for name in names},
        )
    )


def values_of(session: WeighingSession, truck: str, *, dismissed: bool) -> dict[str, Any]:
    return {
        "id": session_id(session),
        "site": session.site,
        "truck": truck,
        "bridge": session.bridge,
        "vehicle": session.vehicle,
        "vehicle_id": session.vehicle_id,
        "plate": session.plate,
        "entered_at": session.entered_at,
        "left_at": session.left_at,
        "weighed_at": session.weighed_at,
        "gross_kg": float(session.gross_kg),
        "tare_kg": session.tare_kg,
        "net_kg": session.net_kg,
        "tare_source": None if session.tare_source is None else str(session.tare_source),
        "flow": str(session.flow),
        "matched_by": str(session.matched_by),
        "confidence": session.confidence,
        "material": session.material,
        "manifest": session.manifest,
        "tickets": list(session.tickets),
        "weighings": [list(one) for one in session.weighings],
        "dismissed": dismissed and session.vehicle_id is None,
    }


def session_id(session: WeighingSession) -> str:
    """16 hex digits, of its first weighing: no two sessions share one."""
    device_id, ts = session.weighings[0]
    return blake2b(f"{device_id}|{ts}".encode(), digest_size=8).hexdigest()
