"""Positions in the database: as in the file, and publishers on several machines that follow each other."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from devices.db.database import open_database
from haulwatch import migrations
from ingest.alerts.cursors import Cursors, Held, PublisherCursors
from ingest.alerts.publisher import AlertPublisher
from ingest.alerts.shared_cursors import SharedCursors
from rules.alerts.actions import JournalEntry
from rules.alerts.journal import AlertJournal
from rules.alerts.model import Severity
from tests.ingest.alerts.test_publisher import FakeSink, change

DAY_MS = 24 * 3_600_000
SINKS = ("mqtt", "store")


def entry(sequence: int) -> JournalEntry:
    return JournalEntry(sequence=sequence, recorded_at=1_000 + sequence, change=change(sequence))


def held(number: int) -> dict[str, Held]:
    return {f"{number:016x}": Held(f"{number:016x}", "bin_overflow", "P01", Severity.P2, announced=bool(number % 2))}


def do_the_same(dice: Random, all_cursors: list[Any], step: int) -> None:
    """One note of a publisher, in all of these."""
    sink, number = dice.choice(SINKS), dice.randint(1, 9)
    entries = [entry(step * 3 + more) for more in range(3)]
    refused = [one for one in entries if dice.random() < 0.3]
    let_go = [*held(dice.randint(1, 9))]
    note = dice.choice(("delivered", "delivered", "hold", "released", "note_calls", "accepted", "set"))
    for cursors in all_cursors:
        match note:
            case "delivered":
                cursors.delivered(sink, entries, refused, step, held=held(number), let_go=let_go)
            case "hold":
                cursors.hold(sink, held(number))
            case "released":
                cursors.released(sink, let_go, refused, step)
            case "note_calls":
                cursors.note_calls(sink, let_go, step * DAY_MS // 7)
            case "accepted":
                cursors.accepted(sink, cursors.refused(sink, 2))
            case _:
                cursors.set(sink, step)


def answers(cursors: Cursors) -> list[object]:
    """All that a publisher asks."""
    return [
        answer
        for sink in SINKS
        for answer in (
            cursors.get(sink),
            cursors.is_last(sink, entry(7)),
            cursors.is_last(sink, entry(7).model_copy(update={"change": change(8)})),
            cursors.delivered_keys(sink, [change(number).key for number in range(0, 150, 4)]),
            cursors.newest_recorded_at(sink),
            cursors.refused(sink, 5),
            cursors.held(sink),
        )
    ]


def compare_with_the_file(folder: Path, cursors: SharedCursors, steps: int) -> None:
    dice = Random(7)
    with closing(PublisherCursors(folder / "announcer.db")) as file:
        assert answers(cursors) == answers(file)
        for step in range(1, steps):
            do_the_same(dice, [cursors, file], step)
            if not step % 8:
                assert answers(cursors) == answers(file), step
    assert cursors.refusals()[0]
    assert cursors.calls(0)


@pytest.fixture
def url(tmp_path: Path) -> str:
    found = f"sqlite:///{tmp_path / 'haulwatch.db'}"
    migrations.upgrade(found)
    return found


@pytest.fixture
def cursors(url: str) -> Iterator[SharedCursors]:
    with closing(SharedCursors(open_database(url))) as found:
        yield found


def test_positions_in_the_database_answer_as_those_in_the_file(
    tmp_path: Path, cursors: SharedCursors, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("cursors", "shared_cursors"):
        monkeypatch.setattr(f"ingest.alerts.{module}.DELIVERIES_KEPT", 20)
    compare_with_the_file(tmp_path, cursors, 120)


def test_a_publisher_that_notes_late_moves_no_position_back(cursors: SharedCursors) -> None:
    cursors.delivered("mqtt", [entry(9)], (), 1)
    cursors.delivered("mqtt", [entry(5)], [entry(5)], 2)
    assert cursors.get("mqtt") == 9
    assert cursors.refused("mqtt", 9) == [5], "what it was refused is kept"


async def test_machines_that_take_turns_send_each_change_once_however_long_it_waited(url: str) -> None:
    """The verdicts go to B for three days, in which A has positions of its own no more, and come back."""
    journal, sink, number = AlertJournal(open_database(url)), FakeSink(), 0
    for machine, recorded_at in (("A", 0), ("B", DAY_MS), ("B", 4 * DAY_MS), ("A", 4 * DAY_MS + 1), ("C", 9 * DAY_MS)):
        changes = [change(number + more, subject=machine) for more in range(1, 4)]
        number += 3
        journal.record(changes, recorded_at)
        with closing(SharedCursors(open_database(url))) as own:
            publisher = AlertPublisher("mqtt", sink, journal, own)
            while await publisher.step():
                pass
    journal.record([change(number + 1)], 10 * DAY_MS)
    journal.record([change(number + 2)], 14 * DAY_MS)  # the first one waited for four days
    with closing(SharedCursors(open_database(url))) as own:
        await AlertPublisher("mqtt", sink, journal, own).step()
    assert sink.taken == [*range(1, number + 3)]
