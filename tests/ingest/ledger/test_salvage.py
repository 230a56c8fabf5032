"""Spoiled pages in `recorder.db`: what can be read goes on, what is lost is named, every reading is in the store."""

import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from devices.city.model import Device, DeviceRole
from ingest.ledger.dead_letters import DeadLetters
from ingest.ledger.salvage import salvage_if_spoiled
from ingest.store import StoreUnavailable
from ingest.store.sqlite import SqliteStore
from tests.ingest.recorder.parts import CITY, Bench, position
from tests.spoiled import spoil_pages

TRUCKS = [f"truck-{number:03}" for number in range(300)]


class Away(SqliteStore):
    """Takes no reading."""

    async def write_lines(self, lines: Sequence[str]) -> None:
        raise StoreUnavailable("no route")


def busy(folder: Path) -> Bench:
    """A file of some hundred pages: three hundred devices, hundreds of dead letters."""
    city = replace(CITY, devices={truck: Device(truck, DeviceRole.TRUCK) for truck in TRUCKS})
    return Bench(folder, city=city, batch_records=100)


def send(bench: Bench, start: int, seconds: int) -> None:
    for second in range(start, start + seconds):
        bench.receive(*(position(second, device=truck) for truck in TRUCKS[second % 3 :: 3]))
        bench.receive_raw(f"haulwatch/v1/{TRUCKS[second]}/position", b"noise " * 300)


async def test_what_can_be_read_goes_on_and_every_reading_is_stored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Real pages of the real file at random places, with half of the log still to be recorded."""
    salvaged, kept_letters = 0, 0
    for seed in range(10):
        dice, bench = random.Random(seed), busy(tmp_path / str(seed))
        send(bench, 0, 30)
        await bench.drain()
        send(bench, 30, 10)
        spoil_pages(bench.state_path, dice, pages=dice.choice((1, 2)))
        salvaged += salvage_if_spoiled(bench.state_path, partial(dict, {0: bench.log.committed["recorder"]}))
        ledger = await bench.drain()
        assert ledger.balanced, f"seed {seed}"
        assert await bench.store.count("position") == 40 * 100, f"seed {seed}"
        kept_letters += len(DeadLetters(bench.state_path).list(limit=500))
        await bench.store.close()
    assert salvaged > 6
    assert kept_letters > 10 * 30, "most of the quarantine is saved"
    assert "going on after offset" in caplog.text


async def test_a_batch_that_was_never_written_is_recorded_again(tmp_path: Path) -> None:
    """Every page of the file is spoiled, and with it the outbox: the note in the raw log says where to begin."""
    bench = busy(tmp_path)
    send(bench, 0, 5)
    await bench.drain()
    send(bench, 5, 5)

    away = Away(tmp_path / "points.db")
    recorder = bench.start(store=away)
    with suppress(StoreUnavailable):
        while await recorder.step():
            pass
    await away.close()
    spoil_pages(bench.state_path, random.Random(1), pages=10_000)
    assert salvage_if_spoiled(bench.state_path, lambda: {0: bench.log.committed["recorder"]})
    ledger = await bench.drain()
    assert ledger.balanced
    assert await bench.store.count("position") == 10 * 100
    await bench.store.close()


def test_a_sound_file_and_no_file_are_left_alone(tmp_path: Path) -> None:
    assert not salvage_if_spoiled(tmp_path / "recorder.db", dict)
    assert list(tmp_path.iterdir()) == []
