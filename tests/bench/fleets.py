"""Cost of a message on the whole path at a steady rate, in fleets of any size; servers and checkpoints included.

All fleets send at the same rate, so a device of a small fleet sends more often. Two sizes only: each takes six minutes.
Before the measurement every device has sent, and the reorder buffers have their full length. The measurement is longer
than the time between two checkpoints (except in tests and with `--quick`, where it takes a few seconds).
"""

import time
from collections.abc import Iterator
from typing import Final

from simulators.load.generator import Plan
from tests.bench.environment import BenchEnvironment, loading
from tests.bench.fleet import city_of
from tests.bench.measures import LiveFleet
from tests.bench.path import NAMES, RunningPath, running_path

_ROUNDS: Final = 3
"""Messages of every device before the measurement."""
_SPARE_S: Final = 2.0
"""The load continues for so long after the measurement, so that it is steady until the end."""
_LIMIT_S: Final = 120.0


def fleets(environment: BenchEnvironment) -> Iterator[LiveFleet]:
    """Yields a row for each size. Raises BenchFailed."""
    sizes = environment.sizes
    for devices in sizes.live_fleets:
        warm_up_s = max(sizes.latency_warm_up_s, _ROUNDS * devices / sizes.fleet_rate)
        environment.progress(f"{devices:,} devices at {sizes.fleet_rate:,.0f}/s for {warm_up_s + sizes.fleet_s:.0f} s")
        messages = int(sizes.fleet_rate * (warm_up_s + sizes.fleet_s + _SPARE_S))
        with environment.broker() as broker, running_path(environment, city_of(devices), broker) as running:
            with loading(Plan(broker.port, messages, devices, rate=sizes.fleet_rate)) as load:
                time.sleep(warm_up_s)
                before, first = running.cpu_s(), running.last_offset()
                time.sleep(sizes.fleet_s)
                after, last = running.cpu_s(), running.last_offset()
                ours_mb, store_mb = running.memory_mb(), running.store_memory_mb()
                ended = load.sent().ended
            behind_s = _drained(running, messages) - ended
        cpu_us = {name: round((after[name] - before[name]) / (last - first) * 1e6, 1) for name in before}
        yield LiveFleet(
            devices=devices,
            cpu_us=cpu_us,
            own_cpu_us=round(sum(cpu_us[name] for name in NAMES), 1),
            all_cpu_us=round(sum(cpu_us.values()), 1),
            memory_mb=ours_mb,
            store_memory_mb=store_mb,
            behind_s=round(behind_s, 1),
        )


def _drained(running: RunningPath, messages: int) -> float:
    """The monotonic time at which everything was recorded."""
    return running.until(lambda: running.recorded() >= messages, "the recorder", _LIMIT_S)
