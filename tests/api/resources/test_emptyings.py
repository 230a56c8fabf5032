"""Emptyings of a recycling point over the API."""

from httpx import AsyncClient

from devices.readings.instants import MINUTE_MS
from tests.api.fakes import T0, FakeHistory


def emptied(history: FakeHistory, minute: int, part: str = "paper", **fields: float) -> None:
    """Put an emptying into the history, as the feed writes it."""
    levels = {
        "after": T0 + (minute - 5) * MINUTE_MS,
        "from_pct": 86.5,
        "to_pct": 4.0,
        "fell_points": 82.5,
        "counted": 1,
    }
    history.add("emptying", "bin-1", minute * 60, part=part, **levels | fields)


async def test_emptyings_say_when_from_which_level_and_to_which(client: AsyncClient, history: FakeHistory) -> None:
    emptied(history, 10)
    emptied(history, 30, "plastic", to_pct=7.5)
    body = (await client.get("/api/v1/devices/bin-1/emptyings", params={"start": T0, "end": T0 + 3_600_000})).json()
    assert body == {
        "items": [
            {"ts": T0 + 600_000, "after": T0 + 300_000, "compartment": "paper", "from_pct": 86.5, "to_pct": 4.0},
            {"ts": T0 + 1_800_000, "after": T0 + 1_500_000, "compartment": "plastic", "from_pct": 86.5, "to_pct": 7.5},
        ],
        "next_cursor": None,
    }


async def test_one_that_late_readings_refuted_is_not_listed(client: AsyncClient, history: FakeHistory) -> None:
    emptied(history, 10, counted=0)
    emptied(history, 20)
    body = (await client.get("/api/v1/devices/bin-1/emptyings", params={"start": T0, "end": T0 + 3_600_000})).json()
    assert [item["ts"] for item in body["items"]] == [T0 + 1_200_000]


async def test_pages_and_compartments(client: AsyncClient, history: FakeHistory) -> None:
    for minute in (10, 20, 30):
        emptied(history, minute)
        emptied(history, minute + 5, "plastic")
    asked: dict[str, str | int] = {"start": T0, "end": T0 + 3_600_000, "compartment": "paper", "limit": 2}
    first = (await client.get("/api/v1/devices/bin-1/emptyings", params=asked)).json()
    rest = (await client.get("/api/v1/devices/bin-1/emptyings", params=asked | {"cursor": first["next_cursor"]})).json()
    assert [(item["ts"] - T0) / MINUTE_MS for item in (*first["items"], *rest["items"])] == [10, 20, 30]
    assert rest["next_cursor"] is None


async def test_an_unknown_device_and_a_span_too_long_are_refused(client: AsyncClient) -> None:
    assert (await client.get("/api/v1/devices/nowhere/emptyings")).status_code == 404
    asked = {"start": T0, "end": T0 + 367 * 86_400_000}
    assert (await client.get("/api/v1/devices/bin-1/emptyings", params=asked)).status_code == 422
    assert (await client.get("/api/v1/devices/truck-1/emptyings")).json()["items"] == []
