"""The board feed: from a real journal to a real embedded store."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devices.cities import JINCHENG
from devices.city.files import read_city
from devices.db.database import open_database
from devices.readings.series import (
    ALERT_STATE_FIELDS,
    ALERT_STATE_MEASUREMENT,
    ALERT_STATE_TAGS,
    HEALTH_FIELDS,
    HEALTH_MEASUREMENT,
    HEALTH_TAGS,
    PLACE_FIELDS,
    PLACE_MEASUREMENT,
    PLACE_TAGS,
    SUBJECT_FIELDS,
    SUSPECTED_SITE_FIELDS,
    SUSPECTED_SITE_MEASUREMENT,
    FieldValue,
    area_tags,
)
from haulwatch import migrations
from ingest.alerts.rate import Call, alert_rate
from ingest.alerts.subjects import SubjectFields
from ingest.boards.feed import BoardFeed, open_cursors
from ingest.boards.points import (
    DAY_MS,
    IngestionStatus,
    alert_state_points,
    health_points,
    over_limit_points,
    place_points,
)
from ingest.boards.shelving import Shelving
from ingest.collector.collector import CollectorStatus
from ingest.ledger.report import DeviceLedgerLine, Ledger, LedgerLine, RecorderStatus
from ingest.store.sqlite import SqliteStore
from rules.alerts.actions import Acknowledge, Close, Outcome
from rules.alerts.journal import AlertJournal
from rules.alerts.model import AlertChange, Evidence, Phase, Severity, Text
from rules.alerts.shelves import ShelfStore
from rules.suspected_sites.model import PlaceKind
from rules.suspected_sites.store import ProposalStore
from tests.closing import closed_later
from tests.rules.suspected_sites.test_store import PIT, accepted, moved

CITY = read_city(JINCHENG)
POINT = next(device for device in CITY.devices.values() if device.site_id and device.district)
HOUR_MS = 3_600_000
NOON = 1_790_000_000_000 // DAY_MS * DAY_MS + DAY_MS // 2


def change(revision: int = 1, **given: Any) -> AlertChange:
    fields: dict[str, Any] = {
        "alert_id": "0123456789abcdef", "revision": revision, "rule": "bin_overflow", "rule_version": 1,
        "subject": POINT.id, "phase": Phase.CONFIRMED, "severity": Severity.P2, "at": NOON, "opened_at": NOON - 60_000,
        "title": Text(en="full", zh="满溢"), "evidence": Evidence(parameters={}, measures={"compartment": "paper"}),
        "lat": 35.5, "lon": 112.8,
    }  # fmt: skip
    return AlertChange(**fields | given)


def status(at: int = NOON) -> IngestionStatus:
    lines = tuple(DeviceLedgerLine(device=f"d{n}", clock_offset_ms=offset) for n, offset in enumerate((-900, 20, 30)))
    total = LedgerLine(received=10, stored=6, duplicate=1, quarantined={"conflict": 2}, queued=1, gaps=3)
    return IngestionStatus(
        at=at,
        ledger=Ledger(total=total, devices=lines, exact=True),
        behind={"recorder": (5, 1.5), "judge": (0, None)},
        collector=None,
        recorder=RecorderStatus(offset=9, backlog=1, pending=1, trouble="503", trouble_since=1),
        broker={},
        disk=(7, 3),
        alert_rate=alert_rate([Call(at, "a"), Call(at, "b"), Call(at, "c")], at, operators=2),
    )


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[AlertJournal]:
    url = f"sqlite:///{tmp_path / 'haulwatch.db'}"
    migrations.upgrade(url)
    engine = open_database(url)
    yield AlertJournal(engine)
    engine.dispose()


@pytest.fixture
async def store(tmp_path: Path) -> Any:
    opened = SqliteStore(tmp_path / "readings.db")
    yield opened
    await opened.close()


def shelving(tmp_path: Path, journal: AlertJournal, now: Callable[[], int] = lambda: NOON) -> Shelving:
    shelves = closed_later(ShelfStore(open_database(f"sqlite:///{tmp_path / 'haulwatch.db'}")))
    return Shelving(shelves, journal, now, call_within_ms=4 * HOUR_MS)


def feed(tmp_path: Path, store: SqliteStore, journal: AlertJournal, at: int = NOON) -> BoardFeed:
    cursors = closed_later(open_cursors(tmp_path))
    return BoardFeed(store, journal, lambda: CITY, lambda: status(at), cursors, lambda: (), shelving(tmp_path, journal))


async def test_a_row_follows_its_alert_from_confirmation_to_outcome(
    tmp_path: Path, store: SqliteStore, journal: AlertJournal
) -> None:
    async def row_fields() -> list[dict[str, Any]]:
        await feed(tmp_path, store, journal).write_alerts()
        rows = await store.rows(ALERT_STATE_MEASUREMENT, POINT.id, 0, NOON + DAY_MS, limit=10)
        return [dict(row.fields) for row in rows]

    assert await row_fields() == []
    journal.record([change()], NOON + 2_000)
    (new,) = await row_fields()
    assert (new["open"], new["acknowledged"], new["outcome"], new["title_zh"]) == (1, 0, "none", "满溢")
    journal.act("0123456789abcdef", Acknowledge(actor="Wang", at=NOON + 42_000))
    (acknowledged,) = await row_fields()
    assert (acknowledged["acknowledged"], acknowledged["acknowledge_s"]) == (1, 40.0)
    journal.record([change(2, phase=Phase.CLOSED, at=NOON + 90_000, closed_at=NOON + 90_000)], NOON + 95_000)
    journal.act("0123456789abcdef", Close(actor="Wang", at=NOON + 602_000, outcome=Outcome.FALSE_ALARM))
    (closed,) = await row_fields()
    assert (closed["open"], closed["handled"], closed["false_alarm"]) == (0, 1, 1)
    assert (closed["handle_s"], closed["lasted_s"]) == (600.0, 150.0)
    assert set(closed) == set(ALERT_STATE_FIELDS)


async def test_an_alert_keeps_its_row_when_its_device_moves_to_another_district(
    tmp_path: Path, store: SqliteStore, journal: AlertJournal
) -> None:
    journal.record([change()], NOON)
    await feed(tmp_path, store, journal).write_alerts()
    moved = replace(CITY, devices={**CITY.devices, POINT.id: replace(POINT, district="elsewhere")})
    journal.record([change(2, phase=Phase.CLOSED, closed_at=NOON + 1_000)], NOON)
    cursors = closed_later(open_cursors(tmp_path))
    later = BoardFeed(store, journal, lambda: moved, status, cursors, lambda: (), shelving(tmp_path, journal))
    await later.write_alerts()
    (row,) = await store.rows(ALERT_STATE_MEASUREMENT, POINT.id, 0, NOON + DAY_MS, limit=10)
    assert row.fields["open"] == 0
    assert await store.count(ALERT_STATE_MEASUREMENT) == 1


async def test_a_feed_that_was_away_writes_all_it_missed_and_a_second_one_changes_nothing(
    tmp_path: Path, store: SqliteStore, journal: AlertJournal
) -> None:
    journal.record(
        [change(alert_id=f"{n:016x}", opened_at=NOON - n * 1_000) for n in range(1, 451)], NOON
    )  # more than two reads of the journal
    for _ in range(2):
        await feed(tmp_path, store, journal).write_alerts()
        assert await store.count(ALERT_STATE_MEASUREMENT) == 450


async def test_health_and_places_are_in_the_store(tmp_path: Path, store: SqliteStore, journal: AlertJournal) -> None:
    board_feed = feed(tmp_path, store, journal)
    for _ in range(2):
        await board_feed.write_health()
    placed = await store.count(PLACE_MEASUREMENT)
    assert placed == len(CITY.devices)
    (place,) = await store.latest(PLACE_MEASUREMENT, POINT.id)
    assert place.ts == NOON - DAY_MS // 2
    assert set(place.fields) == set(PLACE_FIELDS)
    assert await store.count(HEALTH_MEASUREMENT) == len(list(health_points(status())))


def test_points_have_the_tags_and_fields_of_the_boards() -> None:
    collector = CollectorStatus(
        at=NOON, connected=True, protocol="5.0", received=1, reconnects=0, disk_full=False, last_error=None
    )
    whole = replace(
        status(),
        behind={"recorder": (5, 1.5)},
        collector=collector,
        recorder=RecorderStatus(
            offset=1, backlog=0, pending=0, trouble=None, trouble_since=None, write_ms=1.0, slowest_write_ms=2.0
        ),
        broker=dict.fromkeys(HEALTH_FIELDS["broker"], 1.0),
        over_limit={"T1": {"rate": 7}},
    )
    parts = {dict(point.tags)["part"]: point for point in (*health_points(whole), *over_limit_points(whole, described))}
    assert {part: set(point.fields) for part, point in parts.items()} == {
        part: set(names) for part, names in HEALTH_FIELDS.items()
    }
    for point in parts.values():
        assert {name for name, _ in point.tags} <= set(HEALTH_TAGS)
        texts = {"device", "limit", *SUBJECT_FIELDS} if dict(point.tags)["part"] == "over_limit" else set()
        assert {name for name, value in point.fields.items() if type(value) is not float} == texts
    (stuck,) = [point for point in health_points(status()) if dict(point.tags)["part"] == "clock"]
    assert stuck.fields == {"offset_p50_ms": 30.0, "offset_p99_ms": 30.0, "offset_worst_ms": 900.0}
    assert {name for point in place_points(CITY, NOON) for name, _ in point.tags} <= set(PLACE_TAGS)


def described(subject: str) -> dict[str, FieldValue]:
    return SubjectFields().of(subject, CITY, 0)


def test_the_boards_name_the_devices_that_are_furthest_beyond_a_limit() -> None:
    """By rank and not by tag: made-up ids must not make a series each."""
    loud = {f"T{n:02}": {"rate": n, "alerts": 100 + n} for n in range(1, 9)} | {"": {"dead_letters": 5_000}}
    points = list(over_limit_points(replace(status(), over_limit=loud), described))
    assert [(point.fields["device"], point.fields["limit"], point.fields["beyond"]) for point in points] == [
        ("", "dead_letters", 5_000.0),
        *((f"T{n:02}", "alerts", 100.0 + n) for n in range(8, 0, -1)),
        ("T08", "rate", 8.0),
    ]
    assert [dict(point.tags) for point in points] == [{"of": f"{n:02}", "part": "over_limit"} for n in range(1, 11)]


def test_an_alert_has_the_area_tags_of_its_device(journal: AlertJournal) -> None:
    journal.record([change()], NOON)
    detail = journal.alert("0123456789abcdef")
    assert detail is not None
    (point,) = alert_state_points(
        [detail.alert], lambda _: area_tags(POINT), lambda subject: SubjectFields().of(subject, CITY, 0)
    )
    assert {name for name, _ in point.tags} <= set(ALERT_STATE_TAGS)
    assert dict(point.tags)["district"] == POINT.district
    assert point.ts == NOON - 60_000


async def test_suspected_sites_are_written_when_they_change(
    tmp_path: Path, store: SqliteStore, journal: AlertJournal
) -> None:
    """Three sites of one instant, which no tag tells apart, are three rows; a decision changes one of them."""
    proposals = closed_later(ProposalStore(open_database(f"sqlite:///{tmp_path / 'haulwatch.db'}")))
    proposals.propose([PIT, moved(PIT, 500), replace(PIT, kind=PlaceKind.SOURCE)], NOON)
    cursors = closed_later(open_cursors(tmp_path))
    written = BoardFeed(store, journal, lambda: CITY, status, cursors, proposals.proposals, shelving(tmp_path, journal))

    async def rows() -> list[dict[str, Any]]:
        await written.write_sites()
        return [dict(row.fields) for row in await store.rows(SUSPECTED_SITE_MEASUREMENT, "", 0, NOON + DAY_MS, limit=9)]

    first = await rows()
    assert {row["site_id"] for row in first} == {site.id for site in proposals.proposals()}
    assert all(set(row) == set(SUSPECTED_SITE_FIELDS) for row in first)
    assert {(row["trucks"], row["busiest_hour"], row["state"]) for row in first} == {(2, 23, "proposed")}
    proposals.decide(first[1]["site_id"], accepted())
    later = await rows()
    assert [row["state"] for row in later] == ["proposed", "accepted", "proposed"]
    assert (later[1]["decided_by"], later[1]["reason"]) == ("li", "seen on the spot")
