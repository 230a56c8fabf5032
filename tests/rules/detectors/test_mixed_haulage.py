"""Stories of trucks that collect at points and works beside the road, from 1 km to 6 km, and tip at 10 km."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from pydantic import ValidationError

from devices.city.model import City
from devices.city.sites import Site, SiteKind
from devices.geo.geometry import XY
from devices.readings.models import Reading
from devices.readings.streams import STREAM_NAMES
from rules.alerts.model import AlertChange, ReadingRef
from rules.detectors.mixed_haulage.haul import MAX_PICKUPS, Haul, MixTable, Pickup, put
from rules.detectors.mixed_haulage.judgement import MixedHaulage
from rules.detectors.mixed_haulage.parameters import MixedHaulageParameters
from tests.rules.detectors.retold import holds_however_it_is_told
from tests.rules.town import T0, Trip, at_s, in_time, judged, square, summaries, ticket, town

SOURCES = {
    # metres east, kind, streams
    "kitchens": (1_000, SiteKind.RECYCLING_POINT, ("kitchen",)),
    "bins": (2_000, SiteKind.RECYCLING_POINT, ("residual",)),
    "pit": (3_000, SiteKind.CONSTRUCTION_SITE, ("spoil",)),
    "flats": (4_000, SiteKind.CONSTRUCTION_SITE, ("decoration",)),
    "point4": (5_000, SiteKind.RECYCLING_POINT, ("kitchen", "recyclable", "residual")),
    "clinic": (6_000, SiteKind.RECYCLING_POINT, ("hazardous",)),
    "unknown": (7_000, SiteKind.RECYCLING_POINT, ()),
}
X = {name: x for name, (x, _, _) in SOURCES.items()}


def city(**changed: Any) -> City:
    sites = {
        name: Site(name, kind, name.title(), f"{name}处", square(x, 30, 20), streams=streams)
        for name, (x, kind, streams) in SOURCES.items()
    }
    parts: dict[str, Any] = {"sites": {**town().sites, **sites}} | changed
    return replace(town(), **parts)


def round_of(*names: str, stay_s: int = 200, **fields: Any) -> Trip:
    trip = Trip("T1", 500, 0, **fields)
    for name in names:
        trip.drive(X[name], 0).stand(stay_s)
    return trip


def tip(trip: Trip, stay_s: int = 200) -> Trip:
    return trip.drive(9_900, 0).drive(10_000, 0, kmh=10).stand(stay_s).drive(9_000, 0)


def changes(*rows: Sequence[Reading], in_city: City | None = None, **parameters: Any) -> list[AlertChange]:
    return judged([MixedHaulage(MixedHaulageParameters(**parameters))], *rows, city=in_city or city())


def test_kitchen_and_residual_waste_in_one_haul_are_a_suspicion_until_it_has_tipped() -> None:
    trip = round_of("kitchens").drive(X["bins"], 0)
    stops_s = trip.now_s + 10
    trip.stand(200)
    found = changes(tip(trip).readings)
    assert summaries(found) == ["T1 provisional P4", "T1 closed P4"]
    assert (found[0].opened_at - T0) / 1000 == stops_s
    assert at_s(found[0]) == stops_s + 120
    assert found[-1].evidence.findings[-1].en == "It has left a site where trucks tip"


def test_one_stream_at_many_points_is_none() -> None:
    more = city().sites["kitchens"]
    twin = replace(more, id="twin", name="Twin", area=square(1_500, 30, 20))
    trip = Trip("T1", 500, 0).drive(1_000, 0).stand(200).drive(1_500, 0).stand(200)
    assert changes(trip.readings, in_city=city(sites={**city().sites, "twin": twin})) == []
    assert changes(round_of("kitchens", "unknown").readings) == []


def test_emptied_between_the_two_it_is_none() -> None:
    trip = tip(round_of("kitchens"))
    assert changes(trip.drive(X["bins"], 0).stand(200).readings) == []
    # Its load bit says so, elsewhere.
    shed = round_of("kitchens", load="loaded").now(load="empty").drive(1_500, 0).stand(60).now(load="partial")
    assert changes(shed.drive(X["bins"], 0).stand(200).readings) == []


def test_a_stop_at_a_gate_empties_nothing() -> None:
    trip = round_of("kitchens").drive(9_900, 0).drive(10_000, 0, kmh=30).stand(20).drive(9_000, 0)
    assert summaries(changes(trip.drive(X["bins"], 0).stand(200).readings)) == ["T1 provisional P4"]


def test_a_truck_that_says_empty_while_it_has_little_is_not_emptied() -> None:
    trip = round_of("kitchens", "bins", load="empty")
    assert summaries(changes(trip.readings)) == ["T1 provisional P4"]


def test_lights_and_passing_are_no_collecting() -> None:
    assert changes(round_of("kitchens", "bins", "pit", stay_s=100).readings) == []


def test_a_point_of_several_streams_proves_nothing_while_one_may_share() -> None:
    assert changes(round_of("kitchens", "point4").readings) == []
    assert changes(round_of("bins", "point4").readings) == []
    assert summaries(changes(round_of("pit", "point4").readings)) == ["T1 provisional P4"]


def test_a_truck_with_two_compartments_and_an_unregistered_one_are_not_judged() -> None:
    vehicles = {key: replace(vehicle, compartments=2) for key, vehicle in town().vehicles.items()}
    assert changes(round_of("kitchens", "bins").readings, in_city=city(vehicles=vehicles)) == []
    assert changes(round_of("kitchens", "bins").readings, in_city=city(vehicles={}, permits=())) == []


def test_a_city_without_streams_is_not_judged() -> None:
    sites = {key: replace(site, streams=()) for key, site in city().sites.items()}
    assert changes(round_of("kitchens", "bins", "pit").readings, in_city=city(sites=sites)) == []


def test_loads_that_rise_at_both_stops_confirm_it() -> None:
    trip = round_of("pit", load_kg=0.0).now(load_kg=4_000.0).stand(60).drive(X["flats"], 0).stand(60)
    found = changes(trip.now(load_kg=6_000.0).stand(200).readings)
    assert summaries(found)[-1] == "T1 confirmed P3"
    measures = found[-1].evidence.measures
    assert (measures["first_rise_kg"], measures["second_rise_kg"]) == (4_000, 2_000)
    one = round_of("pit", load_kg=0.0).now(load_kg=4_000.0).stand(60).drive(X["flats"], 0).stand(200)
    assert changes(one.readings) == [], "the load did not rise at the second"


def test_a_pause_beside_another_source_is_none_where_the_scale_works() -> None:
    """It is loaded at the pit, as its scale shows, and then takes a call beside the flats."""
    loaded = round_of("pit", load_kg=0.0).now(load_kg=9_000.0).stand(60).drive(X["flats"], 0)
    for n in range(30):
        loaded.now(load_kg=9_000.0 + 60 * (n % 3 - 1)).stand(10)
    assert changes(tip(loaded).readings) == []


def test_a_scale_that_shows_nothing_anywhere_excuses_nothing() -> None:
    """It is stuck: it did not show what the truck took at the pit either."""
    assert summaries(changes(round_of("pit", "flats", load_kg=6_000.0).readings)) == ["T1 provisional P4"]


def test_a_load_that_begins_to_rise_is_a_suspicion_at_once() -> None:
    trip = round_of("pit", load_kg=0.0).now(load_kg=4_000.0).stand(60).drive(X["flats"], 0)
    stops_s = trip.now_s + 10
    for n in range(1, 31):
        trip.now(load_kg=4_000.0 + 40 * n).stand(10)
    found = changes(trip.readings)
    assert summaries(found) == ["T1 provisional P4", "T1 confirmed P3"]
    assert at_s(found[0]) == stops_s + 120


def test_a_load_from_elsewhere_is_not_that_of_the_stop_before() -> None:
    trip = round_of("pit", load_kg=0.0).drive(3_500, 0).stand(60).now(load_kg=4_000.0).stand(60)
    found = changes(trip.drive(X["flats"], 0).stand(60).now(load_kg=6_000.0).stand(200).readings)
    assert found[-1].evidence.measures["first_proven"] is False
    assert summaries(found) == ["T1 provisional P4"]


def in_ticket(trip: Trip, material: str | None, **more: Any) -> list[Reading]:
    trip.drive(9_900, 0).drive(10_000, 0, kmh=10).stand(30)
    return [ticket("T1", trip.now_s, material=material, **more)]


def test_a_ticket_names_what_it_carries() -> None:
    trip = round_of("pit", load_kg=0.0).now(load_kg=4_000.0).stand(60)
    weighed = in_ticket(trip, "装修垃圾")
    found = changes(trip.stand(300).drive(9_000, 0).readings, weighed)
    assert summaries(found) == ["T1 confirmed P3", "T1 closed P3"]
    assert found[0].evidence.measures["second_streams"] == "decoration"
    assert found[0].evidence.readings[-1].values["material"] == "装修垃圾"


@pytest.mark.parametrize("material", ["spoil", "Spoil ", "工程渣土", "construction", "mud", None])
def test_a_ticket_of_the_same_stream_or_of_a_word_that_is_none(material: str | None) -> None:
    trip = round_of("pit", load_kg=0.0).now(load_kg=4_000.0).stand(60)
    weighed = in_ticket(trip, material)
    assert changes(trip.stand(300).readings, weighed) == []


def test_a_ticket_of_which_the_plate_is_wrong_is_none() -> None:
    trip = round_of("pit", load_kg=0.0).now(load_kg=4_000.0).stand(60)
    far = [ticket("T1", trip.now_s, material="kitchen")]
    assert changes(trip.stand(300).readings, far) == []


def test_a_ticket_out_of_a_tip_belongs_to_the_haul_that_ends() -> None:
    trip = round_of("pit", load_kg=0.0).now(load_kg=4_000.0).stand(60)
    in_ticket(trip, "spoil")
    trip.now(load_kg=0.0).stand(200)
    out = [ticket("T1", trip.now_s, net_kg=0, direction="out", material="kitchen")]
    found = changes(trip.stand(60).drive(9_000, 0).readings, out)
    assert summaries(found) == ["T1 confirmed P3", "T1 closed P3"]
    # With the next haul it has nothing to do.
    after = Trip("T1", 10_000, 0).stand(200)
    old = [ticket("T1", after.now_s, net_kg=0, direction="out", material="kitchen")]
    assert changes(after.drive(X["flats"], 0).stand(200).readings, old) == []


@pytest.mark.parametrize(("direction", "raises"), [("in", True), ("out", False)])
def test_of_a_transfer_station_only_what_is_brought_counts(direction: Any, raises: bool) -> None:
    """It leaves with what others brought."""
    station = replace(town().sites["tip"], kind=SiteKind.TRANSFER_STATION)
    there = city(sites={**city().sites, "tip": station})
    trip = round_of("pit", load_kg=0.0).now(load_kg=4_000.0).stand(60)
    weighed = in_ticket(trip, "kitchen", direction=direction)
    assert bool(changes(trip.stand(60).readings, weighed, in_city=there)) is raises


def test_a_haul_keeps_so_many_pickups_and_the_proven_ones() -> None:
    haul, cited = Haul(), ReadingRef(device_id="T1", kind="position", ts=T0, values={})
    shape: dict[str, Any] = {"place": XY(0, 0), "place_en": "", "place_zh": "", "first_ref": cited, "last_ref": cited}
    for n in range(2 * MAX_PICKUPS):
        put(haul, Pickup(T0 + n, ("paper",), f"site-{n}", "Site", "站", **shape))
    assert len(haul.pickups) == MAX_PICKUPS
    put(haul, Pickup(T0 + 100, ("paper",), "site-3", "Site", "站", **shape))
    assert haul.pickups[3].at == T0 + 3, "the first of a site and its streams"
    put(haul, Pickup(T0 + 200, ("paper",), "site-3", "Site", "站", **shape, rose=True))
    assert haul.pickups[3].at == T0 + 200, "but a proven one is better"
    put(haul, Pickup(T0 + 300, ("paper",), "site-3", "Site", "站", **shape, ticket="7"))
    assert haul.pickups[3].at == T0 + 200


def test_a_ticket_against_the_record_of_its_own_site_is_not_the_trucks() -> None:
    bridge = replace(town().devices["W1"], site_id="flats")
    there = city(devices={**town().devices, "W1": bridge})
    trip = round_of("flats")
    out = [ticket("T1", trip.now_s, direction="out", material="spoil")]
    assert changes(trip.stand(60).readings, out, in_city=there) == []
    trip = round_of("flats")
    out = [ticket("T1", trip.now_s, direction="out", material="decoration")]
    found = changes(trip.drive(X["bins"], 0).stand(200).readings, out, in_city=there)
    assert [found[0].evidence.measures[name] for name in ("first_proven", "second_proven")] == [True, False]


def test_hazardous_waste_is_worse() -> None:
    assert summaries(changes(round_of("bins", "clinic").readings)) == ["T1 provisional P3"]


@pytest.mark.parametrize(("hours", "raises"), [(11, True), (13, False)])
def test_what_was_collected_a_shift_ago_is_no_part_of_it(hours: int, raises: bool) -> None:
    trip = round_of("kitchens").drive(1_500, 0)
    for _ in range(hours):
        trip.quiet(3_600).stand(20)
    assert bool(changes(trip.drive(X["bins"], 0).stand(200).readings)) is raises


def test_the_default_groups_by_hand() -> None:
    table, words = MixTable(MixedHaulageParameters().may_mix), sorted(STREAM_NAMES)
    may = {pair for pair in combinations(words, 2) if table.may_mix(*pair)}
    assert all(table.may_mix(word, word) for word in words)
    assert all(table.may_mix(other, one) for one, other in may)
    recyclables = {"glass", "metal", "paper", "plastic", "recyclable", "textile"}
    classes = {"decoration", "demolition", "site_waste", "slurry", "spoil"}
    expected = set(combinations(sorted(recyclables), 2)) | {("demolition", "site_waste")}
    assert may == expected | {tuple(sorted(("construction", one))) for one in classes}


def test_other_groups_are_a_parameter() -> None:
    assert changes(round_of("kitchens", "bins").readings, may_mix=[["kitchen", "residual"]]) == []
    with pytest.raises(ValidationError, match="'kichen' is no waste stream: there are construction"):
        MixedHaulageParameters(may_mix=[["kichen", "residual"]])


def test_reports_a_minute_apart_find_it_too() -> None:
    assert summaries(changes(round_of("kitchens", "bins", stay_s=240, every_s=60).readings)) == ["T1 provisional P4"]


def test_late_uploads_and_restarts_end_in_the_same_alert() -> None:
    trip = round_of("pit", load_kg=0.0).now(load_kg=4_000.0).stand(60).drive(X["flats"], 0).stand(60)
    readings = tip(trip.now(load_kg=6_000.0).stand(200)).readings
    held = holds_however_it_is_told(MixedHaulage, readings, city=city())
    assert [(phase, severity) for _, _, phase, severity in held] == [("closed", "P3")]


def test_a_late_ticket_is_judged_in_its_place() -> None:
    trip = round_of("pit", load_kg=0.0).now(load_kg=4_000.0).stand(60)
    weighed = in_ticket(trip, "decoration")
    readings = in_time(trip.stand(300).drive(9_000, 0).stand(200).readings, weighed)
    held = holds_however_it_is_told(MixedHaulage, readings, city=city())
    assert [(phase, severity) for _, _, phase, severity in held] == [("closed", "P3")]


def test_the_alert_explains_itself_in_both_languages() -> None:
    [found] = changes(round_of("kitchens", "flats").readings)
    assert found.title.en == (
        "Truck 晋ET1 may carry kitchen waste and decoration waste in one haul, at a point 10 m from Flats"
    )
    assert found.title.zh == "车辆晋ET1疑似混装厨余垃圾与装修垃圾，距flats处10米"
    assert [text.en for text in found.evidence.findings] == [
        "It stood for 3 min beside Kitchens, a source of kitchen waste",
        "It stood for 2 min beside Flats, a source of decoration waste",
        "No group of streams that may share a haul holds kitchen waste and decoration waste",
    ]
    assert [text.zh for text in found.evidence.findings] == [
        "在kitchens处旁停留3分钟，该处为厨余垃圾来源",
        "在flats处旁停留2分钟，该处为装修垃圾来源",
        "厨余垃圾与装修垃圾不在任何可同车运输的组别内",
    ]
    assert found.evidence.parameters == MixedHaulageParameters().model_dump()
    assert len(found.evidence.ruled_out) == 2
    trip = round_of("flats", load_kg=0.0).now(load_kg=4_000.0).stand(60)
    weighed = in_ticket(trip, "kitchen")
    proven = changes(trip.stand(60).readings, weighed)[0]
    assert [text.en for text in proven.evidence.findings[1:3]] == [
        "Its load rose by 4000 kg beside Flats",
        "Ticket 1 of Tip names kitchen waste",
    ]
    assert [text.zh for text in proven.evidence.findings[1:3]] == [
        "在flats处旁载重增加4000公斤",
        "tip场磅单1载明厨余垃圾",
    ]
