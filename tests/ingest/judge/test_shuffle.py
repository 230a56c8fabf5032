"""`replay --shuffle`: messages and ticks move, inside what the engine promises, so that another alert means a fault."""

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise
from random import Random

import pytest

from devices.codecs.native import encode
from devices.codecs.topics import reading_topic
from devices.readings.models import Reading
from ingest.collector.collector import TICK_EVERY_MS
from ingest.judge.rejudge import fleet_times, rejudge
from ingest.judge.replay import AlertStep, alert_steps, shuffled
from ingest.log.records import TICK_TOPIC, LogRecord, RawMessage
from rules.catalogue import build_rules
from rules.engine.reorder_buffer import WINDOW_MS
from tests.compiled import interpreted_only
from tests.rules.engine.test_same_alerts import busy_hour
from tests.rules.town import T0, Trip, fills, in_time, town

CITY = town()


def collected(readings: Iterable[tuple[int, Reading]], until: int) -> tuple[LogRecord, ...]:
    """The log that a collector writes: (receive time, reading) in order, and a tick where it hears nothing for 10 s."""
    messages: list[RawMessage] = []
    last = None

    def tick_up_to(now: int) -> None:
        nonlocal last
        while last is not None and now - last >= TICK_EVERY_MS:
            last += TICK_EVERY_MS
            messages.append(RawMessage(TICK_TOPIC, str(TICK_EVERY_MS).encode(), last))

    for received_at, reading in readings:
        tick_up_to(received_at)
        last = received_at
        messages.append(RawMessage(reading_topic(reading.device_id, reading.kind), encode(reading), received_at))
    tick_up_to(until)
    return tuple(LogRecord(offset, message) for offset, message in enumerate(messages, 1))


def under_way(readings: Sequence[Reading], seed: int = 0) -> list[tuple[int, Reading]]:
    """Each reading is under way for up to two seconds."""
    dice = Random(seed)
    return sorted(((reading.ts + dice.randint(100, 2_000), reading) for reading in readings), key=lambda pair: pair[0])


@cache
def quiet_log() -> tuple[LogRecord, ...]:
    """Two trucks and two bins that report every other minute: ticks between most messages. One truck falls silent."""
    silent = Trip("T1", 500, 0, load="loaded").stand(1_200, every_s=120)
    goes_on = Trip("T2", 500, 0, at_s=37).stand(5_400, every_s=120)
    overflow = fills([60, 75, 85, 92, 95, 97, 97, 30], point="P01", every_s=300, deposits=3)
    other = fills([20.0] * 18, point="P02", every_s=300, start_s=61)
    readings = in_time(silent.readings, goes_on.readings, overflow, other)
    return collected(under_way(readings), T0 + 5_700_000)


@cache
def busy_log() -> tuple[LogRecord, ...]:
    readings = busy_hour()
    return collected(under_way(readings), readings[-1].ts + 300_000)


@cache
def late_log() -> tuple[LogRecord, ...]:
    """A truck tips while it is offline, and uploads that after a live fix; others go on."""
    dump = Trip("T2", 500, 0, load_kg=12_000.0, lift_up=False, cover_open=False).drive(3000, 0).stand(30)
    dump.now(lift_up=True, cover_open=True).stand(40).now(load_kg=100.0).stand(30).now(lift_up=False).stand(900)
    others = [Trip(truck, 0, 0, at_s=3 * n).drive(9000, 0).stand(1500) for n, truck in enumerate(("T3", "T4", "T5"))]
    offline = [reading for reading in dump.readings if 60_000 < reading.ts - T0 < 700_000]
    live = [reading for reading in dump.readings if reading not in offline]
    upload_at = T0 + 760_000
    arrivals = under_way([*live, *(reading for trip in others for reading in trip.readings)])
    arrivals += [(upload_at + 5 * n, reading) for n, reading in enumerate(offline)]
    return collected(sorted(arrivals, key=lambda pair: pair[0]), T0 + 3_000_000)


LOGS = {"quiet": quiet_log, "busy": busy_log, "late": late_log}


def steps(records: Sequence[LogRecord]) -> set[AlertStep]:
    return alert_steps(rejudge(records, CITY, build_rules()))


def mixed(name: str, seed: int) -> list[LogRecord]:
    return shuffled(LOGS[name](), _times(name), seed)


@cache
def _times(name: str) -> tuple[int, ...]:
    return tuple(fleet_times(LOGS[name](), CITY, build_rules()))


@cache
def _steps(name: str) -> frozenset[AlertStep]:
    return frozenset(steps(LOGS[name]()))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", LOGS)
def test_the_alerts_are_the_same(name: str, seed: int) -> None:
    assert len(_steps(name)) > 1
    assert steps(mixed(name, seed)) == _steps(name)


@pytest.mark.parametrize("name", LOGS)
def test_messages_move_and_take_their_receive_time_with_them(name: str) -> None:
    records, found = LOGS[name](), mixed(name, 1)
    received = {record.offset: record.message.received_at for record in records}
    delays = [record.message.received_at - received[record.offset] for record in found]
    assert sorted(record.offset for record in found) == [record.offset for record in records]
    assert all(before.message.received_at <= after.message.received_at for before, after in pairwise(found))
    assert min(delays) == 0
    assert WINDOW_MS // 2 < max(delays) <= WINDOW_MS
    assert sum(delay > 0 for delay in delays) > len(records) // 20


def test_messages_move_over_ticks_which_then_tell_of_less_silence() -> None:
    records, found = quiet_log(), mixed("quiet", 1)
    is_tick = {record.offset: record.message.topic == TICK_TOPIC for record in records}
    passed = [
        record.offset
        for place, record in enumerate(found)
        if not is_tick[record.offset]
        and any(is_tick[before.offset] and before.offset > record.offset for before in found[max(0, place - 4) : place])
    ]
    assert len(passed) > 10
    for before, after in pairwise(found):
        if is_tick[after.offset]:
            silence_ms = after.message.received_at - before.message.received_at
            assert int(after.message.payload) <= max(silence_ms, 0) + 1


def test_what_came_late_and_what_was_received_around_it_stay_in_their_places() -> None:
    upload_at = T0 + 760_000
    around = [record for record in late_log() if abs(record.message.received_at - upload_at) < 60_000]
    assert len(around) > 60
    places = {record.offset: place for place, record in enumerate(mixed("late", 1))}
    order = sorted(around, key=lambda record: places[record.offset])
    assert [record.offset for record in order] == [record.offset for record in around]


@interpreted_only
def test_an_engine_that_breaks_its_promise_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a window of a second, readings that are delayed come too late to be put in order."""
    monkeypatch.setattr("rules.engine.reorder_buffer.WINDOW_MS", 1_000)
    in_order = steps(busy_log())
    assert any(steps(mixed("busy", seed)) != in_order for seed in range(4))
