"""The assessment, against scores that were computed by hand; who is data-poor has none, and a correction changes it."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update

from devices.city.model import Vehicle
from rules.alerts import tables as alert_tables
from rules.alerts.actions import Close, Correct, Outcome
from rules.alerts.journal import AlertJournal
from rules.alerts.model import AlertChange, Evidence, Phase, Severity, Text, alert_id
from rules.alerts.tables import alert
from rules.indicators.assessment import Assessment, SubjectKind
from rules.indicators.model import AssessmentReport
from rules.indicators.programme import Programme
from rules.indicators.store import IndicatorStore
from tests.rules.indicators.small_city import Bridges, ms
from tests.rules.indicators.test_store import issue

DAY = "2026-07-01"


class Office:
    """The small city with its journal of alerts."""

    def __init__(self, bridges: Bridges) -> None:
        alert_tables.metadata.create_all(bridges.engine)
        self.bridges, self.journal = bridges, AlertJournal(bridges.engine)
        vehicles = {
            f"VT{n}": Vehicle(f"VT{n}", f"晋ET{n}", carrier="Danhe" if n < 3 else "Taihang") for n in range(1, 7)
        }
        bridges.city = replace(bridges.city, vehicles=vehicles)

    def alert(self, truck: str, hour: float, severity: Severity, outcome: Outcome | None) -> str:
        at = ms(DAY, hour)
        found = alert_id("illegal_dumping", truck, at)
        change = AlertChange(
            alert_id=found, revision=1, rule="illegal_dumping", rule_version=1, subject=truck, phase=Phase.CONFIRMED,
            severity=severity, at=at, opened_at=at, closed_at=None, title=Text(en="x", zh="某"), lat=None, lon=None,
            evidence=Evidence(parameters={}, findings=(), ruled_out=(), readings=(), measures={}),
        )  # fmt: skip
        self.journal.record([change], at)
        if outcome is not None:
            self.journal.act(found, Close(actor="li", at=at, outcome=outcome))
        return found

    def report(self, kind: str, programme: dict[str, Any] | None = None, **more: Any) -> AssessmentReport:
        asked = self.bridges.asked(DAY, DAY, ms(DAY, 48), **more)
        store = IndicatorStore(self.bridges.engine, Programme.model_validate(programme or {}))
        return store.assess(asked, SubjectKind(kind))

    def assessed(self, kind: str, id_: str, programme: dict[str, Any] | None = None, **more: Any) -> Assessment:
        [found] = [one for one in self.report(kind, programme, **more).items if one.id == id_]
        return found

    def trips(self, vehicle: str, closed: int, others: int, *, seen: int, first: int = 0, **more: Any) -> None:
        """Trips at 9:00, of which the first `seen` were seen to leave and to arrive."""
        for n in range(closed + others):
            times = {} if n < seen else {"arrived_at": 0}
            state = "closed" if n < closed else "overdue"
            issue(self.bridges, f"{vehicle}-{first + n}", state, vehicle=vehicle, **times | more)


@pytest.fixture
def office(bridges: Bridges) -> Office:
    return Office(bridges)


@pytest.fixture
def quick_office(quick_bridges: Bridges) -> Office:
    return Office(quick_bridges)


def scores(found: Assessment) -> dict[str, float | None]:
    return {str(part.id): part.score for part in found.parts}


def test_the_score_is_that_of_a_computation_by_hand(office: Office) -> None:
    office.trips("VT1", closed=16, others=4, seen=15)
    for n in range(8):
        full: dict[str, Any] = {} if n < 6 else {"tare_kg": None, "net_kg": None}
        office.bridges.load(DAY, "tip", "spoil", 10_000, hour=6 + n, plate="晋ET1", **full)
    office.alert("T1", 9.5, Severity.P1, Outcome.CONFIRMED_VIOLATION)
    office.alert("T1", 10, Severity.P3, Outcome.CONFIRMED_VIOLATION)
    office.alert("T1", 11, Severity.P1, Outcome.FALSE_ALARM)
    office.alert("T1", 12, Severity.P1, None)
    found = office.assessed("vehicle", "VT1", {"assessment": {"points": {"P1": 10, "P3": 2}}})
    # Alerts: 100 - (10 + 2) × 100 ÷ 20 = 40. Manifests: 16 ÷ 20 = 80.
    # Data: (6 + 15) ÷ (8 + 20) = 75. (50 × 40 + 30 × 80 + 20 × 75) ÷ 100 = 59
    assert scores(found) == {"alerts": 40.0, "manifests": 80.0, "data": 75.0}
    assert (found.score, found.why_not) == (59.0, None)
    counts = found.counts
    assert (counts.trips, counts.closed, counts.loads, counts.loads_in_full, counts.trips_seen) == (20, 16, 8, 6, 15)
    assert [counts.upheld[one] for one in Severity] == [1, 0, 1, 0]
    assert (counts.other_alerts, counts.undecided) == (1, 1)
    assert len(found.alerts) == 2
    assert (found.name.en, found.name.zh) == ("晋ET1", "晋ET1")


def test_weights_are_data(quick_office: Office) -> None:
    quick_office.trips("VT1", closed=5, others=5, seen=10)
    weights = {"weights": {"alerts": 0, "manifests": 1, "data": 3}}
    # (50 × 1 + 100 × 3) ÷ 4
    assert quick_office.assessed("vehicle", "VT1", {"assessment": weights}).score == 87.5


def test_who_has_few_trips_or_little_data_is_not_assessed_and_never_has_a_hundred(quick_office: Office) -> None:
    quick_office.trips("VT1", closed=9, others=0, seen=9)
    quick_office.trips("VT2", closed=10, others=0, seen=4)
    quick_office.trips("VT3", closed=10, others=0, seen=10)
    report = quick_office.report("vehicle")
    assert [(one.id, one.score, one.why_not) for one in report.items] == [
        ("VT3", 100.0, None), ("VT1", None, "few_trips"), ("VT2", None, "little_data")
    ]  # fmt: skip
    assert all(score is None for score in scores(report.items[1]).values())


def test_loads_without_manifests_are_trips_that_no_manifest_closed(quick_office: Office) -> None:
    for n in range(12):
        quick_office.bridges.load(DAY, "tip", "spoil", 10_000, hour=6 + n / 2, plate="晋ET1")
    found = quick_office.assessed("vehicle", "VT1")
    assert (found.counts.trips, scores(found)) == (12, {"alerts": 100.0, "manifests": 0.0, "data": 100.0})


def test_an_alert_that_is_corrected_or_taken_back_counts_no_more(office: Office) -> None:
    office.trips("VT1", closed=10, others=0, seen=10)
    first = office.alert("T1", 9.5, Severity.P1, Outcome.CONFIRMED_VIOLATION)
    second = office.alert("T1", 10, Severity.P1, Outcome.CONFIRMED_VIOLATION)
    # 2 × 4 points × 100 ÷ 10 = 80 off: (50 × 20 + 30 × 100 + 20 × 100) ÷ 100 = 60
    rules = {"assessment": {"points": {"P1": 4}}}
    assert office.assessed("vehicle", "VT1", rules).score == 60.0
    office.journal.act(first, Correct(actor="zhao", at=ms(DAY, 20), outcome=Outcome.FALSE_ALARM, note="appeal upheld"))
    assert office.assessed("vehicle", "VT1", rules).score == 80.0
    with office.bridges.engine.begin() as connection:
        connection.execute(update(alert).where(alert.c.alert_id == second).values(amendment="retracted"))
    assert office.assessed("vehicle", "VT1", rules).score == 100.0


def test_a_haulier_has_the_sums_of_its_vehicles(quick_office: Office) -> None:
    quick_office.trips("VT1", closed=10, others=0, seen=10)
    quick_office.trips("VT2", closed=0, others=10, seen=10)
    quick_office.trips("VT4", closed=10, others=0, seen=10)
    quick_office.alert("T2", 9.5, Severity.P4, Outcome.CONFIRMED_VIOLATION)
    found = {one.id: one.counts for one in quick_office.report("haulier").items}
    assert {id_: (counts.trips, counts.closed, counts.upheld[Severity.P4]) for id_, counts in found.items()} == {
        "Danhe": (20, 10, 1), "Taihang": (10, 10, 0),
    }  # fmt: skip


def test_a_driver_has_the_alerts_of_the_trips_that_name_him(quick_office: Office) -> None:
    quick_office.trips("VT1", closed=10, others=0, seen=10, driver="Wang")  # from 9:00 to 11:00
    quick_office.trips(
        "VT1", closed=10, others=0, seen=10, driver="Li", first=10, left_at=ms(DAY, 13), arrived_at=ms(DAY, 14)
    )
    quick_office.trips("VT2", closed=1, others=0, seen=1, driver="")
    for hour, severity in ((10, Severity.P1), (12, Severity.P2), (13.5, Severity.P3)):
        quick_office.alert("T1", hour, severity, Outcome.CONFIRMED_VIOLATION)
    with quick_office.bridges.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE manifest_state SET closed_at = {ms(DAY, 15)} WHERE number LIKE 'VT1-1_'")
    found = {one.id: one.counts.upheld for one in quick_office.report("driver").items}
    assert {id_: [name for name, count in upheld.items() if count] for id_, upheld in found.items()} == {
        "Li": ["P3"], "Wang": ["P1"]
    }  # fmt: skip


def test_who_sees_a_part_sees_its_vehicles(quick_office: Office) -> None:
    quick_office.trips("VT1", closed=10, others=0, seen=10)
    quick_office.trips("VT2", closed=10, others=0, seen=10)
    quick_office.alert("T2", 9.5, Severity.P1, Outcome.CONFIRMED_VIOLATION)
    city = quick_office.bridges.city
    part = replace(city, devices={"T1": city.devices["T1"]}, vehicles={"VT1": city.vehicles["VT1"]})
    report = quick_office.report("vehicle", city=part, vehicles=frozenset(part.vehicles))
    assert [one.id for one in report.items] == ["VT1"]
