"""Photos of a report for the people of the city: whoever sees the report sees them, and nobody else."""

from dataclasses import replace

from api.access.narrowed_attachments import NarrowedAttachments
from api.ports import ApiOptions, ApiParts
from devices.people.model import Role, Visibility
from tests.api.conftest import client_of
from tests.api.persons import add_person, signed_in
from tests.api.public_reports.conftest import ON
from tests.rules.attachments.pictures import photo

TOKEN = {"Authorization": "Bearer write-token-for-tests"}
CALL = {"category": "dumping", "text": "Two trucks", "lat": 35.45, "lon": 112.85, "district": "zezhou"}
OPTIONS = ApiOptions(version="1", token="write-token-for-tests", reports=ON)


async def test_files_are_seen_by_the_people_of_the_district_of_the_report(timed: ApiParts) -> None:
    add_person(timed, "of-zezhou", Role.OFFICER, Visibility(districts=frozenset({"zezhou"})))
    add_person(timed, "of-gaoping", Role.OFFICER, Visibility(districts=frozenset({"gaoping"})))
    add_person(timed, "of-north", Role.OFFICER, Visibility(hauliers=frozenset({"north"})))
    async with client_of(timed, OPTIONS) as client:
        made = await client.post("/api/v1/reports", json={**CALL, "actor": "li"}, headers=TOKEN)
        path = f"/api/v1/reports/{made.json()['report']['number']}/attachments"
        for name, sees in (("of-zezhou", True), ("of-gaoping", False), ("of-north", False)):
            headers = await signed_in(client, name)
            sent = await client.post(f"{path}?name=a.jpg", content=photo(), headers=headers)
            listed = await client.get(path, headers=headers)
            assert (sent.status_code, listed.status_code) == ((201, 200) if sees else (404, 404)), name
            one = sent.json()["id"] if sees else "0" * 16
            small = await client.get(f"{path}/{one}/thumbnail", headers=headers)
            removed = await client.post(f"{path}/{one}/remove", json={"reason": "another heap"}, headers=headers)
            assert (small.status_code, removed.status_code) == ((200, 200) if sees else (404, 404)), name


async def test_a_report_that_was_moved_away_meanwhile_is_not_there(timed: ApiParts) -> None:
    """Its route still found it."""
    parts = replace(timed, attachments=NarrowedAttachments(timed.attachments, {}))
    async with client_of(parts, OPTIONS) as client:
        made = await client.post("/api/v1/reports", json={**CALL, "actor": "li"}, headers=TOKEN)
        path = f"/api/v1/reports/{made.json()['report']['number']}/attachments"
        listed = await client.get(path, headers=TOKEN)
        sent = await client.post(f"{path}?name=a.jpg&actor=li", content=photo(), headers=TOKEN)
        assert (listed.status_code, sent.status_code) == (404, 404)
        assert "Report 'R-" in sent.json()["detail"]
