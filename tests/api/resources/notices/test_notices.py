"""Notices as the API shows them: one alert told to a group and to people, of which some fails; and test messages."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from httpx import AsyncClient
from sqlalchemy import Engine

from api.ports import ApiOptions, ApiParts
from devices.db.database import open_database
from devices.db.versions import StoredVersion
from devices.people.audit import AuditFilter
from devices.people.model import Role, Visibility
from ingest.notices import tables
from ingest.notices.desk.desk import TESTS_IN_A_MINUTE, NoticeDesk
from ingest.notices.notice import Kind, NewNotice, State
from ingest.notices.outbox import NoticeOutbox
from ingest.notices.rule_store import NoticeRuleStore
from ingest.notices.secrets import secrets_of
from rules.alerts.journal import AlertJournal
from tests.api.conftest import client_of
from tests.api.fakes import NOW, change
from tests.api.persons import add_person, signed_in
from tests.ingest.notices.conftest import patient
from tests.ingest.notices.services import WeCom, served

ALERT: Final = change().alert_id
SECRETS: Final = {"HAULWATCH_SECRET_WECOM": WeCom.KEY}
RULES: Final = """
console: https://haulwatch.example
people:
  li: {{name: 李明, wecom: liming, mobile: "13800000000", roles: [officer], mail: li@example.com}}
  wang: {{name: Wang, mail: wang@example.com, language: en}}
duty:
  night: [{{who: li, days: mon-fri, hours: "00:00-24:00"}}, {{who: wang, days: "sat, sun"}}]
channels:
  group: {{kind: wecom, key: WECOM, server: "{url}"}}
  post: {{kind: mail, host: smtp.example.com, port: 465, security: tls, sender: haulwatch@example.com}}
  office: {{kind: feishu, hook: FEISHU, sign: FEISHU_SIGN}}
rules:
  - name: dumping
    alerts: {{rule: illegal_dumping, severity: P2, district: urban, hours: "18:00-08:00"}}
    steps:
      - {{by: [group], tell: {{duty: night}}}}
      - {{after_min: 10, by: [post], tell: {{people: wang}}}}
"""


@pytest.fixture
def wecom() -> Iterator[WeCom]:
    service = WeCom(lambda: NOW)
    with served(service):
        yield service


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'notices.db'}")
    tables.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
async def client(
    parts: ApiParts, journal: AlertJournal, engine: Engine, wecom: WeCom, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[AsyncClient]:
    """An alert of truck-1 that was told, and a person of each role; `theirs` sees nothing of truck-1."""
    patient(monkeypatch)
    store = NoticeRuleStore(engine)
    store.apply(StoredVersion(1, "console: http://127.0.0.1", NOW - 2, "wang", "first"))
    store.apply(StoredVersion(2, RULES.format(url=wecom.url), NOW - 1, "li", "winter duty"))
    journal.record([change()], recorded_at=NOW)
    told(NoticeOutbox(engine))
    for role in Role:
        add_person(parts, f"the-{role}", role)
    add_person(parts, "theirs", Role.OFFICER, Visibility(hauliers=frozenset({"nobody's"})))
    desk = NoticeDesk(engine, store, secrets_of(SECRETS), lambda: NOW)
    async with client_of(replace(parts, notice_desk=desk), ApiOptions(version="1")) as client:
        yield client


def told(outbox: NoticeOutbox) -> None:
    """Of the alert: sent to the group, refused by mail twice, put into a digest that waits, and one to come."""

    def notice(channel: str, recipient: str, *mentions: str, kind: Kind = Kind.CALL) -> NewNotice:
        words = (f"{channel} {recipient}", "the text")
        return NewNotice(
            ALERT, f"{kind} {channel}", channel, recipient, mentions, kind, "illegal_dumping", "P1", "en", *words
        )

    assert outbox.plan(ALERT, "confirmed 1", [notice("group", "", "li"), notice("post", "wang")], [], NOW - 5_000)
    assert outbox.plan(ALERT, "amended 2", [notice("group", "", kind=Kind.FOLLOW), notice("gone", "li")], [], NOW - 900)
    assert outbox.begin(1, NOW - 4_000)
    assert outbox.sent(1, NOW - 3_000)
    assert outbox.begin(2, NOW - 4_000)
    assert outbox.again(2, NOW + 60_000, "550 <wang@example.com> 13900000000: unknown", unconfirmed=False)
    digest = notice("group", "", kind=Kind.DIGEST)._replace(alert_id="", event="digest 3-3", rule="")
    assert outbox.bundle([3], digest, NOW - 800)
    assert outbox.begin(4, NOW - 700)
    assert outbox.give_up(4, State.FAILED, NOW - 600, "gone for good")


async def asked(client: AsyncClient, name: str, path: str, **parameters: Any) -> Any:
    answer = await client.get(f"/api/v1/{path}", params=parameters, headers=await signed_in(client, name))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_alert_says_who_was_notified_when_by_which_channel_and_what_failed(client: AsyncClient) -> None:
    items = (await asked(client, "the-operator", f"alerts/{ALERT}/notices"))["items"]
    found = [(one["channel"], [p["display_name"] for p in one["people"]], one["state"], one["error"]) for one in items]
    assert found == [
        ("group", ["李明"], "sent", ""),
        ("post", ["Wang"], "waiting", "550 <***> ***: unknown"),
        ("group", [], "digested", ""),
        ("gone", ["李明"], "failed", "gone for good"),
    ]
    assert [one["to_group"] for one in items] == [True, False, True, False]
    assert items[0]["planned_at"] == NOW - 5_000
    assert (items[0]["done_at"], items[0]["body"]) == (NOW - 3_000, "the text")
    assert (items[1]["attempts"], items[1]["due_at"]) == (1, NOW + 60_000)
    assert items[2]["digest"] == {"no": 5, "state": "waiting", "done_at": None, "error": ""}
    full = (await asked(client, "the-administrator", f"alerts/{ALERT}/notices"))["items"]
    assert full[1]["error"] == "550 <wang@example.com> 13900000000: unknown"


async def test_who_may_not_see_the_alert_does_not_see_its_notices(client: AsyncClient) -> None:
    headers = await signed_in(client, "theirs")
    assert (await client.get(f"/api/v1/alerts/{ALERT}/notices", headers=headers)).status_code == 404
    for path in ("notices", "notice-rules", "notice-channels"):
        assert (await client.get(f"/api/v1/{path}", headers=headers)).status_code == 403, path


async def test_the_outbox_is_read_by_state_channel_and_trouble_page_by_page(client: AsyncClient) -> None:
    async def numbers(**where: Any) -> list[int]:
        return [one["no"] for one in (await asked(client, "the-operator", "notices", **where))["items"]]

    assert await numbers() == [5, 4, 3, 2, 1]
    assert await numbers(state="sent") == [1]
    assert await numbers(state=["waiting", "digested"]) == [5, 3, 2]
    assert await numbers(channel="post") == [2]
    assert await numbers(troubled=True) == [4, 2]
    first = await asked(client, "the-operator", "notices", limit=3)
    assert [one["no"] for one in first["items"]] == [5, 4, 3]
    assert (first["items"][0]["alert_id"], first["items"][0]["rule"]) == (None, None)
    rest = await asked(client, "the-operator", "notices", limit=3, cursor=first["next_cursor"])
    assert ([one["no"] for one in rest["items"]], rest["next_cursor"]) == ([2, 1], None)
    headers = await signed_in(client, "the-operator")
    refused = await client.get("/api/v1/notices?cursor=x", headers=headers)
    assert refused.json()["errors"][0]["field"] == "query.cursor"


async def test_the_rules_are_readable_and_addresses_are_for_administrators(client: AsyncClient) -> None:
    found = await asked(client, "the-operator", "notice-rules")
    assert found["applied"] == {"version": 2, "applied_at": NOW - 1, "applied_by": "li", "reason": "winter duty"}
    assert [one["version"] for one in found["versions"]] == [2, 1]
    [rule] = found["rules"]
    assert rule["alerts"]["hours"] == "18:00-08:00"
    assert [(step["after_min"], step["by"], step["now"]) for step in rule["steps"]] == [
        (None, ["group"], ["wang"]),  # NOW is a Sunday in the city
        (10, ["post"], ["wang"]),
    ]
    [night] = found["duty"]
    assert (night["on_duty"], night["lines"][1]["days"]) == (["wang"], [5, 6])
    reached = {person["name"]: person["reached_by"] for person in found["people"]}
    assert reached == {"li": ["group", "post"], "wang": ["post"]}
    text = str(found)
    assert found["content"] is None
    assert not any(word in text for word in ("13800000000", "li@example.com", "liming", WeCom.KEY))
    full = await asked(client, "the-administrator", "notice-rules")
    assert full["people"][0]["addresses"]["mobile"] == "13800000000"
    assert "key: WECOM" in full["content"]


async def test_rules_that_cannot_be_read_say_why_and_hide_nothing_else(client: AsyncClient, engine: Engine) -> None:
    NoticeRuleStore(engine).apply(
        StoredVersion(3, "channels: {group: {kind: pigeon}}", NOW, "li", "of a later version")
    )
    found = await asked(client, "the-operator", "notice-rules")
    assert (found["applied"]["version"], found["rules"]) == (3, [])
    assert "notice rules 3:1" in found["faults"][0]
    channels = (await asked(client, "the-operator", "notice-channels"))["items"]
    assert {(one["name"], one["kind"], one["can_send"]) for one in channels} == {
        ("gone", None, False), ("group", None, False), ("post", None, False),
    }  # fmt: skip


async def test_channels_say_what_works_what_waits_and_what_was_last_wrong(client: AsyncClient, wecom: WeCom) -> None:
    channels = {one["name"]: one for one in (await asked(client, "the-operator", "notice-channels"))["items"]}
    assert list(channels) == ["group", "post", "office", "gone"]
    group, post, office, gone = channels.values()
    assert group["server"] == wecom.url.removeprefix("http://")
    assert (group["can_send"], group["sent"], group["last_sent_at"]) == (True, 1, NOW - 3_000)
    assert (group["digested"], group["last_digest_at"], group["last_error"]) == (1, NOW - 800, "")
    assert (post["waiting"], post["retried"], post["last_sent_at"]) == (1, 1, None)
    assert (post["last_error"], post["last_error_at"]) == ("550 <***> ***: unknown", NOW - 4_000)
    assert (office["can_send"], office["fault"], office["waiting"]) == (False, None, 0)
    assert (gone["kind"], gone["failed"], gone["last_error"]) == (None, 1, "gone for good")
    full = (await asked(client, "the-administrator", "notice-channels"))["items"]
    assert "HAULWATCH_SECRET_FEISHU is not set" in full[2]["fault"]


async def test_an_administrator_tests_a_channel_and_the_trail_keeps_the_reason(
    client: AsyncClient, parts: ApiParts, wecom: WeCom
) -> None:
    headers = await signed_in(client, "the-administrator")
    body = {"person": "li", "reason": "new robot of the group"}
    answer = await client.post("/api/v1/notice-channels/group/test", json=body, headers=headers)
    assert answer.json() == {"outcome": "sent", "detail": "errcode 0"}
    [arrived] = wecom.taken
    assert arrived.json["text"]["mentioned_list"] == ["liming"]
    assert "the-administrator" in arrived.json_text
    wecom.script.append((200, {"errcode": 45009, "errmsg": f"api freq out of limit {WeCom.KEY}"}))
    refused = await client.post("/api/v1/notice-channels/group/test", json={"reason": "again"}, headers=headers)
    assert refused.status_code == 200
    assert refused.json()["outcome"] in {"refused", "throttled"}
    assert "45009" in refused.json()["detail"]
    assert WeCom.KEY not in refused.text
    entries = parts.people.audit.entries(AuditFilter(actor="the-administrator"), limit=10)
    tests = [(one.action, one.target) for one in entries if one.action.endswith("/test")]
    assert tests[-1] == ("POST /api/v1/notice-channels/{channel}/test", "group li new robot of the group sent")
    unset = await client.post("/api/v1/notice-channels/office/test", json={"reason": "x"}, headers=headers)
    assert unset.json()["outcome"] == "not_sent"
    assert "HAULWATCH_SECRET_FEISHU" in unset.json()["detail"]


@pytest.mark.parametrize(
    ("channel", "body", "status", "field"),
    [
        ("nowhere", {"reason": "x"}, 404, None),
        ("group", {}, 422, "body.reason"),
        ("group", {"reason": " "}, 422, "body.reason"),
        ("group", {"reason": "x", "person": "zhao"}, 422, "body.person"),
        ("post", {"reason": "x"}, 422, "body.person"),
    ],
)
async def test_a_test_that_cannot_be_is_refused_and_the_field_named(
    client: AsyncClient, wecom: WeCom, channel: str, body: dict[str, str], status: int, field: str | None
) -> None:
    headers = await signed_in(client, "the-administrator")
    answer = await client.post(f"/api/v1/notice-channels/{channel}/test", json=body, headers=headers)
    assert answer.status_code == status
    assert field is None or [one["field"] for one in answer.json()["errors"]] == [field]
    assert wecom.requests == []


async def test_many_tests_in_a_minute_are_refused_before_they_use_up_the_channel(
    client: AsyncClient, wecom: WeCom
) -> None:
    headers = await signed_in(client, "the-administrator")
    for _ in range(TESTS_IN_A_MINUTE):
        await client.post("/api/v1/notice-channels/group/test", json={"reason": "x"}, headers=headers)
    answer = await client.post("/api/v1/notice-channels/group/test", json={"reason": "x"}, headers=headers)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert len(wecom.taken) == TESTS_IN_A_MINUTE
