"""Notices of both trucks of the divided city, for the tests of who may see what."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.db.database import open_database
from devices.db.versions import StoredVersion
from ingest.notices import tables
from ingest.notices.desk.desk import NoticeDesk
from ingest.notices.notice import Kind, NewNotice
from ingest.notices.outbox import NoticeOutbox
from ingest.notices.rule_store import NoticeRuleStore
from ingest.notices.secrets import secrets_of
from tests.api.access.divided import OTHER, OWN, alert_of
from tests.api.fakes import NOW


@pytest.fixture
def notice_desk(tmp_path: Path) -> Iterator[NoticeDesk]:
    """Each truck's alert was told by a channel of its own; a person of the rules is called OTHER."""
    engine = open_database(f"sqlite:///{tmp_path / 'notices.db'}")
    tables.metadata.create_all(engine)
    rules, outbox = NoticeRuleStore(engine), NoticeOutbox(engine)
    rules.apply(StoredVersion(1, "people: {OTHER: {name: OTHER}}", NOW, "OTHER", "OTHER"))
    for truck in (OWN, OTHER):
        alert_id = alert_of(truck).alert_id
        told = NewNotice(alert_id, "opened", f"to-{truck}", "", (), Kind.CALL, "speeding", "P1", "en", truck, "text")
        outbox.plan(alert_id, "opened", [told], [], NOW)
    yield NoticeDesk(engine, rules, secrets_of({}), lambda: NOW)
    engine.dispose()
