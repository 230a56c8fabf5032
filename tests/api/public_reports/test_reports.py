"""Operators take calls, officers join what belongs together, administrators may look at who reported: all on HTTP."""

from collections.abc import AsyncIterator
from dataclasses import replace
from io import BytesIO
from typing import Any, Final
from xml.etree import ElementTree

import pytest
import segno
from httpx import AsyncClient
from PIL import Image

from api.ports import ApiOptions, ApiParts
from devices.people.audit import AuditEntry, AuditFilter
from devices.people.model import Role, Visibility
from rules.cases.store import CaseStore
from rules.public_reports.sealing import NO_KEYS
from tests.api.conftest import client_of
from tests.api.fakes import NOW, Ring
from tests.api.persons import add_person, signed_in
from tests.api.public_reports.conftest import ON, Wall, sent, slip

CALL: Final[dict[str, Any]] = {
    "category": "dumping",
    "text": "Two trucks tip spoil behind the brickworks",
    "lat": 35.45,
    "lon": 112.85,
    "plate": "晋e·1000 1",
}
NAME: Final = {"name": "王某", "contact": "138 0000 0000"}
TOKEN: Final = {"Authorization": "Bearer write-token-for-tests"}


@pytest.fixture
async def desk(timed: ApiParts) -> AsyncIterator[AsyncClient]:
    for role in Role:
        add_person(timed, f"the-{role}", role)
    add_person(timed, "of-zezhou", Role.OFFICER, Visibility(districts=frozenset({"zezhou"})))
    add_person(timed, "of-north", Role.OFFICER, Visibility(hauliers=frozenset({"north"})))
    async with client_of(timed, ApiOptions(version="1", token="write-token-for-tests", reports=ON)) as client:
        yield client


async def called(client: AsyncClient, headers: dict[str, str], **changes: Any) -> dict[str, Any]:
    answer = await client.post("/api/v1/reports", json={**CALL, **changes}, headers=headers)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def trail(parts: ApiParts) -> list[AuditEntry]:
    """Oldest first, without signing in."""
    entries = parts.people.audit.entries(AuditFilter(), limit=1_000)
    return [one for one in reversed(entries) if one.action != "POST /api/v1/session"]


async def test_an_operator_types_in_a_call_and_tells_the_caller_number_and_code(
    desk: AsyncClient, cases: CaseStore
) -> None:
    operator = await signed_in(desk, "the-operator")
    made = await called(desk, operator, site_id="spoil-1")
    report = made["report"]
    assert (report["number"], report["channel"], report["received_by"]) == ("R-000001", "hotline", "the-operator")
    assert (report["vehicle_id"], report["district"], report["progress"]) == ("v-1", "zezhou", "received")
    detail = cases.case(report["case"], NOW)
    assert detail is not None
    assert detail.case.opened_by == "the-operator"
    asked = await desk.post("/report/state?lang=en", data={"number": "R-1", "code": made["code"]})
    assert "Received" in asked.text
    assert (await desk.get("/api/v1/reports/R-000001", headers=operator)).json() == report
    listed = (await desk.get(f"/api/v1/reports?case={report['case']}", headers=operator)).json()
    assert listed == {"items": [report], "next_cursor": None}


async def test_what_a_call_lacks_is_named(desk: AsyncClient) -> None:
    operator = await signed_in(desk, "the-operator")
    for changes, field in (
        ({"lat": None, "lon": None}, "body.address"),
        ({"lat": None}, "body.lat"),
        ({"lat": 39.9, "lon": 116.4}, "body.lat"),
        ({"site_id": "nowhere"}, "body.site_id"),
        ({"district": "nowhere"}, "body.district"),
        ({"text": ""}, "body.text"),
        ({"seen_at": NOW + 3_600_000}, "body.seen_at"),
        ({"category": "murder"}, "body.category"),
        ({"informant": {"name": "王\u200b某"}}, "body.informant"),
    ):
        answer = await desk.post("/api/v1/reports", json={**CALL, **changes}, headers=operator)
        assert answer.status_code == 422, changes
        assert answer.json()["errors"][0]["field"] == field
        assert "王" not in answer.text
    assert (await desk.get("/api/v1/reports", headers=operator)).json()["items"] == []


async def test_a_token_of_the_settings_names_the_person_it_acts_for(desk: AsyncClient) -> None:
    assert (await desk.post("/api/v1/reports", json=CALL, headers=TOKEN)).status_code == 422
    assert (await called(desk, TOKEN, actor="li.wei"))["report"]["received_by"] == "li.wei"


async def test_a_name_is_read_by_an_administrator_who_says_why_and_each_look_is_an_entry(
    desk: AsyncClient, timed: ApiParts, wall: Wall
) -> None:
    operator, administrator = await signed_in(desk, "the-operator"), await signed_in(desk, "the-administrator")
    made = await called(desk, operator, informant=NAME)
    assert made["report"]["has_informant"]
    look = "/api/v1/reports/R-000001/informant/look"
    why = {"reason": "asks for the second plate"}
    for name in ("the-viewer", "the-operator", "the-officer"):
        refused = await desk.post(look, json=why, headers=await signed_in(desk, name))
        assert refused.status_code == 403
        assert "王某" not in refused.text
    assert (await desk.post(look, json=why)).status_code == 401
    assert (await desk.post(look, json=why, headers=TOKEN)).status_code == 403  # it does not say who looks
    assert (await desk.post(look, json={}, headers=administrator)).status_code == 422
    assert (await desk.post(look, json={"reason": " x "}, headers=administrator)).status_code == 422
    for _ in range(2):
        wall.now += 1_000
        answer = await desk.post(look, json=why, headers=administrator)
        assert answer.status_code == 200
        assert answer.json() == NAME
    looks = [one for one in trail(timed) if one.action == "POST /api/v1/reports/{number}/informant/look"]
    seen = [(one.actor, one.target) for one in looks if one.status == 200]
    assert seen == [("the-administrator", "R-000001 asks for the second plate")] * 2
    assert {one.actor for one in looks if one.status == 403} == {
        "the-viewer",
        "the-operator",
        "the-officer",
        "api-token",
    }
    everything = str(trail(timed))
    assert "王某" not in everything
    assert "138 0000" not in everything


async def test_a_name_stands_in_no_other_answer(desk: AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    operator, administrator = await signed_in(desk, "the-operator"), await signed_in(desk, "the-administrator")
    made = await called(desk, operator, informant=NAME)
    case = made["report"]["case"]
    answers = [str(made)]
    for path in ("reports", "reports/R-000001", f"reports?case={case}", f"cases/{case}", "cases", "audit", "alerts"):
        answer = await desk.get(f"/api/v1/{path}", headers=administrator)
        assert answer.status_code == 200, path
        answers.append(answer.text)
    assert not any("王某" in answer or "138 0000" in answer for answer in [*answers, caplog.text])


async def test_an_informant_may_be_erased_before_the_time_and_the_report_stays(
    desk: AsyncClient, timed: ApiParts
) -> None:
    administrator = await signed_in(desk, "the-administrator")
    await called(desk, administrator, informant=NAME)
    erase = "/api/v1/reports/R-000001/informant/erase"
    why = {"reason": "asked for it by telephone"}
    assert (await desk.post(erase, json=why, headers=await signed_in(desk, "the-officer"))).status_code == 403
    assert (await desk.post(erase, json=why, headers=administrator)).status_code == 204
    assert (await desk.post(erase, json=why, headers=administrator)).status_code == 404
    look = await desk.post("/api/v1/reports/R-000001/informant/look", json=why, headers=administrator)
    assert look.status_code == 404
    assert not (await desk.get("/api/v1/reports/R-000001", headers=administrator)).json()["has_informant"]
    assert "R-000001 asked for it by telephone" in {one.target for one in trail(timed)}


async def test_without_a_key_a_call_is_taken_without_a_name_only(desk: AsyncClient, ring: Ring) -> None:
    operator, administrator = await signed_in(desk, "the-operator"), await signed_in(desk, "the-administrator")
    await called(desk, operator, informant=NAME)
    ring.keys = NO_KEYS
    refused = await desk.post("/api/v1/reports", json={**CALL, "informant": NAME}, headers=operator)
    assert refused.status_code == 409
    assert refused.json()["type"] == "urn:haulwatch:problem:no-informant-key"
    assert "王某" not in refused.text
    await called(desk, operator)
    lost = await desk.post(
        "/api/v1/reports/R-000001/informant/look", json={"reason": "ask again"}, headers=administrator
    )
    assert lost.status_code == 409


async def test_reports_are_for_the_people_of_their_district_and_for_no_haulier(desk: AsyncClient, wall: Wall) -> None:
    operator = await signed_in(desk, "the-operator")
    slip(await sent(desk, wall, "/report/spoil-1?lang=en"))
    slip(await sent(desk, wall))
    made = await called(desk, operator, district="zezhou")
    zezhou, north = await signed_in(desk, "of-zezhou"), await signed_in(desk, "of-north")

    async def seen(headers: dict[str, str]) -> list[str]:
        return [one["number"] for one in (await desk.get("/api/v1/reports", headers=headers)).json()["items"]]

    own = await called(desk, zezhou)
    assert own["report"]["district"] == "zezhou", "the only one that the caller may see"
    assert await seen(zezhou) == ["R-000004", "R-000003", "R-000001"]
    assert await seen(operator) == ["R-000004", "R-000003", "R-000002", "R-000001"]
    assert await seen(north) == []
    for headers, number in ((zezhou, "R-000002"), (north, "R-000001"), (zezhou, "R-000099")):
        hidden = await desk.get(f"/api/v1/reports/{number}", headers=headers)
        assert hidden.status_code == 404
        body = {"case": made["report"]["case"], "reason": "the same heap"}
        assert (await desk.post(f"/api/v1/reports/{number}/case", json=body, headers=headers)).status_code == 404


async def test_an_officer_joins_a_second_report_to_the_case_of_the_first(desk: AsyncClient, timed: ApiParts) -> None:
    operator, officer = await signed_in(desk, "the-operator"), await signed_in(desk, "the-officer")
    first, second = (await called(desk, operator))["report"], (await called(desk, operator))["report"]
    join = f"/api/v1/reports/{second['number']}/case"
    body = {"case": first["case"], "reason": "the same heap"}
    assert (await desk.post(join, json=body, headers=operator)).status_code == 403
    for reason in ("same\u200bheap", "\x00", "  ", "x" * 2_001):
        refused = await desk.post(join, json={**body, "reason": reason}, headers=officer)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "body.reason")
    joined = await desk.post(join, json=body, headers=officer)
    assert joined.status_code == 200
    assert joined.json()["case"] == first["case"]
    left = (await desk.get(f"/api/v1/cases/{second['case']}", headers=officer)).json()
    assert left["case"]["outcome"] == "duplicate"
    for wrong in (first["case"], "2026-009999"):
        again = await desk.post(join, json={**body, "case": wrong}, headers=officer)
        assert again.status_code == 422
        assert again.json()["errors"][0]["field"] == "body.case"
    [entry] = [one for one in trail(timed) if one.action.endswith("/case") and one.status == 200]
    assert entry.target == f"R-000002 case {first['case']}"


async def test_pages_of_reports_lose_and_repeat_none(desk: AsyncClient) -> None:
    operator = await signed_in(desk, "the-operator")
    for _ in range(5):
        await called(desk, operator)
    found, cursor = [], None
    while True:
        query = {"limit": 2} | ({} if cursor is None else {"cursor": cursor})
        page = (await desk.get("/api/v1/reports", params=query, headers=operator)).json()
        found += [one["number"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == [f"R-{no:06}" for no in (5, 4, 3, 2, 1)]
    assert (await desk.get("/api/v1/reports?cursor=x", headers=operator)).status_code == 422


async def test_the_code_of_a_site_holds_the_public_address_and_the_site(desk: AsyncClient, timed: ApiParts) -> None:
    viewer = await signed_in(desk, "the-viewer")
    png = await desk.get("/api/v1/report-codes/spoil-1?format=png", headers=viewer)
    assert png.headers["content-type"] == "image/png"
    picture = Image.open(BytesIO(png.content)).convert("1")
    wanted = segno.make_qr("https://report.example.cn/report/spoil-1", error="q", boost_error=False)
    modules = [list(row) for row in wanted.matrix_iter(border=4)]
    size = picture.width // len(modules)
    read = [
        [int(picture.getpixel((x * size + size // 2, y * size + size // 2)) == 0) for x in range(len(modules))]
        for y in range(len(modules))
    ]
    assert read == modules
    svg = await desk.get("/api/v1/report-codes/spoil-1", headers=viewer)
    assert ElementTree.fromstring(svg.text).tag.endswith("svg")
    unknown = await desk.get("/api/v1/report-codes/nowhere", headers=viewer)
    assert unknown.status_code == 404
    bare = ApiOptions(version="1", reports=replace(ON, public_url=None))
    async with client_of(timed, bare) as client:
        answer = await client.get("/api/v1/report-codes/spoil-1", headers=await signed_in(client, "the-viewer"))
        assert answer.status_code == 409
        assert "HAULWATCH_REPORT_PUBLIC_URL" in answer.text
