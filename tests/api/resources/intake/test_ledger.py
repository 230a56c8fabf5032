"""The ledger: totals, lines by device, devices by last message."""

from httpx import AsyncClient

from ingest.ledger.report import DeviceLedgerLine
from tests.api.fakes import T0, FakeLedger


def line(device: str, stored: int, *, heard_at: int | None = T0) -> DeviceLedgerLine:
    return DeviceLedgerLine(
        device=device,
        received=stored + 3,
        stored=stored,
        duplicate=1,
        quarantined={"conflict": 2},
        last_seen=T0 + 9_999,
        heard_at=heard_at,
    )


async def test_the_ledger_shows_totals_and_backlog(client: AsyncClient, ledger: FakeLedger) -> None:
    ledger.lines = [line("truck-1", 100)]
    assert (await client.get("/api/v1/ledger")).json() == {
        "total": {
            "received": 103,
            "stored": 100,
            "duplicate": 1,
            "quarantined": {"conflict": 2},
            "queued": 0,
            "gaps": 0,
            "dropped_fields": {},
            "clamped_fields": {},
            "outside_region": 0,
            "clock_corrected": 0,
            "not_judged": {},
        },
        "exact": True,
        "balanced": True,
        "since": None,
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
        line("truck-2", 1, heard_at=T0 + 5_000),
        line("truck-3", 1, heard_at=T0 + 9_000),
        line("unregistered-1", 1, heard_at=T0 + 10_000),
        line("bin-1", 1, heard_at=None),
    ]
    items = (await client.get("/api/v1/last-seen", params={"limit": 3})).json()["items"]
    assert [(item["id"], item["last_seen_at"]) for item in items] == [
        ("truck-3", T0 + 9_000),
        ("truck-2", T0 + 5_000),
        ("bin-1", None),
    ]


async def test_a_ledger_that_cannot_be_read_is_a_503(client: AsyncClient, ledger: FakeLedger) -> None:
    ledger.unavailable = True
    for path in ("/api/v1/ledger", "/api/v1/last-seen", "/metrics"):
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5"), path
        assert "/srv/secret" not in answer.text
