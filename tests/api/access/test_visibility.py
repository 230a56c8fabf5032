"""What a person of one district or haulier sees: nothing of the others', by no endpoint.

Everything of the others has OTHER in its name, so that a look at the bytes of an answer finds it.
"""

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any, Final

import pytest
from fastapi import Request
from httpx import AsyncClient

from api.ports import ApiParts
from api.resources.geojson import map_layer
from devices.people.model import Role, Visibility
from rules.alerts.actions import Acknowledge
from rules.alerts.journal import AlertJournal
from tests import ROOT
from tests.api.access.divided import (
    LIMITS,
    OTHER,
    OWN,
    alert_of,
    session_of,
)
from tests.api.access.test_roles import TABLE
from tests.api.fakes import NOW, T0, change
from tests.api.persons import signed_in
from tests.api.resources.test_alert_stream import numbers, served


def filled(path: str, truck: str, number: int) -> str:
    """The path with the parameters of one truck."""
    in_path = {
        "{device_id}": truck,
        "{vehicle_id}": truck.replace("truck", "v"),
        "{kind}": "position",
        "{entry_kind}": "vehicles",
        "{entry_id}": truck.replace("truck", "v"),
        "{alert_id}": alert_of(truck).alert_id,
        "{command_id}": f"{number:016x}",
        "{letter_id}": str(number + 1),
        "{session_id}": session_of(number),
        "{version}": "1",
        "{number}": str(number + 1),
        "{case_number}": f"2026-{number + 1:06}",
        "{manifest_number}": f"M{number + 1}",
    }
    for name, value in in_path.items():
        path = path.replace(name, value)
    return path


GETS: Final = [line.split()[1] for line in TABLE if line.startswith(("GET /api", "GET /geo"))]
TIMED: Final = ("track", "tracks", "{kind}", "weighings")
WITHOUT_TRUCKS: Final = {
    "/api/v1/rule-sets/{version}",
    "/api/v1/rule-sets/{version}/differences",
    "/api/v1/alerts/stream",
    "/api/v1/alerts/{alert_id}/evidence-pack",
    "/api/v1/manifests/{manifest_number}/qr",
    "/api/v1/manifests/code/{code}",
    "/api/v1/deposit-sums",
    "/api/v1/stocks",
    *(line.split()[1] for line in TABLE if line.startswith("GET /api/v1/deposit-accounts")),
    *(line.split()[1] for line in TABLE if line.startswith("GET /api/v1/base-map") or "{attachment_id}" in line),
    *(line.split()[1] for line in TABLE if line.startswith("GET /api/v1/report") and "{" in line),
}
"""Rule sets, the base map and QR codes have no object of a truck; stream, pack and files have tests of their own below,
reports, which go by district, in `tests/api/public_reports`, deposits and stocks, which go by point and site, in
`tests/api/resources`, and pictures and codes of manifests in `tests/api/manifests`."""


@pytest.mark.parametrize("name", LIMITS)
async def test_no_answer_has_anything_of_the_others(client: AsyncClient, name: str) -> None:
    headers = await signed_in(client, name)
    for path in GETS:
        if path in WITHOUT_TRUCKS or TABLE[f"GET {path}"] == "administrator":
            continue
        query = f"?start={T0}&end={NOW}" if path.endswith(TIMED) else ""
        for number, truck in enumerate((OWN, OTHER)):
            answer = await client.get(filled(path, truck, number) + query, headers=headers)
            text = answer.text.replace(answer.json().get("instance", "-"), "") if answer.is_error else answer.text
            if "{" in path:
                assert answer.status_code == (200 if truck == OWN else 404), f"{path} {truck}: {answer.text}"
                text = text.replace(f"'{truck}'", "").replace(f"'{truck.replace('truck', 'v')}'", "")
            assert "OTHER" not in text, f"{path}: {text}"
            assert alert_of(OTHER).alert_id not in text.replace(f"'{alert_of(OTHER).alert_id}'", ""), path


async def test_the_look_finds_the_others_where_they_may_be_seen(client: AsyncClient) -> None:
    """The oracle of the test above: without limits each of these answers names the other truck."""
    headers = await signed_in(client, "all")
    for path in GETS:
        if path in WITHOUT_TRUCKS | {
            "/api/v1/cases/indicators",
            "/api/v1/alerts/rate",
            "/api/v1/rules",
            "/api/v1/rule-sets",
            "/api/v1/ledger",
        }:
            continue
        if path in {"/api/v1/city", "/api/v1/people", "/api/v1/session"} or "sign-on" in path:
            continue
        if TABLE[f"GET {path}"] == "administrator":
            continue
        query = f"?start={T0}&end={NOW}" if path.endswith(TIMED) else ""
        text = (await client.get(filled(path, OTHER, 1) + query, headers=headers)).text
        of_one_device = path.endswith(("/latest", "/readings/{kind}"))
        if path.endswith(("/emptyings", "{session_id}/trucks")):
            continue  # a truck has none, and stood at no weighbridge
        assert "OTHER" in text or (of_one_device and '"speed_kmh":30.0' in text), f"{path}: {text}"


@pytest.mark.parametrize("name", LIMITS)
async def test_lists_have_all_that_is_ones_own(client: AsyncClient, name: str) -> None:
    headers = await signed_in(client, name)

    async def got(path: str) -> Any:
        answer = await client.get(f"/api/v1/{path}", headers=headers)
        assert answer.status_code == 200
        return answer.json()

    assert [one["id"] for one in (await got("devices"))["items"]] == [OWN]
    assert [one["subject"] for one in (await got("alerts"))["items"]] == [OWN]
    assert [one["device"] for one in (await got("deadletters"))["items"]] == [OWN]
    assert [one["subject"] for one in await got("shelves")] == [OWN]
    assert [one["id"] for one in (await got("trucks"))["features"]] == [OWN]
    assert {one["id"] for one in (await got("sites"))["features"]} == {"works-own", "landfill"}
    assert [one["id"] for one in (await got("routes"))["features"]] == ["r-own@1"]
    assert [one["device"] for one in (await got("ledger/devices"))["items"]] == [OWN]
    assert (await got("ledger"))["total"]["received"] == 5
    assert await got("unregistered-devices") == {"items": [], "total": 0}, "they belong to no district and no haulier"
    assert (await got("city"))["devices"] == 1
    assert [one["ticket"] for one in (await got(f"weighings?start={T0}&end={NOW}"))["items"]] == [OWN]
    sites = (await got("suspected-sites"))["features"]
    assert [one["properties"]["trucks"] for one in sites] == [[OWN], [OWN]]
    assert sorted(len(one["properties"]["alerts"]) for one in sites) == [0, 1]


@pytest.mark.parametrize("name", [*LIMITS, "all"])
async def test_figures_that_count_the_others_are_not_shown(client: AsyncClient, name: str) -> None:
    """The backlog, the alarm rate, and the visits to a place where the others were as well."""
    headers = await signed_in(client, name)
    is_whole = name == "all"
    ledger = (await client.get("/api/v1/ledger", headers=headers)).json()
    waiting = {"recorder": 12, "judge": 3} if is_whole else {}
    assert ledger["backlog"] == waiting
    assert ledger["lag_s"].keys() == waiting.keys()
    rate = await client.get("/api/v1/alerts/rate", headers=headers)
    assert rate.status_code == (503 if is_whole else 403), "the rate of the whole city; no judge runs here"
    sites = (await client.get("/api/v1/suspected-sites", headers=headers)).json()["features"]
    names = ("first_seen", "last_seen", "visits", "days", "hours")
    figures = [[one["properties"][name] for name in names] for one in sites]
    every = [[T0, T0 + at, 4, 3, [4, *[0] * 23]] for at in range(3)]
    assert sorted(figures, key=str) == sorted(every if is_whole else [every[0], [None] * 5], key=str)


@pytest.mark.parametrize("name", LIMITS)
async def test_a_decision_about_a_shared_place_shows_no_figures_either(client: AsyncClient, name: str) -> None:
    headers = await signed_in(client, name)
    sites = (await client.get("/api/v1/suspected-sites", headers=headers)).json()["features"]
    [shared] = [one for one in sites if one["properties"]["visits"] is None]
    body = {"state": "accepted", "reason": "spoil"}
    answer = await client.post(f"/api/v1/suspected-sites/{shared['id']}", json=body, headers=headers)
    assert answer.status_code == 200
    assert [answer.json()["properties"][name] for name in ("visits", "days", "hours")] == [None] * 3


@pytest.mark.parametrize("name", LIMITS)
async def test_nothing_of_the_others_can_be_changed(
    client: AsyncClient, divided: ApiParts, journal: AlertJournal, name: str
) -> None:
    headers = await signed_in(client, name)
    alert_id = alert_of(OTHER).alert_id
    [others_site] = [site.id for site in divided.suspected_sites.proposals() if site.trucks == (OTHER,)]
    refused = [
        (f"alerts/{alert_id}/acknowledge", {}, 404),
        (f"alerts/{alert_id}/assign", {"assignee": "x"}, 404),
        (f"alerts/{alert_id}/comment", {"note": "x"}, 404),
        (f"alerts/{alert_id}/close", {"outcome": "no_action"}, 404),
        ("deadletters/2/redrive", {}, 404),
        ("deadletters/3/redrive", {}, 404),
        ("unregistered-devices/unknown-OTHER/adopt", {"role": "truck", "vehicle_id": "v-own"}, 403),
        ("shelves/2/end", {}, 404),
        ("shelves", {"subject": OTHER, "until": NOW + 60_000, "reason": "x"}, 422),
        ("shelves", {"rule": "speeding", "until": NOW + 60_000, "reason": "x"}, 422),
        (f"suspected-sites/{others_site}", {"state": "accepted", "reason": "x"}, 404),
        *(
            (f"unmatched-weighings/{session_of(n)}", {"vehicle_id": "v-own", "revision": 1, "reason": "x"}, 404)
            for n in (1, 2)
        ),
    ]
    for path, body, status in refused:
        answer = await client.post(f"/api/v1/{path}", json=body, headers=headers)
        assert answer.status_code == status, f"{path}: {answer.text}"
    many = await client.post("/api/v1/deadletters/redrive", json={"device": OTHER}, headers=headers)
    assert (many.status_code, many.json()["redriven"]) == (202, 0)
    detail = journal.alert(alert_id)
    assert detail is not None
    assert [action.actor for action in detail.actions] == ["li"], "who took it up"
    assert [shelf.ended_at for shelf in divided.shelves.newest(9)] == [None, None]


@pytest.mark.parametrize("name", LIMITS)
async def test_what_is_ones_own_can_be_changed(client: AsyncClient, divided: ApiParts, name: str) -> None:
    headers = await signed_in(client, name)
    alert_id = alert_of(OWN).alert_id
    [own_site] = [site.id for site in divided.suspected_sites.proposals() if site.trucks == (OWN,)]
    for path, body in (
        (f"alerts/{alert_id}/acknowledge", {}),
        (f"alerts/{alert_id}/close", {"outcome": "no_action"}),
        ("deadletters/1/redrive", {}),
        ("shelves/1/end", {}),
        ("shelves", {"subject": OWN, "rule": "speeding", "until": NOW + 60_000, "reason": "x"}),
        (f"suspected-sites/{own_site}", {"state": "accepted", "reason": "x"}),
    ):
        answer = await client.post(f"/api/v1/{path}", json=body, headers=headers)
        assert answer.status_code < 300, f"{path}: {answer.text}"


async def test_figures_of_the_whole_city_are_for_those_who_see_it(client: AsyncClient) -> None:
    assert (await client.get("/metrics", headers=await signed_in(client, "all"))).status_code == 200
    answer = await client.get("/metrics", headers=await signed_in(client, "district"))
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:haulwatch:problem:forbidden")


async def test_pages_of_alerts_lose_and_repeat_nothing(client: AsyncClient, journal: AlertJournal) -> None:
    journal.record([change(second, subject=truck) for second in range(1, 30) for truck in (OTHER, OWN)], NOW)
    headers = await signed_in(client, "district")
    found, cursor = [], None
    while True:
        params = {"limit": 7} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/api/v1/alerts", params=params, headers=headers)).json()
        found += [(one["subject"], one["opened_at"]) for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == [(OWN, T0 + 1_000 * second) for second in range(29, -1, -1)]


@pytest.mark.parametrize("name", LIMITS)
async def test_the_live_stream_has_nothing_of_the_others(divided: ApiParts, journal: AlertJournal, name: str) -> None:
    async with served(divided) as api:
        async with AsyncClient(base_url=f"http://127.0.0.1:{api.port}") as browser:
            headers = await signed_in(browser, name)
        async with api.listen("?after=0", Cookie=headers["Cookie"]) as (answer, heard):
            assert answer.status_code == 200
            assert await numbers(heard, 1) == [1]
            journal.record([change(5, subject=OTHER), change(6, subject=OWN)], recorded_at=NOW)
            for truck in (OTHER, OWN):
                journal.act(alert_of(truck).alert_id, Acknowledge(actor="li", at=NOW))
            async for event in heard:
                if event.get("event") == "change":
                    assert json.loads(event["data"])["change"]["subject"] == OWN
                if event.get("event") == "action":
                    assert json.loads(event["data"])["subject"] == OWN
                    break


async def test_a_stream_ends_once_its_person_may_sign_in_no_more(
    divided: ApiParts, journal: AlertJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.resources.alert_stream.LOOK_AGAIN_S", 0.0)
    async with served(divided) as api:
        async with AsyncClient(base_url=f"http://127.0.0.1:{api.port}") as browser:
            headers = await signed_in(browser, "district")
        async with api.listen("?after=0", Cookie=headers["Cookie"]) as (_, heard):
            assert await numbers(heard, 1) == [1]
            await asyncio.to_thread(divided.people.accounts.set_enabled, "district", False)  # type: ignore[attr-defined]
            journal.record([change(5, subject=OWN)], recorded_at=NOW)
            assert [event async for event in heard if event.get("event") == "change"] == []


async def test_one_account_leaves_streams_for_others(divided: ApiParts) -> None:
    async with served(divided, max_streams=8) as api, AsyncExitStack() as open_streams:
        async with AsyncClient(base_url=f"http://127.0.0.1:{api.port}") as browser:
            greedy, other = [(await signed_in(browser, name))["Cookie"] for name in ("district", "haulier")]
        found = []
        for cookie in (greedy, greedy, greedy, other, other, other):
            answer, _ = await open_streams.enter_async_context(api.listen(Cookie=cookie))
            found.append(answer.status_code)
        assert found == [200, 200, 503, 200, 200, 503]


async def test_a_limit_that_changes_holds_at_once(client: AsyncClient, divided: ApiParts) -> None:
    headers = await signed_in(client, "district")
    accounts: Any = divided.people.accounts
    accounts.set_role("district", Role.VIEWER, Visibility(districts=frozenset({"d-OTHER"})))
    found = (await client.get("/api/v1/devices", headers=headers)).json()["items"]
    assert [one["id"] for one in found] == ["point-OTHER", OTHER]


def test_no_route_of_a_resource_takes_the_whole() -> None:
    """`WholeParts` has what others have: only signing in, the trail and the probes may take it."""
    modules = [*(ROOT / "api" / "resources").rglob("*.py"), *(ROOT / "api" / "cases").rglob("*.py")]
    assert [path.name for path in modules if "WholeParts" in path.read_text()] == []


def test_a_browser_keeps_no_layer_for_the_next_person() -> None:
    request = Request({"type": "http", "headers": []})
    assert map_layer(request, [], fresh_s=60).headers["vary"] == "Authorization, Cookie"
