"""Manifests as they are at present: as judged, with the actions that judgement has not taken yet counted in."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, RowMapping, select

from devices.readings.ids import MANIFESTS
from devices.readings.manifests import ManifestDeed, NamedWeight
from devices.readings.models import ManifestAction
from rules.manifests import machine
from rules.manifests.document import (
    ManifestDetail,
    ManifestDocument,
    ManifestView,
    RefusalView,
    TransitionView,
    UnknownManifest,
)
from rules.manifests.machine import Event, Refused
from rules.manifests.model import Manifest, ManifestState
from rules.manifests.read_back import manifest_of
from rules.manifests.tables import manifest, manifest_action, manifest_state, manifest_transition


class Present(NamedTuple):
    """A manifest, and how many actions judgement has not taken yet."""

    manifest: Manifest
    pending: int


def row_of(connection: Connection, number: str) -> RowMapping | None:
    """What was issued under a number."""
    return connection.execute(select(manifest).where(manifest.c.number == number)).mappings().one_or_none()


def action_of_row(row: Mapping[Any, Any], device_id: str) -> ManifestAction:
    """The record of an action, for the raw log."""
    detail = row["detail"]
    weight = None if detail.get("weight") is None else msgspec.convert(detail["weight"], NamedWeight)
    at = row["at"] if weight is None else weight.at
    document = detail.get("document")
    return ManifestAction(
        device_id=MANIFESTS,
        ts=at,
        at=at,
        truck=device_id,
        number=row["number"],
        no=row["no"],
        deed=ManifestDeed(row["deed"]),
        actor=row["actor"],
        reason=row["reason"],
        terms=None if document is None else ManifestDocument.model_validate(document).terms(),
        destination=detail.get("destination_id"),
        net_kg=detail.get("net_kg"),
        weight=weight,
    )


def event_of_row(row: Mapping[Any, Any]) -> Event:
    """The event that an action is to its manifest."""
    return machine.event_of(action_of_row(row, MANIFESTS))


def present_one(connection: Connection, row: RowMapping) -> Present:
    return present_of(connection, [row])[row["number"]]


def present_of(connection: Connection, rows: Iterable[RowMapping]) -> dict[str, Present]:
    """The manifests as judged, with the actions that judgement has not taken yet."""
    numbers = [row["number"] for row in rows]
    judged_rows = select(manifest_state.c.number, manifest_state.c.manifest).where(manifest_state.c.number.in_(numbers))
    judged = {number: manifest_of(found) for number, found in connection.execute(judged_rows)}
    present: dict[str, Present] = {number: Present(found, 0) for number, found in judged.items()}
    actions = select(manifest_action).where(manifest_action.c.number.in_(numbers)).order_by(manifest_action.c.no)
    for action in connection.execute(actions).mappings():
        number, event = action["number"], event_of_row(action)
        found = present.get(number)
        if found is None:
            present[number] = Present(machine.issue(number, event), 1)
        elif event.no not in found.manifest.taken:
            present[number] = Present(_taken(found.manifest, event), found.pending + 1)
    return present


def _taken(found: Manifest, event: Event) -> Manifest:
    try:
        return machine.step(found, event)
    except Refused as exc:
        return machine.refused(found, event, str(exc))


def detail_in(connection: Connection, number: str) -> ManifestDetail:
    row = row_of(connection, number)
    if row is None:
        raise UnknownManifest(f"no manifest {number!r}")
    present = present_one(connection, row)
    found = present.manifest
    withdrawn = select(manifest_transition).where(
        manifest_transition.c.number == number, manifest_transition.c.withdrawn_at.is_not(None)
    )
    names = list(TransitionView.model_fields)
    past = [
        TransitionView.model_validate({name: gone[name] for name in names})
        for gone in connection.execute(withdrawn.order_by(manifest_transition.c.no)).mappings()
    ]
    present_ones = [TransitionView.model_validate(one._asdict()) for one in found.transitions]
    return ManifestDetail(
        manifest=view_of(row, present),
        transitions=tuple(sorted([*present_ones, *past], key=lambda one: one.at)),
        refusals=tuple(RefusalView.model_validate(one._asdict()) for one in found.refusals),
    )


def view_of(row: RowMapping, present: Present) -> ManifestView:
    found = present.manifest
    return ManifestView(
        number=found.number,
        code=row["code"],
        version=row["version"],
        state=found.state,
        under_correction=found.under_correction,
        leg=found.leg,
        corrections=found.corrections,
        document=ManifestDocument.model_validate(row["document"]),
        device_id=row["device_id"],
        issued_at=row["issued_at"],
        issued_by=row["issued_by"],
        source_net_kg=found.source_net_kg,
        sent_kg=found.sent_kg,
        net_kg=found.net_kg,
        left_at=found.left_at or None,
        arrived_at=found.arrived_at or None,
        weighed_at=found.weighed_at or None,
        overdue_at=found.overdue_at or None,
        scanned_at=found.scanned_at or None,
        seen_at=found.seen_at or None,
        closed_at=found.transitions[-1].at if found.state is ManifestState.CLOSED else None,
        outcome=found.outcome or None,
        gained_kg=found.gained_kg,
        allowed_short_kg=found.allowed_short_kg,
        allowed_gain_kg=found.allowed_gain_kg,
        pending=present.pending,
    )
