"""The recorder's way into the ledger: inside its transactions, or not at all."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from devices.readings.models import Kind
from devices.readings.refusals import Reason, Refusal
from devices.readings.series import SeriesKey
from ingest.ledger.dead_letters import DeadLetters
from ingest.ledger.deltas import LedgerDelta, current_totals
from ingest.ledger.refused import RefusedReading
from ingest.ledger.state_file import StateFile
from ingest.ledger.writer import LedgerWriter
from ingest.store import Instant
from tests.ingest.recorder.parts import NOW, T0

TWO_READINGS = LedgerDelta(
    entries=[("truck-1", NOW, 1, T0, True), ("truck-1", NOW, 2, T0, False)], others={"truck-1": (0, 1)}
)
INSTANT = Instant(SeriesKey(Kind.POSITION, "truck-1", ""), T0)
CONFLICT = RefusedReading(
    "truck-1", "truck-1", Refusal(Reason.CONFLICT, "ts: again", "ts"), "topic", b"{}", NOW, (INSTANT, b"digest")
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recorder.db"


def totals_in(file: StateFile) -> dict[str, tuple[int, int]]:
    """Received and stored by device, pending deltas included."""
    with file.changing() as db:
        return {totals.device_id: (totals.received, totals.stored) for totals in current_totals(db)}


def in_transaction(file: StateFile, change: Callable[[sqlite3.Connection], None]) -> None:
    with file.changing() as db:
        change(db)


def test_a_delta_and_its_letters_are_kept_together_and_compacted_later(path: Path) -> None:
    with closing(StateFile(path)) as file:
        ledger = LedgerWriter(file, lambda: 0.0)
        in_transaction(file, lambda db: ledger.append(db, TWO_READINGS, [CONFLICT]))
        assert (totals_in(file), ledger.device_ids()) == ({"truck-1": (2, 1)}, set())
        assert ledger.is_quarantined(INSTANT, b"digest")
        assert not ledger.is_quarantined(INSTANT, b"another")
        ledger.compact_all()
        assert (totals_in(file), ledger.device_ids()) == ({"truck-1": (2, 1)}, {"truck-1"})
    assert len(DeadLetters(path).list()) == 1


def test_a_transaction_that_is_rolled_back_keeps_neither(path: Path) -> None:
    def fail(db: sqlite3.Connection) -> None:
        ledger.append(db, TWO_READINGS, [CONFLICT])
        raise KeyError("power cut")

    with closing(StateFile(path)) as file:
        ledger = LedgerWriter(file, lambda: 0.0)
        with pytest.raises(KeyError):
            in_transaction(file, fail)
        ledger.compact_all()
        assert (totals_in(file), ledger.device_ids()) == ({}, set())
    assert DeadLetters(path).list() == []


async def test_what_the_store_rejected_moves_from_stored_to_quarantined(path: Path) -> None:
    rejected = RefusedReading("truck-1", "truck-1", Refusal(Reason.REJECTED_BY_STORE, "no"), "topic", b"{}", NOW)
    with closing(StateFile(path)) as file:
        times = iter([0.0, 0.0, 300.0, 300.0, 300.0, 300.0])
        ledger = LedgerWriter(file, lambda: next(times))
        in_transaction(file, lambda db: ledger.append(db, TWO_READINGS, [CONFLICT]))
        await ledger.compact_due()
        assert ledger.device_ids() == set(), "nothing is due yet"
        in_transaction(file, lambda db: ledger.move_to_quarantined(db, [rejected]))
        assert totals_in(file) == {"truck-1": (2, 0)}
        for _ in range(3):
            await ledger.compact_due()
        assert (totals_in(file), ledger.device_ids()) == ({"truck-1": (2, 0)}, {"truck-1"})
