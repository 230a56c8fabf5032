from hypothesis import given
from hypothesis import strategies as st

from devices.readings.models import MAX_TS_MS
from ingest import admission
from rules.engine import watermark as clock
from rules.engine.watermark import FleetWatermark


def heard(*readings: tuple[str, int]) -> FleetWatermark:
    told, newest = FleetWatermark(), dict[str, int]()
    for device_id, ts in readings:
        told.heard(device_id, ts, newest.get(device_id, 0))
        newest[device_id] = max(ts, newest.get(device_id, 0))
    return told


def test_one_clock_ahead_does_not_lead_three() -> None:
    assert heard(("A", 100_000), ("B", 101_000), ("C", 220_000)).now == 101_000


def test_a_clock_far_behind_does_not_hold_the_fleet_back() -> None:
    assert heard(("A", 500_000), ("old", 10), ("B", 501_000), ("C", 502_000)).now == 501_000


def test_of_six_devices_the_third_newest_leads() -> None:
    assert heard(*((name, 100_000 + n) for n, name in enumerate("ABCDEF"))).now == 100_003


def test_it_never_goes_back() -> None:
    assert heard(("A", 100_000), ("B", 100_000), ("C", 50_000)).now == 100_000


def test_it_goes_on_when_one_device_is_left() -> None:
    """No clock is admitted that is more than 120 s ahead: so much of it is certain."""
    told = heard(("A", 1_000_000), ("B", 1_000_000), ("C", 1_000_000), ("A", 2_000_000))
    assert told.now == 2_000_000 - 120_000
    assert clock.MAX_AHEAD_MS == admission.MAX_AHEAD_MS


def test_ticks_move_it_on_once_it_runs() -> None:
    told = FleetWatermark()
    told.quiet(5_000)
    assert told.now == 0
    told.heard("A", 1_000_000, 0)
    told.quiet(5_000)
    assert told.now == 1_005_000


def test_the_newest_time_that_is_admitted_breaks_nothing() -> None:
    assert heard(("A", MAX_TS_MS)).now == MAX_TS_MS


@given(st.lists(st.tuples(st.sampled_from("ABCDE"), st.integers(1, 9)), max_size=40))
def test_it_is_the_time_of_the_newest_few_of_all(said: list[tuple[str, int]]) -> None:
    """Against a list of everybody."""
    now, newest = 0, dict[str, int]()
    for device_id, ts in said:
        newest[device_id] = max(ts, newest.get(device_id, 0))
        leads = sorted(newest.values(), reverse=True)[min(3, 1 + len(newest) // 3) - 1]
        now = max(now, leads, max(newest.values()) - clock.MAX_AHEAD_MS)
    assert heard(*said).now == now
