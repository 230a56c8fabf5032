"""The divided city, in which all has happened that people may see."""

from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from httpx import AsyncClient

from api.ports import ApiOptions, ApiParts
from devices.commands.model import Locate, issue
from devices.db.database import open_database
from devices.db.registry import Registry
from devices.db.versions import StoredVersion
from devices.people.model import Role
from ingest.ledger.report import DeviceLedgerLine
from ingest.notices import tables
from ingest.notices.desk.desk import NoticeDesk
from ingest.notices.notice import Kind, NewNotice
from ingest.notices.outbox import NoticeOutbox
from ingest.notices.rule_store import NoticeRuleStore
from ingest.notices.secrets import secrets_of
from rules.alerts import tables as alert_tables
from rules.alerts.journal import AlertJournal
from rules.alerts.shelves import NewShelf, ShelfStore
from rules.attachments.model import Owner, OwnerKind
from rules.attachments.store import AttachmentStore
from rules.cases.model import CaseKind, NewCase
from rules.indicators.programme import Programme
from rules.indicators.store import IndicatorStore
from rules.manifests import tables as manifest_tables
from rules.manifests.document import ManifestDocument, Quantity
from rules.manifests.store import ManifestStore
from rules.public_reports.model import Category, Channel, NewReport
from rules.recyclables import tables as deposit_tables
from rules.suspected_sites.store import ProposalStore
from rules.weighing import tables as weighing_tables
from rules.weighing.store import SessionStore
from tests.api.access.divided import (
    BRIDGE,
    LIMITS,
    OTHER,
    OWN,
    alert_of,
    cluster,
    divided_city,
    weighed,
)
from tests.api.conftest import client_of, copied
from tests.api.fakes import NOW, FakeAdoption, FakeDeadLetters, FakeHistory, FakeLedger
from tests.api.persons import add_person
from tests.rules.attachments.pictures import photo


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


@pytest.fixture
def weighing_sessions(tmp_path: Path) -> Iterator[SessionStore]:
    """Each truck was weighed once, and one that nobody knows."""
    engine = open_database(f"sqlite:///{tmp_path / 'weighings.db'}")
    weighing_tables.metadata.create_all(engine)
    city = divided_city()
    store = SessionStore(engine, lambda: replace(city, devices={**city.devices, BRIDGE.id: BRIDGE}))
    plates = [city.vehicles[f"v-{side}"].plate for side in ("own", "OTHER")]
    store.take("file", 1, [weighed(number, plate) for number, plate in enumerate([*plates, "豫OTHER"])], NOW)
    yield store
    engine.dispose()


@pytest.fixture
def manifests(tmp_path: Path) -> Iterator[ManifestStore]:
    """One of each truck."""
    engine = open_database(f"sqlite:///{tmp_path / 'manifests.db'}")
    manifest_tables.metadata.create_all(engine)
    store = ManifestStore(engine, divided_city, lambda terms, device_id: terms.arrive_by)
    for number, side in enumerate(("own", "OTHER"), 1):
        document = ManifestDocument(
            vehicle_id=f"v-{side}", source_id=f"works-{side}", destination_id="landfill", stream="spoil",
            quantity=Quantity(tonnes=12.0), depart_at=NOW, arrive_by=NOW + 3_600_000,
        )  # fmt: skip
        store.issue(document, "li", NOW, f"M{number}")
    yield store
    engine.dispose()


@pytest.fixture
def programme(tmp_path: Path) -> Iterator[IndicatorStore]:
    """An alert about each truck, and a file that names a site of the others."""
    engine = open_database(f"sqlite:///{tmp_path / 'programme.db'}")
    for some in (weighing_tables, manifest_tables, alert_tables, deposit_tables):
        some.metadata.create_all(engine)
    AlertJournal(engine).record([alert_of(truck) for truck in (OWN, OTHER)], recorded_at=NOW)
    of_city = {"indicators": {"spoil_inflow": {"sites": ["landfill", "works-OTHER"]}}}
    yield IndicatorStore(engine, Programme.model_validate(of_city))
    engine.dispose()


@pytest.fixture
def divided(
    parts: ApiParts,
    history: FakeHistory,
    journal: AlertJournal,
    ledger: FakeLedger,
    dead_letters: FakeDeadLetters,
    adoption: FakeAdoption,
    shelves: ShelfStore,
    proposals: ProposalStore,
    attachments: AttachmentStore,
    notice_desk: NoticeDesk,
    weighing_sessions: SessionStore,
    manifests: ManifestStore,
    programme: IndicatorStore,
    empty_databases: Path,
    tmp_path: Path,
) -> Iterator[ApiParts]:
    """Both trucks have done all there is to do."""
    city = divided_city()
    history.add("fill", "point-OTHER", 10, compartment="paper", fill_pct=40.0)
    for number, truck in enumerate((OWN, OTHER)):
        history.add("position", truck, 10, lat=35.45, lon=112.85, speed_kmh=30.0)
        history.add("position", truck, 20, lat=35.46, lon=112.86, speed_kmh=30.0)
        journal.record([alert_of(truck)], recorded_at=NOW)
        ledger.lines.append(DeviceLedgerLine(device=truck, received=5, stored=5, heard_at=NOW, last_seen=NOW))
        dead_letters.add(b'{"%s"' % truck.encode(), device=truck)
        shelves.add(
            NewShelf(rule=None, subject=truck, reason=truck, shelved_by="li", shelved_at=NOW, until=NOW + 60_000)
        )
        parts.commands.issue(
            issue(f"{number:016x}", truck, Locate(), actor=f"of {truck}", note=None, now_ms=NOW, ttl_s=60)
        )
        proposals.propose([cluster(truck, at=number)], NOW)
        owner = Owner(OwnerKind.ALERT, alert_of(truck).alert_id)
        attachments.put(owner, f"{truck}.jpg", [photo(exif=False)], "li", NOW)
        opened = parts.cases.open_case(
            NewCase(kind=CaseKind.ALERT, title=f"of {truck}", alerts=(alert_of(truck).alert_id,)), "li", NOW
        )
        attachments.put(Owner(OwnerKind.CASE, opened.case.number), f"{truck}.jpg", [photo(exif=False)], "li", NOW)
    parts.public_reports.reports.add(
        NewReport(
            channel=Channel.WEB, category=Category.DUMPING, text="OTHER", seen_at=NOW, lat=35.5, lon=112.8,
            district="d-OTHER", address="OTHER", received_at=NOW,
        )
    )  # fmt: skip
    dead_letters.add(b"OTHER", device="unknown-OTHER")
    adoption.add("unknown-OTHER")
    proposals.propose([cluster(OWN, OTHER, at=2)], NOW)
    for name, visibility in LIMITS.items():
        add_person(parts, name, Role.OFFICER, visibility)
    add_person(parts, "all", Role.OFFICER)
    for number, truck in enumerate((OWN, OTHER)):
        history.add("weighing", BRIDGE.id, 30 + number, plate=city.vehicles[truck.replace("truck", "v")].plate,
                    ticket=truck, direction="in", gross_kg=30_000.0, tare_kg=12_000.0, counted=1,
                    ticket_state="counted")  # fmt: skip
    (tmp_path / "divided").mkdir()
    with closing(Registry(copied(empty_databases, "commands", tmp_path / "divided"))) as registry:
        registry.import_city(city)
        yield replace(
            parts,
            city=lambda: city,
            weighbridges=lambda: [BRIDGE],
            notice_desk=notice_desk,
            registry=registry,
            weighing_sessions=weighing_sessions,
            programme=programme,
            manifests=manifests,
        )


@pytest.fixture
async def client(divided: ApiParts) -> AsyncIterator[AsyncClient]:
    async with client_of(divided, ApiOptions(version="1", token="write-token-for-tests")) as client:
        yield client
