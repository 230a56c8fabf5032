"""The reorder buffer of one device: order, lateness and release."""

from collections.abc import Iterable, Sequence

from devices.readings.models import Fill, Position, Reading, Status, Weighing
from rules.engine.reorder_buffer import BufferedReading, ReorderBuffer

T = 1_790_000_000_000


def fix(s: float, lat: float = 35.0, device_id: str = "T1") -> Position:
    return Position(device_id=device_id, ts=T + round(s * 1000), lat=lat, lon=112.0)


def seconds(released: Iterable[BufferedReading] | None) -> list[float]:
    assert released is not None
    return [(entry.ts - T) / 1000 for entry in released]


def take(buffer: ReorderBuffer, reading: Reading, fleet_s: float = 0) -> Sequence[BufferedReading] | None:
    """Let a reading arrive whose device's clock is right."""
    return buffer.arrive(reading, T + round(fleet_s * 1000), reading.ts)


def arrive(buffer: ReorderBuffer, *readings: Reading, fleet_s: float = 0) -> list[float]:
    return [s for reading in readings for s in seconds(take(buffer, reading, fleet_s=fleet_s))]


def test_readings_leave_in_order_once_the_newest_is_thirty_seconds_on() -> None:
    buffer = ReorderBuffer("T1")
    assert arrive(buffer, fix(10), fix(0), fix(5)) == []
    assert arrive(buffer, fix(30)) == []
    assert arrive(buffer, fix(35.001)) == [0, 5]


def test_a_reading_thirty_seconds_late_is_still_in_time_and_one_millisecond_more_is_not() -> None:
    buffer = ReorderBuffer("T1")
    arrive(buffer, fix(30))
    assert seconds(take(buffer, fix(0))) == []
    assert take(buffer, fix(-0.001)) is None


def test_fleet_time_releases_the_last_readings() -> None:
    buffer = ReorderBuffer("T1")
    arrive(buffer, fix(0), fix(10), fleet_s=10)
    assert buffer.due == T + 40_000
    assert seconds(buffer.flush(T + 39_999)) == []
    assert seconds(buffer.flush(T + 40_000)) == [0, 10]
    assert take(buffer, fix(10), fleet_s=41) is None


def test_a_device_that_lags_is_released_after_its_last_arrival() -> None:
    buffer = ReorderBuffer("T1")
    arrive(buffer, fix(0), fleet_s=3600)
    arrive(buffer, fix(-10), fleet_s=3620)
    assert seconds(buffer.flush(T + 3_649_999)) == []
    assert seconds(buffer.flush(T + 3_650_000)) == [-10, 0]


def test_the_due_time_never_moves_to_an_earlier_time() -> None:
    """The engine's timer has the time that was due first; after a restart it would have the earlier one only."""
    buffer = ReorderBuffer("T1")
    arrive(buffer, fix(0), fleet_s=40)
    assert buffer.due == T + 70_000
    arrive(buffer, fix(20), fleet_s=40)
    assert buffer.due == T + 70_000
    assert seconds(buffer.flush(T + 70_000)) == [0, 20]


def test_of_two_readings_of_one_instant_the_first_that_arrived_is_judged() -> None:
    """As the recorder stores it."""
    for first, second in ((35.0, 35.1), (35.1, 35.0)):
        buffer = ReorderBuffer("T1")
        arrive(buffer, fix(0, first), fix(0, second))
        (kept,) = buffer.flush(T + 90_000)
        assert kept.reading == fix(0, first)


def test_a_repeat_does_not_postpone_the_release() -> None:
    buffer = ReorderBuffer("T1")
    arrive(buffer, fix(0))
    arrive(buffer, fix(0), fleet_s=20)
    assert buffer.due == T + 30_000


def test_a_status_says_nothing_about_the_measurements_to_come() -> None:
    buffer = ReorderBuffer("T1")
    birth = Status(device_id="T1", ts=T + 600_000, online=True, session=1)
    arrive(buffer, fix(0))
    assert arrive(buffer, birth, fleet_s=600) == []
    assert arrive(buffer, fix(60), fleet_s=600) == [0]
    assert seconds(buffer.flush(T + 700_000)) == [60, 600]
    assert arrive(buffer, fix(70), fleet_s=700) == []


def test_compartments_and_tickets_of_one_instant_are_no_repeats() -> None:
    buffer = ReorderBuffer("P")
    parts = [Fill(device_id="P", ts=T, compartment=part, fill_pct=1.0) for part in ("b", "a")]
    ticket = Weighing(device_id="W1", ts=T, gross_kg=1.0, ticket="1", direction="in")
    readings: list[Reading] = [*parts, ticket]
    for reading in readings:
        take(buffer, reading)
    assert [type(entry.reading) for entry in buffer.flush(T + 90_000)] == [Fill, Fill, Weighing]


def test_what_another_device_measured_does_not_move_the_devices_time_on() -> None:
    buffer = ReorderBuffer("T1")
    ticket = Weighing(device_id="W1", ts=T + 90_000, gross_kg=1.0, ticket="1", direction="in")
    assert seconds(take(buffer, fix(0))) == []
    assert seconds(take(buffer, ticket)) == []
    assert seconds(take(buffer, fix(1))) == []


def test_statuses_that_go_on_for_ever_do_not_put_off_what_waits() -> None:
    buffer, released = ReorderBuffer("T1"), []
    arrive(buffer, fix(0), fix(10))
    for s in range(20, 200, 20):
        arrive(buffer, Status(device_id="T1", ts=T + s * 1000, online=True, session=1), fleet_s=s)
        released += [(s, seconds(buffer.flush(T + s * 1000)))]
    assert released[:4] == [(20, []), (40, [0, 10]), (60, [20]), (80, [40])]
    assert [one for _, found in released for one in found] == [0, 10, *range(20, 160, 20)]


def test_a_status_that_waits_leaves_its_place_to_older_measurements() -> None:
    buffer = ReorderBuffer("T1")
    arrive(buffer, fix(0))
    arrive(buffer, Status(device_id="T1", ts=T + 20_000, online=True, session=1), fleet_s=20)
    assert seconds(buffer.flush(T + 30_000)) == [0]
    assert arrive(buffer, fix(10), fleet_s=35) == []
    assert seconds(buffer.flush(T + 65_000)) == [10, 20]
