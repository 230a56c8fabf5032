"""From messages in the raw log to sessions in the database, through the recorder's file."""

from collections.abc import Iterator, Sequence
from dataclasses import replace as replaced
from pathlib import Path

import pytest
from sqlalchemy import Engine

from devices.city.model import City, Device, DeviceRole, Vehicle
from devices.db.database import DatabaseUnavailable, open_database
from devices.readings.models import Weighing
from ingest.recorder.weighing_rows import read_weighings
from ingest.weighings import keeper
from ingest.weighings.keeper import SessionKeeper
from rules.weighing import tables
from rules.weighing.model import SessionFilter
from rules.weighing.revisions import Changed
from rules.weighing.store import SessionStore
from tests.ingest.recorder.parts import CITY as CITY_OF_PARTS
from tests.ingest.recorder.parts import NOW, T0, Bench
from tests.rules.town import town

CITY: City = replaced(
    CITY_OF_PARTS,
    devices={
        **CITY_OF_PARTS.devices,
        "w-1": Device("w-1", DeviceRole.WEIGHBRIDGE, site_id="tip"),
        "truck-1": Device("truck-1", DeviceRole.TRUCK, vehicle_id="v-1"),
    },
    vehicles={"v-1": Vehicle("v-1", "晋ED0101")},
    sites={"tip": town().sites["tip"]},
)


def ticket(minute: int, gross_kg: float, tare_kg: float | None = None, number: str = "A") -> Weighing:
    net_kg = None if tare_kg is None else gross_kg - tare_kg
    return Weighing(
        device_id="w-1", ts=T0 + 60_000 * minute, gross_kg=gross_kg, tare_kg=tare_kg, net_kg=net_kg, ticket=number,
        direction="in" if tare_kg is None else "out", plate="晋E·D0101",
    )  # fmt: skip


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_database(f"sqlite:///{tmp_path / 'haulwatch.db'}")
    tables.metadata.create_all(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, city=CITY)


def kept(engine: Engine, bench: Bench, city: City = CITY) -> SessionKeeper:
    path = bench.state_path
    return SessionKeeper(
        SessionStore(engine, lambda: city),
        lambda: city,
        lambda file_id, after, limit: read_weighings(path, file_id, after, limit),
        lambda: NOW,
    )


def nets(engine: Engine) -> list[float | None]:
    return [one.net_kg for one in SessionStore(engine, lambda: CITY).every(SessionFilter())]


async def record(bench: Bench, *readings: Weighing) -> None:
    recorder = bench.start()
    bench.receive(*readings)
    while await recorder.step():
        pass
    await recorder.finish()


async def test_what_the_recorder_stored_becomes_sessions_each_once(engine: Engine, bench: Bench) -> None:
    await record(bench, ticket(0, 27_840), ticket(3, 27_840, 12_500), ticket(0, 27_840))
    keeping = kept(engine, bench)
    keeping.keep()
    keeping.keep()
    assert nets(engine) == [15_340]
    await record(bench, ticket(40, 26_000, 12_500, "B"), ticket(3, 27_840, 12_500))
    kept(engine, bench).keep()
    assert nets(engine) == [13_500, 15_340]


async def test_more_than_one_read_holds_is_taken_read_by_read(
    engine: Engine, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "ROWS_PER_READ", 2)
    await record(bench, *(ticket(10 * n, 26_000 + n, 12_500, f"{n}") for n in range(5)))
    kept(engine, bench).keep()
    assert len(nets(engine)) == 5


async def test_a_new_file_of_the_recorder_is_read_from_its_start(engine: Engine, bench: Bench, tmp_path: Path) -> None:
    await record(bench, ticket(3, 27_840, 12_500))
    keeping = kept(engine, bench)
    keeping.keep()
    (tmp_path / "again").mkdir()
    other = Bench(tmp_path / "again", city=CITY)
    await record(other, ticket(3, 27_840, 12_500), ticket(40, 26_000, 12_500, "B"))
    kept(engine, other).keep()
    assert nets(engine) == [13_500, 15_340]


async def test_weights_of_a_scale_that_moves_are_no_rows(engine: Engine, bench: Bench, tmp_path: Path) -> None:
    moving = Weighing(device_id="w-1", ts=T0, gross_kg=9_000.0, ticket="A", direction="in", stable=False)
    await record(bench, moving)
    file_id = read_weighings(bench.state_path, "", 0, 9).file_id
    assert read_weighings(bench.state_path, file_id, 0, 9) == (file_id, ())
    assert read_weighings(tmp_path / "none.db", "", 0, 9) == ("", ())


async def test_a_registry_that_changes_has_unknown_trucks_looked_up_again(engine: Engine, bench: Bench) -> None:
    await record(bench, ticket(3, 27_840, 12_500))
    nobody = replaced(CITY, vehicles={})
    keeping = kept(engine, bench, nobody)
    keeping.keep()
    [before] = SessionStore(engine, lambda: CITY).every(SessionFilter(unmatched=True))
    assert before.plate == "晋E·D0101"
    kept(engine, bench, replaced(CITY, revision=1)).keep()
    [after] = SessionStore(engine, lambda: CITY).every(SessionFilter())
    assert (after.vehicle_id, after.vehicle) == ("v-1", "truck-1")


class Away:
    """A database that does not answer the first time."""

    def __init__(self, store: SessionStore) -> None:
        self._store, self.calls = store, 0

    def progress(self, source: str, /) -> int:
        return self._store.progress(source)

    def take(self, source: str, last: int, found: Sequence[Weighing], now: int, /) -> Changed:
        self.calls += 1
        if self.calls == 1:
            raise DatabaseUnavailable("down")
        return self._store.take(source, last, found, now)

    def rematch(self, now: int, since: int, /) -> Changed:
        return self._store.rematch(now, since)


async def test_what_the_database_could_not_take_is_taken_the_next_time(engine: Engine, bench: Bench) -> None:
    await record(bench, ticket(3, 27_840, 12_500))
    away = Away(SessionStore(engine, lambda: CITY))
    path = bench.state_path
    keeping = SessionKeeper(
        away, lambda: CITY, lambda file_id, after, limit: read_weighings(path, file_id, after, limit), lambda: NOW
    )
    with pytest.raises(DatabaseUnavailable):
        keeping.keep()
    assert nets(engine) == []
    keeping.keep()
    assert nets(engine) == [15_340]
