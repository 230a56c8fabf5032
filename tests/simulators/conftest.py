"""Jincheng, and one scenario staged in it."""

from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest

import devices
from devices.city.files import read_city
from devices.city.model import City
from simulators.firmware.events import DeviceEvent
from simulators.staging.scenario import Scenario, Script

START_MS = 1_792_000_000_000
"""2026-10-14T14:26:40Z."""
MINUTE_MS = 60_000


@pytest.fixture(scope="session")
def city() -> City:
    return read_city(Path(devices.__file__).parent / "cities" / "jincheng")


@pytest.fixture(scope="session")
def script(city: City) -> Script:
    return Scenario(seed=1).cast(city, START_MS)


def until(events: Iterator[DeviceEvent], end_ms: int) -> list[DeviceEvent]:
    return list(takewhile(lambda event: event.at_ms < end_ms, events))
