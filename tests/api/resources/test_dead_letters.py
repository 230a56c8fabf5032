"""Dead letters: listed, shown with their bytes, redriven once."""

import base64

from httpx import AsyncClient

from devices.readings.refusals import Reason
from tests.api.fakes import FakeDeadLetters

WRITE = {"Authorization": "Bearer write-token-for-tests"}


async def test_dead_letters_are_paged_and_filtered(client: AsyncClient, dead_letters: FakeDeadLetters) -> None:
    for n in range(5):
        dead_letters.add(b"{", reason=Reason.BROKEN_JSON if n % 2 else Reason.CONFLICT)
    first = (await client.get("/api/v1/deadletters", params={"limit": 2})).json()
    second = (await client.get("/api/v1/deadletters", params={"limit": 3, "cursor": first["next_cursor"]})).json()
    assert [item["id"] for item in first["items"] + second["items"]] == [1, 2, 3, 4, 5]
    assert second["next_cursor"] is None
    conflicts = (await client.get("/api/v1/deadletters", params={"reason": "conflict"})).json()["items"]
    assert [item["id"] for item in conflicts] == [1, 3, 5]
    for cursor in ("x", "-1", "9" * 30, "٣"):
        answer = await client.get("/api/v1/deadletters", params={"cursor": cursor})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "query.cursor")


async def test_a_dead_letter_shows_its_original_bytes(client: AsyncClient, dead_letters: FakeDeadLetters) -> None:
    dead_letters.add(b'\xff\x00<script>alert("x")</script>')
    letter = (await client.get("/api/v1/deadletters/1")).json()
    assert base64.b64decode(letter["payload_base64"]) == b'\xff\x00<script>alert("x")</script>'
    assert (await client.get("/api/v1/deadletters/2")).status_code == 404
    for letter_id in ("0", "-1", "x", "9" * 30):
        assert (await client.get(f"/api/v1/deadletters/{letter_id}")).status_code == 422


async def test_a_dead_letter_is_redriven_once(client: AsyncClient, dead_letters: FakeDeadLetters) -> None:
    dead_letters.add(b"{}")
    path = "/api/v1/deadletters/1/redrive"
    assert (await client.post(path)).status_code == 401
    first = await client.post(path, headers=WRITE)
    assert (first.status_code, first.json()) == (202, {"id": 1, "offset": 101})
    second = await client.post(path, headers=WRITE)
    assert (second.status_code, second.json()["type"]) == (409, "urn:haulwatch:problem:already-redriven")
    assert (await client.post("/api/v1/deadletters/9/redrive", headers=WRITE)).status_code == 404
    assert (await client.get("/api/v1/deadletters")).json()["items"] == []
    assert len((await client.get("/api/v1/deadletters", params={"redriven": True})).json()["items"]) == 1


async def test_a_flood_is_not_redriven(client: AsyncClient, dead_letters: FakeDeadLetters) -> None:
    dead_letters.add(b"{}", reason=Reason.FLOOD, stands_for=900)
    answer = await client.post("/api/v1/deadletters/1/redrive", headers=WRITE)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:haulwatch:problem:not-kept")
    assert "900 messages" in answer.json()["detail"]
    assert (await client.get("/api/v1/deadletters/1")).json()["stands_for"] == 900
