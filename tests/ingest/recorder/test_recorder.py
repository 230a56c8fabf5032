"""Stories of readings that end as stored, duplicate or quarantined, and of the ledger that counts them."""

import tarfile
import tracemalloc
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from devices.city.model import City, Device, DeviceRole
from devices.city.sites import Validity
from devices.codecs.native import NATIVE, encode, encode_array
from devices.codecs.registry import decode
from devices.codecs.topics import reading_topic
from devices.geo.geometry import LatLon
from devices.readings.models import Kind, Position
from devices.readings.refusals import Reason
from devices.readings.series import MAX_COMPARTMENTS
from ingest.ledger.dead_letters import DeadLetters
from ingest.ledger.report import read_ledger
from ingest.log.raw_log import RawLog, RawLogCorrupt
from ingest.log.records import TICK_TOPIC, LogRecord, RawMessage
from ingest.recorder.admit import MAX_UNREGISTERED
from ingest.recorder.recorder import Recorder
from ingest.recorder.state import RecorderState
from ingest.store.sqlite import SqliteStore
from tests.closing import closed_later
from tests.ingest.recorder.parts import CITY, NOW, T0, Bench, MemoryLog, counts, fill, position, topic_of


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_new_readings_are_stored_and_counted_per_device(bench: Bench) -> None:
    bench.receive(position(1), position(2), position(1, device="truck-2"), fill(1, "glass", 5.0), fill(1, "paper", 6.0))
    ledger = await bench.drain()
    assert counts(ledger) == {"received": 5, "stored": 5}
    assert counts(bench.line("truck-1")) == {"received": 2, "stored": 2}
    assert ledger.balanced
    assert ledger.exact
    assert [row.part for row in await bench.store.rows("fill", "point-1", T0, NOW, limit=9)] == ["glass", "paper"]


async def test_a_buffered_reading_sent_again_under_a_new_number_is_a_duplicate(bench: Bench) -> None:
    bench.receive(position(1, seq=1), position(2, seq=2), position(1, seq=7))
    assert counts(await bench.drain()) == {"received": 3, "stored": 2, "duplicate": 1}


@pytest.mark.parametrize("batch_records", [1, 2, 100])
async def test_the_first_of_two_contradicting_readings_stands(tmp_path: Path, batch_records: int) -> None:
    bench = Bench(tmp_path, batch_records=batch_records)
    bench.receive(position(5), position(5, lat=36.0), position(5), position(5, lat=36.0), position(5, lat=37.0))
    ledger = await bench.drain()
    assert counts(ledger) == {"received": 5, "stored": 1, "duplicate": 2, "quarantined": {"conflict": 2}}
    [row] = await bench.store.rows("position", "truck-1", T0, NOW, limit=9)
    assert row.fields["lat"] == 35.5
    assert [letter.shown for letter in DeadLetters(bench.state_path).list()] == [
        message.payload.decode() for message in (bench.log.messages[1], bench.log.messages[4])
    ]


async def test_hours_of_buffered_points_between_live_ones_are_new(bench: Bench) -> None:
    bench.receive(position(3600), position(10), position(3610), position(20), position(10))
    assert counts(await bench.drain()) == {"received": 5, "stored": 4, "duplicate": 1}


async def test_after_a_restart_the_store_is_asked_what_stands(bench: Bench) -> None:
    bench.receive(position(1), position(2), position(3))
    await bench.drain()
    bench.receive(position(1), position(2, lat=36.0), position(4))
    ledger = await bench.drain(bench.start())
    assert counts(ledger) == {"received": 6, "stored": 4, "duplicate": 1, "quarantined": {"conflict": 1}}


async def test_a_recorder_that_lost_its_file_overwrites_nothing(tmp_path: Path) -> None:
    first = Bench(tmp_path / "first")
    first.receive(position(1), position(2), position(3))
    await first.drain()
    second = Bench(tmp_path / "second")
    second.store = first.store
    second.batch_records = 1
    second.receive(position(1), position(2, lat=36.0), position(3), position(4))
    ledger = await second.drain()
    assert counts(ledger) == {"received": 4, "stored": 1, "duplicate": 2, "quarantined": {"conflict": 1}}


BAD = {
    "another/topic": (b"{}", Reason.FOREIGN_TOPIC),
    "haulwatch/v1/alerts/position": (b"{}", Reason.FOREIGN_TOPIC),
    "haulwatch/v1/truck-1/position": (b'{"ts":', Reason.BROKEN_JSON),
    "haulwatch/v1/truck-2/position": (b'"text"', Reason.NOT_A_READING),
    "haulwatch/v1/point-1/fill": (b'{"ts": 1700000000000}', Reason.MISSING_FIELD),
    "haulwatch/v1/truck-1/status": (b'{"ts": 1700000000000, "online": 1, "session": 1}', Reason.WRONG_TYPE),
    "haulwatch/v1/truck-2/status": (b'{"ts": 5, "online": true, "session": 1}', Reason.OUT_OF_BOUNDS),
    "haulwatch/v1/truck-1/throughput": (b"x" * 70_000, Reason.TOO_LARGE),
    "haulwatch/v1/truck-9/position": (b'{"ts": 1700000000000, "lat": 1.0, "lon": 2.0}', Reason.UNKNOWN_DEVICE),
    "haulwatch/v1/point-1/position": (
        b'{"device_id": "truck-1", "ts": 1700000000000, "lat": 1.0, "lon": 2.0}',
        Reason.FOREIGN_DEVICE,
    ),
    "haulwatch/v1/point-1/status": (b'{"ts": 1800000000000, "online": true, "session": 1}', Reason.FUTURE_TIME),
}


async def test_bad_input_is_quarantined_with_its_reason_and_stops_nothing(bench: Bench) -> None:
    for topic, (payload, _) in BAD.items():
        bench.receive_raw(topic, payload)
    bench.receive(position(1))
    ledger = await bench.drain()
    assert ledger.total.stored == 1
    assert sum(ledger.total.quarantined.values()) == len(BAD)
    assert ledger.balanced
    letters = DeadLetters(bench.state_path).list()
    assert {letter.topic: letter.reason for letter in letters} == {topic: reason for topic, (_, reason) in BAD.items()}
    assert all(letter.field for letter in letters)
    assert [DeadLetters(bench.state_path).payload(letter.id) for letter in letters] == [raw for raw, _ in BAD.values()]
    assert bench.line("(unknown)").quarantined == {"foreign_topic": 2}


async def test_a_topic_one_level_too_deep_is_foreign_although_a_compartment_has_its_name(bench: Bench) -> None:
    bench.receive(fill(1, "glass", 5.0))
    recorder = bench.start()
    await bench.drain(recorder)
    bench.receive_raw("haulwatch/v1/point-1/fill/glass", encode(fill(2, "glass", 6.0)))
    await bench.drain(recorder)
    assert bench.line("(unknown)").quarantined == {"foreign_topic": 1}
    assert counts(bench.line("point-1")) == {"received": 1, "stored": 1}


async def test_one_bad_element_of_an_array_leaves_its_neighbours(bench: Bench) -> None:
    good = [position(1), position(2)]
    payload = encode_array([*good]).removesuffix(b"]") + b',{"ts":1700000009000,"lat":"north","lon":1.0,"note":"kept"}]'
    bench.receive_raw(topic_of(good[0]), payload)
    assert counts(await bench.drain()) == {"received": 3, "stored": 2, "quarantined": {"wrong_type": 1}}
    [letter] = DeadLetters(bench.state_path).list()
    assert letter.shown == '{"ts":1700000009000,"lat":"north","lon":1.0,"note":"kept"}'


async def test_a_conflict_is_known_for_as_long_as_its_letter_is_kept(bench: Bench) -> None:
    bench.receive(position(1), position(1, lat=36.0), position(1, lat=36.0))
    assert counts(await bench.drain()) == {
        "received": 3,
        "stored": 1,
        "duplicate": 1,
        "quarantined": {"conflict": 1},
    }
    DeadLetters(bench.state_path).purge(before=NOW + 1)
    bench.receive(position(1, lat=36.0), position(1))
    assert counts(await bench.drain()) == {
        "received": 5,
        "stored": 1,
        "duplicate": 2,
        "quarantined": {"conflict": 2},
    }


async def test_a_conflict_inside_an_array_keeps_its_own_bytes(bench: Bench) -> None:
    readings = [position(1), position(1, lat=36.0), position(2)]
    bench.receive_raw(topic_of(readings[0]), encode_array([*readings]))
    assert counts(await bench.drain()) == {"received": 3, "stored": 2, "quarantined": {"conflict": 1}}
    [letter] = DeadLetters(bench.state_path).list()
    assert decode(reading_topic("truck-1", Kind.POSITION), letter.shown.encode()) == [readings[1]]


async def test_arrays_full_of_nonsense_are_committed_a_few_at_a_time(bench: Bench) -> None:
    for _ in range(8):
        bench.receive_raw(
            "haulwatch/v1/truck-1/position", b"[" + b'{"ts": "no number, but long enough"},' * 1_699 + b"{}]"
        )
    bench.receive(position(1))
    recorder = bench.start()
    assert await recorder.step() < 8, "two thousand of these at once would fit into no process"
    ledger = await bench.drain(recorder)
    assert counts(ledger) == {
        "received": 13_601,
        "stored": 1,
        "quarantined": {"wrong_type": 8 * 1_699, "missing_field": 8},
    }


def test_made_up_topics_are_not_kept_in_memory() -> None:
    tracemalloc.start()
    for number in range(300):
        assert NATIVE.device_of(f"haulwatch/v1/{number:060000}/position") == ""
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 5_000_000


async def test_a_lost_log_is_read_from_its_start_and_nothing_is_skipped(bench: Bench) -> None:
    bench.receive(position(1), position(2), position(3))
    await bench.drain()
    bench.log = MemoryLog()
    bench.receive(position(3), position(4))
    assert counts(await bench.drain(bench.start())) == {"received": 5, "stored": 4, "duplicate": 1}


async def test_ticks_are_not_messages(bench: Bench) -> None:
    bench.receive_raw(TICK_TOPIC, b"1000")
    bench.receive(position(1))
    bench.receive_raw(TICK_TOPIC, b"1000")
    assert counts(await bench.drain()) == {"received": 1, "stored": 1}
    assert bench.log.committed == {"recorder": 3}


async def test_a_device_is_admitted_by_the_current_city(bench: Bench) -> None:
    bench.receive(position(1, device="truck-7"))
    recorder = bench.start()
    assert counts(await bench.drain(recorder)) == {"received": 1, "quarantined": {"unknown_device": 1}}
    bench.city = City(
        "test", "Test", "试", "UTC", LatLon(35.5, 112.8), devices={"truck-7": Device("truck-7", DeviceRole.TRUCK)}
    )
    bench.receive(position(2, device="truck-7"))
    ledger = await bench.drain(recorder)
    assert counts(ledger) == {"received": 2, "stored": 1, "quarantined": {"unknown_device": 1}}


async def test_a_device_outside_its_validity_is_unknown_then(bench: Bench) -> None:
    device = Device("truck-1", DeviceRole.TRUCK, validity=Validity(T0 + 5_000, None))
    bench.city = City("test", "Test", "试", "UTC", LatLon(35.5, 112.8), devices={"truck-1": device})
    bench.receive(position(4), position(5))
    assert counts(await bench.drain()) == {"received": 2, "stored": 1, "quarantined": {"unknown_device": 1}}


async def test_a_flood_of_made_up_ids_does_not_grow_the_ledger_without_bound(bench: Bench) -> None:
    flood = MAX_UNREGISTERED + 50
    for half in (range(flood // 2), range(flood // 2, flood)):
        bench.receive(*(position(1, device=f"made-up-{number}") for number in half))
        await bench.drain(bench.start())
    bench.receive(position(1))
    ledger = await bench.drain(bench.start())
    assert len(ledger.devices) == MAX_UNREGISTERED + 2
    assert bench.line("(unknown)").quarantined == {"unknown_device": 50}
    assert bench.line("truck-1").stored == 1
    assert ledger.total.received == flood + 1
    assert ledger.balanced


async def test_a_recycling_point_cannot_make_up_compartments_without_bound(bench: Bench) -> None:
    made_up = [f"c{number}" for number in range(MAX_COMPARTMENTS + 5)]
    bench.receive(*(fill(1, part, 5.0) for part in made_up[:20]))
    await bench.drain(bench.start())
    bench.receive(*(fill(2, part, 5.0) for part in reversed(made_up)))
    await bench.drain(bench.start())
    refused = {"too_many_compartments": 5}
    expected = {"received": 20 + 37, "stored": 20 + 32, "quarantined": refused}
    assert counts(bench.line("point-1")) == expected, "the first 32 it sent, those of an earlier process among them"
    bench.receive(fill(3, "c21", 5.0), fill(3, "c36", 5.0))
    await bench.drain(bench.start())
    assert bench.line("point-1").quarantined == {"too_many_compartments": 6}
    details = {letter.detail for letter in DeadLetters(bench.state_path).list()}
    assert "compartment: 'c21' would be one more than the 32 that a device may have" in details
    assert bench.ledger().balanced


class SpoiledLog(MemoryLog):
    """The disk has spoiled record 2."""

    def read(self, after: int, limit: int) -> list[LogRecord]:
        if after == 1:
            raise RawLogCorrupt(Path("segment"), 2, "checksum does not match")
        return super().read(after, limit if after > 1 else 1)


async def test_a_spoiled_record_of_the_log_is_counted_and_skipped(tmp_path: Path) -> None:
    bench = Bench(tmp_path, log=SpoiledLog())
    bench.receive(position(1), position(2), position(3))
    assert counts(bench.ledger()) == {"received": 3, "queued": 3}
    ledger = await bench.drain()
    assert counts(ledger) == {"received": 3, "stored": 2, "quarantined": {"not_a_reading": 1}}
    assert ledger.balanced
    [letter] = DeadLetters(bench.state_path).list()
    assert "checksum" in letter.detail
    assert bench.line("(unknown)").first_seen is None


async def test_a_real_raw_log_is_read_and_released(tmp_path: Path) -> None:
    log = RawLog(tmp_path / "log", segment_bytes=1)
    for second in range(5):
        log.append([RawMessage(topic_of(position(second)), encode(position(second)), NOW)])
    store = SqliteStore(tmp_path / "points.db")
    recorder = Recorder(
        log, store, closed_later(RecorderState(tmp_path / "recorder.db")), lambda: CITY, batch_records=2
    )
    assert [await recorder.step() for _ in range(4)] == [2, 2, 1, 0]
    assert log.committed() == {"recorder": 5}
    assert counts(read_ledger(tmp_path / "recorder.db", log)) == {"received": 5, "stored": 5}
    await store.close()
    log.close()


def jersey_city_rows(folder: Path) -> list[tuple[Position, int]]:
    """The polled feed as messages: files in time order, rows in file order; (reading, poll time in ms)."""
    eastern, rows = ZoneInfo("US/Eastern"), []
    [archive] = (folder / "jersey_city_garbage_trucks").glob("minute_snapshots_*.tar.gz")
    with tarfile.open(archive) as tar:
        for member in sorted(tar.getmembers(), key=lambda member: member.name):
            content = tar.extractfile(member)
            if content is None:
                continue
            stamp = Path(member.name).stem.removeprefix("jc-data-") + "+0000"
            polled = int(datetime.strptime(stamp, "%m%d%y-%H%M%S%z").timestamp() * 1000)
            for line in content.read().decode().splitlines():
                lat, lon, truck, _, local = line.split("|")
                ts = int(datetime.fromisoformat(local).replace(tzinfo=eastern).timestamp() * 1000)
                rows.append((Position(device_id=f"jc-{truck}", ts=ts, lat=float(lat), lon=float(lon)), polled))
    return rows


@pytest.mark.recording
async def test_three_hours_of_a_real_polled_feed(tmp_path: Path, recordings: Path) -> None:
    rows = jersey_city_rows(recordings)
    trucks = sorted({reading.device_id for reading, _ in rows})
    devices = {truck: Device(truck, DeviceRole.TRUCK) for truck in trucks}
    bench = Bench(tmp_path, City("jc", "Jersey City", "泽西", "US/Eastern", LatLon(40.7, -74.1), devices=devices))
    late = 24 * 3_600_000  # some stamps of the feed are minutes ahead of its own poll
    bench.log.append(
        [
            RawMessage(
                topic_of(reading),
                b'{"ts":%d,"lat":%r,"lon":%r}' % (reading.ts, reading.lat, reading.lon),
                polled + late,
            )
            for reading, polled in rows
        ]
    )
    ledger = await bench.drain()
    assert len(rows) == 25_020
    assert counts(ledger) == {
        "received": 25_020,
        "stored": 2_559,
        "duplicate": 25_020 - 2_559 - 442,
        "quarantined": {"conflict": 442},
    }
    assert ledger.balanced
    assert await bench.store.count("position") == 2_559
