"""The book of tickets: whatever order weighings arrive in, and however often, the same ones count in the end."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import convert

from devices.readings.models import Weighing
from ingest.ledger.schema import SCHEMA
from ingest.recorder.line import measured
from ingest.recorder.tickets import KEPT_MS, MAX_SAME_NUMBER, ArrivedWeighing, TicketBook
from ingest.store.line_protocol import decode_line
from tests.closing import closed_later
from tests.ingest.recorder.parts import T0

HEAD = "weighing,device=w-1"
MINUTE = 60_000


def weighing(minute: int, ticket: str = "A", net_kg: float = 18000.0, **more: Any) -> Weighing:
    body = {"device_id": "w-1", "ts": T0 + minute * MINUTE, "ticket": ticket, "direction": "out", "plate": "晋E·D0101"}
    return convert(body | {"gross_kg": 13000.0 + net_kg, "tare_kg": 13000.0, "net_kg": net_kg} | more, Weighing)


class Stored:
    """The rows that a store would have, as joined by series and instant."""

    def __init__(self) -> None:
        self.db = closed_later(sqlite3.connect(":memory:"))
        self.db.executescript(SCHEMA)
        self.book = TicketBook()
        self.rows: dict[int, dict[str, Any]] = {}

    def send(self, *batch: Weighing) -> None:
        arrived: list[ArrivedWeighing] = []
        lines: list[str] = []
        known = set(self.rows)
        for one in batch:
            new = len(lines) if one.ts not in known else None
            if new is not None:
                known.add(one.ts)
                lines.append("")
            arrived.append(ArrivedWeighing(one, HEAD, measured(one), new))
        complete, marks = self.book.take(self.db, arrived, lines)
        for line in [*complete, *marks]:
            point = decode_line(line)
            self.rows.setdefault(point.ts, {}).update(point.fields)

    def states(self) -> list[str]:
        return [row["ticket_state"] for _, row in sorted(self.rows.items())]

    def tonnes(self) -> float:
        return sum(float(row["counted_kg"]) for row in self.rows.values()) / 1000


def sent(batches: Iterable[Sequence[Weighing]]) -> Stored:
    stored = Stored()
    for batch in batches:
        stored.send(*batch)
    return stored


WEIGHINGS = [
    weighing(0), weighing(5), weighing(9, net_kg=17000), weighing(12, net_kg=17000), weighing(20, "B"),
    weighing(30, "B", 9000, plate="晋E·D0107"), weighing(40, "C", 8000), weighing(50, "D", 7000, corrects="C"),
    weighing(55, "E", 6000, corrects="D"), weighing(60, "F", stable=False), weighing(61, "F", 5000),
]  # fmt: skip


@given(st.permutations(WEIGHINGS), st.integers(1, len(WEIGHINGS)))
def test_any_order_and_any_batches_count_the_same(order: list[Weighing], size: int) -> None:
    """17 t of A, 18 and 9 t of B, for two trucks, 6 t of E for C, 5 t of F."""
    stored = sent(order[start : start + size] for start in range(0, len(order), size))
    assert stored.tonnes() == 17 + 18 + 9 + 6 + 5
    assert sum(row["counted"] for row in stored.rows.values()) == 5
    stored.send(*order)
    assert stored.tonnes() == 55, "sent again"


def test_a_row_keeps_what_was_measured() -> None:
    stored = sent([[weighing(0)], [weighing(5, net_kg=17000)]])
    assert stored.rows[T0]["net_kg"] == 18000.0
    assert stored.states() == ["replaced", "counted"]


def test_a_number_given_to_everything_is_no_number() -> None:
    many = [weighing(n, "0", 1000.0 + n, plate=f"晋E·{n}") for n in range(MAX_SAME_NUMBER + 3)]
    stored = sent([many])
    assert stored.states() == ["counted"] * MAX_SAME_NUMBER + ["overused"] * 3
    stored.send(weighing(MAX_SAME_NUMBER + 9, "1", 5000))
    assert stored.states()[-1] == "counted", "another number is not concerned"


def test_old_tickets_are_forgotten_and_keep_what_they_are() -> None:
    month = KEPT_MS // MINUTE
    stored = sent([[weighing(0), weighing(60)], [weighing(month - 30, "Z")], [weighing(month, "A", plate="晋E·D0107")]])
    assert stored.states() == ["counted", "repeated", "counted", "counted"]
    (kept,) = stored.db.execute("SELECT count(*) FROM ticket").fetchone()
    assert kept == 4
    stored.send(weighing(month + 30, "Y"))
    (kept,) = stored.db.execute("SELECT count(*) FROM ticket").fetchone()
    assert kept == 4, "the first is gone"
    stored.send(weighing(month + 40, "A", 100.0, plate="晋E·D0107"))
    assert stored.states()[:2] == ["counted", "repeated"], "although nothing is left that it repeats"


@pytest.mark.parametrize("spelling", ["A 002", "Ａ００２", " A002"])
def test_width_and_spaces_of_a_number_do_not_count(spelling: str) -> None:
    assert sent([[weighing(0, "A002"), weighing(1, spelling)]]).states() == ["counted", "repeated"]


def test_what_the_store_rejected_gives_way_to_what_comes_again() -> None:
    stored = sent([[weighing(0)]])
    del stored.rows[T0]
    stored.book.forget_rejected(stored.db, "w-1", T0)
    stored.send(weighing(1))
    assert (stored.states(), stored.tonnes()) == (["counted"], 18.0)
