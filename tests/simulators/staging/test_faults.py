"""Each fault does what it is named for, by seed, and in order of time."""

from collections import Counter
from itertools import islice, pairwise
from random import Random

from devices.readings.models import Fill
from simulators.firmware.events import DeviceEvent, NetworkDown, NetworkUp, Sensed, heartbeats, merge, sensed
from simulators.staging.faults import Unreliable, blind_zone, slow_clock, stuck_thermometer, unreliable

T0 = 1_792_000_000_000


def fills(count: int) -> list[Fill]:
    return [Fill(device_id="point-1", ts=T0 + k * 10_000, fill_pct=1.0, temperature_c=k % 100.0) for k in range(count)]


def flawed(chances: Unreliable, seed: int = 1) -> list[DeviceEvent]:
    readings = fills(1_100)
    return list(islice(unreliable(iter([*sensed(readings)]), chances, Random(seed)), 1_000))


def test_without_chances_nothing_changes() -> None:
    assert flawed(Unreliable()) == list(sensed(fills(1_000)))


def test_loss_and_duplicates_come_at_about_their_chances() -> None:
    copies = Counter(m.copies for m in flawed(Unreliable(loss=0.1, duplicate=0.2)) if isinstance(m, Sensed))
    assert 60 < copies[0] < 140
    assert 130 < copies[2] < 230


def test_a_delayed_reading_comes_after_its_successors_and_within_twenty_seconds() -> None:
    events = [m for m in flawed(Unreliable(delay=0.2)) if isinstance(m, Sensed)]
    assert all(before.at_ms <= after.at_ms for before, after in pairwise(events))
    lateness = [m.at_ms - m.reading.ts for m in events]
    assert 100 < sum(late > 0 for late in lateness) < 300
    assert max(lateness) <= 20_000
    assert any(before.reading.ts > after.reading.ts for before, after in pairwise(events))


def test_equal_seeds_make_equal_faults() -> None:
    chances = Unreliable(loss=0.1, duplicate=0.1, delay=0.1)
    assert flawed(chances, seed=3) == flawed(chances, seed=3) != flawed(chances, seed=4)


def test_a_slow_clock_falls_behind_and_is_published_when_it_truly_happens() -> None:
    events = [m for m in slow_clock(sensed(fills(101)), behind_s=4, loses_ppm=1_000) if isinstance(m, Sensed)]
    assert events[0].at_ms - events[0].reading.ts == 4_000
    assert events[-1].at_ms - events[-1].reading.ts == 5_000


def test_a_stuck_thermometer_repeats_its_last_value() -> None:
    shown = [fill.temperature_c for fill in stuck_thermometer(iter(fills(6)), T0 + 30_000)]
    assert shown == [0, 1, 2, 2, 2, 2]


def test_a_blind_zone_and_heartbeats_are_merged_by_time() -> None:
    merged = merge(blind_zone(T0 + 15_000, 10), sensed(fills(4)), heartbeats(T0 + 12_000, 300))
    names = [(type(m).__name__, m.at_ms - T0) for m in islice(merged, 7)]
    assert names == [
        ("Sensed", 0), ("Sensed", 10_000), ("Heartbeat", 12_000), (NetworkDown.__name__, 15_000),
        ("Sensed", 20_000), (NetworkUp.__name__, 25_000), ("Sensed", 30_000),
    ]  # fmt: skip
