"""The audit trail keeps what is written, in its order, and lets nobody change it."""

import pytest
from sqlalchemy import Engine
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


VALUES = "(no, at, actor, kind, address, action, target, status) VALUES ({}, 0, 'x', 'x', 'x', 'x', 'x', 1)"
CHANGES = {
    "sqlite": [
        "UPDATE audit SET actor = 'x'",
        "UPDATE OR REPLACE audit SET actor = 'x'",
        "DELETE FROM audit",
        f"INSERT OR REPLACE INTO audit {VALUES.format(2)}",
        f"REPLACE INTO audit {VALUES.format(2)}",
        f"INSERT INTO audit {VALUES.format(2)} ON CONFLICT (no) DO UPDATE SET actor = 'x'",
        f"INSERT INTO audit {VALUES.format(-1)}",
        f"INSERT INTO audit {VALUES.format(0)}",
    ],
    "postgresql": [
        "UPDATE audit SET actor = 'x'",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "TRUNCATE audit CASCADE",
        f"INSERT INTO audit {VALUES.format(2)} ON CONFLICT (no) DO UPDATE SET actor = 'x'",
        "SET LOCAL session_replication_role = replica; DELETE FROM audit",
        "MERGE INTO audit USING (SELECT 2 AS n) AS s ON audit.no = s.n WHEN MATCHED THEN DELETE",
    ],
}


def test_nobody_changes_an_entry_not_even_the_owner(engine: Engine, trail: AuditTrail) -> None:
    before = trail.entries(AuditFilter(), limit=9)
    for change in CHANGES[engine.dialect.name]:
        with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
            connection.exec_driver_sql(change)
        assert trail.entries(AuditFilter(), limit=9) == before, change
    trail.add(entry(3))
    assert len(trail.entries(AuditFilter(), limit=9)) == len(before) + 1


def test_old_entries_are_removed_by_one_call_which_is_an_entry_itself(engine: Engine, trail: AuditTrail) -> None:
    removed = trail.prune(T0 + 2_000, lambda count: entry(9, "root", f"{count} entries"))
    assert removed == 2
    found = trail.entries(AuditFilter(), limit=9)
    assert [(one.actor, one.target) for one in found] == [("root", "2 entries"), ("li.wei", "车-3")]
    assert found[0].no > found[1].no
    test_nobody_changes_an_entry_not_even_the_owner(engine, trail)


def test_what_cannot_be_noted_is_not_removed(engine: Engine, trail: AuditTrail) -> None:
    def cannot(count: int) -> NewAuditEntry:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        trail.prune(T0 + 9_000, cannot)
    test_nobody_changes_an_entry_not_even_the_owner(engine, trail)
