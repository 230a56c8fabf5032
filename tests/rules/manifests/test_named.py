"""A person says whose truck a weighing is of: the manifest moves, and a replay gives the same."""

from collections.abc import Iterator, Sequence

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine

from devices.db.database import open_database
from devices.readings.manifests import ManifestDeed
from devices.readings.models import Reading, Weighing
from haulwatch.wiring.desk.weighings import move_manifest
from rules.alerts.model import AlertChange
from rules.catalogue import build_rules
from rules.engine.engine import RuleEngine
from rules.manifests import tables as manifest_tables
from rules.manifests.document import ManifestDocument, ManifestRequest, Quantity
from rules.manifests.journal import ManifestJournal
from rules.manifests.model import Manifest
from rules.manifests.store import ManifestStore
from rules.weighing import tables as weighing_tables
from rules.weighing.model import Decision, SessionFilter, SessionView
from rules.weighing.store import SessionStore
from tests.rules.manifests.trips import LOAD_KG, manifests_of, path_of, weighed_at_tip
from tests.rules.town import T0, Trip, in_time, run, town

UNREADABLE = "晋E8888"
TRIP_S = 5_400.0
WEIGHED_S = 960.0
"""From the beginning of a trip on: the truck stands at the tip."""
SEEN = ["in_transit", "arrived", "disposal_confirmed", "closed"]


def engine_of_overdue() -> RuleEngine:
    return RuleEngine(town(), [one for one in build_rules() if one.name == "manifest_overdue"])


class Desk:
    """The registry's database, and a log of all that judgement took."""

    def __init__(self, engine: Engine) -> None:
        for tables in (manifest_tables, weighing_tables):
            tables.metadata.create_all(engine)
        self.manifests = ManifestStore(engine, town, lambda terms, _: terms.arrive_by + 2_700_000)
        self.sessions = SessionStore(engine, town, move_manifest)
        self.journal = ManifestJournal(engine)
        self.log: list[Reading] = []
        self.judgement = engine_of_overdue()
        self.alerts: list[AlertChange] = []

    def judge(self, readings: Sequence[Reading], quiet_s: float = 150) -> None:
        """As the path does: to judgement, tickets to the sessions, and what was found back."""
        self.log += readings
        self.alerts += run(self.judgement, readings, quiet_s)
        tickets = [one for one in readings if isinstance(one, Weighing)]
        self.sessions.take("recorder", len(self.log), tickets, T0)
        self.journal.record([(one, len(self.log)) for one in self.judgement.take_moved_manifests()], "disk", T0)

    def pass_on(self) -> None:
        """What people did goes into the log."""
        waiting = self.manifests.waiting(100)
        self.manifests.mark_appended([one.no for one in waiting])
        self.judge([one.action for one in waiting])

    def issue(self, number: str, at_s: float, vehicle: str = "VT1") -> None:
        at = T0 + round(at_s * 1000)
        plan = ManifestDocument(
            vehicle_id=vehicle, source_id="source", destination_id="tip", stream="spoil",
            quantity=Quantity(tonnes=12.0), depart_at=at, arrive_by=at + 1_800_000,
        )  # fmt: skip
        found = self.manifests.issue(plan, "haulier", at, number).manifest
        self.manifests.act(number, ManifestRequest(ManifestDeed.CONFIRM_SOURCE, "source", at + 1_000, found.version))

    def unmatched(self) -> Sequence[SessionView]:
        return self.sessions.sessions(SessionFilter(unmatched=True), limit=9).items

    def resolve(self, vehicle_id: str | None, session_id: str | None = None) -> None:
        """Name the truck of a session, by default of the one that waits."""
        if session_id is None:
            [one] = self.unmatched()
            session_id = one.id
        self.sessions.resolve(session_id, Decision(vehicle_id, "li", "camera", T0 + 9_000_000))
        self.pass_on()

    def found(self) -> dict[str, Manifest]:
        found = manifests_of(self.judgement)
        replayed = engine_of_overdue()
        run(replayed, self.log, 150)
        assert manifests_of(replayed) == found, "a replay gives the same"
        for number, one in found.items():
            at_desk = self.manifests.manifest(number)
            assert at_desk is not None
            assert (at_desk.manifest.state, at_desk.manifest.net_kg) == (one.state, one.net_kg)
        return found


@pytest.fixture
def desk() -> Iterator[Desk]:
    engine = open_database("sqlite://")
    yield Desk(engine)
    engine.dispose()


def trip_of(desk: Desk, n: int, *, tickets: Sequence[Weighing] = (), truck: str = "T1", **of_ticket: object) -> None:
    """A trip of a truck, the n-th; it is weighed at the tip, where no other tickets are given."""
    begins_s = n * TRIP_S
    trip = Trip(truck, 0, 0, at_s=begins_s, load="loaded").stand(180).drive(10_000, 0, 60).stand(60)
    trip.now(load="empty").stand(120).drive(0, 0, 60)
    number = f"M{n}" if truck == "T1" else f"{truck}M{n}"
    desk.issue(number, begins_s + 20, f"V{truck}")
    desk.pass_on()
    weighed = weighed_at_tip(truck, begins_s + WEIGHED_S, LOAD_KG + 10 * n, ticket_number=number, **of_ticket)
    desk.judge(in_time(trip.readings, tickets or [weighed]))


def half(at_s: float, net_kg: float, number: str) -> Weighing:
    found = weighed_at_tip("T1", at_s, net_kg, ticket_number=number, plate=UNREADABLE)
    return replace(found, tare_kg=None, net_kg=None, direction="in" if net_kg else "out")


def test_a_weighing_that_a_person_names_closes_its_manifest(desk: Desk) -> None:
    trip_of(desk, 0, plate=UNREADABLE)
    assert desk.found()["M0"].net_kg is None
    desk.resolve("VT1")
    manifest = desk.found()["M0"]
    assert (path_of(manifest)[2:], manifest.net_kg) == (SEEN, LOAD_KG)
    assert [one.actor for one in manifest.transitions if one.trigger == "weighed"] == ["li"]


def test_it_is_of_the_trip_on_which_it_was_weighed_and_ends_its_alert(desk: Desk) -> None:
    for n in range(6):
        if n == 2:
            trip_of(desk, n, plate=UNREADABLE)
        else:
            trip_of(desk, n)
        desk.manifests.check_due(T0 + round(n * TRIP_S * 1000))
        desk.pass_on()
    assert desk.found()["M2"].state == "overdue"
    desk.resolve("VT1")
    found = desk.found()
    assert (found["M2"].state, found["M2"].net_kg) == ("closed", LOAD_KG + 20)
    assert {one.state for one in found.values()} == {"closed"}
    assert [one.alert_id for one in desk.alerts] == [desk.alerts[0].alert_id] * len(desk.alerts)
    assert desk.alerts[-1].closed_at is not None


def test_halves_count_by_their_session_also_where_the_second_one_comes_later(desk: Desk) -> None:
    gross, tare = half(WEIGHED_S - 100, LOAD_KG, "A"), half(WEIGHED_S, 0, "B")
    trip_of(desk, 0, tickets=[gross])
    desk.resolve("VT1")
    assert (desk.found()["M0"].state, desk.found()["M0"].net_kg) == ("arrived", None)
    desk.judge([tare])
    desk.resolve("VT1")
    assert (desk.found()["M0"].state, desk.found()["M0"].net_kg) == ("closed", LOAD_KG)


def test_who_names_another_truck_takes_the_weighing_from_the_first(desk: Desk) -> None:
    trip_of(desk, 0, plate=UNREADABLE)
    trip_of(desk, 0, truck="T2", tickets=[half(9 * TRIP_S, LOAD_KG, "Z")])
    [session] = [one for one in desk.unmatched() if one.net_kg]
    desk.resolve("VT1", session.id)
    assert desk.found()["M0"].state == "closed"
    desk.resolve("VT2", session.id)
    found = desk.found()
    assert (found["M0"].state, found["M0"].net_kg) == ("discrepancy", None)
    assert (found["T2M0"].state, found["T2M0"].net_kg) == ("closed", LOAD_KG)
    desk.resolve(None, session.id)
    assert {(one.state, one.net_kg) for one in desk.found().values()} == {("discrepancy", None)}


def test_what_a_person_named_is_corrected_by_a_ticket_and_repeats_change_nothing(desk: Desk) -> None:
    trip_of(desk, 0, plate=UNREADABLE)
    desk.resolve("VT1")
    [ticket] = [one for one in desk.log if isinstance(one, Weighing)]
    desk.judge([replace(ticket, ts=ticket.ts + 60_000)])
    assert desk.manifests.waiting(9) == []
    kg = LOAD_KG - 100
    desk.judge([replace(ticket, ts=ticket.ts + 90_000, net_kg=kg, gross_kg=12_000 + kg, ticket="C", corrects="M0")])
    desk.pass_on()
    assert (desk.found()["M0"].state, desk.found()["M0"].net_kg) == ("closed", kg)


def test_a_truck_without_a_manifest_that_fits_moves_none(desk: Desk) -> None:
    trip_of(desk, 0)
    before = desk.found()
    desk.judge([weighed_at_tip("T1", TRIP_S * 3, 9_000, ticket_number="X", plate=UNREADABLE)])
    desk.resolve("VT1")
    desk.judge([weighed_at_tip("T1", TRIP_S * 3 + 1, 9_000, ticket_number="Y", plate=UNREADABLE, manifest="OTHER")])
    desk.resolve("VT1")
    assert desk.found() == before
