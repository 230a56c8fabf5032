"""The ledger for readers."""

import json
from pathlib import Path

import pytest

from devices.codecs.native import encode_array
from ingest.ledger import report as ledger_module
from ingest.ledger.report import DeviceLedgerLine, Ledger, LedgerLine
from ingest.log.records import TICK_TOPIC
from ingest.recorder.admit import MAX_UNREGISTERED
from tests.ingest.recorder.parts import NOW, T0, Bench, counts, position, topic_of


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_before_anything_was_received_it_is_empty_and_balanced(bench: Bench) -> None:
    ledger = bench.ledger()
    assert (counts(ledger), ledger.devices, ledger.balanced, ledger.exact) == ({}, (), True, True)


async def test_unread_messages_are_queued_reading_by_reading(bench: Bench) -> None:
    bench.receive(position(1))
    await bench.drain()
    two = [position(2), position(3)]
    bench.receive_raw(topic_of(two[0]), encode_array([*two]))
    bench.receive_raw(topic_of(two[0]), b"noise")
    bench.receive_raw("foreign", b"noise")
    bench.receive_raw(TICK_TOPIC, b"1000")
    ledger = bench.ledger()
    assert counts(ledger) == {"received": 5, "stored": 1, "queued": 4}
    assert counts(bench.line("truck-1")) == {"received": 4, "stored": 1, "queued": 3}
    assert counts(bench.line("(unknown)")) == {"received": 1, "queued": 1}
    assert ledger.balanced
    after = await bench.drain()
    assert after.total.received == ledger.total.received


async def test_a_very_long_backlog_is_an_estimate(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "MAX_DECODED", 3)
    bench.receive(*(position(second) for second in range(5)))
    ledger = bench.ledger()
    assert counts(ledger) == {"received": 5, "queued": 5}
    assert not ledger.exact
    assert ledger.balanced


async def test_arrays_count_for_as_many_as_they_hold_before_it_is_an_estimate(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "MAX_DECODED", 3)
    for second in (0, 10, 20, 30):
        two = [position(second), position(second + 1)]
        bench.receive_raw(topic_of(two[0]), encode_array([*two]))
    ledger = bench.ledger()
    assert counts(ledger) == {"received": 6, "queued": 6}
    assert not ledger.exact


async def test_it_has_when_a_device_was_first_and_last_seen(bench: Bench) -> None:
    for received_at in (NOW + 5, NOW, NOW + 9):
        bench.receive_raw("haulwatch/v1/truck-1/position", b"noise", received_at)
        await bench.drain()
    line = bench.line("truck-1")
    assert (line.first_seen, line.last_seen) == (NOW, NOW + 9)


async def test_what_is_refused_has_arrived_too(bench: Bench) -> None:
    def payload(seq: int, **fields: object) -> dict[str, object]:
        return {"ts": T0 + seq * 1000, "seq": seq, "lat": 35.5, "lon": 112.8, **fields}

    payloads = [payload(1), payload(3, lat=91), payload(5, device_id="truck-2"), payload(7, lat=None), [], payload(9)]
    bench.receive_raw("haulwatch/v1/truck-1/position", json.dumps(payloads).encode())
    bench.receive_raw("haulwatch/v1/truck-1/position", json.dumps(payload(6, lon=181)).encode())
    bench.receive_raw("haulwatch/v1/truck-1/position", json.dumps(payload(8)).encode() + bytes(65_536))
    await bench.drain()
    line = bench.line("truck-1")
    assert (line.gaps, line.resets) == (4, 0), "2, 4, 8 whose payload is too large to look at, 5 of another device"


async def test_an_unregistered_device_has_health_and_the_crowd_of_them_has_none(bench: Bench) -> None:
    bench.receive(*(position(0, device=f"one-of-{n}") for n in range(MAX_UNREGISTERED - 1)))
    for device in ("unregistered", "another"):
        bench.receive(position(1, device=device, seq=1), position(5, device=device, seq=5))
    await bench.drain()
    assert bench.line("unregistered").gaps == 3
    assert (bench.line("(unknown)").received, bench.line("(unknown)").gaps) == (2, 0)


async def test_the_status_has_the_duration_of_writes(bench: Bench) -> None:
    assert bench.status().write_ms is None
    bench.receive(position(1))
    await bench.drain()
    status = bench.status()
    assert status.write_ms is not None
    assert status.slowest_write_ms is not None
    assert 0 < status.write_ms <= status.slowest_write_ms


async def test_its_json_form(bench: Bench) -> None:
    bench.receive(position(1), position(1), position(1, lat=36.0))
    await bench.drain()
    figures = {"received": 3, "stored": 1, "duplicate": 1, "quarantined": {"conflict": 1}, "queued": 0, "gaps": 0}
    figures |= {"dropped_fields": {}, "clamped_fields": {}, "outside_region": 0, "clock_corrected": 0}
    figures["not_judged"] = {}
    clock = {"clock_offset_ms": NOW - T0 - 1000, "clock_drift_ms_per_h": None}
    assert json.loads(bench.ledger().model_dump_json()) == {
        "total": figures,
        "devices": [
            {"device": "truck-1", **figures, "first_seen": NOW, "last_seen": NOW, "heard_at": NOW, "resets": 0, **clock}
        ],
        "exact": True,
        "balanced": True,
    }


def test_one_reading_missing_on_one_line_is_seen() -> None:
    good = DeviceLedgerLine(device="a", received=2, stored=1, quarantined={"conflict": 1})
    short = DeviceLedgerLine(device="b", received=2, stored=1)
    assert good.balanced
    assert not short.balanced
    total = LedgerLine(received=4, stored=3, quarantined={"conflict": 1})
    assert total.balanced
    assert not Ledger(total=total, devices=(good, short), exact=True).balanced
