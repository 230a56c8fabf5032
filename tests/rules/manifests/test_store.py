"""What people do with manifests at the desk, and what is kept of it."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, select

from devices.city.model import City
from devices.city.sites import Validity
from devices.db.page_cursor import InvalidCursor
from devices.readings.manifests import ManifestDeed
from rules.manifests.checks import checked
from rules.manifests.document import (
    ManifestDocument,
    ManifestError,
    ManifestFilter,
    ManifestRefused,
    ManifestRequest,
    OutdatedManifest,
    Quantity,
    UnknownManifest,
    WrongState,
)
from rules.manifests.journal import ManifestJournal
from rules.manifests.machine import Event, event_of, issue, step
from rules.manifests.model import Manifest, Trigger, TruckManifest
from rules.manifests.present import action_of_row
from rules.manifests.store import MAX_OPEN, ManifestStore
from rules.manifests.tables import manifest_action
from tests.rules.town import T0, town

NOW = T0


def document(**changed: Any) -> ManifestDocument:
    fields: dict[str, Any] = {
        "vehicle_id": "VT1",
        "source_id": "source",
        "destination_id": "tip",
        "stream": "spoil",
        "quantity": Quantity(tonnes=12.0),
        "depart_at": NOW,
        "arrive_by": NOW + 3_600_000,
    }
    return ManifestDocument(**fields | changed)


def closed_town(**closed: int) -> City:
    """The town in which a site or a route ends at a time."""
    city = town()
    ends = {name: Validity(None, at) for name, at in closed.items()}
    return town(
        sites={id_: replace(one, validity=ends.get(id_, one.validity)) for id_, one in city.sites.items()},
        routes=tuple(replace(one, validity=ends.get(one.id, one.validity)) for one in city.routes),
    )


def test_what_ended_before_the_trip_departs_is_refused() -> None:
    for closed, changed, field in (
        ({"source": NOW}, {}, "source_id"),
        ({"R1": NOW}, {"route_id": "R1"}, "route_id"),
        ({"R1": NOW}, {"route_id": "R1", "route_version": 1}, "route_id"),
    ):
        with pytest.raises(ManifestRefused) as refused:
            checked(document(**changed), closed_town(**closed))
        assert refused.value.field == field
    [route] = closed_town(R1=NOW + 1).routes
    newer = replace(route, version=2, validity=Validity(NOW + 1, None))
    found = checked(document(route_id="R1"), town(routes=(route, newer)))
    assert found.route_version == 1


def request(deed: str, version: int, **fields: Any) -> ManifestRequest:
    return ManifestRequest(ManifestDeed(deed), "li", NOW + version, version, **fields)


def judged(store: ManifestStore, engine: Engine, number: str) -> Manifest:
    """The manifest as judgement has it once it took every action."""
    with engine.connect() as connection:
        rows = connection.execute(select(manifest_action).order_by(manifest_action.c.no)).mappings().all()
    events = [event_of(action_of_row(row, "T1")) for row in rows if row["number"] == number]
    found = issue(number, events[0])
    for event in events[1:]:
        found = step(found, event)
    return found


def test_a_draft_is_issued_with_what_the_registry_knows(store: ManifestStore) -> None:
    detail = store.issue(document(), "li", NOW)
    shown = detail.manifest
    assert shown.number == "20260921-000001"
    assert (shown.state, shown.version, shown.device_id, shown.pending) == ("draft", 1, "T1", 1)
    assert (shown.document.permits, shown.sent_kg) == (("KT1",), 12_000.0)
    assert [(one.trigger, one.actor, one.after) for one in detail.transitions] == [("issue", "li", "draft")]
    assert store.issue(document(), "li", NOW).manifest.number == "20260921-000002"
    assert store.issue(document(), "li", NOW, "SH-2026.7").manifest.number == "SH-2026.7"
    assert store.number_of_code(shown.code) == shown.number


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"vehicle_id": "V9"}, "vehicle_id"),
        ({"source_id": "nowhere"}, "source_id"),
        ({"destination_id": "nowhere"}, "destination_id"),
        ({"destination_id": "source"}, "destination_id"),
        ({"destination_id": "othertip"}, "destination_id"),
        ({"arrive_by": NOW}, "arrive_by"),
        ({"arrive_by": NOW + 8 * 86_400_000}, "arrive_by"),
        ({"quantity": Quantity()}, "quantity"),
        ({"route_id": "R9"}, "route_id"),
        ({"route_id": "R1", "route_version": 7}, "route_id"),
        ({"permits": ("KT2",)}, "permits"),
    ],
)
def test_what_the_registry_does_not_have_is_refused_by_its_field(
    store: ManifestStore, changed: dict[str, Any], field: str
) -> None:
    with pytest.raises(ManifestRefused) as refused:
        store.issue(document(**changed), "li", NOW)
    assert refused.value.field == field
    assert store.manifests(ManifestFilter(), limit=10).items == ()


def test_a_number_is_given_once(store: ManifestStore) -> None:
    store.issue(document(), "li", NOW, "A1")
    with pytest.raises(ManifestRefused) as refused:
        store.issue(document(), "li", NOW, "A1")
    assert refused.value.field == "number"


def test_the_form_of_our_own_numbers_is_for_us(store: ManifestStore) -> None:
    with pytest.raises(ManifestRefused) as refused:
        store.issue(document(), "li", NOW, "20260921-999999")
    assert refused.value.field == "number"
    assert store.issue(document(), "li", NOW).manifest.number == "20260921-000001"
    assert store.issue(document(), "li", NOW, "20260921-1").manifest.number == "20260921-1"
    assert store.issue(document(), "li", NOW + 86_400_000).manifest.number == "20260922-000001"
    assert store.issue(document(), "li", NOW).manifest.number == "20260921-000002"


def test_the_clock_acts_after_what_people_did_last(store: ManifestStore) -> None:
    """It is issued when it should have arrived long ago: a check that is dated before would be of no manifest."""
    late = document(depart_at=NOW - 90_000_000, arrive_by=NOW - 86_000_000)
    number = store.issue(late, "li", NOW).manifest.number
    store.act(number, request("confirm_source", 1))
    assert store.check_due(NOW + 10) == 1
    assert [(one.action.deed, one.action.at) for one in store.waiting(5)][1:] == [
        ("confirm_source", NOW + 1),
        ("check", NOW + 1),
    ]


def test_actions_are_counted_in_before_they_are_judged_and_not_twice(
    store: ManifestStore, journal: ManifestJournal, engine: Engine
) -> None:
    number = store.issue(document(), "li", NOW).manifest.number
    confirmed = store.act(number, request("confirm_source", 1, net_kg=11_900.0))
    assert (confirmed.manifest.state, confirmed.manifest.pending) == ("source_confirmed", 2)
    found = judged(store, engine, number)
    journal.record([(TruckManifest("T1", found), 10)], "disk", NOW)
    shown = store.manifest(number)
    assert shown is not None
    assert (shown.manifest.state, shown.manifest.pending, shown.manifest.sent_kg) == ("source_confirmed", 0, 11_900.0)
    moved = step(found, Event(Trigger.LEFT_SOURCE, NOW + 60_000, evidence="position 1"))
    journal.record([(TruckManifest("T1", moved), 20)], "disk", NOW)
    assert store.act(number, request("reject", 2, reason="wrong")).manifest.state == "rejected"
    assert [one.number for one in store.manifests(ManifestFilter(state=moved.state), limit=5).items] == [number]


def test_what_the_state_does_not_allow_is_refused_with_the_reason(store: ManifestStore) -> None:
    number = store.issue(document(), "li", NOW).manifest.number
    with pytest.raises(WrongState, match="it is draft: confirm its source, correct or void it"):
        store.act(number, request("settle", 1, reason="x"))
    with pytest.raises(OutdatedManifest, match="it is version 1, not 7"):
        store.act(number, request("confirm_source", 7))
    with pytest.raises(UnknownManifest):
        store.act("M9", request("confirm_source", 1))
    voided = store.act(number, request("void", 1, reason="double"))
    assert (voided.manifest.state, voided.transitions[-1].reason) == ("void", "double")
    with pytest.raises(ManifestError):
        store.act(number, request("begin_correction", 2, reason="x"))
    assert len(store.waiting(10)) == 2


def test_a_correction_gives_other_terms_and_another_time_to_be_checked(store: ManifestStore) -> None:
    number = store.issue(document(), "li", NOW).manifest.number
    store.act(number, request("begin_correction", 1, reason="misread"))
    later = document(arrive_by=NOW + 7_200_000, quantity=Quantity(volume_m3=8.0, density_t_per_m3=1.6, estimated=True))
    shown = store.act(number, request("correct", 2, document=later)).manifest
    assert (shown.state, shown.corrections, shown.sent_kg) == ("draft", 1, 12_800.0)
    assert shown.document.quantity.estimated
    assert store.check_due(NOW + 3_600_000 + 2_700_000) == 0
    assert store.check_due(NOW + 7_200_000 + 2_700_000) == 1
    assert store.check_due(NOW + 7_200_000 + 2_700_000) == 0
    other = document(vehicle_id="VT2")
    store.act(number, request("begin_correction", 3, reason="misread"))
    with pytest.raises(ManifestRefused) as refused:
        store.act(number, request("correct", 4, document=other))
    assert refused.value.field == "vehicle_id"


def test_each_action_waits_for_the_log_until_it_is_there(store: ManifestStore) -> None:
    number = store.issue(document(), "li", NOW).manifest.number
    store.act(number, request("confirm_source", 1))
    first, second = store.waiting(10)
    assert (first.action.truck, first.action.deed, first.action.number) == ("T1", "issue", number)
    assert first.action.terms is not None
    assert first.action.terms.declared_kg == 12_000.0
    assert (second.action.deed, second.action.ts, second.action.at) == ("confirm_source", NOW + 1, NOW + 1)
    store.mark_appended([first.no])
    assert [one.no for one in store.waiting(10)] == [second.no]


def test_pages_hold_each_manifest_once_and_only_of_the_trucks_asked_for(store: ManifestStore) -> None:
    for n in range(5):
        store.issue(document(vehicle_id=f"VT{1 + n % 2}"), "li", NOW + n // 2)
    found, cursor = [], None
    while True:
        page = store.manifests(ManifestFilter(), limit=2, before=cursor)
        found += [one.number for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == [f"20260921-00000{n}" for n in (5, 4, 3, 2, 1)]
    of_one = store.manifests(ManifestFilter(device_ids=frozenset({"T2"})), limit=9).items
    assert {one.device_id for one in of_one} == {"T2"}
    assert store.manifests(ManifestFilter(device_ids=frozenset()), limit=9).items == ()
    with pytest.raises(InvalidCursor):
        store.manifests(ManifestFilter(), limit=2, before="x")


def test_a_vehicle_has_a_bounded_number_of_open_manifests(store: ManifestStore) -> None:
    for _ in range(MAX_OPEN):
        store.issue(document(), "li", NOW)
    with pytest.raises(ManifestRefused) as refused:
        store.issue(document(), "li", NOW)
    assert refused.value.field == "vehicle_id"
    store.issue(document(vehicle_id="VT2"), "li", NOW)
