"""The stages measured by throughput: parts of the path alone, in this process, and the whole path."""

import asyncio
import time
from collections.abc import Callable
from contextlib import closing
from itertools import cycle, islice
from typing import Final

from devices.city.model import City
from haulwatch.settings.data_files import judge_state_path, recorder_state_path
from haulwatch.wiring.collector import device_rate_limit
from haulwatch.wiring.databases import open_journal
from haulwatch.wiring.log import open_raw_log
from haulwatch.wiring.rules import configured_rules
from haulwatch.wiring.stores import current_ledger, open_store
from ingest.collector.collector import BATCH_MESSAGES, LINGER_S
from ingest.judge.checkpoint import JudgeState
from ingest.judge.judge import Judge
from ingest.mqtt.source import MqttSource, ReceivedBatch
from ingest.mqtt.url import MqttUrl
from ingest.recorder.recorder import Recorder
from ingest.recorder.state import RecorderState
from simulators.load.generator import Plan
from tests.bench import BenchFailed
from tests.bench.fleet import city_of, fill, said
from tests.bench.measures import Throughput, WholePath
from tests.bench.path import path
from tests.bench.terrain import BenchEnvironment, Installation, loading

_SILENCE_LIMIT_S: Final = 20.0
_DRAIN_LIMIT_S: Final = 300.0
_WAIT_S: Final = 0.25


def load_only(ground: BenchEnvironment) -> Throughput:
    """What the load generator can push into the broker while nobody listens: the others' ceiling."""
    with ground.broker() as broker, loading(_plan(ground, broker.port)) as load:
        sent = load.sent()
    return Throughput(round(sent.rate), round(sent.cpu_us, 2))


def receive_only(ground: BenchEnvironment) -> Throughput:
    """The MQTT client of the collector with acknowledgements, and nothing behind it."""
    return _receive(ground, lambda _: None)


def receive_append(ground: BenchEnvironment, devices: int | None = None) -> Throughput:
    """The same with the devices' rates and the raw log: all of the collector but its status file."""
    settings = ground.installation().settings
    rates = device_rate_limit(settings)
    with closing(open_raw_log(settings)) as log:

        def keep(batch: ReceivedBatch) -> None:
            now = time.monotonic_ns() // 1_000_000
            log.append(batch.messages if rates is None else rates.sift(batch.messages, now)[0])

        return _receive(ground, keep, devices)


def judge_alone(ground: BenchEnvironment) -> Throughput:
    """Decode, admit, rules, journal and checkpoints, from a raw log that is already there."""
    sizes, installation, city = ground.sizes, ground.installation(), city_of(ground.sizes.devices)
    _prepare(ground, installation)
    with closing(JudgeState(judge_state_path(installation.settings))) as state:
        judge = new_judge(installation, state, city)
        began, cpu_s = time.monotonic(), time.process_time()
        while judge.step():
            pass
        judge.checkpoint()
        return _throughput(sizes.messages, began, cpu_s)


def recorder_alone(ground: BenchEnvironment) -> Throughput:
    """Decode, admit, classify, ledger and store, from a raw log that is already there."""
    installation, city = ground.installation(), city_of(ground.sizes.devices)
    _prepare(ground, installation)
    return asyncio.run(_record(ground, installation, city))


def whole_path(ground: BenchEnvironment) -> WholePath:
    """Broker, collector, recorder, judge and store at once, each in its own process."""
    sizes = ground.sizes
    with ground.broker() as broker, path(ground, city_of(sizes.devices), broker) as running:
        before = running.cpu_s()
        with loading(_plan(ground, broker.port)) as load:
            sent = load.sent()
            ground.say(f"published at {sent.rate:,.0f}/s; waiting for the path")
            # Ticks of silence may be among the records: never fewer than the messages.
            running.until(lambda: running.last_offset() >= sent.sent, "the collector", _DRAIN_LIMIT_S)
            last = running.last_offset()
            ends = {"recorder": 0.0, "judge": 0.0}

            def done() -> bool:
                now = time.monotonic()
                for name, offset in (("recorder", running.recorded()), ("judge", running.judged())):
                    ends[name] = ends[name] or (now if offset >= last else 0.0)
                return all(ends.values())

            running.until(done, "recorder and judge", _DRAIN_LIMIT_S)
        after = running.cpu_s()
        stored = current_ledger(running.installation.settings).total.stored
        recorded_s, judged_s = ends["recorder"] - sent.began, ends["judge"] - sent.began
        return WholePath(
            rate=round(sent.sent / max(recorded_s, judged_s)),
            cpu_us={name: round((after[name] - before[name]) / sent.sent * 1e6, 1) for name in before},
            memory_mb=running.memory_mb("VmHWM"),
            published=sent.sent,
            stored=stored,
            recorded_s=round(recorded_s, 2),
            judged_s=round(judged_s, 2),
        )


def new_judge(
    installation: Installation,
    state: JudgeState,
    city: City,
    count: int | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Judge:
    """A judge of `city`, with all rules; or with `count`, more than there are by asking them again."""
    rules = configured_rules(installation.settings)
    return Judge(
        open_raw_log(installation.settings),
        open_journal(installation.settings),
        state,
        rules if count is None else list(islice(cycle(rules), count)),
        lambda: city,
        monotonic=monotonic,
    )


def _plan(ground: BenchEnvironment, port: int, devices: int | None = None) -> Plan:
    return Plan(port=port, messages=ground.sizes.messages, devices=devices or ground.sizes.devices)


def _receive(ground: BenchEnvironment, keep: Callable[[ReceivedBatch], None], devices: int | None = None) -> Throughput:
    """Counted from the first batch's end to the last one's acknowledgement."""
    messages = ground.sizes.messages
    with ground.broker() as broker:
        source = MqttSource(MqttUrl.parse(broker.url), "bench", session_expiry_s=0)
        with closing(source):
            give_up_at = time.monotonic() + _SILENCE_LIMIT_S
            while not source.connected:
                source.take(BATCH_MESSAGES, _WAIT_S, LINGER_S)
                if time.monotonic() > give_up_at:
                    raise BenchFailed(f"the MQTT client did not connect: {source.last_error}")
            with loading(_plan(ground, broker.port, devices)) as load:
                first, got = 0, 0
                began = cpu_s = 0.0
                while got < messages:
                    batch = source.take(BATCH_MESSAGES, _SILENCE_LIMIT_S, LINGER_S)
                    if not batch.messages:
                        raise BenchFailed(f"{got} of {messages} messages came, then none for {_SILENCE_LIMIT_S:.0f} s")
                    keep(batch)
                    source.acknowledge(batch)
                    got += len(batch.messages)
                    if not first:
                        first, began, cpu_s = got, time.monotonic(), time.process_time()
                result = _throughput(messages - first, began, cpu_s)
                load.sent()
    return result


def _prepare(ground: BenchEnvironment, installation: Installation) -> None:
    ground.say(f"writing a raw log of {ground.sizes.messages:,} messages")
    with closing(open_raw_log(installation.settings)) as log:
        fill(log, said(ground.sizes.devices), ground.sizes.messages)


async def _record(ground: BenchEnvironment, installation: Installation, city: City) -> Throughput:
    store = open_store(installation.settings)
    try:
        with closing(RecorderState(recorder_state_path(installation.settings))) as state:
            recorder = Recorder(open_raw_log(installation.settings), store, state, lambda: city)
            began, cpu_s = time.monotonic(), time.process_time()
            while await recorder.step():
                pass
            return _throughput(ground.sizes.messages, began, cpu_s)
    finally:
        await store.close()


def _throughput(messages: int, began: float, cpu_s: float) -> Throughput:
    cpu_us = (time.process_time() - cpu_s) / messages * 1e6
    return Throughput(round(messages / (time.monotonic() - began)), round(cpu_us, 1))
