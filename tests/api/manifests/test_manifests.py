"""Manifests over HTTP: what people do with them, what is refused and why, and who sees which."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import pytest
from httpx import AsyncClient

from api.ports import ApiOptions, ApiParts
from devices.db.database import open_database
from devices.people.model import Role
from rules.manifests import tables
from rules.manifests.store import ManifestStore
from tests.api.access.divided import LIMITS, OTHER, OWN, divided_city
from tests.api.conftest import client_of
from tests.api.fakes import NOW
from tests.api.persons import add_person, signed_in

TOKEN: Final = {"Authorization": "Bearer write-token-for-tests"}
PATH: Final = "/api/v1/manifests"


def fields(side: str = "own", **changed: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "vehicle_id": f"v-{side}",
        "source_id": f"works-{side}",
        "destination_id": "landfill",
        "stream": "spoil",
        "quantity": {"tonnes": 14.5, "estimated": True},
        "depart_at": NOW,
        "arrive_by": NOW + 3_600_000,
        "driver": "Wang Jun",
    }
    return found | changed


@pytest.fixture
async def desk(parts: ApiParts, tmp_path: Path) -> AsyncIterator[AsyncClient]:
    """A city of two sides; persons who see one of them, and an operator and a viewer who see all."""
    engine = open_database(f"sqlite:///{tmp_path / 'manifests.db'}")
    tables.metadata.create_all(engine)
    city = divided_city()
    store = ManifestStore(engine, lambda: city, lambda terms, device_id: terms.arrive_by)
    for name, visibility in LIMITS.items():
        add_person(parts, name, Role.OFFICER, visibility)
    add_person(parts, "gate", Role.OPERATOR)
    add_person(parts, "looker", Role.VIEWER)
    options = ApiOptions(version="1", token="write-token-for-tests")
    async with client_of(replace(parts, city=lambda: city, manifests=store), options) as client:
        yield client
    engine.dispose()


async def issued(desk: AsyncClient, side: str = "own", **changed: Any) -> dict[str, Any]:
    answer = await desk.post(PATH, json={"manifest": fields(side, **changed), "actor": "li"}, headers=TOKEN)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()["manifest"]
    assert answer.headers["Location"] == f"{PATH}/{found['number']}"
    return found


async def test_a_manifest_is_issued_confirmed_and_read_with_its_transitions(desk: AsyncClient) -> None:
    manifest = await issued(desk)
    assert (manifest["state"], manifest["document"]["haulier"], manifest["document"]["permits"]) == (
        "draft",
        "Danhe",
        ["p-own"],
    )
    path = f"{PATH}/{manifest['number']}"
    body = {"net_kg": 14_480, "version": 1, "actor": "source"}
    assert (await desk.post(f"{path}/confirm-source", json=body, headers=TOKEN)).status_code == 200
    detail = (await desk.get(path, headers=TOKEN)).json()
    assert [(one["after"], one["actor"]) for one in detail["transitions"]] == [
        ("draft", "li"),
        ("source_confirmed", "source"),
    ]
    assert (detail["manifest"]["sent_kg"], detail["manifest"]["version"], detail["manifest"]["pending"]) == (
        14_480,
        2,
        2,
    )


async def test_what_the_state_or_the_version_forbids_is_a_conflict_that_says_why(desk: AsyncClient) -> None:
    path = f"{PATH}/{(await issued(desk))['number']}"
    early = await desk.post(f"{path}/reject", json={"reason": "x", "version": 1, "actor": "li"}, headers=TOKEN)
    assert (early.status_code, early.json()["type"]) == (409, "urn:haulwatch:problem:manifest-state")
    assert "it is draft: confirm its source" in early.json()["detail"]
    stale = await desk.post(f"{path}/void", json={"reason": "x", "version": 3, "actor": "li"}, headers=TOKEN)
    assert (stale.status_code, stale.json()["type"]) == (409, "urn:haulwatch:problem:outdated")
    voided = await desk.post(f"{path}/void", json={"reason": "double", "version": 1, "actor": "li"}, headers=TOKEN)
    assert voided.json()["manifest"]["state"] == "void"
    assert (
        await desk.post(f"{PATH}/M9/void", json={"reason": "x", "version": 1, "actor": "li"}, headers=TOKEN)
    ).status_code == 404


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"vehicle_id": "v-nobody"}, "body.vehicle_id"),
        ({"destination_id": "works-own"}, "body.destination_id"),
        ({"arrive_by": NOW}, "body.arrive_by"),
        ({"quantity": {}}, "body.quantity"),
        ({"quantity": {"tonnes": -1}}, "body.manifest.quantity.tonnes"),
        ({"permits": ["p-OTHER"]}, "body.permits"),
        ({"source_address": "Gate\u200b3"}, "body.manifest.source_address"),
        ({"source_address": "Gate\x003"}, "body.manifest.source_address"),
    ],
)
async def test_a_fault_is_named_by_its_field(desk: AsyncClient, changed: dict[str, Any], field: str) -> None:
    answer = await desk.post(PATH, json={"manifest": fields(**changed), "actor": "li"}, headers=TOKEN)
    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]


async def test_a_gate_scans_the_code_and_sees_the_manifest_if_it_may(desk: AsyncClient) -> None:
    manifest = await issued(desk)
    link = await desk.get(f"/m/{manifest['code']}")
    assert link.status_code == 303
    target = link.headers["Location"]
    assert manifest["number"] not in target
    gate = await signed_in(desk, "gate")
    assert (await desk.get(target, headers=gate)).json()["manifest"]["number"] == manifest["number"]
    assert (await desk.get(target.replace(manifest["code"], "A" * 16), headers=gate)).status_code == 404
    svg = await desk.get(f"{PATH}/{manifest['number']}/qr", headers=gate)
    assert ElementTree.fromstring(svg.content).tag.endswith("svg")
    png = await desk.get(f"{PATH}/{manifest['number']}/qr?format=png", headers=gate)
    assert png.content.startswith(b"\x89PNG")


@pytest.mark.parametrize("name", LIMITS)
async def test_who_sees_a_part_of_the_city_sees_the_manifests_of_its_trucks(desk: AsyncClient, name: str) -> None:
    own, other = await issued(desk), await issued(desk, "OTHER")
    headers = await signed_in(desk, name)
    listed = (await desk.get(PATH, headers=headers)).json()["items"]
    assert [one["device_id"] for one in listed] == [OWN]
    assert (await desk.get(f"{PATH}?device={OTHER}", headers=headers)).json()["items"] == []
    for path in (f"{PATH}/{other['number']}", f"{PATH}/{other['number']}/qr", f"{PATH}/code/{other['code']}"):
        hidden = await desk.get(path, headers=headers)
        assert hidden.status_code == 404
        assert "OTHER" not in hidden.text.replace(other["number"], "")
    body = {"reason": "x", "version": 1}
    assert (await desk.post(f"{PATH}/{other['number']}/void", json=body, headers=headers)).status_code == 404
    assert (await desk.post(f"{PATH}/{own['number']}/void", json=body, headers=headers)).status_code == 200
    foreign = await desk.post(PATH, json={"manifest": fields("OTHER")}, headers=headers)
    assert [fault["field"] for fault in foreign.json()["errors"]] == ["body.vehicle_id"]


async def test_pages_and_filters(desk: AsyncClient) -> None:
    numbers = [(await issued(desk, side))["number"] for side in ("own", "OTHER", "own")]
    page = (await desk.get(f"{PATH}?limit=2", headers=TOKEN)).json()
    rest = (await desk.get(f"{PATH}?limit=2&cursor={page['next_cursor']}", headers=TOKEN)).json()
    assert [one["number"] for one in (*page["items"], *rest["items"])] == numbers[::-1]
    assert rest["next_cursor"] is None
    of_source = (await desk.get(f"{PATH}?source=works-OTHER", headers=TOKEN)).json()["items"]
    assert [one["number"] for one in of_source] == [numbers[1]]
    assert (await desk.get(f"{PATH}?cursor=x", headers=TOKEN)).status_code == 422
