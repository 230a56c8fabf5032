"""Many devices reconnect at once, each with two hours of readings: what that costs, how long it takes, whom it delays.

The judge alone works through records that arrive as in life: live readings of all devices, and beside them, at a steady
rate, what the devices buffered. A record is begun when it has arrived and the one before is done, and takes the CPU
time that it takes here. So other work on the machine changes the delays little.
"""

import os
from collections.abc import Iterator
from heapq import merge
from time import process_time
from typing import Final, NamedTuple

from devices.codecs.topics import reading_topic
from devices.readings.models import Kind
from ingest.judge.judge_record import judge_record
from ingest.log.records import LogRecord, RawMessage
from rules.catalogue import build_rules
from rules.engine.engine import RuleEngine
from rules.engine.reorder_buffer import WINDOW_MS
from simulators.load.generator import Traffic, device_id
from tests.bench import BenchFailed
from tests.bench.environment import BenchEnvironment, fresh_process
from tests.bench.fleet import INTERVAL_S, START_MS, city_of
from tests.bench.measures import Reconnect, memory_mb, percentiles

_BYSTANDERS: Final = 100
"""Devices that stay connected."""
_AWAY_MS: Final = 2 * 3_600_000
_LEAVE_MS: Final = START_MS + 600_000
_BACK_MS: Final = _LEAVE_MS + _AWAY_MS
_UPLOADS_PER_S: Final = 5_000
"""Readings of all buffers together: the rate of the other stages."""
_WAITING: Final = WINDOW_MS // (INTERVAL_S * 1000) + 1
"""Readings of a connected device that wait in its reorder buffer."""
_LIMIT_MS: Final = 3_600_000


class _Arrival(NamedTuple):
    at_ms: int
    device: int
    step: int
    ts: int


def reconnect(environment: BenchEnvironment) -> Reconnect:
    """Measure it in a process of its own, whose memory nothing else has used. Raises BenchFailed."""
    devices = environment.sizes.reconnecting
    environment.progress(f"{devices:,} devices reconnect")
    with fresh_process() as pool:
        return pool.submit(_judge, devices).result()


def _judge(devices: int) -> Reconnect:
    engine = RuleEngine(city_of(devices + _BYSTANDERS), build_rules())
    traffic, uploaded = Traffic(INTERVAL_S), devices * (_AWAY_MS // (INTERVAL_S * 1000))
    topics = [reading_topic(device_id(n), Kind.POSITION) for n in range(devices + _BYSTANDERS)]
    last_upload_s = uploaded // _UPLOADS_PER_S + _WAITING * INTERVAL_S
    count, looked_s, measured, done_s, cpu_s, before_mb = 0, last_upload_s, 0, 0.0, 0.0, 0.0
    delays_ms: list[float] = []
    for offset, arrival in enumerate(_arrivals(devices), 1):
        message = RawMessage(
            topics[arrival.device], traffic.position(arrival.device, arrival.step, arrival.ts), arrival.at_ms
        )
        record, second = LogRecord(offset, message), (arrival.at_ms - _BACK_MS) // 1000
        began = process_time()
        judge_record(engine, record)
        took_s = process_time() - began
        done_s = max(done_s, arrival.at_ms / 1000) + took_s
        count += arrival.device < devices
        if second < 0:
            before_mb = before_mb or (memory_mb(os.getpid()) if second >= -1 else 0.0)
            continue
        measured, cpu_s = measured + 1, cpu_s + took_s
        if arrival.device >= devices:
            delays_ms.append((done_s - arrival.at_ms / 1000) * 1000)
        if second > looked_s:
            looked_s = second
            if _finished(engine, devices) >= count - _WAITING * devices:
                return Reconnect(
                    devices=devices,
                    readings=uploaded,
                    judged_s=round(done_s - _BACK_MS / 1000, 1),
                    cpu_us=round(cpu_s / measured * 1e6, 1),
                    memory_before_mb=round(before_mb, 1),
                    memory_mb=round(memory_mb(os.getpid(), "VmHWM"), 1),
                    bystander=percentiles(delays_ms),
                    bystander_longest_ms=round(max(delays_ms), 1),
                    not_judged=sum(sum(reasons.values()) for reasons in engine.not_judged.values()),
                )
    raise BenchFailed(f"the buffers of {devices} devices were not judged within an hour")


def _finished(engine: RuleEngine, devices: int) -> int:
    """Readings of the devices that reconnect which are judged, or counted as not judged."""
    judged, not_judged = engine.judged, engine.not_judged
    return sum(judged[name] + sum(not_judged.get(name, {}).values()) for name in map(device_id, range(devices)))


def _arrivals(devices: int) -> Iterator[_Arrival]:
    """In the order of arrival. Each device reports at its own moment of the interval."""
    return merge(_live(devices), _uploads(devices))


def _live(devices: int) -> Iterator[_Arrival]:
    for arrival in _measured(devices + _BYSTANDERS, START_MS, _BACK_MS + _LIMIT_MS):
        if arrival.device >= devices or not _LEAVE_MS <= arrival.ts < _BACK_MS:
            yield arrival


def _uploads(devices: int) -> Iterator[_Arrival]:
    """What each device measured meanwhile, oldest first, all devices side by side, a second after they are back."""
    all_measured = _measured(devices + _BYSTANDERS, _LEAVE_MS, _BACK_MS)
    for number, arrival in enumerate(one for one in all_measured if one.device < devices):
        yield arrival._replace(at_ms=_BACK_MS + 1_000 + number * 1_000 // _UPLOADS_PER_S)


def _measured(devices: int, since_ms: int, until_ms: int) -> Iterator[_Arrival]:
    """What all devices measure, received at once."""
    interval_ms = INTERVAL_S * 1000
    for step in range((since_ms - START_MS) // interval_ms, (until_ms - START_MS) // interval_ms):
        for device in range(devices):
            ts = START_MS + step * interval_ms + device * interval_ms // devices
            yield _Arrival(ts, device, step, ts)
