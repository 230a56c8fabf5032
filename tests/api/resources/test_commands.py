"""Commands over HTTP: issued, refused, listed."""

from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient, Response

from api.ports import ApiOptions, ApiParts
from devices.commands.model import Acknowledgement, CommandOutcome
from devices.commands.store import CommandAnswer, CommandStore
from devices.db import tables
from devices.db.database import open_database
from tests.api.conftest import client_of
from tests.api.fakes import NOW

TRUCK, POINT = "/api/v1/devices/truck-1/commands", "/api/v1/devices/bin-1/commands"
TOKEN = {"Authorization": "Bearer write-token-for-tests"}


async def issue(client: AsyncClient, path: str = TRUCK, **body: Any) -> Response:
    return await client.post(path, json={"actor": "li.wei"} | body, headers=TOKEN)


async def test_a_command_is_issued_shown_and_its_outcome_read(client: AsyncClient, command_store: CommandStore) -> None:
    answer = await issue(client, kind="report_interval", interval_s=30, note=" Too chatty. ", ttl_s=60)
    issued = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/v1/commands/{issued['id']}"
    assert issued == {
        "id": issued["id"], "device_id": "truck-1", "kind": "report_interval", "arguments": {"interval_s": 30},
        "actor": "li.wei", "note": "Too chatty.", "issued_at": NOW, "expires_at": NOW + 60_000, "sent_at": None,
        "sends": 0, "outcome": None, "outcome_at": None, "outcome_detail": None, "recorded_at": None,
        "state": "waiting",
    }  # fmt: skip
    assert (await client.get(answer.headers["location"])).json() == issued
    acknowledgement = Acknowledgement(id=issued["id"], outcome=CommandOutcome.DONE, at=NOW + 5)
    command_store.answered([CommandAnswer("truck-1", acknowledgement)], NOW + 9)
    assert (await client.get(answer.headers["location"])).json()["state"] == "done"


async def test_every_kind_can_be_issued_to_a_truck_and_expires_after_five_minutes_by_default(
    client: AsyncClient,
) -> None:
    for body in (
        {"kind": "reboot"},
        {"kind": "locate"},
        {"kind": "lock_lift", "locked": False},
        {"kind": "show_text", "text": "前方封闭"},
    ):
        issued = (await issue(client, **body)).json()
        assert {"kind": issued["kind"], **issued["arguments"]} == body
        assert issued["expires_at"] == NOW + 300_000
    assert (await issue(client, POINT, kind="reboot")).status_code == 201


async def test_a_device_that_is_locked_out_is_given_no_command(client: AsyncClient, tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'commands.db'}")
    with engine.begin() as connection:
        truck = {"id": "truck-1", "role": "truck", "name": "", "report_interval_s": 10}
        connection.execute(tables.device.insert().values(truck))
        connection.execute(tables.login.insert().values(device_id="truck-1", enabled=False, changed_ms=NOW))
    engine.dispose()
    answer = await issue(client, kind="locate")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:haulwatch:problem:cannot-do")
    assert "locked out" in answer.json()["detail"]


@pytest.mark.parametrize("body", [{"kind": "locate"}, {"kind": "lock_lift", "locked": True}])
async def test_a_command_the_device_does_not_support_is_a_conflict(client: AsyncClient, body: dict[str, Any]) -> None:
    answer = await issue(client, POINT, **body)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:haulwatch:problem:cannot-do")
    assert "it can do: reboot, report_interval" in answer.json()["detail"]
    assert (await client.get(POINT)).json()["items"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"kind": "dance"}, "body"),
        ({"kind": "report_interval"}, "body.report_interval.interval_s"),
        ({"kind": "report_interval", "interval_s": 3_601}, "body.report_interval.interval_s"),
        ({"kind": "report_interval", "interval_s": "30"}, "body.report_interval.interval_s"),
        ({"kind": "lock_lift", "locked": "yes"}, "body.lock_lift.locked"),
        ({"kind": "reboot", "locked": True}, "body.reboot.locked"),
        ({"kind": "reboot", "ttl_s": 4}, "body.reboot.ttl_s"),
        ({"kind": "reboot", "ttl_s": 86_401}, "body.reboot.ttl_s"),
        ({"kind": "reboot", "actor": " "}, "body.reboot.actor"),
        ({"kind": "reboot", "actor": "li\u200bwei"}, "body.reboot.actor"),
        ({"kind": "reboot", "note": "a\x00b"}, "body.reboot.note"),
    ],
)
async def test_a_wrong_command_names_the_faulty_field(client: AsyncClient, body: dict[str, Any], field: str) -> None:
    answer = await issue(client, **body)
    assert answer.status_code == 422, answer.text
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]


async def test_unknown_devices_and_commands_are_not_found(client: AsyncClient) -> None:
    assert (await issue(client, "/api/v1/devices/truck-9/commands", kind="reboot")).status_code == 404
    assert (await client.get("/api/v1/devices/truck-9/commands")).status_code == 404
    assert (await client.get(f"/api/v1/commands/{'0' * 16}")).status_code == 404
    assert (await client.get("/api/v1/commands/x")).status_code == 422


async def test_commanding_needs_the_write_token(parts: ApiParts, command_store: CommandStore) -> None:
    options = ApiOptions(version="1", token="write-token-for-tests", read_token="read-token-for-tests")
    async with client_of(parts, options) as client:
        for headers in ({}, {"Authorization": "Bearer read-token-for-tests"}):
            answer = await client.post(TRUCK, json={"kind": "reboot", "actor": "li"}, headers=headers)
            assert answer.status_code == 401
        assert (await client.get(TRUCK)).status_code == 401
    assert command_store.commands(limit=5).items == []


async def test_a_device_s_commands_come_in_pages_of_which_none_is_lost(client: AsyncClient) -> None:
    issued = {(await issue(client, kind="reboot")).json()["id"] for _ in range(5)}
    await issue(client, "/api/v1/devices/truck-2/commands", kind="reboot")
    seen, cursor = [], None
    for _ in range(3):
        page = (await client.get(TRUCK, params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert cursor is None
    assert (len(seen), set(seen)) == (5, issued)
    answer = await client.get(TRUCK, params={"cursor": "yesterday"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "query.cursor")
