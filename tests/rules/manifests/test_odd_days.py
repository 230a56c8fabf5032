"""Days on which a weighing is not what it seems, or comes when nobody expects it; each is a story through the judge."""

from collections.abc import Sequence
from dataclasses import replace as changed

import pytest
from msgspec.structs import replace

from devices.city.model import City, Device, DeviceRole
from devices.readings.models import Reading, Weighing
from rules.catalogue import build_rules
from rules.engine.engine import RuleEngine
from rules.manifests.model import Manifest
from tests.rules.manifests.trips import LOAD_KG, action, honest_trip, manifests_of, path_of, terms, weighed_at_tip
from tests.rules.town import T0, Trip, in_time, run, town

MIDNIGHT_S = (1_790_006_400_000 - T0) / 1000
"""In the city: 2026-09-21T16:00:00Z."""
DONE = ["draft", "source_confirmed", "in_transit", "arrived", "disposal_confirmed", "closed"]


def lived(*rows: Sequence[Reading], city: City | None = None) -> dict[str, Manifest]:
    """The manifests in the end."""
    engine = RuleEngine(city or town(), [one for one in build_rules() if one.name == "manifest_overdue"])
    run(engine, in_time(*rows), 150)
    return manifests_of(engine)


def untold(trip: Sequence[Reading]) -> list[Reading]:
    return [one for one in trip if not isinstance(one, Weighing)]


def ticket_of(trip: Sequence[Reading]) -> Weighing:
    return next(one for one in trip if isinstance(one, Weighing))


def later(weighing: Weighing, seconds: float, net_kg: float, **fields: str) -> Weighing:
    return replace(weighing, ts=weighing.ts + round(seconds * 1000), net_kg=net_kg, gross_kg=12_000 + net_kg, **fields)


def waits(from_s: float, to_s: float, truck: str = "T1") -> list[Reading]:
    trip = Trip(truck, 5_000, 0, at_s=from_s, every_s=60)
    return trip.stand(to_s - from_s).readings


@pytest.mark.parametrize("after_s", [1_200, 5 * 3_600])
def test_a_correction_after_it_closed_opens_it_and_another_one_closes_it(after_s: float) -> None:
    trip = honest_trip()
    wrong = later(ticket_of(trip), after_s, 9_000, ticket="C1", corrects="T11")
    right = later(ticket_of(trip), after_s + 600, LOAD_KG - 50, ticket="C2", corrects="C1")
    until_s = after_s + 4_000
    [manifest] = lived(trip, [wrong], waits(2_500, until_s)).values()
    assert (path_of(manifest), manifest.net_kg) == ([*DONE, "discrepancy"], 9_000)
    [manifest] = lived(trip, [wrong, right], waits(2_500, until_s)).values()
    assert (path_of(manifest), manifest.net_kg) == ([*DONE, "discrepancy", "closed"], LOAD_KG - 50)


def test_who_is_weighed_again_some_minutes_later_has_the_second_weight() -> None:
    stays = Trip("T1", 0, 0, load="loaded").stand(180).drive(10_000, 0).stand(900).drive(5_000, 0)
    trip = honest_trip()
    papers = [one for one in trip if getattr(one, "deed", None)]
    first = ticket_of(trip)
    [manifest] = lived(stays.readings, papers, [first, later(first, 240, LOAD_KG - 40, ticket="again")]).values()
    assert (path_of(manifest), manifest.net_kg) == (DONE, LOAD_KG - 40)


def test_a_ticket_under_the_plate_of_a_truck_that_is_elsewhere_moves_neither() -> None:
    mine, far = honest_trip("T1"), honest_trip("T2", first_no=21, at_s=700)
    swapped = replace(ticket_of(mine), plate="晋ET2")
    found = lived(untold(mine), untold(far), [swapped, ticket_of(far)])
    assert (found["MT11"].state, found["MT11"].net_kg) == ("arrived", None)
    assert (path_of(found["MT221"]), found["MT221"].ticket) == (DONE, "T221")


def test_a_trip_over_midnight_is_one_trip() -> None:
    begins_s = MIDNIGHT_S - 900
    trip = honest_trip(at_s=begins_s)
    [manifest] = lived(trip).values()
    assert manifest.left_at < T0 + MIDNIGHT_S * 1000 < manifest.arrived_at
    assert (path_of(manifest), manifest.net_kg) == (DONE, LOAD_KG)


@pytest.mark.parametrize("plates", [("晋EB0018", "晋E80018"), ("晋ED0011", "晋E00011")])
@pytest.mark.parametrize("in_halves", [False, True])
def test_two_trucks_with_plates_alike_at_one_gate_within_a_minute(plates: tuple[str, str], in_halves: bool) -> None:
    vehicles = dict(town().vehicles)
    for truck, plate in zip(("VT1", "VT2"), plates, strict=True):
        vehicles[truck] = changed(vehicles[truck], plate=plate)
    rows: list[Reading] = []
    for truck, plate, net_kg, off_s in (("T1", plates[0], 12_000.0, 0), ("T2", plates[1], 11_600.0, 30)):
        trip = honest_trip(truck, net_kg=net_kg)
        weighed = replace(ticket_of(trip), plate=plate, ts=ticket_of(trip).ts + off_s * 1000)
        rows += untold(trip)
        if in_halves:
            gross = replace(weighed, ts=weighed.ts - 70_000, direction="in", tare_kg=None, net_kg=None)
            rows += [gross, replace(weighed, gross_kg=12_000.0, tare_kg=None, net_kg=None)]
        else:
            rows.append(weighed)
    found = lived(rows, city=town(vehicles=vehicles))
    assert {number: (one.state, one.net_kg) for number, one in found.items()} == {
        "MT11": ("closed", 12_000.0),
        "MT21": ("closed", 11_600.0),
    }


def test_a_gate_that_reads_one_plate_twice_closes_neither() -> None:
    """The second truck was read as the first one, half a minute later: it counts as weighed again, and people look."""
    first, second = honest_trip("T1", net_kg=12_000), honest_trip("T2", net_kg=8_000)
    misread = replace(ticket_of(second), plate="晋ET1", ts=ticket_of(second).ts + 30_000)
    found = lived(first, untold(second), [misread])
    assert (found["MT11"].state, found["MT11"].net_kg) == ("discrepancy", 8_000)
    assert (found["MT21"].state, found["MT21"].net_kg) == ("arrived", None)


def with_bridge_at_source() -> City:
    bridge = Device("W2", DeviceRole.WEIGHBRIDGE, site_id="source", report_interval_s=300)
    return town(devices={**town().devices, "W2": bridge})


@pytest.mark.parametrize(
    ("before_s", "manifest", "counts"),
    [(15, None, True), (590, None, True), (700, None, False), (5_000, "MT11", True), (15, "OTHER", False)],
)
def test_a_load_that_was_weighed_at_its_source_before_its_manifest_exists(
    before_s: float, manifest: str | None, counts: bool
) -> None:
    trip = honest_trip(at_s=6_000)
    ticket = weighed_at_tip("T1", 6_020 - before_s, 11_900, ticket_number="S1", manifest=manifest)
    stood = Trip("T1", 0, 0, every_s=60).stand(5_940).readings
    [found] = lived(stood, trip, [replace(ticket, device_id="W2")], city=with_bridge_at_source()).values()
    assert (found.state, found.source_net_kg) == ("closed", 11_900 if counts else None)


def test_a_load_that_was_weighed_where_it_arrived_before_its_manifest_exists() -> None:
    """It counts where its ticket names the manifest; else it may be of the load before, and a person confirms it."""
    trip = honest_trip()
    driven = [one for one in untold(trip) if not getattr(one, "deed", None)]
    issued_s = (ticket_of(trip).ts - T0) / 1000 + 20
    late = [action("issue", issued_s, 1, terms=terms()), action("confirm_source", issued_s + 5, 2)]
    named = replace(ticket_of(trip), manifest="M1")
    [manifest] = lived(driven, [named], late).values()
    assert (path_of(manifest), manifest.net_kg) == (DONE, LOAD_KG)
    [manifest] = lived(driven, [ticket_of(trip)], late).values()
    assert (manifest.state, manifest.net_kg) == ("source_confirmed", None)
