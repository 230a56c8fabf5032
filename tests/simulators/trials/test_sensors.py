"""Sensors that fail: each fault is in one sensor, and leaves all others as they are."""

import itertools
from collections.abc import Iterable, Sequence
from random import Random

import pytest
from msgspec.structs import asdict

from devices.readings.models import Load, Position
from simulators.trials.sensors import FAULTS, NO_SENSOR, Faulty, load_bits_stuck, scale_overflows

T0 = 1_790_000_000_000
OF_SENSOR = {"lift": "lift_up", "cover": "cover_open", "scale": "load_kg", "load": "load"}


def shift() -> list[Position]:
    """Eight hours: loaded and emptied each half hour, a report each 10 s."""
    return [
        Position(
            device_id="T1",
            ts=T0 + 10_000 * n,
            lat=35.49,
            lon=112.85,
            lift_up=n % 180 >= 170,
            cover_open=n % 180 >= 165,
            load=Load.LOADED if n % 180 < 170 else Load.EMPTY,
            load_kg=12_000.0 if n % 180 < 170 else 60.0,
        )
        for n in range(2_880)
    ]


def changed(made: Iterable[Position], true: Sequence[Position]) -> set[str]:
    """Fields whose values differ from those of the true report at the same time."""
    by_ts = {position.ts: asdict(position) for position in true}
    found = set()
    for position in made:
        before = by_ts.get(position.ts)
        if before is not None:
            found |= {name for name, value in asdict(position).items() if value != before[name]}
    return found


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_is_in_one_sensor(fault: Faulty) -> None:
    true = shift()
    for seed in range(4):
        made = list(fault(true, Random(seed)))
        assert {position.ts for position in true} <= {position.ts for position in made}
        field = OF_SENSOR[fault.__name__.partition("_")[0]]
        chatters, takes_state = "chatters" in fault.__name__, fault.__name__ == "scale_stuck"
        differs = {field} if not takes_state else {field, "load"}
        assert changed(made, true) <= differs
        assert len(made) > len(true) if chatters else changed(made, true)


def test_a_scale_that_overflows_shows_more_than_any_truck_carries_for_minutes() -> None:
    over = [position.ts for position in scale_overflows(shift(), Random(1)) if (position.load_kg or 0.0) > 80_000]
    runs = sum(later - before > 10_000 for before, later in itertools.pairwise(over)) + 1
    assert runs >= 5
    assert len(over) / runs >= 6


def test_a_load_state_is_no_sensor() -> None:
    assert {load_bits_stuck} == NO_SENSOR
