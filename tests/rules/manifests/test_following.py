"""Manifests of trucks that are followed: what people and trucks do, told as stories."""

from collections.abc import Sequence

from msgspec.structs import replace

from devices.city.model import Device, DeviceRole
from devices.readings.models import Reading, Weighing
from rules.catalogue import build_rules
from rules.engine.engine import RuleEngine
from rules.manifests.model import Manifest
from tests.rules.manifests.trips import (
    LOAD_KG,
    action,
    honest_trip,
    manifests_of,
    path_of,
    terms,
    weighed_at_tip,
)
from tests.rules.town import T0, Trip, in_time, run, ticket, town

HONEST = ["draft", "source_confirmed", "in_transit", "arrived", "disposal_confirmed", "closed"]


def followed(*rows: Sequence[Reading], quiet_s: float = 150) -> RuleEngine:
    engine = RuleEngine(town(), build_rules())
    run(engine, in_time(*rows), quiet_s)
    return engine


def test_the_manifest_of_an_honest_trip_closes_by_itself() -> None:
    [manifest] = manifests_of(followed(honest_trip())).values()
    assert path_of(manifest) == HONEST
    assert [one.actor for one in manifest.transitions] == ["li", "li", "", "", "", ""]
    assert manifest.transitions[4].evidence.startswith("ticket T11 of W1 ")
    assert (manifest.net_kg, manifest.outcome, manifest.gained_kg) == (LOAD_KG, "delivered", 0)
    assert T0 < manifest.left_at < manifest.arrived_at < manifest.weighed_at < manifest.departed_at


def test_a_day_of_trips_closes_each_manifest_with_its_own_weight() -> None:
    trips = [honest_trip(at_s=4_000.0 * n, net_kg=12_000 + 100 * n, first_no=1 + 10 * n) for n in range(3)]
    way_back = [Trip("T1", 5_000, 0, at_s=4_000.0 * n + 2_400).drive(0, 0).readings for n in range(3)]
    found = manifests_of(followed(*trips, *way_back))
    assert [(one.state, one.net_kg) for one in found.values()] == [("closed", 12_000 + 100 * n) for n in range(3)]


def test_gross_and_tare_that_are_weighed_apart_make_one_load() -> None:
    trip = [reading for reading in honest_trip() if not isinstance(reading, Weighing)]
    left_s = (trip[-1].ts - T0) / 1000 - 460  # it drives 5 km after that
    halves = [
        ticket("T1", left_s - 200, net_kg=12_000, tare_kg=None, ticket="1"),
        ticket("T1", left_s - 20, net_kg=0, direction="out", tare_kg=None, ticket="2"),
    ]
    parts = [replace(one, net_kg=None) for one in halves]
    [manifest] = manifests_of(followed(trip, parts)).values()
    assert (path_of(manifest), manifest.net_kg) == (HONEST, LOAD_KG)


def test_a_ticket_that_is_dated_before_the_truck_was_there_is_no_departure() -> None:
    trip = [reading for reading in honest_trip() if not isinstance(reading, Weighing)]
    there_s = (trip[-1].ts - T0) / 1000 - 700
    [manifest] = manifests_of(followed(trip, [weighed_at_tip("T1", there_s - 60, LOAD_KG)])).values()
    assert path_of(manifest) == HONEST
    assert manifest.departed_at > T0 + (there_s + 200) * 1000


def test_a_source_with_a_weighbridge_weighs_what_is_sent() -> None:
    bridge = Device("W2", DeviceRole.WEIGHBRIDGE, site_id="source", report_interval_s=300)
    city = town(devices={**town().devices, "W2": bridge})
    engine = RuleEngine(city, build_rules())
    weighed = replace(ticket("T1", 150, net_kg=11_900, direction="out", ticket="S1"), device_id="W2")
    run(engine, in_time(honest_trip(), [weighed]))
    [manifest] = manifests_of(engine).values()
    assert (manifest.sent_kg, manifest.net_kg, manifest.state) == (11_900, LOAD_KG, "closed")


def test_a_load_that_is_short_waits_for_a_person() -> None:
    [manifest] = manifests_of(followed(honest_trip(net_kg=9_000))).values()
    assert path_of(manifest) == [*HONEST[:-1], "discrepancy"]
    trip = honest_trip(net_kg=9_000)
    settled = action("settle", (trip[-1].ts - T0) / 1000 + 60, 9, number="MT11", reason="spilt on the way, swept up")
    [manifest] = manifests_of(followed(trip, [settled])).values()
    assert path_of(manifest)[-2:] == ["discrepancy", "closed"]


def test_a_corrected_ticket_opens_a_closed_manifest_again() -> None:
    trip = honest_trip()
    end_s = (trip[-1].ts - T0) / 1000
    again = weighed_at_tip("T1", end_s + 60, 9_000, ticket_number="T11", corrects="T11")
    more = Trip("T1", 5_000, 0, at_s=end_s).stand(300).readings
    [manifest] = manifests_of(followed(trip, more, [again])).values()
    assert path_of(manifest)[-2:] == ["closed", "discrepancy"]


def test_a_source_that_confirms_after_the_truck_has_left_loses_nothing() -> None:
    trip = Trip("T1", 0, 0, load="loaded").stand(120).drive(3_000, 0)
    late_s = trip.now_s
    trip.drive(4_000, 0)
    papers = [action("issue", 20, 1, terms=terms()), action("confirm_source", late_s, 2)]
    [manifest] = manifests_of(followed(trip.readings, papers)).values()
    assert path_of(manifest) == HONEST[:3]
    assert manifest.left_at < manifest.transitions[-1].at


def test_the_truck_drives_on_while_its_manifest_is_corrected() -> None:
    trip = honest_trip()
    corrections: list[Reading] = [
        action("begin_correction", 200, 5, number="MT11"),
        action("correct", 1_000, 6, number="MT11", terms=terms(0, 1_800, declared_kg=12_100.0)),
    ]
    [manifest] = manifests_of(followed(trip, corrections)).values()
    assert manifest.state == "closed"
    assert manifest.corrections == 1
    assert {"in_transit", "under_correction"} <= set(path_of(manifest))


def test_a_rejected_load_comes_back_or_goes_elsewhere() -> None:
    trip = Trip("T1", 0, 0, load="loaded").stand(120).drive(9_990, 0).stand(60)
    rejected_s = trip.now_s
    papers: list[Reading] = [
        action("issue", 20, 1, terms=terms()),
        action("confirm_source", 100, 2),
        action("reject", rejected_s, 3, reason="wrong stream"),
    ]
    back = Trip("T1", 9_990, 0, at_s=rejected_s, load="loaded").stand(60).drive(0, 0).stand(60).readings
    [manifest] = manifests_of(followed(trip.readings, back, papers)).values()
    assert path_of(manifest)[-3:] == ["arrived", "rejected", "closed"]
    assert manifest.outcome == "returned"
    papers.append(action("reroute", rejected_s + 30, 4, destination="othertip"))
    on = Trip("T1", 9_990, 0, at_s=rejected_s, load="loaded").stand(60).drive(5_000, 4_000).stand(60).readings
    [manifest] = manifests_of(followed(trip.readings, on, papers)).values()
    assert (manifest.leg, path_of(manifest)[-3:]) == (2, ["rejected", "in_transit", "arrived"])


def scanned(at_s: float, *rows: Sequence[Reading], check_s: float = 9_000) -> Manifest:
    """The manifest of a load that a person confirms at its tip, where no bridge weighs it."""
    papers = [
        action("issue", 20, 1, terms=terms()),
        action("confirm_source", 100, 2),
        action("confirm_disposal", at_s, 3),
        action("check", check_s, 4),
    ]
    [manifest] = manifests_of(followed(*rows, papers)).values()
    return manifest


def test_a_load_that_is_confirmed_long_before_its_truck_is_there_waits_for_a_person() -> None:
    trip = Trip("T1", 0, 0, load="loaded").stand(180).drive(9_990, 0)
    there_s = trip.now_s
    trip.stand(120).now(load="empty").drive(5_000, 0)
    manifest = scanned(there_s - 400, trip.readings)
    assert path_of(manifest) == [*HONEST[:-1], "discrepancy"]
    assert (manifest.scanned_at, manifest.seen_at) == (T0 + (there_s - 400) * 1000, T0 + there_s * 1000)
    assert path_of(scanned(there_s - 200, trip.readings)) == HONEST  # it waited before the gate
    assert path_of(scanned(there_s + 60, trip.readings)) == HONEST


def test_a_load_that_is_confirmed_and_never_comes_is_found_by_the_clock() -> None:
    trip = Trip("T1", 0, 0, load="loaded").stand(180).drive(5_000, 0).stand(300).now(load="empty").drive(1_000, 0)
    engine = RuleEngine(town(), build_rules())
    papers = [
        action("issue", 20, 1, terms=terms(0, 1_800)),
        action("confirm_source", 100, 2),
        action("confirm_disposal", 400, 3),
        action("check", 4_500, 4),
    ]
    others = Trip("T2", 500, 500, every_s=30).stand(5_000).readings
    changes = run(engine, in_time(trip.readings, papers, others))
    [manifest] = manifests_of(engine).values()
    assert path_of(manifest) == [*HONEST[:-1], "discrepancy"]
    assert manifest.overdue_at == 0
    assert [one.title.en for one in changes if one.rule == "manifest_overdue"] == [
        "Truck 晋ET1 has not arrived at Tip with manifest M1"
    ]


def test_who_loads_again_has_got_rid_of_the_load_before() -> None:
    """It dumped its first load: the tickets of the second trip close the second manifest only."""
    lost = Trip("T1", 0, 0, load="loaded").stand(120).drive(3_000, 0).stand(120).drive(0, 0).readings
    papers = [action("issue", 20, 1, terms=terms()), action("confirm_source", 100, 2)]
    second_s = (lost[-1].ts - T0) / 1000
    found = manifests_of(followed(lost, papers, honest_trip(at_s=second_s, first_no=10)))
    assert {number: str(one.state) for number, one in found.items()} == {"M1": "in_transit", "MT110": "closed"}


def test_a_manifest_that_is_issued_while_the_truck_is_at_the_tip_has_not_arrived() -> None:
    trip = Trip("T1", 9_990, 0).stand(120).drive(0, 0).stand(60)
    papers = [action("issue", 60, 1, terms=terms()), action("confirm_source", 70, 2)]
    [manifest] = manifests_of(followed(trip.readings, papers)).values()
    assert path_of(manifest) == HONEST[:2]


def test_the_clock_finds_a_silent_truck_overdue() -> None:
    trip = Trip("T1", 0, 0, load="loaded").stand(120).drive(3_000, 0)
    papers: list[Reading] = [
        action("issue", 20, 1, terms=terms(0, 1_800)),
        action("confirm_source", 100, 2),
        action("check", 4_500, 3),
    ]
    others = Trip("T2", 500, 500, every_s=30).stand(5_000).readings
    engine = RuleEngine(town(), build_rules())
    changes = run(engine, in_time(trip.readings, papers, others))
    [manifest] = manifests_of(engine).values()
    assert path_of(manifest) == [*HONEST[:3], "overdue"]
    assert manifest.overdue_at == T0 + 4_500_000
    [alert] = [change for change in changes if change.rule == "manifest_overdue"]
    assert (alert.subject, alert.opened_at, alert.phase) == ("T1", T0 + 4_500_000, "confirmed")
    assert alert.title.en == "Truck 晋ET1 has not arrived at Tip with manifest M1"


def test_the_clock_of_the_truck_does_not_matter() -> None:
    """By a clock two hours behind; what people did is at true time."""
    behind_ms = 7_200_000
    engine = RuleEngine(town(), build_rules())
    long_before = Trip("T1", 0, 0, at_s=-1_200, load="empty").stand(1_200).readings
    rows = [
        (reading.ts, reading if reading.device_id != "T1" else _at(reading, reading.ts - behind_ms))
        for reading in in_time(long_before, honest_trip(), Trip("T2", 500, 500, at_s=-1_200).stand(3_600).readings)
    ]
    for at, reading in rows:
        engine.receive(at)
        engine.judge(reading)
    for _ in range(30):
        engine.advance(10_000)
    [manifest] = manifests_of(engine).values()
    assert path_of(manifest) == HONEST
    straight = manifests_of(followed(honest_trip()))["MT11"]
    assert [one.at for one in manifest.transitions] == [one.at for one in straight.transitions]


def _at(reading: Reading, ts: int) -> Reading:
    return replace(reading, ts=ts)
