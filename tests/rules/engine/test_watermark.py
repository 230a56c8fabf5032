from hypothesis import given
from hypothesis import strategies as st

from devices.readings.models import MAX_AHEAD_MS, MAX_TS_MS
from rules.engine.watermark import FleetWatermark


def heard(*readings: tuple[str, int]) -> FleetWatermark:
    watermark, newest = FleetWatermark(), dict[str, int]()
    for device_id, ts in readings:
        watermark.heard(device_id, ts, newest.get(device_id, 0))
        newest[device_id] = max(ts, newest.get(device_id, 0))
    return watermark


def test_one_clock_ahead_does_not_lead_three() -> None:
    assert heard(("A", 100_000), ("B", 101_000), ("C", 220_000)).now == 101_000


def test_a_clock_far_behind_does_not_hold_the_fleet_back() -> None:
    assert heard(("A", 500_000), ("old", 10), ("B", 501_000), ("C", 502_000)).now == 501_000


def test_of_six_devices_the_third_newest_leads() -> None:
    assert heard(*((name, 100_000 + n) for n, name in enumerate("ABCDEF"))).now == 100_003


def test_it_never_goes_back() -> None:
    assert heard(("A", 100_000), ("B", 100_000), ("C", 50_000)).now == 100_000


def test_it_goes_on_when_one_device_is_left() -> None:
    """Admission refuses a clock that is more than 120 s ahead, so everything behind that is certain."""
    watermark = heard(("A", 1_000_000), ("B", 1_000_000), ("C", 1_000_000), ("A", 2_000_000))
    assert watermark.now == 2_000_000 - 120_000
    assert MAX_AHEAD_MS == 120_000


def test_ticks_move_it_on_once_it_runs() -> None:
    watermark = FleetWatermark()
    watermark.quiet(5_000)
    assert watermark.now == 0
    watermark.heard("A", 1_000_000, 0)
    watermark.quiet(5_000)
    assert watermark.now == 1_005_000


def test_the_newest_time_that_is_accepted_breaks_nothing() -> None:
    assert heard(("A", MAX_TS_MS)).now == MAX_TS_MS


@given(st.lists(st.tuples(st.sampled_from("ABCDE"), st.integers(1, 9)), max_size=40))
def test_it_is_the_time_of_the_newest_few_of_all(readings: list[tuple[str, int]]) -> None:
    """Compared with a list of all devices."""
    now, newest = 0, dict[str, int]()
    for device_id, ts in readings:
        newest[device_id] = max(ts, newest.get(device_id, 0))
        leads = sorted(newest.values(), reverse=True)[min(3, 1 + len(newest) // 3) - 1]
        now = max(now, leads, max(newest.values()) - MAX_AHEAD_MS)
    assert heard(*readings).now == now
