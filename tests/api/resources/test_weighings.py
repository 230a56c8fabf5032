"""Weighings: of a truck by its plate, of a site, of a bridge; the newest first, and which of them count."""

from dataclasses import replace
from typing import Any

import pytest
from httpx import AsyncClient

from api.ports import ApiOptions, ApiParts
from devices.city.model import Device, DeviceRole
from devices.city.sites import Validity
from devices.people.model import Role
from tests.api.access.divided import BRIDGE, OF_HAULIER, divided_city
from tests.api.conftest import client_of
from tests.api.fakes import NOW, T0, FakeHistory
from tests.api.persons import add_person, signed_in

WEST = Device("bridge-west", DeviceRole.WEIGHBRIDGE, site_id="works-1")
EAST = Device("bridge-east", DeviceRole.WEIGHBRIDGE, site_id="spoil-1")
WHEN = {"start": T0, "end": NOW}


@pytest.fixture
def bridges(parts: ApiParts, history: FakeHistory) -> ApiParts:
    """Truck 1 is weighed loaded at both ends; the second ticket comes twice. An unknown truck and truck 2 as well."""
    counted: dict[str, Any] = {"counted": 1, "counted_kg": 15_000.0, "ticket_state": "counted"}
    repeated: dict[str, Any] = {"counted": 0, "counted_kg": 0.0, "ticket_state": "repeated"}
    whole: dict[str, Any] = {"direction": "in", "gross_kg": 27_500.0, "tare_kg": 12_500.0}
    history.add("weighing", WEST.id, 100, plate="晋E10001", ticket="W1", material="spoil", **whole, **counted)
    history.add("weighing", EAST.id, 1_900, plate="晋e·10001", ticket="E1", net_kg=14_990.0, **whole, **counted)
    history.add("weighing", EAST.id, 1_960, plate="晋E10001", ticket="E1", manual_entry=True, **whole, **repeated)
    history.add("weighing", EAST.id, 2_000, plate="豫A99999", ticket="E2", direction="in", gross_kg=9_000.0)
    history.add("weighing", EAST.id, 2_100, plate="晋E10002", ticket="E3", **whole, **counted)
    return replace(parts, weighbridges=lambda: [WEST, EAST])


async def tickets(client: AsyncClient, **asked: Any) -> list[str]:
    answer = await client.get("/api/v1/weighings", params=WHEN | asked)
    assert answer.status_code == 200, answer.text
    return [one["ticket"] for one in answer.json()["items"]]


async def test_the_weighings_of_a_truck_are_found_on_every_bridge_however_its_plate_is_written(
    bridges: ApiParts,
) -> None:
    async with client_of(bridges, ApiOptions(version="1")) as client:
        assert await tickets(client, vehicle_id="v-1") == ["E1", "E1", "W1"]
        assert await tickets(client, vehicle_id="v-3") == []
        assert await tickets(client) == ["E3", "E2", "E1", "E1", "W1"]
        assert await tickets(client, site_id="works-1") == ["W1"]
        assert await tickets(client, weighbridge="bridge-east", start=T0 + 2_000_000) == ["E3", "E2"]
        assert await tickets(client, end=T0 + 1_900_000) == ["W1"]
        newest = (await client.get("/api/v1/weighings", params=WHEN | {"limit": 2})).json()
        assert ([one["ticket"] for one in newest["items"]], newest["more"]) == (["E3", "E2"], True)


async def test_a_truck_that_got_another_plate_keeps_its_earlier_weighings(bridges: ApiParts) -> None:
    """Also by its newest version's plate, and with two versions of one plate."""
    city = bridges.city()
    first = replace(city.vehicles["v-1"], validity=Validity(None, T0 + 50_000))
    second = replace(first, version=2, validity=Validity(T0 + 50_000, T0 + 1_970_000))
    third = replace(first, plate="晋E77777", version=3, validity=Validity(T0 + 1_970_000))
    versions = replace(city, vehicles={**city.vehicles, "v-1": third}, past_vehicles=(first, second))
    async with client_of(replace(bridges, city=lambda: versions), ApiOptions(version="1")) as client:
        assert await tickets(client, vehicle_id="v-1") == ["E1", "E1", "W1"]
        items = (await client.get("/api/v1/weighings", params=WHEN)).json()["items"]
        assert {one["vehicle_id"] for one in items if one["ticket"] == "W1"} == {"v-1"}


async def test_a_plate_that_moved_shows_the_weighings_of_each_time_to_who_had_it(parts: ApiParts) -> None:
    """The truck of another haulier got the plate: what it weighs is no business of who had the plate before."""
    city, moved = divided_city(), T0 + 500_000
    own, other = city.vehicles["v-own"], city.vehicles["v-OTHER"]
    earlier, later = Validity(None, moved), Validity(moved)
    swapped = replace(
        city,
        devices={**city.devices, BRIDGE.id: BRIDGE},
        vehicles={
            "v-own": replace(own, plate="晋E99999", version=2, validity=later),
            "v-OTHER": replace(other, plate=own.plate, version=2, validity=later),
        },
        past_vehicles=(replace(own, validity=earlier), replace(other, validity=earlier)),
    )
    history = FakeHistory()
    for seconds, ticket in ((100, "own"), (900, "OTHER")):
        history.add("weighing", BRIDGE.id, seconds, plate=own.plate, ticket=ticket, direction="in", gross_kg=20_000.0)
    add_person(parts, "li", Role.OFFICER, OF_HAULIER)
    of_both = replace(parts, city=lambda: swapped, history=history, weighbridges=lambda: [BRIDGE])
    async with client_of(of_both, ApiOptions(version="1")) as client:
        answer = await client.get("/api/v1/weighings", params=WHEN, headers=await signed_in(client, "li"))
        assert [(one["ticket"], one["vehicle_id"]) for one in answer.json()["items"]] == [("own", "v-own")]
    async with client_of(of_both, ApiOptions(version="1")) as client:
        add_person(parts, "wang", Role.OPERATOR)
        everybody = await client.get("/api/v1/weighings", params=WHEN, headers=await signed_in(client, "wang"))
        named = {one["ticket"]: one["vehicle_id"] for one in everybody.json()["items"]}
        assert named == {"own": "v-own", "OTHER": "v-OTHER"}


async def test_each_says_what_was_weighed_and_whether_it_counts(bridges: ApiParts) -> None:
    async with client_of(bridges, ApiOptions(version="1")) as client:
        third, second, first = (await client.get("/api/v1/weighings", params=WHEN | {"vehicle_id": "v-1"})).json()[
            "items"
        ]
        unknown = (await client.get("/api/v1/weighings", params=WHEN)).json()["items"][1]
    assert first == {
        "ts": T0 + 100_000, "weighbridge": "bridge-west", "site_id": "works-1", "plate": "晋E10001",
        "vehicle_id": "v-1", "ticket": "W1", "direction": "in", "gross_kg": 27_500.0, "tare_kg": 12_500.0,
        "net_kg": 15_000.0, "material": "spoil", "manifest": None, "manual_entry": False, "counted": True,
        "state": "counted",
    }  # fmt: skip
    assert (second["net_kg"], second["plate"], second["counted"]) == (14_990.0, "晋e·10001", True)
    assert (third["manual_entry"], third["counted"], third["state"]) == (True, False, "repeated")
    assert (unknown["vehicle_id"], unknown["net_kg"], unknown["state"], unknown["counted"]) == (None, None, None, False)


@pytest.mark.parametrize(
    ("asked", "status", "field"),
    [
        ({"vehicle_id": "v-99"}, 404, None),
        ({"start": NOW, "end": T0}, 422, "query.start"),
        ({"start": T0 - 8 * 86_400_000}, 422, "query.start"),
        ({"limit": 501}, 422, "query.limit"),
    ],
)
async def test_what_cannot_be_asked_is_refused(
    bridges: ApiParts, asked: dict[str, Any], status: int, field: str | None
) -> None:
    async with client_of(bridges, ApiOptions(version="1")) as client:
        answer = await client.get("/api/v1/weighings", params=WHEN | asked)
    assert answer.status_code == status
    assert field is None or answer.json()["errors"][0]["field"] == field


async def test_a_time_with_too_many_weighings_is_to_be_narrowed(
    bridges: ApiParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.resources.weighings.MAX_ROWS", 4)
    async with client_of(bridges, ApiOptions(version="1")) as client:
        answer = await client.get("/api/v1/weighings", params=WHEN)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "query.start")
        assert await tickets(client, site_id="works-1") == ["W1"]
