"""Stories of switches and on-board weights that cannot be believed."""

from collections.abc import Iterable
from random import Random
from typing import Any

import pytest

from devices.readings.models import Reading
from rules.alerts.model import AlertChange
from rules.catalogue import build_rules
from rules.detectors.bed_raised_outside.judgement import BedRaisedOutside
from rules.detectors.sensor_fault.judgement import SensorFault
from tests.rules.detectors.retold import holds_however_it_is_told
from tests.rules.town import T0, Trip, at_s, judged, summaries, ticket

START: dict[str, Any] = {"lift_up": False, "cover_open": False, "load_kg": 12_000.0}


def changes(*rows: Iterable[Reading]) -> list[AlertChange]:
    return judged([SensorFault()], *rows)


def reasons(found: Iterable[AlertChange]) -> list[str]:
    return [f"{change.evidence.measures['reason']} {change.phase}" for change in found]


def haul(trip: Trip, *, tips: bool = True, covers: bool = True, empty_kg: float = 150.0, weighs: bool = True) -> Trip:
    """Load at the source, drive to the tip, tip there, drive back. Twelve minutes at 100 km/h, and the stays."""
    trip.drive(0, 0, kmh=100).stand(120)
    trip.now(cover_open=covers).stand(60)
    if weighs:
        trip.now(load_kg=12_000.0)
    trip.stand(60).now(cover_open=False)
    trip.drive(9_990, 0, kmh=100).stand(60).now(cover_open=covers)
    trip.stand(30)
    trip.now(lift_up=tips).stand(60)
    if weighs:
        trip.now(load_kg=empty_kg)
    return trip.stand(30).now(lift_up=False, cover_open=False).stand(30)


def hauls(count: int, *, every_s: float = 10, **how: Any) -> Trip:
    trip = Trip("T1", 300, 0, every_s=every_s, **START)
    for _ in range(count):
        haul(trip, **how)
    return trip.drive(5_000, 0, kmh=100).stand(60)


def chattering(trip: Trip, edges: int, every_s: float, field: str = "lift_up") -> Trip:
    was_s = trip.every_s
    trip.every_s = every_s
    for n in range(edges):
        trip.stand(every_s, **{field: n % 2 == 0})
    trip.every_s = was_s
    return trip


@pytest.mark.parametrize("every_s", [5, 10, 30, 60])
def test_healthy_sensors_raise_nothing(every_s: float) -> None:
    assert changes(hauls(9, every_s=every_s).readings) == []


# Chatter


def test_seven_edges_in_a_minute_are_chatter_and_six_are_none() -> None:
    """The eighth one ends the chatter."""
    assert changes(chattering(Trip("T1", 3_000, 0, **START).stand(60), 6, 5).stand(900).readings) == []
    found = changes(chattering(Trip("T1", 3_000, 0, **START).stand(60), 7, 5).stand(900).readings)
    assert reasons(found) == ["lift_chatter confirmed", "lift_chatter closed"]
    assert [at_s(change) for change in found] == [95, 705]
    assert found[0].opened_at == T0 + 65_000


@pytest.mark.parametrize(("every_s", "told"), [(9, ["cover_chatter confirmed"]), (11, [])])
def test_seven_edges_in_more_than_a_minute_are_none_where_it_stands(every_s: float, told: list[str]) -> None:
    trip = chattering(Trip("T1", 3_000, 0, **START).stand(60), 7, every_s, "cover_open")
    assert reasons(changes(trip.stand(120).readings)) == told


def test_further_edges_keep_it_open_and_it_is_told_once() -> None:
    trip = chattering(Trip("T1", 3_000, 0, **START).stand(60), 8, 5).stand(590).stand(10, lift_up=True)
    found = changes(trip.stand(900).readings)
    assert reasons(found) == ["lift_chatter confirmed", "lift_chatter closed"]
    assert at_s(found[1]) == at_s(found[0]) + 5 + 590 + 20 + 600


def bouncing(pause_s: int) -> Trip:
    """A contact that bounces for a minute now and then, kilometres apart, and healthy in between."""
    trip = Trip("T1", 3_000, 0, **START).stand(60)
    for n in range(5):
        chattering(trip, 9, 5).stand(pause_s).drive(3_000 + 1_000 * (n % 2), 0)
    return trip.stand(3_600)


@pytest.mark.parametrize("pause_s", [900, 1_500, 2_400, 7_200])
def test_a_switch_that_chatters_now_and_then_is_one_alert(pause_s: int) -> None:
    found = changes(bouncing(pause_s).readings)
    assert len({change.alert_id for change in found}) == 1
    assert reasons(found)[0] == "lift_chatter confirmed"
    assert reasons(found)[-1] == "lift_chatter closed"


def test_after_a_shift_without_a_fault_it_is_another_one() -> None:
    assert len({change.alert_id for change in changes(bouncing(13 * 3_600).readings)}) == 5


def test_a_switch_that_is_not_reported_any_more_is_not_healthy() -> None:
    trip = chattering(Trip("T1", 3_000, 0, **START).stand(60), 8, 5).now(lift_up=None).stand(1_800)
    assert reasons(changes(trip.readings)) == ["lift_chatter confirmed"]


def test_at_ten_seconds_edges_while_driving_are_chatter() -> None:
    trip = Trip("T1", 0, 0, **START)
    for n in range(9):
        trip.drive(trip.x + 500, 0, kmh=60, cover_open=n % 2 == 1)
    found = changes(trip.readings)
    assert reasons(found) == ["cover_chatter confirmed"]
    assert found[0].evidence.measures["driving_edges"] == 7


def test_a_cover_that_is_opened_at_every_stop_is_none() -> None:
    """Twelve stops of a collection round, closed at once and driven on."""
    for every_s in (10, 20, 60):
        trip = Trip("T1", 0, 0, every_s=every_s, **START)
        for _ in range(12):
            trip.drive(trip.x + 700, 0, kmh=45).stand(60, cover_open=True)
        assert changes(trip.readings) == []


# Stuck


def test_a_lift_switch_that_never_moves_through_six_loads_is_found() -> None:
    trip = hauls(7, tips=False)
    found = changes(trip.readings)
    assert reasons(found) == ["lift_stuck confirmed"]
    assert found[0].evidence.measures["loads"] == 6
    assert len(found[0].evidence.readings) == 6
    assert changes(hauls(5, tips=False).readings) == []


def test_it_closes_ten_minutes_after_it_moves() -> None:
    trip = hauls(8, tips=False)
    moved_s = trip.now_s + 10
    found = changes(trip.stand(20, lift_up=True).stand(900).readings)
    assert reasons(found) == ["lift_stuck confirmed", "lift_stuck closed"]
    assert at_s(found[1]) == moved_s + 600


def test_a_cover_switch_and_a_weight_that_never_move_are_found() -> None:
    assert reasons(changes(hauls(7, covers=False).readings)) == ["cover_stuck confirmed"]
    assert reasons(changes(hauls(7, weighs=False).readings)) == ["weight_stuck confirmed"]


def test_one_load_at_which_it_moved_begins_the_count_anew() -> None:
    trip = Trip("T1", 300, 0, **START)
    for n in range(10):
        haul(trip, tips=n == 4)
    assert changes(trip.drive(5_000, 0, kmh=100).readings) == []


def test_tickets_say_that_it_was_emptied_too() -> None:
    """It stands at the bridge all day, as its positions have it: only tickets speak of loads."""
    trip = Trip("T1", 9_900, 0, every_s=60, **START).stand(7 * 3_600)
    slips = [
        ticket("T1", 1_800 * n + 900 * out, net_kg=12_000, direction="out" if out else "in", ticket=f"{n}")
        for n in range(1, 8)
        for out in (False, True)
    ]
    found = changes(trip.readings, slips)
    assert sorted(reasons(found)) == ["cover_stuck confirmed", "lift_stuck confirmed", "weight_stuck confirmed"]


def test_a_truck_without_a_sensor_has_no_fault_of_it() -> None:
    trip = Trip("T1", 300, 0)
    for _ in range(8):
        trip.now(lift_up=None, cover_open=None, load_kg=None).drive(0, 0, kmh=100).stand(200)
        trip.drive(9_990, 0, kmh=100).stand(200)
    assert changes(trip.readings) == []


# Weight


def test_a_weight_that_does_not_return_to_zero_after_four_emptyings_is_drift() -> None:
    found = changes(hauls(5, empty_kg=1_600.0).readings)
    assert reasons(found) == ["weight_drift confirmed"]
    assert found[0].evidence.findings[0].en == "After 4 emptyings in a row it showed a load, 1600.0 kg in the median"
    assert changes(hauls(5, empty_kg=1_400.0).readings) == []


def test_it_closes_when_the_truck_weighs_nothing_again() -> None:
    trip = hauls(5, empty_kg=2_500.0)
    haul(trip)
    found = changes(trip.drive(0, 0, kmh=100).stand(900).readings)
    assert reasons(found) == ["weight_drift confirmed", "weight_drift closed"]


def test_a_truck_that_left_the_tip_full_was_not_emptied() -> None:
    assert changes(hauls(7, empty_kg=11_000.0).readings) == []


def test_one_load_that_sticks_is_none() -> None:
    trip = Trip("T1", 300, 0, **START)
    for n in range(9):
        haul(trip, empty_kg=2_000.0 if n % 4 else 100.0)
    assert changes(trip.drive(5_000, 0, kmh=100).readings) == []


def test_a_weight_beyond_any_truck_for_a_minute_is_none_that_it_carries() -> None:
    trip = Trip("T1", 3_000, 0, **START).stand(60)
    assert changes(trip.stand(50, load_kg=199_000.0).stand(900).readings) == []
    trip = Trip("T1", 3_000, 0, **START).stand(60)
    found = changes(trip.stand(100, load_kg=99_000.0).stand(900).readings)
    assert reasons(found) == ["weight_too_high confirmed", "weight_too_high closed"]
    assert [at_s(change) for change in found] == [130, 770]


# The bed at full speed


def test_a_bed_that_is_up_for_five_minutes_at_full_speed_is_the_switch() -> None:
    trip = Trip("T1", 0, 0, **START).drive(1_000, 0, kmh=72).drive(9_000, 0, kmh=72, lift_up=True)
    back_s = trip.stand(900).now_s
    found = changes(trip.drive(1_000, 0, kmh=36).readings)
    assert reasons(found) == ["lift_at_speed confirmed", "lift_at_speed closed"]
    assert found[0].evidence.findings[0].en == (
        "It showed the bed up for 5 min of driving at 30 km/h or more, at up to 72.0 km/h"
    )
    assert at_s(found[1]) == back_s + 10 + 600  # down while it stands proves nothing


def test_for_less_it_may_be_a_forgotten_bed() -> None:
    assert changes(Trip("T1", 0, 0, **START).drive(1_000, 0).drive(6_500, 0, kmh=72, lift_up=True).readings) == []
    assert changes(Trip("T1", 0, 0, **START).drive(1_000, 0).drive(10_500, 0, kmh=30, lift_up=True).readings) == []
    assert changes(Trip("T1", 0, 0, **START).drive(1_000, 0).drive(9_990, 0, kmh=29, lift_up=True).readings) == []


def test_an_inverted_switch_is_found_in_a_town_too_and_stays_found_from_load_to_load() -> None:
    """It shows the bed up all the time but while it tips."""
    trip = Trip("T1", 0, 0, **START | {"lift_up": True})
    for _ in range(3):
        trip.drive(9_990, 0, kmh=40).now(lift_up=False).stand(120).now(lift_up=True).drive(0, 0, kmh=40).stand(60)
    assert reasons(changes(trip.readings)) == ["lift_at_speed confirmed"]


def test_an_inverted_switch_is_found_on_short_hauls_over_several_of_them() -> None:
    """Nine minutes a way, of which it drives seven: it never drives twenty minutes between two tips."""
    trip = Trip("T1", 0, 0, **START | {"lift_up": True})
    for _ in range(4):
        trip.drive(4_500, 0, kmh=40).stand(90).now(lift_up=False).stand(120).now(lift_up=True)
        trip.drive(0, 0, kmh=40).stand(300)
    assert reasons(changes(trip.readings)) == ["lift_at_speed confirmed"]


def test_a_bed_that_is_forgotten_on_each_of_many_hauls_is_no_fault() -> None:
    """Up for three minutes of driving, then lowered on the road, or at a stop and down on the road after it."""
    trip = Trip("T1", 0, 0, **START)
    for n in range(12):
        trip.drive(2_000, 0, kmh=40, lift_up=True).stand(60 * (n % 2)).drive(4_000, 0, kmh=40).stand(60)
        trip.drive(0, 0, kmh=40)
    assert changes(trip.readings) == []


def test_the_alert_of_a_raised_bed_is_taken_back_then() -> None:
    trip = Trip("T1", 500, 0, **START).drive(1_000, 0, kmh=72).drive(9_000, 0, kmh=72, lift_up=True).stand(300)
    found = judged([BedRaisedOutside(), SensorFault()], trip.readings)
    assert [(change.rule, str(change.amendment or change.phase)) for change in found] == [
        ("bed_raised_outside", "confirmed"),
        ("bed_raised_outside", "retracted"),
        ("sensor_fault", "confirmed"),
    ]
    assert found[1].evidence.findings[0].en.endswith("the switch is at fault")


@pytest.mark.parametrize("field", ["lift_up", "cover_open"])
def test_a_chattering_switch_is_one_alert_of_all_rules(field: str) -> None:
    """A random switch on a haul, each second: only the sensor is to blame."""
    rng = Random(3)
    trip = Trip("T1", 500, 0, every_s=1, **START)
    for _ in range(600):
        trip.drive(trip.x + 8, 0, kmh=30, **{field: rng.random() < 0.5})
    raised = {change.rule for change in judged(build_rules(), trip.readings)}
    assert raised == {"sensor_fault"}


# However it is told


def test_late_uploads_and_restarts_end_in_the_same_alerts() -> None:
    trip = chattering(Trip("T1", 3_000, 0, **START).stand(60), 9, 5).stand(900)
    ((_, _, phase, severity),) = holds_however_it_is_told(SensorFault, trip.readings)
    assert (phase, severity) == ("closed", "P3")
    found = holds_however_it_is_told(SensorFault, hauls(8, tips=False, every_s=20).readings)
    assert {one[2] for one in found} == {"confirmed"}


def test_the_alert_explains_itself_in_both_languages() -> None:
    found = changes(chattering(Trip("T1", 3_000, 0, **START).stand(60), 7, 5).stand(900).readings)
    assert found[0].title.en == "Truck 晋ET1: its lift switch chatters"
    assert found[0].title.zh == "车辆晋ET1：举升开关抖动"
    assert [text.en for text in found[0].evidence.findings] == [
        "The lift switch changed in 7 readings within 30 s",
        "Rules do not count this switch until it was healthy for 10 min",
    ]
    assert [text.zh for text in found[0].evidence.findings] == [
        "举升开关在30秒内7次变化",
        "该开关恢复正常10分钟前不参与研判",
    ]
    assert [cited.values["lift_up"] for cited in found[0].evidence.readings] == [
        True,
        False,
        True,
        False,
        True,
        False,
        True,
    ]
    assert summaries(found) == ["T1 confirmed P3", "T1 closed P3"]
