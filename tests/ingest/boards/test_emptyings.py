"""Emptyings from raw log to store: judged, kept with the checkpoint, fed to the boards, refuted by late readings."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from devices.readings.series import EMPTYING_FIELDS, EMPTYING_MEASUREMENT, EMPTYING_TAGS
from ingest.boards.emptyings import EmptyingFeed, emptying_points
from ingest.boards.feed import open_cursors
from ingest.judge.checkpoint import Checkpoint, JudgeState
from ingest.judge.emptyings import MOST_ROWS, EmptyingRow, read_emptyings
from ingest.store.sqlite import SqliteStore
from rules.detectors.bin_overflow.judgement import BinOverflow
from rules.engine.engine import RuleEngine
from rules.engine.rows.unwritten import Row
from rules.tracking.emptyings import Emptying, EmptyingSpan
from tests.closing import closed_later
from tests.ingest.judge.saving import save
from tests.rules.town import T0, fills, town

CITY = town()
MINUTE_MS = 60_000


class Bins:
    """An engine with its judge's file, and the feed from there to a store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = RuleEngine(CITY, [BinOverflow()])
        self.state = closed_later(JudgeState(folder / "judge.db"))
        self.store = SqliteStore(folder / "readings.db")
        self.offset, self.now = 0, 0

    def hear(
        self, *levels: float, start_s: int = 0, every_s: int = 60, quiet_s: int = 900, part: str = "paper"
    ) -> None:
        """Judge readings, those before the newest as they come late, and write a checkpoint."""
        for reading in fills(levels, start_s=start_s, every_s=every_s, deposits=1, part=part):
            self.now = max(self.now, reading.ts)
            self.engine.receive(self.now)
            self.engine.judge(reading)
        self.engine.advance(quiet_s * 1000)
        self.now += quiet_s * 1000
        assert not self.engine.failures
        self.save()

    def save(self) -> None:
        self.offset += 1
        unwritten = self.engine.begin_saving()
        unwritten.make_all()
        save(self.state, Checkpoint(self.offset, unwritten.fleet), unwritten.take(0, 0))
        self.engine.end_saving()

    def restart(self) -> None:
        self.state.close()
        self.state = closed_later(JudgeState(self.folder / "judge.db"))
        loaded = self.state.load(0)
        assert loaded is not None
        self.engine = RuleEngine(CITY, [BinOverflow()])
        self.engine.restore(loaded.fleet, loaded.devices)

    async def shown(self) -> list[tuple[int, float, float, int]]:
        """Minute, level before and after, and whether it counts, as the store has them after the feed wrote."""
        path = self.folder / "judge.db"
        feed = EmptyingFeed(
            self.store,
            lambda: CITY,
            lambda file_id, after, limit: read_emptyings(path, file_id, after, limit),
            closed_later(open_cursors(self.folder)),
        )
        await feed.write()
        rows = await self.store.rows(EMPTYING_MEASUREMENT, "P01", 0, T0 * 2, limit=99)
        return [
            ((row.ts - T0) // MINUTE_MS, *(row.fields[name] for name in ("from_pct", "to_pct", "counted")))  # type: ignore[misc]
            for row in rows
        ]


@pytest.fixture
async def bins(tmp_path: Path) -> Any:
    made = Bins(tmp_path)
    yield made
    await made.store.close()


async def test_an_emptying_is_on_the_boards_after_the_next_checkpoint(bins: Bins) -> None:
    assert await bins.shown() == []
    bins.hear(80, 81, 82, 5, 6)
    assert await bins.shown() == [(3, 82, 6, 1)]
    bins.hear(20, 40, 60, 75, 4, 4, start_s=7_200, every_s=1_800)
    assert await bins.shown() == [(3, 82, 6, 1), (240, 75, 4, 1)]


async def test_a_restart_changes_nothing_and_forgets_nothing(bins: Bins) -> None:
    bins.hear(80, 81, 82, 5, quiet_s=0)
    bins.restart()
    bins.hear(6, 7, start_s=240)
    assert await bins.shown() == [(3, 82, 6, 1)]
    numbers = [row.no for row in rows_of(bins.folder)]
    bins.restart()
    bins.hear(8, start_s=1_800)
    assert [row.no for row in rows_of(bins.folder)] == numbers


async def test_readings_that_come_late_move_an_emptying(bins: Bins) -> None:
    """The bin was empty before a blind stretch began to be heard; what it buffered shows when."""
    bins.hear(80, 81, 82)
    bins.hear(5, 6, 7, start_s=7_200)
    assert await bins.shown() == [(120, 82, 6, 1)]
    bins.hear(83, 84, 3, 4, start_s=3_600, quiet_s=3_600)
    assert await bins.shown() == [(62, 84, 4, 1), (120, 82, 6, 0)]


async def test_a_judge_file_that_was_set_aside_counts_anew(bins: Bins) -> None:
    bins.hear(80, 81, 82, 5, 6)
    await bins.shown()
    bins.state.begin_anew("spoiled")
    bins.engine = RuleEngine(CITY, [BinOverflow()])
    bins.hear(80, 81, 82, 5, 6)
    bins.hear(80, 81, 82, 5, 6, part="plastic", start_s=3_600)
    assert await bins.shown() == [(3, 82, 6, 1), (63, 82, 6, 1)]


async def test_what_is_judged_again_from_the_start_withdraws_what_was_none(bins: Bins) -> None:
    bins.hear(80, 81, 82, 5, 6)
    bins.state.clear()
    bins.engine = RuleEngine(CITY, [BinOverflow()])
    bins.hear(80, 81, 82, 5, 82, 81)
    assert await bins.shown() == [(3, 82, 6, 0)]


def rows_of(folder: Path) -> list[EmptyingRow]:
    path = folder / "judge.db"
    return list(read_emptyings(path, read_emptyings(path, "", 0, 0).file_id, 0, 1_000).rows)


def test_of_what_lies_outside_a_span_nothing_is_withdrawn(tmp_path: Path) -> None:
    """A compartment that begins anew, as after a step of its clock, does not know what was before."""
    former, later = (Emptying("paper", T0 + n, T0 + n - 1, 90.0, 5.0) for n in (10, 20))
    with closing(JudgeState(tmp_path / "judge.db")) as state:
        for n, span in enumerate(
            (EmptyingSpan("paper", T0, T0 + 15, (former,)), EmptyingSpan("paper", T0 + 18, T0 + 30, (later,)))
        ):
            save(state, Checkpoint(n + 1, b""), [Row("P01", b"", {}, [span])])
    assert [(row.emptying, row.withdrawn) for row in rows_of(tmp_path)] == [(former, False), (later, False)]


def test_the_file_does_not_grow_without_end(tmp_path: Path) -> None:
    with closing(JudgeState(tmp_path / "judge.db")) as state:
        many = tuple(Emptying("paper", T0 + n, T0 + n - 1, 90.0, 5.0) for n in range(10))
        save(state, Checkpoint(1, b""), [Row("P01", b"", {}, [EmptyingSpan("paper", T0, T0 + 99, many)])])
    with closing(sqlite3.connect(tmp_path / "judge.db")) as db, db:
        db.execute("UPDATE emptying SET no = no + ? WHERE no > 5", (MOST_ROWS,))
    with closing(JudgeState(tmp_path / "judge.db")) as state:
        one_more = (*many, Emptying("paper", T0 + 50, T0 + 49, 90.0, 5.0))
        save(state, Checkpoint(2, b""), [Row("P01", b"", {}, [EmptyingSpan("paper", T0, T0 + 99, one_more)])])
    assert len(rows_of(tmp_path)) == 6


@pytest.mark.parametrize("content", [None, b"", b"no database at all" * 100])
def test_without_a_file_there_are_none(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "judge.db").write_bytes(content)
    assert read_emptyings(tmp_path / "judge.db", "", 0, 10) == ("", ())


def test_a_point_has_the_tags_and_fields_of_the_schema() -> None:
    emptying = Emptying("paper", T0, T0 - 1, 86.3, 4.1)
    known, unknown = emptying_points(
        [EmptyingRow(1, "P01", emptying, withdrawn=False), EmptyingRow(2, "gone", emptying, withdrawn=True)], CITY
    )
    assert set(known.fields) == set(EMPTYING_FIELDS)
    assert {name for name, _ in known.tags} <= set(EMPTYING_TAGS)
    assert list(known.tags) == sorted(known.tags)
    assert (known.fields["fell_points"], known.fields["counted"], unknown.fields["counted"]) == (82.2, 1, 0)
    assert dict(unknown.tags) == {"compartment": "paper", "device": "gone"}
