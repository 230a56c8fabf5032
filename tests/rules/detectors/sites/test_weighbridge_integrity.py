"""Stories of weighings that cannot be trusted: of one truck, of one bridge, and of a bridge by all its trucks."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import msgspec
import pytest

from devices.city.model import City
from devices.readings.models import Position, Reading, Weighing
from rules.alerts.model import AlertChange
from rules.detectors.weighbridge_integrity.judgement import WeighbridgeIntegrity
from rules.engine.engine import RuleEngine
from tests.rules.detectors.retold import holds_however_it_is_told, standing
from tests.rules.town import T0, Trip, at_s, fills, in_time, judged, run, summaries, ticket, town

FREE = replace(town(), vehicles={id_: replace(one, tare_kg=None) for id_, one in town().vehicles.items()})
"""No tare is registered."""


def slip(
    truck: str, at_s: float, number: str, *, tare_kg: float | None = 12_000, net_kg: float | None = 12_000, **more: Any
) -> Weighing:
    """A whole ticket, weighed on the way out unless `more` says otherwise."""
    fields = {
        "ticket": number,
        "direction": "out",
        "tare_kg": tare_kg,
        "gross_kg": (tare_kg or 0) + (net_kg or 0),
        "net_kg": net_kg,
    }
    return msgspec.structs.replace(ticket(truck, at_s), **(fields | more))


def changes(*rows: Iterable[Reading], city: City | None = None) -> list[AlertChange]:
    return judged([WeighbridgeIntegrity()], *rows, city=city)


def visit(truck: str = "T1", at_s: float = 0, minutes: float = 10, from_x: float = 8_000) -> Trip:
    """A truck drives to the tip, stands there and drives back to where it came from."""
    trip = Trip(truck, from_x, 0, at_s=at_s).drive(9_990, 0).stand(60 * minutes)
    return trip.drive(from_x, 0)


def arrival(trip: Trip) -> float:
    """Seconds until it stood for the first time."""
    return next((r.ts - T0) / 1000 for r in trip.readings if isinstance(r, Position) and r.speed_kmh == 0)


def haul(truck: str, tares: Sequence[float], *, every_s: float = 3_600, at_s: float = 0) -> list[Reading]:
    """One visit for each tare, weighed in and out."""
    readings: list[Reading] = []
    for n, tare_kg in enumerate(tares):
        trip = visit(truck, at_s + n * every_s)
        came_s = arrival(trip)
        readings += trip.readings
        readings.append(
            msgspec.structs.replace(
                slip(truck, came_s + 30, f"{truck}-{n}", tare_kg=tare_kg), direction="in", tare_kg=None, net_kg=None
            )
        )
        readings.append(slip(truck, came_s + 500, f"{truck}-{n}", tare_kg=tare_kg))
    return in_time(readings)


def test_honest_hauls_raise_nothing() -> None:
    assert changes(haul("T1", [12_000, 12_120, 11_940, 12_200, 12_060, 11_900, 12_280, 12_040])) == []


# Away


def test_a_ticket_while_the_truck_is_kilometres_away_is_found_once_clocks_cannot_explain_it() -> None:
    trip = Trip("T1", 0, 0).drive(4_000, 0).drive(0, 0)
    found = changes(trip.readings, [slip("T1", 305, "7")])
    assert summaries(found) == ["T1 confirmed P2"]
    assert found[0].opened_at == T0 + 305_000
    assert at_s(found[0]) == 550
    assert found[0].title.en == "Truck 晋ET1 was 5.9 km from Tip when ticket 7 was weighed there"
    assert found[0].title.zh == "车辆晋ET1在tip场过磅（磅单7）时距该场地5.9公里"


def test_a_truck_that_stands_just_beyond_the_fence_is_away() -> None:
    """310 m and 380 m from the fence; the receiver may be wrong by 30 m."""
    near = Trip("T1", 9_630, 0).stand(900)
    assert changes(near.readings, [slip("T1", 455, "7")]) == []
    away = Trip("T1", 9_560, 0).stand(900)
    assert summaries(changes(away.readings, [slip("T1", 455, "7")])) == ["T1 confirmed P2"]


@pytest.mark.parametrize("off_s", [-230, -115, -60, 0, 60, 115, 230])
def test_a_visit_by_clocks_that_differ_is_honest(off_s: int) -> None:
    trip = visit(minutes=2)
    assert changes(trip.readings, [slip("T1", arrival(trip) + 60 + off_s, "7")]) == []


def test_a_ticket_printed_minutes_after_the_truck_left_is_honest() -> None:
    trip = visit(minutes=2, from_x=4_000)
    assert changes(trip.readings, [slip("T1", arrival(trip) + 120 + 280, "7")]) == []


@pytest.mark.parametrize("every_s", [10, 30, 60, 120])
def test_a_short_visit_of_a_truck_that_reports_seldom_is_honest(every_s: float) -> None:
    """It is on the plate for a minute; the fixes may all be on the road."""
    for start in range(0, round(every_s), 7):
        path = Trip("T1", 8_000, 0, at_s=start, every_s=1).drive(9_990, 0).stand(60).drive(8_000, 0)
        weighed_s = arrival(path) + 30
        seldom = [r for r in path.readings if (r.ts // 1000) % every_s == 0]
        assert changes(seldom, [slip("T1", weighed_s, "7")]) == []


def test_a_truck_that_nobody_sees_is_not_judged() -> None:
    lost = Trip("T1", 4_000, 0).stand(100).quiet(3_000).stand(300)
    assert changes(lost.readings, [slip("T1", 1_500, "7")]) == []
    blind = Trip("T1", 4_000, 0).stand(100)
    blind.stand(3_000, located=False).stand(300)
    assert changes(blind.readings, [slip("T1", 1_500, "7")]) == []


# Twice


def test_two_loads_without_leaving_are_found() -> None:
    trip = visit(minutes=40)
    came_s = arrival(trip)
    loads = [slip("T1", came_s + 60, "1", net_kg=14_980), slip("T1", came_s + 1_800, "2", net_kg=15_020)]
    found = changes(trip.readings, loads)
    assert summaries(found) == ["T1 confirmed P2"]
    assert found[0].opened_at == loads[1].ts
    assert found[0].title.en == "Truck 晋ET1 was weighed twice at Tip without leaving: tickets 1 and 2"
    assert [text.en for text in found[0].evidence.findings] == [
        "Two loads are on record, 29 min apart: 14980 kg and 15020 kg net",
        "All its positions between them are within 100 m of the site",
    ]
    assert [cited.values["ticket"] for cited in found[0].evidence.readings] == ["1", "2"]


def test_two_loads_with_a_haul_between_them_are_none() -> None:
    first, second = visit(), visit(at_s=1_500)
    loads = [slip("T1", arrival(first) + 60, "1"), slip("T1", arrival(second) + 60, "2")]
    assert changes(first.readings, second.readings, loads) == []


def test_in_and_out_are_one_visit_and_so_is_a_ticket_that_is_sent_again_or_corrected() -> None:
    trip = visit(minutes=60)
    came_s = arrival(trip)
    half = slip("T1", came_s + 30, "1", direction="in", tare_kg=None, net_kg=None, gross_kg=27_000)
    whole = slip("T1", came_s + 600, "1", net_kg=15_000)
    again = slip("T1", came_s + 1_000, "1", net_kg=15_000)
    corrected = slip("T1", came_s + 1_200, "1", net_kg=14_500)
    replaced = slip("T1", came_s + 1_400, "1b", net_kg=14_000, corrects="1")
    assert changes(trip.readings, [half, whole, again, corrected, replaced]) == []


def test_a_truck_that_is_weighed_empty_is_not_weighed_twice() -> None:
    trip = visit(minutes=60)
    came_s = arrival(trip)
    empty = slip("T1", came_s + 1_200, "2", direction="in", tare_kg=None, net_kg=None, gross_kg=12_000)
    full = slip("T1", came_s + 30, "1", direction="in", tare_kg=None, net_kg=None, gross_kg=27_000)
    assert changes(trip.readings, [full, empty]) == []


def test_within_five_minutes_no_position_is_needed() -> None:
    assert summaries(changes([slip("T1", 0, "1"), slip("T1", 290, "2")])) == ["T1 confirmed P2"]
    assert changes([slip("T1", 0, "1"), slip("T1", 310, "2")]) == []


def test_what_happened_in_a_blind_stretch_is_not_known() -> None:
    trip = Trip("T1", 8_000, 0).drive(9_990, 0)
    came_s = trip.now_s
    trip.stand(200).quiet(1_200).stand(600).drive(8_000, 0)
    assert changes(trip.readings, [slip("T1", came_s + 60, "1"), slip("T1", came_s + 1_700, "2")]) == []


# Tare and axles


@pytest.mark.parametrize(
    ("tare_kg", "found"), [(12_290, []), (12_320, ["T1 confirmed P3"]), (11_680, ["T1 confirmed P3"])]
)
def test_a_tare_beyond_300_kg_from_the_median_is_found(tare_kg: float, found: list[str]) -> None:
    assert summaries(changes(haul("T1", [12_000, 11_980, 12_000, 12_020, 12_000, tare_kg]))) == found


def test_the_band_of_a_truck_whose_tares_differ_is_wider() -> None:
    """Deviations 0, 100, 100, 200, 200: median 100, scaled 148; four of them are 593 kg."""
    tares = [12_000, 11_900, 12_100, 11_800, 12_200]
    assert changes(haul("T1", [*tares, 12_590])) == []
    found = changes(haul("T1", [*tares, 12_600]))
    assert found[0].title.en == "Truck 晋ET1 weighed 600 kg more than usual when empty, at Tip (ticket T1-5)"
    assert found[0].evidence.findings[0].en == "Its tare was 12600 kg; by its earlier tares it weighs 12000 kg ± 593 kg"


def test_four_earlier_tares_say_nothing() -> None:
    assert changes(haul("T1", [12_000, 12_000, 12_000, 12_000, 13_000])) == []


def test_a_new_body_is_one_alert_and_then_the_usual_tare() -> None:
    found = changes(haul("T1", [*[12_000.0] * 8, *[12_700.0] * 12]))
    assert summaries(found) == ["T1 confirmed P3"]


def test_each_other_false_tare_is_an_alert() -> None:
    found = changes(haul("T1", [*[12_000.0] * 6, 12_500, 12_000, 12_500, 11_200]))
    assert [change.evidence.measures["tare_kg"] for change in found] == [12_500, 12_500, 11_200]


def test_a_weight_below_the_empty_truck_stood_on_part_of_its_axles() -> None:
    found = changes([slip("T1", 0, "1", tare_kg=7_000)])
    assert summaries(found) == ["T1 confirmed P3"]
    assert found[0].title.en == "Truck 晋ET1 weighed 7000 kg at Tip, less than it does empty (ticket 1)"
    assert found[0].evidence.findings[0].en.startswith("7000 kg is 58.3 % of its usual tare of 12000 kg")
    assert changes([slip("T1", 0, "1", tare_kg=9_700)]) == []
    assert changes([slip("T1", 0, "1", tare_kg=7_000)], city=FREE) == []  # nobody knows what it weighs


def test_a_typed_tare_is_no_tare() -> None:
    typed = [slip("T1", 3_600 * n, f"{n}", tare_kg=13_000, manual_entry=True) for n in range(1, 4)]
    assert changes(haul("T1", [12_000] * 6, at_s=20_000), typed) == []


# The bridge


def fleet_day(
    shift_kg: float, *, noise: float = 20.0, seed: int = 5, trucks: Sequence[str] = ("T1", "T2", "T3", "T4", "T5", "T6")
) -> list[Reading]:
    """Six tares of each truck, and one more after the bridge shifted. No positions: tares need none."""
    rng, readings = Random(seed), list[Reading]()
    for t, truck in enumerate(trucks):
        for n in range(7):
            tare_kg = 12_000 + 100 * t + round(rng.gauss(0, noise)) + (shift_kg if n == 6 else 0)
            readings.append(slip(truck, 40 * t + 1_800 * n, f"{truck}-{n}", tare_kg=tare_kg))
    return in_time(readings)


def test_a_bridge_on_which_all_trucks_became_heavier_is_named() -> None:
    found = changes(fleet_day(120))
    assert {change.subject for change in found} == {"system"}
    assert found[-1].title.en.startswith("Tip: empty trucks weigh ")
    assert 90 < float(found[-1].evidence.measures["shift_kg"]) < 150
    assert len({change.alert_id for change in found}) == 1


def test_a_shift_stays_named_when_it_has_become_the_usual_tare_of_the_same_day() -> None:
    """From their seventh visit of the day on five trucks weigh 200 kg more, and come twelve times again."""
    rows = [haul(f"T{n}", [12_000] * 6 + [12_200] * 12, every_s=3_600, at_s=2 * 3_600 + 600 * n) for n in range(1, 6)]
    shifts = [change for change in changes(*rows) if change.subject == "system"]
    assert len({change.alert_id for change in shifts}) == 1
    assert not any(change.amendment for change in shifts)
    assert shifts[-1].evidence.measures["shift_kg"] == 200


def test_a_fleet_whose_tares_differ_anyhow_is_no_shift() -> None:
    assert changes(fleet_day(0)) == []
    assert changes(fleet_day(60)) == []
    assert changes(fleet_day(150, trucks=("T1", "T2", "T3", "T4"))) == []
    for seed in range(100, 112):
        assert all(change.subject != "system" for change in changes(fleet_day(0, noise=60, seed=seed)))


def test_a_shift_explains_the_odd_tares_of_its_trucks() -> None:
    found = changes(fleet_day(500))
    left = {change.subject for change in found} - {c.subject for c in found if c.amendment == "retracted"}
    assert left == {"system"}
    retracted = next(change for change in found if change.amendment == "retracted")
    assert retracted.evidence.findings[0].en.startswith("The bridge shifted by +")


def test_a_truck_that_is_odd_beyond_the_shift_stays_named() -> None:
    tickets = [one for one in fleet_day(500) if isinstance(one, Weighing)]
    odd = [
        msgspec.structs.replace(one, tare_kg=14_500, gross_kg=26_500) if one.ticket == "T3-6" else one
        for one in tickets
    ]
    last = {change.alert_id: change for change in changes(odd)}
    assert {c.subject for c in last.values() if c.amendment != "retracted"} == {"system", "T3"}


def test_weights_of_a_moving_scale_that_never_come_to_rest() -> None:
    frames = [slip("T1", n, "raw", net_kg=8_000 + 200 * n, stable=False) for n in range(5)]
    found = changes(frames, [slip("T2", 700, "1")])
    assert summaries(found) == ["W1 confirmed P4"]
    assert found[0].title.en == "Tip: 晋ET1 was never weighed at rest"
    assert found[0].evidence.findings[0].en == (
        "5 weights of a moving scale, from 20000 kg to 20800 kg, and none at rest"
    )
    assert changes(frames, [slip("T1", 60, "1"), slip("T2", 700, "2")]) == []
    assert changes(frames, [slip("T2", 500, "2")]) == []  # it may still come to rest
    assert changes(frames, [slip("T1", 60, "raw", plate=None), slip("T2", 700, "2")]) == []


def tickets_of_day(count: int, manual: Iterable[int]) -> list[Reading]:
    typed = set(manual)
    return [slip("T1", 400 * n, f"{n}", tare_kg=12_000, plate=None, manual_entry=n in typed) for n in range(count)]


def test_more_than_two_percent_typed_by_hand_is_found_and_ends_at_half_of_it() -> None:
    found = changes(tickets_of_day(240, [10, 60, 100, 150, 200, 239]))
    assert summaries(found) == ["W1 confirmed P3"] * 2
    assert found[0].title.en == "Tip: 5 of 201 tickets were typed by hand"
    assert found[0].opened_at == T0 + 400 * 10_000
    ends = changes(tickets_of_day(600, [10, 60, 100, 150, 200]))
    assert summaries(ends) == ["W1 confirmed P3", "W1 closed P3"]


def test_two_percent_are_none_and_neither_are_four_of_a_few() -> None:
    assert changes(tickets_of_day(300, range(40, 300, 60))) == []
    assert changes(tickets_of_day(20, range(4))) == []


# However it is told


def time_goes_on(until_s: float) -> list[Reading]:
    """Readings of a bin that is no part of the story."""
    return fills([20.0] * round(until_s / 60), every_s=60)


def shuffled(readings: Sequence[Reading], seed: int) -> list[AlertChange]:
    """Tickets late by up to half an hour, twice, out of order; positions in order."""
    rng = Random(seed)
    arrivals: list[tuple[float, Reading]] = []
    for reading in readings:
        late_ms = 0.0
        if isinstance(reading, Weighing):
            late_ms = rng.choice([0, 0, 10_000, 400_000, 1_800_000]) * rng.random()
            arrivals.append((reading.ts + late_ms + 20_000, reading))
        arrivals.append((reading.ts + late_ms, reading))
    arrivals += [(reading.ts, reading) for reading in time_goes_on((readings[-1].ts - T0) / 1000 + 7_200)]
    engine, found = RuleEngine(town(), [WeighbridgeIntegrity()]), list[AlertChange]()
    for at, reading in sorted(arrivals, key=lambda one: one[0]):
        engine.receive(round(at))
        found += engine.judge(reading)
    return found + run(engine, [])


@pytest.mark.parametrize("seed", range(4))
def test_tickets_late_twice_and_out_of_order_end_in_the_same_alerts(seed: int) -> None:
    away = Trip("T2", 0, 0).drive(4_000, 0).drive(0, 0)
    readings = in_time(
        haul("T1", [12_000, 12_000, 12_000, 12_000, 12_000, 12_500, 12_000]),
        away.readings, [slip("T2", 305, "ghost")],
        [slip("T3", 2_000, "a"), slip("T3", 2_200, "b")],
        [slip("T4", 5_000 + n, "raw", stable=False) for n in range(3)],
    )  # fmt: skip
    expected = standing(changes(readings, time_goes_on(30_000)))
    assert {severity for _, _, _, severity in expected} == {"P2", "P3", "P4"}
    assert len(expected) == 4
    assert standing(shuffled(readings, seed)) == expected


@pytest.mark.parametrize("seed", range(3))
def test_a_shift_is_found_in_any_order(seed: int) -> None:
    readings = fleet_day(500)
    expected = standing(changes(readings))
    assert {one[0] for one in standing(shuffled(readings, seed))} == {one[0] for one in expected}


def story_of(reason: str) -> list[Reading]:
    if reason == "away":
        return in_time(Trip("T1", 0, 0).drive(4_000, 0).drive(0, 0).readings, [slip("T1", 305, "7")])
    if reason == "twice":
        trip = visit(minutes=40)
        came_s = arrival(trip)
        return in_time(trip.readings, [slip("T1", came_s + 60, "1"), slip("T1", came_s + 1_800, "2")])
    if reason == "tare":
        return haul("T1", [*[12_000.0] * 5, 12_400.0], every_s=1_500)
    if reason == "unsettled":
        frames = [slip("T2", 900 + n, "raw", stable=False) for n in range(6)]
        return in_time(frames, [slip("T1", 1_800 * n, f"{n}") for n in range(4)])
    return [slip("T1", 90 * n, f"{n}", plate=None, manual_entry=n % 9 == 4) for n in range(60)]


@pytest.mark.parametrize("reason", ["away", "twice", "tare", "unsettled", "manual"])
def test_late_uploads_and_restarts_end_in_the_same_alert(reason: str) -> None:
    story = story_of(reason)
    assert {change.evidence.measures["reason"] for change in changes(story)} == {reason}
    ((_, _, phase, _),) = holds_however_it_is_told(WeighbridgeIntegrity, story)
    assert phase == "confirmed"
