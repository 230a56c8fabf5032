from collections.abc import Iterable

from devices.readings.models import Fill, Position, Reading, Weighing
from rules.engine.reorder_buffer import BufferedReading, ReorderBuffer

T = 1_790_000_000_000


def fix(s: float, lat: float = 35.0, device_id: str = "T1") -> Position:
    return Position(device_id=device_id, ts=T + round(s * 1000), lat=lat, lon=112.0)


def seconds(released: Iterable[BufferedReading] | None) -> list[float]:
    assert released is not None
    return [(waiting.ts - T) / 1000 for waiting in released]


def arrive(lane: ReorderBuffer, *readings: Reading, fleet_s: float = 0) -> list[float]:
    return [s for reading in readings for s in seconds(lane.arrive(reading, T + round(fleet_s * 1000)))]


def test_readings_leave_in_order_once_the_newest_is_thirty_seconds_on() -> None:
    lane = ReorderBuffer("T1")
    assert arrive(lane, fix(10), fix(0), fix(5)) == []
    assert arrive(lane, fix(30)) == []
    assert arrive(lane, fix(35.001)) == [0, 5]


def test_a_reading_thirty_seconds_late_is_still_in_time_and_one_millisecond_more_is_not() -> None:
    lane = ReorderBuffer("T1")
    arrive(lane, fix(30))
    assert seconds(lane.arrive(fix(0), T)) == []
    assert lane.arrive(fix(-0.001), T) is None


def test_fleet_time_lets_the_last_readings_go() -> None:
    lane = ReorderBuffer("T1")
    arrive(lane, fix(0), fix(10), fleet_s=10)
    assert lane.due == T + 40_000
    assert seconds(lane.flush(T + 39_999)) == []
    assert seconds(lane.flush(T + 40_000)) == [0, 10]
    assert lane.arrive(fix(10), T + 41_000) is None


def test_a_device_that_lags_is_let_go_after_its_last_arrival() -> None:
    lane = ReorderBuffer("T1")
    arrive(lane, fix(0), fleet_s=3600)
    arrive(lane, fix(-10), fleet_s=3620)
    assert seconds(lane.flush(T + 3_649_999)) == []
    assert seconds(lane.flush(T + 3_650_000)) == [-10, 0]


def test_when_it_is_let_go_is_never_moved_to_an_earlier_time() -> None:
    """The engine looks at what was due first; after a restart it would know of the earlier one only."""
    lane = ReorderBuffer("T1")
    arrive(lane, fix(0), fleet_s=40)
    assert lane.due == T + 70_000
    arrive(lane, fix(20), fleet_s=40)
    assert lane.due == T + 70_000
    assert seconds(lane.flush(T + 70_000)) == [0, 20]


def test_of_repeats_the_same_one_is_judged_whatever_came_first() -> None:
    for first, second in ((35.0, 35.1), (35.1, 35.0)):
        lane = ReorderBuffer("T1")
        arrive(lane, fix(0, first), fix(0, second))
        (kept,) = lane.flush(T + 90_000)
        assert kept.reading == fix(0, 35.0)


def test_compartments_and_tickets_of_one_instant_are_no_repeats() -> None:
    lane = ReorderBuffer("P")
    parts = [Fill(device_id="P", ts=T, compartment=part, fill_pct=1.0) for part in ("b", "a")]
    ticket = Weighing(device_id="W1", ts=T, gross_kg=1.0, ticket="1", direction="in")
    readings: list[Reading] = [*parts, ticket]
    for reading in readings:
        lane.arrive(reading, T)
    assert [type(waiting.reading) for waiting in lane.flush(T + 90_000)] == [Fill, Fill, Weighing]


def test_what_another_device_measured_does_not_move_the_devices_time_on() -> None:
    lane = ReorderBuffer("T1")
    ticket = Weighing(device_id="W1", ts=T + 90_000, gross_kg=1.0, ticket="1", direction="in")
    assert seconds(lane.arrive(fix(0), T)) == []
    assert seconds(lane.arrive(ticket, T)) == []
    assert seconds(lane.arrive(fix(1), T)) == []
