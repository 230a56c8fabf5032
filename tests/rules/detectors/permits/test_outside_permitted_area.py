"""Stories of trucks that may collect west of 5 km only; three recycling points stand beside the road further east."""

from dataclasses import replace
from typing import Any

import pytest

from devices.city.model import City
from devices.city.sites import Site, SiteKind, Validity, ZoneKind
from rules.alerts.model import AlertChange
from rules.detectors.outside_permitted_area.judgement import OutsidePermittedArea
from rules.detectors.outside_permitted_area.parameters import OutsidePermittedAreaParameters
from tests.rules.detectors.retold import holds_however_it_is_told
from tests.rules.town import T0, Trip, at_s, judged, summaries, town, zone

BORDER_X = 5_000
POINTS = {"alpha": 6_000, "beta": 6_500, "gamma": 7_000}
"""Metres east; their fences are 40 m wide."""
WEST = zone("west", ZoneKind.PERMITTED_AREA, -2_000, -2_000, BORDER_X, 2_000)


def point(name: str, x: float, kind: SiteKind = SiteKind.RECYCLING_POINT) -> Site:
    square = zone(name, ZoneKind.FORBIDDEN, x - 20, 10, x + 20, 50).area  # only its shape
    return Site(name, kind, name.title(), f"{name}点", square)


def licensed(*areas: str, **changed: Any) -> City:
    permits = tuple(replace(permit, area_ids=areas or ("west",)) for permit in town().permits)
    sites = {**town().sites, **{name: point(name, x) for name, x in POINTS.items()}}
    parts: dict[str, Any] = {"permits": permits, "sites": sites, "zones": (WEST,)} | changed
    return replace(town(), **parts)


def truck(x: float = 3_000, **more: Any) -> Trip:
    return Trip("T1", x, 0, **more).stand(60)


def changes(trip: Trip, city: City | None = None, **parameters: Any) -> list[AlertChange]:
    rule = OutsidePermittedArea(OutsidePermittedAreaParameters(**parameters))
    return judged([rule], trip.readings, city=city or licensed())


def test_a_stop_at_a_point_outside_is_a_suspicion_and_a_second_point_confirms_it() -> None:
    trip = truck().drive(6_000, 0)
    stops_s = trip.now_s + 10
    trip.stand(200).drive(6_500, 0)
    second_s = trip.now_s + 10
    found = changes(trip.stand(200).drive(4_000, 0))
    assert summaries(found) == ["T1 provisional P4", "T1 confirmed P3", "T1 closed P3"]
    assert (found[0].opened_at - T0) / 1000 == stops_s
    assert [at_s(change) for change in found[:2]] == [stops_s + 120, second_s + 120]
    assert found[-1].evidence.findings[-1].en == "It is inside its permitted area again"
    assert found[-1].evidence.measures["sources"] == "alpha,beta"


def test_a_loaded_truck_whose_scale_stays_as_it_is_only_pauses() -> None:
    """Beside one point, and beside another one."""
    pause = truck(load_kg=9_000.0).drive(6_000, 0)
    for n in range(30):
        pause.now(load_kg=9_000.0 + 60 * (n % 3 - 1)).stand(10)
    assert changes(pause.drive(6_500, 0).stand(300).drive(4_000, 0)) == []
    begins = truck(load_kg=6_000.0).drive(6_000, 0).stand(60).now(load_kg=6_400.0).stand(100)
    assert summaries(changes(begins.drive(4_000, 0))) == ["T1 provisional P4", "T1 closed P4"]


def test_an_empty_scale_may_be_a_stuck_one() -> None:
    assert summaries(changes(truck(load_kg=300.0).drive(6_000, 0).stand(200))) == ["T1 provisional P4"]


def test_driving_through_is_allowed() -> None:
    assert changes(truck().drive(9_900, 0).stand(20).drive(3_000, 0)) == []


def test_lights_and_rests_outside_are_none() -> None:
    trip = truck().drive(6_000, 0).stand(100).drive(6_500, 0).stand(100)  # each shorter than two minutes
    assert changes(trip) == []
    assert changes(truck().drive(6_250, 0).stand(2_400)) == [], "no point is near"


def test_two_stops_at_one_point_are_one() -> None:
    trip = truck().drive(6_000, 0).stand(200).drive(6_300, 0).drive(6_000, 0).stand(200)
    assert summaries(changes(trip)) == ["T1 provisional P4"]


def test_within_its_area_and_beside_its_border_it_may_collect() -> None:
    inside = licensed(zones=(zone("west", ZoneKind.PERMITTED_AREA, -2_000, -2_000, 8_000, 2_000),))
    beside = licensed(zones=(zone("west", ZoneKind.PERMITTED_AREA, -2_000, -2_000, 5_910, 2_000),))
    beyond = licensed(zones=(zone("west", ZoneKind.PERMITTED_AREA, -2_000, -2_000, 5_880, 2_000),))
    trip = truck().drive(6_000, 0).stand(200)
    assert changes(trip, inside) == []
    assert changes(trip, beside) == []
    assert summaries(changes(trip, beyond)) == ["T1 provisional P4"]


def test_a_second_permit_may_name_another_area_or_none() -> None:
    east = zone("east", ZoneKind.PERMITTED_AREA, BORDER_X, -2_000, 12_000, 2_000)
    both = licensed("west", "east", zones=(WEST, east))
    trip = truck().drive(6_000, 0).stand(200).drive(6_500, 0).stand(200)
    assert changes(trip, both) == []
    free = replace(town().permits[0], id="free")
    assert changes(trip, replace(licensed(), permits=(*licensed().permits, free))) == []
    other = replace(free, area_ids=("east",))
    assert changes(trip, replace(both, permits=(*licensed().permits, other))) == []
    assert summaries(changes(trip, licensed("west", zones=(WEST, east))))[-1] == "T1 confirmed P3"


def test_trucks_whose_area_is_not_known_are_not_judged() -> None:
    trip = truck().drive(6_000, 0).stand(200).drive(6_500, 0).stand(200)
    assert changes(trip, licensed(permits=town().permits)) == []
    assert changes(trip, licensed(zones=())) == []
    expired = replace(WEST, validity=Validity(None, T0))
    assert changes(trip, licensed(zones=(expired,))) == []
    no_permit = tuple(permit for permit in licensed().permits if permit.vehicle_id != "VT1")
    assert changes(trip, licensed(permits=no_permit)) == []


def kerb(gain_kg: float, start_kg: float = 3_000) -> Trip:
    """Four stops of a minute between the points, at each of which the load grows by a quarter of the gain."""
    trip = truck(load_kg=start_kg).drive(7_600, 0)
    for n in range(1, 5):
        trip.stand(30).now(load_kg=start_kg + n * gain_kg / 4).stand(30).drive(7_600 + n * 100, 0, kmh=20)
    return trip.drive(9_500, 0)


def test_a_load_that_rises_while_it_stands_outside_is_collected() -> None:
    """Five per cent of 15 t are 750 kg."""
    found = changes(kerb(1_200))
    assert summaries(found) == ["T1 confirmed P3"]
    assert found[0].evidence.measures["base_kg"] == 3_000
    assert found[0].evidence.measures["rise_kg"] == 900
    assert changes(kerb(700)) == []


def test_a_scale_that_wanders_is_no_load() -> None:
    trip = truck(load_kg=3_000).drive(7_600, 0)
    for n in range(24):
        trip.now(load_kg=3_000 + 600 * (n % 2)).stand(60)
    assert changes(trip) == []


def test_what_was_loaded_within_its_area_is_none() -> None:
    trip = truck(load_kg=0).now(load_kg=9_000).stand(120).drive(7_600, 0).stand(300)
    assert changes(trip) == []
    # Its scale was silent since before it loaded.
    silent = Trip("T1", 4_000, 0, load_kg=0.0).stand(60).now(load_kg=None).stand(120)
    silent.drive(7_600, 0, kmh=60).stand(20).now(load_kg=9_000).stand(300)
    assert changes(silent) == []


def test_a_load_that_rises_while_it_drives_is_the_scales_fault() -> None:
    trip = truck(load_kg=3_000).drive(7_600, 0).stand(30).drive(8_000, 0).now(load_kg=6_000).drive(9_500, 0)
    assert changes(trip) == []


def test_a_terminal_that_says_empty_and_then_loaded() -> None:
    trip = truck(load="empty").drive(7_600, 0).stand(150).now(load="loaded")
    found = changes(trip.stand(60).drive(9_500, 0, kmh=30))
    assert summaries(found) == ["T1 confirmed P3"]
    assert found[0].evidence.measures["filled"] is True
    flips = truck(load="empty").drive(7_600, 0)
    for n in range(30):
        flips.now(load="loaded" if n % 2 else "empty").stand(40)
    assert changes(flips) == []


def test_tipping_parking_and_washing_are_not_collecting() -> None:
    bay = replace(point("bay", 6_000), kind=SiteKind.WASH_BAY)
    station = replace(point("bay", 6_000), kind=SiteKind.TRANSFER_STATION)
    for site in (bay, station):
        city = licensed(sites={**town().sites, "bay": site})
        stay = truck(load_kg=0).drive(6_000, 0).drive(6_000, 30, kmh=6).stand(200).now(load_kg=9_000).stand(200)
        assert changes(stay, city) == [], site.kind


def test_it_ends_when_it_has_not_collected_for_half_an_hour() -> None:
    trip = truck().drive(6_000, 0).stand(200).drive(6_250, 0)
    leaves_s = trip.now_s
    found = changes(trip.stand(2_400))
    assert summaries(found) == ["T1 provisional P4", "T1 provisional P4", "T1 closed P4"]  # told again after 30 min
    assert 1_700 < at_s(found[-1]) - leaves_s < 1_900
    assert found[-1].evidence.findings[-1].en == "It has not collected there for 30 min"


def test_the_alert_begins_with_the_stop_at_which_it_collected() -> None:
    """It stood at a light for a minute, a quarter of an hour before."""
    trip = truck().drive(5_500, 0).stand(60).drive(6_900, 0, kmh=6).drive(7_000, 0)
    begins_s = trip.now_s + 10
    [found] = changes(trip.stand(200))
    assert (found.opened_at - T0) / 1000 == begins_s


def test_reports_a_minute_apart_find_it_too() -> None:
    trip = truck(every_s=60).drive(6_000, 0).stand(240).drive(6_500, 0).stand(240)
    assert summaries(changes(trip)) == ["T1 provisional P4", "T1 confirmed P3"]


@pytest.mark.parametrize("fields", [{}, {"accuracy_m": 25.0}])
def test_late_uploads_and_restarts_end_in_the_same_alert(fields: dict[str, Any]) -> None:
    trip = truck(load_kg=2_000.0, **fields).drive(6_000, 0).stand(200).now(load_kg=3_500.0).drive(6_500, 0).stand(200)
    held = holds_however_it_is_told(OutsidePermittedArea, trip.drive(3_000, 0).stand(100).readings, city=licensed())
    assert [(phase, severity) for _, _, phase, severity in held] == [("closed", "P3")]


def test_the_alert_explains_itself_in_both_languages() -> None:
    trip = truck(load_kg=3_000).drive(6_000, 0).stand(60).now(load_kg=3_900).stand(140)
    [found] = changes(trip)
    assert found.title.en == ("Truck 晋ET1 collected outside its permitted area West, at a point 10 m from Alpha")
    assert found.title.zh == "车辆晋ET1在许可区域west区之外收集，距alpha点10米"
    assert [text.en for text in found.evidence.findings] == [
        "It stood for 2 min in all, 1.0 km outside its area at the first stop",
        "It stood for 2 min or longer beside: Alpha",
        "Its load rose by 900 kg, from 3000 kg",
    ]
    assert [text.zh for text in found.evidence.findings] == [
        "累计停留2分钟，首次停留处距许可区域1.0公里",
        "停留达2分钟的收集点：alpha点",
        "载重增加900公斤，起始3000公斤",
    ]
    assert found.evidence.parameters == OutsidePermittedAreaParameters().model_dump()
    assert found.evidence.measures["areas"] == "west"
    assert len(found.evidence.ruled_out) == 3
    [maybe] = changes(truck().drive(6_000, 0).stand(140))
    assert maybe.title.en.startswith("Truck 晋ET1 may have collected outside its permitted area West, ")
    assert maybe.title.zh.startswith("车辆晋ET1在许可区域west区之外疑似收集，")
