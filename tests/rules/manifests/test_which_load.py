"""Which manifest a weighing or a departure belongs to, where more than one could be meant."""

from collections.abc import Sequence
from dataclasses import replace as changed
from typing import Any

import pytest
from msgspec.structs import replace

from devices.city.model import City, Device, DeviceRole
from devices.city.sites import SiteKind
from devices.readings.models import Reading, Weighing
from rules.catalogue import build_rules
from rules.engine.engine import RuleEngine
from rules.manifests.model import Manifest
from tests.rules.engine.test_any_order import Restart, as_records, play
from tests.rules.manifests.trips import LOAD_KG, action, honest_trip, manifests_of, path_of, terms, weighed_at_tip
from tests.rules.town import T0, Trip, in_time, run, ticket, town

SEEN = ["in_transit", "arrived", "disposal_confirmed", "closed"]


def followed(*rows: Sequence[Reading], city: City | None = None) -> dict[str, Manifest]:
    engine = RuleEngine(city or town(), build_rules())
    run(engine, in_time(*rows), 150)
    return manifests_of(engine)


def with_bridge(site: str) -> City:
    bridge = Device("W2", DeviceRole.WEIGHBRIDGE, site_id=site, report_interval_s=300)
    return town(devices={**town().devices, "W2": bridge})


def at_second(weighing: Weighing, **fields: Any) -> Weighing:
    return replace(weighing, device_id="W2", **fields)


def papers(number: str = "M1", first_no: int = 1, **plan: Any) -> list[Reading]:
    return [
        action("issue", 20 + first_no, first_no, number=number, terms=terms(**plan)),
        action("confirm_source", 120 + first_no, first_no + 1, number=number),
    ]


def weighed_s(trip: Sequence[Reading]) -> float:
    [found] = [reading for reading in trip if isinstance(reading, Weighing)]
    return (found.ts - T0) / 1000


def without_ticket(trip: Sequence[Reading]) -> list[Reading]:
    return [reading for reading in trip if not isinstance(reading, Weighing)]


def without_confirmation(trip: Sequence[Reading]) -> list[Reading]:
    return [reading for reading in trip if getattr(reading, "deed", None) != "confirm_source"]


def test_who_closes_last_is_kept_however_old_it_is() -> None:
    trips = [honest_trip(at_s=4_000.0 * n, first_no=1 + 10 * n) for n in range(5)]
    back = [Trip("T1", 5_000, 0, at_s=4_000.0 * n + 2_400).drive(0, 0).readings for n in range(5)]
    old = [
        action("issue", 5, 900, number="OLD", terms=terms(90_000, 99_000)),
        action("void", 21_000, 901, number="OLD", reason="not used"),
    ]
    found = followed(*trips, *back, old)
    assert found["OLD"].state == "void"
    assert sorted(found) == ["MT111", "MT121", "MT131", "MT141", "OLD"]


def test_a_ticket_that_comes_hours_late_moves_a_manifest_that_is_no_longer_kept() -> None:
    trips = [honest_trip(at_s=4_000.0 * n, first_no=1 + 10 * n) for n in range(7)]
    back = [Trip("T1", 5_000, 0, at_s=4_000.0 * n + 2_400).drive(0, 0).readings for n in range(7)]
    [late] = [one for one in trips[0] if isinstance(one, Weighing)]
    engine = RuleEngine(town(), build_rules())
    run(engine, in_time(without_ticket(trips[0]), *trips[1:], *back), 150)
    before = {one.manifest.number: one.manifest for one in engine.take_moved_manifests()}
    assert before["MT11"].state == "arrived"
    engine.judge(late)
    for _ in range(15):
        engine.advance(10_000)
    after = {one.manifest.number: one.manifest for one in engine.take_moved_manifests()}
    assert "MT11" not in manifests_of(engine)
    assert (after["MT11"].state, after["MT11"].net_kg) == ("closed", LOAD_KG)


def test_a_truck_that_stands_as_near_as_its_receiver_can_tell_is_at_the_source() -> None:
    trip = Trip("T1", 63, 0, load="loaded").stand(180).drive(9_990, 0).stand(60)
    at_s = trip.now_s
    trip.now(load="empty").stand(60).drive(5_000, 0)
    [manifest] = followed(trip.readings, papers(), [weighed_at_tip("T1", at_s, LOAD_KG)]).values()
    assert path_of(manifest)[2:] == SEEN
    assert manifest.left_at


def test_a_number_that_comes_again_a_day_later_is_another_ticket() -> None:
    today = honest_trip()
    tomorrow = honest_trip(at_s=90_000, first_no=21, net_kg=11_000)
    again = [
        [replace(one, ticket="42") if isinstance(one, Weighing) else one for one in row] for row in (today, tomorrow)
    ]
    found = followed(*again, Trip("T1", 5_000, 0, at_s=4_000).drive(0, 0).readings)
    assert [(one.state, one.net_kg) for one in found.values()] == [("closed", LOAD_KG), ("discrepancy", 11_000)]


@pytest.mark.parametrize("after_s", [20, 120])
@pytest.mark.parametrize("name", ["MT11", None])
def test_a_ticket_that_is_dated_a_little_after_the_truck_left_counts(after_s: int, name: str | None) -> None:
    trip = without_ticket(honest_trip())
    [left] = followed(honest_trip()).values()
    late_s = (left.departed_at - T0) / 1000 + after_s
    [manifest] = followed(trip, [weighed_at_tip("T1", late_s, LOAD_KG, manifest=name)]).values()
    assert path_of(manifest)[2:] == SEEN


def test_who_turns_out_of_the_site_and_comes_back_is_weighed_then() -> None:
    trip = Trip("T1", 0, 0, load="loaded").stand(180).drive(10_000, 0).stand(20).drive(9_700, 0).stand(60)
    at_s = trip.drive(10_000, 0).stand(60).now_s
    trip.now(load="empty").stand(60).drive(5_000, 0)
    [manifest] = followed(trip.readings, papers(), [weighed_at_tip("T1", at_s, LOAD_KG)]).values()
    assert path_of(manifest)[2:] == SEEN


def test_a_second_load_without_a_manifest_does_not_close_the_first_one() -> None:
    trip = Trip("T1", 0, 0, load="loaded").stand(180).drive(10_000, 0).stand(60).drive(0, 0).stand(180)
    at_s = trip.drive(10_000, 0).stand(60).now_s
    trip.stand(60).drive(5_000, 0)
    [manifest] = followed(trip.readings, papers(), [weighed_at_tip("T1", at_s, LOAD_KG)]).values()
    assert (manifest.state, manifest.net_kg) == ("arrived", None)


def test_a_source_that_confirms_after_the_weighing_loses_nothing() -> None:
    trip = honest_trip()
    late = [action("confirm_source", weighed_s(trip) + 300, 2, number="MT11")]
    [manifest] = followed(without_confirmation(trip), late).values()
    assert (manifest.state, manifest.net_kg) == ("closed", LOAD_KG)


def transfer_station() -> City:
    sites = dict(town().sites)
    return town(sites=sites | {"tip": changed(sites["tip"], kind=SiteKind.TRANSFER_STATION)})


@pytest.mark.parametrize("names", [("M1", "M2"), (None, None)])
def test_what_leaves_a_transfer_station_is_of_the_next_manifest(names: tuple[str | None, str | None]) -> None:
    trip = Trip("T1", 0, 0, load="loaded").stand(180).drive(10_000, 0).stand(120)
    in_s, out_s = trip.now_s, trip.stand(300).now_s
    trip.stand(60).drive(5_000, 0)
    onward = papers("M2", 3, source="tip", destination="othertip", declared_kg=8_000.0)
    tickets = [
        ticket("T1", in_s, net_kg=LOAD_KG, ticket="A", manifest=names[0]),
        weighed_at_tip("T1", out_s, 8_000, ticket_number="B", manifest=names[1]),
    ]
    found = followed(trip.readings, papers(), onward, tickets, city=transfer_station())
    assert (found["M1"].state, found["M1"].net_kg) == ("closed", LOAD_KG)
    assert (found["M2"].source_net_kg, found["M2"].net_kg) == (8_000, None)


def test_a_ticket_that_names_a_manifest_of_nobody_fills_no_other() -> None:
    trip = honest_trip()
    other = [weighed_at_tip("T1", weighed_s(trip), LOAD_KG, manifest="M9")]
    assert followed(without_ticket(trip), other)["MT11"].net_kg is None


def test_one_load_leaves_with_one_manifest() -> None:
    trip = Trip("T1", 0, 0, load="loaded").stand(180).drive(10_000, 0).stand(60)
    first_s = trip.now_s
    second_s = trip.stand(60).drive(0, 0).stand(180).drive(10_000, 0).stand(60).now_s
    trip.stand(60).drive(5_000, 0)
    both = [*papers("M2", 1, depart_s=2_000, arrive_s=6_000), *papers("M1", 3)]
    tickets = [
        weighed_at_tip("T1", at_s, net_kg, ticket_number=number)
        for at_s, net_kg, number in ((first_s, 12_000, "A"), (second_s, 12_100, "B"))
    ]
    found = followed(trip.readings, both, tickets)
    assert {number: (one.state, one.net_kg) for number, one in found.items()} == {
        "M1": ("closed", 12_000),
        "M2": ("closed", 12_100),
    }
    assert found["M2"].left_at > found["M1"].departed_at


def loaded_twice(*more: Weighing) -> dict[str, Manifest]:
    trip = Trip("T1", 0, 0, load="loaded").stand(180).drive(10_000, 0).stand(60)
    draft = [action("issue", 30, 9, number="M2", terms=terms(2_000, 6_000))]
    weighed = at_second(ticket("T1", 150, net_kg=11_900, direction="out", ticket="S1"))
    return followed(trip.readings, papers(), draft, [weighed, *more], city=with_bridge("source"))


def test_a_source_ticket_that_is_sent_again_or_corrected_stays_with_its_load() -> None:
    again = at_second(ticket("T1", 700, net_kg=11_900, direction="out", ticket="S1"))
    found = loaded_twice(again)
    assert (found["M1"].source_net_kg, found["M2"].source_net_kg) == (11_900, None)
    corrected = at_second(ticket("T1", 700, net_kg=9_000, direction="out", ticket="S1b"), corrects="S1")
    found = loaded_twice(corrected)
    assert (found["M1"].source_net_kg, found["M2"].source_net_kg) == (9_000, None)


def test_gross_and_tare_that_the_source_weighs_apart_make_one_load() -> None:
    halves = [
        at_second(ticket("T1", at_s, net_kg=net_kg, ticket=way), direction=way, net_kg=None, tare_kg=None)
        for at_s, net_kg, way in ((60, 0, "in"), (160, 11_800, "out"))
    ]
    [manifest] = followed(honest_trip(), halves, city=with_bridge("source")).values()
    assert (manifest.source_net_kg, manifest.state) == (11_800, "closed")


def test_a_truck_that_was_weighed_empty_before_its_manifest_was_issued_makes_one_load() -> None:
    halves = [
        at_second(ticket("T1", at_s, net_kg=net_kg, ticket=way), direction=way, net_kg=None, tare_kg=None)
        for at_s, net_kg, way in ((10, 0, "in"), (160, 11_800, "out"))
    ]
    [manifest] = followed(honest_trip(), halves, city=with_bridge("source")).values()
    assert (manifest.source_net_kg, manifest.state) == (11_800, "closed")


def test_a_plate_that_can_only_be_this_truck_closes_its_manifest() -> None:
    trip = [replace(one, plate="晋E·TI") if isinstance(one, Weighing) else one for one in honest_trip()]
    [manifest] = followed(trip).values()
    assert (path_of(manifest)[2:], manifest.net_kg) == (SEEN, LOAD_KG)


def test_a_ticket_that_is_sent_again_leaves_what_an_officer_corrected() -> None:
    trip = honest_trip(net_kg=9_000)
    late_s = weighed_s(trip) + 250
    corrected: list[Reading] = [
        action("begin_correction", late_s, 10, number="MT11", reason="misread"),
        action("correct", late_s + 10, 11, number="MT11", net_kg=LOAD_KG, reason="misread"),
        weighed_at_tip("T1", late_s + 100, 9_000, ticket_number="T11"),
    ]
    [manifest] = followed(trip, corrected).values()
    assert (manifest.state, manifest.net_kg) == ("closed", LOAD_KG)
    better = weighed_at_tip("T1", late_s + 120, 9_100, ticket_number="T11", corrects="T11")
    [manifest] = followed(
        trip, [*corrected, better], Trip("T1", 5_000, 0, at_s=late_s + 130).stand(60).readings
    ).values()
    assert (manifest.state, manifest.net_kg) == ("discrepancy", 9_100)


@pytest.mark.parametrize("name", ["M1", None])
def test_a_reroute_that_is_entered_after_the_weighing_finds_it(name: str | None) -> None:
    trip = Trip("T1", 0, 0, load="loaded").stand(180).drive(10_000, 0).stand(60)
    rejected_s = trip.now_s
    at_s = trip.stand(30).drive(5_000, 4_000).stand(300).now_s
    trip.stand(60).drive(5_000, 0)
    acts = [
        action("reject", rejected_s, 3, number="M1", reason="full"),
        action("reroute", at_s + 20, 4, number="M1", destination="othertip"),
    ]
    weighed = at_second(weighed_at_tip("T1", at_s, LOAD_KG, manifest=name))
    rows, city = in_time(trip.readings, papers(), acts, [weighed]), with_bridge("othertip")
    [manifest] = followed(rows, city=city).values()
    assert (manifest.leg, path_of(manifest)[-4:]) == (2, SEEN)
    assert manifest.weighed_at == T0 + at_s * 1000
    engine, _ = play(
        as_records((one.ts, one) for one in rows), [Restart(n, "restart") for n in range(0, 999, 20)], city
    )
    assert manifests_of(engine) == {"M1": manifest}


def test_a_truck_that_stands_in_the_former_source_has_not_left_the_corrected_one() -> None:
    trip = Trip("T1", 0, 0, load="empty").stand(600).drive(2_000, 0)
    acts = [
        action("issue", 20, 1, terms=terms()),
        action("begin_correction", 200, 2, reason="other source"),
        action("correct", 210, 3, terms=terms(source="othertip"), reason="other source"),
        action("confirm_source", 230, 4),
    ]
    [manifest] = followed(trip.readings, acts).values()
    assert (manifest.state, manifest.left_at) == ("source_confirmed", 0)


def test_who_drives_through_the_site_is_overdue() -> None:
    trip = Trip("T1", 0, 0, load="loaded").stand(180).drive(10_400, 0).stand(60).drive(14_000, 0).stand(4_000)
    engine = RuleEngine(town(), build_rules())
    changes = run(engine, in_time(trip.readings, papers(), [action("check", 4_500, 3)]))
    [manifest] = manifests_of(engine).values()
    assert path_of(manifest)[2:] == ["in_transit", "arrived", "overdue"]
    assert next(one.opened_at for one in changes if one.rule == "manifest_overdue") == T0 + 4_500_000


def test_a_weighing_of_a_truck_that_is_far_away_closes_nothing() -> None:
    trip = Trip("T1", 0, 0, load="loaded").stand(180).drive(5_000, 0)
    at_s = trip.now_s
    trip.drive(5_000, 2_500).stand(900)
    [manifest] = followed(trip.readings, papers(), [weighed_at_tip("T1", at_s, LOAD_KG)]).values()
    assert (manifest.state, manifest.net_kg) == ("in_transit", None)


def overdue(*rows: Sequence[Reading]) -> list[str]:
    """Titles of the alerts about manifests that are late."""
    changes = run(RuleEngine(town(), build_rules()), in_time(*rows))
    return list(dict.fromkeys(change.title.en for change in changes if change.rule == "manifest_overdue"))


def test_what_is_awaited_of_a_late_manifest_stands_in_its_title() -> None:
    waiting = Trip("T1", 5_000, 0, at_s=2_000).stand(6_000).readings
    driven = without_confirmation(honest_trip())
    assert overdue(driven, waiting) == ["Truck 晋ET1 left with manifest MT11, which its source has not confirmed"]
    confirmed = action("confirm_source", 2_100, 2, number="MT11")
    assert overdue(driven, waiting, [confirmed]) == []
    rejected = action("reject", 1_250, 8, number="MT11", reason="full")
    assert overdue(without_ticket(honest_trip()), waiting, [rejected]) == [
        "Truck 晋ET1 has not brought back the rejected load of manifest MT11"
    ]
    assert overdue(without_ticket(honest_trip()), waiting) == [
        "Truck 晋ET1 left Tip without a weighing for manifest MT11"
    ]
