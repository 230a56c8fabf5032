"""The ledger, and dead letters looked through and driven again."""

import base64

from httpx import AsyncClient

from devices.readings.refusals import Reason
from ingest.ledger.report import DeviceLedgerLine
from tests.api.fakes import T0, FakeDeadLetters, FakeLedger

WRITE = {"Authorization": "Bearer write-token-for-tests"}


def line(device: str, stored: int, *, last_seen: int | None = T0) -> DeviceLedgerLine:
    return DeviceLedgerLine(
        device=device,
        received=stored + 3,
        stored=stored,
        duplicate=1,
        quarantined={"conflict": 2},
        last_seen=last_seen,
    )


async def test_the_ledger_shows_the_sum_and_what_is_still_to_be_read(client: AsyncClient, ledger: FakeLedger) -> None:
    ledger.lines = [line("truck-1", 100)]
    assert (await client.get("/api/v1/ledger")).json() == {
        "total": {
            "received": 103,
            "stored": 100,
            "duplicate": 1,
            "quarantined": {"conflict": 2},
            "queued": 0,
            "gaps": 0,
        },
        "exact": True,
        "balanced": True,
        "backlog": {"recorder": 12, "judge": 3},
        "lag_s": {"recorder": 4.5, "judge": None},
    }


async def test_lines_of_the_ledger_come_in_pages(client: AsyncClient, ledger: FakeLedger) -> None:
    ledger.lines = [line(f"truck-{n}", n) for n in (3, 1, 2)] + [line("(unknown)", 0)]
    seen, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/api/v1/ledger/devices", params=params)).json()
        seen += [item["device"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ["(unknown)", "truck-1", "truck-2", "truck-3"]


async def test_the_last_heard_come_first_and_the_never_heard_at_the_end(
    client: AsyncClient, ledger: FakeLedger
) -> None:
    ledger.lines = [
        line("truck-2", 1, last_seen=T0 + 5_000),
        line("truck-3", 1, last_seen=T0 + 9_000),
        line("a-stranger", 1, last_seen=T0 + 10_000),
        line("bin-1", 1, last_seen=None),
    ]
    items = (await client.get("/api/v1/last-seen", params={"limit": 3})).json()["items"]
    assert [(item["id"], item["last_seen_at"]) for item in items] == [
        ("truck-3", T0 + 9_000),
        ("truck-2", T0 + 5_000),
        ("bin-1", None),
    ]


async def test_a_ledger_that_cannot_be_read_is_a_503(client: AsyncClient, ledger: FakeLedger) -> None:
    ledger.away = True
    for path in ("/api/v1/ledger", "/api/v1/last-seen", "/metrics"):
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5"), path
        assert "/srv/secret" not in answer.text


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


async def test_a_dead_letter_gives_back_its_bytes_as_they_came(
    client: AsyncClient, dead_letters: FakeDeadLetters
) -> None:
    dead_letters.add(b'\xff\x00<script>alert("x")</script>')
    letter = (await client.get("/api/v1/deadletters/1")).json()
    assert base64.b64decode(letter["payload_base64"]) == b'\xff\x00<script>alert("x")</script>'
    assert (await client.get("/api/v1/deadletters/2")).status_code == 404
    for letter_id in ("0", "-1", "x", "9" * 30):
        assert (await client.get(f"/api/v1/deadletters/{letter_id}")).status_code == 422


async def test_a_dead_letter_is_driven_again_once(client: AsyncClient, dead_letters: FakeDeadLetters) -> None:
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


async def test_a_flood_is_not_driven_again(client: AsyncClient, dead_letters: FakeDeadLetters) -> None:
    dead_letters.add(b"{}", reason=Reason.FLOOD, stands_for=900)
    answer = await client.post("/api/v1/deadletters/1/redrive", headers=WRITE)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:haulwatch:problem:not-kept")
    assert "900 messages" in answer.json()["detail"]
    assert (await client.get("/api/v1/deadletters/1")).json()["stands_for"] == 900
