"""A device carries a command out once, answers each copy, and remembers over a restart."""

import json
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from devices.city.model import City, DeviceRole
from devices.commands.model import CommandOutcome, Locate, LockLift, Order, Reboot, ReportInterval, ShowText, issue
from devices.readings.models import Load, Position
from simulators.firmware.events import Sensed
from simulators.firmware.memory import FolderMemory
from simulators.firmware.orders import Controls, OrderResult, Orders
from simulators.staging.scenario import Scenario

T0 = 1_792_000_000_000
MOVING: tuple[Order, ...] = (Locate(), LockLift(locked=True), ShowText(text="x"))


def position(ts: int, *, lift_up: bool = False, load_kg: float = 15_000.0) -> Position:
    load = Load.LOADED if load_kg > 1_000 else Load.EMPTY
    return Position(device_id="truck-1", ts=ts, lat=35.5, lon=112.8, lift_up=lift_up, load_kg=load_kg, load=load)


class Truck:
    """A device with a receiver and a lift."""

    def __init__(self, folder: Path) -> None:
        self.lift_up = False
        self.controls = Controls(locate=lambda ts: position(ts, lift_up=self.lift_up))
        self.orders = Orders("truck-1", self.controls, FolderMemory(folder))

    def sent(self, order: Order, *, number: int = 1, now: int = T0, ttl_s: int = 60) -> OrderResult:
        command = issue(f"{number:016x}", "truck-1", order, actor="li", note=None, now_ms=T0, ttl_s=ttl_s)
        result = self.orders.execute(command.payload(), now)
        assert result is not None
        assert result.answer.id == command.id
        return result


def test_each_kind_is_carried_out(tmp_path: Path) -> None:
    truck = Truck(tmp_path)
    assert truck.sent(ReportInterval(interval_s=7), number=1).answer.outcome is CommandOutcome.DONE
    assert truck.controls.interval_s == 7
    assert truck.sent(Locate(), number=2).report == position(T0)
    assert truck.sent(Reboot(), number=3).reboot
    assert truck.sent(LockLift(locked=True), number=4).answer.outcome is CommandOutcome.DONE


def test_a_copy_is_answered_as_the_first_was_and_not_carried_out_again(tmp_path: Path) -> None:
    truck = Truck(tmp_path)
    first = truck.sent(Reboot())
    for later in (truck, Truck(tmp_path)):  # the second has just been switched on again
        copy = later.sent(Reboot(), now=T0 + 99_000_000)
        assert (copy.answer, copy.reboot) == (first.answer, False)


def test_what_comes_too_late_is_not_carried_out(tmp_path: Path) -> None:
    truck = Truck(tmp_path)
    assert truck.sent(ReportInterval(interval_s=7), now=T0 + 60_001).answer.outcome is CommandOutcome.EXPIRED
    assert truck.controls.interval_s is None


def test_a_lift_is_not_locked_under_a_raised_bed_and_may_be_asked_again(tmp_path: Path) -> None:
    truck = Truck(tmp_path)
    truck.lift_up = True
    refusal = truck.sent(LockLift(locked=True)).answer
    assert (refusal.outcome, refusal.detail) == (CommandOutcome.REFUSED, "the bed is raised")
    assert truck.orders.sensed(position(T0, lift_up=True)).lift_up  # type: ignore[union-attr]
    truck.lift_up = False
    assert truck.sent(LockLift(locked=True), number=2).answer.outcome is CommandOutcome.DONE


def test_under_a_locked_lift_bed_and_load_stay_until_it_is_opened(tmp_path: Path) -> None:
    Truck(tmp_path).sent(LockLift(locked=True))
    truck = Truck(tmp_path)  # the lock outlives a restart
    tipping = [position(T0), position(T0 + 10, lift_up=True, load_kg=8_000), position(T0 + 20, load_kg=0)]
    sensed = [truck.orders.sensed(reading) for reading in tipping]
    assert [(one.lift_up, one.load_kg, one.load) for one in sensed if isinstance(one, Position)] == [
        (False, 15_000, Load.LOADED)
    ] * 3
    assert [one.ts for one in sensed] == [T0, T0 + 10, T0 + 20]
    truck.sent(LockLift(locked=False), number=2)
    assert truck.orders.sensed(tipping[1]) == tipping[1]


def test_what_stands_has_no_lift_and_what_has_no_fix_no_position(tmp_path: Path) -> None:
    truck = Truck(tmp_path)
    truck.controls.locate = lambda ts: None
    assert truck.sent(Locate()).answer.outcome is CommandOutcome.REFUSED
    truck.controls.locate = None
    for number, order in enumerate(MOVING, start=2):
        assert truck.sent(order, number=number).answer.outcome is CommandOutcome.UNSUPPORTED


def test_unknown_orders_are_answered_and_noise_is_not(tmp_path: Path) -> None:
    truck = Truck(tmp_path)
    strange = json.dumps({"id": "0" * 16, "kind": "dance", "expires_at": T0 + 1}).encode()
    result = truck.orders.execute(strange, T0)
    assert result is not None
    assert result.answer.outcome is CommandOutcome.UNSUPPORTED
    assert truck.orders.execute(b"noise", T0) is None


def test_it_does_not_remember_without_end(tmp_path: Path) -> None:
    truck = Truck(tmp_path)
    for number in range(1_000):
        truck.sent(Locate(), number=number)
    assert len((tmp_path / "truck-1.orders").read_text()) < 10_000


@pytest.mark.parametrize("role", [DeviceRole.TRUCK, DeviceRole.RECYCLING_POINT, DeviceRole.STATION_LINE])
def test_sensors_report_at_the_interval_they_are_given(city: City, role: DeviceRole) -> None:
    script = Scenario(seed=1).cast(city, T0)
    device_id = next(device.id for device in city.devices.values() if device.role is role)
    seen = (event.reading.ts for event in script.timelines[device_id]() if isinstance(event, Sensed))
    before = [next(seen) for _ in range(6)]
    script.controls[device_id].interval_s = 3
    [next(seen) for _ in range(10)]  # the report under way comes after the old interval
    after = sorted({next(seen) for _ in range(60)})
    gaps = [later - earlier for earlier, later in pairwise(after)]
    assert max(later - earlier for earlier, later in pairwise(before)) >= 10_000
    assert median(gaps) == pytest.approx(3_000, abs=2)  # one of the points has a slow clock


def test_a_truck_is_located_between_its_fixes(city: City) -> None:
    script = Scenario(seed=1).cast(city, T0)
    device_id = next(device.id for device in city.devices.values() if device.role is DeviceRole.TRUCK)
    locate = script.controls[device_id].locate
    assert locate is None, "nothing is switched on yet"
    positions = (event.reading for event in script.timelines[device_id]() if isinstance(event, Sensed))
    fixes = [next(positions) for _ in range(200)]
    locate = script.controls[device_id].locate
    assert locate is not None
    a, b = sorted(fixes, key=lambda fix: fix.ts)[-2:]
    found = locate((a.ts + b.ts) // 2)
    assert isinstance(a, Position)
    assert isinstance(b, Position)
    assert found is not None
    assert found.lat == pytest.approx((a.lat + b.lat) / 2)
    assert found.lon == pytest.approx((a.lon + b.lon) / 2)
    assert locate(b.ts + 1) is None
