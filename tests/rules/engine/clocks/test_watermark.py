"""Fleet time: the pace of receive time and a quorum of device clocks. Times are seconds since `T`."""

from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.readings.models import MAX_TS_MS, Position, Status
from rules.engine.clocks.device_clock import AS_BELIEVED, DeviceClock
from rules.engine.clocks.quorum import Quorum
from rules.engine.clocks.watermark import FleetClock, FleetWatermark

T = 1_790_000_000_000
DAY_S = 86_400
MINUTE_MS = 60_000


@dataclass
class Fleet:
    """Devices that report to one machine."""

    clock: FleetClock = field(default_factory=FleetClock)
    clocks: dict[str, DeviceClock] = field(default_factory=dict)
    machine_s: float = 0
    """How far this machine's clock is ahead."""

    def hear(self, at_s: float, **offsets_s: float) -> None:
        """At this true time a reading of each of these devices arrives, by a clock that is so far ahead."""
        for device_id, offset_s in offsets_s.items():
            self.clock.receive(T + round((at_s + self.machine_s) * 1000))
            ts = T + round((at_s + offset_s) * 1000)
            reading = Position(device_id=device_id, ts=ts, lat=35.0, lon=112.0)
            self.clock.heard(self.clocks.setdefault(device_id, DeviceClock()), reading)

    def run(self, start_s: float, end_s: float, every_s: float = 10, **offsets_s: float) -> None:
        while start_s < end_s:
            self.hear(start_s, **offsets_s)
            start_s += every_s

    @property
    def now_s(self) -> float:
        return (self.clock.now - T) / 1000


def test_one_clock_ahead_does_not_lead_three() -> None:
    fleet = Fleet()
    fleet.hear(100, A=0, B=1, C=120)
    assert fleet.now_s == 101


def test_a_clock_far_behind_does_not_hold_the_fleet_back() -> None:
    fleet = Fleet()
    fleet.hear(500, A=0, old=-500, B=1, C=2)
    assert fleet.now_s == 501


def test_of_six_devices_the_third_newest_leads() -> None:
    fleet = Fleet()
    fleet.hear(100, **{name: n for n, name in enumerate("ABCDEF")})
    assert fleet.now_s == 103


def test_it_does_not_go_back_by_seconds() -> None:
    fleet = Fleet()
    fleet.hear(100, A=0, B=0)
    fleet.hear(100, C=-50, D=-50, E=-50, F=-50, G=-50)
    assert fleet.now_s == 100
    assert not fleet.clock.set_by


def test_it_goes_on_when_one_device_is_left() -> None:
    fleet = Fleet()
    fleet.hear(0, A=0, B=0, C=0)
    fleet.run(10, 1_000, A=0)
    assert fleet.now_s == 990


def test_ticks_move_it_on_once_it_runs() -> None:
    clock = FleetClock()
    clock.quiet(5_000)
    assert clock.now == 0
    fleet = Fleet(clock)
    fleet.hear(0, A=0)
    clock.quiet(5_000)
    assert fleet.now_s == 5


def test_the_newest_time_that_is_accepted_breaks_nothing() -> None:
    clock = FleetClock()
    clock.heard(DeviceClock(), Position(device_id="A", ts=MAX_TS_MS, lat=35.0, lon=112.0))
    assert clock.now == MAX_TS_MS


def test_a_will_says_nothing_of_the_clock() -> None:
    clock, device = FleetClock(), DeviceClock()
    clock.receive(T)
    will = Status(device_id="A", ts=T - 3_600_000, online=False, session=1, cause="will")
    assert clock.heard(device, will) == AS_BELIEVED
    assert not device.votes
    assert clock.now == 0


ALL = dict.fromkeys("ABCDEFGH", 0.0)
HONEST = dict.fromkeys("BCDEFGH", 0.0)


def test_this_machine_and_one_truck_a_day_ahead_for_five_minutes_lead_nobody() -> None:
    fleet = Fleet()
    fleet.run(0, 600, **ALL)
    fleet.machine_s = DAY_S
    fleet.run(600, 900, **HONEST, A=DAY_S)
    assert abs(fleet.now_s - 890) <= 60
    fleet.machine_s = 0
    fleet.run(900, 1_200, **HONEST)
    assert abs(fleet.now_s - 1_190) <= 60
    fleet.machine_s = -DAY_S
    fleet.run(1_200, 1_500, **ALL)
    assert abs(fleet.now_s - 1_490) <= 60


@pytest.mark.parametrize("ahead_s", [DAY_S, -DAY_S, 3_600.0, 90.0, -90.0])
def test_a_machine_clock_that_stays_wrong_moves_nothing(ahead_s: float) -> None:
    fleet = Fleet()
    fleet.run(0, 600, **ALL)
    fleet.machine_s = ahead_s
    fleet.run(600, 3_600, **ALL)
    assert abs(fleet.now_s - 3_590) <= 5


def test_it_comes_back_from_clocks_that_led_it_while_it_began() -> None:
    """This machine and the first truck that is heard are a day ahead."""
    fleet = Fleet(machine_s=DAY_S)
    fleet.run(0, 100, A=DAY_S)
    assert fleet.now_s > DAY_S
    fleet.hear(100, A=DAY_S, B=0, C=0)
    assert fleet.now_s == 100
    assert fleet.clock.set_by == -DAY_S * 1000


def test_a_record_with_a_wild_receive_time_does_not_count_time_twice() -> None:
    """Records of two collectors may be up to a minute out of order; one of them has a receive time of 1970."""
    clock = FleetClock()
    clock.receive(T)
    for at_s in (10, 30, 5, 20, 40, 12):
        clock.receive(T + at_s * 1000)
        clock.receive(1)
    clock.receive(T + 41_000)
    assert clock.watermark.pace == T + 41_000


def test_what_passed_while_nobody_listened_is_caught_up_as_soon_as_a_quorum_shows_it() -> None:
    fleet = Fleet()
    fleet.run(0, 600, **ALL)
    fleet.hear(4_200, A=0, B=0)
    assert fleet.now_s == 590
    fleet.hear(4_201, C=0)
    assert fleet.now_s == 4_201


def test_what_passed_while_nobody_listened_is_caught_up_by_the_only_device_left() -> None:
    fleet = Fleet()
    fleet.run(0, 600, **ALL)
    fleet.run(4_200, 4_400, A=0)
    assert fleet.now_s == 4_390


def test_uploads_that_begin_with_the_time_before_a_leap_do_not_deny_it() -> None:
    """Nobody listened for two hours. Six devices upload a reading of each minute; then they are live."""
    fleet = Fleet()
    devices = "ABCDEF"
    fleet.run(0, 600, **dict.fromkeys(devices, 0))
    for n in range(120):
        at_s = 7_800 + n
        fleet.hear(at_s, **dict.fromkeys(devices, 600 + 60 * n - at_s))
    assert fleet.now_s < 800
    fleet.run(7_920, 7_940, **dict.fromkeys(devices, 0))
    assert abs(fleet.now_s - 7_930) <= 5
    assert all(abs(clock.offset) <= 2_000 for clock in fleet.clocks.values())


def test_devices_that_show_the_former_time_for_a_minute_deny_a_leap() -> None:
    fleet = Fleet()
    fleet.run(0, 600, **ALL)
    fleet.machine_s = 7_200
    fleet.run(600, 900, **ALL)
    assert abs(fleet.now_s - 890) <= 10


def test_device_time_that_runs_fast_is_followed() -> None:
    """A demonstration: twenty times as fast, and an hour behind this machine."""
    fleet = Fleet()
    for at_s in range(400):
        fleet.hear(at_s, **dict.fromkeys(ALL, -3_600.0 + 19 * at_s))
        assert fleet.now_s == at_s - 3_600 + 19 * at_s
    assert not any(clock.believed for clock in fleet.clocks.values())


def test_one_reading_that_is_119_s_ahead_each_80_s_does_not_lead_a_lone_truck() -> None:
    fleet = Fleet()
    for at_s in range(0, 1_200, 10):
        fleet.hear(at_s, A=119.0 if at_s % 80 == 70 else 0.0)
        assert fleet.now_s <= at_s
    assert fleet.clock.order_limit(fleet.clocks["A"]) == T + 1_190_000 + 5_000


def test_a_clock_is_believed_after_five_readings_over_three_minutes() -> None:
    fleet = Fleet()
    fleet.run(0, 200, every_s=60, A=-28_800)
    assert not fleet.clocks["A"].believed
    fleet.hear(240, A=-28_800)
    assert fleet.clocks["A"].believed
    fleet.run(300, 420, every_s=10, B=-28_800)
    assert not fleet.clocks["B"].believed
    fleet.run(420, 500, every_s=10, B=-28_800)
    assert fleet.clocks["B"].believed


def test_an_upload_of_what_was_buffered_is_no_clock() -> None:
    fleet = Fleet()
    fleet.run(0, 600, A=0, B=0)
    fleet.run(600, 7_200, B=0)
    for n in range(300):
        fleet.hear(7_200 + n / 5, A=-6_000 + 10 * n - n / 5)
    assert fleet.clocks["A"].offset == 0


def test_two_uploads_that_continue_each_other_are_no_clock() -> None:
    """Each sends ten readings within a second; the second one ten minutes of device time and of receive time later."""
    fleet = Fleet()
    fleet.run(0, 600, A=0, B=0)
    fleet.run(600, 7_200, B=0)
    for uploaded_s in (7_200, 7_500, 7_800):
        for n in range(10):
            fleet.hear(uploaded_s + n / 10, A=-6_000 + n)
    assert fleet.clocks["A"].offset == 0


def test_a_repeated_reading_is_no_clock() -> None:
    fleet = Fleet()
    fleet.run(0, 600, A=0)
    for at_s in range(600, 3_600, 10):
        fleet.hear(at_s, A=590 - at_s)
    assert abs(fleet.now_s - 3_590) <= 5


def test_another_correction_is_no_upload_of_what_was_buffered() -> None:
    fleet = Fleet()
    fleet.run(0, 60, A=0, C=0, D=0, B=-28_800)
    assert fleet.clocks["B"].doubtful
    fleet.clock.correct(fleet.clocks["B"], 18_000_000)
    fleet.hear(70, B=-10_800)
    assert fleet.clocks["B"].doubtful, "it is still three hours behind"


def test_it_is_written_and_read_back_as_it_was() -> None:
    fleet = Fleet()
    fleet.run(0, 600, **ALL, late=-40.0)
    again = FleetClock()
    again.restore(fleet.clock.watermark, ((clock, True) for clock in fleet.clocks.values()))
    assert (again.quorum.k, again.quorum.offset) == (fleet.clock.quorum.k, fleet.clock.quorum.offset)


def test_a_row_without_clocks_goes_on_from_its_fleet_time() -> None:
    clock, device = FleetClock(), DeviceClock()
    clock.restore(FleetWatermark(now=T - 500_000, received_at=T), [(device, True), (DeviceClock(), False)])
    assert clock.quorum.devices == 1
    clock.quiet(10_000)
    assert clock.now == T - 490_000


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(-200_000, 200_000), st.booleans()), max_size=200))
def test_the_quorum_is_the_kth_highest_of_all(moves: list[tuple[int, int, bool]]) -> None:
    """Compared with a sorted list."""
    quorum, offsets = Quorum(), dict[int, int]()
    for device, offset, leaves in moves:
        if device not in offsets:
            quorum.add(offset)
        elif leaves:
            quorum.remove(offsets.pop(device))
        else:
            quorum.move(offsets[device], offset)
        if not leaves or device in offsets or quorum.devices > len(offsets):
            offsets[device] = offset
        n = len(offsets)
        assert quorum.devices == n
        if n:
            assert quorum.k == (n // 3 if n >= 9 else [0, 1, 1, 2, 2, 3, 3, 3, 3][n])
            assert quorum.offset == sorted(offsets.values())[-quorum.k] // 1000 * 1000


def test_what_others_upload_hours_later_does_not_hold_back_the_only_live_device() -> None:
    fleet, dice = Fleet(), Random(3)
    for at_s in range(0, 3_600, 60):
        fleet.hear(at_s, live=0, **{f"late{n}": -dice.uniform(3_600, 36_000) for n in range(6)})
    assert fleet.now_s == 3_540


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1 << 32), honest=st.integers(4, 30))
def test_fleet_time_is_that_of_an_honest_quorum_whatever_the_others_and_the_machine_do(seed: int, honest: int) -> None:
    """Fewer than k devices send any time at all, steadily or not; the machine's clock is set whenever it likes.

    Honest devices are right to 2 s and heard within 5 s. Ten minutes after the machine was last set, fleet time is
    within one minute of the true time, and stays there.
    """
    dice = Random(seed)
    liars = dice.randint(0, max(2, honest // 3 - 1)) if honest >= 6 else 1
    offsets = {f"honest{n}": dice.uniform(-2, 0) for n in range(honest)}
    drift = {f"liar{n}": (dice.choice([0.0, 0.0, 0.5, -0.9, 30.0]), dice.uniform(-1, 1) * 10 ** dice.uniform(0, 8))
             for n in range(liars)}  # fmt: skip
    fleet, end_s = Fleet(), 3_000
    fleet.hear(0, **offsets)  # no fewer than the quorum are honest from the beginning
    settings_at = sorted(dice.uniform(0, 1_800) for _ in range(dice.randint(0, 6)))
    next_s = {name: dice.uniform(0, 30) for name in (*offsets, *drift)}
    last_set = settings_at[-1] if settings_at else 0.0
    while (at_s := min(next_s.values())) < end_s:
        name = min(next_s, key=lambda device: next_s[device])
        next_s[name] += dice.uniform(5, 30)
        while settings_at and settings_at[0] < at_s:
            settings_at.pop(0)
            fleet.machine_s = dice.uniform(-1, 1) * 10 ** dice.uniform(0, 6)
        if name in offsets:
            fleet.hear(at_s, **{name: offsets[name] - dice.uniform(0, 5)})
        else:
            rate, ahead = drift[name]
            fleet.hear(at_s, **{name: max(ahead + rate * at_s + dice.choice([0, 0, 0, 500]), -1e9)})
        if at_s > last_set + 600:
            assert abs(fleet.now_s - at_s) <= 60, (name, at_s)


def test_before_any_device_a_partition_goes_by_receive_time_over_any_leap() -> None:
    clock = FleetClock(begins_by_receive_time=True)
    for received_at in (1_790_000_000_000, 1_790_000_010_000, 1_790_005_400_000):
        clock.receive(received_at)
        assert clock.now == received_at
    assert clock.watermark.leap == 0


def test_without_that_time_begins_with_the_first_device() -> None:
    clock = FleetClock()
    clock.receive(1_790_000_000_000)
    assert clock.now == 0
