"""The throughput stages: parts of the path alone, and the whole path."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from typing import Final

from haulwatch.wiring.collector import device_rate_limit
from haulwatch.wiring.log import open_segments
from haulwatch.wiring.stores import current_ledger
from ingest.collector.collector import BATCH_MESSAGES, LINGER_S
from ingest.mqtt.source import MqttSource, ReceivedBatch
from ingest.mqtt.url import MqttUrl
from simulators.load.generator import Plan
from tests.bench import BenchFailed
from tests.bench.environment import BenchEnvironment, loading
from tests.bench.fleet import append_messages, city_of, fleet_messages
from tests.bench.measures import Throughput, WholePath, throughput
from tests.bench.path import running_path

_SILENCE_LIMIT_S: Final = 120.0
_DRAIN_LIMIT_S: Final = 300.0
_WAIT_S: Final = 0.25


def load_only(environment: BenchEnvironment) -> Throughput:
    """The load generator and the broker without a subscriber: the upper bound of all other stages."""
    with environment.broker() as broker, loading(_plan(environment, broker.port)) as load:
        sent = load.sent()
    return Throughput(round(sent.rate), round(sent.cpu_us, 2))


def receive_only(environment: BenchEnvironment) -> Throughput:
    """The collector's MQTT client with acknowledgements; messages are thrown away."""
    return _receive(environment, lambda _: None)


def receive_append(environment: BenchEnvironment, devices: int | None = None) -> Throughput:
    """As `receive_only`, with rate limit and raw log: all of the collector except its status file."""
    settings = environment.installation().settings
    rates = device_rate_limit(settings)
    with closing(open_segments(settings)) as log:

        def keep(batch: ReceivedBatch) -> None:
            now = time.monotonic_ns() // 1_000_000
            log.append(batch.messages if rates is None else rates.sift(batch.messages, now)[0])

        return _receive(environment, keep, devices)


def judge_alone(environment: BenchEnvironment) -> Throughput:
    """Decode, admit, rules, journal and checkpoints, from a raw log that exists."""
    return _alone(environment, "judge_alone")


def recorder_alone(environment: BenchEnvironment) -> Throughput:
    """Decode, admit, deduplicate, ledger and store, from a raw log that exists."""
    return _alone(environment, "recorder_alone")


def whole_path(environment: BenchEnvironment) -> WholePath:
    """Broker, collector, recorder, judge and store together, each in its own process."""
    sizes = environment.sizes
    with environment.broker() as broker, running_path(environment, city_of(sizes.devices), broker) as running:
        before = running.cpu_s()
        with loading(_plan(environment, broker.port)) as load:
            sent = load.sent()
            environment.progress(f"published at {sent.rate:,.0f}/s; waiting for the path")
            # There may be more records than messages: ticks.
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


def _plan(environment: BenchEnvironment, port: int, devices: int | None = None) -> Plan:
    return Plan(port=port, messages=environment.sizes.messages, devices=devices or environment.sizes.devices)


def _receive(
    environment: BenchEnvironment, keep: Callable[[ReceivedBatch], None], devices: int | None = None
) -> Throughput:
    """Throughput from the end of the first batch to the acknowledgement of the last one."""
    messages = environment.sizes.messages
    with environment.broker() as broker:
        source = MqttSource(MqttUrl.parse(broker.url), "bench", session_expiry_s=0)
        with closing(source):
            give_up_at = time.monotonic() + _SILENCE_LIMIT_S
            while not source.connected:
                source.take(BATCH_MESSAGES, _WAIT_S, LINGER_S)
                if time.monotonic() > give_up_at:
                    raise BenchFailed(f"the MQTT client did not connect: {source.last_error}")
            with loading(_plan(environment, broker.port, devices)) as load:
                first, received = 0, 0
                began = cpu_s = 0.0
                while received < messages:
                    batch = source.take(BATCH_MESSAGES, _SILENCE_LIMIT_S, LINGER_S)
                    if not batch.messages:
                        raise BenchFailed(
                            f"{received} of {messages} messages arrived, then none for {_SILENCE_LIMIT_S:.0f} s"
                        )
                    keep(batch)
                    source.acknowledge(batch)
                    received += len(batch.messages)
                    if not first:
                        first, began, cpu_s = received, time.monotonic(), time.process_time()
                result = throughput(messages - first, began, cpu_s)
                load.sent()
    return result


def _alone(environment: BenchEnvironment, module: str) -> Throughput:
    """Throughput of `tests.bench.<module>`, a process of its own. Raises BenchFailed."""
    sizes, installation = environment.sizes, environment.installation()
    environment.progress(f"writing a raw log of {sizes.messages:,} messages")
    with closing(open_segments(installation.settings)) as log:
        append_messages(log, fleet_messages(sizes.devices), sizes.messages)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HAULWATCH_")}
    try:
        done = subprocess.run(
            [sys.executable, "-m", f"tests.bench.{module}", str(sizes.devices), str(sizes.messages)],
            env=inherited | installation.variables,
            capture_output=True,
            text=True,
            timeout=_DRAIN_LIMIT_S,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise BenchFailed(f"{module} did not finish in {_DRAIN_LIMIT_S:.0f} s") from None
    except subprocess.CalledProcessError as exc:
        last_line = exc.stderr.rstrip().rpartition("\n")[2]
        raise BenchFailed(f"{module} failed: {last_line}\n{exc.stderr[-2000:]}") from None
    return Throughput(**json.loads(done.stdout.splitlines()[-1]))
