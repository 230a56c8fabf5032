"""Unregistered devices: listed, and adopted by an administrator."""

from typing import Any

import pytest
from httpx import AsyncClient

from devices.access.new_device import UnfitDevice
from devices.city.model import Device, DeviceRole
from devices.people.audit import AuditFilter
from tests.api.fakes import FakeAdoption

WRITE = {"Authorization": "Bearer write-token-for-tests"}
TRUCK: dict[str, Any] = {"role": "truck", "vehicle_id": "v-1", "fleet": "north"}


async def test_an_unregistered_device_is_listed_until_it_is_adopted(
    client: AsyncClient, adoption: FakeAdoption
) -> None:
    adoption.add("truck-9", 420, lat=35.5, lon=112.8)
    adoption.add("truck-1")  # registered since: the list is made anew every few seconds
    found = (await client.get("/api/v1/unregistered-devices")).json()
    assert found["total"] == 1
    assert [(one["device"], one["waiting"], one["lat"]) for one in found["items"]] == [("truck-9", 420, 35.5)]
    path = "/api/v1/unregistered-devices/truck-9/adopt"
    assert (await client.post(path, json=TRUCK)).status_code == 401
    answer = await client.post(path, json=TRUCK | {"name": "九号", "report_interval_s": 10}, headers=WRITE)
    assert (answer.status_code, answer.json()) == (
        200, {"device": "truck-9", "registered": True, "redriven": 420},
    )  # fmt: skip
    assert adoption.adopted == [Device("truck-9", DeviceRole.TRUCK, "九号", "v-1", fleet="north", report_interval_s=10)]
    assert (await client.get("/api/v1/unregistered-devices")).json() == {"items": [], "total": 0}


async def test_it_is_adopted_with_the_dialect_in_which_it_was_heard(
    client: AsyncClient, adoption: FakeAdoption
) -> None:
    adoption.add("bin-7", dialect="meter")
    adoption.add("bin-8", dialect="meter")
    [found, _] = (await client.get("/api/v1/unregistered-devices")).json()["items"]
    assert found["dialect"] == "meter"
    body = {"role": "recycling_point", "site_id": "s-1", "profile": "plain", "depth_mm": 1_600}
    for device_id, more in (("bin-7", {}), ("bin-8", {"dialect": "native", "profile": None, "depth_mm": None})):
        path = f"/api/v1/unregistered-devices/{device_id}/adopt"
        assert (await client.post(path, json=body | more, headers=WRITE)).status_code == 200
    adopted = [(device.id, device.dialect, device.profile, device.depth_mm) for device in adoption.adopted]
    assert adopted == [("bin-7", "meter", "plain", 1_600.0), ("bin-8", "native", "", None)]


@pytest.mark.parametrize(
    ("device_id", "body", "status", "field"),
    [
        ("truck-8", TRUCK, 404, None),
        ("truck-9", {"role": "truck"}, 422, "body.vehicle_id"),
        ("truck-9", {"role": "weighbridge", "vehicle_id": "v-1"}, 422, "body.site_id"),
        ("truck-9", {"role": "plough"}, 422, "body.role"),
        ("truck-9", TRUCK | {"fleet": "a/b"}, 422, "body.fleet"),
        ("truck-9", TRUCK | {"report_interval_s": 0}, 422, "body.report_interval_s"),
        ("truck-9", TRUCK | {"depth_mm": 0}, 422, "body.depth_mm"),
        ("truck-9", TRUCK | {"colour": "red"}, 422, "body.colour"),
    ],
)
async def test_a_device_that_is_not_well_described_is_not_adopted(
    client: AsyncClient, adoption: FakeAdoption, device_id: str, body: dict[str, Any], status: int, field: str | None
) -> None:
    adoption.add("truck-9")
    answer = await client.post(f"/api/v1/unregistered-devices/{device_id}/adopt", json=body, headers=WRITE)
    assert answer.status_code == status
    assert field is None or answer.json()["errors"][0]["field"] == field
    assert adoption.adopted == []


async def test_what_the_city_says_against_it_names_the_field(client: AsyncClient, adoption: FakeAdoption) -> None:
    adoption.add("truck-9")
    adoption.refuses = UnfitDevice("vehicle 'v-7' is not registered: did you mean 'v-1'?", "vehicle_id")
    answer = await client.post("/api/v1/unregistered-devices/truck-9/adopt", json=TRUCK, headers=WRITE)
    fault = {"field": "body.vehicle_id", "hint": "vehicle 'v-7' is not registered: did you mean 'v-1'?"}
    assert (answer.status_code, answer.json()["errors"]) == (422, [fault])


async def test_the_trail_says_what_was_redriven_and_adopted(
    client: AsyncClient, adoption: FakeAdoption, people: Any
) -> None:
    adoption.add("truck-9")
    await client.post("/api/v1/unregistered-devices/truck-9/adopt", json=TRUCK, headers=WRITE)
    chosen = {"device": "truck-9", "reason": "unknown_device"}
    await client.post("/api/v1/deadletters/redrive", json=chosen, headers=WRITE)
    entries = people.audit.entries(AuditFilter(), limit=9)
    assert [(entry.action, entry.target, entry.status) for entry in entries] == [
        ("POST /api/v1/deadletters/redrive", "device=truck-9 unknown_device", 202),
        ("POST /api/v1/unregistered-devices/{device_id}/adopt", "truck-9", 200),
    ]
