"""Devices, latest readings, readings over time."""

from httpx import AsyncClient

from tests.api.fakes import T0, FakeHistory


async def test_devices_come_in_pages_of_which_none_is_lost_or_repeated(client: AsyncClient) -> None:
    seen, cursor = [], None
    for _ in range(10):
        answer = await client.get("/api/v1/devices", params={"limit": 1} | ({"cursor": cursor} if cursor else {}))
        seen += [device["id"] for device in answer.json()["items"]]
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            break
    assert seen == ["bin-1", "truck-1", "truck-2", "truck-3"]


async def test_devices_are_filtered(client: AsyncClient) -> None:
    trucks = (await client.get("/api/v1/devices", params={"role": "truck", "fleet": "north"})).json()["items"]
    assert [device["id"] for device in trucks] == ["truck-1", "truck-2", "truck-3"]
    bins = (await client.get("/api/v1/devices", params={"district": "zezhou"})).json()["items"]
    assert [device["id"] for device in bins] == ["bin-1"]


async def test_a_device_shows_its_vehicle_and_its_latest_readings(client: AsyncClient, history: FakeHistory) -> None:
    history.add("position", "truck-1", 0, lat=35.5, lon=112.8)
    history.add("position", "truck-1", 10, lat=35.6, lon=112.8)
    history.add("status", "truck-1", 5, online=True)
    device = (await client.get("/api/v1/devices/truck-1")).json()
    assert device["vehicle"]["plate"] == "晋E10001"
    assert (device["clock_correction_s"], device["overflow_at_pct"]) == (60, None)
    assert device["latest"]["last_seen_at"] == T0 + 10_000
    assert device["latest"]["readings"] == {
        "position": [{"ts": T0 + 10_000, "part": None, "fields": {"lat": 35.6, "lon": 112.8}}],
        "status": [{"ts": T0 + 5_000, "part": None, "fields": {"online": True}}],
    }


async def test_a_device_that_never_reported_has_no_latest_reading(client: AsyncClient) -> None:
    latest = (await client.get("/api/v1/devices/truck-2/latest")).json()
    assert latest == {"device_id": "truck-2", "last_seen_at": None, "readings": {}}


async def test_readings_of_two_compartments_at_one_instant_survive_paging(
    client: AsyncClient, history: FakeHistory
) -> None:
    for second in range(20):
        for part in ("glass", "metal", "paper"):
            history.add("fill", "bin-1", second, part, fill_pct=float(second))
    for limit in (1, 2, 4, 7, 59, 60):
        seen, cursor, pages = [], None, 0
        while True:
            params = {"start": T0, "end": T0 + 20_000, "limit": limit} | ({"cursor": cursor} if cursor else {})
            page = (await client.get("/api/v1/devices/bin-1/readings/fill", params=params)).json()
            assert page["items"], "no page is empty"
            seen += [(item["ts"], item["part"]) for item in page["items"]]
            cursor, pages = page["next_cursor"], pages + 1
            if cursor is None:
                break
        assert len(seen) == len(set(seen)) == 60
        assert seen == sorted(seen)
        assert (pages == 1) == (limit == 60)


async def test_start_is_inclusive_end_is_exclusive_and_both_may_be_rfc3339(
    client: AsyncClient, history: FakeHistory
) -> None:
    for second in (0, 10, 20):
        history.add("position", "truck-1", second, lat=35.5, lon=112.8)
    params = {"start": "2026-03-01T16:00:00+08:00", "end": "2026-03-01T08:00:20Z"}
    page = (await client.get("/api/v1/devices/truck-1/readings/position", params=params)).json()
    assert [item["ts"] for item in page["items"]] == [T0, T0 + 10_000]


async def test_means_over_windows_are_paged_and_leave_out_fields_without_a_mean(
    client: AsyncClient, history: FakeHistory
) -> None:
    for second in range(0, 600, 10):
        history.add("position", "truck-1", second, lat=35.5, lon=112.8, speed_kmh=float(second), heading_deg=350.0)
    params: dict[str, int | str] = {"start": T0 + 30_000, "end": T0 + 590_000, "every": "60s", "limit": 4}
    first = (await client.get("/api/v1/devices/truck-1/readings/position", params=params)).json()
    assert first["items"][0] == {"ts": T0, "part": None, "fields": {"lat": 35.5, "lon": 112.8, "speed_kmh": 25.0}}
    seen = [item["ts"] for item in first["items"]]
    cursor = first["next_cursor"]
    while cursor:
        page = (
            await client.get("/api/v1/devices/truck-1/readings/position", params=params | {"cursor": cursor})
        ).json()
        seen += [item["ts"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen == [T0 + minute * 60_000 for minute in range(10)]


async def test_a_wrong_query_names_the_faulty_field(client: AsyncClient) -> None:
    for params, field in (
        ({"start": T0, "end": T0}, "query.start"),
        ({"start": T0 - 40 * 86_400_000, "end": T0}, "query.start"),
        ({"start": "yesterday"}, "query.start"),
        ({"end": "99"}, "query.end"),
        ({"every": "fortnight"}, "query.every"),
        ({"limit": 0}, "query.limit"),
        ({"limit": 5_001}, "query.limit"),
        ({"cursor": "9-1"}, "query.cursor"),
        ({"cursor": f"{T0 - 400 * 86_400_000}-{T0}"}, "query.start"),
        ({"cursor": "' OR 1=1"}, "query.cursor"),
    ):
        answer = await client.get("/api/v1/devices/truck-1/readings/position", params=params)
        assert answer.status_code == 422, params
        assert answer.headers["content-type"] == "application/problem+json"
        assert [fault["field"] for fault in answer.json()["errors"]] == [field], params
        assert answer.json()["errors"][0]["hint"]


async def test_the_latest_status_is_the_one_that_holds(client: AsyncClient, history: FakeHistory) -> None:
    """A will is as old as its birth, and ends its own session only."""
    history.add("status", "truck-1", 0, online=True, session=8, cause="birth")
    history.add("status", "truck-1", 0, part="will", online=False, session=8, cause="will")
    (status,) = (await client.get("/api/v1/devices/truck-1/latest")).json()["readings"]["status"]
    assert (status["fields"]["online"], status["part"]) == (False, "will")
    history.add("status", "truck-1", 60, online=True, session=9, cause="birth")
    (status,) = (await client.get("/api/v1/devices/truck-1/latest")).json()["readings"]["status"]
    assert (status["fields"]["online"], status["part"]) == (True, None)
