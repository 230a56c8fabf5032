"""Latencies at a steady rate: published → in the raw log, → returned by the store, → alert over MQTT.

Device time is the moment of sending, so each sample is one subtraction. Three threads watch; their cost and their
polling intervals are in the figures.
"""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from threading import Event, Thread
from typing import Final

from pydantic import ValidationError

from devices.codecs.topics import ROOT
from devices.readings.models import Kind
from haulwatch.settings.load import Settings
from haulwatch.wiring.log import open_raw_log
from haulwatch.wiring.stores import open_store
from ingest.store import StoreError
from rules.alerts.model import AlertChange
from simulators.load.generator import PROBE_STEP_MS, Plan, device_id
from simulators.load.packets import PUBLISH, Version, connect, packets_in, published_body, subscribe
from tests.bench import BenchFailed
from tests.bench.environment import BenchEnvironment, loading
from tests.bench.fleet import city_of
from tests.bench.measures import Latency, percentiles
from tests.bench.path import RunningPath, running_path

_PROBE_EVERY_S: Final = 0.2
_SAMPLED_DEVICES: Final = 8
"""The store is asked for the readings of these devices, in turn."""
_SAMPLE_EVERY: Final = 20
"""One record of so many is a sample."""
_POLL_LOG_S: Final = 0.002
_POLL_STORE_S: Final = 0.01
_EXTRA_S: Final = 2.0
_TAIL_LIMIT_S: Final = 180.0
_ONE_READING: Final = b'{"ts":'
_TS_DIGITS: Final = slice(6, 19)
"""Position of the device time in a payload that begins with `{"ts":`."""


def latency(environment: BenchEnvironment) -> Latency:
    """Latencies of the whole path. Raises BenchFailed if the path does not keep up with the rate at all."""
    sizes = environment.sizes
    seconds = sizes.latency_warm_up_s + sizes.latency_s
    messages, probes = int(sizes.latency_rate * seconds), int(seconds / _PROBE_EVERY_S) + 10
    with environment.broker() as broker, running_path(environment, city_of(sizes.devices, probes), broker) as running:
        plan = Plan(broker.port, messages, sizes.devices, rate=sizes.latency_rate, probe_every_s=_PROBE_EVERY_S)
        with loading(plan) as load:
            time.sleep(sizes.latency_warm_up_s)
            with watching(running, broker.port) as (durable, stored, alert):
                sent = load.sent()
                environment.progress(f"published at {sent.rate:,.0f}/s; waiting for the path")
                behind_s = _drain(running, sent.ended)
                time.sleep(_EXTRA_S)
    return Latency(
        durable=percentiles(durable),
        stored=percentiles(stored),
        alert=percentiles(alert),
        rate=round(sent.rate),
        alerts_due=round(sizes.latency_s / _PROBE_EVERY_S),
        behind_s=round(behind_s, 1),
    )


def _drain(running: RunningPath, ended: float) -> float:
    """Seconds from the monotonic time `ended` until the whole log is recorded and judged. Raises BenchFailed."""
    last = running.last_offset()
    done = lambda: min(running.recorded(), running.judged()) >= last  # noqa: E731
    return running.until(done, "the path to catch up", _TAIL_LIMIT_S) - ended


@contextmanager
def watching(running: RunningPath, port: int) -> Iterator[tuple[list[float], list[float], list[float]]]:
    """Samples in ms, added during the block: durable, stored, alert."""
    settings = running.installation.settings
    samples: tuple[list[float], list[float], list[float]] = ([], [], [])
    durable, stored, alert = samples
    stop, failures = Event(), list[Exception]()

    def run_watch(watch: Callable[[], None]) -> None:
        try:
            watch()
        except (OSError, StoreError, ValidationError) as exc:
            failures.append(exc)

    watches = (
        lambda: _watch_log(settings, stop, durable),
        lambda: asyncio.run(_watch_store(settings, stop, stored)),
        lambda: _watch_alerts(port, stop, alert),
    )
    threads = [Thread(target=run_watch, args=(watch,), daemon=True) for watch in watches]
    for thread in threads:
        thread.start()
    try:
        yield samples
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)
    if failures:
        raise BenchFailed(f"a watch ended early: {failures[0]!r}")


def _watch_log(settings: Settings, stop: Event, samples: list[float]) -> None:
    with closing(open_raw_log(settings)) as log:
        offset = log.last_offset()
        while not stop.wait(_POLL_LOG_S):
            records = log.read(offset, 5_000)
            now = _now_ms()
            samples += [
                now - int(record.message.payload[_TS_DIGITS])
                for record in records
                if record.offset % _SAMPLE_EVERY == 0
                and record.message.topic.endswith(Kind.POSITION)
                and record.message.payload.startswith(_ONE_READING)
            ]
            offset += len(records)


async def _watch_store(settings: Settings, stop: Event, samples: list[float]) -> None:
    newest = dict.fromkeys(map(device_id, range(_SAMPLED_DEVICES)), _now_ms())
    store = open_store(settings)
    try:
        while not stop.is_set():
            for device, after in newest.items():
                rows = await store.rows(Kind.POSITION, device, after + 1, _now_ms() + 60_000, limit=1_000)
                now = _now_ms()
                samples += [now - row.ts for row in rows]
                newest[device] = max([after, *(row.ts for row in rows)])
                await asyncio.sleep(_POLL_STORE_S)
    finally:
        await store.close()


def _watch_alerts(port: int, stop: Event, samples: list[float]) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=0.1) as line:
        line.sendall(connect("bench-alerts", Version.V311) + subscribe(f"{ROOT}/alerts/+/bin_overflow", Version.V311))
        unread = bytearray()
        while not stop.is_set():
            try:
                unread += line.recv(65_536)
            except TimeoutError:
                continue
            now = _now_ms()
            for kind, body in packets_in(unread):
                if kind == PUBLISH:
                    change = AlertChange.model_validate_json(published_body(body, Version.V311))
                    samples.append(now - change.at - PROBE_STEP_MS)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
