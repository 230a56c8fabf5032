"""Single entries of the registry: versions, conditions, faults by field, and who changed what."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Final

import pytest
from httpx import AsyncClient, Response

from api.ports import ApiOptions, ApiParts
from devices.city.haulage import Driver, Haulier, Permit, Vehicle
from devices.city.model import Profile
from devices.city.sites import Validity
from devices.db.registry import Registry
from devices.people.model import Role
from devices.readings.instants import HOUR_MS
from tests.api.access.divided import OF_HAULIER, divided_city
from tests.api.conftest import client_of
from tests.api.fakes import NOW
from tests.api.persons import add_person, signed_in
from tests.devices.codecs.meter import METER, MeterCodec, add_codec

BASE: Final = "/api/v1/registry"
TOKEN: Final = {"Authorization": "Bearer write-token-for-tests"}
BY: Final = {"actor": "li", "reason": "new body"}
LORRY: Final = {"plate": "晋E10001", "tare_kg": 12_000}
LATER: Final = NOW + HOUR_MS


async def put(client: AsyncClient, path: str, entry: Any, tag: str | None = None, **more: Any) -> Response:
    condition = {"If-None-Match": "*"} if tag is None else {"If-Match": tag}
    return await client.put(f"{BASE}/{path}", json={"entry": entry, **BY, **more}, headers=TOKEN | condition)


async def tag_of(client: AsyncClient, path: str) -> str:
    answer = await client.get(f"{BASE}/{path}")
    assert answer.status_code == 200, answer.text
    return answer.headers["ETag"]


async def test_a_change_is_a_new_version_from_its_beginning_on(client: AsyncClient, registry: Registry) -> None:
    before = await tag_of(client, "vehicles/v-1")
    answer = await put(client, "vehicles/v-1", LORRY, before, **{"from": LATER})
    assert answer.status_code == 200, answer.text
    assert [(one.get("version", 1), one["tare_kg"]) for one in answer.json()["versions"]] == [(1, 12_500), (2, 12_000)]
    assert answer.headers["ETag"] == await tag_of(client, "vehicles/v-1") != before
    city = registry.load_city()
    weighed = [city.vehicle_at("v-1", LATER - step) for step in (1, 0)]
    assert [vehicle.tare_kg if vehicle else None for vehicle in weighed] == [12_500, 12_000]
    assert city.revision == 2


async def test_the_state_that_was_seen_is_named_and_must_hold(client: AsyncClient, registry: Registry) -> None:
    seen = await tag_of(client, "vehicles/v-1")
    path = f"{BASE}/vehicles/v-1"
    without = await client.put(path, json={"entry": LORRY, **BY}, headers=TOKEN)
    assert (without.status_code, without.json()["type"]) == (428, "urn:haulwatch:problem:condition-needed")
    assert (await put(client, "vehicles/v-1", LORRY, seen)).status_code == 200
    lost = await put(client, "vehicles/v-1", LORRY | {"tare_kg": 11_000}, seen)
    assert (lost.status_code, lost.json()["type"]) == (412, "urn:haulwatch:problem:changed-meanwhile")
    assert (await put(client, "vehicles/v-1", LORRY)).status_code == 412, "it is there already"
    assert (await put(client, "vehicles/nobody", LORRY, seen)).status_code == 404
    assert registry.revision() == 2


async def test_of_two_changes_at_once_one_is_made(client: AsyncClient, registry: Registry) -> None:
    seen = await tag_of(client, "vehicles/v-1")
    answers = await asyncio.gather(
        *(put(client, "vehicles/v-1", LORRY | {"tare_kg": 11_000 + n}, seen) for n in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
    assert registry.revision() == 2


async def test_an_entry_is_added_and_another_refers_to_it(client: AsyncClient, registry: Registry) -> None:
    haulier = {"name": "Clean", "name_zh": "洁运", "fleet": "north"}
    added = await put(client, "hauliers/clean", haulier)
    assert added.status_code == 200, added.text
    assert added.json()["versions"] == [{"id": "clean", "valid_from": "2026-03-01T17:00:00+08:00", **haulier}]
    again = await put(client, "hauliers/clean", haulier)
    assert again.status_code == 412
    assert (await put(client, "drivers/d1", {"name": "Zhao", "haulier": "clean"})).status_code == 200
    assert (await put(client, "drivers/d2", {"name": "Zhao", "haulier": "claen"})).status_code == 422
    [known] = registry.load_city().hauliers
    assert (known.id, known.fleet, known.validity.start_ms) == ("clean", "north", NOW)


async def test_each_fault_is_named_by_its_field(client: AsyncClient, registry: Registry) -> None:
    wrong = {
        "vehicle": "v-9",
        "routes": ["r-1", "r-9"],
        "areas": ["old-town"],
        "hours": ["25:00-26:00"],
        "colour": "red",
    }
    answer = await put(client, "permits/p-2", wrong)
    assert answer.status_code == 422
    assert {fault["field"] for fault in answer.json()["errors"]} == {
        "body.entry.vehicle", "body.entry.routes", "body.entry.areas", "body.entry.hours.0", "body.entry.colour",
    }  # fmt: skip
    point = {"name": "New", "kind": "disposal_site", "geometry": {"type": "Point", "coordinates": [112.85, 35.45]}}
    shape = await put(client, "sites/new", point)
    assert {fault["field"] for fault in shape.json()["errors"]} == {"body.entry.haulwatch:datum", "body.entry.radius_m"}
    versioned = await put(client, "permits/p-2", {"version": 3, "vehicle": "v-1", "routes": []})
    assert versioned.json()["errors"][0]["field"] == "body.entry.version"
    assert registry.revision() == 1


async def test_a_fence_is_drawn_again_and_the_earlier_one_stays(client: AsyncClient, registry: Registry) -> None:
    drawn = {
        "name": "Spoil ground", "name_zh": "弃土场", "kind": "disposal_site", "district": "zezhou", "datum": "wgs84",
        "radius_m": 300, "geometry": {"type": "Point", "coordinates": [112.95, 35.45]},
    }  # fmt: skip
    answer = await put(client, "sites/spoil-1", drawn, await tag_of(client, "sites/spoil-1"))
    assert answer.status_code == 200, answer.text
    city = registry.load_city()
    at = city.plane.xy(city.centre.__class__(lat=35.45, lon=112.95))
    found = [[near.site.version for near in city.geometry.sites_near(at, 0.0, ts)] for ts in (NOW - 1, NOW)]
    assert found == [[], [2]]
    assert [site.version for site in city.past_sites if site.id == "spoil-1"] == [1]


async def test_an_entry_is_ended_and_never_deleted(client: AsyncClient, registry: Registry) -> None:
    path, tag = f"{BASE}/permits/p-1", await tag_of(client, "permits/p-1")
    assert (await client.delete(path, headers=TOKEN)).status_code == 405
    bare = await client.post(f"{path}/end", json=BY, headers=TOKEN)
    assert bare.status_code == 428
    ended = await client.post(f"{path}/end", json={"at": LATER, **BY}, headers=TOKEN | {"If-Match": tag})
    assert ended.status_code == 200, ended.text
    city = registry.load_city()
    assert [len(city.permits_of("v-1", LATER - step)) for step in (1, 0)] == [1, 0]
    twice = await client.post(
        f"{path}/end", json={"at": LATER + 1, **BY}, headers=TOKEN | {"If-Match": ended.headers["ETag"]}
    )
    assert (twice.status_code, twice.json()["errors"][0]["field"]) == (422, "body.at")
    back = await put(
        client, "permits/p-1", {"vehicle": "v-1", "routes": ["r-1"]}, ended.headers["ETag"], **{"from": LATER + 9}
    )
    assert [one.get("version", 1) for one in back.json()["versions"]] == [1, 2]


async def test_an_end_in_the_past_is_meant_or_refused(client: AsyncClient, registry: Registry) -> None:
    path, tag = f"{BASE}/permits/p-1", await tag_of(client, "permits/p-1")
    at = {"at": NOW - HOUR_MS, **BY}
    refused = await client.post(f"{path}/end", json=at, headers=TOKEN | {"If-Match": tag})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "body.at")
    assert "changes_past" in refused.json()["errors"][0]["hint"]
    assert registry.load_city().permits_of("v-1", NOW)
    meant = await client.post(f"{path}/end", json=at | {"changes_past": True}, headers=TOKEN | {"If-Match": tag})
    assert meant.status_code == 200, meant.text
    assert not registry.load_city().permits_of("v-1", NOW - HOUR_MS)


async def test_the_kind_of_a_zone_that_a_permit_names_stays(client: AsyncClient) -> None:
    shape = {"type": "Point", "coordinates": [112.85, 35.45]}
    zone = {"name": "North", "kind": "permitted_area", "datum": "wgs84", "radius_m": 500, "geometry": shape}
    assert (await put(client, "zones/heights", zone)).status_code == 200
    permit = {"vehicle": "v-1", "routes": ["r-1"], "areas": ["heights"]}
    assert (await put(client, "permits/p-1", permit, await tag_of(client, "permits/p-1"))).status_code == 200
    tag = await tag_of(client, "zones/heights")
    refused = await put(client, "zones/heights", zone | {"kind": "forbidden"}, tag)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "body.entry.kind")
    assert (await put(client, "zones/heights", zone | {"radius_m": 400}, tag)).status_code == 200


async def test_conditions_are_those_of_http(client: AsyncClient) -> None:
    """RFC 9110, 13.1.1 and 13.1.2."""
    path, body = f"{BASE}/vehicles/new", {"entry": {"plate": "N1"}, **BY}
    assert (await client.put(path, json=body, headers=TOKEN | {"If-Match": "*"})).status_code == 412
    assert (await client.put(path, json=body, headers=TOKEN | {"If-None-Match": '"x"'})).status_code == 200
    tag = await tag_of(client, "vehicles/new")
    same = await client.get(path, headers={"If-None-Match": f'"x", {tag}'})
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
    assert (await client.get(path, headers={"If-None-Match": '"x"'})).status_code == 200


async def test_of_an_entry_that_moved_each_sees_the_versions_of_his_own(parts: ApiParts, registry: Registry) -> None:
    permits = (
        Permit("p-x", "v-own", ("r-own",), validity=Validity(None, NOW)),
        Permit("p-x", "v-OTHER", ("r-OTHER",), validity=Validity(NOW), version=2),
    )
    city = divided_city()
    city = replace(city, id="small", permits=permits, zones=city.zones[1:])
    registry.import_city(city)
    add_person(parts, "li", Role.OFFICER, OF_HAULIER)
    async with client_of(replace(parts, city=lambda: city), ApiOptions(version="1")) as client:
        headers = await signed_in(client, "li")
        shown = (await client.get(f"{BASE}?kind=permits", headers=headers)).json()["items"]
    assert [[one["vehicle"] for one in entry["versions"]] for entry in shown] == [["v-own"]]


async def test_the_trail_says_who_changed_what_when_and_why(client: AsyncClient) -> None:
    await put(client, "vehicles/v-1", LORRY, await tag_of(client, "vehicles/v-1"))
    changes = (await client.get(f"{BASE}/changes?kind=vehicles&entry_id=v-1", headers=TOKEN)).json()["items"]
    assert [(one["actor"], one["reason"], one["at"], one["revision"]) for one in changes] == [
        ("li", "new body", NOW, 2)
    ] * 2
    added, ended = sorted(changes, key=lambda one: -one["version"])
    assert (added["before"], added["after"]["tare_kg"]) == (None, 12_000)
    assert ended["before"] == {"valid_until": None}
    assert (await client.get(f"{BASE}/changes?before={min(added['no'], ended['no'])}", headers=TOKEN)).json()[
        "items"
    ] == []


async def test_a_list_goes_on_after_the_last_id(client: AsyncClient) -> None:
    first = (await client.get(f"{BASE}?limit=2")).json()
    rest = (await client.get(f"{BASE}?after={first['after']}")).json()
    ids = [[one["id"] for one in page["items"]] for page in (first, rest)]
    assert ids == [["v-1", "v-2"], ["v-3"]]
    assert rest["after"] is None
    routes = (await client.get(f"{BASE}?kind=routes")).json()["items"]
    assert [[one.get("version", 1) for one in route["versions"]] for route in routes] == [[1, 2]]


async def test_a_profile_is_changed_in_its_place_for_what_comes_from_then_on(
    client: AsyncClient, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_codec(monkeypatch, MeterCodec())
    entry = {"dialect": METER, "settings": {"factor": 2}}
    added = await put(client, "profiles/maker", entry)
    assert (added.status_code, added.json()["versions"]) == (200, [{"id": "maker", **entry}]), added.text
    other = {"dialect": METER, "settings": {"factor": 3}}
    tag = await tag_of(client, "profiles/maker")
    for fault, field in (
        (await put(client, "profiles/maker", other, tag, **{"from": LATER}), "body.from"),
        (await put(client, "profiles/maker", other | {"settings": {"factor": "x"}}, tag), "body.entry.settings.factor"),
        (await put(client, "profiles/plain", other), "body.entry.id"),
        (
            await client.post(f"{BASE}/profiles/maker/end", json=BY, headers=TOKEN | {"If-Match": tag}),
            "path.entry_kind",
        ),
    ):
        assert (fault.status_code, [one["field"] for one in fault.json()["errors"]]) == (422, [field])
    changed = await put(client, "profiles/maker", other, tag)
    assert [one["settings"] for one in changed.json()["versions"]] == [{"factor": 3}]
    assert (await put(client, "profiles/maker", other, tag)).status_code == 412, "it was changed meanwhile"
    assert registry.load_city().profiles == {"maker": Profile("maker", METER, {"factor": 3})}
    trail = (await client.get(f"{BASE}/changes?kind=profiles", headers=TOKEN)).json()["items"]
    assert [(one["before"], one["after"]) for one in trail] == [
        ({"settings": {"factor": 2}}, {"settings": {"factor": 3}}), (None, {"id": "maker", **entry}),
    ]  # fmt: skip


async def test_a_profile_keeps_the_dialect_of_the_devices_that_name_it(
    client: AsyncClient, registry: Registry, parts: ApiParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    gauge = MeterCodec()
    monkeypatch.setattr(gauge, "dialect", "gauge", raising=False)
    add_codec(monkeypatch, MeterCodec())
    add_codec(monkeypatch, gauge)
    city = registry.load_city()
    profiles = {"maker": Profile("maker", METER, {})}
    truck = replace(next(iter(city.devices.values())), dialect=METER, profile="maker")
    registry.import_city(replace(city, profiles=profiles, devices={**city.devices, truck.id: truck}))
    tag = await tag_of(client, "profiles/maker")
    refused = await put(client, "profiles/maker", {"dialect": "gauge", "settings": {}}, tag)
    [fault] = refused.json()["errors"]
    assert (fault["field"], truck.id in fault["hint"]) == ("body.entry.dialect", True)


@pytest.fixture
async def desk(parts: ApiParts, registry: Registry) -> AsyncIterator[AsyncClient]:
    """Two hauliers, each with a truck and a driver."""
    city = divided_city()
    vehicles = {
        id_: Vehicle(id_, one.plate, haulier_id="h-own" if id_ == "v-own" else "h-OTHER")
        for id_, one in city.vehicles.items()
    }
    city = replace(
        city,
        id="small",
        vehicles=vehicles,
        zones=city.zones[1:],
        hauliers=(Haulier("h-OTHER", "OTHER", "他"), Haulier("h-own", "Danhe", "丹河")),
        drivers=(Driver("d-OTHER", "OTHER", "h-OTHER"), Driver("d-own", "Zhao", "h-own")),
    )
    registry.import_city(city)
    add_person(parts, "li", Role.OFFICER, OF_HAULIER)
    add_person(parts, "wang", Role.VIEWER)
    async with client_of(replace(parts, city=lambda: replace(city, drivers=())), ApiOptions(version="1")) as client:
        yield client


@pytest.mark.parametrize("kind", ["sites", "routes", "zones", "vehicles", "permits", "hauliers", "drivers"])
async def test_who_sees_one_haulier_sees_its_entries_only(desk: AsyncClient, kind: str) -> None:
    headers = await signed_in(desk, "li")
    answer = await desk.get(f"{BASE}?kind={kind}", headers=headers)
    assert answer.status_code == 200
    assert answer.json()["items"]
    assert "OTHER" not in answer.text
    hidden = {"vehicles": "v-OTHER", "drivers": "d-OTHER", "hauliers": "h-OTHER", "permits": "p-OTHER"}.get(kind)
    if hidden is not None:
        assert (await desk.get(f"{BASE}/{kind}/{hidden}", headers=headers)).status_code == 404


async def test_who_sees_a_part_changes_nothing_and_drivers_are_for_operators(
    desk: AsyncClient, registry: Registry
) -> None:
    li, wang = await signed_in(desk, "li"), await signed_in(desk, "wang")
    tag = (await desk.get(f"{BASE}/vehicles/v-own", headers=li)).headers["ETag"]
    body = {"entry": {"plate": "晋E9"}, "reason": "x"}
    refused = await desk.put(f"{BASE}/vehicles/v-own", json=body, headers=li | {"If-Match": tag})
    assert refused.status_code == 403
    assert (await desk.get(f"{BASE}/changes", headers=li)).status_code == 403
    assert (await desk.get(f"{BASE}?kind=drivers", headers=wang)).status_code == 403
    assert (await desk.get(f"{BASE}?kind=vehicles", headers=wang)).status_code == 200
    assert registry.changes(None, None, limit=9) == []
