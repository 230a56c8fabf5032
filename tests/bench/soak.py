"""Memory over time at a steady rate."""

import time
from typing import Final

from simulators.load.generator import Plan
from tests.bench.environment import BenchEnvironment, loading
from tests.bench.fleet import city_of
from tests.bench.measures import Memory
from tests.bench.path import running_path

SAMPLE_EVERY_S: Final = 10.0
_POLL_S: Final = 0.1


def soak(environment: BenchEnvironment, seconds: float) -> list[Memory]:
    """Resident memory of our processes, every ten seconds and at the end. Raises BenchFailed."""
    sizes = environment.sizes
    samples: list[Memory] = []
    with environment.broker() as broker, running_path(environment, city_of(sizes.devices), broker) as running:
        messages = max(1, int(sizes.soak_rate * seconds))
        with loading(Plan(broker.port, messages, sizes.devices, rate=sizes.soak_rate)) as load:
            began = time.monotonic()
            sample_at = began
            while not load.ended():
                if (now := time.monotonic()) >= sample_at:
                    samples.append(Memory(round(now - began, 1), running.memory_mb()))
                    environment.progress(f"{now - began:.0f} s: {samples[-1].memory_mb}")
                    sample_at += SAMPLE_EVERY_S
                time.sleep(_POLL_S)
            load.sent()
        samples.append(Memory(round(time.monotonic() - began, 1), running.memory_mb()))
    return samples
