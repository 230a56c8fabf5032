"""Loads, manifests and indicators on boards: written as they change, and none left where it was."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devices.db.database import open_database
from devices.readings.series import CITY_LOADS_MEASUREMENT, INDICATOR_MEASUREMENT, MANIFEST_MEASUREMENT, Point
from ingest.boards.city_feed import COMMITTED_WITHIN_MS, CityFeed
from ingest.boards.city_points import midnight_ms
from ingest.boards.feed import open_cursors
from ingest.store import StoreUnavailable
from rules.indicators.board_rows import BoardRows
from tests.closing import closed_later
from tests.rules.indicators.small_city import Bridges, ms, small_city
from tests.rules.indicators.test_store import issue

DAY = "2026-07-01"


class Shown:
    """A store in memory: a row that is written again replaces the former one."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, tuple[tuple[str, str], ...], int], dict[str, Any]] = {}
        self.is_away = False
        self.written = 0

    async def write(self, points: Sequence[Point]) -> None:
        if self.is_away:
            raise StoreUnavailable("away", retry_after=None)
        for point in points:
            self.written += 1
            self.rows.setdefault((point.measurement, point.tags, point.ts), {}).update(point.fields)

    def loads(self) -> dict[tuple[str, str, str], tuple[float, int]]:
        """By day, site and stream: kilograms and loads, where there are some."""
        return {
            (str(ts), dict(tags)["site"], dict(tags)["stream"]): (row["net_kg"], row["loads"])
            for (measurement, tags, ts), row in self.rows.items()
            if measurement == CITY_LOADS_MEASUREMENT and row["loads"]
        }

    def of(self, measurement: str) -> list[dict[str, Any]]:
        return [row for (name, _, _), row in self.rows.items() if name == measurement]


class Boards:
    """The feed beside the small city, begun anew with each writing."""

    def __init__(self, folder: Path, bridges: Bridges) -> None:
        self._folder, self.bridges, self.shown, self.now = folder, bridges, Shown(), ms(DAY, 14)

    def write(self) -> None:
        bridges = self.bridges
        cursors = closed_later(open_cursors(self._folder))

        def report() -> Any:
            return bridges.report(bridges.asked(DAY, DAY, self.now))

        feed = CityFeed(self.shown, BoardRows(bridges.engine), lambda: bridges.city, report, cursors, lambda: self.now)

        async def all_of_it() -> None:
            await feed.write_loads()
            await feed.write_manifests()
            await feed.write_indicators()

        asyncio.run(all_of_it())


@pytest.fixture
def boards(tmp_path: Path) -> Iterator[Boards]:
    engine = open_database(f"sqlite:///{tmp_path / 'db'}")
    yield Boards(tmp_path, Bridges(engine))
    engine.dispose()


def test_a_load_that_changes_its_stream_leaves_nothing_in_the_row_where_it_was(boards: Boards) -> None:
    bridges, at = boards.bridges, str(midnight_ms(DAY))
    sent = bridges.load(DAY, "tip", "spoil", 10_000)
    bridges.load(DAY, "tip", "spoil", 15_000, hour=13)
    boards.write()
    assert boards.shown.loads() == {(at, "tip", "spoil"): (25_000, 2)}
    bridges.load(DAY, "tip", "slurry", 9_000, hour=12.5, plate=sent.plate, ticket="C1", corrects=sent.ticket)
    boards.write()
    assert boards.shown.loads() == {(at, "tip", "spoil"): (15_000, 1), (at, "tip", "slurry"): (9_000, 1)}
    last = bridges.load(DAY, "tip", "slurry", 9_000, hour=13.5, plate="晋ET2", ticket="C2", corrects="N2")
    boards.write()
    assert last.ticket == "C2"
    assert boards.shown.loads() == {(at, "tip", "slurry"): (18_000, 2)}
    [gone] = [row for row in boards.shown.of(CITY_LOADS_MEASUREMENT) if not row["loads"]]
    assert (gone["net_kg"], gone["label"], gone["label_zh"]) == (0.0, "Tip", "tip场")


def test_a_late_load_changes_the_row_of_its_own_day(boards: Boards) -> None:
    boards.bridges.load("2026-07-02", "tip", "spoil", 10_000)
    boards.write()
    boards.bridges.load(DAY, "tip", "spoil", 7_000, hour=0, at=ms("2026-07-09"))
    boards.write()
    days = {day: kg for (day, _, _), (kg, _) in boards.shown.loads().items()}
    assert days == {str(midnight_ms("2026-07-02")): 10_000, str(midnight_ms(DAY)): 7_000}


def test_what_a_bridge_writes_as_material_makes_no_series(boards: Boards) -> None:
    for n in range(9):
        boards.bridges.load(DAY, "tip", f"mix {n}", 1_000, hour=1 + n)
    boards.bridges.load(DAY, "tip", None, 1_000, hour=11)
    boards.write()
    assert {stream: loads for (_, _, stream), (_, loads) in boards.shown.loads().items()} == {"other": 9, "unknown": 1}


def test_nothing_is_written_twice_while_nothing_changes_and_all_again_after_an_outage(boards: Boards) -> None:
    boards.bridges.load(DAY, "tip", "spoil", 10_000)
    issue(boards.bridges, "1", "in_transit")
    boards.shown.is_away = True
    with pytest.raises(StoreUnavailable):
        boards.write()
    boards.shown.is_away = False
    boards.write()
    assert len(boards.shown.loads()) == len(boards.shown.of(MANIFEST_MEASUREMENT)) == 1
    before = boards.shown.written
    boards.write()
    assert boards.shown.written - before == len(boards.shown.of(INDICATOR_MEASUREMENT))


def test_the_row_of_a_manifest_stays_one_though_its_truck_changes_fleet(boards: Boards) -> None:
    bridges = boards.bridges
    city = small_city()
    issue(bridges, "1", "in_transit", recorded_at=boards.now - 5)
    issue(bridges, "2", "overdue", vehicle="VT2", recorded_at=boards.now - 5)
    bridges.city = replace(city, devices={**city.devices, "T1": replace(city.devices["T1"], fleet="danhe")})
    boards.write()
    bridges.city = replace(city, devices={**city.devices, "T1": replace(city.devices["T1"], fleet="qinhe")})
    boards.now += COMMITTED_WITHIN_MS // 2
    boards.write()
    rows = boards.shown.of(MANIFEST_MEASUREMENT)
    assert {(row["number"], row["state"], row["open"], row["overdue"]) for row in rows} == {
        ("1", "in_transit", 1, 0),
        ("2", "overdue", 1, 1),
    }
    assert len(rows) == 2


def test_an_indicator_that_loses_its_value_is_not_shown(boards: Boards) -> None:
    boards.bridges.load(DAY, "tip", "spoil", 10_000)
    boards.write()
    [before] = [row for row in boards.shown.of(INDICATOR_MEASUREMENT) if row["name_zh"] == "消纳量"]
    assert (before["shown"], before["why"]) == (1, "")
    boards.bridges.load(DAY, "tip", "rubbish", 10_000, hour=13)
    boards.write()
    [after] = [row for row in boards.shown.of(INDICATOR_MEASUREMENT) if row["name_zh"] == "消纳量"]
    assert after["shown"] == 0
    assert "不明" in after["why_zh"]
