"""The audit trail keeps what is written, in its order, and lets nobody change it."""

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError

from devices.people.audit import ActorKind, AuditFilter, AuditTrail, NewAuditEntry

T0 = 1_772_352_000_000


def entry(second: int, actor: str = "li.wei", target: str = "truck-1") -> NewAuditEntry:
    return NewAuditEntry(
        at=T0 + second * 1_000,
        actor=actor,
        kind=ActorKind.PERSON,
        address="10.0.0.7",
        action="GET /api/v1/devices/{device_id}/track",
        target=target,
        status=200,
    )


@pytest.fixture
def trail(engine: Engine) -> AuditTrail:
    trail = AuditTrail(engine)
    for second, (actor, target) in enumerate((("li.wei", "truck-1"), ("wang", "truck-2"), ("li.wei", "车-3"))):
        trail.add(entry(second, actor, target))
    return trail


def test_entries_come_back_as_they_were_written_newest_first(trail: AuditTrail) -> None:
    found = trail.entries(AuditFilter(), limit=9)
    assert [NewAuditEntry(**one.model_dump(exclude={"no"})) for one in found] == [
        entry(2, "li.wei", "车-3"),
        entry(1, "wang", "truck-2"),
        entry(0),
    ]
    assert [one.no for one in trail.entries(AuditFilter(), limit=2, before=found[0].no)] == [
        one.no for one in found[1:]
    ]


def test_filters(trail: AuditTrail) -> None:
    def seconds(where: AuditFilter) -> list[int]:
        return [(one.at - T0) // 1_000 for one in trail.entries(where, limit=9)]

    assert seconds(AuditFilter(actor="li.wei")) == [2, 0]
    assert seconds(AuditFilter(target="truck-2")) == [1]
    assert seconds(AuditFilter(start=T0 + 1_000, end=T0 + 2_000)) == [1]
    assert seconds(AuditFilter(actor="nobody")) == []


@pytest.mark.parametrize("change", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit", "TRUNCATE audit"])
def test_nobody_changes_an_entry_not_even_the_owner(engine: Engine, trail: AuditTrail, change: str) -> None:
    if change.startswith("TRUNCATE") and engine.dialect.name == "sqlite":
        return
    with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
        connection.execute(text(change))
    assert len(trail.entries(AuditFilter(), limit=9)) == 3
