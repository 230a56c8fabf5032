"""Indicators and assessment over HTTP: which span is asked for, and what a part of the city is asked about."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import date

import pytest
from httpx import AsyncClient

from api.ports import ApiOptions, ApiParts
from api.programme_ports import NoProgramme
from devices.people.model import Role, Visibility
from ingest.ledger.report import DeviceLedgerLine
from rules.cases.model import CaseKind, NewCase
from rules.indicators.assessment import SubjectKind
from rules.indicators.model import Asked, AssessmentReport, IndicatorReport
from tests.api.conftest import client_of
from tests.api.fakes import NOW, FakeLedger
from tests.api.persons import add_person, signed_in

TODAY = date(2026, 3, 1)
"""Of `NOW` in the city's calendar: 17:00."""


@dataclass
class Recorded(NoProgramme):
    """A desk that notes what it is asked for."""

    asked: list[tuple[Asked, SubjectKind | None]] = field(default_factory=list)

    def report(self, asked: Asked) -> IndicatorReport:
        self.asked.append((asked, None))
        return super().report(asked)

    def assess(self, asked: Asked, kind: SubjectKind) -> AssessmentReport:
        self.asked.append((asked, kind))
        return super().assess(asked, kind)


@pytest.fixture
def desk() -> Recorded:
    return Recorded()


@pytest.fixture
async def client(parts: ApiParts, desk: Recorded) -> AsyncIterator[AsyncClient]:
    add_person(parts, "whole", Role.OPERATOR)
    add_person(parts, "part", Role.OPERATOR, Visibility(None, frozenset({"north"})))
    async with client_of(replace(parts, programme=desk, now=lambda: NOW), ApiOptions(version="1")) as client:
        yield client


async def test_without_a_span_the_last_thirty_days_are_asked_about(
    client: AsyncClient, desk: Recorded, parts: ApiParts, ledger: FakeLedger
) -> None:
    parts.cases.open_case(NewCase(kind=CaseKind.REPORT, title="Heap"), "li", NOW - 1)
    ledger.lines.append(DeviceLedgerLine(device="bin-1", received=1, stored=1, heard_at=NOW - 5))
    answer = await client.get("/api/v1/indicators", headers=await signed_in(client, "whole"))
    assert answer.status_code == 200, answer.text
    [(asked, _)] = desk.asked
    assert (asked.first_day, asked.last_day, asked.now) == (date(2026, 1, 31), TODAY, NOW)
    assert (asked.vehicles, dict(asked.heard_at)) == (None, {"bin-1": NOW - 5})
    assert asked.reports is not None
    assert asked.reports.opened == 1


async def test_who_sees_a_part_is_answered_of_its_vehicles(
    client: AsyncClient, desk: Recorded, parts: ApiParts
) -> None:
    headers = await signed_in(client, "part")
    for path in ("indicators", "assessment?kind=driver&from=2026-02-01&to=2026-02-28"):
        assert (await client.get(f"/api/v1/{path}", headers=headers)).status_code == 200
    (indicators, _), (assessed, kind) = desk.asked
    assert indicators.vehicles == assessed.vehicles == frozenset({"v-1", "v-2", "v-3"})
    assert "bin-1" in parts.city().devices
    assert "bin-1" not in indicators.city.devices
    assert (kind, assessed.first_day, assessed.last_day) == (
        SubjectKind.DRIVER, date(2026, 2, 1), date(2026, 2, 28)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=2026-03-01&to=2026-02-28", "query.to"),
        ("from=2026-03-02&to=2026-03-02", "query.from"),
        ("from=1999-12-31&to=2000-01-02", "query.from"),
        ("from=2025-02-28&to=2026-03-01", "query.to"),
        ("from=yesterday", "query.from"),
    ],
)
@pytest.mark.parametrize("path", ["indicators", "assessment"])
async def test_a_span_that_cannot_be_is_refused(client: AsyncClient, path: str, query: str, field: str) -> None:
    answer = await client.get(f"/api/v1/{path}?{query}", headers=await signed_in(client, "whole"))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
