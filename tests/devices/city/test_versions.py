"""Vehicles, routes, permits and licences in versions: which holds at which instant."""

from dataclasses import replace

import pytest
from msgspec import structs

from devices.city.columns import city_of, pack_city, rows_of, unpack_city
from devices.city.haulage import Driver, Haulier, Licence, LoadUnit, Permit, Vehicle, VehicleKind
from devices.city.hours import Hours
from devices.city.labels import labels_of
from devices.city.model import City, Device, DeviceRole
from devices.city.part import part_of
from devices.city.sites import Gate, Route, Validity
from devices.city.succession import from_instant
from devices.geo.geometry import LatLon
from devices.readings.models import Position, Weighing
from ingest.admission import by_sensors
from rules.contract.rule_choice import RulesFrom, scope_of
from rules.contract.wording import who
from rules.engine.device_state import DeviceState
from rules.engine.reorder_buffer import ReorderBuffer
from rules.engine.routing import ReadingRouter
from rules.engine.rules_in_force import RulesInForce
from tests.devices.city.test_city import CITY, ROAD

NOON = 1_790_049_600_000
"""2026-09-22T12:00:00+08:00."""
HOUR_MS = 3_600_000
EARLIER, LATER = Validity(None, NOON), Validity(NOON)
HEAVY = Vehicle("lorry", "晋E·D0001", tare_kg=13_000, validity=EARLIER)
LIGHT = replace(HEAVY, plate="晋E·D0002", tare_kg=12_000, validity=LATER, version=2)
TRUCKS = replace(
    CITY,
    vehicles={"lorry": LIGHT},
    past_vehicles=(HEAVY,),
    devices={"truck": Device("truck", DeviceRole.TRUCK, vehicle_id="lorry")},
    routes=(Route("road", 1, "Road", "路", ROAD),),
    permits=(Permit("p", "lorry", ("road",)),),
)


def test_a_vehicle_is_the_version_that_held_then() -> None:
    assert [TRUCKS.vehicle_at("lorry", ts) for ts in (0, NOON - 1, NOON)] == [HEAVY, HEAVY, LIGHT]
    assert TRUCKS.vehicle_at("nobody", NOON) is None


def test_one_version_holds_however_it_is_dated() -> None:
    """As before there were versions: whether a vehicle is registered is asked by rules, not by what it weighs."""
    only = replace(TRUCKS, vehicles={"lorry": LIGHT}, past_vehicles=())
    assert only.vehicle_at("lorry", NOON - 1) is LIGHT


def test_a_ticket_is_about_the_truck_that_had_the_plate_then() -> None:
    router = ReadingRouter(TRUCKS)

    def named(plate: str, ts: int) -> tuple[str, ...]:
        return router.also_about(
            Weighing(device_id="w", ts=ts, gross_kg=20_000.0, ticket="1", direction="in", plate=plate)
        )

    assert named("晋ED0001", NOON - 1) == named("晋E D0002", NOON) == ("truck",)
    assert named("晋ED0001", NOON) == named("晋ED0002", NOON - 1) == ()


def test_a_route_is_approved_in_its_hours() -> None:
    city = replace(TRUCKS, routes=(replace(TRUCKS.routes[0], hours=(Hours(22 * 60, 13 * 60),)),))
    found = [bool(city.routes_of("lorry", NOON + hours * HOUR_MS)) for hours in (0, 1, 9, 10)]
    assert found == [True, False, False, True]
    assert city.has_hours


def test_the_hours_of_a_permit_are_its_own_or_those_of_its_routes() -> None:
    day, night = Hours(6 * 60, 18 * 60), Hours(22 * 60, 5 * 60)
    routes = tuple(Route(name, 1, "", "", ROAD, hours=(day,)) for name in ("a", "b"))
    city = replace(TRUCKS, routes=routes, permits=(Permit("p", "lorry", ("a", "b")),))
    assert city.hours_of("lorry", NOON) == {day}
    free = replace(city, routes=(routes[0], replace(routes[1], hours=())))
    assert free.hours_of("lorry", NOON) == frozenset()
    own = replace(city, permits=(Permit("p", "lorry", ("a", "b"), hours=(night,)),))
    assert own.hours_of("lorry", NOON) == {night}


def test_a_standing_route_needs_no_permit_while_the_vehicle_is_of_its_kind() -> None:
    medical = VehicleKind.MEDICAL_WASTE
    standing = Route("clinic", 1, "", "", ROAD, standing_for=(medical,))
    city = replace(TRUCKS, routes=(standing,), permits=())
    assert city.routes_of("lorry", NOON) == []
    later = replace(city, vehicles={"lorry": replace(LIGHT, kind=medical)})
    assert [list(later.routes_of("lorry", ts)) for ts in (NOON - 1, NOON)] == [[], [standing]]
    only = replace(later, past_vehicles=())
    assert list(only.routes_of("lorry", NOON - 1)) == [standing]


def test_a_collector_collects_where_its_haulier_is_licensed_unless_its_permits_say_where() -> None:
    licences = (
        Licence("l1", "clean", ("north",), validity=EARLIER),
        Licence("l2", "clean", ("south",), validity=LATER),
    )
    vehicles = {"lorry": replace(LIGHT, haulier_id="clean")}
    city = replace(TRUCKS, licences=licences, vehicles=vehicles, past_vehicles=(replace(HEAVY, haulier_id="clean"),))
    assert city.has_areas
    assert [city.areas_of("lorry", ts) for ts in (NOON - 1, NOON)] == [{"north"}, {"south"}]
    named = replace(city, permits=(Permit("p", "lorry", area_ids=("east",)),))
    assert named.areas_of("lorry", NOON) == {"east"}
    other = replace(city, vehicles={"lorry": replace(LIGHT, haulier_id="other")})
    assert other.areas_of("lorry", NOON) == frozenset()


@pytest.mark.parametrize(
    ("vehicle", "expected"),
    [
        (LIGHT, (True, False, 16.0)),
        (replace(LIGHT, lift_inverted=True), (False, False, 16.0)),
        (replace(LIGHT, cover_inverted=True, load_unit=LoadUnit.TONNE), (True, True, 16_000.0)),
        (replace(LIGHT, load_unit=LoadUnit.TEN_KILOGRAMS), (True, False, 160.0)),
    ],
)
def test_switches_and_load_are_read_by_what_is_registered_of_the_sensors(
    vehicle: Vehicle, expected: tuple[bool, bool, float]
) -> None:
    city = replace(TRUCKS, vehicles={"lorry": vehicle})
    truck = city.devices["truck"]
    sent = Position(device_id="truck", ts=NOON, lat=35.5, lon=112.8, lift_up=True, cover_open=False, load_kg=16.0)
    taken = by_sensors(sent, truck, city)
    assert isinstance(taken, Position)
    assert (taken.lift_up, taken.cover_open, taken.load_kg) == expected
    before = Position(device_id="truck", ts=NOON - 1, lat=35.5, lon=112.8, lift_up=True, load_kg=16.0)
    assert by_sensors(before, truck, city) == before, "the earlier version has other sensors"
    nothing = Position(device_id="truck", ts=NOON, lat=35.5, lon=112.8)
    assert by_sensors(nothing, truck, city) == nothing, "what was not sent is not known"


def test_a_load_beyond_all_bounds_is_left_out() -> None:
    city = replace(TRUCKS, vehicles={"lorry": replace(LIGHT, load_unit=LoadUnit.TONNE)})
    sent = Position(device_id="truck", ts=NOON, lat=35.5, lon=112.8, load_kg=16_000.0)
    taken = by_sensors(sent, city.devices["truck"], city)
    assert isinstance(taken, Position)
    assert taken.load_kg is None


def registered() -> City:
    return replace(
        TRUCKS,
        revision=3,
        hauliers=(Haulier("clean", "Clean", "洁运", "danhe", EARLIER), Haulier("clean", "Cleaner", "洁运", version=2)),
        drivers=(Driver("d1", "Li", "clean"), Driver("d2", "Wang", "other")),
        gates=(Gate("g1", 1, "spoil", "West gate", "西门", LatLon(lat=35.5, lon=112.8)),),
        licences=(Licence("l1", "clean", ("north",), ("kitchen",), EARLIER),),
        vehicles={"lorry": replace(LIGHT, haulier_id="clean", lift_inverted=True, load_unit=LoadUnit.TONNE)},
        routes=(Route("road", 1, "", "", ROAD, hours=(Hours(0, 60),), standing_for=(VehicleKind.COMPACTOR,)),),
        permits=(
            Permit("p", "lorry", ("road",), validity=EARLIER),
            Permit("p", "lorry", ("road",), (), LATER, (), (), 2, ("spoil",), "clean", ("spoil",), 1_200.5),
        ),
    )


def test_every_version_comes_back_from_rows_and_bytes() -> None:
    city = registered()
    assert city_of(rows_of(city), 3) == city
    assert unpack_city(pack_city(city)) == replace(city, drivers=())


def test_no_record_of_the_raw_log_names_a_driver() -> None:
    with_drivers, without = registered(), replace(registered(), drivers=())
    assert pack_city(with_drivers) == pack_city(without)


def test_a_part_of_the_city_has_the_hauliers_drivers_and_licences_of_its_trucks() -> None:
    part = part_of(registered(), lambda device: True, frozenset())
    assert {haulier.id for haulier in part.hauliers} == {"clean"}
    assert [driver.id for driver in part.drivers] == ["d1"]
    assert (len(part.past_vehicles), len(part.licences), len(part.gates)) == (1, 1, 1)
    nothing = part_of(registered(), lambda device: False, frozenset())
    assert (nothing.hauliers, nothing.drivers, nothing.licences, nothing.past_vehicles) == ((), (), (), ())


def test_what_changes_from_an_instant_on_is_a_new_version() -> None:
    old = replace(TRUCKS, vehicles={"lorry": Vehicle("lorry", "晋E·D0001")}, past_vehicles=())
    wanted = replace(old, vehicles={"lorry": Vehicle("lorry", "晋E·D0001", tare_kg=12_500)})
    city = from_instant(old, wanted, NOON)
    assert [city.vehicle_at("lorry", ts) for ts in (NOON - 1, NOON)] == [
        Vehicle("lorry", "晋E·D0001", validity=EARLIER),
        Vehicle("lorry", "晋E·D0001", tare_kg=12_500, validity=LATER, version=2),
    ]
    assert from_instant(city, wanted, NOON) == city, "the same files again change nothing"
    assert from_instant(city, wanted, NOON + HOUR_MS) == city, "neither later"
    third = from_instant(city, old, NOON + HOUR_MS)
    assert [vehicle.version for vehicle in third.versions_of("lorry")] == [3, 2, 1]
    corrected = from_instant(city, old, NOON)
    assert [vehicle.version for vehicle in corrected.versions_of("lorry")] == [2, 1], "of one instant it is one version"


def test_what_holds_later_only_changes_in_place() -> None:
    later = replace(TRUCKS.routes[0], validity=Validity(NOON + HOUR_MS))
    old = replace(TRUCKS, routes=(later,))
    wanted = replace(old, routes=(replace(later, corridor_m=40.0),))
    assert from_instant(old, wanted, NOON).routes == wanted.routes


def test_a_scheduled_version_holds_from_its_beginning_and_not_before() -> None:
    """Whatever its number is: a change of the past that is noted afterwards gets the highest one."""
    past = Vehicle("lorry", "P", validity=Validity(NOON - HOUR_MS, NOON), version=3)
    first = Vehicle("lorry", "F", validity=Validity(None, NOON - HOUR_MS))
    now = Vehicle("lorry", "N", kind=VehicleKind.COMPACTOR, validity=LATER, version=2)
    city = replace(TRUCKS, vehicles={"lorry": past}, past_vehicles=(first, now))
    truck = city.devices["truck"]
    assert [vehicle.plate for vehicle in city.versions_of("lorry")] == ["N", "P", "F"]
    for ts, plate in ((NOON - 2 * HOUR_MS, "F"), (NOON - 1, "P"), (NOON, "N"), (NOON + HOUR_MS, "N")):
        vehicle = city.vehicle_of(truck, ts)
        assert vehicle is not None
        assert (vehicle.plate, who(truck, city, ts).en) == (plate, f"Truck {plate}")
        assert (labels_of(city, ts)["truck"].en, scope_of(truck, city, ts).vehicle_kind) == (plate, vehicle.kind)


def test_judge_and_admission_take_the_same_version_also_where_two_hold() -> None:
    """As a registry may hold them from before that was refused."""
    second = replace(LIGHT, validity=LATER)
    city = replace(TRUCKS, vehicles={"lorry": second}, past_vehicles=(replace(HEAVY, validity=Validity()),))
    device_state = DeviceState("truck", ReorderBuffer("truck"), [], [])
    device_state.look_up(city, lambda device, city, ts: RulesInForce(device.role, [RulesFrom(0, ())], ()), 0)
    for ts in (NOON - 1, NOON, NOON + HOUR_MS):
        assert device_state.vehicle_at(ts) is city.vehicle_at("lorry", ts)
    assert city.vehicle_at("lorry", NOON) is second


def test_a_site_is_the_version_that_holds_then() -> None:
    [old, *_] = CITY.sites.values()
    new = replace(old, name="New", version=2, validity=LATER)
    device = Device("bridge", DeviceRole.WEIGHBRIDGE, site_id=old.id)
    city = replace(CITY, sites={**CITY.sites, old.id: new}, past_sites=(replace(old, validity=EARLIER),))
    assert [site and site.name for site in (city.site_of(device, ts) for ts in (NOON - 1, NOON))] == [old.name, "New"]


def test_a_late_ticket_stays_with_the_truck_that_had_the_plate_before_another_got_it() -> None:
    holder = Vehicle("a", "晋E·NEW99", validity=LATER, version=2)
    taker = Vehicle("b", HEAVY.plate, validity=LATER)
    city = replace(
        TRUCKS,
        vehicles={"a": holder, "b": taker},
        past_vehicles=(replace(HEAVY, id="a"),),
        devices={name: Device(name, DeviceRole.TRUCK, vehicle_id=id_) for name, id_ in (("z", "a"), ("y", "b"))},
    )
    ticket = Weighing(device_id="w", ts=NOON - 1, gross_kg=20_000.0, ticket="1", direction="in", plate=HEAVY.plate)
    assert ReadingRouter(city).also_about(ticket) == ("z",)
    assert ReadingRouter(city).also_about(structs.replace(ticket, ts=NOON)) == ("y",)
