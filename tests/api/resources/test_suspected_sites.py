"""`/suspected-sites`: proposals on the map, and decisions about them."""

from typing import Any

import pytest
from httpx import AsyncClient, Response

from rules.suspected_sites.store import ProposalStore
from tests.api.fakes import NOW
from tests.rules.suspected_sites.test_store import PIT, moved

TOKEN = {"Authorization": "Bearer write-token-for-tests"}
DECISION = {"state": "accepted", "actor": "li.wei", "reason": "砖厂后面有渣土堆"}


@pytest.fixture
def site(proposals: ProposalStore) -> str:
    proposals.propose([PIT], NOW - 60_000)
    return proposals.proposals()[0].id


async def decided(client: AsyncClient, site: str, **changed: Any) -> Response:
    return await client.post(f"/api/v1/suspected-sites/{site}", json=DECISION | changed, headers=TOKEN)


async def features(client: AsyncClient, **params: str) -> list[dict[str, Any]]:
    answer = await client.get("/api/v1/suspected-sites", params=params)
    assert answer.headers["content-type"] == "application/geo+json"
    found: list[dict[str, Any]] = answer.json()["features"]
    return found


async def test_a_proposal_is_a_point_with_its_figures(client: AsyncClient, site: str) -> None:
    [feature] = await features(client)
    assert feature["geometry"] == {"type": "Point", "coordinates": [112.8, 35.5]}
    properties = feature["properties"]
    assert (feature["id"], properties["kind"], properties["state"]) == (site, "dump", "proposed")
    assert (properties["trucks"], properties["visits"], properties["days"]) == (["T1", "T2"], 4, 3)
    assert (properties["radius_m"], properties["hours"][23], properties["decisions"]) == (80.0, 4, [])
    assert (properties["first_seen"], properties["proposed_at"]) == (PIT.first_seen, NOW - 60_000)


async def test_decisions_are_kept_and_filtered_by(client: AsyncClient, site: str, proposals: ProposalStore) -> None:
    proposals.propose([moved(PIT, 900)], NOW)
    answer = await decided(client, site)
    assert answer.status_code == 200
    assert answer.json()["properties"]["decisions"] == [DECISION | {"at": NOW}]
    assert [feature["id"] for feature in await features(client, state="accepted")] == [site]
    assert site not in [feature["id"] for feature in await features(client, state="proposed")]
    again = await decided(client, site)
    assert (again.status_code, again.json()["type"]) == (409, "urn:haulwatch:problem:already-decided")
    cleared = await decided(client, site, state="dismissed", reason="cleared")
    assert [one["state"] for one in cleared.json()["properties"]["decisions"]] == ["accepted", "dismissed"]


async def test_a_client_that_has_the_layer_gets_it_once(client: AsyncClient, site: str) -> None:
    tag = (await client.get("/api/v1/suspected-sites")).headers["etag"]
    assert (await client.get("/api/v1/suspected-sites", headers={"If-None-Match": tag})).status_code == 304
    await decided(client, site)
    assert (await client.get("/api/v1/suspected-sites", headers={"If-None-Match": tag})).status_code == 200


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"state": "proposed"}, "body.state"),
        ({"actor": ""}, "body.actor"),
        ({"actor": "li\u200bwei"}, "body.actor"),
        ({"reason": "  "}, "body.reason"),
        ({"reason": "x" * 501}, "body.reason"),
        ({"fine": 3}, "body.fine"),
    ],
)
async def test_what_is_wrong_with_a_decision_is_named(
    client: AsyncClient, site: str, changed: dict[str, Any], field: str
) -> None:
    answer = await decided(client, site, **changed)
    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]
    assert len(await features(client, state="proposed")) == 1


async def test_only_a_writer_decides_and_only_on_what_there_is(client: AsyncClient, site: str) -> None:
    assert (await client.post(f"/api/v1/suspected-sites/{site}", json=DECISION)).status_code == 401
    missing = await decided(client, "0" * 16)
    assert (missing.status_code, missing.json()["type"]) == (404, "urn:haulwatch:problem:not-found")
    assert (await decided(client, "pit")).status_code == 422
    assert (await client.get("/api/v1/suspected-sites", params={"state": "fined"})).status_code == 422
