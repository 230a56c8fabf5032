"""What-ifs: started by an administrator, one at a time, looked at, cancelled. The judging itself: tests/haulwatch."""

from typing import Any

import pytest
from httpx import AsyncClient

from devices.people.audit import AuditFilter
from devices.readings.instants import DAY_MS
from tests.api.fakes import NOW, T0, FakeWhatIfs

TOKEN = {"Authorization": "Bearer write-token-for-tests"}
BODY: dict[str, Any] = {"content": "speeding: {limit_kmh: 90}\n", "start": T0, "end": NOW}
PATH = "/api/v1/what-if"


async def test_one_runs_at_a_time_and_is_cancelled(client: AsyncClient, what_ifs: FakeWhatIfs) -> None:
    assert (await client.get(PATH)).status_code == 401
    assert (await client.get(PATH, headers=TOKEN)).json() == {"job": None}
    started = await client.post(PATH, json=BODY, headers=TOKEN)
    assert started.status_code == 202
    job = started.json()["job"]
    assert (job["state"], job["started_by"], job["start"], job["end"]) == ("running", "api-token", T0, NOW)
    assert [asked.content for asked in what_ifs.asked] == [BODY["content"]]
    second = await client.post(PATH, json=BODY, headers=TOKEN)
    assert (second.status_code, second.json()["type"]) == (409, "urn:haulwatch:problem:job-runs")
    assert (await client.request("DELETE", PATH, headers=TOKEN)).json()["job"]["state"] == "cancelled"
    assert (await client.get(PATH, headers=TOKEN)).json()["job"]["state"] == "cancelled"
    assert (await client.post(PATH, json=BODY, headers=TOKEN)).json()["job"]["no"] == 2


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"end": T0}, "body.start"),
        ({"start": NOW - 32 * DAY_MS}, "body.start"),
        ({"content": "speding: {}\n"}, "body.content"),
        ({"start": "yesterday"}, "body.start"),
        ({"rules": []}, "body.rules"),
    ],
)
async def test_what_cannot_be_judged_is_not_started(
    client: AsyncClient, what_ifs: FakeWhatIfs, changed: dict[str, Any], field: str
) -> None:
    answer = await client.post(PATH, json=BODY | changed, headers=TOKEN)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert what_ifs.asked == []


async def test_the_trail_has_the_time_that_was_judged(client: AsyncClient, people: Any) -> None:
    await client.post(PATH, json=BODY, headers=TOKEN)
    [entry] = people.audit.entries(AuditFilter(), limit=9)
    assert (entry.action, entry.target) == ("POST /api/v1/what-if", f"start={T0} end={NOW}")
