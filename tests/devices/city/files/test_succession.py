"""Imports that begin at an instant: what becomes a new version, what is refused, and what would hold twice."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from devices.city.columns import city_of, rows_of
from devices.city.files import read_city
from devices.city.model import City, Device, DeviceRole, Permit, Vehicle
from devices.city.sites import Validity, Zone, ZoneKind
from devices.city.succession import VersionsRefused, check_clashes, clashes, from_instant
from tests.devices.city.files.test_export import INSTANTS, cities
from tests.devices.city.test_files import SMALL_CITY
from tests.devices.city.test_versions import HOUR_MS, NOON, TRUCKS
from tests.examples import examples

SMALL = read_city(SMALL_CITY)
ONE = replace(TRUCKS, vehicles={"lorry": Vehicle("lorry", "A", tare_kg=13_000)}, past_vehicles=())
EARLY = NOON - HOUR_MS


def of_lorry(city: City) -> list[tuple[int, float | None, int | None, int | None]]:
    return [(row["version"], row["tare_kg"], row["valid_from_ms"], row["valid_until_ms"]) for row in _rows(city)]


def _rows(city: City) -> list[Mapping[Any, Any]]:
    return [*rows_of(city)["vehicle"]]


def wanting(**changes: Any) -> City:
    return replace(ONE, vehicles={"lorry": replace(ONE.vehicles["lorry"], **changes)})


@settings(max_examples=examples(30, exploring=300), deadline=None)
@given(cities(), INSTANTS)
def test_the_same_city_is_no_change_at_any_instant(city: City, from_ms: int) -> None:
    assert from_instant(city, city, from_ms) == city


def test_the_small_city_is_no_change_long_before_its_next_version() -> None:
    """Its landfill ends on a day, and another version begins then."""
    instants = (1_622_476_800_000, NOON)
    assert [from_instant(SMALL, SMALL, from_ms) == SMALL for from_ms in instants] == [True, True]


def test_a_scheduled_version_is_not_what_the_files_want_now() -> None:
    scheduled = from_instant(ONE, wanting(tare_kg=12_000), NOON)
    assert from_instant(scheduled, scheduled, EARLY) == scheduled
    both = replace(scheduled, vehicles={"lorry": replace(scheduled.vehicles["lorry"], plate="B")})
    assert of_lorry(from_instant(scheduled, both, EARLY)) == [(1, 13_000, None, NOON), (2, 12_000, NOON, None)]
    assert from_instant(scheduled, both, EARLY) == both, "it is corrected in its place"


def test_what_is_over_by_then_is_not_changed_where_the_files_name_what_holds() -> None:
    stored = from_instant(ONE, wanting(tare_kg=12_000), NOON)
    wanted = city_of(rows_of(stored) | {"vehicle": [row | {"plate": "B"} for row in rows_of(stored)["vehicle"]]}, 0)
    with pytest.raises(VersionsRefused, match=r"version 1 is over by then.*version 2"):
        from_instant(stored, wanted, NOON + HOUR_MS)


@pytest.mark.parametrize("until", [NOON, EARLY])
def test_an_end_before_the_instant_is_refused(until: int) -> None:
    with pytest.raises(VersionsRefused, match="valid_until of version 1 is not after it"):
        from_instant(ONE, wanting(tare_kg=12_000, validity=Validity(None, until)), NOON)


def test_a_beginning_before_the_instant_is_refused() -> None:
    with pytest.raises(VersionsRefused, match="valid_from of version 1 is before it"):
        from_instant(ONE, wanting(validity=Validity(EARLY)), NOON)


def test_a_new_entry_begins_at_the_instant_unless_it_names_its_own_beginning() -> None:
    zone = Zone(id="z", version=1, name="Z", name_zh="Z", kind=ZoneKind.FORBIDDEN, area=SMALL.sites["spoil"].area)
    later = replace(zone, id="y", validity=Validity(NOON + HOUR_MS))
    earlier = replace(zone, id="x", validity=Validity(EARLY))
    wanted = replace(ONE, zones=(zone, later, earlier))
    city = from_instant(ONE, wanted, NOON)
    assert [one.validity for one in city.zones] == [Validity(NOON), Validity(NOON + HOUR_MS), Validity(EARLY)]
    assert from_instant(city, wanted, NOON) == city == from_instant(city, wanted, NOON + 2 * HOUR_MS)
    assert from_instant(city, wanted, EARLY) == city, "what is added already keeps its beginning"


def test_where_nothing_holds_the_past_stays_as_it_was() -> None:
    permit = Permit("p", "lorry", ("road",), validity=Validity(None, EARLY))
    stored = replace(ONE, permits=(permit,))
    renewed = replace(permit, validity=Validity(None, NOON + HOUR_MS))
    city = from_instant(stored, replace(stored, permits=(renewed,)), NOON)
    assert city.permits == (permit, replace(renewed, version=2, validity=Validity(NOON, NOON + HOUR_MS)))


def test_a_version_that_the_files_number_keeps_its_number() -> None:
    city = from_instant(ONE, replace(wanting(tare_kg=12_000, version=2)), NOON)
    assert of_lorry(city) == [(1, 13_000, None, NOON), (2, 12_000, NOON, None)]


def test_versions_that_would_hold_at_one_time_are_found_between_stored_and_wanted() -> None:
    stored = from_instant(ONE, wanting(tare_kg=12_000), NOON)
    assert clashes(stored, stored) == clashes(None, stored) == []
    for wanted in (wanting(tare_kg=11_000), wanting(version=3)):
        [found, *_] = clashes(stored, wanted)
        assert (found.table, found.entry_id) == ("vehicle", "lorry")
    with pytest.raises(VersionsRefused, match=r"'lorry' would have versions 1 and 2 at one time.*\n.*--from"):
        check_clashes(stored, wanting(tare_kg=11_000))
    ended = wanting(validity=Validity(None, EARLY))
    check_clashes(stored, ended)


def test_two_terminals_on_one_vehicle_are_found_too() -> None:
    other = replace(ONE, devices={"spare": Device("spare", DeviceRole.TRUCK, vehicle_id="lorry")})
    with pytest.raises(VersionsRefused, match="vehicle 'lorry' would have two terminals at one time, always"):
        check_clashes(ONE, other)
