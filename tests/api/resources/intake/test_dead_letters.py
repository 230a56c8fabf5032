"""Dead letters: listed, shown with their bytes, redriven once."""

import base64

import pytest
from httpx import AsyncClient

from devices.readings.refusals import Reason
from tests.api.fakes import T0, FakeDeadLetters

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


async def test_all_of_a_reason_are_redriven_in_bounded_steps(
    client: AsyncClient, dead_letters: FakeDeadLetters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.resources.intake.dead_letters.MAX_LETTERS", 2)
    for n in range(5):
        dead_letters.add(b"{", reason=Reason.UNKNOWN_DEVICE, device=f"truck-{n}")
        dead_letters.add(b"{", reason=Reason.CONFLICT, device=f"truck-{n}")
    path, body = "/api/v1/deadletters/redrive", {"reason": "unknown_device"}
    assert (await client.post(path, json=body)).status_code == 401
    steps = []
    while True:
        answer = await client.post(path, json=body, headers=WRITE)
        assert answer.status_code == 202
        step = answer.json()
        steps.append(step["redriven"])
        if step["next"] is None:
            break
        body |= {"after": step["next"], "before": step["before"]}
    assert steps == [2, 2, 1]
    left = (await client.get("/api/v1/deadletters")).json()["items"]
    assert {letter["reason"] for letter in left} == {"conflict"}
    assert len(left) == 5


async def test_what_arrives_while_letters_are_redriven_is_left_for_later(
    client: AsyncClient, dead_letters: FakeDeadLetters
) -> None:
    """A letter that is refused again is such a one: without this bound, redriving would have no end."""
    dead_letters.add(b"{", device="truck-1")
    body = {"device": "truck-1", "before": T0}
    assert (await client.post("/api/v1/deadletters/redrive", json=body, headers=WRITE)).json()["redriven"] == 0
    body = {"device": "truck-1", "before": T0 + 1}
    assert (await client.post("/api/v1/deadletters/redrive", json=body, headers=WRITE)).json()["redriven"] == 1


async def test_many_are_redriven_only_where_a_device_or_a_reason_is_chosen_and_the_refused_are_named(
    client: AsyncClient, dead_letters: FakeDeadLetters
) -> None:
    dead_letters.add(b"{", reason=Reason.FLOOD, stands_for=900)
    answer = await client.post("/api/v1/deadletters/redrive", json={}, headers=WRITE)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.reason")
    step = (await client.post("/api/v1/deadletters/redrive", json={"reason": "flood"}, headers=WRITE)).json()
    assert (step["redriven"], [one["id"] for one in step["refused"]]) == (0, [1])
    assert "900 messages" in step["refused"][0]["why"]
