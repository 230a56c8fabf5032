"""Memory over time at a steady rate."""

import time
from typing import Final

from simulators.load.generator import Plan
from tests.bench.fleet import city_of
from tests.bench.measures import Memory
from tests.bench.path import path
from tests.bench.terrain import BenchEnvironment, loading

LOOK_EVERY_S: Final = 10.0
_NAP_S: Final = 0.1


def soak(ground: BenchEnvironment, seconds: float) -> list[Memory]:
    """Resident memory of our processes every ten seconds, and at the end. Raises BenchFailed."""
    sizes = ground.sizes
    found: list[Memory] = []
    with ground.broker() as broker, path(ground, city_of(sizes.devices), broker) as running:
        messages = max(1, int(sizes.soak_rate * seconds))
        with loading(Plan(broker.port, messages, sizes.devices, rate=sizes.soak_rate)) as load:
            began = time.monotonic()
            look_at = began
            while not load.ended():
                if (now := time.monotonic()) >= look_at:
                    found.append(Memory(round(now - began, 1), running.memory_mb()))
                    ground.say(f"{now - began:.0f} s: {found[-1].memory_mb}")
                    look_at += LOOK_EVERY_S
                time.sleep(_NAP_S)
            load.sent()
        found.append(Memory(round(time.monotonic() - began, 1), running.memory_mb()))
    return found
