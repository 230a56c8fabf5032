"""From alerts in a journal to proposals: which alerts count, and for what."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from shapely import box

from devices.city.model import City, Device, DeviceRole
from devices.city.sites import Site, SiteKind
from devices.db.database import open_database
from devices.geo.geometry import Datum, LatLon
from haulwatch import migrations
from rules.alerts.actions import Close, Outcome
from rules.alerts.journal import AlertJournal
from rules.alerts.model import AlertChange, Amendment, Evidence, Phase, ReadingRef, Severity, Text, alert_id
from rules.suspected_sites.model import Decision, PlaceKind, Proposal, ProposalState
from rules.suspected_sites.proposing import propose
from rules.suspected_sites.store import ProposalStore

NOW = 1_790_000_000_000
DAY = 86_400_000
PIT = LatLon(lat=35.5, lon=112.8)
CITY = City(
    id="small",
    name="Small",
    name_zh="小城",
    timezone="Asia/Shanghai",
    centre=LatLon(lat=35.49, lon=112.85),
    devices={
        "T1": Device("T1", DeviceRole.TRUCK),
        "T2": Device("T2", DeviceRole.TRUCK),
        "T3": Device("T3", DeviceRole.TRUCK, datum=Datum.GCJ02),
    },
)


class Desk:
    """A journal and the proposals made from it."""

    def __init__(self, url: str) -> None:
        self.engine = open_database(url)
        self.journal, self.store = AlertJournal(self.engine), ProposalStore(self.engine)

    def raised(self, rule: str, subject: str, days_ago: float, **changed: Any) -> AlertChange:
        """An alert at the pit; `changed` are fields of its change."""
        at = NOW - round(days_ago * DAY)
        values: dict[str, Any] = {
            "phase": Phase.CONFIRMED,
            "severity": Severity.P2,
            "lat": PIT.lat,
            "lon": PIT.lon,
            "evidence": Evidence(parameters={}),
        }
        change = AlertChange(
            alert_id=alert_id(rule, subject, at),
            revision=1,
            rule=rule,
            rule_version=1,
            subject=subject,
            at=at,
            opened_at=at,
            title=Text(en="x", zh="x"),
            **values | changed,
        )
        self.journal.record([change], NOW)
        return change

    def proposed(self, city: City = CITY, now: int = NOW) -> list[Proposal]:
        propose(self.journal, self.store, city, now=now)
        return self.store.proposals(ProposalState.PROPOSED)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    url = f"sqlite:///{tmp_path / 'db'}"
    migrations.upgrade(url)
    opened = Desk(url)
    yield opened
    opened.engine.dispose()


def test_two_dumps_are_proposed_with_the_alerts_they_rest_on(desk: Desk) -> None:
    dumps = [desk.raised("illegal_dumping", "T1", 20), desk.raised("illegal_dumping", "T2", 3)]
    [proposal] = desk.proposed()
    assert proposal.alerts == tuple(change.alert_id for change in dumps)
    assert (proposal.trucks, proposal.visits, proposal.first_seen) == (("T1", "T2"), 2, NOW - 20 * DAY)
    assert (proposal.lat, proposal.lon) == pytest.approx((PIT.lat, PIT.lon))
    assert desk.proposed() == [proposal], "nothing new an hour later"


@pytest.mark.parametrize(
    ("rule", "changed"),
    [
        ("illegal_dumping", {"phase": Phase.PROVISIONAL}),
        ("illegal_dumping", {"phase": Phase.AMENDED, "amendment": Amendment.RETRACTED}),
        ("illegal_dumping", {"lat": None, "lon": None}),
        ("illegal_dumping", {"lat": PIT.lat + 0.01}),
        ("bed_raised_outside", {}),
        ("stopped_loaded", {"evidence": Evidence(parameters={}, measures={"off_corridor": True})}),
        ("speeding", {}),
    ],
    ids=["suspected only", "retracted", "no place", "elsewhere", "a raised bed", "a stop off route", "another rule"],
)
def test_a_dump_and_what_weighs_less_than_a_dump_is_no_place(desk: Desk, rule: str, changed: dict[str, Any]) -> None:
    desk.raised("illegal_dumping", "T1", 20)
    desk.raised(rule, "T2", 3, **changed)
    assert desk.proposed() == []


@pytest.mark.parametrize(
    ("severity", "found"), [(Severity.P1, 0), (Severity.P2, 1), (Severity.P3, 0)], ids=["drives", "tips", "empty"]
)
def test_raised_beds_count_where_a_load_may_have_been_tipped(desk: Desk, severity: Severity, found: int) -> None:
    for day in (1, 2, 3):
        desk.raised("bed_raised_outside", "T1", day, severity=severity)
    assert len(desk.proposed()) == found


def test_stops_off_the_route_weigh_twice(desk: Desk) -> None:
    for off_corridor, places in ((False, 0), (True, 1)):
        for day in (1, 2, 3):
            measures: dict[str, float | int | str | bool] = {"off_corridor": off_corridor}
            evidence = Evidence(parameters={}, measures=measures)
            desk.raised("stopped_loaded", "T1", day + off_corridor / 10, evidence=evidence)
        assert len(desk.proposed()) == places


def test_a_suspected_site_of_one_day_counts_with_its_trucks(desk: Desk) -> None:
    """T3 sends GCJ-02, so what is cited of it lies 500 m off; the alert's own place stands for it."""
    places = {"T1": PIT.lat, "T2": PIT.lat + 0.001, "T3": PIT.lat + 0.005}
    cited = tuple(
        ReadingRef(device_id=truck, kind="position", ts=NOW - DAY + n, values={"lat": lat, "lon": PIT.lon})
        for n, (truck, lat) in enumerate(places.items())
    )
    desk.raised("suspected_site", "system", 1, evidence=Evidence(parameters={}, readings=cited))
    [proposal] = desk.proposed()
    assert proposal.trucks == ("T1", "T2", "T3")
    assert proposal.lat == pytest.approx(PIT.lat + 0.001 / 3, abs=1e-6)


def test_trucks_that_were_loaded_there_make_it_a_source(desk: Desk) -> None:
    cited = tuple(ReadingRef(device_id=f"T{n}", kind="position", ts=NOW - n * DAY, values={}) for n in (1, 2, 3))
    measures: dict[str, float | int | str | bool] = {"kind": "source"}
    desk.raised("suspected_site", "system", 1, evidence=Evidence(parameters={}, readings=cited, measures=measures))
    [proposal] = desk.proposed()
    assert (proposal.kind, proposal.trucks) == (PlaceKind.SOURCE, ("T1", "T2", "T3"))


@pytest.mark.parametrize(
    ("outcome", "found"),
    [(Outcome.FALSE_ALARM, 0), (Outcome.DEVICE_FAULT, 0), (Outcome.CONFIRMED_VIOLATION, 1), (Outcome.NO_ACTION, 1)],
)
def test_what_people_found_out_about_an_alert_counts(desk: Desk, outcome: Outcome, found: int) -> None:
    change = desk.raised("illegal_dumping", "T1", 20)
    desk.raised("illegal_dumping", "T2", 3)
    desk.journal.act(change.alert_id, Close(actor="li", at=NOW, outcome=outcome))
    assert len(desk.proposed()) == found


def test_alerts_of_more_than_a_month_ago_are_history(desk: Desk) -> None:
    desk.raised("illegal_dumping", "T1", 31)
    desk.raised("illegal_dumping", "T2", 3)
    assert desk.proposed() == []
    propose(desk.journal, desk.store, CITY, now=NOW, days=32)
    assert len(desk.store.proposals()) == 1


def test_a_place_that_was_registered_meanwhile_is_not_proposed(desk: Desk) -> None:
    desk.raised("illegal_dumping", "T1", 20)
    desk.raised("illegal_dumping", "T2", 3)
    fence = box(PIT.lon - 0.001, PIT.lat + 0.0003, PIT.lon + 0.001, PIT.lat + 0.002)  # 33 m north of it
    site = Site("new", SiteKind.DISPOSAL_SITE, "New", "新消纳场", fence)
    assert desk.proposed(City(**{**_fields(CITY), "sites": {"new": site}})) == []
    assert len(desk.proposed()) == 1


def test_after_a_dismissal_stops_stay_explained_and_new_dumps_do_not(desk: Desk) -> None:
    for day in (5, 6, 7):
        desk.raised("stopped_loaded", "T1", day, evidence=Evidence(parameters={}, measures={"off_corridor": True}))
    [lunch] = desk.proposed()
    decision = Decision(state=ProposalState.DISMISSED, actor="li", reason="a noodle shop", at=NOW - 4 * DAY)
    desk.store.decide(lunch.id, decision)
    for day in (1, 2, 3):
        desk.raised("stopped_loaded", "T2", day, evidence=Evidence(parameters={}, measures={"off_corridor": True}))
    desk.raised("illegal_dumping", "T1", 3.5)
    assert desk.proposed() == []
    second = desk.raised("illegal_dumping", "T2", 0.5)
    [proposal] = desk.proposed()
    assert proposal.alerts[-1] == second.alert_id
    assert proposal.visits == 2


def _fields(city: City) -> dict[str, Any]:
    return {name: getattr(city, name) for name in ("id", "name", "name_zh", "timezone", "centre", "devices")}
