"""Stories of trips that are weighed at the source and at the destination."""

from collections.abc import Sequence
from dataclasses import replace as changed_to
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from devices.city.model import Device, DeviceRole
from devices.city.sites import SiteKind
from devices.readings.models import Weighing
from rules.alerts.model import AlertChange
from rules.detectors.mass_shortfall.judgement import MassShortfall
from rules.detectors.mass_shortfall.parameters import MassShortfallParameters
from rules.engine.engine import RuleEngine
from tests.rules.town import T0, Trip, in_time, judged, numbered, rows, run, summaries, ticket, town

CITY = town(
    devices={
        **town().devices,
        "W0": Device("W0", DeviceRole.WEIGHBRIDGE, site_id="source"),
        "W3": Device("W3", DeviceRole.WEIGHBRIDGE, site_id="othertip"),
    }
)


def left(at_s: float, net_kg: float = 15_000, **more: Any) -> Weighing:
    return ticket("T1", at_s, net_kg=net_kg, direction="out", device="W0", **{"ticket": f"S{at_s}"} | more)


def came(at_s: float, net_kg: float, **more: Any) -> Weighing:
    return ticket("T1", at_s, net_kg=net_kg, **{"ticket": f"D{at_s}"} | more)


def changes(*tickets: Weighing, **limits: Any) -> list[AlertChange]:
    return judged([MassShortfall(MassShortfallParameters(**limits))], tickets, city=CITY)


@pytest.mark.parametrize(
    ("net_kg", "expected"),
    [
        (15_000, []),
        (14_700, []),  # 2 % exactly, and 300 kg exactly
        (14_680, ["T1 confirmed P4"]),
        (14_200, ["T1 confirmed P4"]),
        (13_980, ["T1 confirmed P3"]),
        (13_500, ["T1 confirmed P3"]),  # 10 % exactly
        (13_480, ["T1 confirmed P2"]),
        (15_500, []),
        (15_520, ["T1 confirmed P4"]),
    ],
)
def test_a_trip_is_weighed_against_the_thresholds(net_kg: float, expected: list[str]) -> None:
    assert summaries(changes(left(0), came(1_800, net_kg))) == expected


@pytest.mark.parametrize(
    ("material", "net_kg", "expected"),
    [
        ("厨余垃圾", 13_950, []),  # 5 % of water, and 2 %
        ("厨余垃圾", 13_930, ["T1 confirmed P4"]),
        ("kitchen", 12_740, ["T1 confirmed P2"]),
        ("sludge", 14_250, []),
        ("sludge", 14_230, ["T1 confirmed P4"]),
        ("spoil", 14_230, ["T1 confirmed P4"]),
        ("kitchen", 15_520, ["T1 confirmed P4"]),  # water only leaves a load
    ],
)
def test_water_that_leaves_a_load_is_no_shortfall(material: str, net_kg: float, expected: list[str]) -> None:
    found = changes(left(0, material=material), came(1_800, net_kg, material=material))
    assert summaries(found) == expected
    if found and net_kg < 15_000 and material != "spoil":
        assert "water_kg" in found[0].evidence.measures
        assert any("Water" in one.en and "失水" in one.zh for one in found[0].evidence.findings)
    dry = changes(
        left(0, material=material), came(1_800, net_kg, material=material), kitchen_loss_pct=0, sludge_loss_pct=0
    )
    assert len(dry) == 1


def test_a_ticket_under_a_copy_of_its_plate_is_no_trip_of_a_truck_that_is_elsewhere() -> None:
    on_the_road = Trip("T1", 0, 0, load="loaded").stand(60).drive(3_000, 0)
    short = came(on_the_road.now_s + 5, 11_000)
    found = judged([MassShortfall()], on_the_road.readings, [left(50), short], city=CITY)
    assert found == []
    at_the_tip = Trip("T1", 0, 0, load="loaded").stand(60).drive(9_990, 0).stand(60)
    short = came(at_the_tip.now_s + 5, 11_000)
    found = judged([MassShortfall()], at_the_tip.readings, [left(50), short], city=CITY)
    assert summaries(found) == ["T1 confirmed P2"]


def test_a_ticket_that_is_corrected_when_the_truck_is_far_away_again_takes_the_alert_back() -> None:
    trip = Trip("T1", 0, 0, load="loaded").stand(60).drive(9_990, 0).stand(60)
    wrong = came(trip.now_s, 11_000, ticket="D1")
    trip.now(load="empty").stand(60).drive(2_000, 0)
    for again in (came(trip.now_s, 14_900, ticket="D2", corrects="D1"), came(trip.now_s, 14_900, ticket="D1")):
        found = judged([MassShortfall()], trip.readings, [left(50), wrong, again], city=CITY)
        assert summaries(found) == ["T1 confirmed P2", "T1 retracted P2"], again


def test_of_a_small_load_the_kilograms_decide_and_not_the_share() -> None:
    assert changes(left(0, 4_000), came(1_800, 3_720)) == []
    assert summaries(changes(left(0, 4_000), came(1_800, 3_680))) == ["T1 confirmed P4"]


def test_the_finding_has_both_weights_and_the_error_budget() -> None:
    (change,) = changes(left(0, manifest="M7"), came(1_800, 13_400, manifest="M7"))
    assert change.title.en == "Truck 晋ET1 brought 1600.0 kg (10.7 %) less to Tip than it had loaded"
    assert change.title.zh == "车辆晋ET1运抵tip场的净重比装载时少1600.0公斤（10.7%）"
    assert "± 160.0 kg: 4 weighings, each within ± 40 kg" in change.evidence.findings[1].en
    assert [one.device_id for one in change.evidence.readings] == ["W0", "W1"]
    measures = change.evidence.measures
    assert (measures["source_net_kg"], measures["destination_net_kg"]) == (15_000, 13_400)
    assert (measures["manifest"], measures["trip_s"], change.opened_at) == ("M7", 1_800, T0)


def test_halves_at_both_ends_are_a_trip() -> None:
    visit = [
             replace(left(0), tare_kg=None, net_kg=None, gross_kg=12_000.0, direction="in", ticket="S"),
             replace(left(300), tare_kg=None, net_kg=None, gross_kg=27_000.0, ticket="S"),
             replace(came(1_800, 0), tare_kg=None, net_kg=None, gross_kg=26_000.0, ticket="D"),
             replace(came(2_000, 0), tare_kg=None, net_kg=None, gross_kg=12_000.0, direction="out", ticket="D2"),
    ]  # fmt: skip
    (change,) = changes(*visit)
    assert (change.evidence.measures["lost_kg"], change.opened_at) == (1_000, T0)
    assert len(change.evidence.readings) == 4


@pytest.mark.parametrize(
    "tickets",
    [
        pytest.param([left(0), came(12 * 3_600 + 60, 10_000)], id="the next shift"),
        pytest.param([left(0), came(1_800, 10_000, plate="晋ET2")], id="another truck"),
        pytest.param([left(0, manifest="M1"), came(1_800, 10_000, manifest="M2")], id="another manifest"),
        pytest.param(
            [left(0), came(900, 14_900, device="W3"), came(1_800, 10_000)], id="it tipped elsewhere, and loaded again"
        ),
        pytest.param([came(0, 15_000), came(1_800, 10_000, device="W3")], id="two destinations"),
        pytest.param([left(0), replace(came(1_800, 0), gross_kg=22_000.0, tare_kg=None, net_kg=None)], id="no tare"),
        pytest.param([left(0, 900), came(1_800, 300)], id="no load"),
        pytest.param([left(0), replace(came(1_800, 10_000), stable=False)], id="a scale that moves"),
    ],
)  # fmt: skip
def test_it_stays_silent_about(tickets: Sequence[Weighing]) -> None:
    assert changes(*tickets) == []


def test_manifest_numbers_are_compared_as_numbers_of_tickets_are() -> None:
    found = changes(left(0, manifest="M-7"), came(1_800, 10_000, manifest="ｍ-7 "))
    assert summaries(found) == ["T1 confirmed P2"]


def test_weights_that_are_taken_again_under_another_number_hold() -> None:
    assert summaries(changes(left(0), came(1_800, 13_000), came(1_900, 15_000))) == [
        "T1 confirmed P2", "T1 retracted P2"
    ]  # fmt: skip
    assert summaries(changes(left(0, 13_000), left(200, 15_000), came(1_800, 13_000))) == ["T1 confirmed P2"]


def driven(trip: Trip, *tickets: Weighing) -> list[str]:
    return summaries(judged([MassShortfall()], in_time(trip.readings, tickets), city=CITY))


def test_a_truck_that_was_at_its_source_again_unweighed_made_two_trips() -> None:
    once = Trip("T1", 0, 0).stand(300).drive(10_000, 0).stand(3 * 3_600)
    assert driven(once, left(200), came(5_000, 9_000)) == ["T1 confirmed P2"]
    again = (
        Trip("T1", 0, 0).stand(300).drive(5_000, 4_000).stand(300).drive(0, 0).stand(300).drive(10_000, 0).stand(600)
    )
    assert driven(again, left(200), came(again.now_s - 300, 9_000)) == []


@pytest.mark.parametrize("kind", [SiteKind.TRANSFER_STATION, SiteKind.SORTING_CENTRE, SiteKind.DEPOT])
def test_who_was_at_the_tip_and_at_the_source_again_unweighed_made_two_trips_whatever_the_source_is(
    kind: SiteKind,
) -> None:
    """The first load was not weighed on arrival, and the second one not at its source."""
    sites = {**CITY.sites, "source": changed_to(CITY.sites["source"], kind=kind)}
    city = changed_to(CITY, sites=sites)

    def found(trip: Trip, *tickets: Weighing) -> list[str]:
        return summaries(judged([MassShortfall()], in_time(trip.readings, tickets), city=city))

    twice = Trip("T1", 0, 0).stand(300).drive(10_000, 0).stand(300).drive(0, 0).stand(300).drive(10_000, 0).stand(600)
    assert found(twice, left(200), came(twice.now_s - 300, 9_000)) == []
    queued = Trip("T1", 0, 0).stand(300).drive(10_000, 0).stand(90).drive(9_000, 0).drive(10_000, 0).stand(600)
    assert found(queued, left(200), came(queued.now_s - 300, 9_000)) == ["T1 confirmed P2"]
    back = Trip("T1", 0, 0).stand(300).drive(1_000, 0).drive(0, 0).stand(300).drive(10_000, 0).stand(600)
    assert found(back, left(200), came(back.now_s - 300, 9_000)) == ["T1 confirmed P2"]


def test_without_positions_a_trip_is_no_longer_than_trips_are() -> None:
    assert summaries(changes(left(0), came(4 * 3_600, 9_000))) == ["T1 confirmed P2"]
    assert changes(left(0), came(4 * 3_600 + 60, 9_000)) == []
    slow = Trip("T1", 0, 0).stand(300).drive(10_000, 0).stand(6 * 3_600)
    assert driven(slow, left(200), came(5 * 3_600, 9_000)) == ["T1 confirmed P2"]


def test_each_trip_is_an_alert_of_its_own_and_a_ticket_sent_again_is_none() -> None:
    day = [left(0), came(1_800, 13_000), left(4_000), came(5_800, 14_990), left(8_000), came(9_800, 12_000)]
    again = [replace(day[1], ts=day[1].ts + 60_000)]
    found = changes(*sorted([*day, *again], key=lambda one: one.ts))
    assert summaries(found) == ["T1 confirmed P2", "T1 confirmed P2"]
    assert [change.opened_at - T0 for change in found] == [0, 8_000_000]


def test_a_correction_takes_it_back() -> None:
    wrong, right = came(1_800, 13_000), came(3_000, 14_900, corrects="D1800", ticket="D9")
    found = changes(left(0), wrong, right)
    assert summaries(found) == ["T1 confirmed P2", "T1 retracted P2"]
    assert found[1].title.en.startswith("Withdrawn: ")
    assert summaries(changes(left(0), came(1_800, 14_900), came(3_000, 13_000, corrects="D1800"))) == [
        "T1 confirmed P2"
    ]


def test_a_correction_of_the_load_at_the_source_takes_it_back_too() -> None:
    found = changes(left(0), came(1_800, 13_000), left(3_000, 13_100, corrects="S0"))
    assert summaries(found) == ["T1 confirmed P2", "T1 retracted P2"]


def test_a_ticket_between_that_comes_hours_late_takes_it_back() -> None:
    """It says that the truck tipped elsewhere and loaded again, unweighed."""
    engine = RuleEngine(CITY, [MassShortfall()])
    sent = numbered([left(0), came(1_800, 13_000), left(4_000), came(5_800, 15_000)])
    assert summaries(run(engine, sent, quiet_s=3_600)) == ["T1 confirmed P2"]
    late = came(900, 14_950, device="W3")
    assert summaries(run(engine, [late], quiet_s=3_600))[-1] == "T1 retracted P2"


def test_any_order_within_the_buffer_gives_the_same_alerts() -> None:
    other: dict[str, Any] = {"plate": "晋ET2"}
    day = [left(0), came(10, 13_000), left(20, ticket="S2", **other), came(28, 14_000, ticket="D2", **other)]
    in_order = {(one.alert_id, one.severity) for one in changes(*day)}
    assert len(in_order) == 2
    for seed in range(4):
        shuffled = list(day)
        Random(seed).shuffle(shuffled)
        engine = RuleEngine(CITY, [MassShortfall()])
        found = run(engine, shuffled)
        assert {(one.alert_id, one.severity) for one in found} == in_order


def test_what_is_remembered_of_a_truck_is_bounded() -> None:
    engine = RuleEngine(CITY, [MassShortfall()])
    day = [one for n in range(40) for one in (left(3_000 * n), came(3_000 * n + 1_800, 13_000))]
    found = run(engine, day)
    assert len(found) == 40
    state = rows(engine)["T1"]["mass_shortfall/3"]
    assert len(state["tickets"]) == 6
    assert len(state["trips"]) == 3


def test_thresholds_that_fall_are_refused() -> None:
    with pytest.raises(ValueError, match="warn_kg, alert_kg"):
        MassShortfallParameters(warn_kg=900)
    assert MassShortfall().parameters == MassShortfallParameters()
