"""What is said of a report in cases is for who may read it: nobody of a haulier, and nobody below an operator."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from httpx import AsyncClient

from api.ports import ApiOptions, ApiParts
from devices.people.model import Role, Visibility
from rules.alerts.journal import AlertJournal
from rules.cases.model import CaseFilter
from rules.public_reports.store import ReportFilter
from tests.api.conftest import client_of
from tests.api.fakes import NOW, change
from tests.api.persons import add_person, signed_in
from tests.api.public_reports.conftest import ON

WHY: Final = "Mrs W. from house 12 opposite saw the same truck"
CALL: Final[dict[str, Any]] = {"category": "dumping", "text": "Two trucks", "lat": 35.45, "lon": 112.85}
ZEZHOU: Final = Visibility(districts=frozenset({"zezhou"}))
NORTH: Final = Visibility(hauliers=frozenset({"north"}))
READ_TOKEN: Final = {"Authorization": "Bearer read-token-for-tests"}


@pytest.fixture
async def desk(timed: ApiParts, journal: AlertJournal) -> AsyncIterator[AsyncClient]:
    """truck-1 is of the haulier north, bin-1 lies in the district zezhou."""
    journal.record([change(), change(60, subject="bin-1")], NOW)
    for name, role, visibility in (
        ("officer", Role.OFFICER, Visibility()),
        ("operator", Role.OPERATOR, Visibility()),
        ("viewer", Role.VIEWER, Visibility()),
        ("zezhou-officer", Role.OFFICER, ZEZHOU),
        ("zezhou-operator", Role.OPERATOR, ZEZHOU),
        ("zezhou-viewer", Role.VIEWER, ZEZHOU),
        ("north-operator", Role.OPERATOR, NORTH),
        ("north-viewer", Role.VIEWER, NORTH),
    ):
        add_person(timed, name, role, visibility)
    options = ApiOptions(version="1", token="write-token-for-tests", read_token="read-token-for-tests", reports=ON)
    async with client_of(timed, options) as client:
        yield client


async def reported(client: AsyncClient, district: str | None) -> dict[str, Any]:
    answer = await client.post(
        "/api/v1/reports", json={**CALL, "district": district}, headers=await signed_in(client, "officer")
    )
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()["report"]
    return found


async def taken_up(client: AsyncClient, alert_id: str) -> str:
    answer = await client.post("/api/v1/cases", json={"alerts": [alert_id]}, headers=await signed_in(client, "officer"))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["case"]["number"])


async def joined(client: AsyncClient, report: dict[str, Any], case: str) -> None:
    answer = await client.post(
        f"/api/v1/reports/{report['number']}/case",
        json={"case": case, "reason": WHY},
        headers=await signed_in(client, "officer"),
    )
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("name", "subject", "is_read"),
    [
        ("north-viewer", "truck-1", False),
        ("north-operator", "truck-1", False),
        ("viewer", "truck-1", False),
        ("zezhou-viewer", "bin-1", False),
        ("zezhou-operator", "bin-1", True),
        ("operator", "truck-1", True),
    ],
)
async def test_that_a_report_joined_a_case_of_alerts_is_for_who_may_read_it(
    desk: AsyncClient, name: str, subject: str, is_read: bool
) -> None:
    second = 60 if subject == "bin-1" else 0
    report = await reported(desk, "zezhou")
    alert_id = change(second, subject=subject).alert_id
    case = await taken_up(desk, alert_id)
    await joined(desk, report, case)
    headers = await signed_in(desk, name)
    shown = await desk.get(f"/api/v1/cases/{case}", headers=headers)
    assert shown.status_code == 200, shown.text
    alert = await desk.get(f"/api/v1/alerts/{alert_id}", headers=headers)
    kinds = [event["kind"] for event in shown.json()["events"]]
    assert kinds == ["opened", "alert_added", *(["report_joined"] if is_read else [])]
    for secret in (report["number"], WHY):
        assert (secret in shown.text) is is_read
        assert secret not in alert.text


@pytest.mark.parametrize(
    ("name", "district", "is_seen"),
    [
        (None, "zezhou", False),
        ("viewer", "zezhou", False),
        ("zezhou-viewer", "zezhou", False),
        ("north-viewer", "zezhou", False),
        ("north-operator", "zezhou", False),
        ("zezhou-operator", "zezhou", True),
        ("zezhou-operator", None, False),
        ("zezhou-officer", None, False),
        ("operator", None, True),
    ],
)
async def test_the_case_of_a_report_is_seen_by_who_may_read_the_report_whatever_alerts_it_holds(
    desk: AsyncClient, name: str | None, district: str | None, is_seen: bool
) -> None:
    report = await reported(desk, district)
    case = report["case"]
    headers = READ_TOKEN if name is None else await signed_in(desk, name)

    async def check() -> None:
        shown = await desk.get(f"/api/v1/cases/{case}", headers=headers)
        assert shown.status_code == (200 if is_seen else 404), shown.text
        listed = await desk.get("/api/v1/cases", headers=headers)
        assert [one["number"] for one in listed.json()["items"]] == ([case] if is_seen else [])
        near = await desk.get(f"/api/v1/cases/{case}/near", headers=headers)
        photos = await desk.get(f"/api/v1/cases/{case}/attachments", headers=headers)
        assert {near.status_code, photos.status_code} == {200 if is_seen else 404}
        figures = (await desk.get("/api/v1/cases/indicators", headers=headers)).json()
        assert figures["by_kind"]["report"]["opened"] == int(is_seen)

    await check()
    added = await desk.post(
        f"/api/v1/cases/{case}/alerts",
        json={"alerts": [change(60, subject="bin-1").alert_id], "version": 1},
        headers=await signed_in(desk, "officer"),
    )
    assert added.status_code == 200, added.text
    await check()


async def test_who_sees_a_district_cannot_take_it_from_the_case_of_a_report_that_holds_alerts(
    desk: AsyncClient,
) -> None:
    case = (await reported(desk, "zezhou"))["case"]
    headers = await signed_in(desk, "zezhou-officer")
    alerts = {"alerts": [change(60, subject="bin-1").alert_id], "version": 1}
    assert (await desk.post(f"/api/v1/cases/{case}/alerts", json=alerts, headers=headers)).status_code == 200
    moved = {"version": 2, "district": None, "reason": "x"}
    answer = await desk.post(f"/api/v1/cases/{case}/change", json=moved, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.district")
    assert (await desk.get(f"/api/v1/cases/{case}", headers=headers)).json()["case"]["version"] == 2


@pytest.mark.parametrize(("to_district", "is_seen"), [("zezhou", True), (None, False)])
async def test_where_a_report_went_is_said_to_who_sees_that_case(
    desk: AsyncClient, to_district: str | None, is_seen: bool
) -> None:
    gone, target = await reported(desk, "zezhou"), (await reported(desk, to_district))["case"]
    await joined(desk, gone, target)
    headers = await signed_in(desk, "zezhou-officer")
    left = await desk.get(f"/api/v1/cases/{gone['case']}", headers=headers)
    assert left.json()["case"]["closing_reason"] == "并入其他案件 joined to another case"
    [went] = [event for event in left.json()["events"] if event["kind"] == "report_left"]
    everything = {"report": gone["number"], "case": target, "because": WHY}
    assert went["detail"] == (everything if is_seen else {"report": gone["number"]})
    listed = await desk.get("/api/v1/cases", headers=headers)
    for secret in (target, WHY):
        assert (secret in left.text) is is_seen
    assert (await desk.get(f"/api/v1/cases/{target}", headers=headers)).status_code == (200 if is_seen else 404)
    assert WHY not in listed.text


async def test_where_a_report_came_from_is_said_to_who_sees_that_case(desk: AsyncClient) -> None:
    came, target = await reported(desk, None), (await reported(desk, "zezhou"))["case"]
    await joined(desk, came, target)
    for name, is_seen in (("zezhou-officer", False), ("officer", True)):
        shown = await desk.get(f"/api/v1/cases/{target}", headers=await signed_in(desk, name))
        detail = shown.json()["events"][-1]["detail"]
        assert detail == {"report": came["number"], "because": WHY} | ({"case": came["case"]} if is_seen else {})
        assert (came["case"] in shown.text) is is_seen


@pytest.mark.parametrize("place", [{}, {"district": "zezhou"}, {"site_id": "spoil-1"}])
async def test_who_sees_some_hauliers_only_types_in_no_call(
    desk: AsyncClient, timed: ApiParts, place: dict[str, str]
) -> None:
    headers = await signed_in(desk, "north-operator")
    answer = await desk.post("/api/v1/reports", json=CALL | place, headers=headers)
    assert answer.status_code == 403
    assert list(timed.public_reports.reports.reports(ReportFilter(), limit=9)) == []
    assert timed.cases.cases(CaseFilter(), NOW, limit=9).items == ()
