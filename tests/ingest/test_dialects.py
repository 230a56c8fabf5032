"""What a device is registered with decides how its messages are read, and which are refused."""

import asyncio
import json
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.city.model import City, Device, DeviceRole, Profile
from devices.codecs.codec import Flaw
from devices.codecs.registry import dialect_of
from devices.readings.models import Fill, Kind
from devices.readings.refusals import Reason, Refusal
from devices.readings.series import SeriesKey
from ingest.admission import refusal_of_flaw
from ingest.evidence.archive import read_archive
from ingest.evidence.verification import verify
from ingest.judge.judge_record import judge_record
from ingest.judge.rejudge import fleet_times, rejudge
from ingest.judge.replay import every_record, shuffled
from ingest.ledger.dead_letters import DeadLetters
from ingest.log.kafka.record_format import is_for_all
from ingest.log.raw_log import RawLog
from ingest.log.records import LogRecord, RawMessage
from ingest.log.revisions import city_record
from ingest.recorder.decode import DecodedMessage, decode_records
from ingest.recorder.refill import refill_readings
from ingest.store import Instant
from ingest.store.sqlite import SqliteStore
from rules.alerts.model import AlertChange, Phase
from rules.catalogue import build_rules
from rules.engine.engine import RuleEngine
from tests.closing import closed_later
from tests.devices.codecs.meter import METER, MeterCodec, add_codec, metered
from tests.examples import examples
from tests.ingest.evidence.office import KEY, Office, message, with_ticks
from tests.ingest.recorder.parts import CITY, T0, Bench, counts, position
from tests.rules.town import T0 as TOWN_T0
from tests.rules.town import town

EVERY_MS: Final = 300_000
BEFORE: Final = (45,) * 10
"""Raw values while the profile says × 1. By the later profile they would be an alert."""
AFTER: Final = (25, 30, 35, 40, 44, 46, 47, 48, *[49] * 8)
"""Raw values from when it says × 2 on."""
LEVELS: Final = [*[45.0] * 10, 50.0, 60.0, 70.0, 80.0, 88.0, 92.0, 94.0, 96.0, *[98.0] * 8]
TIMES: Final = [TOWN_T0 + n * EVERY_MS for n in range(len(LEVELS))]


@pytest.fixture(autouse=True)
def meter(monkeypatch: pytest.MonkeyPatch) -> MeterCodec:
    codec = MeterCodec()
    add_codec(monkeypatch, codec)
    return codec


def with_meter(city: City, device_id: str, factor: float | None = 2.0, **other: object) -> City:
    """The city with a point that speaks the dialect, read by a profile of this factor."""
    device = Device(device_id, DeviceRole.RECYCLING_POINT, site_id="point", report_interval_s=300, dialect=METER)
    profiles = {} if factor is None else {"maker": Profile("maker", METER, {"factor": factor})}
    profile = "" if factor is None else "maker"
    fitted = replace(device, profile=profile, **other)  # type: ignore[arg-type]
    return replace(city, revision=city.revision + 1, devices={**city.devices, device_id: fitted}, profiles=profiles)


FIRST: Final = with_meter(town(), "P01", factor=1.0)
SECOND: Final = with_meter(FIRST, "P01", factor=2.0)


def changed_in_mid_log() -> list[RawMessage]:
    """Messages of a meter, with another profile of its maker registered among them."""
    raw = [*BEFORE, *AFTER]
    sent = [metered("P01", ts, value) for ts, value in zip(TIMES, raw, strict=True)]
    return [*with_ticks(sent[: len(BEFORE)]), city_record(SECOND, TIMES[len(BEFORE)]), *with_ticks(sent[len(BEFORE) :])]


def overflow(changes: Sequence[AlertChange]) -> list[tuple[str, str, int]]:
    return [(one.subject, one.phase, one.at) for one in changes if one.rule == "bin_overflow"]


def native_twin() -> list[tuple[str, str, int]]:
    """What the same levels lead to where a native device sends them."""
    sent = [
        message(Fill(device_id="P01", ts=ts, fill_pct=level), ts + 500) for ts, level in zip(TIMES, LEVELS, strict=True)
    ]
    native = [city_record(town(), TOWN_T0 - 1), *with_ticks(sent)]
    return overflow(rejudge([LogRecord(n, one) for n, one in enumerate(native, 1)], town(), build_rules()))


async def levels(store: SqliteStore, device_id: str, times: Sequence[int]) -> list[object]:
    instants = [Instant(SeriesKey(Kind.FILL, device_id, "main"), ts) for ts in times]
    found = await store.stored_fields(instants)
    return [found[instant]["fill_pct"] for instant in instants if instant in found]


async def test_recorder_and_refill_read_each_message_by_the_profile_before_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, city=SECOND)
    bench.log.append([city_record(FIRST, TOWN_T0 - 1), *changed_in_mid_log()])
    assert counts(await bench.drain()) == {"received": 52, "stored": 52}, "a level and a sign of life of each"
    assert await levels(bench.store, "P01", TIMES) == LEVELS
    fresh, letters = SqliteStore(tmp_path / "fresh.db"), DeadLetters(bench.state_path)
    await refill_readings(bench.log, fresh, letters, lambda: SECOND, tmp_path, lambda done: None)
    assert await levels(fresh, "P01", TIMES) == LEVELS
    await fresh.close()


STEPS: Final = st.lists(st.sampled_from(["message", "restart", 0.5, 1.0, 2.0]), max_size=12)


@settings(max_examples=examples(8, exploring=200), deadline=None)
@given(steps=STEPS)
def test_whenever_a_profile_changes_what_comes_is_read_by_the_last_one(steps: Sequence[object]) -> None:
    """Also across restarts; the oracle is the factor that was registered last."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), city=town(), batch_records=3)
        asyncio.run(_take(bench, steps))


async def _take(bench: Bench, steps: Sequence[object]) -> None:
    factor, revision, wanted = 1.0, 1, list[object]()
    bench.log.append([city_record(with_meter(town(), "P01", factor), TOWN_T0)])
    recorder = bench.start()
    for step in [*steps, "message"]:
        if step == "message":
            bench.log.append([metered("P01", TOWN_T0 + len(wanted) * EVERY_MS, 40)])
            wanted.append(40 * factor)
        elif step == "restart":
            await bench.drain(recorder)
            recorder = bench.start()
        else:
            factor, revision = float(cast("float", step)), revision + 1
            city = replace(with_meter(town(), "P01", factor), revision=revision)
            bench.log.append([city_record(city, TOWN_T0)])
    await bench.drain(recorder)
    times = [TOWN_T0 + n * EVERY_MS for n in range(len(wanted))]
    assert await levels(bench.store, "P01", times) == wanted
    await bench.store.close()


def test_judge_and_replay_read_each_message_by_the_profile_before_it(tmp_path: Path) -> None:
    wanted = native_twin()
    assert {phase for _, phase, _ in wanted} >= {Phase.PROVISIONAL, Phase.CONFIRMED}
    assert min(at for *_, at in wanted) > TIMES[len(BEFORE)], "by the later profile it would be full from the start"
    with closing(RawLog(tmp_path / "raw")) as log:
        log.append([city_record(FIRST, TOWN_T0 - 1), *changed_in_mid_log()])
        records = every_record(log)
    assert overflow(rejudge(records, SECOND, build_rules())) == wanted
    times = fleet_times(records, SECOND, build_rules())
    for seed in range(3):
        mixed = shuffled(records, times, seed)
        assert overflow(rejudge(mixed, SECOND, build_rules())) == wanted


def test_a_pack_reads_each_message_by_the_profile_before_it(tmp_path: Path) -> None:
    office = closed_later(Office(tmp_path, FIRST, changed_in_mid_log()))
    [alert_id] = office.alert_ids("bin_overflow")
    pack = office.export(alert_id)
    lines = map(json.loads, read_archive(pack)["readings/readings.jsonl"].decode().splitlines())
    found = {line["ts"]: line["fill_pct"] for line in lines if line["kind"] == Kind.FILL}
    wanted = dict(zip(TIMES, LEVELS, strict=True))
    assert found == {ts: wanted[ts] for ts in found}
    assert set(found) >= set(TIMES[len(BEFORE) - 1 : len(BEFORE) + 8]), "of before and after the change"
    assert verify(pack, KEY.public, "9.9.9").same


async def test_a_distance_becomes_a_level_by_the_depth_that_is_registered(tmp_path: Path) -> None:
    city = with_meter(CITY, "bin-7", depth_mm=1_600.0)
    city = replace(city, profiles={"maker": Profile("maker", METER, {"measures": "distance"})})
    bench = Bench(tmp_path, city=city)
    bench.log.append([metered("bin-7", T0, 400)])
    await bench.drain()
    assert await levels(bench.store, "bin-7", [T0]) == [75.0], "400 mm below a sensor that is 1,600 mm above the floor"


@pytest.mark.parametrize(("factor", "level"), [(None, 30.0), (2.0, 60.0)], ids=["default", "profile"])
async def test_an_unknown_device_waits_and_is_read_once_it_is_registered(
    tmp_path: Path, factor: float | None, level: float
) -> None:
    """Its level cannot be read before, and yet it waits as an unknown device, in one letter a message."""
    bench = Bench(tmp_path)
    bench.log.append([metered("bin-7", T0 + n * 1_000, 30) for n in range(3)])
    ledger = await bench.drain()
    assert counts(ledger) == {"received": 6, "quarantined": {"unknown_device": 6}}
    letters = DeadLetters(bench.state_path)
    found = letters.list()
    assert [(one.reason, one.field, one.stands_for) for one in found] == [(Reason.UNKNOWN_DEVICE, "device_id", 2)] * 3
    bench.city = with_meter(CITY, "bin-7", factor)
    letters.redrive_all([one.id for one in found], bench.log, T0 + 60_000)
    ledger = await bench.drain()
    assert counts(ledger) == {"received": 6, "stored": 6}
    assert ledger.balanced
    assert await levels(bench.store, "bin-7", [T0, T0 + 1_000, T0 + 2_000]) == [level] * 3


async def test_nobody_speaks_for_a_device_in_another_dialect(tmp_path: Path) -> None:
    bench = Bench(tmp_path, city=with_meter(CITY, "point-1"))
    bench.log.append([metered("truck-1", T0, 30), RawMessage("haulwatch/v1/truck-1/meter", b"noise", T0, METER)])
    bench.receive(Fill(device_id="point-1", ts=T0, fill_pct=40.0), position(1))
    ledger = await bench.drain()
    assert counts(ledger) == {"received": 5, "stored": 1, "quarantined": {"another_dialect": 4}}
    letters = DeadLetters(bench.state_path).list()
    assert {(one.device, one.field) for one in letters} == {("truck-1", "dialect"), ("point-1", "dialect")}
    detail = next(one.detail for one in letters if one.device == "point-1")
    assert "'point-1' is registered with the dialect meter, the message is native" in detail


def test_the_judge_takes_nothing_in_another_dialect() -> None:
    engine = RuleEngine(FIRST, build_rules())
    sent = [metered("P02", TOWN_T0, 30), message(Fill(device_id="P01", ts=TOWN_T0, fill_pct=95.0), TOWN_T0 + 500)]
    for offset, one in enumerate([*sent, metered("P01", TOWN_T0 + 1_000, 30)], 1):
        judge_record(engine, LogRecord(offset, one))
    engine.advance(600_000)
    assert engine.judged == {"P01": 2}, "its own level and sign of life"


def test_a_flaw_of_an_unfit_device_is_no_flaw_of_its_bytes() -> None:
    flaw = Flaw(b"x", Refusal(Reason.MISSING_FIELD, "profile: register one", field="profile"))
    large = Flaw(b"x", Refusal(Reason.TOO_LARGE, "payload: split it", field="payload"))
    native, bin_ = CITY.devices["truck-1"], with_meter(CITY, "bin-7").devices["bin-7"]

    def reason(one: Flaw, topic_device: str, device: Device | None, dialect: str) -> Reason:
        return refusal_of_flaw(one, topic_device, device, dialect).reason

    assert reason(flaw, "bin-7", None, METER) is Reason.UNKNOWN_DEVICE
    assert reason(flaw, "truck-1", native, METER) is Reason.ANOTHER_DIALECT
    assert reason(flaw, "bin-7", bin_, METER) is Reason.MISSING_FIELD
    assert reason(flaw, "truck-9", None, "native") is Reason.MISSING_FIELD
    assert reason(flaw, "", None, METER) is Reason.MISSING_FIELD
    assert reason(large, "bin-7", None, METER) is Reason.TOO_LARGE


def test_a_native_message_asks_the_registry_nothing(meter: MeterCodec, monkeypatch: pytest.MonkeyPatch) -> None:
    """So more dialects make it no slower: neither the city nor another codec is asked."""

    def asked(topic: str) -> bool:
        raise AssertionError(topic)

    monkeypatch.setattr(meter, "matches", asked, raising=False)
    sent = message(position(1), T0)
    assert dialect_of(sent.topic) == "native"
    [decoded] = decode_records([LogRecord(1, sent)], cast("City", None))
    assert isinstance(decoded, DecodedMessage)
    assert decoded.items == [position(1)]


def test_kafka_asks_the_codec_whether_a_message_may_be_a_ticket(meter: MeterCodec) -> None:
    """What is registered of its scale must not decide in which partitions it stands."""
    sent = metered("scale-1", T0, 30)
    assert not is_for_all(sent)
    meter.has_weighings = True
    assert is_for_all(sent)
