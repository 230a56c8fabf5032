"""Every endpoint by role, on the real app. The table is written by hand: a new route needs a line here."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import pytest
from fastapi.routing import APIRoute
from httpx import AsyncClient

from api.app import create_app
from api.ports import ApiOptions, ApiParts
from devices.people.model import Role
from tests.api.conftest import client_of
from tests.api.persons import add_person, signed_in

ALL: Final = None
"""Whoever calls, also nobody."""
TABLE: Final[dict[str, str | None]] = {
    "GET /": ALL,
    "GET /docs": ALL,
    "GET /console/assets/{name}": ALL,
    "GET /openapi.json": ALL,
    "GET /healthz": ALL,
    "GET /readyz": ALL,
    "GET /metrics": "viewer",
    "GET /geo/sites.geojson": "viewer",
    "GET /geo/corridors.geojson": "viewer",
    "GET /geo/zones.geojson": "viewer",
    "POST /api/v1/session": ALL,
    "GET /api/v1/session": "viewer",
    "DELETE /api/v1/session": ALL,
    "PUT /api/v1/session/password": "viewer",
    "GET /api/v1/sign-on": ALL,
    "GET /api/v1/sign-on/begin": ALL,
    "GET /api/v1/sign-on/callback": ALL,
    "GET /api/v1/people": "operator",
    "GET /api/v1/audit": "administrator",
    "GET /api/v1/city": "viewer",
    "GET /api/v1/registry/changes": "administrator",
    "GET /api/v1/registry": "viewer",
    "GET /api/v1/registry/{entry_kind}/{entry_id}": "viewer",
    "PUT /api/v1/registry/{entry_kind}/{entry_id}": "administrator",
    "POST /api/v1/registry/{entry_kind}/{entry_id}/end": "administrator",
    "GET /api/v1/sites": "viewer",
    "GET /api/v1/routes": "viewer",
    "GET /api/v1/zones": "viewer",
    "GET /api/v1/corridors": "viewer",
    "GET /api/v1/base-map": "viewer",
    "GET /api/v1/base-map/tiles/{layer}/{z}/{x}/{y}": "viewer",
    "GET /api/v1/base-map/archive": "viewer",
    "GET /api/v1/trucks": "viewer",
    "GET /api/v1/positions": "viewer",
    "GET /api/v1/bins": "viewer",
    "GET /api/v1/tracks": "viewer",
    "GET /api/v1/vehicles/{vehicle_id}/track": "viewer",
    "GET /api/v1/devices": "viewer",
    "GET /api/v1/last-seen": "viewer",
    "GET /api/v1/devices/{device_id}": "viewer",
    "GET /api/v1/devices/{device_id}/latest": "viewer",
    "GET /api/v1/devices/{device_id}/readings/{kind}": "viewer",
    "GET /api/v1/devices/{device_id}/track": "viewer",
    "GET /api/v1/devices/{device_id}/emptyings": "viewer",
    "GET /api/v1/weighings": "viewer",
    "GET /api/v1/devices/{device_id}/commands": "viewer",
    "POST /api/v1/devices/{device_id}/commands": "administrator",
    "GET /api/v1/commands/{command_id}": "viewer",
    "GET /api/v1/alerts": "viewer",
    "GET /api/v1/alerts/stream": "viewer",
    "GET /api/v1/alerts/rate": "viewer",
    "GET /api/v1/alerts/{alert_id}": "viewer",
    "GET /api/v1/alerts/{alert_id}/evidence-pack": "officer",
    "GET /api/v1/alerts/{alert_id}/attachments": "viewer",
    "POST /api/v1/alerts/{alert_id}/attachments": "operator",
    "GET /api/v1/alerts/{alert_id}/attachments/{attachment_id}": "viewer",
    "GET /api/v1/alerts/{alert_id}/attachments/{attachment_id}/thumbnail": "viewer",
    "POST /api/v1/alerts/{alert_id}/attachments/{attachment_id}/remove": "officer",
    "GET /api/v1/cases/{case_number}/attachments": "viewer",
    "POST /api/v1/cases/{case_number}/attachments": "officer",
    "GET /api/v1/cases/{case_number}/attachments/{attachment_id}": "viewer",
    "GET /api/v1/cases/{case_number}/attachments/{attachment_id}/thumbnail": "viewer",
    "POST /api/v1/cases/{case_number}/attachments/{attachment_id}/remove": "officer",
    "POST /api/v1/alerts/{alert_id}/acknowledge": "operator",
    "POST /api/v1/alerts/{alert_id}/assign": "operator",
    "POST /api/v1/alerts/{alert_id}/comment": "operator",
    "POST /api/v1/alerts/{alert_id}/close": "officer",
    "POST /api/v1/alerts/{alert_id}/correct": "officer",
    "GET /api/v1/alerts/{alert_id}/notices": "operator",
    "GET /api/v1/notices": "operator",
    "GET /api/v1/notice-rules": "operator",
    "GET /api/v1/notice-channels": "operator",
    "POST /api/v1/notice-channels/{channel}/test": "administrator",
    "GET /api/v1/manifests": "viewer",
    "POST /api/v1/manifests": "operator",
    "GET /api/v1/manifests/code/{code}": "viewer",
    "GET /api/v1/manifests/{manifest_number}": "viewer",
    "GET /api/v1/manifests/{manifest_number}/qr": "viewer",
    "POST /api/v1/manifests/{manifest_number}/confirm-source": "operator",
    "POST /api/v1/manifests/{manifest_number}/confirm-disposal": "operator",
    "POST /api/v1/manifests/{manifest_number}/reject": "operator",
    "POST /api/v1/manifests/{manifest_number}/reroute": "operator",
    "POST /api/v1/manifests/{manifest_number}/settle": "officer",
    "POST /api/v1/manifests/{manifest_number}/begin-correction": "officer",
    "POST /api/v1/manifests/{manifest_number}/correct": "officer",
    "POST /api/v1/manifests/{manifest_number}/void": "officer",
    "GET /m/{code}": ALL,
    "GET /api/v1/cases": "viewer",
    "POST /api/v1/cases": "officer",
    "GET /api/v1/cases/indicators": "viewer",
    "GET /api/v1/cases/{case_number}": "viewer",
    "GET /api/v1/cases/{case_number}/near": "viewer",
    "POST /api/v1/cases/{case_number}/alerts": "officer",
    "POST /api/v1/cases/{case_number}/alerts/{alert_id}/remove": "officer",
    "POST /api/v1/cases/{case_number}/assign": "officer",
    "POST /api/v1/cases/{case_number}/begin": "officer",
    "POST /api/v1/cases/{case_number}/comment": "officer",
    "POST /api/v1/cases/{case_number}/change": "officer",
    "POST /api/v1/cases/{case_number}/deadline": "officer",
    "POST /api/v1/cases/{case_number}/close": "officer",
    "POST /api/v1/cases/{case_number}/reopen": "officer",
    "GET /report": ALL,
    "POST /report": ALL,
    "GET /report/{site_id}": ALL,
    "POST /report/{site_id}": ALL,
    "GET /report/state": ALL,
    "POST /report/state": ALL,
    "POST /report/photo": ALL,
    "GET /api/v1/reports": "operator",
    "POST /api/v1/reports": "operator",
    "GET /api/v1/reports/{number}": "operator",
    "POST /api/v1/reports/{number}/case": "officer",
    "POST /api/v1/reports/{number}/informant/look": "administrator",
    "POST /api/v1/reports/{number}/informant/erase": "administrator",
    "GET /api/v1/report-codes/{site_id}": "viewer",
    "GET /api/v1/reports/{number}/attachments": "operator",
    "POST /api/v1/reports/{number}/attachments": "operator",
    "GET /api/v1/reports/{number}/attachments/{attachment_id}": "operator",
    "GET /api/v1/reports/{number}/attachments/{attachment_id}/thumbnail": "operator",
    "POST /api/v1/reports/{number}/attachments/{attachment_id}/remove": "officer",
    "GET /api/v1/shelves": "viewer",
    "POST /api/v1/shelves": "operator",
    "POST /api/v1/shelves/{number}/end": "operator",
    "GET /api/v1/weighing-sessions": "viewer",
    "GET /api/v1/weighing-sessions/{session_id}": "viewer",
    "GET /api/v1/weighing-sessions/{session_id}/trucks": "viewer",
    "GET /api/v1/unmatched-weighings": "viewer",
    "POST /api/v1/unmatched-weighings/{session_id}": "officer",
    "GET /api/v1/indicators": "viewer",
    "GET /api/v1/assessment": "operator",
    "GET /api/v1/stocks": "operator",
    "POST /api/v1/stocks": "operator",
    "POST /api/v1/deposits": "operator",
    "GET /api/v1/deposit-sums": "viewer",
    "GET /api/v1/deposit-accounts": "operator",
    "POST /api/v1/deposit-accounts/find": "operator",
    "GET /api/v1/deposit-accounts/{account}": "operator",
    "DELETE /api/v1/deposit-accounts/{account}": "officer",
    "GET /api/v1/deposit-accounts/{account}/bookings": "operator",
    "POST /api/v1/deposit-accounts/{account}/bookings": "operator",
    "POST /api/v1/deposit-accounts/{account}/bookings/{booking}/cancel": "operator",
    "GET /api/v1/suspected-sites": "viewer",
    "POST /api/v1/suspected-sites/{site_id}": "officer",
    "GET /api/v1/rules": "viewer",
    "GET /api/v1/rule-sets": "viewer",
    "GET /api/v1/rule-sets/{version}": "viewer",
    "GET /api/v1/rule-sets/{version}/differences": "viewer",
    "POST /api/v1/rule-sets": "administrator",
    "POST /api/v1/rule-sets/check": "administrator",
    "GET /api/v1/what-if": "administrator",
    "POST /api/v1/what-if": "administrator",
    "DELETE /api/v1/what-if": "administrator",
    "GET /api/v1/ledger": "viewer",
    "GET /api/v1/ledger/devices": "viewer",
    "GET /api/v1/deadletters": "viewer",
    "GET /api/v1/deadletters/{letter_id}": "viewer",
    "POST /api/v1/deadletters/{letter_id}/redrive": "officer",
    "POST /api/v1/deadletters/redrive": "officer",
    "GET /api/v1/unregistered-devices": "viewer",
    "POST /api/v1/unregistered-devices/{device_id}/adopt": "administrator",
}
ROLES: Final = ["viewer", "operator", "officer", "administrator"]
IN_PATH: Final = {
    "device_id": "truck-1",
    "vehicle_id": "v-1",
    "kind": "position",
    "account": "1",
    "entry_kind": "vehicles",
    "entry_id": "v-1",
    "letter_id": "7",
    "version": "1",
    "number": "1",
    "channel": "group",
    "case_number": "2026-000001",
    "layer": "0",
    "z": "9",
    "x": "416",
    "y": "201",
}
"""Other parameters are 16 hex digits."""


def routes(found: Any) -> Iterator[APIRoute]:
    for route in found:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            yield from routes(route.original_router.routes)


def path_of(line: str) -> tuple[str, str]:
    """Method and a path; GET is asked as HEAD, since the stream has no end."""
    method, path = line.split()
    for part in path.split("/"):
        if part.startswith("{"):
            path = path.replace(part, IN_PATH.get(part.strip("{}"), "9f86d081884c7d65"))
    return "HEAD" if method == "GET" else method, path


def test_every_route_of_the_app_stands_in_the_table(parts: ApiParts) -> None:
    document = create_app(parts, ApiOptions(version="1")).openapi()
    described = {f"{verb.upper()} {path}" for path, verbs in document["paths"].items() for verb in verbs}
    pages = {"GET /", "GET /docs", "GET /openapi.json", "GET /console/assets/{name}", "GET /m/{code}"}
    steps = {"GET /api/v1/sign-on/begin", "GET /api/v1/sign-on/callback"}
    form = {f"{verb} /report{end}" for verb in ("GET", "POST") for end in ("", "/state", "/{site_id}")}
    assert described | pages | steps | form | {"POST /report/photo"} == set(TABLE)
    app = create_app(parts, ApiOptions(version="1"))
    methods = sum(len(route.methods or ()) for route in routes(app.routes))
    assert methods + 1 == len(TABLE), "a route that is not described needs a line too"
    others = [
        route for route in app.routes if not isinstance(route, APIRoute) and not hasattr(route, "original_router")
    ]
    assert [getattr(route, "path", route) for route in others] == ["/openapi.json"], (
        "a mount is open to all: say so here"
    )


@pytest.fixture
async def closed(parts: ApiParts) -> AsyncIterator[AsyncClient]:
    """The API with an account of each role."""
    for role in ROLES:
        add_person(parts, f"the-{role}", Role(role))
    async with client_of(parts, ApiOptions(version="1", token="write-token-for-tests")) as client:
        yield client


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_may_do_what_the_table_says_and_no_more(closed: AsyncClient, role: str) -> None:
    headers = await signed_in(closed, f"the-{role}")
    found = {}
    for line in TABLE:
        if "/session" in line and not line.startswith("GET"):
            continue  # would end the session; tests/api/people has them
        method, path = path_of(line)
        answer = await closed.request(method, path, headers=headers, json={} if method == "POST" else None)
        assert answer.status_code != 401, line
        found[line] = answer.status_code != 403
        if answer.status_code == 403 and method == "POST":
            assert answer.json()["type"] == "urn:haulwatch:problem:forbidden"
    allowed = ROLES[: ROLES.index(role) + 1]
    assert found == {line: needed is None or needed in allowed for line, needed in TABLE.items() if line in found}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Cookie": "haulwatch_session=wrong"}])
async def test_nobody_gets_past_what_is_for_all(closed: AsyncClient, headers: dict[str, str]) -> None:
    for line, needed in TABLE.items():
        method, path = path_of(line)
        answer = await closed.request(method, path, headers=headers, json={} if method in {"POST", "PUT"} else None)
        assert (answer.status_code == 401) == (needed is not ALL), line


async def test_the_tokens_of_the_settings_do_what_they_always_did(parts: ApiParts) -> None:
    add_person(parts, "somebody", Role.VIEWER)
    options = ApiOptions(version="1", token="the-write-token", read_token="the-read-token")
    async with client_of(parts, options) as client:
        for line, needed in TABLE.items():
            if line == "PUT /api/v1/session/password":
                continue  # tokens have no password
            method, path = path_of(line)
            for token, may in (("the-write-token", True), ("the-read-token", needed in {ALL, "viewer"})):
                headers = {"Authorization": f"Bearer {token}"}
                answer = await client.request(method, path, headers=headers, json={} if method == "POST" else None)
                assert (answer.status_code not in {401, 403}) == may, f"{line} {token}"


async def test_in_a_path_no_parameter_is_left_to_the_role(closed: AsyncClient) -> None:
    """A role is looked at before anything else: an officer's path tells a viewer nothing about what exists."""
    headers = await signed_in(closed, "the-viewer")
    answer = await closed.post("/api/v1/deadletters/not-a-number/redrive", headers=headers)
    assert answer.status_code == 403
