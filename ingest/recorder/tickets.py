"""Marks weighings that count, in the transaction that commits them (decision 60 of ARCHITECTURE.md).

    weighing → other weighings of its ticket → what counts now → its own fields, and marks of rows stored before

A mark is a line with the ticket fields only: the store joins it to the row of the same series and instant. Marks wait
in the outbox behind the lines of their batch, so a crash writes them again, in the same order.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from devices.readings.models import Weighing
from devices.readings.tickets import (
    TicketState,
    TicketWeighing,
    count_once,
    net_kg,
    state_alone,
    ticket_number,
    ticket_weighing,
)
from ingest.ledger.state.port import Statements
from ingest.recorder.line import whole_line
from ingest.store.line_protocol import quoted

KEPT_MS: Final = 40 * 86_400_000
"""Weighings are remembered for so long, by the newest of their bridge: longer than devices buffer. A row on disk."""
_SETTLED_MS: Final = KEPT_MS - 2 * 86_400_000
"""Older ones keep their state, since those that they repeat may be forgotten."""
MAX_SAME_NUMBER: Final = 128
"""Weighings of one bridge with one number in `KEPT_MS`. Numbers that begin anew every day are used 40 times; a constant
one would be compared with all others each time."""

_COLUMNS: Final = "device, ts, number, root, plate, weights, about, corrects, net_kg, head, state"
_ADD: Final = f"INSERT INTO ticket ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '') ON CONFLICT"  # noqa: S608 - a constant
_ADD_OLD: Final = f"{_ADD} DO NOTHING"
_ADD_NEW: Final = f"{_ADD} (device, ts) DO UPDATE SET " + ", ".join(
    f"{column} = excluded.{column}" for column in _COLUMNS.split(", ")[2:]
)


class ArrivedWeighing(NamedTuple):
    """A weighing that is new, or that is stored already."""

    weighing: Weighing
    head: str
    measured: str
    """See `ingest.recorder.line`."""
    line: int | None
    """Index of its line among the new lines of its batch; None for a duplicate."""


class TicketBook:
    """The weighings that may count, among the recorder's tables. All methods run inside the caller's transaction."""

    def take(
        self, db: Statements, arrived: Sequence[ArrivedWeighing], lines: Sequence[str]
    ) -> tuple[list[str], list[str]]:
        """Return the lines of the batch, those of weighings with their ticket fields, and the marks of other rows.

        A duplicate that is not remembered, because the file is younger than the store, is marked as if it came now.
        """
        complete, marks, own = list(lines), dict[tuple[str, int], str](), dict[tuple[str, int], ArrivedWeighing]()
        for one in arrived:
            weighing = one.weighing
            at = (weighing.device_id, weighing.ts)
            if one.line is not None:
                own[at] = one
            state = state_alone(weighing)
            if state is not TicketState.COUNTED:
                if one.line is not None:
                    complete[one.line] = _line(one, _fields(state, 0.0))
                continue
            if not self._keep(db, one):
                continue
            for ts, head, fields in self._decided(db, weighing):
                new = own.get((weighing.device_id, ts))
                if new is not None and new.line is not None:
                    complete[new.line] = _line(new, fields)
                else:
                    marks[weighing.device_id, ts] = f"{head} {fields} {ts}"
        self._forget(db, {one.weighing.device_id for one in arrived})
        return complete, list(marks.values())

    def keep_marks(self, db: Statements, batch: int | None, marks: Sequence[str]) -> None:
        db.executemany("INSERT INTO ticket_mark VALUES (?, ?)", [(batch, mark) for mark in marks])

    def marks(self, db: Statements, batch: int) -> list[str]:
        """Marks of a batch in the outbox."""
        return [line for (line,) in db.execute("SELECT line FROM ticket_mark WHERE batch = ?", (batch,))]

    def forget_marks(self, db: Statements, batch: int) -> None:
        db.execute("DELETE FROM ticket_mark WHERE batch = ?", (batch,))

    def forget_rejected(self, db: Statements, device_id: str, ts: int) -> None:
        """Forget a weighing that the store rejected: what comes again of its ticket counts."""
        db.execute("DELETE FROM ticket WHERE device = ? AND ts = ?", (device_id, ts))

    def _keep(self, db: Statements, one: ArrivedWeighing) -> bool:
        """Add a weighing; False if it is a duplicate that is remembered."""
        weighing = one.weighing
        device_id, number, of_ticket = weighing.device_id, ticket_number(weighing.ticket), ticket_weighing(weighing)
        corrected = number if weighing.corrects is None else ticket_number(weighing.corrects)
        found = db.execute(
            "SELECT root FROM ticket INDEXED BY tickets_by_number"
            " WHERE device = ? AND number = ? ORDER BY ts DESC LIMIT 1",
            (device_id, corrected),
        ).fetchone()
        root = corrected if found is None else found[0]
        added = db.execute(
            _ADD_OLD if one.line is None else _ADD_NEW,
            (
                device_id,
                weighing.ts,
                number,
                root,
                of_ticket.plate,
                of_ticket.weights,
                of_ticket.about,
                int(of_ticket.corrects),
                net_kg(weighing),
                one.head,
            ),
        )
        if not added.rowcount:
            return False
        if root != number:  # what waited under its number, since it came earlier, is of the same ticket
            db.execute("UPDATE ticket SET root = ? WHERE device = ? AND root = ?", (root, device_id, number))
        return True

    def _decided(self, db: Statements, weighing: Weighing) -> Iterator[tuple[int, str, str]]:
        """Decide what counts of a weighing's ticket; yields instant, head and fields of each row that changes."""
        device_id = weighing.device_id
        rows = db.execute(
            "SELECT ts, plate, weights, about, corrects, net_kg, head, state FROM ticket INDEXED BY tickets_by_root"
            " WHERE device = ? AND root = (SELECT root FROM ticket WHERE device = ? AND ts = ?) ORDER BY ts",
            (device_id, device_id, weighing.ts),
        ).fetchall()
        if len(rows) > MAX_SAME_NUMBER:
            # The others keep their state, and this one is not remembered: the number may be used well again.
            self.forget_rejected(db, device_id, weighing.ts)
            head = next(row[6] for row in rows if row[0] == weighing.ts)
            yield weighing.ts, head, _fields(TicketState.OVERUSED, 0.0)
            return
        (newest,) = db.execute("SELECT max(ts) FROM ticket WHERE device = ?", (device_id,)).fetchone()
        states = count_once(
            [
                TicketWeighing(ts, plate, weights, about, bool(corrects))
                for ts, plate, weights, about, corrects, *_ in rows
            ]
        )
        for (ts, _, _, _, _, kg, head, before), state in zip(rows, states, strict=True):
            if state != before and (not before or ts >= newest - _SETTLED_MS):
                db.execute("UPDATE ticket SET state = ? WHERE device = ? AND ts = ?", (str(state), device_id, ts))
                yield ts, head, _fields(state, kg)

    def _forget(self, db: Statements, devices: set[str]) -> None:
        db.executemany(
            "DELETE FROM ticket WHERE device = ? AND ts < (SELECT max(ts) FROM ticket WHERE device = ?) - ?",
            [(device_id, device_id, KEPT_MS) for device_id in sorted(devices)],
        )


def _fields(state: TicketState, kg: float) -> str:
    """The ticket fields as line protocol has them."""
    counts = state is TicketState.COUNTED
    return f"counted={int(counts)}i,counted_kg={float(kg) if counts else 0.0!r},ticket_state={quoted(state)}"


def _line(one: ArrivedWeighing, fields: str) -> str:
    return whole_line(one.head, f"{one.measured},{fields}", one.weighing.seq, one.weighing.ts)
