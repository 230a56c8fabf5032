"""The service as `haulwatch serve` runs it, by the clock of the machine: rules are applied and changed."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from devices.city.model import City
from devices.db.database import open_database
from devices.db.versions import StoredVersion
from haulwatch.process.system_clock import now_ms
from ingest.alerts.cursors import PublisherCursors
from ingest.notices import service as service_module
from ingest.notices import tables as notice_tables
from ingest.notices.notice import State
from ingest.notices.outbox import NoticeOutbox
from ingest.notices.rule_store import NoticeRuleStore
from ingest.notices.secrets import secrets_of
from ingest.notices.service import NoticeParts, NoticeService
from ingest.notices.summary import newest_notices, summarise
from rules.alerts import tables as alert_tables
from rules.alerts.journal import AlertJournal
from rules.alerts.shelves import ShelfStore
from tests.ingest.notices.night import SECRETS, change, night_town
from tests.ingest.notices.services import Service, WeCom, served
from tests.ingest.notices.test_outbox import notice
from tests.waiting import PATIENCE_S, eventually


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_LOOK_S", "_DELIVERY_S", "_CLIMB_S", "_UNUSABLE_S"):
        monkeypatch.setattr(service_module, name, 0.02)


def rules(services: dict[str, Service]) -> str:
    channels = "".join(
        f"  {name}: {{kind: wecom, key: {name.upper()}, server: '{service.url}'}}\n"
        for name, service in services.items()
    )
    return f"channels:\n{channels}rules: [{{name: all, steps: [{{by: [{', '.join(services)}]}}]}}]\n"


async def test_notices_from_the_first_rules_to_the_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    city: Callable[[], City] = night_town
    engine = open_database(f"sqlite:///{tmp_path / 'haulwatch.db'}")
    for metadata in (alert_tables.metadata, notice_tables.metadata):
        metadata.create_all(engine)
    journal, store, environment = AlertJournal(engine), NoticeRuleStore(engine), dict[str, str]()
    stop = asyncio.Event()
    NoticeOutbox(engine).plan("z", "confirmed 1", [notice(channel="gone")], [], 1)
    NoticeOutbox(engine).begin(1, 2)  # and the process died

    def apply(version: int, content: str) -> None:
        store.apply(StoredVersion(version, content, now_ms(), "li", "test"))

    def record(name: str) -> None:
        journal.record([change(name, at=now_ms(), opened_at=now_ms())], now_ms())

    def told(service: Any) -> list[str]:
        return [request.json["text"]["content"].splitlines()[0] for request in service.taken]

    with (
        closing(PublisherCursors(tmp_path / "notices.db")) as cursors,
        served(WeCom(now_ms)) as wecom,
        served(WeCom(now_ms)) as other,
    ):
        parts = NoticeParts(
            store, NoticeOutbox(engine), journal, ShelfStore(engine), cursors, city, secrets_of(environment), now_ms, 1
        )
        running = asyncio.create_task(NoticeService(parts).run(stop))
        record("early")
        apply(1, rules({"wecom": wecom}))
        record("a")
        await eventually(lambda: "channel wecom cannot send, its notices wait" in caplog.text)
        assert wecom.requests == []
        environment |= SECRETS
        await eventually(lambda: told(wecom) == ["【P1】倾倒 a"])
        apply(2, "rules: [")  # by a version that could read it
        await eventually(lambda: "nothing is sent, apply others" in caplog.text)
        record("b")
        environment["HAULWATCH_SECRET_OTHER"] = WeCom.KEY
        apply(3, rules({"wecom": wecom, "other": other}))
        await eventually(lambda: told(other) == ["【P1】倾倒 b"])
        await eventually(lambda: told(wecom) == ["【P1】倾倒 a", "【P1】倾倒 b"])
        stop.set()
        await asyncio.wait_for(running, PATIENCE_S)
        assert {one.channel: one.sent for one in summarise(engine, now_ms())} == {"wecom": 2, "other": 1, "gone": 0}
        assert newest_notices(engine, 9)[-1][0].state is State.UNCONFIRMED
    engine.dispose()
    assert not any(secret in caplog.text for secret in SECRETS.values())
