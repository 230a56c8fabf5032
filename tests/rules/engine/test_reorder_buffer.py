"""The reorder buffer of one device: order, lateness and release."""

from collections.abc import Iterable, Sequence

from devices.readings.models import Fill, Position, Reading, Status, Weighing
from rules.engine.reorder_buffer import BufferedReading, ReorderBuffer

T = 1_790_000_000_000


def fix(s: float, lat: float = 35.0, device_id: str = "T1") -> Position:
    return Position(device_id=device_id, ts=T + round(s * 1000), lat=lat, lon=112.0)


def numbered(s: float, seq: int) -> Position:
    return Position(device_id="T1", ts=T + round(s * 1000), lat=35.0, lon=112.0, seq=seq)


def at_once(buffer: ReorderBuffer, *readings: Reading, fleet_s: float = 0, limit_s: float = 10_000) -> list[float]:
    """Let readings arrive that need not wait where their numbers are complete; times of what is released."""
    now, limit = T + round(fleet_s * 1000), T + round(limit_s * 1000)
    return [s for one in readings for s in seconds(buffer.arrive(one, now, limit, at_once=True))]


def counting_on(seq: int, s: float = 0) -> ReorderBuffer:
    """A buffer of a device whose number `seq`, of this second, was released after it had waited."""
    buffer = ReorderBuffer("T1")
    assert at_once(buffer, numbered(s, seq)) == [], "nobody knows yet what came before it"
    assert seconds(buffer.flush(T + round(s * 1000) + 30_000)) == [s]
    return buffer


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


def test_what_is_complete_by_its_numbers_does_not_wait() -> None:
    buffer = counting_on(7)
    assert at_once(buffer, numbered(40, 8)) == [40]
    assert at_once(buffer, numbered(50, 9), numbered(51, 10)) == [50, 51]
    assert buffer.due == 0, "nothing waits, and no timer is needed"


def test_the_first_number_of_a_device_is_no_proof_that_nothing_came_before() -> None:
    buffer = ReorderBuffer("T1")
    assert at_once(buffer, numbered(10, 0), numbered(5, 1)) == []


def test_after_a_missing_number_what_follows_waits_until_it_comes_or_the_window_is_over() -> None:
    buffer = counting_on(7)
    assert at_once(buffer, numbered(50, 9), numbered(60, 10)) == []
    assert at_once(buffer, numbered(40, 8)) == [40, 50, 60]
    assert at_once(buffer, numbered(80, 12), numbered(90, 13), numbered(100, 14)) == []
    assert at_once(buffer, numbered(110.001, 15)) == [80], "11 is given up as before"
    assert at_once(buffer, numbered(115, 16)) == [90, 100, 110.001, 115]
    assert at_once(buffer, numbered(120, 17)) == [120]


def test_numbers_that_began_anew_are_learned_again() -> None:
    buffer = counting_on(700)
    assert at_once(buffer, numbered(40, 0), numbered(50, 1)) == []
    assert seconds(buffer.flush(T + 80_000)) == [40, 50]
    assert at_once(buffer, numbered(90, 2)) == [90]


def test_a_number_that_never_changes_proves_nothing() -> None:
    buffer = counting_on(5)
    assert at_once(buffer, *(numbered(s, 5) for s in (40, 50, 60))) == []


def test_a_status_counts_but_releases_nothing() -> None:
    buffer = counting_on(7)
    beat = Status(device_id="T1", ts=T + 45_000, online=True, session=1, seq=8)
    assert at_once(buffer, beat) == []
    assert at_once(buffer, numbered(50, 9)) == [45, 50]


def test_a_number_that_comes_late_is_not_missing() -> None:
    """A status of a position's second has its place before it; what follows need not wait for the window."""
    buffer = counting_on(7)
    assert at_once(buffer, numbered(40, 8)) == [40]
    beat = Status(device_id="T1", ts=T + 40_000, online=True, session=1, seq=9)
    assert buffer.arrive(beat, T + 40_000, T + 45_000, at_once=True) is None
    assert at_once(buffer, numbered(50, 10)) == [50]


def test_compartments_of_one_instant_wait_for_each_other() -> None:
    buffer = ReorderBuffer("P")
    at_once(buffer, Fill(device_id="P", ts=T, fill_pct=1.0, seq=1))
    buffer.flush(T + 30_000)
    parts = [
        Fill(device_id="P", ts=T + 40_000, compartment=part, fill_pct=1.0, seq=n) for part, n in (("b", 2), ("a", 3))
    ]
    assert at_once(buffer, *parts) == []
    assert [entry.reading for entry in buffer.flush(T + 90_000)] == [parts[1], parts[0]]


def test_a_ticket_leaves_in_its_place_among_numbered_readings() -> None:
    buffer = counting_on(7)
    ticket = Weighing(device_id="W1", ts=T + 45_000, gross_kg=1.0, ticket="1", direction="in", seq=8)
    assert at_once(buffer, ticket) == []
    assert at_once(buffer, numbered(50, 8)) == [45, 50]


def test_a_number_by_a_clock_that_runs_ahead_waits_until_its_time() -> None:
    buffer = counting_on(7)
    assert at_once(buffer, numbered(4_000, 8), fleet_s=40, limit_s=45) == []
    assert at_once(buffer, numbered(44, 9), fleet_s=44, limit_s=49) == []


def test_many_that_wait_for_a_number_are_released_a_part_at_a_time() -> None:
    buffer = counting_on(0)
    assert at_once(buffer, *(numbered(s, s) for s in range(31, 1, -1) if s > 1)) == []
    assert at_once(buffer, numbered(1, 1)) == list(range(1, 32))
